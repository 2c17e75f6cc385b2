//go:build linux

package interop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"linen/test/command"
	"linen/test/need"
)

// yamaGuest runs linen as an ordinary user where only ancestors may trace
// (Documentation/admin-guide/LSM/Yama.rst), kills supervisors while their
// program sends, and records what the machine's own interfaces see.
const yamaGuest = `set -e
modprobe fuse
chmod 666 /dev/fuse
sysctl -w kernel.yama.ptrace_scope=1
sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip addr add 10.9.0.1/24 dev eth0
ip link set eth0 up
cp linen hammer rounds.sh works.sh /tmp
chmod 755 /tmp/linen /tmp/hammer
cd /tmp
export PATH=/tmp:$PATH
user() { setpriv --reuid 65534 --regid 65534 --clear-groups env -C $dir HOME=$dir XDG_RUNTIME_DIR=$dir TMPDIR=$dir "$@"; }
tcpdump -Z root --immediate-mode -U -ni any -w all.pcap 2>tcpdump.log &
until grep -q listening tcpdump.log; do sleep 0.1; done
counters() { cat /proc/net/dev; grep -E '^(Ip|Icmp|Tcp|Udp):' /proc/net/snmp; }
for mode in "" LINEN_NO_USERNS=1; do
	echo "== mode ${mode:-namespaces}"
	dir=$(mktemp -d)
	chown 65534:65534 $dir
	counters >before
	user $mode bash /tmp/works.sh 2>&1
	user $mode bash /tmp/rounds.sh 2>&1
	counters >after
	if [ "$(cat before)" = "$(cat after)" ]; then echo "== nothing moved"; else cat before after; fi
done
kill %1
wait %1 || true
echo "== recorded $(tcpdump -nr all.pcap 2>/dev/null | wc -l)"
`

// yamaWorks is what a user does first: everything here asks for a program's
// memory or descriptors, of a child, of a grandchild, of a daemon.
const yamaWorks = `
linen run -- sh -c 'ip link set lo up && ip -br addr show lo && ping -c 1 127.0.0.1 | grep received'
linen run -- sh -c 'ip link set lo up
	python3 -c "
import os, socket
s = socket.create_server((\"127.0.0.1\", 80))
if os.fork() == 0: # not the supervisor'\''s child any more once its parent is gone
	if os.fork(): os._exit(0)
	c, _ = s.accept()
	c.sendall(c.recv(100).upper())
	os._exit(0)
os.wait()
c = socket.create_connection((\"127.0.0.1\", 80))
c.sendall(b\"orphans work\")
print(c.recv(100).decode())
"'
`

// yamaRounds is [killRounds] for one user, without the counters, which are the
// whole machine's here.
const yamaRounds = `set -e
alive() {
	for f in /proc/[0-9]*/status; do
		if grep -q '^Name:.hammer' $f 2>/dev/null && ! grep -q '^State:.Z' $f 2>/dev/null; then f=${f%/status}; echo ${f#/proc/}; fi
	done
}
for i in 1 5; do
	: >log
	linen run -- sh -c 'ip link set lo up; exec hammer' >log 2>err &
	pid=$!
	while ! grep -q oo log; do sleep 0.02; done
	sleep 0.0$i
	kill -9 $pid # the supervisor
	wait $pid || true
	while [ -n "$(alive)" ]; do # with its node, or never: then it fails
		if tail -c 64 log | grep -q xxxxxxxxxxxxxxxx; then kill -9 $(alive) || true; fi
		sleep 0.05
	done
	echo "== killed $i"
done
`

// TestUnderYama: in a machine with kernel.yama.ptrace_scope=1, linen runs
// programs for an ordinary user; when the supervisor is killed at any moment
// they fail or are gone, and no packet reaches the machine's network.
func TestUnderYama(t *testing.T) {
	binaryOnly(t)
	need.Long(t)
	need.Tool(t, "gcc")
	need.Tool(t, "qemu-system-x86_64")
	s := newSite(t, places()[0])
	kernel := refkernel(t)
	share := filepath.Join(s.dir, "share")
	if err := os.Mkdir(share, 0o755); err != nil {
		t.Fatal(err)
	}
	s.write(map[string]string{"share/guest.sh": yamaGuest, "share/works.sh": yamaWorks, "share/rounds.sh": yamaRounds, "hammer.c": hammer})
	s.must("gcc", "-O2", "-w", "-static", "-o", "share/hammer", "hammer.c")
	s.must("cp", command.Linen(t), "share/linen")
	out := s.guest(kernel, share, "-n", "none")
	for _, want := range []string{"kernel.yama.ptrace_scope = 1", "== mode namespaces", "== mode LINEN_NO_USERNS=1", "== recorded 0"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	for want, times := range map[string]int{"1 received": 2, "ORPHANS WORK": 2, "== killed": 4, "== nothing moved": 2} {
		if got := strings.Count(out, want); got != times {
			t.Errorf("%d times %q, not %d", got, want, times)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// guest runs a script in the folder share in the reference kernel's machine,
// and returns what it printed; the test is skipped where the machine does not
// boot in time.
func (s *site) guest(kernel, share string, args ...string) string {
	s.t.Helper()
	return s.guestWithin(guestLimit+3*limit, kernel, share, args...)
}

// guestWithin is guest with a limit of its own.
func (s *site) guestWithin(most time.Duration, kernel, share string, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), most+limit)
	defer cancel()
	argv := append([]string{kernel, "run", "-t", fmt.Sprint(int(most.Seconds())), "-s", share}, args...)
	c := s.command(ctx, append(argv, filepath.Join(share, "guest.sh"))...)
	c.Env = append(c.Env, "REFKERNEL_CACHE="+cacheDir())
	var out, complaints bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaints
	err := c.Run()
	if out.Len() == 0 {
		s.t.Skipf("the machine does not start here: %v\n%s", err, complaints.String())
	}
	if err != nil {
		s.t.Errorf("the machine ended: %v\n%s", err, complaints.String())
	}
	return out.String()
}
