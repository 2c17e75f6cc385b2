package badpackets

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"linen/uapi"
	"linen/wire"
)

// A testCase is one line of the table.
type testCase struct {
	name  string
	setup []step // before anything is counted
	steps []step
	waits bool // timers drop
}

// A step does something to the machine.
type step func(r *run) error

// run is a machine with the sockets of a case.
type run struct {
	m     machine
	socks []socket
	said  []string // what calls answered

	events monitor // of rtnetlink, or nil
}

// outcome is what was seen.
type outcome struct {
	said     []string // "send 100 bytes to 10.0.0.2:9: EMSGSIZE"
	packets  []string
	counters []string // "Ip.InReceives 1"
	drops    []string // reasons, each once
}

func (o *outcome) lines() []string {
	var list []string
	for _, s := range o.said {
		list = append(list, "call "+s)
	}
	for _, p := range o.packets {
		list = append(list, "sends "+p)
	}
	return append(list, "counts "+strings.Join(o.counters, ", "))
}

// play runs a case on a machine that is configured.
func (c *testCase) play(r *run) (*outcome, error) {
	for i, s := range c.setup {
		if err := s(r); err != nil {
			return nil, fmt.Errorf("setup %d: %w", i, err)
		}
	}
	r.m.heard()
	before, err := counters(r.m)
	if err != nil {
		return nil, err
	}
	if err := r.m.watch(c.waits); err != nil {
		return nil, err
	}
	for i, s := range c.steps {
		if err := s(r); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
	}
	o := &outcome{said: r.said}
	frames := r.m.heard()
	slices.SortStableFunc(frames, func(a, b sent) int { return a.dev - b.dev })
	for _, s := range frames {
		o.packets = append(o.packets, show(s))
	}
	after, err := counters(r.m)
	if err != nil {
		return nil, err
	}
	for name, v := range after {
		if d := v - before[name]; d != 0 {
			o.counters = append(o.counters, fmt.Sprintf("%s %d", name, d))
		}
	}
	slices.Sort(o.counters)
	o.drops, err = r.m.drops()
	slices.Sort(o.drops)
	o.drops = slices.Compact(o.drops)
	return o, err
}

// counters reads everything that counts packets.
func counters(m machine) (map[string]int64, error) {
	all := make(map[string]int64)
	for _, file := range []string{"snmp", "netstat"} {
		text, err := m.read(file)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(strings.TrimSpace(text), "\n")
		for i := 0; i+1 < len(lines); i += 2 {
			names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
			for j := 1; j < len(names) && j < len(values); j++ {
				v, err := strconv.ParseInt(values[j], 10, 64)
				if err != nil {
					return nil, err
				}
				all[strings.TrimSuffix(names[0], ":")+"."+names[j]] = v
			}
		}
	}
	text, err := m.read("dev")
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(text, "\n") {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		f := strings.Fields(rest)
		if !ok || len(f) < 12 || !strings.HasPrefix(name, "eth") && name != "pimreg" {
			continue
		}
		for i, col := range map[int]string{1: "rx_packets", 2: "rx_errors", 3: "rx_dropped", 9: "tx_packets", 10: "tx_errors", 11: "tx_dropped"} {
			all[name+"."+col], _ = strconv.ParseInt(f[i], 10, 64)
		}
	}
	return all, nil
}

// Steps.

func sysctl(name, value string) step { return func(r *run) error { return r.m.sysctl(name, value) } }

func route(typ uint8, dst, via string) step {
	return func(r *run) error { return r.m.ask(routeMsg(typ, dst, via)) }
}

func mtu(dev string, n uint32) step {
	return func(r *run) error { return r.m.ask(linkMsg(r.m.index(dev), nil, n)) }
}

func wait(d time.Duration) step { return func(r *run) error { r.m.wait(d); return nil } }

// rx shows the machine packets on eth0.
func rx(list ...ip) step { return on(0, list) }

// rx1 shows the machine packets on eth1.
func rx1(list ...ip) step { return on(1, list) }

func on(dev int, list []ip) step {
	return func(r *run) error {
		for _, p := range list {
			mac := hostMAC[dev]
			_, dst := p.addrs()
			switch {
			case p.mac != "":
				mac = wire.MustParseMAC(p.mac)
			case dst>>28 == 0xe:
				mac = wire.MAC{1, 0, 0x5e, byte(dst >> 16 & 0x7f), byte(dst >> 8), byte(dst)}
			case dst == 0xffffffff || p.dst == "10.0.0.255" || p.dst == "10.0.0.0":
				mac = broadcast
			}
			r.m.send(dev, eth(mac, peerMAC[dev], uapi.ETH_P_IP, p.bytes()))
		}
		return nil
	}
}

