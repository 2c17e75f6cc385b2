// Calls by the other ABIs of the machine: each is refused, and makes no socket.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long r) {
	printf("%s: %s\n", what, r == -ENOSYS ? "ENOSYS" : r < 0 ? "another error" : "done");
}

#ifdef __x86_64__
static long int80(long nr, long a, long b, long c) {
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

static long x32(long nr, long a, long b, long c) {
	long r = syscall(0x40000000 | nr, a, b, c);
	return r < 0 ? -errno : r;
}

// compat asks in a process of its own: a kernel without the ABI sends SIGSEGV.
static void compat(const char *what, long nr, long a, long b) {
	int status;
	if (fork() == 0)
		_exit(-int80(nr, a, b, 0));
	wait(&status);
	say(what, WIFSIGNALED(status) ? -ENOSYS : -(long)WEXITSTATUS(status));
}
#endif

int main(void) {
	setbuf(stdout, NULL);
#ifdef __x86_64__
	compat("int 0x80 socket", 359, 2, 1);
	compat("int 0x80 socketcall", 102, 1, 0);
	compat("int 0x80 getpid", 20, 0, 0);
	say("x32 socket", x32(41, 2, 1, 0));
	say("x32 getpid", x32(39, 0, 0, 0));
#endif
	long r = syscall(425, 8, 0L);
	say("io_uring_setup", r < 0 ? -errno : r);
	r = syscall(426, 3, 0, 0, 0, 0L, 0L);
	say("io_uring_enter", r < 0 ? -errno : r);
	r = syscall(427, 3, 0, 0L, 0);
	say("io_uring_register", r < 0 ? -errno : r);
	r = fork() ? 0 : (_exit(socket(2, 1, 0) < 0), 0);
	int status;
	wait(&status);
	printf("a child's own socket: %d\n", status);
	return 0;
}
