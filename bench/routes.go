package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"

	"linen"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/netlink"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

const (
	million   = 1 << 20
	coldFlows = 1 << 16
	perSend   = 100 // messages in one sendmsg, as ip -batch does
)

// prefixes returns n different prefixes outside 10.0.0.0/8 with the lengths of
// a full Internet table, roughly, in random order.
func prefixes(n int) []netip.Prefix {
	r := rand.New(rand.NewPCG(1, 2))
	seen := make(map[netip.Prefix]bool, n)
	list := make([]netip.Prefix, 0, n)
	for len(list) < n {
		bits := [...]int{24, 24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19, 18, 16}[r.IntN(14)]
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 11<<24+r.Uint32N(212<<24))
		if a[0] == 127 {
			continue
		}
		p := netip.PrefixFrom(netip.AddrFrom4(a), bits).Masked()
		if !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	return list
}

// A loader sends the same netlink request again and again, with another
// address each time, many to a sendmsg, and waits for the last one's
// acknowledgement.
type loader struct {
	conn *linen.NetlinkConn
	buf  []byte
	n    int // messages in buf
}

func (l *loader) add(template []byte, set func(msg []byte)) {
	at := len(l.buf)
	l.buf = append(l.buf, template...)
	set(l.buf[at:])
	if l.n++; l.n == perSend {
		l.flush()
	}
}

func (l *loader) flush() {
	if l.n == 0 {
		return
	}
	last := l.buf[len(l.buf)-len(l.buf)/l.n:]
	flags := binary.NativeEndian.Uint16(last[6:])
	binary.NativeEndian.PutUint16(last[6:], flags|uapi.NLM_F_ACK)
	check(l.conn.Send(l.buf))
	reply := must(l.conn.Receive(context.Background()))
	if e := int32(binary.NativeEndian.Uint32(reply[16:])); e != 0 {
		fatal(fmt.Errorf("netlink: error %d", -e))
	}
	l.buf, l.n = l.buf[:0], 0
}

// addRoutes adds a route by 10.2.0.2 for every prefix.
func addRoutes(n *linen.Net, list []netip.Prefix) {
	m := netlink.NewMsg(uapi.RTM_NEWROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_CREATE|uapi.NLM_F_EXCL)
	h := uapi.RtMsg{Family: uapi.AF_INET, Table: uapi.RT_TABLE_MAIN, Protocol: uapi.RTPROT_BOOT, Type: uapi.RTN_UNICAST}
	m.Put((&h).Append(nil))
	m.Addr(uapi.RTA_DST, netip.IPv4Unspecified())
	m.Addr(uapi.RTA_GATEWAY, netip.MustParseAddr("10.2.0.2"))
	m.U32(uapi.RTA_OIF, uint32(dev.ByName(n.Namespace(), "out0").Ifindex()))
	l := loader{conn: must(n.Netlink(uapi.NETLINK_ROUTE))}
	defer l.conn.Close()
	const dstLen, dst = 16 + 1, 16 + 12 + 4 // in struct nlmsghdr, struct rtmsg and its first attribute
	for _, p := range list {
		l.add(m.Bytes(), func(msg []byte) {
			msg[dstLen] = uint8(p.Bits())
			a := p.Addr().As4()
			copy(msg[dst:], a[:])
		})
	}
	l.flush()
}

// liveHeap returns the bytes that are in use.
func liveHeap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// routesSubjects adds a million routes; the turns before are closed.
func routesSubjects() []subject {
	list := prefixes(million)
	var r *router
	before := 0
	return []subject{{name: "linen", count: million, turns: 2, run: func(n int) {
		if r != nil {
			r.k.Close()
		}
		r = newRouter(1, 24)
		before = liveHeap()
		addRoutes(r.net, list[:n])
	}, note: func() string {
		return fmt.Sprintf("%d B retained a route", (liveHeap()-before)/million)
	}, stop: func() { r.k.Close() }}}
}

