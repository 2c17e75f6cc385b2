//go:build linux

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linen/test/need"
)

// hammer sends to the loopback address as fast as it can, by every kind of
// socket, and notes what succeeds: o, and what fails: x.
const hammer = `#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	static const int kinds[][2] = {{SOCK_DGRAM, 0}, {SOCK_STREAM, 0}, {SOCK_DGRAM, IPPROTO_ICMP}, {SOCK_RAW, IPPROTO_ICMP}};
	char echo[8] = {8};
	signal(SIGPIPE, SIG_IGN);
	for (int old = -1;;) {
		for (int i = 0; i < 4; i++) {
			int fd = socket(AF_INET, kinds[i][0] | SOCK_NONBLOCK, kinds[i][1]);
			connect(fd, (struct sockaddr *)&to, sizeof to);
			int ok = fd >= 0 && write(fd, echo, sizeof echo) == sizeof echo;
			if (old >= 0) /* a socket from before */
				sendto(old, echo, sizeof echo, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to);
			if (i == 0 && old < 0)
				old = fd;
			else
				close(fd);
			if (write(1, ok ? "o" : "x", 1) != 1)
				return 0;
		}
	}
}
`

// killRounds kills the supervisor at eight moments, while the program sends. In
// each round the program has worked before, and is gone or fails afterwards.
const killRounds = `
set -e
ip link set lo up
alive() {
	for f in /proc/[0-9]*/status; do
		if grep -q '^Name:.hammer' $f 2>/dev/null && ! grep -q '^State:.Z' $f 2>/dev/null; then f=${f%/status}; echo ${f#/proc/}; fi
	done
}
counters() { cat /proc/net/dev /proc/net/snmp; }
echo ---; counters; echo ---
for i in 1 2 3 4 5 6 7 8; do
	: >log$i
	linen run -- sh -c 'ip link set lo up; exec ./hammer' >log$i 2>err$i &
	pid=$!
	while ! grep -q oo log$i; do sleep 0.01; done
	sleep 0.00$i
	kill -9 $pid # the supervisor
	wait $pid || true
	while [ -n "$(alive)" ]; do # with its node, or never: then it fails
		if tail -c 64 log$i | grep -q xxxxxxxxxxxxxxxx; then kill -9 $(alive) || true; fi
		sleep 0.02
	done
done
echo ---; counters; echo ---
`

// TestNoPacketWhenKilled: whenever the supervisor is killed, nothing that its
// programs send reaches the host's network.
func TestNoPacketWhenKilled(t *testing.T) {
	binaryOnly(t)
	need.NetNS(t)
	need.Tool(t, "gcc")
	for _, p := range places() {
		if p.uid != os.Getuid() {
			continue // the counters are those of a namespace that root makes
		}
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t, p)
			if err := os.WriteFile(filepath.Join(s.dir, "hammer.c"), []byte(hammer), 0o644); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprint("hammer", os.Getpid()) // its processes are looked for by name
			s.must("gcc", "-O2", "-w", "-static", "-o", name, "hammer.c")
			out := s.must("unshare", "-n", "sh", "-c", strings.ReplaceAll(killRounds, "hammer", name))
			parts := strings.Split(out, "---\n")
			if len(parts) != 5 || parts[1] == "" {
				t.Fatalf("the rounds did not run:\n%s", out)
			}
			if parts[1] != parts[3] {
				t.Errorf("before:\n%s\nafter:\n%s", parts[1], parts[3])
			}
		})
	}
}