var broadcast = wire.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// frame shows the machine any frame on eth0.
func frame(dst wire.MAC, ether uint16, p []byte) step {
	return func(r *run) error { r.m.send(0, eth(dst, peerMAC[0], ether, p)); return nil }
}

// rxARP shows it an ARP packet.
func rxARP(dst wire.MAC, a arp) step { return frame(dst, uapi.ETH_P_ARP, a.bytes()) }

// open makes a socket: open(SOCK_DGRAM, 0, "10.0.0.1:5000", "10.0.0.2:6000").
// Streams listen; an address "" is left out.
func open(typ, proto int, bind, connect string) step {
	return func(r *run) error {
		s, err := r.m.socket(typ, proto)
		if err != nil {
			return err
		}
		r.socks = append(r.socks, s)
		if bind != "" {
			err = s.bind(netip.MustParseAddrPort(bind))
		}
		if err == nil && typ == uapi.SOCK_STREAM {
			err = s.listen(4)
		}
		if err == nil && connect != "" {
			err = s.connect(netip.MustParseAddrPort(connect))
		}
		return err
	}
}

var (
	udpServer = open(uapi.SOCK_DGRAM, 0, "0.0.0.0:7000", "")
	udpClient = open(uapi.SOCK_DGRAM, 0, "10.0.0.1:5000", "10.0.0.2:6000")
	tcpServer = open(uapi.SOCK_STREAM, 0, "0.0.0.0:80", "")
)

// option sets one of the last socket.
func option(level, name int, v []byte) step {
	return func(r *run) error { return r.socks[len(r.socks)-1].option(level, name, v) }
}

// read takes a message from the last socket, if there is one: UDP looks at
// checksums and counts then.
func read(r *run) error {
	_ = r.socks[len(r.socks)-1].recv() // what there is, is shown by the counters
	return nil
}

// probe sends a datagram of n bytes, which may be lost: it shows what the
// machine has learned.
func probe(to string, n int) step {
	return func(r *run) error {
		s, err := r.m.socket(uapi.SOCK_DGRAM, 0)
		if err == nil {
			_ = s.bind(netip.MustParseAddrPort("0.0.0.0:9999"))
			_ = s.sendto(netip.AddrPortFrom(netip.MustParseAddr(to), 9), seq(n)) // refused is an answer too
		}
		return err
	}
}

// table is all cases.
func table(t testing.TB) []testCase {
	t.Helper()
	var all []testCase
	for _, group := range [][]testCase{headerCases(), addressCases(), optionCases(), fragmentCases(), icmpCases(), icmpErrorCases(),
		udpCases(), tcpCases(), linkCases(), igmpCases(), forwardCases(), multicastCases(),
		sentOptionCases(), discoverCases(), streamOptionCases(), admittedCases(), receivedOptionCases(), sourceOptionCases(), routeTypeCases(), replyCases(),
		upcallCases(), mrouteCases(), pimCases(), answerCases()} {
		all = append(all, group...)
	}
	seen := make(map[string]bool)
	for _, c := range all {
		if seen[c.name] {
			t.Fatalf("two cases are called %q", c.name)
		}
		seen[c.name] = true
	}
	return all
}

// file holds what Linux did: "# name" begins a case. reasons holds what linen
// drops for: a case and its reasons a line.
const (
	file    = "testdata/linux-6.18.txt"
	reasons = "testdata/reasons.tsv"
)

// dropped reads the reasons of each case, sorted and parted by spaces.
func dropped(t testing.TB) map[string]string {
	t.Helper()
	text, err := os.ReadFile(reasons)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		name, list, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		all[name] = list
	}
	return all
}

// recorded reads the file: the lines of each case.
func recorded(t testing.TB) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all, name := make(map[string][]string), ""
	for _, line := range strings.Split(string(bytes.TrimRight(text, "\n")), "\n") {
		switch {
		case strings.HasPrefix(line, "# "):
			name = line[2:]
			all[name] = []string{}
		case line != "":
			all[name] = append(all[name], line)
		}
	}
	return all
}

// apart gives each counter a line.
func apart(lines []string) (list []string) {
	for _, l := range lines {
		if c, ok := strings.CutPrefix(l, "counts "); ok {
			list = append(list, strings.Split(c, ", ")...)
		} else {
			list = append(list, l)
		}
	}
	return list
}

// differences compares what was seen with what should be; each line says on
// which side it stands alone.
func differences(got, want []string) (list []string) {
	got, want = apart(got), apart(want)
	for _, l := range want {
		if !slices.Contains(got, l) {
			list = append(list, "- "+l)
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			list = append(list, "+ "+l)
		}
	}
	if len(list) == 0 && !slices.Equal(got, want) {
		list = append(list, "the same in another order or number: "+strings.Join(got, "; "))
	}
	return list
}
