//go:build linux

package supervise_test

import (
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linen"
	"linen/run/internal/runtest"
	"linen/run/nodeinit"
	"linen/run/supervise"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" && !nodeinit.IsInit() {
		program(role)
	}
	runtest.Main(m)
}

// path holds only directories that everybody may search.
const path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

// lab is two hosts with a link between them; h1 has 10.0.0.1, h2 10.0.0.2.
type lab struct {
	t      testing.TB
	k      *linen.Kernel
	h1, h2 *linen.Net
	host   *supervise.Host
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{t: t, k: linen.New(linen.Config{})}
	t.Cleanup(func() { l.k.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	l.h1, err = l.k.NewNet("h1")
	must(err)
	l.h2, err = l.k.NewNet("h2")
	must(err)
	must(l.k.Link(l.h1, "eth0", l.h2, "eth0"))
	for n, addr := range map[*linen.Net]string{l.h1: "10.0.0.1/24", l.h2: "10.0.0.2/24"} {
		must(n.Up("lo"))
		must(n.AddAddr("eth0", netip.MustParsePrefix(addr)))
		must(n.Up("eth0"))
	}
	l.host, err = supervise.NewHost(slog.New(slog.NewTextHandler(&syncWriter{w: os.Stderr}, nil)))
	must(err)
	t.Cleanup(l.host.Close)
	return l
}

type syncWriter struct{ w io.Writer }

func (s *syncWriter) Write(p []byte) (int, error) { return s.w.Write(p) }

// node starts the supervisor of a host.
func (l *lab) node(n *linen.Net) *supervise.Node {
	l.t.Helper()
	node := l.quietNode(n)
	l.t.Cleanup(func() {
		if err := node.Err(); err != nil {
			l.t.Error(err)
		}
	})
	return node
}

// quietNode is a node that may end by itself.
func (l *lab) quietNode(n *linen.Net) *supervise.Node {
	l.t.Helper()
	node, err := l.host.Start(runtest.Context(l.t), supervise.Config{
		Net:  n.Namespace(),
		Init: nodeinit.Config{Name: n.Name(), Hostname: n.Name(), FuseDevice: runtest.FuseDevice(), Etc: map[string]string{"hosts": "127.0.0.1 localhost\n", "resolv.conf": ""}},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Log("mode:", node.Mode())
	l.t.Cleanup(func() { node.Close() })
	return node
}

// run runs a program to its end and returns what it printed.
func run(t *testing.T, n *supervise.Node, env []string, argv ...string) (string, nodeinit.Exit) {
	t.Helper()
	out, exit, err := try(t, n, env, argv...)
	if err != nil {
		t.Fatalf("%q: %v; output %q", argv, err, out)
	}
	return out, exit
}

// attempt is run for a program whose node may end.
func attempt(t *testing.T, n *supervise.Node, env []string, argv ...string) (string, error) {
	t.Helper()
	out, _, err := try(t, n, env, argv...)
	return out, err
}

func try(t *testing.T, n *supervise.Node, env []string, argv ...string) (string, nodeinit.Exit, error) {
	t.Helper()
	ctx := runtest.Context(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.SetReadDeadline(time.Now().Add(runtest.Timeout))
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	proc, err := n.Exec(ctx, nodeinit.Program{Argv: argv, Env: append([]string{path, "LC_ALL=C"}, env...)}, null, w, w)
	w.Close()
	if err != nil {
		return "", nodeinit.Exit{}, err
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%q: %v; output %q", argv, err, out)
	}
	exit, err := proc.Wait(ctx)
	return string(out), exit, err
}

// tool skips where a tool is missing, and says so.
func tool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("left out: %s is not installed", name)
	}
}

func TestTools(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		l := newLab(t)
		n := l.node(l.h1)
		for _, tc := range []struct {
			name string
			argv []string
			want []string
		}{
			{"links", []string{"ip", "link"}, []string{"1: lo: <LOOPBACK,UP", "eth0"}},
			{"addresses", []string{"ip", "addr"}, []string{"inet 10.0.0.1/24"}},
			{"routes", []string{"ip", "route"}, []string{"10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1"}},
			{"echo", []string{"ping", "-n", "-c2", "-i0.01", "10.0.0.2"}, []string{"2 packets transmitted, 2 received", "64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time="}},
			{"unreachable", []string{"sh", "-c", "ping -n -c1 10.0.0.9; echo end $?"}, []string{"From 10.0.0.1 icmp_seq=1 Destination Host Unreachable", "end 1"}},
			{"big echo", []string{"ping", "-n", "-c1", "-s20000", "10.0.0.2"}, []string{"20008 bytes from 10.0.0.2"}},
			{"path", []string{"traceroute", "-n", "10.0.0.2"}, []string{" 1  10.0.0.2  "}},
			{"path by echo", []string{"traceroute", "-n", "-I", "10.0.0.2"}, []string{" 1  10.0.0.2  "}},
			{"path mtu", []string{"tracepath", "-n", "10.0.0.2"}, []string{" 1:  10.0.0.2 ", "Resume: pmtu 1500 hops 1 back 1"}},
			{"mtr", []string{"mtr", "-n", "-r", "-c1", "-G1", "10.0.0.2"}, []string{"1.|-- 10.0.0.2 "}},
			{"interfaces", []string{"ifconfig", "-a"}, []string{"eth0: flags=", "inet 10.0.0.1  netmask 255.255.255.0", "lo: flags=73<UP,LOOPBACK,RUNNING>"}},
			{"route by file", []string{"route", "-n"}, []string{"10.0.0.0        0.0.0.0         255.255.255.0   U     0      0        0 eth0"}},
			{"arp", []string{"arp", "-n"}, []string{"10.0.0.2", "ether", "eth0"}},
			{"netstat", []string{"netstat", "-rn"}, []string{"10.0.0.0        0.0.0.0         255.255.255.0   U"}},
			{"statistics", []string{"netstat", "-s"}, []string{"Icmp:", "Udp:"}},
			{"sysctl", []string{"sh", "-c", "cat /proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward"}, []string{"0\n1\n"}},
			{"a bad setting", []string{"sysctl", "-w", "net.ipv4.ip_forward=x"}, []string{"nvalid argument"}},
			{"devices", []string{"ls", "/sys/class/net"}, []string{"eth0\nlo\n"}},
			{"mtu", []string{"cat", "/sys/class/net/eth0/mtu"}, []string{"1500\n"}},
			{"proc", []string{"cat", "/proc/net/dev"}, []string{"eth0:"}},
			{"busybox", []string{"busybox", "ping", "-c1", "10.0.0.2"}, []string{"1 packets transmitted, 1 packets received"}},
			{"busybox ip", []string{"busybox", "ip", "addr"}, []string{"inet 10.0.0.1/24"}},
			{"busybox interfaces", []string{"busybox", "ifconfig"}, []string{"inet addr:10.0.0.1"}},
			{"sockets", []string{"bash", "-c", "exec 3<>/dev/udp/127.0.0.1/9; ss -uanpe"}, []string{" 127.0.0.1:9 ", `users:((`, ",fd=", "sk:"}},
			{"a socket ended", []string{"bash", "-c", "exec 3<>/dev/udp/127.0.0.1/9; ss -K -un dport = 9; ss -un | wc -l"}, []string{" 127.0.0.1:9 ", "\n1\n"}},
			{"netlink sockets", []string{"ss", "-f", "netlink"}, []string{"rtnl:kernel", "tcpdiag:ss/"}},
			{"socket summary", []string{"ss", "-s"}, []string{"Total: ", "UDP"}},
			{"error texts", []string{"sh", "-c", "ip link add x type nosuch; ip route add 1.2.3.0/24 via 9.9.9.9; true"}, []string{"Unknown device type", "Nexthop has invalid gateway"}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				tool(t, tc.argv[0])
				out, exit := run(t, n, nil, tc.argv...)
				if !exit.Success() && tc.argv[0] != "sysctl" {
					t.Errorf("%q: exit %+v", tc.argv, exit)
				}
				for _, w := range tc.want {
					if !strings.Contains(out, w) {
						t.Errorf("%q lacks %q:\n%s", tc.argv, w, out)
					}
				}
			})
		}
	})
}

