package iptunnel_test

import (
	"bytes"
	"testing"
	"time"

	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/test/hosts"
	"linen/uapi"
	"linen/wire"
)

// header is an IPv4 header for what stands behind it.
func header(proto uint8, src, dst uint32, tos uint8, payload []byte) []byte {
	p := make([]byte, wire.IPv4HdrLen, wire.IPv4HdrLen+len(payload))
	h := (*wire.IPv4Hdr)(p)
	h.SetVerIHL(wire.IPv4HdrLen)
	h.SetTOS(tos)
	h.SetTotLen(wire.IPv4HdrLen + len(payload))
	h.SetTTL(64)
	h.SetProto(proto)
	h.SetSaddr(src)
	h.SetDaddr(dst)
	wire.SendCheck4(p)
	return append(p, payload...)
}

// icmpError is an error about a packet that quotes it.
func icmpError(typ, code uint8, rest uint32, quoted []byte) []byte {
	m := append([]byte{typ, code, 0, 0, byte(rest >> 24), byte(rest >> 16), byte(rest >> 8), byte(rest)}, quoted...)
	sum := csum.Checksum(m)
	m[2], m[3] = byte(sum>>8), byte(sum)
	return m
}

// FuzzReceive gives a router with a tunnel and tunl0 bytes from outside, as they
// are and with the checksum of the outer header right: nothing breaks, and nothing
// stays.
func FuzzReceive(f *testing.F) {
	const us, peer, inside, beyond = 0x0a000002, 0x0a000001, 0x0a090002, 0x0a090001
	inner := header(uapi.IPPROTO_UDP, beyond, inside, 0, []byte{0, 7, 0, 9, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8})
	ping := icmpError(wire.ICMPEcho, 0, 1, make([]byte, 40))
	sent := header(uapi.IPPROTO_IPIP, us, peer, 0, header(uapi.IPPROTO_UDP, inside, beyond, 0, make([]byte, 28)))
	for _, p := range [][]byte{
		header(uapi.IPPROTO_IPIP, peer, us, 0, inner),
		header(uapi.IPPROTO_IPIP, peer, us, 3, inner),
		header(uapi.IPPROTO_IPIP, peer, us, 1, header(uapi.IPPROTO_UDP, beyond, inside, 2, inner[20:])),
		header(uapi.IPPROTO_IPIP, peer, us, 0, header(uapi.IPPROTO_ICMP, beyond, inside, 0, ping)),
		header(uapi.IPPROTO_IPIP, peer, us, 0, inner[:19]),
		header(uapi.IPPROTO_IPIP, peer, us, 0, inner[:20]),
		header(uapi.IPPROTO_IPIP, peer, us, 0, append([]byte{0x60}, inner[1:]...)),
		header(uapi.IPPROTO_IPIP, peer, us, 0, header(uapi.IPPROTO_IPIP, peer, us, 0, header(uapi.IPPROTO_IPIP, beyond, inside, 3, inner))),
		header(uapi.IPPROTO_IPIP, 0x0a000063, us, 0, inner),
		header(uapi.IPPROTO_ICMP, peer, us, 0, icmpError(wire.ICMPDestUnreach, wire.ICMPFragNeeded, 600, sent)),
		header(uapi.IPPROTO_ICMP, peer, us, 0, icmpError(wire.ICMPDestUnreach, wire.ICMPHostUnreach, 0, sent)),
		header(uapi.IPPROTO_ICMP, peer, us, 0, icmpError(wire.ICMPTimeExceeded, 0, 0, sent[:28])),
		header(uapi.IPPROTO_ICMP, peer, us, 0, icmpError(wire.ICMPRedirect, 1, 0x0a000009, sent)),
	} {
		f.Add(p)
	}
	l := hosts.New(f)
	a, b := l.Host("a"), l.Router("b")
	must(f, l.Kernel.Link(a.Net, "eth0", b.Net, "eth0"))
	a.AddrOn("eth0", "10.0.0.1/24")
	b.AddrOn("eth0", "10.0.0.2/24")
	tunnel(b, "t0", "10.9.0.2/30", conf{local: "10.0.0.2", remote: "10.0.0.1", ttl: 9, tos: 1})
	must(f, b.Up("tunl0"))
	eth := dev.ByName(b.Namespace(), "eth0")
	f.Fuzz(func(t *testing.T, p []byte) {
		p = bytes.Clone(p[:min(len(p), 3000)])
		for range 2 {
			c := b.Namespace().Kernel().Enter(0)
			s := skb.Alloc(c, len(p))
			copy(s.Put(len(p)), p)
			s.Protocol = uapi.ETH_P_IP
			s.SetMacHeader(0)
			s.SetNetworkHeader(0)
			dev.Rx(c, eth, s)
			c.Exit()
			l.Clock.Settle()
			if len(p) >= wire.IPv4HdrLen {
				wire.SendCheck4(p)
			}
		}
		l.Clock.Advance(31 * time.Second)
		if q, mem := ipv4.FragMemory(b.Namespace()); q != 0 || mem != 0 {
			t.Fatalf("%d incomplete packets, %d bytes stay", q, mem)
		}
	})
}
