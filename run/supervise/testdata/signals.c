// What signals do to calls on sockets, and what sockets send signals for.
//
//	signals waits|owner
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <linux/sockios.h>
#include <unistd.h>

static void say(const char *how, const char *what, long r) {
	if (r < 0)
		printf("%s%s: %s\n", how, what, strerrorname_np(errno));
	else
		printf("%s%s: %ld\n", how, what, r);
}
#define T(call) say(how, #call, (long)(call))

static int must(int r) {
	if (r < 0) {
		perror("must");
		exit(1);
	}
	return r;
}

static struct sockaddr_in lo = {.sin_family = AF_INET};

// bound returns a socket at a port of its own, which lo names from then on.
static int bound(int type) {
	socklen_t len = sizeof lo;
	int fd = must(socket(AF_INET, type, 0));
	lo.sin_port = 0;
	lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(fd, (void *)&lo, sizeof lo));
	must(getsockname(fd, (void *)&lo, &len));
	return fd;
}

static int listener(int backlog) {
	int fd = bound(SOCK_STREAM);
	must(listen(fd, backlog));
	return fd;
}

static int connected(void) {
	int fd = must(socket(AF_INET, SOCK_STREAM, 0));
	must(connect(fd, (void *)&lo, sizeof lo));
	return fd;
}

static int pair(int *b) {
	int l = listener(1), a = connected();
	*b = must(accept(l, NULL, NULL));
	close(l);
	return a;
}

// The handler's fifth signal does what ends the wait.
static volatile int signals;
static int wakes;
static void (*wake)(void);
static void handler(int sig) {
	int e = errno;
	if (++signals == 5 && wake)
		wake();
	errno = e;
}

static void begin(int flags, void (*w)(void)) {
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
	struct itimerval every = {{0, 20000}, {0, 20000}};
	signals = 0;
	wake = w;
	must(sigaction(SIGALRM, &sa, NULL));
	must(setitimer(ITIMER_REAL, &every, NULL));
}

static void end(void) {
	struct itimerval off = {0};
	must(setitimer(ITIMER_REAL, &off, NULL));
}

static int with[2];
static void wakeConnect(void) {
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	connect(fd, (void *)&lo, sizeof lo);
}
static void wakeSendto(void) { sendto(with[0], "x", 1, 0, (void *)&lo, sizeof lo); }
static void wakeWrite(void) { write(with[0], "x", 1); }
static void wakeAccept(void) { accept(with[0], NULL, NULL); }
static void wakeDrain(void) {
	static char b[1 << 16];
	fcntl(with[0], F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 200; i++)
		read(with[0], b, sizeof b);
}

static void waits(const char *how, int flags) {
	struct timeval limit = {30, 0};
	char b[16];
	struct iovec v = {b, sizeof b};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	int fd, peer, r;

	fd = listener(4);
	begin(flags, wakeConnect);
	r = accept(fd, NULL, NULL);
	end();
	say(how, "accept", r < 0 ? r : 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	begin(flags, wakeConnect);
	r = accept(fd, NULL, NULL);
	end();
	say(how, "accept with a time limit", r < 0 ? r : 0);

	fd = bound(SOCK_DGRAM);
	with[0] = must(socket(AF_INET, SOCK_DGRAM, 0));
	begin(flags, wakeSendto);
	r = recvfrom(fd, b, sizeof b, 0, NULL, NULL);
	end();
	say(how, "recvfrom of a datagram", r);
	recv(fd, b, sizeof b, MSG_DONTWAIT);
	begin(flags, wakeSendto);
	r = recvmsg(fd, &m, 0);
	end();
	say(how, "recvmsg of a datagram", r);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	begin(flags, wakeSendto);
	r = read(fd, b, sizeof b);
	end();
	say(how, "read of a datagram with a time limit", r);

	with[0] = pair(&fd);
	begin(flags, wakeWrite);
	r = read(fd, b, sizeof b);
	end();
	say(how, "read of a stream", r);
	begin(flags, wakeWrite);
	r = recvmsg(fd, &m, 0);
	end();
	say(how, "recvmsg of a stream", r);
	begin(flags, wakeWrite);
	r = recv(fd, b, 1, MSG_TRUNC);
	end();
	say(how, "recv of a stream with MSG_TRUNC", r);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	begin(flags, wakeWrite);
	r = recv(fd, b, sizeof b, 0);
	end();
	say(how, "recv of a stream with a time limit", r);

	static char big[1 << 16];
	peer = pair(&with[0]);
	fcntl(peer, F_SETFL, O_NONBLOCK);
	for (int idle = 0; idle < 20; poll(NULL, 0, 5)) // until nothing fits any more
		idle = write(peer, big, sizeof big) < 0 ? idle + 1 : 0;
	fcntl(peer, F_SETFL, 0);
	begin(flags, flags ? wakeDrain : NULL);
	do
		r = send(peer, big, 1, 0);
	while (r > 0 && !flags); // until it is full for good
	end();
	say(how, "send to a full stream", r);

	with[0] = listener(0); // takes one; the next ones' handshake is not answered
	connected();
	fd = must(socket(AF_INET, SOCK_STREAM, 0));
	begin(flags, wakeAccept);
	r = connect(fd, (void *)&lo, sizeof lo);
	end();
	say(how, "connect", r);
}

// No descriptor is left: the connection stays for the next accept.
static void full(void) {
	const char *how = "no descriptor left, ";
	struct rlimit old, few;
	int l = listener(4), a = connected(), b;
	char c;
	struct pollfd p = {.fd = l, .events = POLLIN};
	must(getrlimit(RLIMIT_NOFILE, &old));
	few = old;
	few.rlim_cur = must(dup(0));
	close(few.rlim_cur); // the lowest that is free
	must(poll(&p, 1, 30000));
	must(setrlimit(RLIMIT_NOFILE, &few));
	T(accept(l, NULL, NULL));
	T(accept4(l, NULL, NULL, SOCK_NONBLOCK));
	T(socket(AF_INET, SOCK_STREAM, 0));
	T(socket(AF_INET, SOCK_DGRAM, 0));
	T(poll(&p, 1, 0));
	must(setrlimit(RLIMIT_NOFILE, &old));
	how = "again, ";
	b = accept(l, NULL, NULL);
	say(how, "accept", b < 0 ? b : 0);
	must(write(a, "x", 1));
	T(read(b, &c, 1));
	fcntl(l, F_SETFL, O_NONBLOCK);
	T(accept(l, NULL, NULL));
}

static sigset_t heard;
static siginfo_t got;
// hear waits for a signal that is blocked; all of a kind are one.
static int hear(int sig) {
	struct timespec limit = {30, 0};
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, sig);
	return sigtimedwait(&one, &got, &limit);
}
static int none(int sig) {
	struct timespec now = {0};
	sigset_t one;
	sigemptyset(&one);
	sigaddset(&one, sig);
	return sigtimedwait(&one, NULL, &now);
}