func TestPrograms(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		l := newLab(t)
		n := l.node(l.h1)
		for role := range roles {
			if role == "inherited" || role == "block" || role == "powerless" || role == "time wait" {
				continue // parts of others
			}
			t.Run(role, func(t *testing.T) {
				if out, exit := run(t, n, []string{envRole + "=" + role}, "/proc/self/exe"); !exit.Success() {
					t.Errorf("exit %+v:\n%s", exit, out)
				}
			})
		}
	})
}

// A signal ends a parked call, whatever it is.
func TestSignals(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		l := newLab(t)
		n := l.node(l.h1)
		for _, tc := range []struct {
			name string
			env  []string
			argv []string
			wait string // what the program prints before the signal
			sig  unix.Signal
			want string
			exit nodeinit.Exit
		}{
			{"a default action", []string{envRole + "=block"}, []string{"/proc/self/exe"}, "waiting\n", unix.SIGTERM, "", nodeinit.Exit{Signal: unix.SIGTERM}},
			{"kill", []string{envRole + "=block"}, []string{"/proc/self/exe"}, "waiting\n", unix.SIGKILL, "", nodeinit.Exit{Signal: unix.SIGKILL}},
			// A signal just before ping's recvmsg is seen by ping an interval later.
			{"a handler", nil, []string{"ping", "-n", "-i", "1", "10.0.0.2"}, "time=", unix.SIGINT, " 0% packet loss", nodeinit.Exit{}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				if tc.argv[0] == "ping" {
					tool(t, "ping")
				}
				out, exit := interrupted(t, n, tc.env, tc.argv, tc.wait, tc.sig)
				if exit != tc.exit || !strings.Contains(out, tc.want) {
					t.Errorf("exit %+v:\n%s", exit, out)
				}
			})
		}
	})
}

// interrupted runs a program, waits for a part of its output and signals it.
func interrupted(t *testing.T, n *supervise.Node, env, argv []string, wait string, sig unix.Signal) (string, nodeinit.Exit) {
	t.Helper()
	ctx := runtest.Context(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.SetReadDeadline(time.Now().Add(runtest.Timeout))
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	proc, err := n.Exec(ctx, nodeinit.Program{Argv: argv, Env: append([]string{path, "LC_ALL=C"}, env...)}, null, w, w)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	buf := make([]byte, 4096)
	for sent := false; ; {
		k, err := r.Read(buf)
		out = append(out, buf[:k]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v; output %q", err, out)
		}
		if !sent && strings.Contains(string(out), wait) {
			sent = true
			proc.Signal(sig)
		}
	}
	exit, err := proc.Wait(ctx)
	if err != nil {
		t.Fatalf("wait: %v; output %q", err, out)
	}
	return string(out), exit
}
