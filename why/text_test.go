package why_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"linen/lib/impair"
	"linen/uapi"
	"linen/why"
)

var update = flag.Bool("update", false, "write the golden files anew")

// MACs and chosen ports are random; the golden files do not hold them.
var (
	macs  = regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}`)
	ports = regexp.MustCompile(`0\.0\.0\.0\.[0-9]+`)
)

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = ports.ReplaceAllString(macs.ReplaceAllString(got, "MAC"), "0.0.0.0.PORT")
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", name, got, want)
	}
}

// history notes what the world's lab file would have said.
func history() *why.History {
	h := new(why.History)
	h.NoteCommand("a", "ip addr add 10.1.0.2/24 dev eth0 && ip route add default via 10.1.0.1", "exec of a")
	h.NoteCommand("r", "sysctl -w net.ipv4.conf.eth0.rp_filter=1; ip rule add pref 50 to 10.2.0.0/16 prohibit", "exec of r")
	h.NoteCommand("r", "ip route add unreachable 10.9.0.0/16", "pid 7")
	return h
}

// TestDryRunText compares whole dry runs with testdata/*.txt.
func TestDryRunText(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		setup       func(x *world)
	}{
		{"arrives.txt", "a icmp 10.1.0.2 10.2.0.2", nil},
		{"known.txt", "a udp 10.2.0.2:9 df", func(x *world) { x.resolve(); x.socket(x.b, uapi.SOCK_DGRAM, 0, "10.2.0.2:9") }},
		{"noroute.txt", "a 10.99.0.1", nil},
		{"unreachable.txt", "a 10.9.0.1", func(x *world) { x.netlinkRoute(x.r, "10.9.0.0/16", uapi.RTN_UNREACHABLE) }},
		{"rule.txt", "a 10.2.0.2", func(x *world) { x.netlinkRule(x.r, 50, "10.2.0.0/16", uapi.FR_ACT_PROHIBIT) }},
		{"rpfilter.txt", "r 10.2.0.2 from 10.2.0.77 iif eth0", func(x *world) { x.sysctl(x.r, "net.ipv4.conf.eth0.rp_filter", "1") }},
		{"toobig.txt", "a udp 10.2.0.2:9 size 1400 df", func(x *world) { x.must(x.r.SetMTU("eth1", 600)) }},
		{"cut.txt", "a udp 10.2.0.2:9 size 1400", func(x *world) { x.must(x.r.SetMTU("eth1", 600)) }},
		{"nosource.txt", "a 10.2.0.2 from 10.77.0.1", nil},
		{"impaired.txt", "a icmp 10.2.0.2", func(x *world) { x.must(x.a.Impair("eth0", impair.Config{Loss: impair.Percent(10)})) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newWorld(t)
			if tt.setup != nil {
				tt.setup(x)
			}
			q, _, err := why.ParseQuery(fields(tt.query))
			x.must(err)
			r, err := why.Walk(x.nodes, q.From, q.Flow, history())
			x.must(err)
			var out strings.Builder
			x.must((&why.Printer{W: &out}).Report(r))
			golden(t, tt.name, out.String())
		})
	}
}

// TestDryRunLeavesNoTrace: asking changes neither neighbours nor counters.
func TestDryRunLeavesNoTrace(t *testing.T) {
	x := newWorld(t)
	x.watch()
	for range 3 {
		if _, err := why.Walk(x.nodes, "a", why.Flow{Dst: netip.MustParseAddr("10.2.0.2")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if seen := x.w.Take(); len(seen) != 0 {
		t.Errorf("the live view saw %d events of a dry run: %+v", len(seen), seen[0])
	}
	if d := x.a.Drops(); len(d) != 0 {
		t.Errorf("drops: %v", d)
	}
}

// TestLiveText compares what is seen with testdata/live*.txt.
func TestLiveText(t *testing.T) {
	ping := packet{src: "10.1.0.2", dst: "10.2.0.2", proto: uapi.IPPROTO_ICMP, payload: 56}
	for _, tt := range []struct {
		name string
		run  func(x *world)
	}{
		{"live.txt", func(x *world) {
			x.sysctl(x.b, "net.ipv4.icmp_echo_ignore_all", "1")
			x.inject(x.a, "eth0", ping)
		}},
		{"live-ttl.txt", func(x *world) {
			p := ping
			p.ttl = 1
			x.inject(x.a, "eth0", p)
		}},
		{"live-refused.txt", func(x *world) {
			x.netlinkRoute(x.a, "10.9.0.0/16", uapi.RTN_PROHIBIT)
			x.send(x.a, "10.9.0.1:9", 10)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newWorld(t)
			x.resolve()
			w := why.NewWatcher(x.nodes, why.Filter{}, history())
			defer w.Close()
			tt.run(x)
			var out strings.Builder
			p := &why.Printer{W: &out}
			for _, e := range w.Take() {
				x.must(p.Event(&e))
			}
			golden(t, tt.name, out.String())
		})
	}
}

// TestColour: words are painted only when the caller says so.
func TestColour(t *testing.T) {
	x := newWorld(t)
	r := walk(t, x.nodes, "a udp 10.2.0.2:9")
	var plain, colour strings.Builder
	x.must((&why.Printer{W: &plain}).Report(r))
	x.must((&why.Printer{W: &colour, Color: true}).Report(r))
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(colour.String(), "\x1b[31mDROP NO_SOCKET\x1b[0m") {
		t.Errorf("plain %q\ncolour %q", plain.String(), colour.String())
	}
}

// TestEventsAreJSON: each line is one object that reads back.
func TestEventsAreJSON(t *testing.T) {
	x := newWorld(t)
	x.watch()
	x.send(x.a, "10.2.0.2:9", 10)
	var out bytes.Buffer
	events := x.w.Take()
	for _, e := range events {
		x.must(why.WriteJSON(&out, e))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(events) {
		t.Fatalf("%d lines of %d events", len(lines), len(events))
	}
	for i, l := range lines {
		var e why.Event
		x.must(json.Unmarshal([]byte(l), &e))
		if e.Node != events[i].Node || e.Reason != events[i].Reason || e.ID != events[i].ID || !e.Time.Equal(events[i].Time) {
			t.Errorf("%s reads back as %+v", l, e)
		}
	}
}

// TestPacketKeepsItsNumber: the steps of one packet carry one number from node
// to node, another packet has another.
func TestPacketKeepsItsNumber(t *testing.T) {
	x := newWorld(t)
	x.resolve()
	x.watch()
	numbers := func() map[uint64][]string {
		at := make(map[uint64][]string)
		for _, e := range x.w.Take() {
			if e.Packet != nil && e.ID != 0 && strings.Contains(e.Packet.Text, "UDP, length") {
				at[e.ID] = append(at[e.ID], e.Node)
			}
		}
		return at
	}
	p := packet{src: "10.1.0.2", dst: "10.2.0.2", proto: uapi.IPPROTO_UDP, sport: 5, dport: 9}
	x.inject(x.a, "eth0", p)
	x.inject(x.a, "eth0", p)
	got := numbers()
	if len(got) != 2 {
		t.Fatalf("two packets that look the same have %d numbers: %v", len(got), got)
	}
	for id, nodes := range got {
		if text := strings.Join(nodes, ""); !strings.HasPrefix(text, "a") || !strings.HasSuffix(text, "b") || !strings.Contains(text, "r") {
			t.Errorf("packet %d was seen at %q", id, text)
		}
	}
}

// TestSlowReaderLosesEvents: the queue has an end, and what is lost is
// counted.
func TestSlowReaderLosesEvents(t *testing.T) {
	x := newWorld(t)
	x.resolve()
	x.watch()
	for range 600 {
		x.inject(x.a, "eth0", packet{src: "10.1.0.2", dst: "10.2.0.2", proto: uapi.IPPROTO_UDP})
	}
	if got := len(x.w.Take()); got != 4096 {
		t.Errorf("%d events wait, want 4096", got)
	}
	if x.w.Lost() == 0 {
		t.Error("nothing is counted as lost")
	}
}

// TestWatchEnds: Watch hands over what happened and returns with its context.
func TestWatchEnds(t *testing.T) {
	x := newWorld(t)
	f, err := why.ParseFilter("drops and udp and host 10.2.0.2")
	x.must(err)
	w := why.NewWatcher(x.nodes, f, nil)
	defer w.Close()
	x.send(x.a, "10.2.0.2:9", 10)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var got []string
	w.Run(ctx, func(e why.Event) { got = append(got, e.Reason) })
	if len(got) != 1 || got[0] != "NO_SOCKET" {
		t.Errorf("got %v, want one NO_SOCKET", got)
	}
	if lost := why.Watch(ctx, x.nodes, f, func(why.Event) {}); lost != 0 {
		t.Errorf("Watch lost %d", lost)
	}
}

// TestIgnoredARPIsSeen: a host that does not answer says which setting keeps
// it from doing so.
func TestIgnoredARPIsSeen(t *testing.T) {
	x := newWorld(t)
	x.sysctl(x.r, "net.ipv4.conf.eth0.arp_ignore", "8")
	x.watch()
	x.send(x.a, "10.2.0.2:9", 10)
	for _, e := range x.w.Take() {
		if e.Node == "r" && e.Verdict == "ignored" && e.By == "net.ipv4.conf.eth0.arp_ignore=8" && e.Packet.Proto == "arp" {
			return
		}
	}
	t.Error("no event names arp_ignore")
}
