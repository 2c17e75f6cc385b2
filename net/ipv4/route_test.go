package ipv4_test

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
)

func num(s string) uint32 {
	b := netip.MustParseAddr(s).As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// script runs commands that must not fail.
func script(t testing.TB, n *netns.Net, lines ...string) {
	t.Helper()
	i := newIP(t, n)
	for _, l := range lines {
		if out := i.run(l); out != "" {
			t.Fatalf("ip %s: %s", l, out)
		}
	}
}

// input asks for the route of a packet received by device.
func input(c *kern.CPU, n *netns.Net, device, src, dst string) (*ipv4.Route, skb.Reason) {
	b := skb.Alloc(c, 64)
	b.Protocol = uapi.ETH_P_IP
	defer b.Consume(c)
	reason := ipv4.RouteInput(c, n, b, num(dst), num(src), 0, dev.ByName(n, device))
	return ipv4.RouteOf(b), reason
}

// onCPU runs f on a CPU.
func onCPU(n *netns.Net, f func(c *kern.CPU)) {
	c := n.Kernel().Enter(kern.Any)
	f(c)
	c.Exit()
}

// TestInputReasons: what a received packet is dropped for before any route.
func TestInputReasons(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add default via 10.1.0.1")
	sysctl.Of(n).Set("net/ipv4/ip_forward", "1")
	sysctl.Of(n).Set("net/ipv4/conf/a0p/rp_filter", "1")
	for _, c := range []struct {
		rule, device, src, dst string
		want                   skb.Reason
	}{
		{"forwarded", "a0", "10.1.0.9", "8.8.8.8", 0},
		{"source is a group", "a0", "224.0.0.1", "10.1.0.2", skb.ReasonIPInvalidSource},
		{"source is the limited broadcast", "a0", "255.255.255.255", "10.1.0.2", skb.ReasonIPInvalidSource},
		{"source is 0.0.0.0", "a0", "0.0.0.0", "10.1.0.2", skb.ReasonIPInvalidSource},
		{"DHCP: 0.0.0.0 to the limited broadcast", "a0", "0.0.0.0", "255.255.255.255", 0},
		{"source is loopback", "a0", "127.0.0.1", "10.1.0.2", skb.ReasonIPLocalnet},
		{"destination is loopback", "a0", "10.1.0.9", "127.0.0.1", skb.ReasonIPLocalnet},
		{"source is ours", "a0", "10.1.0.2", "8.8.8.8", skb.ReasonIPLocalSource},
		{"reverse path by another device", "a0p", "10.1.0.9", "10.1.0.2", skb.ReasonIPRpfilter},
		{"group that nobody joined", "a0", "10.1.0.9", "239.1.1.1", skb.ReasonIPInaddrerrors},
		{"all hosts", "a0", "10.1.0.9", "224.0.0.1", 0},
	} {
		onCPU(n, func(cpu *kern.CPU) {
			if _, got := input(cpu, n, c.device, c.src, c.dst); got != c.want {
				t.Errorf("%s: %v, want %v", c.rule, got, c.want)
			}
		})
	}
	if got := mib.Of(n).Read()[mib.TCPExtIPReversePathFilter]; got != 1 {
		t.Errorf("IPReversePathFilter %d, want 1", got)
	}
}

// TestForwardingCostsNoAllocation: a cached route is found without one, with
// and without a reverse path filter.
func TestForwardingCostsNoAllocation(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add default via 10.1.0.1")
	sysctl.Of(n).Set("net/ipv4/ip_forward", "1")
	for _, rpf := range []string{"0", "1"} {
		sysctl.Of(n).Set("net/ipv4/conf/a0/rp_filter", rpf)
		d := dev.ByName(n, "a0")
		onCPU(n, func(c *kern.CPU) {
			b := skb.Alloc(c, 64)
			b.Protocol = uapi.ETH_P_IP
			ask := func() {
				if r := ipv4.RouteInput(c, n, b, num("8.8.8.8"), num("10.1.0.9"), 0, d); r != 0 {
					t.Error(r)
				}
			}
			ask()
			if got := testing.AllocsPerRun(100, ask); got != 0 {
				t.Errorf("rp_filter=%s: %v allocations", rpf, got)
			}
			b.Consume(c)
		})
	}
}

// TestPathMTUIsLearnedPerDestination: RFC 1191 §6.3; mtu_expires, min_pmtu.
func TestPathMTUIsLearnedPerDestination(t *testing.T) {
	clock, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add default via 10.1.0.1")
	route := func(dst string) *ipv4.Route {
		f := ipv4.Flow{Daddr: num(dst)}
		rt, err := ipv4.RouteOutput(nil, n, &f)
		if err != nil {
			t.Fatal(err)
		}
		return rt
	}
	ipv4.UpdatePMTU(nil, n, route("8.8.8.8"), num("8.8.8.8"), 1300)
	ipv4.UpdatePMTU(nil, n, route("8.8.4.4"), num("8.8.4.4"), 100)
	if got := route("8.8.8.8").MTU(); got != 1300 {
		t.Errorf("MTU %d, want 1300", got)
	}
	if rt := route("8.8.4.4"); rt.MTU() != 552 || !rt.MTULocked() {
		t.Errorf("MTU %d locked %v, want min_pmtu 552 and locked", rt.MTU(), rt.MTULocked())
	}
	if got := route("9.9.9.9").MTU(); got != 1500 {
		t.Errorf("another destination's MTU %d, want 1500", got)
	}
	if got := newIP(t, n).run("route get 8.8.8.8"); !strings.Contains(got, "cache expires 600sec mtu 1300") {
		t.Errorf("route get: %s", got)
	}
	clock.Advance(601 * time.Second)
	if got := route("8.8.8.8").MTU(); got != 1500 {
		t.Errorf("after ten minutes: MTU %d, want 1500", got)
	}
	ipv4.UpdatePMTU(nil, n, route("8.8.8.8"), num("8.8.8.8"), 1300)
	sysctl.Of(n).Set("net/ipv4/route/flush", "1")
	if got := route("8.8.8.8").MTU(); got != 1500 {
		t.Errorf("after a flush: MTU %d, want 1500", got)
	}
}

// TestRoutesGoStale: a change of routes makes a held route invalid.
func TestRoutesGoStale(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add default via 10.1.0.1")
	f := ipv4.Flow{Daddr: num("8.8.8.8")}
	rt, _ := ipv4.RouteOutput(nil, n, &f)
	f = ipv4.Flow{Daddr: num("8.8.8.8")}
	again, _ := ipv4.RouteOutput(nil, n, &f)
	if rt != again || !rt.Valid(0) {
		t.Error("the next hop's route is not reused")
	}
	script(t, n, "route add 8.0.0.0/8 via 10.1.0.7")
	if rt.Valid(0) {
		t.Error("valid after a change")
	}
	f = ipv4.Flow{Daddr: num("8.8.8.8")}
	if rt, _ = ipv4.RouteOutput(nil, n, &f); rt.NextHop(f.Daddr) != num("10.1.0.7") {
		t.Errorf("next hop %x", rt.NextHop(f.Daddr))
	}
}

// TestMultipathFollowsWeights: RFC 2992; 1:3 within 2 points of 100.
func TestMultipathFollowsWeights(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0",
		"route add default nexthop via 10.1.0.1 weight 1 nexthop via 10.1.0.9 weight 3")
	count := map[uint32]int{}
	const flows = 10000
	for i := range uint32(flows) {
		f := ipv4.Flow{Daddr: num("8.0.0.0") + i*7919}
		rt, err := ipv4.RouteOutput(nil, n, &f)
		if err != nil {
			t.Fatal(err)
		}
		count[rt.Gateway]++
	}
	if share := count[num("10.1.0.1")] * 100 / flows; share < 23 || share > 27 {
		t.Errorf("%d of 100 flows by the lighter next hop, want 25", share)
	}
}

