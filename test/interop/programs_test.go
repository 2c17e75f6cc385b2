//go:build linux

package interop

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"linen/test/command"
	"linen/test/need"
)

// program is one command of the table, and what it prints.
type program struct {
	node   string
	line   string
	want   []string // regular expressions
	status int
}

// first are the commands that every place runs.
var first = []program{
	{"h1", "ping -c 3 -i 0.2 10.2.0.2", []string{`3 packets transmitted, 3 received, 0% packet loss`, `ttl=62`}, 0},
	{"h1", "ping -c 1 -s 20000 10.2.0.2", []string{`20008 bytes from 10\.2\.0\.2: icmp_seq=1 ttl=62`}, 0},
	{"h1", "traceroute -n -w 30 10.2.0.2", []string{`(?m)^ 1  10\.1\.0\.1 `, `(?m)^ 2  10\.0\.0\.2 `, `(?m)^ 3  10\.2\.0\.2 `}, 0},
	{"h1", "ip route get 10.2.0.2", []string{`^10\.2\.0\.2 via 10\.1\.0\.1 dev eth1 src 10\.1\.0\.2 `}, 0},
	{"h1", "ip neigh", []string{`^10\.1\.0\.1 dev eth1 lladdr ([0-9a-f]{2}:){5}[0-9a-f]{2} (REACHABLE|STALE|DELAY|PROBE)`}, 0},
	{"h1", "busybox ping -c 2 -i 1 10.2.0.2", []string{`2 packets transmitted, 2 packets received, 0% packet loss`}, 0},
}

// more are the others, which two places run.
var more = []program{
	{"h1", "tracepath -n 10.2.0.2", []string{`10\.1\.0\.1`, `10\.0\.0\.2`, `10\.2\.0\.2 .* reached`, `Resume: pmtu 1500 hops 3`}, 0},
	{"h1", "mtr -n -r -c 1 10.2.0.2", []string{`1\.\|-- 10\.1\.0\.1 +0\.0%`, `3\.\|-- 10\.2\.0\.2 +0\.0%`}, 0},
	{"h1", "ping -c 1 -W 30 -t 1 10.2.0.2", []string{`From 10\.1\.0\.1 icmp_seq=1 Time to live exceeded`}, 1},
	{"h1", "ping -c 1 -M do -s 1473 10.2.0.2", []string{`message too long, mtu=1500`}, 1},
	{"h1", "ifconfig eth1", []string{`(?s)eth1: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500.*inet 10\.1\.0\.2  netmask 255\.255\.255\.0.*RX packets [1-9]`}, 0},
	{"r1", "route -n", []string{`(?m)^10\.2\.0\.0 +10\.0\.0\.2 +255\.255\.255\.0 +UG +0 +0 +0 eth2$`, `(?m)^10\.1\.0\.0 +0\.0\.0\.0 +255\.255\.255\.0 +U `}, 0},
	{"h1", "arp -n", []string{`(?m)^10\.1\.0\.1 +ether +([0-9a-f]{2}:){5}[0-9a-f]{2} +C +eth1`}, 0},
	{"r1", "netstat -rn", []string{`(?m)^10\.2\.0\.0 +10\.0\.0\.2 +255\.255\.255\.0 +UG `}, 0},
	{"r1", "netstat -i", []string{`(?m)^eth1 +1500 +[1-9]`, `(?m)^lo +65536 `}, 0},
	{"r1", "netstat -s", []string{`(?s)Ip:.*[1-9][0-9]* forwarded.*Icmp:`}, 0},
	{"h1", "busybox ip route", []string{`default via 10\.1\.0\.1 dev eth1`}, 0},
	{"h1", "busybox ifconfig eth1", []string{`inet addr:10\.1\.0\.2`}, 0},
	{"r1", "ip -s link show eth1", []string{`RX: +bytes +packets`, `state UP`}, 0},
	{"r1", "ip rule", []string{`(?m)^0:\tfrom all lookup local$`, `(?m)^32766:\tfrom all lookup main$`}, 0},
	{"r1", "cat /proc/net/route", []string{`(?m)^eth2\t0000020A\t0200000A\t0003\t`}, 0},
	{"r1", "sysctl net.ipv4.ip_forward", []string{`^net\.ipv4\.ip_forward = 1$`}, 0},
	{"h1", "cat /sys/class/net/eth1/mtu", []string{`^1500$`}, 0},
	{"h1", "false", nil, 1},
}

// tools are what the tables run.
var tools = []string{"ip", "ping", "traceroute", "tracepath", "mtr", "ifconfig", "route", "arp", "netstat", "busybox", "sysctl"}

// TestPrograms runs real programs on two hosts behind two routers, as root and
// as an ordinary user, with user namespaces and without.
func TestPrograms(t *testing.T) {
	binaryOnly(t)
	for _, name := range tools {
		need.Tool(t, name)
	}
	for i, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t, p)
			s.up(chain)
			s.table(first)
			if i%2 == 0 {
				s.table(more)
				s.brokenPaths()
				s.monitor()
				s.staticProgram()
			}
		})
	}
}

