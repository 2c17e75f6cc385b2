package ipv4_test

import (
	"strings"
	"testing"
	"time"

	"linen/drivers/net/vrf"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// addVRF makes a VRF, up, with ports.
func addVRF(t *testing.T, n *netns.Net, name string, table uint32, ports ...string) *dev.Device {
	t.Helper()
	n.Lock()
	defer n.Unlock()
	v, err := vrf.New(n, name, table)
	if err == nil {
		err = dev.Open(v)
	}
	for _, p := range ports {
		if err == nil {
			err = dev.SetMaster(dev.ByName(n, p), v.Ifindex())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVRFTables: a VRF's ports have their routes in its table, local ones too;
// a rule of priority 1000 comes with the first VRF; who is bound to the VRF or
// to a port asks its table, everybody else asks the others (vrf.rst).
func TestVRFTables(t *testing.T) {
	clock, n := uplinks(t)
	red := addVRF(t, n, "red", 10, "a0")
	clock.Advance(2 * time.Second)
	i := newIP(t, n)
	if got := i.run("rule "); !strings.Contains(got, "1000:	from all lookup ") {
		t.Errorf("rules:\n%s", got)
	}
	if got := i.run("route show table 10"); !strings.Contains(got, "10.1.0.0/24 dev a0 proto kernel scope link src 10.1.0.2") ||
		!strings.Contains(got, "local 10.1.0.2 dev a0") {
		t.Errorf("the VRF's table:\n%s", got)
	}
	if got := i.run("route show table local"); strings.Contains(got, "10.1.0") {
		t.Errorf("the local table:\n%s", got)
	}
	script(t, n, "route add 8.0.0.0/8 via 10.1.0.9 table 10", "route add unreachable default metric 4278198272 table 10")
	for _, c := range []struct {
		rule, dst, src string
		oif            int
		dev            string
		err            error
	}{
		{"bound to the VRF", "8.0.0.1", "10.1.0.2", red.Ifindex(), "a0", nil},
		{"bound to a port", "8.0.0.1", "10.1.0.2", dev.ByName(n, "a0").Ifindex(), "a0", nil},
		{"not bound", "8.0.0.1", "10.2.0.2", 0, "a1", nil},
		{"bound, and no route in the VRF", "10.2.0.1", "", red.Ifindex(), "", errno.EHOSTUNREACH},
		{"the VRF's own address", "10.1.0.2", "10.1.0.2", red.Ifindex(), "red", nil},
	} {
		f := ipv4.Flow{Daddr: num(c.dst), OIF: c.oif}
		rt, err := ipv4.RouteOutput(nil, n, &f)
		switch {
		case err != c.err:
			t.Errorf("%s: %v, want %v", c.rule, err, c.err)
		case err == nil && (rt.Dev.Name() != c.dev || f.Saddr != num(c.src)):
			t.Errorf("%s: by %s from %x", c.rule, rt.Dev.Name(), f.Saddr)
		}
	}
	if a, b := ipv4.AddrTypeIn(n, red.Ifindex(), num("10.1.0.2")), ipv4.AddrTypeIn(n, 0, num("10.1.0.2")); a != uapi.RTN_LOCAL || b == uapi.RTN_LOCAL {
		t.Errorf("the address is of type %d in the VRF, %d outside", a, b)
	}
	n.Lock()
	dev.SetMaster(dev.ByName(n, "a0"), 0)
	n.Unlock()
	if got := i.run("route show table 10"); strings.Contains(got, "a0") {
		t.Errorf("the table of a VRF without ports:\n%s", got)
	}
	if got := i.run("route show table local"); !strings.Contains(got, "local 10.1.0.2 dev a0") {
		t.Errorf("the local table of the port that left:\n%s", got)
	}
}

// TestVRFPing: a request that comes in by a port of a VRF is answered from it,
// by its table, though the main table knows another way.
func TestVRFPing(t *testing.T) {
	w := newWorld(t)
	addVRF(t, w.r, "red", 10, "ra")
	w.clock.Advance(2 * time.Second)
	w.ip(w.r, "route add 10.0.0.0/24 via 10.0.1.1")
	w.ip(w.r, "route add unreachable default metric 4278198272 table 10")
	w.watch(w.a)
	if err := w.send(w.a, addrRA, echo(8), nil); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	if in := w.packets(w.a, false); len(in) != 1 || in[0].ip().Saddr() != addrRA {
		t.Errorf("a received %v", in)
	}
	// Forwarding stays inside: rb is not in the VRF.
	w.watch(w.b)
	if err := w.send(w.a, addrB, echo(8), nil); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	if in := w.packets(w.b, false); len(in) != 0 { // but for the table, 10.0.1.1 is reached by rb
		t.Errorf("b received %v", in)
	}
}

// TestAddressOfVRFGone: with an address only the routes of its own table that
// have it as their source go; an onlink gateway must not be an address of this
// host in the device's table, whatever device has it (fib_tests.sh,
// fib-onlink-tests.sh).
func TestAddressOfVRFGone(t *testing.T) {
	clock, n := uplinks(t)
	addVRF(t, n, "red", 10, "a0")
	clock.Advance(2 * time.Second)
	i := newIP(t, n)
	script(t, n, "addr add 10.5.0.1/24 dev a0", "addr add 10.5.0.1/24 dev a1",
		"route add 7.0.0.0/8 via 10.1.0.9 src 10.5.0.1 table 10", "route add 7.0.0.0/8 via 10.2.0.9 src 10.5.0.1",
		"route add 6.0.0.0/8 via 10.2.0.9 src 10.5.0.1 table 77")
	for _, line := range []string{
		"route add 5.0.0.0/8 via 10.1.0.2 dev a0 onlink table 10", "route add 5.0.0.0/8 via 10.2.0.2 dev a1 onlink",
		"route add 5.0.0.0/8 via 127.0.0.1 dev a1 onlink",
	} {
		if got := i.run(line); !strings.Contains(got, "Nexthop has invalid gateway") {
			t.Errorf("%s: %q", line, got)
		}
	}
	has := func(table string, prefix string) bool {
		return strings.Contains(i.run("route show table "+table), prefix)
	}
	script(t, n, "addr del 10.5.0.1/24 dev a0")
	if has("10", "7.0.0.0/8") || !has("main", "7.0.0.0/8") {
		t.Error("the VRF's address took the wrong routes with it")
	}
	script(t, n, "addr del 10.5.0.1/24 dev a1")
	if has("main", "7.0.0.0/8") || !has("77", "6.0.0.0/8") {
		t.Error("the other address took the wrong routes with it")
	}
}
