//go:build linux

package seccomp_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"linen/run/seccomp"
)

// One notified call and its answer, without any look at the caller: the floor
// of what a call of a supervised program costs.
func BenchmarkTrap(b *testing.B) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	supervised(b, func() {
		b.ResetTimer()
		for range b.N {
			unix.Listen(fds[0], 1)
		}
		b.StopTimer()
	}, func(l *seccomp.Listener, n *seccomp.Notif) { l.Reply(n.ID, 0, 0) })
}