// coldPackets returns packets to one random address in each of n prefixes.
func coldPackets(list []netip.Prefix, n int) [][]byte {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([][]byte, n)
	for i := range out {
		p := list[r.IntN(len(list))]
		a := p.Addr().As4()
		out[i] = packet(i, binary.BigEndian.Uint32(a[:])|r.Uint32()>>p.Bits())
	}
	return out
}

func bigForwardSubjects() []subject {
	r, list := newRouter(1, 24), prefixes(million)
	addRoutes(r.net, list)
	frames := framesFor(r.in, coldPackets(list, coldFlows))
	return []subject{{name: "linen", run: func(n int) { r.forward(0, n, frames) }, stop: func() { r.k.Close() }}}
}

// routeInputSubjects asks for the route of one packet again and again.
func routeInputSubjects() []subject {
	r := newRouter(1, 24)
	frame := framesFor(r.in, packets())[0]
	p := frame[wire.EthHdrLen:]
	h := (*wire.IPv4Hdr)(p)
	return []subject{{name: "linen", run: func(n int) {
		c := r.k.Engine().EnterCPU(0)
		defer c.Exit()
		b := skb.From(c, p)
		b.Dev, b.Protocol = r.in, uapi.ETH_P_IP
		b.SetNetworkHeader(0)
		for range n {
			b.Dst = nil
			if reason := ipv4.RouteInput(c, r.net.Namespace(), b, h.Daddr(), h.Saddr(), 0, r.in); reason != 0 {
				fatal(fmt.Errorf("not routed: %v", reason))
			}
		}
		b.Consume(c)
	}, stop: func() { r.k.Close() }}}
}

// onLink is the i-th of the neighbours of 10.2.0.0/15, in an order that jumps.
func onLink(i int) uint32 { return 10<<24 | 2<<16 | 16 + uint32(i)*40503%coldFlows }

// addNeighbours adds the first n of onLink.
func addNeighbours(r *router, n int) {
	m := netlink.NewMsg(uapi.RTM_NEWNEIGH, uapi.NLM_F_REQUEST|uapi.NLM_F_CREATE|uapi.NLM_F_REPLACE)
	h := uapi.NdMsg{Family: uapi.AF_INET, Ifindex: int32(dev.ByName(r.net.Namespace(), "out0").Ifindex()), State: uapi.NUD_PERMANENT}
	m.Put(h.Append(nil))
	m.Addr(uapi.NDA_DST, netip.IPv4Unspecified())
	m.Attr(uapi.NDA_LLADDR, r.peer)
	l := loader{conn: must(r.net.Netlink(uapi.NETLINK_ROUTE))}
	defer l.conn.Close()
	const dst = 16 + 12 + 4 // in struct nlmsghdr, struct ndmsg and its first attribute
	for i := range n {
		l.add(m.Bytes(), func(msg []byte) { binary.BigEndian.PutUint32(msg[dst:], onLink(i)) })
	}
	l.flush()
}

func neighSubjects() []subject {
	var r *router
	before := 0
	return []subject{{name: "linen", count: coldFlows, run: func(n int) {
		if r != nil {
			r.k.Close()
		}
		r = newRouter(1, 14)
		before = liveHeap()
		addNeighbours(r, n)
	}, note: func() string {
		return fmt.Sprintf("%d B retained a neighbour", (liveHeap()-before)/coldFlows)
	}, stop: func() { r.k.Close() }}}
}

func neighForwardSubjects() []subject {
	r := newRouter(1, 14)
	addNeighbours(r, coldFlows)
	list := make([][]byte, coldFlows)
	for i := range list {
		list[i] = packet(i, onLink(i))
	}
	frames := framesFor(r.in, list)
	return []subject{{name: "linen", run: func(n int) { r.forward(0, n, frames) }, stop: func() { r.k.Close() }}}
}
