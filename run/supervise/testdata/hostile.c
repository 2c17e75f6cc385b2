// Calls with arguments that no honest program makes. Prints what each returns;
// memory around what a call may write has to stay as it was.
//
//	hostile table|threads
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define WILD ((void *)0xdead0000beef0000UL)
#define KERNEL ((void *)0xffffffff81000000UL)

static char *edge;   // the last page before a hole: edge + 4096 is not there
static char *rdonly; // a page that cannot be written
static struct sockaddr_in lo = {.sin_family = AF_INET};
static int kinds[3];
static const char *names[] = {"udp", "tcp", "netlink"};

static void say(const char *kind, const char *what, long r) {
	if (r < 0)
		printf("%s %s: %s\n", kind, what, strerrorname_np(errno));
	else
		printf("%s %s: %ld\n", kind, what, r);
}
#define T(call) say(names[k], #call, (long)(call))

static long drain(int fd) {
	char b[65536];
	while (recv(fd, b, sizeof b, MSG_DONTWAIT) >= 0)
		;
	return 0;
}

static void addresses(int k, int fd) {
	socklen_t len;
	int neg = -1;
	T(bind(fd, WILD, 16));
	T(bind(fd, NULL, 16));
	T(bind(fd, (void *)&lo, -1));
	T(bind(fd, (void *)&lo, 1));
	T(bind(fd, (void *)&lo, 0));
	T(bind(fd, (void *)&lo, 129));
	T(bind(fd, (void *)(edge + 4096 - 8), 16));
	T(connect(fd, WILD, 16));
	T(connect(fd, (void *)&lo, -1));
	T(connect(fd, (void *)&lo, 1));
	T(connect(fd, (void *)&lo, 200));
	T(getsockname(fd, WILD, (len = 16, &len)));
	T(getsockname(fd, (void *)&lo, WILD));
	T(getsockname(fd, (void *)&lo, NULL));
	T(getsockname(fd, NULL, (len = 16, &len)));
	T(getsockname(fd, (void *)&lo, (socklen_t *)&neg));
	T(getsockname(fd, (void *)rdonly, (len = 16, &len)));
	len = 0;
	T(getsockname(fd, NULL, &len));
	memset(&lo, 0, sizeof lo);
	lo.sin_family = AF_INET;
}

static void options(int k, int fd) {
	socklen_t len;
	int v = 1, neg = -1;
	uint64_t none[2] = {0};
	T(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, WILD, 4));
	T(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, NULL, 4));
	T(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, 3));
	T(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, -1));
	T(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, edge + 4094, 4));
	T(setsockopt(fd, SOL_SOCKET, 9999, &v, 4));
	T(setsockopt(fd, 9999, 1, &v, 4));
	T(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &v, 4));
	T(getsockopt(fd, SOL_SOCKET, SO_TYPE, WILD, (len = 4, &len)));
	T(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, WILD));
	T(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, NULL));
	T(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, (socklen_t *)&neg));
	T(getsockopt(fd, SOL_SOCKET, SO_TYPE, rdonly, (len = 4, &len)));
	T(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, (len = 0, &len)));
	T(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, (len = 0x7fffffff, &len)));
	T(getsockopt(fd, SOL_SOCKET, 9999, &v, (len = 4, &len)));
	T(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, none, 16));
	T(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &v, 4));
}