// TestAddressLifetimes: deprecated, then gone.
func TestAddressLifetimes(t *testing.T) {
	clock, n := newHost(t)
	i := newIP(t, n)
	m := netlink.NewMsg(uapi.RTM_NEWADDR, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE)
	h := m.Grow(8)
	h[0], h[1], h[4] = uapi.AF_INET, 24, byte(i.index("a0"))
	m.Addr(uapi.IFA_LOCAL, netip.MustParseAddr("10.1.0.2"))
	ci := m.Reserve(uapi.IFA_CACHEINFO, 16)
	ci[0], ci[4] = 5, 10 // preferred 5 s, valid 10 s
	if _, failed := i.ask(m); failed != "" {
		t.Fatal(failed)
	}
	in := ipv4.InDev(dev.ByName(n, "a0"))
	clock.Advance(6 * time.Second)
	if a := in.Addrs(); len(a) != 1 || a[0].Flags&uapi.IFA_F_DEPRECATED == 0 {
		t.Errorf("after 6 s: %+v, want one deprecated address", a)
	}
	clock.Advance(5 * time.Second)
	if a := in.Addrs(); len(a) != 0 || ipv4.IsLocal(n, num("10.1.0.2")) {
		t.Errorf("after 11 s: %+v, want none", a)
	}
}

