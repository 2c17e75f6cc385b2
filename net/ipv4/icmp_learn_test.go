package ipv4_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"linen/kern"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/neigh"
	"linen/net/netfilter"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// learner makes n believe the ICMP errors about its UDP packets.
func learner(n *netns.Net) {
	ipv4.AddProtocol(n, uapi.IPPROTO_UDP, &ipv4.Protocol{
		Recv: func(c *kern.CPU, b *skb.Buff) { b.Consume(c) },
		Err: func(c *kern.CPU, b *skb.Buff, e ipv4.ICMPErr) {
			switch {
			case e.Type == wire.ICMPRedirect:
				ipv4.RedirectFromICMP(c, n, b, e.Info)
			case e.Code == wire.ICMPFragNeeded:
				ipv4.PMTUFromICMP(c, n, b, int(e.Info))
			}
		},
	})
}

// way returns a's route to dst.
func (w *world) way(dst uint32) (rt *ipv4.Route) {
	w.on(func(c *kern.CPU) {
		f := ipv4.Flow{Daddr: dst}
		rt, _ = ipv4.RouteOutput(c, w.a, &f)
	})
	return rt
}

// TestForgedFragNeeded: what "fragmentation needed" may do (RFC 1191 §4).
func TestForgedFragNeeded(t *testing.T) {
	for _, tc := range []struct {
		name   string
		mtu    uint32
		disc   string // net.ipv4.ip_no_pmtu_disc
		want   int
		locked bool
	}{
		{"usual", 1300, "0", 1300, false},
		{"zero", 0, "0", 552, true},
		{"68", 68, "0", 552, true},
		{"larger than the link", 9000, "0", 1500, false},
		{"discovery off: unknown", 1300, "1", 552, true},
		{"ignored", 1300, "2", 1500, false},
		{"transport does not check", 1300, "3", 1500, false},
	} {
		w := newWorld(t)
		learner(w.a)
		w.set(w.a, "net/ipv4/ip_no_pmtu_disc", tc.disc)
		w.inject(device(w.a, "a0"), icmp(addrRA, addrA, 3, 4, tc.mtu, udp(addrA, addrB, 64)), skb.PacketHost)
		if rt := w.way(addrB); rt.MTU() != tc.want || rt.MTULocked() != tc.locked {
			t.Errorf("%s: MTU %d, locked %v", tc.name, rt.MTU(), rt.MTULocked())
		}
	}
}

// TestForgedRedirects are ignored but for the one of the present gateway to a
// neighbour (RFC 1122 §3.2.2.2).
func TestForgedRedirects(t *testing.T) {
	const better = 0x0a000063 // 10.0.0.99
	const log = "IPv4: Redirect from 10.0.0.2 on a0 about %s ignored\n  Advised path = 10.0.0.1 -> 10.0.1.1"
	for _, tc := range []struct {
		name     string
		from, to uint32
		accept   string
		followed bool
	}{
		{"from the gateway", addrRA, better, "1", true},
		{"from another", 0x0a000055, better, "1", false},
		{"to itself", addrRA, addrRA, "1", false},
		{"to us", addrRA, addrA, "1", false},
		{"to a group", addrRA, 0xe0000005, "1", false},
		{"to a broadcast", addrRA, 0x0a0000ff, "1", false},
		{"refused by the settings", addrRA, better, "0", false},
	} {
		w := newWorld(t)
		learner(w.a)
		w.set(w.a, "net/ipv4/conf/all/log_martians", "1")
		w.set(w.a, "net/ipv4/conf/all/accept_redirects", tc.accept)
		w.set(w.a, "net/ipv4/conf/a0/accept_redirects", tc.accept)
		nb, err := neigh.Of(w.a).V4.Create(device(w.a, "a0"), neigh.Key4(better), 0, false)
		if err != nil {
			t.Fatal(err)
		}
		nb.Update(nil, []byte{2, 0, 0, 0, 0, 9}, uapi.NUD_PERMANENT, neigh.Override|neigh.Admin, 0)
		w.inject(device(w.a, "a0"), icmp(tc.from, addrA, 5, 1, tc.to, udp(addrA, addrB, 64)), skb.PacketHost)
		want := uint32(addrRA)
		if tc.followed {
			want = tc.to
		}
		if got := w.way(addrB).Gateway; got != want {
			t.Errorf("%s: gateway %08x", tc.name, got)
		}
		if got := w.counter(w.a, mib.ICMPInRedirects); got != 1 {
			t.Errorf("%s: InRedirects %d", tc.name, got)
		}
		logged := ""
		if !tc.followed && tc.from == addrRA {
			logged = fmt.Sprintf(log, addrOf(tc.to))
		}
		if got := w.lines(w.a); strings.Join(got, "|") != logged {
			t.Errorf("%s: logged %q, want %q", tc.name, got, logged)
		}
	}
}