static void messages(int k, int fd) {
	char b[64];
	socklen_t len = 16;
	static struct iovec many[1025];
	struct iovec one = {b, sizeof b}, wild = {WILD, 8}, negative = {b, -1}, huge[2] = {{b, SSIZE_MAX}, {b, SSIZE_MAX}};
	struct msghdr m = {0};
	// Plain calls on a stream that is not connected are native, and differ
	// (docs/differences.md).
	int native = k == 1;
	if (!native) {
		T(sendto(fd, WILD, 8, MSG_DONTWAIT, NULL, 0));
		T(sendto(fd, edge + 4092, 8, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0));
	}
	T(sendto(fd, b, 8, MSG_DONTWAIT | MSG_NOSIGNAL, WILD, 16));
	T(sendto(fd, b, 8, MSG_DONTWAIT | MSG_NOSIGNAL, (void *)&lo, -1));
	T(sendto(fd, b, 8, MSG_DONTWAIT | MSG_NOSIGNAL, (void *)&lo, 1000));
	if (!native) {
		T(recvfrom(fd, WILD, 8, MSG_DONTWAIT, NULL, NULL));
		T(recvfrom(fd, b, 8, MSG_DONTWAIT, (void *)&lo, WILD));
	}
	T(sendmsg(fd, WILD, MSG_DONTWAIT | MSG_NOSIGNAL));
	T(sendmsg(fd, NULL, MSG_DONTWAIT | MSG_NOSIGNAL));
	T(sendmsg(fd, (void *)(edge + 4096 - 20), MSG_DONTWAIT | MSG_NOSIGNAL));
	T(recvmsg(fd, WILD, MSG_DONTWAIT));
	m.msg_iov = WILD, m.msg_iovlen = 1;
	T(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
	T(recvmsg(fd, &m, MSG_DONTWAIT));
	m.msg_iov = many, m.msg_iovlen = 1025;
	T(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
	T(recvmsg(fd, &m, MSG_DONTWAIT));
	m.msg_iovlen = -1;
	T(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
	m.msg_iov = &negative, m.msg_iovlen = 1;
	T(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
	T(recvmsg(fd, &m, MSG_DONTWAIT));
	m.msg_iov = &one, m.msg_name = &lo, m.msg_namelen = -1;
	T(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
	T(recvmsg(fd, &m, MSG_DONTWAIT));
	m.msg_name = WILD, m.msg_namelen = 16;
	T(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
	m.msg_name = NULL, m.msg_namelen = 0, m.msg_control = WILD, m.msg_controllen = 24;
	T(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
	m.msg_control = b, m.msg_controllen = INT_MAX;
	T(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
	m.msg_controllen = 0, m.msg_control = NULL, m.msg_iov = &wild;
	T(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
	T(sendmmsg(fd, WILD, 2, MSG_DONTWAIT | MSG_NOSIGNAL));
	T(sendmmsg(fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL));
	T(recvmmsg(fd, WILD, 2, MSG_DONTWAIT, NULL));
	T(recvmmsg(fd, NULL, 0, MSG_DONTWAIT, NULL));
	T(recvmmsg(fd, NULL, 1, MSG_DONTWAIT, WILD));
	T(writev(fd, WILD, 1));
	T(writev(fd, many, 1025));
	T(writev(fd, many, -1));
	T(writev(fd, &negative, 1));
	if (!native)
		T(write(fd, WILD, 8));
	T(preadv2(fd, &one, 1, 0, 0));
	T(pwritev2(fd, &one, 1, 5, 0));
	T(lseek(fd, 0, SEEK_SET));
	T(pread(fd, b, 1, 0));
	(void)len, (void)huge;
	drain(fd);
}

static void others(int k, int fd) {
	char b[64];
	T(ioctl(fd, SIOCGIFINDEX, WILD));
	T(ioctl(fd, SIOCGIFINDEX, NULL));
	T(ioctl(fd, SIOCGIFINDEX, rdonly));
	T(ioctl(fd, SIOCGIFCONF, WILD));
	T(ioctl(fd, SIOCADDRT, WILD));
	T(ioctl(fd, FIONREAD, WILD));
	T(ioctl(fd, TIOCOUTQ, WILD));
	T(ioctl(fd, 0x12345678, b));
	T(ioctl(fd, 0xffffffff, WILD));
	T(listen(fd, -1));
	T(accept(fd, WILD, WILD));
	T(accept4(fd, NULL, NULL, 0x1000));
	T(shutdown(fd, 7));
	T(shutdown(fd, -1));
	T(fsync(fd));
	T(ftruncate(fd, 0));
	if (k != 1) // TCP's mmap is for receiving without copies
		T((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
}

static void nobody(void) {
	int k = 0;
	names[0] = "none";
	T(bind(-1, (void *)&lo, 16));
	T(connect(1 << 30, (void *)&lo, 16));
	T(getsockopt(-1, SOL_SOCKET, SO_TYPE, WILD, WILD));
	T(setsockopt(700, SOL_SOCKET, SO_TYPE, WILD, 4));
	T(sendmsg(900, WILD, 0));
	T(recvmsg(-100, WILD, 0));
	T(accept(900, NULL, NULL));
	T(read(900, WILD, 1));
	T(bind(0, (void *)&lo, 16));
	T(sendto(0, "x", 1, 0, (void *)&lo, 16));
	T(socket(-1, SOCK_DGRAM, 0));
	T(socket(AF_INET, 77, 0));
	T(socket(AF_INET, SOCK_DGRAM, 1000));
	T(socket(AF_INET, SOCK_DGRAM | 0x10, 0));
	T(socket(AF_INET, SOCK_STREAM, -1));
	T(socket(AF_NETLINK, SOCK_RAW, 99));
	T(socket(INT_MAX, SOCK_RAW, 0));
	T(socketpair(AF_INET, SOCK_STREAM, 0, WILD));
	T(syscall(SYS_recvmmsg, 900, WILD, UINT_MAX, 0, NULL));
}

static void table(void) {
	for (int k = 0; k < 3; k++) {
		kinds[0] = socket(AF_INET, SOCK_DGRAM, 0), kinds[1] = socket(AF_INET, SOCK_STREAM, 0), kinds[2] = socket(AF_NETLINK, SOCK_RAW, 0);
		for (int i = 0; i < 3; i++)
			fcntl(kinds[i], F_SETFL, O_NONBLOCK);
		addresses(k, kinds[k]);
		options(k, kinds[k]);
		messages(k, kinds[k]);
		others(k, kinds[k]);
		for (int i = 0; i < 3; i++)
			close(kinds[i]);
	}
	nobody();
}

// Threads that change memory and close descriptors under calls: anything may be
// returned, but the process goes on, and memory that no call was given stays.
static struct { char before[4096]; _Atomic uint64_t head[64]; char buf[4096]; char after[4096]; } *area;
static _Atomic int fds[16];
static _Atomic int over;

static void *scribble(void *arg) {
	unsigned s = (unsigned)(uintptr_t)arg;
	void *at[] = {area->buf, WILD, NULL, KERNEL, edge + 4000, rdonly, area->head, (void *)-1L};
	while (!over)
		area->head[rand_r(&s) % 64] = rand_r(&s) % 3 ? (uint64_t)at[rand_r(&s) % 8] : (uint64_t)(rand_r(&s) % 5000) - 8;
	return NULL;
}

static void *closer(void *arg) {
	unsigned s = (unsigned)(uintptr_t)arg;
	while (!over) {
		int i = rand_r(&s) % 16;
		int kind = rand_r(&s) % 3;
		int fd = socket(kind == 2 ? AF_NETLINK : AF_INET, (kind == 0 ? SOCK_DGRAM : kind == 1 ? SOCK_STREAM : SOCK_RAW) | SOCK_NONBLOCK, 0);
		int old = atomic_exchange(&fds[i], fd);
		if (old > 2)
			close(old);
	}
	return NULL;
}

static void *caller(void *arg) {
	unsigned s = (unsigned)(uintptr_t)arg;
	static const int calls[] = {SYS_bind, SYS_connect, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_getsockname, SYS_getpeername, SYS_getsockopt,
		SYS_setsockopt, SYS_accept4, SYS_shutdown, SYS_writev, SYS_ioctl};
	while (!over) {
		int nr = calls[rand_r(&s) % (sizeof calls / sizeof *calls)], fd = fds[rand_r(&s) % 16];
		if (fd <= 2)
			continue;
		// Writes go only to the header and the buffer: what points elsewhere is
		// not mapped, or cannot be written.
		void *p = rand_r(&s) % 2 ? (void *)area->head : (void *)area->buf;
		switch (nr) {
		case SYS_setsockopt: syscall(nr, fd, 1, rand_r(&s) % 80, p, rand_r(&s) % 64); break;
		case SYS_getsockopt: syscall(nr, fd, 1, rand_r(&s) % 80, area->buf, &area->head[0]); break;
		case SYS_ioctl: syscall(nr, fd, 0x8900 + rand_r(&s) % 0x60, p); break;
		case SYS_getsockname: case SYS_getpeername: case SYS_accept4: syscall(nr, fd, area->buf, &area->head[0], 0); break;
		case SYS_sendmmsg: syscall(nr, fd, area->head, rand_r(&s) % 8, MSG_DONTWAIT | MSG_NOSIGNAL); break;
		case SYS_sendto: syscall(nr, fd, p, rand_r(&s) % 512, MSG_DONTWAIT | MSG_NOSIGNAL, area->head, rand_r(&s) % 32); break;
		case SYS_sendmsg: syscall(nr, fd, p, MSG_DONTWAIT | MSG_NOSIGNAL); break;
		case SYS_writev: syscall(nr, fd, p, rand_r(&s) % 16); break;
		default: syscall(nr, fd, p, rand_r(&s) % 128);
		}
	}
	return NULL;
}

static int races(void) {
	area = mmap(NULL, sizeof *area, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(area->before, 0x5a, sizeof area->before);
	memset(area->after, 0x5a, sizeof area->after);
	pthread_t t[8];
	for (long i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, i < 2 ? scribble : i < 4 ? closer : caller, (void *)(i + 1));
	usleep(1000000);
	over = 1;
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 4096; i++)
		if (area->before[i] != 0x5a || area->after[i] != 0x5a) {
			printf("byte %d beside the buffer was written\n", i);
			return 1;
		}
	puts("done");
	return 0;
}

int main(int argc, char **argv) {
	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(edge + 4096, 4096);
	rdonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && !strcmp(argv[1], "threads"))
		return races();
	setvbuf(stdout, NULL, _IOLBF, 0);
	table();
	return 0;
}
