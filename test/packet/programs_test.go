//go:build linux

package packet

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"linen/test/need"
)

// lines splits a program's output.
func lines(out string) []string { return strings.Split(strings.TrimSuffix(out, "\n"), "\n") }

// wantLines compares the lines of an output with patterns.
func wantLines(t *testing.T, out string, patterns ...string) {
	t.Helper()
	got := lines(out)
	if len(got) != len(patterns) {
		t.Fatalf("%d lines, want %d:\n%s", len(got), len(patterns), out)
	}
	for i, p := range patterns {
		if !regexp.MustCompile(p).MatchString(got[i]) {
			t.Errorf("line %d is %q, want %s", i+1, got[i], p)
		}
	}
}

func TestTcpdumpWhilePinging(t *testing.T) { // spec 1.18, 1.19: TPACKET_V3 by mmap
	need.Tool(t, "tcpdump")
	need.Tool(t, "ping")
	l := newLab(t)
	p := l.start("listening on eth1", "h1", "tcpdump", "-ni", "eth1", "-c", "3", "-l")
	l.exec("h2", "ping", "-c", "2", "-i", "0.2", "10.0.0.1")
	out, errs := p.wait()
	wantLines(t, out,
		`ARP, Request who-has 10\.0\.0\.1 tell 10\.0\.0\.2, length 28$`,
		`ARP, Reply 10\.0\.0\.1 is-at [0-9a-f:]{17}, length 28$`,
		`IP 10\.0\.0\.2 > 10\.0\.0\.1: ICMP echo request, id \d+, seq 1, length 64$`)
	if !strings.Contains(errs, "\n3 packets captured\n") || !strings.Contains(errs, "\n0 packets dropped by kernel") {
		t.Error(errs)
	}
}

func TestTcpdumpFilters(t *testing.T) { // spec 1.20 and the link header, spec 1.18
	need.Tool(t, "tcpdump")
	need.Tool(t, "ping")
	need.Tool(t, "arping")
	l := newLab(t)
	icmp := l.start("listening on eth1", "h1", "tcpdump", "-ni", "eth1", "-e", "-c", "4", "-l", "icmp")
	arp := l.start("listening on eth1", "h1", "tcpdump", "-ni", "eth1", "-c", "2", "-l", "arp and ether dst ff:ff:ff:ff:ff:ff")
	l.exec("h2", "arping", "-b", "-c", "2", "-w", "30", "-I", "eth1", "10.0.0.1")
	l.exec("h2", "ping", "-c", "2", "-i", "0.2", "10.0.0.1")
	out, _ := icmp.wait()
	const mac = `[0-9a-f:]{17}`
	head := mac + ` > ` + mac + `, ethertype IPv4 \(0x0800\), length 98: `
	wantLines(t, out,
		head+`10\.0\.0\.2 > 10\.0\.0\.1: ICMP echo request, id \d+, seq 1, length 64$`,
		head+`10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo reply, id \d+, seq 1, length 64$`,
		head+`10\.0\.0\.2 > 10\.0\.0\.1: ICMP echo request, id \d+, seq 2, length 64$`,
		head+`10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo reply, id \d+, seq 2, length 64$`)
	out, _ = arp.wait()
	const who = `ARP, Request who-has 10\.0\.0\.1 \(ff:ff:ff:ff:ff:ff\) tell 10\.0\.0\.2, length 28$`
	wantLines(t, out, who, who)
}

func TestTcpdumpFileReadByTshark(t *testing.T) {
	need.Tool(t, "tcpdump")
	need.Tool(t, "ping")
	tshark := need.Tool(t, "tshark")
	l := newLab(t)
	p := l.start("listening on eth1", "h1", "tcpdump", "-ni", "eth1", "-c", "4", "-w", "-", "icmp")
	l.exec("h2", "ping", "-c", "2", "-i", "0.2", "10.0.0.1")
	out, _ := p.wait()
	file := filepath.Join(l.dir, "icmp.pcap")
	if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tshark, "-n", "-r", file, "-T", "fields", "-E", "separator=/s", "-e", "ip.src", "-e", "icmp.type", "-e", "icmp.seq", "-e", "icmp.checksum.status")
	cmd.Env = l.env
	var errs bytes.Buffer
	cmd.Stderr = &errs
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, errs.String())
	}
	wantLines(t, string(text), "^10.0.0.2 8 1 1$", "^10.0.0.1 0 1 1$", "^10.0.0.2 8 2 1$", "^10.0.0.1 0 2 1$")
}