func (s *site) table(list []program) {
	s.t.Helper()
	for _, p := range list {
		out, status := s.try(s.node(p.node, strings.Fields(p.line)...)...)
		if status != p.status {
			s.t.Errorf("%s: %s: status %d, want %d\n%s", p.node, p.line, status, p.status, out)
			continue
		}
		for _, want := range p.want {
			if !regexp.MustCompile(want).MatchString(strings.TrimSpace(out)) && !regexp.MustCompile(want).MatchString(out) {
				s.t.Errorf("%s: %s: no %q in\n%s", p.node, p.line, want, out)
			}
		}
	}
}

// brokenPaths: a router that does not forward is silent, one without a route
// says so.
func (s *site) brokenPaths() {
	s.t.Helper()
	s.must(s.node("r2", "sysctl", "-w", "net.ipv4.ip_forward=0")...)
	out, status := s.try(s.node("h1", "ping", "-c", "1", "-W", "1", "10.2.0.2")...)
	if status != 1 || !strings.Contains(out, "100% packet loss") || strings.Contains(out, "From ") {
		s.t.Errorf("ping past a router that does not forward: status %d\n%s", status, out)
	}
	s.must(s.node("r2", "sysctl", "-w", "net.ipv4.ip_forward=1")...)
	s.must(s.node("r1", "ip", "route", "del", "10.2.0.0/24")...)
	out, status = s.try(s.node("h1", "ping", "-c", "1", "-W", "30", "10.2.0.2")...)
	if status != 1 || !strings.Contains(out, "From 10.1.0.1 icmp_seq=1 Destination Net Unreachable") {
		s.t.Errorf("ping past a router without a route: status %d\n%s", status, out)
	}
	s.must(s.node("r1", "ip", "route", "add", "10.2.0.0/24", "via", "10.0.0.2")...)
	s.must(s.node("h1", "ping", "-c", "1", "-W", "30", "10.2.0.2")...)
}

// monitor: `ip monitor` sees what another ip changes.
func (s *site) monitor() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := s.command(ctx, s.node("h2", "ip", "monitor")...)
	pipe, err := c.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	var mu sync.Mutex
	var seen strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			mu.Lock()
			seen.WriteString(lines.Text() + "\n")
			mu.Unlock()
		}
	}()
	has := func(text string) bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(seen.String(), text)
	}
	until(s.t, "ip monitor tells of a route's coming and going", func() bool { // it listens some time after its start
		s.must(s.node("h2", "ip", "route", "add", "10.77.0.0/24", "via", "10.2.0.1")...)
		s.must(s.node("h2", "ip", "route", "del", "10.77.0.0/24")...)
		return has("\n10.77.0.0/24 via 10.2.0.1 dev eth1") && has("Deleted 10.77.0.0/24 via 10.2.0.1 dev eth1")
	})
	cancel()
	<-done
	_ = c.Wait() // it was killed
}

// staticProgram runs ip and ping that share no line with the usual ones and
// make their system calls themselves.
func (s *site) staticProgram() {
	s.t.Helper()
	dir := uroot(s.t)
	out := s.must(s.node("h1", filepath.Join(dir, "ping"), "-c", "2", "10.2.0.2")...)
	if !strings.Contains(out, "10.2.0.2") {
		s.t.Errorf("u-root's ping: %s", out)
	}
	if out := s.must(s.node("h1", filepath.Join(dir, "ip"), "route")...); !strings.Contains(out, "10.1.0.0/24 dev eth1 proto kernel scope link src 10.1.0.2") {
		s.t.Errorf("u-root's ip route: %s", out)
	}
}

// urootDir is where builtUroot puts them, for TestMain to remove.
var urootDir string

func removeUroot() {
	if urootDir != "" {
		os.RemoveAll(urootDir)
	}
}

// builtUroot holds u-root's programs, built once a process.
var builtUroot = sync.OnceValues(func() (string, error) {
	top, err := command.Root()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "linen-uroot-")
	if err != nil {
		return "", err
	}
	urootDir = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*limit)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "github.com/u-root/u-root/cmds/core/ip", "github.com/u-root/u-root/cmds/core/ping")
	c.Dir = filepath.Join(top, "tools")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return dir, &buildError{string(out), err}
	}
	return dir, nil
})

type buildError struct {
	out string
	err error
}

func (e *buildError) Error() string { return e.err.Error() + ": " + e.out }

// uroot returns a folder with u-root's ip and ping.
func uroot(t *testing.T) string {
	t.Helper()
	dir, err := builtUroot()
	if err != nil {
		t.Skipf("u-root's programs cannot be built here: %v", err)
	}
	return dir
}
