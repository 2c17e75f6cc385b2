package why_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"linen"
	"linen/lib/impair"
	"linen/test/hosts"
	"linen/why"
)

// nodesOf names hosts as why knows them.
func nodesOf(list ...*hosts.Host) (nodes []why.Node) {
	for _, h := range list {
		nodes = append(nodes, why.Node{Name: h.Name(), Net: h.Namespace()})
	}
	return nodes
}

func walk(t *testing.T, nodes []why.Node, query string) *why.Report {
	t.Helper()
	q, ok, err := why.ParseQuery(fields(query))
	if !ok || err != nil {
		t.Fatalf("%q: %v", query, err)
	}
	r, err := why.Walk(nodes, q.From, q.Flow, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// way is the devices that a dry run passes.
func way(r *why.Report) string {
	var s []string
	for _, e := range r.Steps {
		at := e.Node + ":" + e.Device
		if e.Device != "" && (len(s) == 0 || s[len(s)-1] != at) {
			s = append(s, at)
		}
	}
	return strings.Join(s, " ")
}

// switched is three hosts at a switch: 10.0.0.1 to 10.0.0.3, ports p1 to p3.
func switched(t *testing.T) (l *hosts.Lab, sw *hosts.Host, h []*hosts.Host) {
	l = hosts.New(t)
	sw = l.Host("sw")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(sw.AddLink("br0", "bridge"))
	must(sw.Up("br0"))
	for i, name := range []string{"h1", "h2", "h3"} {
		host := l.Host(name)
		n := string(rune('1' + i))
		l.Link(host, "eth0 10.0.0."+n+"/24", sw, "p"+n)
		must(sw.SetMaster("p"+n, "br0"))
		h = append(h, host)
	}
	l.Clock.Settle()
	return l, sw, h
}

// TestWalkThroughABridge: the frame goes the way that the forwarding database
// knows, or to all ports.
func TestWalkThroughABridge(t *testing.T) {
	_, sw, h := switched(t)
	nodes := nodesOf(append(h, sw)...)
	r := walk(t, nodes, "h1 icmp 10.0.0.3")
	if !r.Arrives() || way(r) != "h1:eth0 sw:p1 sw:br0 sw:p3 h3:eth0" {
		t.Errorf("%s\n%+v", way(r), r.Last())
	}
	flooded := false
	for _, e := range r.Steps {
		flooded = flooded || e.Point == "bridge" && e.Verdict == "flood"
	}
	if !flooded {
		t.Error("an unknown address is not flooded")
	}
	h[0].MustPing(h[2].Addr())
	r = walk(t, nodes, "h1 icmp 10.0.0.3")
	learned := false
	for _, e := range r.Steps {
		learned = learned || e.Point == "bridge" && e.Verdict == "forward" && strings.Contains(e.By, "was learned on p3")
	}
	if !r.Arrives() || !learned {
		t.Errorf("%s: the learned port is not named: %+v", way(r), r.Steps)
	}
	if err := sw.Down("p3"); err != nil {
		t.Fatal(err)
	}
	r = walk(t, nodes, "h1 icmp 10.0.0.3")
	if r.Arrives() {
		t.Errorf("arrives by a port that is down: %s", way(r))
	}
}

// TestWalkToTheBridgeItself: an address of br0 is local to the switch.
func TestWalkToTheBridgeItself(t *testing.T) {
	_, sw, h := switched(t)
	if err := sw.AddAddr("br0", netip.MustParsePrefix("10.0.0.9/24")); err != nil {
		t.Fatal(err)
	}
	nodes := nodesOf(append(h, sw)...)
	if r := walk(t, nodes, "h1 icmp 10.0.0.9"); !r.Arrives() || r.Last().Device != "br0" {
		t.Errorf("%s: %+v", way(r), r.Last())
	}
	if r := walk(t, nodes, "sw icmp 10.0.0.2"); !r.Arrives() || way(r) != "sw:br0 sw:p2 h2:eth0" {
		t.Errorf("%s: %+v", way(r), r.Last())
	}
}

// TestWalkEndsInALoop: two routers that send to each other end by TTL, cables
// between two switches by a bound.
func TestWalkEndsInALoop(t *testing.T) {
	l := hosts.New(t)
	a, b := l.Router("a"), l.Router("b")
	l.Link(a, "eth0 10.0.0.1/24", b, "eth0 10.0.0.2/24")
	a.Route("default", "10.0.0.2")
	b.Route("default", "10.0.0.1")
	r := walk(t, nodesOf(a, b), "a 10.9.9.9 from 10.0.0.77 iif eth0")
	if got := r.Last(); got.Reason != "TTL_EXPIRED" || !strings.Contains(got.Change, "loop") {
		t.Errorf("ends with %+v", got)
	}
	s1, s2 := l.Host("s1"), l.Host("s2")
	for _, s := range []*hosts.Host{s1, s2} {
		if err := s.AddLink("br0", "bridge"); err != nil {
			t.Fatal(err)
		}
		if err := s.Up("br0"); err != nil {
			t.Fatal(err)
		}
	}
	// A frame would circle for ever: the cables are so long that none arrives
	// while the clock stands.
	for _, p := range []string{"p1", "p2", "p3", "p4"} {
		l.Link(s1, p, s2, p).Impair(impair.Config{Delay: time.Hour})
		for _, s := range []*hosts.Host{s1, s2} {
			if err := s.SetMaster(p, "br0"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s1.AddAddr("br0", netip.MustParsePrefix("10.5.0.1/24")); err != nil {
		t.Fatal(err)
	}
	if r := walk(t, nodesOf(s1, s2), "s1 10.5.0.7"); r.Last().Reason != "NEIGH_FAILED" {
		t.Errorf("ends with %+v", r.Last())
	}
}

// TestWalkOtherFates: what else a dry run finds.
func TestWalkOtherFates(t *testing.T) {
	x := newWorld(t)
	x.must(x.a.AddLink("dummy0", "dummy"))
	x.must(x.a.Up("dummy0"))
	x.must(x.a.AddAddr("dummy0", netip.MustParsePrefix("192.0.2.1/24")))
	x.must(x.r.AddRoute(linen.Route{Dst: netip.MustParsePrefix("10.66.0.0/16"), Via: netip.MustParseAddr("10.1.0.2")}))
	for _, tt := range []struct {
		query string
		kind  why.Kind
		has   string // of some step, parts with |
	}{
		{"a 10.1.0.2", why.KindArrive, "local 10.1.0.2"},
		{"a 127.0.0.1", why.KindArrive, "local"},
		{"a 192.0.2.9", why.KindLeave, "what is behind dummy0 is not known"},
		{"a 10.1.0.255", why.KindArrive, "broadcast 10.1.0.255"},
		{"a 10.66.0.1", why.KindDrop, "the sender had better ask 10.1.0.2 itself"},
		{"a tcp 10.2.0.2:80", why.KindDrop, ""},
		{"a 10.2.0.2 size 1600 df", why.KindRefuse, "link eth0 has MTU 1500"},
		{"r 10.2.0.2 from 10.1.0.2 iif eth0", why.KindArrive, "forward"},
	} {
		r := walk(t, x.nodes, tt.query)
		found := false
		for _, e := range r.Steps {
			found = found || has(e.By+e.Verdict, tt.has)
		}
		if tt.query == "a tcp 10.2.0.2:80" && r.Arrives() {
			continue // there is TCP
		}
		if r.Last().Kind != tt.kind || !found {
			t.Errorf("%s: %+v\n%+v", tt.query, *r.Last(), r.Steps)
		}
	}
	for _, bad := range []string{"z 10.0.0.1", "a 10.0.0.1 from 10.1.0.2 iif eth9", "a 10.0.0.1 iif eth0", "a ::1"} {
		q, _, err := why.ParseQuery(fields(bad))
		x.must(err)
		if _, err := why.Walk(x.nodes, q.From, q.Flow, nil); err == nil {
			t.Errorf("%q is answered", bad)
		}
	}
}

// TestWalkBack: the answer's way is walked too, where it is asked for.
func TestWalkBack(t *testing.T) {
	x := newWorld(t)
	r := walk(t, x.nodes, "a icmp 10.2.0.2 back")
	if !r.Arrives() || r.Last().Node != "a" || way(r) != "a:eth0 r:eth0 r:eth1 b:eth0 r:eth1 r:eth0 a:eth0" {
		t.Errorf("%s: %+v", way(r), r.Last())
	}
	x.delDefault(x.b)
	r = walk(t, x.nodes, "a icmp 10.2.0.2 back")
	if got := r.Last(); got.Node != "b" || got.Kind != why.KindRefuse || got.Reason != "IP_OUTNOROUTES" {
		t.Errorf("without a way back: %+v", got)
	}
	if r := walk(t, x.nodes, "a icmp 10.2.0.2"); !r.Arrives() {
		t.Errorf("one way: %+v", r.Last())
	}
}
