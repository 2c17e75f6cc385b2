// A storm of signals, time limits and refusals to wait over datagrams, a stream
// and connections. Whatever the calls return, nothing is lost, doubled or out of
// order, and EINTR and EAGAIN come only where they may.
//
//	storm SECONDS processes|threads
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct shared {
	_Atomic uint64_t received; // datagrams
	_Atomic int stop;
	_Atomic uint64_t sent, stream, connections, eintr, eagain;
} *sh;

static int udp_in, udp_out, tcp_in, tcp_out, listener;
static struct sockaddr_in listens;
static _Thread_local unsigned seed;
static volatile sig_atomic_t restart; // SA_RESTART is set
static volatile sig_atomic_t handled;

#define DIE(...) do { fprintf(stderr, __VA_ARGS__); fprintf(stderr, ": %s\n", strerror(errno)); _exit(1); } while (0)
// A handler without SA_RESTART may end any call under linen, also one that the
// kernel would not let it end (docs/differences.md): those are made again.
#define MUST(x) ({ long r_; while ((r_ = (x)) < 0 && errno == EINTR) ; if (r_ < 0) DIE("%s", #x); r_; })

static void on_alarm(int sig) { handled++; }

static void handler(int flags) {
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = flags};
	restart = flags == SA_RESTART;
	MUST(sigaction(SIGALRM, &sa, NULL));
}

static void timer(void) {
	struct itimerval it = {{0, 1000}, {0, 1000}};
	MUST(setitimer(ITIMER_REAL, &it, NULL));
}

// What a receive may fail with: the time limit that is set, and whether it waits.
static int may_fail(int limited, int dontwait, int threads) {
	if (errno == EAGAIN && (limited || dontwait)) {
		sh->eagain++;
		return 1;
	}
	// Of several threads another may change the handler meanwhile.
	if (errno == EINTR && (limited || !restart || threads)) {
		sh->eintr++;
		return 1;
	}
	return 0;
}

static int limit(int fd) { // sets SO_RCVTIMEO, by chance
	struct timeval tv = {0, rand_r(&seed) % 3 == 0 ? 1000 * (1 + rand_r(&seed) % 4) : 0};
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
	return tv.tv_usec != 0;
}

static void check(uint64_t *next, uint64_t got, ssize_t n) {
	if (n != sizeof got || got != *next) {
		fprintf(stderr, "datagram %lu came as %lu, %zd bytes\n", (unsigned long)*next, (unsigned long)got, n);
		_exit(1);
	}
	++*next;
	sh->received++;
}

static void datagrams_in(int threads) {
	uint64_t next = 0, v[4];
	struct sockaddr_in from;
	int limited = 0;
	for (int i = 0; !sh->stop || next < sh->sent; i++) {
		if (i % 64 == 0)
			limited = limit(udp_in);
		if (i % 256 == 0)
			handler(rand_r(&seed) & 1 ? SA_RESTART : 0);
		int dontwait = sh->stop || rand_r(&seed) % 4 == 0 ? MSG_DONTWAIT : 0;
		socklen_t len = sizeof from;
		struct iovec iov[4];
		struct mmsghdr mm[4] = {0};
		for (int k = 0; k < 4; k++) {
			iov[k] = (struct iovec){&v[k], 8};
			mm[k].msg_hdr = (struct msghdr){.msg_iov = &iov[k], .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof from};
		}
		ssize_t n;
		switch (rand_r(&seed) % 5) {
		case 0: n = recv(udp_in, v, 8, dontwait); break;
		case 1: n = recvfrom(udp_in, v, 8, dontwait, (struct sockaddr *)&from, &len); break;
		case 2: n = recvmsg(udp_in, &mm[0].msg_hdr, dontwait); break;
		case 3:
			if (sh->stop)
				continue; // it cannot be told not to wait
			n = read(udp_in, v, 8);
			dontwait = 0;
			break;
		default:
			n = recvmmsg(udp_in, mm, 4, dontwait | MSG_WAITFORONE, NULL);
			for (int k = 0; k < n; k++)
				check(&next, v[k], mm[k].msg_len);
			if (n >= 0)
				continue;
		}
		if (n >= 0)
			check(&next, v[0], n);
		else if (!may_fail(limited, dontwait, threads))
			DIE("receive");
	}
}

static void datagrams_out(void) {
	for (uint64_t v = 0; !sh->stop; ) {
		if (v - sh->received > 64) { // less than the buffer holds
			usleep(100);
			continue;
		}
		if (send(udp_out, &v, sizeof v, 0) == sizeof v)
			sh->sent = ++v;
		else if (errno != EINTR)
			DIE("send");
	}
	uint64_t wake = sh->sent; // the reader may wait
	sh->sent++;
	while (send(udp_out, &wake, sizeof wake, 0) < 0 && errno == EINTR)
		;
}

static void stream_in(int threads) {
	static unsigned char buf[100000];
	unsigned char next = 0;
	int limited = 0;
	for (int i = 0;; i++) {
		if (i % 64 == 0)
			limited = limit(tcp_in);
		size_t want = 1 + rand_r(&seed) % sizeof buf;
		int dontwait = rand_r(&seed) % 4 == 0 ? MSG_DONTWAIT : 0;
		ssize_t n = recv(tcp_in, buf, want, dontwait);
		if (n == 0)
			return;
		if (n < 0 && !may_fail(limited, dontwait, threads))
			DIE("recv");
		for (ssize_t k = 0; k < n; k++, sh->stream++)
			if (buf[k] != next++) {
				fprintf(stderr, "byte %lu of the stream is wrong\n", (unsigned long)sh->stream);
				_exit(1);
			}
	}
}