static int mark(int fd) {
	int v = -1;
	ioctl(fd, SIOCATMARK, &v);
	return v;
}

static int owned(int fd) {
	int v = 0;
	ioctl(fd, SIOCGPGRP, &v);
	return v == getpid() ? 1 : v == -getpgrp() ? 2 : v;
}

static void urgent(void) {
	const char *how = "urgent, ";
	int b, a = pair(&b), on = 1, me = getpid(), nobody = 0x3ffffff, group = -getpgrp();
	char c[16] = "";
	struct pollfd p = {.fd = b, .events = POLLPRI};
	T(owned(b));
	T(send(a, "x", 1, MSG_OOB));
	T(poll(&p, 1, 30000));
	T(none(SIGURG) < 0);
	T(recv(b, c, 1, MSG_OOB));
	T(fcntl(b, F_SETOWN, me));
	T(owned(b));
	T(send(a, "abc", 3, MSG_OOB));
	T(hear(SIGURG) == SIGURG);
	T(poll(&p, 1, 30000));
	T(send(a, "def", 3, 0));
	T(recv(b, c, 16, 0));
	T(mark(b));
	T(c[0] == 'a' && c[1] == 'b');
	T(recv(b, c, 1, MSG_OOB));
	T(c[0] == 'c');
	T(recv(b, c, 16, MSG_OOB));
	T(recv(b, c, 3, MSG_WAITALL));
	T(c[0] == 'd');
	T(setsockopt(b, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
	T(ioctl(b, FIOSETOWN, &nobody));
	T(ioctl(b, SIOCSPGRP, &group));
	T(owned(b));
	T(sendto(a, "yz", 2, MSG_OOB, NULL, 0));
	T(hear(SIGURG) == SIGURG);
	T(recv(b, c, 16, 0));
	T(mark(b));
	T(recv(b, c, 16, 0));
	T(c[0] == 'z');
	T(recv(b, c, 16, MSG_OOB));
}

static void async(void) {
	const char *how = "asynchronous, ";
	int l = listener(2), a, b, u, on = 1;
	char c[16];
	struct f_owner_ex o = {F_OWNER_TID, gettid()};
	T(fcntl(l, F_SETOWN, getpid()));
	T(ioctl(l, FIOASYNC, &on));
	a = connected();
	T(hear(SIGIO) == SIGIO);
	b = must(accept(l, NULL, NULL));
	T(fcntl(b, F_GETFL) & O_ASYNC);
	T(fcntl(b, F_SETOWN_EX, &o));
	T(fcntl(b, F_SETSIG, SIGRTMIN + 3));
	T(fcntl(b, F_SETFL, O_ASYNC | O_NONBLOCK));
	T(write(a, "x", 1));
	T(hear(SIGRTMIN + 3) == SIGRTMIN + 3);
	T(got.si_fd == b && got.si_band & POLLIN);
	T(read(b, c, 16));
	u = bound(SOCK_DGRAM);
	T(fcntl(u, F_SETOWN, getpid()));
	T(fcntl(u, F_SETSIG, SIGRTMIN + 4));
	T(fcntl(u, F_SETFL, O_ASYNC | O_NONBLOCK));
	T(sendto(u, "x", 1, 0, (void *)&lo, sizeof lo));
	do
		hear(SIGRTMIN + 4);
	while (got.si_signo == SIGRTMIN + 4 && !(got.si_band & POLLIN)); // there is room to send too
	T(got.si_signo == SIGRTMIN + 4 && got.si_fd == u);
	T(recv(u, c, 16, 0));
}

int main(int argc, char **argv) {
	setlinebuf(stdout);
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && !strcmp(argv[1], "waits")) {
		waits("", 0);
		waits("SA_RESTART, ", SA_RESTART);
		full();
		return 0;
	}
	sigemptyset(&heard);
	sigaddset(&heard, SIGURG);
	sigaddset(&heard, SIGIO);
	sigaddset(&heard, SIGRTMIN + 3);
	sigaddset(&heard, SIGRTMIN + 4);
	sigprocmask(SIG_BLOCK, &heard, NULL);
	setpgid(0, 0);
	urgent();
	async();
	return 0;
}
