package ipv4_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"linen/drivers/net/loopback"
	"linen/drivers/net/veth"
	"linen/drivers/net/vrf"
	"linen/kern"
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/ipv4"
	"linen/net/klog"
	"linen/net/mib"
	"linen/net/neigh"
	"linen/net/netfilter"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/wire"
)

// Addresses of the world: a and b are hosts, r the router between them.
const (
	addrA  = 0x0a000001 // 10.0.0.1 on a0
	addrRA = 0x0a000002 // 10.0.0.2 on ra
	addrRB = 0x0a000102 // 10.0.1.2 on rb
	addrB  = 0x0a000101 // 10.0.1.1 on b0
)

// world is two hosts behind a router, on a clock that stands still.
type world struct {
	t       testing.TB
	clock   *kern.ManualClock
	k       *kern.Kernel
	a, r, b *netns.Net
	got     map[*netns.Net][]packet // what devices received or sent, by namespace
}

// packet is one captured IPv4 packet.
type packet struct {
	dev  string
	out  bool
	data []byte
}

func (p packet) ip() *wire.IPv4Hdr { return (*wire.IPv4Hdr)(p.data) }

// icmp returns the message of an ICMP packet.
func (p packet) icmp() *wire.ICMPHdr { return (*wire.ICMPHdr)(p.data[p.ip().IHL():]) }