func TestPromiscuityWhileItListens(t *testing.T) { // spec 1.16
	need.Tool(t, "tcpdump")
	need.Tool(t, "ip")
	l := newLab(t)
	show := []string{"ip", "-d", "link", "show", "eth1"}
	if out := l.exec("h1", show...); !strings.Contains(out, " promiscuity 0 ") {
		t.Error(out)
	}
	p := l.start("listening on eth1", "h1", "tcpdump", "-ni", "eth1")
	out := l.exec("h1", show...)
	if !strings.Contains(out, " promiscuity 1 ") || strings.Contains(lines(out)[0], "PROMISC") {
		t.Error(out)
	}
	row := lines(l.exec("h1", "cat", "/proc/net/packet"))
	if len(row) != 2 || !regexp.MustCompile(`^[0-9a-f]{16} 3      3    0003   \d+ +1 0 +\d+ +\d+ *$`).MatchString(row[1]) {
		t.Errorf("/proc/net/packet: %q", row)
	}
	p.interrupt()
	p.wait()
	l.until(" promiscuity 0 ", "h1", show...)
}

func TestTcpdumpOnEveryDevice(t *testing.T) { // SOCK_DGRAM bound to none
	need.Tool(t, "tcpdump")
	need.Tool(t, "ping")
	l := newLab(t)
	p := l.start("listening on any", "h1", "tcpdump", "-ni", "any", "-e", "-c", "2", "-l", "icmp")
	l.exec("h2", "ping", "-c", "1", "10.0.0.1")
	out, _ := p.wait()
	wantLines(t, out,
		`eth1  In  ifindex \d+ [0-9a-f:]{17} ethertype IPv4 \(0x0800\), length 104: 10\.0\.0\.2 > 10\.0\.0\.1: ICMP echo request`,
		`eth1  Out ifindex \d+ [0-9a-f:]{17} ethertype IPv4 \(0x0800\), length 104: 10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo reply`)
}

func TestTcpdumpImmediately(t *testing.T) { // TPACKET_V2: libpcap's immediate mode
	need.Tool(t, "tcpdump")
	need.Tool(t, "ping")
	l := newLab(t)
	p := l.start("listening on eth1", "h1", "tcpdump", "--immediate-mode", "-s", "128", "-ni", "eth1", "-c", "200", "-l", "icmp") // small frames: the ring holds them all on a busy machine
	l.exec("h2", "ping", "-q", "-c", "100", "-i", "0.002", "10.0.0.1")
	out, errs := p.wait()
	if n := len(lines(out)); n != 200 || strings.Count(out, "echo reply") != 100 || !strings.Contains(errs, "\n0 packets dropped by kernel") {
		t.Errorf("%d lines\n%s", n, errs)
	}
}

func TestArping(t *testing.T) { // a packet socket without a ring
	need.Tool(t, "arping")
	l := newLab(t)
	out := l.exec("h2", "arping", "-f", "-w", "30", "-I", "eth1", "10.0.0.1") // until the first reply
	wantLines(t, out,
		`^ARPING 10\.0\.0\.1 from 10\.0\.0\.2 eth1$`,
		`^Unicast reply from 10\.0\.0\.1 \[[0-9A-F:]{17}\]  [0-9.]+ms$`,
		`^Sent \d+ probes \(\d+ broadcast\(s\)\)$`,
		`^Received 1 response\(s\)$`)
}

func TestArpingFindsDuplicates(t *testing.T) { // RFC 5227's probe, by hand; and an announcement
	need.Tool(t, "arping")
	l := newLab(t)
	free := l.exec("h2", "arping", "-D", "-c", "1", "-I", "eth1", "10.0.0.77")
	if !strings.Contains(free, "Received 0 response(s)\n") {
		t.Error(free)
	}
	used := l.exec("h2", "sh", "-c", "arping -D -f -w 30 -I eth1 10.0.0.1; echo status $?")
	if !strings.Contains(used, "Received 1 response(s)\nstatus 1\n") {
		t.Error(used)
	}
	l.exec("h2", "arping", "-U", "-c", "1", "-I", "eth1", "10.0.0.2")
}

func TestDumpcap(t *testing.T) {
	if _, err := exec.LookPath("dumpcap"); err != nil {
		t.Skipf("left out: dumpcap may not be run here: %v", err)
	}
	need.Tool(t, "ping")
	l := newLab(t)
	p := l.start("File: -", "h1", "dumpcap", "-i", "eth1", "-f", "icmp", "-c", "2", "-w", "-")
	l.exec("h2", "ping", "-c", "2", "-i", "0.2", "10.0.0.1")
	out, errs := p.wait()
	if !strings.HasPrefix(out, "\n\r\r\n") || !strings.Contains(errs, "Packets captured: 2\n") { // pcapng's section header
		t.Errorf("%d bytes\n%s", len(out), errs)
	}
}
