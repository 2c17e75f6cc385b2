// Package ipwire joins two namespaces by IP alone, without devices, routing or
// neighbours, for tests of sockets: what one sends the other receives in a
// softirq, and nothing else is there to get in the way.
package ipwire

import (
	"sync/atomic"
	"testing"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// Addresses of the two hosts, and what they both know.
const (
	A         = 0x0a000001 // 10.0.0.1
	B         = 0x0a000002 // 10.0.0.2
	Broadcast = 0x0a0000ff // 10.0.0.255
	Loopback  = 0x7f000001
)

// A Host is one of the two.
type Host struct {
	Net  *netns.Net
	MTU  int
	Lost atomic.Int64 // packets for nobody that were answered as unreachable

	addr   uint32
	peer   *Host
	dev    *device
	protos map[uint8]proto
	raw    func(c *kern.CPU, b *skb.Buff, proto uint8) bool
	rawErr func(c *kern.CPU, b *skb.Buff, proto uint8, e inet.ICMPErr)
	ping   func(c *kern.CPU, b *skb.Buff) bool
	pinger func(c *kern.CPU, b *skb.Buff, e inet.ICMPErr)
	lines  []line        // a queue for each CPU
	routes [4]ipv4.Route // unicast, local, broadcast, multicast
	groups map[uint32]bool
}

type proto struct {
	recv func(c *kern.CPU, b *skb.Buff)
	fail func(c *kern.CPU, b *skb.Buff, e inet.ICMPErr)
}

// line is what waits for one CPU.
type line struct {
	queue []*skb.Buff
	head  int
	napi  kern.NAPI
}

// device is eth0 as packets show it.
type device struct{ h *Host }

func (d *device) Ifindex() int    { return 2 }
func (d *device) Name() string    { return "eth0" }
func (d *device) Net() *netns.Net { return d.h.Net }
func (d *device) MTU() int        { return d.h.MTU }

// Pair builds two hosts on a Kernel with one CPU and a manual clock. The
// subsystems of subs, such as udp.Pernet(), come on top of the socket layer.
func Pair(t testing.TB, subs ...netns.Subsys) (a, b *Host, clock *kern.ManualClock) {
	clock = kern.NewManualClock()
	k := kern.New(kern.Config{Clock: clock, Seed: 1})
	t.Cleanup(k.Close)
	a, b = On(t, k, subs...)
	return a, b, clock
}

// On is Pair on a Kernel of the caller's. A packet stays on the
// CPU that sent it.
func On(t testing.TB, k *kern.Kernel, subs ...netns.Subsys) (a, b *Host) {
	a, b = &Host{addr: A, MTU: 1500}, &Host{addr: B, MTU: 1500}
	a.peer, b.peer = b, a
	for _, h := range []*Host{a, b} {
		h.build(t, k, subs)
	}
	return a, b
}

var layer = netns.NewKey[Host]("ipwire")

func (h *Host) build(t testing.TB, k *kern.Kernel, subs []netns.Subsys) {
	h.dev = &device{h}
	h.protos = make(map[uint8]proto)
	h.groups = make(map[uint32]bool)
	h.lines = make([]line, k.NumCPU())
	for i := range h.lines {
		l := &h.lines[i]
		l.napi.Poll = func(c *kern.CPU, budget int) int { return l.poll(c, budget, h) }
	}
	for i, typ := range []uint8{uapi.RTN_UNICAST, uapi.RTN_LOCAL, uapi.RTN_BROADCAST, uapi.RTN_MULTICAST} {
		h.routes[i].Type = typ
	}
	h.routes[2].Flags = ipv4.RTCFBroadcast
	h.routes[3].Flags = ipv4.RTCFMulticast
	list := []netns.Subsys{skb.Pernet(), mib.Pernet(), sysctl.Pernet(), procfs.Pernet(), sock.Pernet(), inet.Pernet(),
		netns.Bind(layer, func(n *netns.Net) (*Host, error) { h.attach(n); return h, nil }, nil)}
	n, err := netns.New(k, append(list, subs...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
}

// attach puts the host below the namespace's sockets.
func (h *Host) attach(n *netns.Net) {
	h.Net = n
	for i := range h.routes {
		h.routes[i].Dev = dev.New(n, "eth0", nil)
		h.routes[i].Dev.SetInitialMTU(h.MTU)
	}
	ip := &inet.Of(n).IP
	ip.SetRouterAlert, ip.Confirm = nil, nil // nothing is forwarded, nobody is resolved
	ip.RouteOutput = h.route
	ip.Valid = func(*ipv4.Route, ktime.T) bool { return true }
	ip.MTU = func(*ipv4.Route) int { return h.MTU }
	ip.AddrType = func(_ *netns.Net, _ int, a uint32) uint8 { return h.addrType(a) }
	ip.Send = func(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, hdr inet.Header) error { return h.send(c, b, hdr) }
	ip.SendRaw = func(c *kern.CPU, b *skb.Buff, rt *ipv4.Route, hdr inet.Header) error { return h.sendRaw(c, b, hdr) }
	ip.AddProtocol = func(_ *netns.Net, p uint8, recv func(*kern.CPU, *skb.Buff), fail func(*kern.CPU, *skb.Buff, inet.ICMPErr)) error {
		h.protos[p] = proto{recv, fail}
		return nil
	}
	ip.SetRaw = func(_ *netns.Net, recv func(*kern.CPU, *skb.Buff, uint8) bool, fail func(*kern.CPU, *skb.Buff, uint8, inet.ICMPErr)) {
		h.raw, h.rawErr = recv, fail
	}
	ip.SetPing = func(_ *netns.Net, recv func(*kern.CPU, *skb.Buff) bool, fail func(*kern.CPU, *skb.Buff, inet.ICMPErr)) {
		h.ping, h.pinger = recv, fail
	}
	ip.Unreachable = func(c *kern.CPU, b *skb.Buff) {
		h.Lost.Add(1)
		h.peer.Unreachable(c, b, inet.ICMPErr{Type: 3, Code: 3, Offender: h.addr})
	}
	ip.DefaultTTL = func(*netns.Net) int { return 64 }
	ip.NoPMTUDisc = func(*netns.Net) int { return 0 }
	ip.Nonlocal = func(*netns.Net) bool { return false }
	ip.Learn = nil
	ip.SetUDPGRO = nil // nothing is merged
	ip.SetEarlyDemux = nil
	ip.DevByAddr = func(_ *netns.Net, a uint32) int {
		if a == h.addr {
			return h.dev.Ifindex()
		}
		return 0
	}
	ip.Device = func(_ *netns.Net, index int) skb.Device {
		if index == h.dev.Ifindex() {
			return h.dev
		}
		return nil
	}
	ip.Join = func(_ *netns.Net, _ int, group uint32, f inet.Filter) (inet.Member, error) {
		h.groups[group] = true
		return &member{h, group}, nil
	}
	ip.FragStat = nil
}

// member is a group that a host listens to.
type member struct {
	h     *Host
	group uint32
}

func (m *member) SetFilter(uint8, []uint32) {}
func (m *member) Leave()                    { m.h.groups[m.group] = false }

func (h *Host) addrType(a uint32) uint8 {
	switch {
	case a == h.addr || a>>24 == 127:
		return uapi.RTN_LOCAL
	case a == Broadcast || a == 0xffffffff:
		return uapi.RTN_BROADCAST
	case inet.IsMulticast(a):
		return uapi.RTN_MULTICAST
	}
	return uapi.RTN_UNICAST
}

// route knows 10.0.0.0/24 and this host.
func (h *Host) route(_ *kern.CPU, _ *netns.Net, f *ipv4.Flow) (*ipv4.Route, error) {
	if f.Daddr == 0 {
		f.Daddr = Loopback
	}
	src := uint32(h.addr)
	var rt *ipv4.Route
	switch h.addrType(f.Daddr) {
	case uapi.RTN_LOCAL:
		rt, src = &h.routes[1], f.Daddr
	case uapi.RTN_BROADCAST:
		rt = &h.routes[2]
	case uapi.RTN_MULTICAST:
		rt = &h.routes[3]
	default:
		if f.Daddr>>8 != A>>8 {
			return nil, errno.ENETUNREACH
		}
		rt = &h.routes[0]
	}
	if f.Saddr == 0 {
		f.Saddr = src
	}
	return rt, nil
}

// send puts an IP header in front and the packet on the wire.
func (h *Host) send(c *kern.CPU, b *skb.Buff, hdr inet.Header) error {
	n := 20 + hdr.Options.Len()
	p := b.Push(n)
	clear(p)
	ip, _ := wire.AsIPv4(append(p[:0:len(p)], 0x45, 0)[:20])
	ip.SetVerIHL(n)
	ip.SetTOS(hdr.TOS)
	ip.SetTotLen(b.Len())
	ip.SetTTL(max(hdr.TTL, 1))
	if hdr.TTL == 0 {
		ip.SetTTL(64)
	}
	ip.SetProto(hdr.Proto)
	ip.SetSaddr(hdr.Saddr)
	ip.SetDaddr(hdr.Daddr)
	copy(p[20:], hdr.Options.Bytes())
	b.SetNetworkHeader(0)
	wire.SendCheck4(p)
	return h.put(c, b, hdr.Daddr, hdr.NoLoop)
}

// sendRaw takes the program's header, filling what raw(7) says.
func (h *Host) sendRaw(c *kern.CPU, b *skb.Buff, hdr inet.Header) error {
	ip, ok := wire.AsIPv4(b.Data())
	switch {
	case b.Len() > h.MTU:
		b.Consume(c)
		return errno.EMSGSIZE
	case !ok:
		b.Consume(c)
		return errno.EINVAL
	}
	if ip.Saddr() == 0 {
		ip.SetSaddr(hdr.Saddr)
	}
	ip.SetTotLen(b.Len())
	b.SetNetworkHeader(0)
	wire.SendCheck4(b.Data()[:ip.IHL()])
	return h.put(c, b, hdr.Daddr, false)
}

// put queues b at who must get it, in its own softirq.
func (h *Host) put(c *kern.CPU, b *skb.Buff, daddr uint32, noLoop bool) error {
	to := h.peer
	switch h.addrType(daddr) {
	case uapi.RTN_LOCAL:
		to = h
	case uapi.RTN_MULTICAST:
		if h.groups[daddr] && !noLoop {
			h.enqueue(c, b.Clone(c))
		}
	}
	to.enqueue(c, b)
	return nil
}

func (h *Host) enqueue(c *kern.CPU, b *skb.Buff) {
	l := &h.lines[c.ID()]
	l.queue = append(l.queue, b)
	c.Schedule(&l.napi)
}

// poll delivers what has come to h on a CPU.
func (l *line) poll(c *kern.CPU, budget int, h *Host) int {
	done := 0
	for done < budget && l.head < len(l.queue) {
		b := l.queue[l.head]
		l.queue[l.head] = nil
		l.head++
		done++
		h.deliver(c, b)
	}
	if l.head == len(l.queue) {
		l.queue, l.head = l.queue[:0], 0
	}
	return done
}

// deliver is ip_local_deliver.
func (h *Host) deliver(c *kern.CPU, b *skb.Buff) {
	b.Orphan(c)
	ip, ok := wire.AsIPv4(b.Data())
	if !ok {
		b.Consume(c)
		return
	}
	b.Dev, b.Iif, b.Protocol, b.PktType = h.dev, int32(h.dev.Ifindex()), uapi.ETH_P_IP, skb.PacketHost
	daddr, number := ip.Daddr(), ip.Proto()
	b.Dst = nil
	switch h.addrType(daddr) {
	case uapi.RTN_BROADCAST:
		b.Dst, b.PktType = &h.routes[2], skb.PacketBroadcast
	case uapi.RTN_MULTICAST:
		b.Dst, b.PktType = &h.routes[3], skb.PacketMulticast
	}
	b.SetNetworkHeader(0)
	b.Pull(ip.IHL())
	b.SetTransportHeader(0)
	took := h.raw != nil && h.raw(c, b, number)
	if number == uapi.IPPROTO_ICMP && h.ping != nil && h.ping(c, b) {
		return
	}
	if p := h.protos[number]; p.recv != nil {
		p.recv(c, b)
		return
	}
	if took {
		b.Consume(c)
		return
	}
	b.Drop(c, h.Net, skb.ReasonIPNoproto)
}

// Unreachable gives the host an ICMP error about b, a packet of its own whose
// transport header is b's data; b stays the caller's.
func (h *Host) Unreachable(c *kern.CPU, b *skb.Buff, e inet.ICMPErr) {
	o := skb.Alloc(c, 128)
	// As on the wire: the outer IP and ICMP headers, then the quoted packet.
	out := o.Put(28)
	clear(out)
	ip, _ := wire.AsIPv4(append(out[:0:28], 0x45)[:20])
	ip.SetTTL(63)
	ip.SetProto(uapi.IPPROTO_ICMP)
	ip.SetSaddr(e.Offender)
	ip.SetDaddr(h.addr)
	out[20], out[21] = e.Type, e.Code
	o.SetNetworkHeader(0)
	o.SetTransportHeader(20)
	o.Append(b.Network()[:-b.NetworkOff()])
	var quoted [64]byte
	o.Append(quoted[:b.CopyOut(0, quoted[:])])
	o.Pull(28)
	o.Iif = int32(h.dev.Ifindex())
	quote, _ := wire.AsIPv4(o.Data())
	number := quote.Proto()
	if h.rawErr != nil {
		h.rawErr(c, o, number, e)
	}
	if number == uapi.IPPROTO_ICMP && h.pinger != nil {
		h.pinger(c, o, e)
	}
	if p := h.protos[number]; p.fail != nil {
		p.fail(c, o, e)
	}
	o.Consume(c)
}

// Socket makes a socket of AF_INET as root.
func (h *Host) Socket(t testing.TB, typ, protocol int) sock.Socket {
	t.Helper()
	s, err := sock.Create(sock.Root(), h.Net, uapi.AF_INET, typ, protocol)
	if err != nil {
		t.Fatalf("socket(%d, %d): %v", typ, protocol, err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Bound is Socket bound to an address.
func (h *Host) Bound(t testing.TB, typ, protocol int, ip uint32, port uint16) sock.Socket {
	t.Helper()
	s := h.Socket(t, typ, protocol)
	if err := s.Bind(sock.Root(), inet.Addr{IP: ip, Port: port}.Bytes()); err != nil {
		t.Fatalf("bind: %v", err)
	}
	return s
}