static void stream_out(void) {
	static unsigned char buf[100000];
	unsigned char next = 0;
	while (!sh->stop) {
		size_t n = 1 + rand_r(&seed) % sizeof buf;
		for (size_t k = 0; k < n; k++)
			buf[k] = next + k;
		for (size_t done = 0; done < n;) {
			ssize_t r = write(tcp_out, buf + done, n - done);
			if (r < 0 && errno != EINTR)
				DIE("write");
			done += r > 0 ? r : 0;
		}
		next += n;
	}
	shutdown(tcp_out, SHUT_WR);
}

static void accepts(int threads) {
	int limited = 0;
	for (uint32_t next = 0;;) {
		if (next % 16 == 0)
			limited = limit(listener);
		int fd = accept(listener, NULL, NULL);
		if (fd < 0) {
			if (!may_fail(limited, 0, threads))
				DIE("accept");
			continue;
		}
		uint32_t got;
		ssize_t n;
		while ((n = recv(fd, &got, sizeof got, MSG_WAITALL)) < 0 && (errno == EINTR || errno == EAGAIN))
			; // the time limit is inherited
		close(fd);
		if (n == sizeof got && got == UINT32_MAX)
			return;
		if (n != sizeof got || got != next) {
			fprintf(stderr, "connection %u came as %u, %zd bytes\n", next, got, n);
			_exit(1);
		}
		next++;
		sh->connections++;
	}
}

static void connects(void) {
	for (uint32_t v = 0, last = 0; !last; v++) {
		last = sh->stop;
		uint32_t say = last ? UINT32_MAX : v;
		int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
		// An interrupted connect goes on (connect(2)).
		int r = connect(fd, (struct sockaddr *)&listens, sizeof listens);
		while (r < 0 && (errno == EINTR || errno == EALREADY)) {
			r = connect(fd, (struct sockaddr *)&listens, sizeof listens);
			if (r < 0 && errno == EISCONN)
				r = 0;
		}
		if (r < 0)
			DIE("connect %u", v);
		MUST(write(fd, &say, sizeof say));
		char c;
		while (read(fd, &c, 1) < 0 && errno == EINTR)
			; // its end: one connection at a time
		close(fd);
	}
}

static int threaded;
static void *part(void *arg) {
	long i = (long)arg;
	seed = 1000 + i;
	switch (i) {
	case 0: datagrams_in(threaded); break;
	case 1: datagrams_out(); break;
	case 2: stream_in(threaded); break;
	case 3: stream_out(); break;
	case 4: accepts(threaded); break;
	case 5: connects(); break;
	}
	return NULL;
}

static void prepare(void) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	struct sockaddr_in at;
	udp_in = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	udp_out = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	MUST(bind(udp_in, (struct sockaddr *)&a, sizeof a));
	MUST(getsockname(udp_in, (struct sockaddr *)&at, &len));
	MUST(connect(udp_out, (struct sockaddr *)&at, len));
	for (int i = 0; i < 2; i++) {
		listener = MUST(socket(AF_INET, SOCK_STREAM, 0));
		MUST(bind(listener, (struct sockaddr *)&a, sizeof a));
		MUST(listen(listener, 8));
		MUST(getsockname(listener, (struct sockaddr *)&listens, &len));
		if (i == 0) {
			tcp_out = MUST(socket(AF_INET, SOCK_STREAM, 0));
			MUST(connect(tcp_out, (struct sockaddr *)&listens, sizeof listens));
			tcp_in = MUST(accept(listener, NULL, NULL));
			close(listener);
		}
	}
}

int main(int argc, char **argv) {
	enum { parts = 6 };
	sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	threaded = argc > 2 && !strcmp(argv[2], "threads");
	prepare();
	handler(SA_RESTART);
	pid_t pids[parts];
	pthread_t threads[parts];
	for (long i = 0; i < parts; i++) {
		if (threaded) {
			pthread_create(&threads[i], NULL, part, (void *)i);
			continue;
		}
		if ((pids[i] = MUST(fork())) == 0) {
			timer();
			part((void *)i);
			_exit(0);
		}
	}
	if (threaded)
		timer();
	struct timespec left = {atoi(argv[1]), 0};
	while (nanosleep(&left, &left) < 0)
		;
	sh->stop = 1;
	int bad = 0;
	for (int i = 0; i < parts; i++) {
		int status;
		if (threaded)
			pthread_join(threads[i], NULL);
		else if (waitpid(pids[i], &status, 0) != pids[i] || status != 0) {
			fprintf(stderr, "part %d ended with %x\n", i, status);
			bad = 1;
		}
	}
	printf("%lu datagrams, %lu bytes, %lu connections; %lu EINTR, %lu EAGAIN\n", (unsigned long)sh->received, (unsigned long)sh->stream,
		(unsigned long)sh->connections, (unsigned long)sh->eintr, (unsigned long)sh->eagain);
	return bad;
}
