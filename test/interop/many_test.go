//go:build linux

package interop

import (
	"context"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linen/test/need"
)

// manyScript holds 3,000 accepted connections in one process and their other
// ends in another, then as many UDP sockets: beyond the descriptors at which
// linen puts datagram sockets (800-1023) and beyond select's.
const manyScript = `
import os, resource, select, socket, sys
N = 3000
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE); resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(128)
r, w = os.pipe()
if os.fork() == 0:
    os.close(w); cs = []
    for i in range(N):
        c = socket.create_connection(l.getsockname()); c.sendall(b"%06d" % i); cs.append(c)
    l.close(); ok = sum(c.recv(6) == b"%06d" % i for i, c in enumerate(cs))
    print("client", len(cs), ok, flush=True); os.read(r, 1); os._exit(0)
os.close(r); held, e, got = {}, select.epoll(), 0
for i in range(N):
    c, _ = l.accept(); held[c.fileno()] = c; e.register(c, select.EPOLLIN)
while got < N:
    for fd, _ in e.poll():
        b = held[fd].recv(6, socket.MSG_WAITALL); held[fd].sendall(b); got += len(b) // 6; e.unregister(fd)
os.close(w); os.wait(); print("server", len(held), got, flush=True); held.clear()
us = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(N)]
for u in us: u.bind(("127.0.0.1", 0))
for i, u in enumerate(us): us[0].sendto(b"%06d" % i, u.getsockname())
print("udp", len(us), sum(u.recv(10) == b"%06d" % i for i, u in enumerate(us)))
`

// manyMemory bounds the memory of linen with 6,000 ends of connections.
const manyMemory = 800 << 20

// TestManySockets: one unmodified program holds 3,000 connections at once, and
// 3,000 UDP sockets.
func TestManySockets(t *testing.T) {
	binaryOnly(t)
	need.Tool(t, "/usr/bin/python3")
	need.Tool(t, "ip")
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < 10_000 {
		t.Skipf("left out: RLIMIT_NOFILE is at most %d here, and linen needs 6,000 descriptors", limit.Max)
	}
	const want = "client 3000 3000\nserver 3000 3000\nudp 3000 3000\n"
	all := places()
	for _, p := range []place{all[0], all[len(all)-1]} {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t, p)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			defer cancel()
			cmd := s.command(ctx, s.linen, "run", "--", "sh", "-c", "ip link set lo up; exec /usr/bin/python3 -c '"+manyScript+"'")
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != want {
				t.Fatalf("%v: %s", err, out)
			}
			if peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10; peak > manyMemory {
				t.Errorf("linen took %d MB", peak>>20)
			}
		})
	}
}
