package ipv4_test

import (
	"testing"
	"time"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/neigh"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// uplinks is a host with a default route by a0 and by a1.
func uplinks(t *testing.T) (*kern.ManualClock, *netns.Net) {
	clock, n := newHost(t)
	script(t, n, "link set a1p up", "link set a1 up", "addr add 10.1.0.2/24 dev a0", "addr add 10.2.0.2/24 dev a1",
		"route add default nexthop via 10.1.0.1 nexthop via 10.2.0.1")
	clock.Settle()
	return clock, n
}

// fail makes the neighbour at an address of the device with an index failed.
func fail(t *testing.T, n *netns.Net, index byte, addr uint32) {
	change(t, n, uapi.RTM_NEWNEIGH, func(m *netlink.Msg) {
		h := m.Grow(12)
		h[0], h[4], h[8] = uapi.AF_INET, index, uapi.NUD_FAILED
		m.BE32(uapi.NDA_DST, addr)
	})
}

// TestMultipathUsesNeighbours: a gateway that is known not to answer is passed
// over only with net.ipv4.fib_multipath_use_neigh.
func TestMultipathUsesNeighbours(t *testing.T) {
	_, n := uplinks(t)
	fail(t, n, 3, num("10.1.0.1"))
	each := func(f *ipv4.Flow, i uint32) { f.Saddr, f.Hash = 0, i*1<<26+1 }
	if got := gateways(t, n, each); got != 2 {
		t.Errorf("%d gateways by default, want both", got)
	}
	sysctl.Of(n).Set("net/ipv4/fib_multipath_use_neigh", "1")
	for i := range uint32(64) {
		f := ipv4.Flow{Daddr: num("8.0.0.1"), Hash: i*1<<26 + 1}
		if rt, err := ipv4.RouteOutput(nil, n, &f); err != nil || rt.Gateway != num("10.2.0.1") {
			t.Fatalf("a flow goes by %x, %v", rt.Gateway, err)
		}
	}
}

// TestMultipathAndSource: a sender without an address gets that of the next
// hop's device; one that is bound to an address leaves by the device that has
// it (6.15).
func TestMultipathAndSource(t *testing.T) {
	_, n := uplinks(t)
	for i := range uint32(64) {
		f := ipv4.Flow{Daddr: num("8.0.0.1"), Hash: i*1<<26 + 1}
		rt, err := ipv4.RouteOutput(nil, n, &f)
		if err != nil || f.Saddr>>8 != rt.Gateway>>8 {
			t.Fatalf("source %x by gateway %x, %v", f.Saddr, rt.Gateway, err)
		}
		for _, src := range []string{"10.1.0.2", "10.2.0.2"} {
			f := ipv4.Flow{Daddr: num("8.0.0.1"), Saddr: num(src), Hash: i*1<<26 + 1}
			if rt, err := ipv4.RouteOutput(nil, n, &f); err != nil || rt.Gateway>>8 != num(src)>>8 {
				t.Fatalf("bound to %s: gateway %x, %v", src, rt.Gateway, err)
			}
		}
	}
}

// TestPathMTUIsEveryNextHops: what is learned about a destination at one next
// hop holds for the way by the other too.
func TestPathMTUIsEveryNextHops(t *testing.T) {
	_, n := uplinks(t)
	by := func(src string) *ipv4.Route {
		rt, err := ipv4.RouteOutput(nil, n, &ipv4.Flow{Daddr: num("8.0.0.1"), Saddr: num(src)})
		if err != nil {
			t.Fatal(err)
		}
		return rt
	}
	ipv4.UpdatePMTU(nil, n, by("10.1.0.2"), num("8.0.0.1"), 1300)
	if a, b := by("10.1.0.2").MTU(), by("10.2.0.2").MTU(); a != 1300 || b != 1300 {
		t.Errorf("MTU %d by the next hop that learned, %d by the other", a, b)
	}
}

// TestICMPErrorFollowsItsFlow: a router with two ways to an anycast server
// sends an ICMP error the way of the flow that it is about, whatever router it
// comes from.
func TestICMPErrorFollowsItsFlow(t *testing.T) {
	w := newWorld(t)
	w.ip(w.r, "route add 10.7.0.0/24 nexthop via 10.0.1.1 dev rb nexthop via 10.0.0.1 dev ra")
	w.set(w.r, "net/ipv4/conf/ra/send_redirects", "0")
	w.set(w.r, "net/ipv4/conf/all/send_redirects", "0")
	w.watch(w.r)
	server := num("10.7.0.1")
	way := func(p []byte) string {
		t.Helper()
		w.inject(device(w.r, "ra"), p, skb.PacketHost)
		w.clock.Advance(time.Second)
		for _, p := range w.packets(w.r, true) {
			if p.ip().Daddr() == server {
				return p.dev
			}
		}
		t.Fatal("nothing forwarded")
		return ""
	}
	ways := map[string]int{}
	for i := range uint32(32) {
		client := 0x14000001 + i
		flow := way(udp(client, server, 40))
		report := way(icmp(0x1e000001+i, server, wire.ICMPTimeExceeded, 0, 0, udp(server, client, 40)[:28]))
		if ways[flow]++; flow != report {
			t.Errorf("the flow leaves by %s, the error about it by %s", flow, report)
		}
	}
	if len(ways) != 2 {
		t.Errorf("flows leave by %v", ways)
	}
}

// TestBroadcastAddressHasNoFailedNeighbour: an address that becomes a
// broadcast address loses its unresolved neighbour entry, so that the next
// packet to it makes the right one; a resolved one stays (fib_tests.sh,
// ipv4_bcast_neigh).
func TestBroadcastAddressHasNoFailedNeighbour(t *testing.T) {
	_, n := newHost(t)
	a0 := dev.ByName(n, "a0")
	fail(t, n, byte(a0.Ifindex()), num("10.1.0.111"))
	fail(t, n, byte(a0.Ifindex()), num("10.1.0.255"))
	fail(t, n, byte(a0.Ifindex()), num("10.1.0.9"))
	script(t, n, "addr add 10.1.0.2/24 broadcast 10.1.0.111 dev a0")
	for _, c := range []struct {
		addr string
		want bool
	}{{"10.1.0.111", false}, {"10.1.0.255", false}, {"10.1.0.9", true}} {
		if got := neigh.Of(n).V4.Find(a0, neigh.Key4(num(c.addr))) != nil; got != c.want {
			t.Errorf("%s has an entry: %v", c.addr, got)
		}
	}
}

// TestMultipathRouteGoesWithItsDevice: while a device is down its next hops
// are passed over; when it is deleted the whole route goes, and the next hops
// of an object's group go one by one (fib_tests.sh, unregister).
func TestMultipathRouteGoesWithItsDevice(t *testing.T) {
	_, n := uplinks(t)
	script(t, n, "link set a1 down")
	if _, err := ipv4.RouteOutput(nil, n, &ipv4.Flow{Daddr: num("8.0.0.1")}); err != nil {
		t.Errorf("one device down: %v", err)
	}
	n.Lock()
	dev.Unregister(dev.ByName(n, "a1"))
	n.Unlock()
	if _, err := ipv4.RouteOutput(nil, n, &ipv4.Flow{Daddr: num("8.0.0.1")}); err != errno.ENETUNREACH {
		t.Errorf("one device deleted: %v, want ENETUNREACH", err)
	}
}

// TestMultipathSpread: flows take the next hops by their weights, to within
// two in a hundred of all flows, under either policy.
func TestMultipathSpread(t *testing.T) {
	const flows = 20000
	for _, policy := range []string{"0", "1"} {
		_, n := newHost(t)
		script(t, n, "addr add 10.1.0.2/24 dev a0",
			"route add default nexthop via 10.1.0.1 weight 1 nexthop via 10.1.0.9 weight 3 nexthop via 10.1.0.7 weight 4")
		tree := sysctl.Of(n)
		tree.Set("net/ipv4/fib_multipath_hash_seed", "77")
		tree.Set("net/ipv4/fib_multipath_hash_policy", policy)
		took := map[uint32]int{}
		for i := range uint32(flows) {
			f := ipv4.Flow{Daddr: num("8.0.0.1"), Saddr: num("10.1.0.2"), Proto: uapi.IPPROTO_TCP, DPort: 80}
			if policy == "0" {
				f.Daddr += i
			} else {
				f.SPort = uint16(1024 + i)
			}
			rt, err := ipv4.RouteOutput(nil, n, &f)
			if err != nil {
				t.Fatal(err)
			}
			took[rt.Gateway]++
		}
		for gw, weight := range map[string]int{"10.1.0.1": 1, "10.1.0.9": 3, "10.1.0.7": 4} {
			if off := took[num(gw)] - flows*weight/8; off < -flows/50 || off > flows/50 {
				t.Errorf("policy %s: %s took %d of %d flows, its weight is %d of 8", policy, gw, took[num(gw)], flows, weight)
			}
		}
	}
}
