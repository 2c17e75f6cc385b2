// Many processes, one after the other and some at once, each with sockets that
// it leaves open when it ends, in every way that a process can end.
//
//	crowd PROCESSES
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in at = {.sin_family = AF_INET};

static void child(int i) {
	char c = 0;
	pid_t p;
	int u = socket(AF_INET, SOCK_DGRAM, 0), n = socket(AF_NETLINK, SOCK_RAW, 0), t = socket(AF_INET, SOCK_STREAM, 0);
	if (u < 0 || n < 0 || t < 0)
		exit(10);
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(u, (struct sockaddr *)&any, sizeof any) < 0)
		exit(11);
	if (connect(t, (struct sockaddr *)&at, sizeof at) < 0)
		exit(12);
	if (write(t, &c, 1) != 1 || read(t, &c, 1) != 1)
		exit(13);
	switch (i % 4) {
	case 0:
		_exit(0);
	case 1: // in a call
		if ((p = fork()) == 0) {
			recv(u, &c, 1, 0);
			_exit(1);
		}
		kill(p, SIGKILL);
		waitpid(p, NULL, 0);
		_exit(0);
	case 2:
		dup2(t, 900);
		close(u);
		_exit(0);
	default:
		kill(getpid(), SIGKILL);
	}
}

int main(int argc, char **argv) {
	int n = atoi(argv[1]), running = 0, bad = 0, status;
	int l = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof at;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(l, (struct sockaddr *)&at, sizeof at) < 0 || listen(l, 64) < 0 || getsockname(l, (struct sockaddr *)&at, &len) < 0) {
		perror("listen");
		return 1;
	}
	pid_t server = fork();
	if (server == 0)
		for (char c;;) {
			int fd = accept(l, NULL, NULL);
			if (fd >= 0 && read(fd, &c, 1) == 1)
				(void)!write(fd, &c, 1);
			close(fd);
		}
	for (int i = 0; i < n || running > 0;) {
		if (i < n && running < 8) {
			pid_t p = fork();
			if (p == 0)
				child(i);
			if (p < 0) {
				perror("fork");
				bad = 1;
			}
			i++, running++;
			continue;
		}
		pid_t p = wait(&status);
		running--;
		if (p > 0 && status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
			fprintf(stderr, "a child ended with %x\n", status);
			bad = 1;
		}
	}
	kill(server, SIGKILL);
	waitpid(server, &status, 0);
	return bad;
}