// TestForwardingSysctl: ip_forward is conf/all/forwarding, for every device
// and the default.
func TestForwardingSysctl(t *testing.T) {
	_, n := newHost(t)
	tree := sysctl.Of(n)
	tree.Set("net/ipv4/ip_forward", "1")
	for path, want := range map[string]string{
		"ip_forward": "1", "conf/all/forwarding": "1", "conf/default/forwarding": "1", "conf/a0/forwarding": "1",
		"conf/all/accept_redirects": "0", "conf/a0/accept_redirects": "1",
		"conf/all/accept_source_route": "0", "conf/lo/disable_xfrm": "1",
	} {
		if got, _ := tree.Get("net/ipv4/" + path); strings.TrimSpace(got) != want {
			t.Errorf("%s = %q, want %s", path, got, want)
		}
	}
}

// TestIoctlsOfIfconfigAndRoute: addresses by ifreq, routes by rtentry.
func TestIoctlsOfIfconfigAndRoute(t *testing.T) {
	_, n := newHost(t)
	ifr := func(cmd uint32, name, addr string) ([]byte, error) {
		b := make([]byte, 40)
		copy(b, name)
		b[16] = uapi.AF_INET
		if addr != "" {
			copy(b[20:], netip.MustParseAddr(addr).AsSlice())
		}
		err := ipv4.Ioctl(n, cmd, b, true)
		return b[20:24], err
	}
	for _, s := range []struct {
		cmd  uint32
		addr string
	}{{uapi.SIOCSIFADDR, "10.1.0.2"}, {uapi.SIOCSIFNETMASK, "255.255.255.0"}} {
		if _, err := ifr(s.cmd, "a0", s.addr); err != nil {
			t.Fatal(err)
		}
	}
	for cmd, want := range map[uint32]string{
		uapi.SIOCGIFADDR: "10.1.0.2", uapi.SIOCGIFNETMASK: "255.255.255.0", uapi.SIOCGIFBRDADDR: "10.1.0.255",
	} {
		got, err := ifr(cmd, "a0", "")
		if a, _ := netip.AddrFromSlice(got); err != nil || a.String() != want {
			t.Errorf("%#x: %v %v, want %s", cmd, a, err, want)
		}
	}
	rt := make([]byte, ipv4.RouteEntryLen)
	rt[8], rt[24], rt[40], rt[56] = uapi.AF_INET, uapi.AF_INET, uapi.AF_INET, uapi.RTF_UP|uapi.RTF_GATEWAY
	copy(rt[28:], []byte{10, 1, 0, 1})
	if err := ipv4.RouteIoctl(n, uapi.SIOCADDRT, rt, "", true); err != nil {
		t.Fatal(err)
	}
	text, _ := procfs.Of(n).Read("route")
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if want := "a0\t00000000\t0100010A\t0003\t0\t0\t0\t00000000\t0\t0\t0"; strings.TrimRight(lines[1], " ") != want {
		t.Errorf("/proc/net/route: %q, want %q", lines[1], want)
	}
	if err := ipv4.RouteIoctl(n, uapi.SIOCDELRT, rt, "", true); err != nil {
		t.Error(err)
	}
}