// addrOf returns an address in host order as netip has it.
func addrOf(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

// TestSecureRedirects: where the subnets of a link are not one
// (shared_media 0), the new gateway must be on ours, and with
// secure_redirects be the gateway of some route already.
func TestSecureRedirects(t *testing.T) {
	const better, other = 0x0a000063, 0x0a090063 // 10.0.0.99, 10.9.0.99
	for _, tc := range []struct {
		name           string
		shared, secure string
		known          bool
		to             uint32
		followed       bool
	}{
		{"shared media", "1", "1", false, better, true},
		{"not a gateway of ours", "0", "1", false, better, false},
		{"a gateway of ours", "0", "1", true, better, true},
		{"any, not secure", "0", "0", false, better, true},
		{"another subnet", "0", "0", false, other, false},
		{"another subnet, shared media", "1", "0", false, other, true},
	} {
		w := newWorld(t)
		learner(w.a)
		for _, d := range []string{"all", "a0"} {
			w.set(w.a, "net/ipv4/conf/"+d+"/shared_media", tc.shared)
			w.set(w.a, "net/ipv4/conf/"+d+"/secure_redirects", tc.secure)
		}
		if tc.known {
			w.ip(w.a, "route add 10.77.0.0/16 via 10.0.0.99")
		}
		nb, err := neigh.Of(w.a).V4.Create(device(w.a, "a0"), neigh.Key4(tc.to), 0, false)
		if err != nil {
			t.Fatal(err)
		}
		nb.Update(nil, []byte{2, 0, 0, 0, 0, 9}, uapi.NUD_PERMANENT, neigh.Override|neigh.Admin, 0)
		w.inject(device(w.a, "a0"), icmp(addrRA, addrA, 5, 1, tc.to, udp(addrA, addrB, 64)), skb.PacketHost)
		if got := w.way(addrB).Gateway == tc.to; got != tc.followed {
			t.Errorf("%s: followed %v", tc.name, got)
		}
	}
}

// TestErrorSource: the address that faces the sender, or with
// icmp_errors_use_inbound_ifaddr that of the device the packet came in by.
func TestErrorSource(t *testing.T) {
	for inbound, want := range map[string]uint32{"0": addrRB, "1": addrRA} {
		w := newWorld(t)
		w.set(w.r, "net/ipv4/icmp_errors_use_inbound_ifaddr", inbound)
		w.set(w.r, "net/ipv4/conf/all/rp_filter", "0")
		w.watch(w.b)
		p := udp(addrB, 0x0a000063, 64) // from b's address, but come in by ra
		(*wire.IPv4Hdr)(p).SetTTL(1)
		wire.SendCheck4(p)
		w.inject(device(w.r, "ra"), p, skb.PacketHost)
		w.clock.Advance(time.Second)
		in := w.packets(w.b, false)
		if len(in) != 1 || in[0].ip().Saddr() != want {
			t.Errorf("inbound_ifaddr=%s: b received %v", inbound, in)
		}
	}
}

// TestMarkReflected: fwmark_reflect gives answers the request's mark.
func TestMarkReflected(t *testing.T) {
	for reflect, want := range map[string]uint32{"0": 0, "1": 7} {
		w := newWorld(t)
		w.set(w.b, "net/ipv4/fwmark_reflect", reflect)
		p := netfilter.PointsOf(w.b)
		p.Add(&netfilter.Hook{Family: netfilter.IPv4, Num: netfilter.PreRouting, Name: "mark", Fn: func(c *kern.CPU, b *skb.Buff, st netfilter.State) netfilter.Verdict {
			b.Mark = 7
			return netfilter.Accept
		}})
		got := uint32(99)
		p.Add(&netfilter.Hook{Family: netfilter.IPv4, Num: netfilter.LocalOut, Name: "see", Fn: func(c *kern.CPU, b *skb.Buff, st netfilter.State) netfilter.Verdict {
			got = b.Mark
			return netfilter.Accept
		}})
		w.inject(device(w.b, "b0"), echoPacket(), skb.PacketHost)
		if got != want {
			t.Errorf("fwmark_reflect=%s: mark %d", reflect, got)
		}
	}
}

// TestHooks see a packet at each point, in order, and a drop on the way out is
// the sender's EPERM.
func TestHooks(t *testing.T) {
	w := newWorld(t)
	var seen []string
	verdict := netfilter.Accept
	for name, n := range map[string]*netns.Net{"a": w.a, "r": w.r, "b": w.b} {
		for num := netfilter.PreRouting; num <= netfilter.PostRouting; num++ {
			netfilter.PointsOf(n).Add(&netfilter.Hook{Family: netfilter.IPv4, Num: num, Name: "see", Fn: func(c *kern.CPU, b *skb.Buff, st netfilter.State) netfilter.Verdict {
				seen = append(seen, name+" "+st.Hook.String())
				return verdict
			}})
		}
	}
	if err := w.send(w.a, addrB, icmp(0, 0, 0, 0, 0, nil)[20:], nil); err != nil { // an echo reply: nobody answers
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	want := []string{"a output", "a postrouting", "r prerouting", "r forward", "r postrouting", "b prerouting", "b input"}
	if len(seen) != len(want) {
		t.Fatalf("hooks %v", seen)
	}
	for i := range want {
		if seen[i] != want[i] {
			t.Errorf("hooks %v", seen)
		}
	}
	verdict = netfilter.Drop
	if err := w.send(w.a, addrB, echo(8), nil); err != errno.EPERM {
		t.Errorf("dropped at output: %v", err)
	}
}

// TestXmitRaw are IP_HDRINCL's rules (raw(7)).
func TestXmitRaw(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	raw := func(p []byte) (err error) {
		w.on(func(c *kern.CPU) {
			f := ipv4.Flow{Daddr: addrB}
			s := ipv4.Send{}
			s.Route, _ = ipv4.RouteOutput(c, w.a, &f)
			s.Src = f.Saddr
			err = s.XmitRaw(c, skb.From(c, p))
		})
		return err
	}
	p := udp(0, addrB, 64)
	p[2], p[3], p[10] = 9, 9, 9
	if err := raw(p); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	out := w.packets(w.a, true)
	if len(out) != 1 {
		t.Fatalf("sent %v", out)
	}
	if h := out[0].ip(); h.Saddr() != addrA || h.TotLen() != 64 || h.ID() == 0 || !wire.VerifyCheck4(out[0].data) {
		t.Errorf("header % x", h[:])
	}
	for name, bad := range map[string]struct {
		p   []byte
		err error
	}{
		"too long for the device": {udp(0, addrB, 1501), errno.EMSGSIZE},
		"shorter than a header":   {p[:19], errno.EINVAL},
		"header length 4 words":   {append([]byte{0x44}, p[1:]...), errno.EINVAL},
		"header length 15 words":  {append([]byte{0x4f}, p[1:40]...), errno.EINVAL},
	} {
		if err := raw(bad.p); err != bad.err {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestIdentifications: no packet of a flow has its neighbour's, a connected
// socket counts, and 0 is for what nobody may cut.
func TestIdentifications(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	last := map[uint16]bool{}
	for i := range 200 {
		if err := w.send(w.a, addrB, echo(8), func(s *ipv4.Send) { s.PMTU = uapi.IP_PMTUDISC_DONT }); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(time.Millisecond)
		out := w.packets(w.a, true)
		if len(out) != 1 || last[out[0].ip().ID()] {
			t.Fatalf("packet %d: %v", i, out)
		}
		last[out[0].ip().ID()] = true
	}
	w.send(w.a, addrB, echo(8), func(s *ipv4.Send) { s.PMTU = uapi.IP_PMTUDISC_DO })
	if out := w.packets(w.a, true); len(out) != 1 || out[0].ip().ID() != 0 {
		t.Errorf("with DF: %v", out)
	}
}

// TestPathSysctls have Linux 6.18's defaults and ranges.
func TestPathSysctls(t *testing.T) {
	w := newWorld(t)
	tree := sysctl.Of(w.a)
	for name, want := range map[string]string{
		"ip_default_ttl": "64", "ip_no_pmtu_disc": "0", "ip_nonlocal_bind": "0", "ip_early_demux": "1",
		"ip_forward_update_priority": "1", "ip_forward_use_pmtu": "0", "fwmark_reflect": "0", "ip_dynaddr": "0",
		"ipfrag_high_thresh": "4194304", "ipfrag_low_thresh": "3145728", "ipfrag_time": "30", "ipfrag_max_dist": "64",
		"icmp_echo_ignore_all": "0", "icmp_echo_ignore_broadcasts": "1", "icmp_ignore_bogus_error_responses": "1",
		"icmp_errors_use_inbound_ifaddr": "0", "icmp_ratelimit": "1000", "icmp_ratemask": "6168",
		"icmp_msgs_per_sec": "1000", "icmp_msgs_burst": "50", "igmp_qrv": "2", "igmp_link_local_mcast_reports": "1",
	} {
		if got, err := tree.Get("net/ipv4/" + name); err != nil || got != want+"\n" {
			t.Errorf("%s = %q, %v", name, got, err)
		}
	}
	for _, bad := range []string{ // refused by 6.18 as well
		"ip_default_ttl=0", "ip_default_ttl=256", "ip_default_ttl=x", "ip_early_demux=256", "ip_dynaddr=300",
		"icmp_ratelimit=-1", "icmp_msgs_per_sec=-1", "icmp_msgs_burst=-1", "icmp_echo_ignore_all=2", "igmp_qrv=0",
		"icmp_ignore_bogus_error_responses=3", "icmp_errors_use_inbound_ifaddr=4", "ip_forward_update_priority=2",
		"ipfrag_low_thresh=5000000", "ipfrag_high_thresh=1000", "ipfrag_max_dist=-1",
	} {
		name, v, _ := strings.Cut(bad, "=")
		if err := tree.Set("net/ipv4/"+name, v); err != errno.EINVAL {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, good := range []string{
		"ip_no_pmtu_disc=4", "ipfrag_time=0", "ip_early_demux=7", "ip_nonlocal_bind=2", "fwmark_reflect=3",
		"icmp_ratemask=-1", "ip_forward_use_pmtu=2", "tcp_early_demux=2", "igmp_link_local_mcast_reports=2",
	} {
		name, v, _ := strings.Cut(good, "=")
		if err := tree.Set("net/ipv4/"+name, v); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}
