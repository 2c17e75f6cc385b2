//go:build linux

package interop

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"linen/test/need"
)

// tsharkFields are what the tests look at in a capture.
var tsharkFields = []string{"-T", "fields", "-E", "separator=|", "-e", "frame.interface_name", "-e", "frame.p2p_dir", "-e", "frame.comment", "-e", "_ws.col.Info"}

// TestCapture: a running lab is recorded, tshark reads it, interface names,
// directions and the reasons of drops included.
func TestCapture(t *testing.T) {
	binaryOnly(t)
	need.Tool(t, "tshark")
	s := newSite(t, places()[0])
	s.up(chain)
	file := filepath.Join(s.dir, "r1.pcapng")
	stop := s.start(s.linen, "capture", "r1:eth1", "r1:eth2", "--why", "-w", file)
	until(t, "the capture has begun", func() bool { return len(s.read(file)) > 0 })
	s.must(s.node("h1", "ping", "-c", "2", "-i", "0.2", "10.2.0.2")...)
	s.try(s.node("h1", "ping", "-c", "1", "-W", "30", "10.99.0.1")...) // which no route of r1's leads to
	stop()
	out := s.must(append([]string{"tshark", "-r", file}, tsharkFields...)...)
	for _, want := range []string{"r1:eth1|1||Echo (ping) request", "r1:eth2|0||Echo (ping) request", "r1:eth1|0||Echo (ping) reply",
		"r1:drops|1|IP_INNOROUTES: no route for a received packet|Echo (ping) request", "r1:eth1|0||Destination unreachable (Network unreachable)"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out := s.must("tshark", "-r", file, "-N", "n", "-Y", "icmp.type==0", "-T", "fields", "-e", "ip.src_host"); !strings.Contains(out, "h2") {
		t.Errorf("10.2.0.2 is not called h2: %s", out)
	}
	s.judge(file)
}

// TestCaptureFilter: -f chooses, -c ends, and standard output will do.
func TestCaptureFilter(t *testing.T) {
	binaryOnly(t)
	need.Tool(t, "tshark")
	s := newSite(t, places()[0])
	s.up(chain)
	if out, status := s.try(s.linen, "capture", "r1:eth1", "-f", "host", "-w", "-"); status != 1 || !strings.Contains(out, "expected an address") {
		t.Errorf("a bad filter: status %d: %s", status, out)
	}
	if out, status := s.try(s.linen, "capture", "r1:eth7", "-w", "-"); status != 1 || !strings.Contains(out, "r1 has no interface eth7") {
		t.Errorf("a bad interface: status %d: %s", status, out)
	}
	stop := s.start(s.node("h1", "ping", "-i", "0.2", "10.2.0.2")...)
	defer stop()
	file := filepath.Join(s.dir, "c.pcapng")
	s.must("sh", "-c", "linen capture h2 -c 4 -f 'icmp and src 10.1.0.2' -w - >"+file+" 2>/dev/null")
	out := s.must(append([]string{"tshark", "-r", file}, tsharkFields...)...)
	if strings.Count(out, "h2:eth1|1||Echo (ping) request") != 4 || strings.Contains(out, "reply") {
		t.Errorf("not four requests:\n%s", out)
	}
}

// TestExtcap: tshark lists the interfaces of a lab among its own and captures
// at one.
func TestExtcap(t *testing.T) {
	binaryOnly(t)
	need.NetNS(t)
	need.Tool(t, "tshark")
	s := newSite(t, places()[0])
	s.up(chain)
	if out := s.must(s.linen, "--extcap-interfaces", "--extcap-version=4.0"); !strings.Contains(out, "interface {value=chain:r1:eth1}{display=linen chain:r1:eth1}\n") {
		t.Fatalf("--extcap-interfaces: %s", out)
	}
	if out, status := s.try("unshare", "-m", "mount", "--bind", s.dir, s.dir); status != 0 {
		t.Skipf("no mount namespaces here: %s", out)
	}
	folder := s.must("sh", "-c", "tshark -G folders 2>/dev/null | sed -n 's/^Extcap path:[[:space:]]*//p'")
	if folder = strings.TrimSpace(folder); folder == "" {
		t.Skip("this tshark has no extcap folder")
	}
	bin := filepath.Join(s.dir, "extcap")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(s.linen, filepath.Join(bin, "linen")); err != nil {
		t.Fatal(err)
	}
	stop := s.start(s.node("h1", "ping", "-i", "0.2", "10.2.0.2")...)
	defer stop()
	file := filepath.Join(s.dir, "x.pcapng")
	// tshark looks nowhere else for capture programs, so they take the place of its own in a mount namespace.
	out := s.must("unshare", "-m", "sh", "-c", "mount --bind "+bin+" "+folder+" && tshark -D 2>&1 && tshark -i chain:r1:eth1 -c 4 -w "+file+" 2>&1")
	if !strings.Contains(out, "chain:r1:eth1 (linen chain:r1:eth1)") {
		t.Errorf("tshark -D: %s", out)
	}
	if out := s.must("tshark", "-r", file); strings.Count(out, "ICMP 98 Echo (ping)") != 4 {
		t.Errorf("tshark captured\n%s", out)
	}
}

// start starts a program and returns the function that interrupts it and waits
// for its end.
func (s *site) start(argv ...string) (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	c := s.command(ctx, argv...)
	if err := c.Start(); err != nil {
		cancel()
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = c.Wait(); close(done) }() // an interrupted program has no good status
	return func() {
		_ = c.Process.Signal(os.Interrupt) // it may have ended
		select {
		case <-done:
		case <-time.After(limit):
			s.t.Errorf("%s does not end at SIGINT", strings.Join(argv, " "))
		}
		cancel()
		<-done
	}
}

// judge lets tshark look for malformed packets and bad checksums. A checksum of
// TCP that is sent as 0xffff instead of 0 is not one: so does the kernel
// (skb_checksum_help), and no receiver can tell (RFC 1624 §3).
func (s *site) judge(file string, options ...string) {
	s.t.Helper()
	out := s.must("sh", "-c", "tshark -r "+file+" "+strings.Join(options, " ")+" -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE "+
		"-Y '_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || (tcp.checksum.status == 0 && !(tcp.checksum == 0xffff && tcp.checksum_calculated == 0)) || icmp.checksum.status == 0' 2>/dev/null")
	if strings.TrimSpace(out) != "" {
		s.t.Errorf("tshark objects to\n%s", out)
	}
}
