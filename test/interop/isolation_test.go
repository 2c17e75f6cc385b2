//go:build linux

package interop

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"linen/test/need"
)

// firstFD is the lowest descriptor that the supervisor gives out
// (run/seccomp.RangeFirst); the kernel's own sockets get the lowest that is
// free.
const firstFD = 800

// Lines of strace -f about a new socket: whole, or cut by another thread's.
var (
	socketBegin = regexp.MustCompile(`^(\d+) +socket\(([A-Z]\w+)`)
	socketEnd   = regexp.MustCompile(`^(\d+) +(?:socket\(|<\.\.\. socket resumed).*\) += (-?\d+)`)
)

// idSocket is the one socket that a node's init opens in the node's own, empty
// network namespace, by which the host's kernel numbers the namespaces of
// programs (nodeinit.Node.NamespaceIDs).
const idSocket = "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC|SOCK_NONBLOCK, NETLINK_ROUTE"

// TestNoSocketOfTheHost: neither linen nor the programs that it runs open a
// socket by which the host's network could be reached.
func TestNoSocketOfTheHost(t *testing.T) {
	binaryOnly(t)
	need.Tool(t, "strace")
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t, p)
			s.up(chain)
			inside := filepath.Join(s.dir, "inside")
			s.traced(inside, s.node("h1", strace(inside, "sh", "-c", "ip addr; ping -c 1 10.2.0.2; ip route get 10.2.0.2")...))
			around := filepath.Join(s.dir, "around")
			s.traced(around, strace(around, s.linen, "run", "--", "sh", "-c", "ip link set lo up; ip addr; ping -c 1 127.0.0.1"))
		})
	}
}

// strace is the command line that notes the sockets of another one.
func strace(file string, argv ...string) []string {
	return append([]string{"strace", "-f", "-qq", "-e", "trace=socket,socketpair", "-o", file}, argv...)
}

// traced runs a program under strace and judges what it noted.
func (s *site) traced(file string, argv []string) {
	s.t.Helper()
	out, status := s.try(argv...)
	if strings.Contains(out, "strace: ") && strings.Contains(out, "Operation not permitted") {
		s.t.Skipf("no ptrace here: %s", out)
	}
	if status != 0 || !strings.Contains(out, "1 received") {
		s.t.Fatalf("under strace: status %d\n%s", status, out)
	}
	s.judgeSockets(s.read(file))
}

func (s *site) judgeSockets(trace string) {
	s.t.Helper()
	ours, ids := 0, 0
	family, begun := make(map[string]string), make(map[string]string) // by thread
	for _, line := range strings.Split(trace, "\n") {
		if m := socketBegin.FindStringSubmatch(line); m != nil {
			family[m[1]], begun[m[1]] = m[2], line
		}
		m := socketEnd.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		switch fd, _ := strconv.Atoi(m[2]); {
		case fd < 0 || family[m[1]] == "AF_UNIX":
		case fd < firstFD && ids == 0 && strings.Contains(begun[m[1]], idSocket):
			ids++
		case fd < firstFD:
			s.t.Errorf("a socket of the host's, of %s: %s", family[m[1]], line)
		default:
			ours++
		}
	}
	if ours == 0 {
		s.t.Errorf("no socket at all was seen:\n%s", trace)
	}
}

// TestHostCountersStandStill: nothing that a lab does moves a counter of the
// namespace that it runs in.
func TestHostCountersStandStill(t *testing.T) {
	binaryOnly(t)
	need.NetNS(t)
	s := newSite(t, places()[0])
	file := filepath.Join(s.dir, "lab.clab.yml")
	if err := os.WriteFile(file, []byte(chain), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	counters := "cat /proc/net/dev /proc/net/snmp /proc/net/netstat"
	out := s.must("unshare", "-n", "sh", "-c", "set -e; "+counters+"; echo ---; linen up "+file+" -d >&2; "+
		"linen exec h1 -- ping -c 2 -i 0.2 10.2.0.2; linen exec h1 -- traceroute -n 10.2.0.2; linen down >&2; echo ---; "+counters)
	parts := strings.Split(out, "---\n")
	if len(parts) < 3 || !strings.Contains(out, "2 received") {
		t.Fatalf("the lab did not work:\n%s", out)
	}
	if before, after := parts[0], parts[len(parts)-1]; before != after {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestAfterTheSupervisor: once the supervisor is killed, no network call of a
// program that it ran succeeds; it does not fall through to the host.
func TestAfterTheSupervisor(t *testing.T) {
	binaryOnly(t)
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t, p)
			s.up(chain)
			log := filepath.Join(s.dir, "log")
			script := "echo $$ >" + s.dir + "/pid; while :; do ip link show lo >/dev/null 2>&1; echo $? >>" + log + "; sleep 0.05; done"
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			c := s.command(ctx, s.node("h1", "sh", "-c", script)...)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { cancel(); _ = c.Wait() }() // however it ended
			good := func() int { return strings.Count(s.read(log), "0\n") }
			until(t, "the program works", func() bool { return good() >= 3 })
			pid, err := strconv.Atoi(strings.TrimSpace(s.read(filepath.Join(s.dir, "pid"))))
			if err != nil {
				t.Fatal(err)
			}
			daemon := s.daemon()
			if err := syscall.Kill(daemon, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			until(t, "the daemon is gone", func() bool { return syscall.Kill(daemon, 0) != nil || zombie(daemon) })
			atMost := good() + 1 // the call that was under way
			gone := func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) }
			until(t, "the program fails or is gone", func() bool { return gone() || strings.Contains(s.read(log), "1\n") || good() > atMost })
			if good() > atMost {
				t.Errorf("the program's network works without its supervisor:\n%s", s.read(log))
			}
			if !gone() {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may go at this moment
			}
		})
	}
}

// read returns a file that may not be there yet.
func (s *site) read(name string) string {
	data, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(data)
}

// zombie reports whether a process has ended and waits to be collected.
func zombie(pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}