func newNet(t testing.TB, k *kern.Kernel) *netns.Net {
	n, err := netns.New(k, klog.Pernet(), skb.Pernet(), mib.Pernet(), sysctl.Pernet(), procfs.Pernet(), netfilter.Pernet(),
		netlink.Pernet(), rtnl.Pernet(), dev.Pernet(), fibrules.Pernet(), neigh.Pernet(), ipv4.Pernet(),
		veth.Pernet(), vrf.Pernet(), loopback.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func newWorld(t testing.TB) *world { return newWorldOn(t, 1) }

// newWorldOn is newWorld on a Kernel with several CPUs.
func newWorldOn(t testing.TB, cpus int) *world {
	clock := kern.NewManualClock()
	k := kern.New(kern.Config{Clock: clock, Seed: 1, CPUs: cpus})
	t.Cleanup(k.Close)
	w := &world{t: t, clock: clock, k: k, got: make(map[*netns.Net][]packet)}
	w.a, w.r, w.b = newNet(t, k), newNet(t, k), newNet(t, k)
	w.wire(w.a, "a0", w.r, "ra")
	w.wire(w.r, "rb", w.b, "b0")
	for _, n := range []*netns.Net{w.a, w.r, w.b} {
		w.ip(n, "link set lo up")
	}
	w.ip(w.a, "addr add 10.0.0.1/24 dev a0")
	w.ip(w.r, "addr add 10.0.0.2/24 dev ra")
	w.ip(w.r, "addr add 10.0.1.2/24 dev rb")
	w.ip(w.b, "addr add 10.0.1.1/24 dev b0")
	w.ip(w.a, "route add default via 10.0.0.2")
	w.ip(w.b, "route add default via 10.0.1.2")
	w.set(w.r, "net/ipv4/ip_forward", "1")
	return w
}

func (w *world) wire(n1 *netns.Net, name1 string, n2 *netns.Net, name2 string) {
	if _, _, err := veth.NewPair(n1, name1, n2, name2); err != nil {
		w.t.Fatal(err)
	}
	w.ip(n1, "link set "+name1+" up")
	w.ip(n2, "link set "+name2+" up")
	w.clock.Settle()
}

func (w *world) ip(n *netns.Net, line string) {
	w.t.Helper()
	if out := newIP(w.t, n).run(line); out != "" {
		w.t.Fatalf("ip %s: %s", line, out)
	}
	w.clock.Settle()
}

func (w *world) set(n *netns.Net, path, v string) {
	w.t.Helper()
	if err := sysctl.Of(n).Set(path, v); err != nil {
		w.t.Fatalf("%s=%s: %v", path, v, err)
	}
	w.clock.Settle()
}

// mtu changes a device's MTU.
func (w *world) mtu(d *dev.Device, mtu int) {
	w.t.Helper()
	d.Net().Lock()
	defer d.Net().Unlock()
	if err := dev.ChangeMTU(d, mtu); err != nil {
		w.t.Fatal(err)
	}
}

// watch captures the IPv4 packets of n's devices.
func (w *world) watch(n *netns.Net) {
	dev.AddTap(n, nil, &dev.PacketType{Proto: uapi.ETH_P_ALL, Recv: func(c *kern.CPU, b *skb.Buff, d, _ *dev.Device) {
		if b.Protocol == uapi.ETH_P_IP {
			b.Linearize()
			p := b.Data()
			out := b.PktType == skb.PacketOutgoing
			if out {
				p = p[d.HardHeaderLen:]
			}
			w.got[n] = append(w.got[n], packet{d.Name(), out, append([]byte(nil), p...)})
		}
		b.Consume(c)
	}})
}

// packets returns and forgets what n's devices received (in) or sent.
func (w *world) packets(n *netns.Net, out bool) (list []packet) {
	for _, p := range w.got[n] {
		if p.out == out {
			list = append(list, p)
		}
	}
	w.got[n] = nil
	return list
}

// on runs f on a CPU.
func (w *world) on(f func(c *kern.CPU)) {
	c := w.k.Enter(kern.Any)
	f(c)
	c.Exit()
	w.clock.Settle()
}

// send sends payload behind an IP header from n, as Send says, to dst.
func (w *world) send(n *netns.Net, dst uint32, payload []byte, change func(s *ipv4.Send)) (err error) {
	w.on(func(c *kern.CPU) {
		f := ipv4.Flow{Daddr: dst}
		s := ipv4.Send{Dst: dst, Proto: uapi.IPPROTO_ICMP, TTL: ipv4.DefaultTTL, PMTU: uapi.IP_PMTUDISC_WANT}
		if change != nil {
			change(&s)
		}
		if s.Options != nil && s.Options.FirstHop != 0 {
			f.Daddr = s.Options.FirstHop
		}
		s.Route, err = ipv4.RouteOutput(c, n, &f)
		if err != nil {
			return
		}
		s.Src = f.Saddr
		err = s.Xmit(c, skb.From(c, payload))
	})
	return err
}

// echo returns an echo request with size bytes of data.
func echo(size int) []byte {
	p := make([]byte, wire.ICMPHdrLen+size)
	for i := range p {
		p[i] = byte(i)
	}
	h := (*wire.ICMPHdr)(p)
	h.SetTypeCode(wire.ICMPEcho, 0)
	h.SetCheck(0)
	h.SetCheck(csum.Checksum(p))
	return p
}

// inject makes d receive the IPv4 packet p, to its own link address.
func (w *world) inject(d *dev.Device, p []byte, kind uint8) {
	w.on(func(c *kern.CPU) { inject(c, d, p, kind) })
}

func inject(c *kern.CPU, d *dev.Device, p []byte, kind uint8) {
	b := skb.Alloc(c, wire.EthHdrLen+len(p))
	b.Put(wire.EthHdrLen)
	b.Append(p)
	b.SetMacHeader(0)
	b.Pull(wire.EthHdrLen)
	b.Protocol, b.PktType = uapi.ETH_P_IP, kind
	dev.Rx(c, d, b)
}

// counters returns what moved in n since base.
func (w *world) counter(n *netns.Net, id mib.ID) uint64 { return mib.Of(n).Read()[id] }

func device(n *netns.Net, name string) *dev.Device { return dev.ByName(n, name) }

func TestPingThroughRouter(t *testing.T) {
	w := newWorld(t)
	w.watch(w.a)
	if err := w.send(w.a, addrB, echo(56), nil); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	in := w.packets(w.a, false)
	if len(in) != 1 {
		t.Fatalf("%d packets came back", len(in))
	}
	h := in[0].ip()
	if h.Saddr() != addrB || h.TTL() != 63 || in[0].icmp().Type() != wire.ICMPEchoReply || csum.Checksum(in[0].data[20:]) != 0 {
		t.Errorf("reply % x", in[0].data)
	}
	for id, want := range map[mib.ID]uint64{mib.IPForwDatagrams: 2, mib.IPOutTransmits: 2, mib.IPInReceives: 2, mib.IPOutRequests: 0} {
		if got := w.counter(w.r, id); got != want {
			t.Errorf("router's counter %d: %d, want %d", id, got, want)
		}
	}
}

// TestSeveralCPUs: fragments, echoes and errors from several goroutines at
// once leave nothing behind.
func TestSeveralCPUs(t *testing.T) {
	w := newWorldOn(t, 3)
	if err := w.send(w.a, addrB, echo(8), nil); err != nil {
		t.Fatal(err)
	}
	w.set(w.b, "net/ipv4/ipfrag_max_dist", "0") // they overtake each other
	var delivered atomic.Int64
	ipv4.AddProtocol(w.b, uapi.IPPROTO_UDP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) {
		delivered.Add(1)
		b.Consume(c)
	}})
	const rounds, senders = 100, 4
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range rounds {
				id := uint16(s*rounds + i)
				for _, p := range [][]byte{
					piece(id, 0, 16, true), piece(id, 16, 8, false), echoPacket(), noProtocol(addrA),
					udp(addrA, addrB, 64), piece(60000+uint16(s%2), 0, 16, true),
				} {
					c := w.k.Enter(kern.Any)
					inject(c, device(w.b, "b0"), p, skb.PacketHost)
					c.Exit()
				}
			}
		})
	}
	all.Wait()
	w.k.Synchronize()
	w.clock.Advance(time.Minute)
	if got := delivered.Load(); got != 2*rounds*senders {
		t.Errorf("%d delivered", got)
	}
	if q, n := ipv4.FragMemory(w.b); q != 0 || n != 0 {
		t.Errorf("%d queues, %d bytes stay", q, n)
	}
}

