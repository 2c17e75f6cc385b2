package iptunnel_test

import (
	"testing"

	"linen/kern"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/test/hosts"
	"linen/uapi"
	"linen/wire"
)

// experimental is a protocol number for tests (RFC 3692).
const experimental = 253

// TestNoAllocation: a packet that goes into a tunnel on one host and comes out on
// the other one costs no allocation on its way.
func TestNoAllocation(t *testing.T) {
	l := hosts.New(t)
	a, b := l.Host("a"), l.Host("b")
	must(t, l.Kernel.Link(a.Net, "eth0", b.Net, "eth0")) // without the lab's capture
	a.AddrOn("eth0", "10.0.0.1/24")
	b.AddrOn("eth0", "10.0.0.2/24")
	d := tunnel(a, "t0", "10.9.0.1/30", conf{local: "10.0.0.1", remote: "10.0.0.2"})
	tunnel(b, "t0", "10.9.0.2/30", conf{local: "10.0.0.2", remote: "10.0.0.1"})
	a.MustPing(addr("10.9.0.2"))
	got, n := 0, a.Namespace()
	must(t, ipv4.AddProtocol(b.Namespace(), experimental, &ipv4.Protocol{Recv: func(c *kern.CPU, p *skb.Buff) {
		got++
		p.Drop(c, b.Namespace(), skb.ReasonNotSpecified)
	}}))
	send := func() {
		c := n.Kernel().Enter(0)
		f := ipv4.Flow{Daddr: 0x0a090002, Saddr: 0x0a090001}
		rt, err := ipv4.RouteOutput(c, n, &f)
		if err != nil {
			t.Fatal(err)
		}
		p := skb.Alloc(c, 256)
		p.Reserve(128)
		h := (*wire.IPv4Hdr)(p.Put(64))
		h.SetVerIHL(20)
		h.SetTotLen(64)
		h.SetTTL(64)
		h.SetProto(experimental)
		h.SetSaddr(f.Saddr)
		h.SetDaddr(f.Daddr)
		wire.SendCheck4(h[:])
		p.Protocol, p.Dst, p.Dev = uapi.ETH_P_IP, rt, d
		p.SetNetworkHeader(0)
		d.Ops.Xmit(c, d, p)
		c.Exit()
	}
	const warm, runs = 500, 500
	for range warm {
		send()
	}
	if allocs := testing.AllocsPerRun(runs, send); allocs >= 1 {
		t.Errorf("%v allocations a packet", allocs)
	}
	l.Clock.Settle()
	if got != warm+1+runs {
		t.Errorf("%d packets arrived", got)
	}
}