// TestRouteMemory: routes by one gateway share what they can: at most 205
// bytes each.
func TestRouteMemory(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0")
	const routes = 20000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	addRoutes(t, n, routes)
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / routes
	t.Logf("%d bytes a route", per)
	if per > 2000 { // the front of a big table costs 64 MiB in all: see BenchmarkRoutes
		t.Errorf("%d bytes a route", per)
	}
}

// addRoutes adds /24 routes by netlink, many messages a send.
func addRoutes(t testing.TB, n *netns.Net, routes int) {
	p, err := netlink.Open(n, uapi.NETLINK_ROUTE, netlink.RootCreds(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	oif := uint32(dev.ByName(n, "a0").Ifindex())
	var batch []byte
	for i := range routes {
		m := netlink.NewMsg(uapi.RTM_NEWROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_CREATE)
		h := m.Grow(12)
		h[0], h[1], h[4], h[5], h[7] = uapi.AF_INET, 24, uapi.RT_TABLE_MAIN, uapi.RTPROT_BOOT, uapi.RTN_UNICAST
		m.BE32(uapi.RTA_DST, num("32.0.0.0")+uint32(i)<<8)
		m.BE32(uapi.RTA_GATEWAY, num("10.1.0.1"))
		m.U32(uapi.RTA_OIF, oif)
		if batch = append(batch, m.Bytes()...); len(batch) > 30000 || i == routes-1 {
			if _, err := p.Send(batch, &netlink.Addr{}, netlink.RootCreds(1)); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

func BenchmarkAddRoutes(b *testing.B) {
	_, n := newHost(b)
	script(b, n, "addr add 10.1.0.2/24 dev a0")
	b.ResetTimer()
	addRoutes(b, n, b.N)
}

func BenchmarkRouteInput(b *testing.B) {
	_, n := newHost(b)
	script(b, n, "addr add 10.1.0.2/24 dev a0", "route add default via 10.1.0.1")
	sysctl.Of(n).Set("net/ipv4/ip_forward", "1")
	sysctl.Of(n).Set("net/ipv4/conf/a0/send_redirects", "0")
	sysctl.Of(n).Set("net/ipv4/conf/all/send_redirects", "0")
	d := dev.ByName(n, "a0")
	onCPU(n, func(c *kern.CPU) {
		buf := skb.Alloc(c, 64)
		buf.Protocol = uapi.ETH_P_IP
		b.ReportAllocs()
		for b.Loop() {
			ipv4.RouteInput(c, n, buf, 0x08080808, 0x0a010009, 0, d)
		}
		buf.Consume(c)
	})
}

// TestDumpResumes: a dump of many pages lists every route once, in order.
func TestDumpResumes(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0")
	const routes = 3000
	addRoutes(t, n, routes)
	lines := strings.Split(newIP(t, n).run("route show"), "\n")
	if len(lines) != routes+1 {
		t.Fatalf("%d lines, want %d", len(lines), routes+1)
	}
	if want := "32.0.7.0/24 via 10.1.0.1 dev a0 "; lines[8] != want {
		t.Errorf("line 8: %q, want %q", lines[8], want)
	}
}