// TestLoopback: what is sent to an address of ours comes back by lo, with the
// route that it left by.
func TestLoopback(t *testing.T) {
	for name, dst := range map[string]uint32{"127.0.0.1": 0x7f000001, "127.9.9.9": 0x7f090909, "own address": addrA} {
		w := newWorld(t)
		var from []uint32
		ipv4.SetPing(w.a, func(c *kern.CPU, b *skb.Buff) bool {
			from = append(from, (*wire.IPv4Hdr)(b.Network()).Saddr())
			if b.Len() != 60008 || b.Data()[0] != wire.ICMPEchoReply {
				t.Errorf("%s: reply of %d bytes", name, b.Len())
			}
			b.Consume(c)
			return true
		}, func(c *kern.CPU, b *skb.Buff, e ipv4.ICMPErr) {})
		if err := w.send(w.a, dst, echo(60000), nil); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(time.Second)
		if len(from) != 1 || from[0] != dst {
			t.Errorf("%s: replies from %x", name, from)
		}
	}
}

// TestMulticastLoop: a member's own packets come back to it.
func TestMulticastLoop(t *testing.T) {
	w := newWorld(t)
	w.ip(w.a, "route add 239.0.0.0/8 dev a0")
	got := 0
	ipv4.AddProtocol(w.a, uapi.IPPROTO_UDP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) {
		got++
		if b.PktType != skb.PacketLoopback {
			t.Errorf("packet type %d", b.PktType)
		}
		b.Consume(c)
	}})
	udpTo := func() {
		if err := w.send(w.a, group, udp(0, 0, 64)[20:], func(s *ipv4.Send) { s.Proto = uapi.IPPROTO_UDP }); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(time.Second)
	}
	udpTo()
	if got != 0 {
		t.Error("came back although nobody here is a member")
	}
	w.join(uapi.MCAST_EXCLUDE)
	w.watch(w.a)
	udpTo()
	if got != 1 {
		t.Errorf("%d came back", got)
	}
	if out := w.packets(w.a, true); len(out) == 0 {
		t.Error("not sent")
	}
}
