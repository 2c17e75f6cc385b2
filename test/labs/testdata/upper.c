// A client and a server in C, built with musl for TestApplications.
//
//   upper PORT          answers each connection in a thread, in capitals
//   upper -spawn PORT   has each connection served by a program that is given the socket as 0 and 1
//   upper NAME PORT     eight threads that each look the name up, connect and ask; then lists the interfaces
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *host, *port;

static void fail(const char *what) {
	perror(what);
	exit(1);
}

static void *serve(void *arg) {
	int fd = (int)(long)arg;
	char buf[256];
	for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;) {
		for (ssize_t i = 0; i < n; i++) buf[i] = toupper((unsigned char)buf[i]);
		if (write(fd, buf, n) != n) fail("write");
	}
	close(fd);
	return NULL;
}

static void spawn(int fd) {
	char *argv[] = {"tr", "a-z", "A-Z", NULL};
	posix_spawn_file_actions_t acts;
	pid_t pid;
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, fd, 0);
	posix_spawn_file_actions_adddup2(&acts, fd, 1);
	if (posix_spawnp(&pid, argv[0], &acts, NULL, argv, environ) != 0) fail("posix_spawnp");
	posix_spawn_file_actions_destroy(&acts);
	close(fd);
	while (waitpid(-1, NULL, WNOHANG) > 0) {}
}

static void server(const char *at, int spawning) {
	int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(at))};
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(s, (void *)&a, sizeof a) || listen(s, 64)) fail("listen");
	for (;;) {
		int c = accept4(s, NULL, NULL, SOCK_CLOEXEC);
		if (c < 0) fail("accept4");
		pthread_t t;
		if (spawning) spawn(c);
		else if (pthread_create(&t, NULL, serve, (void *)(long)c) || pthread_detach(t)) fail("pthread_create");
	}
}

static void *ask(void *arg) {
	struct addrinfo want = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
	char buf[256], line[64];
	int e = getaddrinfo(host, port, &want, &found), got = 0;
	if (e) {
		fprintf(stderr, "%s: %s\n", host, gai_strerror(e));
		exit(1);
	}
	int fd = socket(found->ai_family, found->ai_socktype, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen)) fail("connect");
	freeaddrinfo(found);
	int len = snprintf(line, sizeof line, "hello from thread %d\n", (int)(long)arg);
	if (send(fd, line, len, 0) != len || shutdown(fd, SHUT_WR)) fail("send");
	for (ssize_t n; (n = recv(fd, buf + got, sizeof buf - got, 0)) > 0;) got += n;
	if (got != len || memcmp(buf, "HELLO FROM THREAD ", 18)) fail("recv");
	close(fd);
	return NULL;
}

int main(int argc, char **argv) {
	pthread_t t[8];
	if (argc == 2) server(argv[1], 0);
	if (!strcmp(argv[1], "-spawn")) server(argv[2], 1);
	host = argv[1], port = argv[2];
	for (long i = 0; i < 8; i++)
		if (pthread_create(&t[i], NULL, ask, (void *)i)) fail("pthread_create");
	for (int i = 0; i < 8; i++) pthread_join(t[i], NULL);
	struct if_nameindex *names = if_nameindex();
	for (struct if_nameindex *n = names; n && n->if_index; n++) printf("%s ", n->if_name);
	if_freenameindex(names);
	struct ifaddrs *addrs;
	if (getifaddrs(&addrs)) fail("getifaddrs");
	for (struct ifaddrs *a = addrs; a; a = a->ifa_next)
		if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET) printf("%s ", inet_ntoa(((struct sockaddr_in *)a->ifa_addr)->sin_addr));
	puts("8 answers");
	return 0;
}
