package ipv4_test

import (
	"bytes"
	"testing"
	"time"

	"linen/kern"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// FuzzReceive gives bytes to a router and to a host, as they are and with the
// header checksum right: nothing may panic, and nothing may stay.
func FuzzReceive(f *testing.F) {
	f.Add(udp(addrA, addrB, 64), uint8(0))
	f.Add(udp(addrA, addrB, 1500), uint8(1))
	f.Add(echoPacket(), uint8(0))
	f.Add(piece(1, 0, 16, true), uint8(0))
	f.Add(piece(1, 65528, 16, false), uint8(2))
	f.Add(icmp(addrA, addrB, 3, 4, 1300, udp(addrB, addrA, 64)), uint8(0))
	f.Add(icmp(addrRA, addrA, 5, 1, 0x0a000063, udp(addrA, addrB, 64)), uint8(0))
	f.Add(icmp(addrA, addrB, 13, 0, 0, make([]byte, 12)), uint8(0))
	f.Add(options(addrB, 7, 7, 4, 0, 0, 0, 0), uint8(0))
	f.Add(options(addrRA, 131, 7, 4, 10, 0, 1, 1), uint8(0))
	f.Add(options(addrB, 68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0), uint8(0))
	f.Add(igmpPacket([]byte{0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0}), uint8(2))
	w := newWorld(f)
	for _, n := range []*netns.Net{w.r, w.b} {
		w.set(n, "net/ipv4/conf/all/accept_source_route", "1")
	}
	ipv4.SetPing(w.b, func(c *kern.CPU, b *skb.Buff) bool { return false }, func(c *kern.CPU, b *skb.Buff, e ipv4.ICMPErr) {
		ipv4.PMTUFromICMP(c, w.b, b, int(e.Info))
		ipv4.RedirectFromICMP(c, w.b, b, e.Info)
	})
	f.Fuzz(func(t *testing.T, p []byte, kind uint8) {
		p = bytes.Clone(p[:min(len(p), 4000)])
		for range 2 {
			w.inject(device(w.r, "ra"), p, kind%4)
			w.inject(device(w.b, "b0"), p, kind%4)
			wire.SendCheck4(p)
		}
		w.clock.Advance(31 * time.Second)
		for _, n := range []*netns.Net{w.a, w.r, w.b} {
			if q, mem := ipv4.FragMemory(n); q != 0 || mem != 0 {
				t.Fatalf("%d incomplete packets, %d bytes stay", q, mem)
			}
		}
	})
}

func echoPacket() []byte { return icmp(addrA, addrB, wire.ICMPEcho, 0, 1, make([]byte, 56)) }

// fragModel is a slow reassembly of one packet: what stands at each byte, and
// in which run of fragments it came (Linux's rule for duplicates looks at
// runs).
type fragModel struct {
	run  [4096]uint16 // 0: nothing yet; 255*8+255 is the last
	runs uint16
	last uint16 // the run that ends highest
	top  int    // the highest end
	end  int    // of the packet, -1: unknown
	have int
	dead bool
}

// add returns whether the packet is whole now; dead packets begin anew.
func (m *fragModel) add(off, size int, more bool) (whole bool) {
	end := off + size
	if more {
		end &^= 7
	}
	switch {
	case m.dead, !more && (end < m.top || m.end >= 0 && end != m.end), more && m.end >= 0 && end > m.end, end <= off:
		m.dead = true
		return false
	}
	if !more {
		m.end = end
	}
	present, same := 0, true
	for i := off; i < end; i++ {
		if m.run[i] != 0 {
			present++
			same = same && m.run[i] == m.run[off]
		}
	}
	defer func() { m.top = max(m.top, end) }()
	switch {
	case present == end-off && same:
		return false // a duplicate
	case present > 0:
		m.dead = true
		return false
	}
	id := m.last
	if id == 0 || off != m.top || m.run[off-1] != id {
		m.runs++
		id = m.runs
	}
	for i := off; i < end; i++ {
		m.run[i] = id
	}
	if end > m.top {
		m.last = id
	}
	m.have += end - off
	return m.have == m.end && m.run[0] != 0
}

// FuzzReassembly compares reassembly with fragModel. Three bytes make a
// fragment: where it begins, how long it is, whether more follow.
func FuzzReassembly(f *testing.F) {
	f.Add([]byte{0, 16, 1, 2, 16, 1, 4, 5, 0})
	f.Add([]byte{4, 5, 0, 2, 16, 1, 0, 16, 1})
	f.Add([]byte{0, 24, 1, 1, 8, 1, 3, 5, 0})
	f.Add([]byte{0, 24, 1, 2, 16, 1})
	f.Add([]byte{2, 8, 0, 3, 8, 0})
	w := newWorld(f)
	w.set(w.b, "net/ipv4/ipfrag_max_dist", "0")
	var got [][]byte
	receiver(w.b, &got)
	id := uint16(0)
	f.Fuzz(func(t *testing.T, in []byte) {
		id++
		got = nil
		m := &fragModel{end: -1}
		want := 0
		for ; len(in) >= 3; in = in[3:] {
			off, size, more := int(in[0])*8, int(in[1]), in[2]&1 != 0
			if off == 0 && !more {
				continue // no fragment
			}
			w.inject(device(w.b, "b0"), piece(id, off, size, more), skb.PacketHost)
			if m.add(off, size, more) {
				want++
				m = &fragModel{end: -1}
				if len(got) != want || len(got[want-1]) == 0 {
					t.Fatalf("%d packets, want %d", len(got), want)
				}
			}
			if m.dead {
				m = &fragModel{end: -1}
			}
			if len(got) != want {
				t.Fatalf("%d packets, want %d", len(got), want)
			}
		}
		for _, p := range got {
			if !bytes.Equal(p, sequence(len(p))) {
				t.Fatalf("payload % x", p)
			}
		}
		w.clock.Advance(31 * time.Second)
	})
}

// FuzzOptions sends with options that compile, and sends those that do not
// from the outside; answers record on. Nothing may panic, and no header may
// leave that is malformed.
func FuzzOptions(f *testing.F) {
	f.Add([]byte{7, 39, 4})
	f.Add([]byte{68, 36, 5, 1})
	f.Add([]byte{68, 12, 5, 3, 10, 0, 1, 1})
	f.Add([]byte{131, 11, 4, 10, 0, 0, 2, 10, 0, 1, 1})
	f.Add([]byte{137, 7, 8, 10, 0, 0, 1, 7, 7, 4, 0, 0, 0, 0})
	f.Add([]byte{1, 1, 148, 4, 0, 0, 134, 4, 9, 9})
	w := newWorld(f)
	for _, n := range []*netns.Net{w.a, w.r, w.b} {
		w.set(n, "net/ipv4/conf/all/accept_source_route", "1")
		w.watch(n)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = raw[:min(len(raw), 40)]
		w.inject(device(w.r, "ra"), options(addrB, raw...), skb.PacketHost)
		w.inject(device(w.b, "b0"), options(addrB, raw...), skb.PacketHost)
		if o, err := ipv4.CompileOptions(w.a, raw); err == nil {
			w.send(w.a, addrB, echo(8), func(s *ipv4.Send) { s.Options, s.PMTU = o, uapi.IP_PMTUDISC_DONT })
		}
		w.clock.Advance(5 * time.Second)
		for _, n := range []*netns.Net{w.a, w.r, w.b} {
			for _, p := range w.packets(n, true) {
				if h := p.ip(); h.IHL() < 20 || h.IHL() > len(p.data) || !wire.VerifyCheck4(p.data) {
					t.Fatalf("sent % x", p.data)
				}
			}
		}
	})
}
