package veth_test

import (
	"bytes"
	"testing"
	"time"

	"linen/drivers/net/loopback"
	"linen/drivers/net/veth"
	"linen/kern"
	"linen/lib/impair"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
)

// lab is a Kernel on a manual clock with namespaces that have devices only.
type lab struct {
	t     *testing.T
	clock *kern.ManualClock
	k     *kern.Kernel
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, clock: kern.NewManualClock()}
	l.k = kern.New(kern.Config{Clock: l.clock, Seed: 1})
	t.Cleanup(l.k.Close)
	return l
}

func (l *lab) net() *netns.Net {
	l.t.Helper()
	n, err := netns.New(l.k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(),
		dev.Pernet(), veth.Pernet(), loopback.Pernet(), dev.PernetDevices())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(n.Close)
	return n
}

func up(t *testing.T, ds ...*dev.Device) {
	t.Helper()
	for _, d := range ds {
		d.Net().Lock()
		if err := dev.Open(d); err != nil {
			t.Errorf("%s up: %v", d, err)
		}
		d.Net().Unlock()
	}
}

// pair is a veth pair over two namespaces, up, and a counter of IPv4 frames
// that the second end received.
func (l *lab) pair() (a, b *dev.Device, got *[][]byte) {
	l.t.Helper()
	n1, n2 := l.net(), l.net()
	a, b, err := veth.NewPair(n1, "a0", n2, "b0")
	if err != nil {
		l.t.Fatal(err)
	}
	up(l.t, a, b)
	l.clock.Settle()
	got = new([][]byte)
	l.t.Cleanup(dev.AddPacketType(n2, &dev.PacketType{Proto: uapi.ETH_P_IP, Name: "ip_rcv",
		Recv: func(c *kern.CPU, b *skb.Buff, d, orig *dev.Device) {
			*got = append(*got, bytes.Clone(b.Data()))
			b.Consume(c)
		}}))
	return a, b, got
}

func send(a, b *dev.Device, payload []byte) {
	c := a.Kernel().Enter(kern.Any)
	p := skb.Alloc(c, len(payload))
	p.Append(payload)
	p.Dev, p.Protocol = a, uapi.ETH_P_IP
	p.SetNetworkHeader(0)
	a.Header(p, uapi.ETH_P_IP, b.Addr(), nil)
	dev.Xmit(c, p)
	c.Exit()
}

func TestFrameCrosses(t *testing.T) {
	a, b, got := newLab(t).pair()
	send(a, b, []byte("hello"))
	if len(*got) != 1 || string((*got)[0]) != "hello" {
		t.Fatalf("received %q", *got)
	}
	ac, bc := a.Counters(), b.Counters()
	if ac.TxPackets != 1 || ac.TxBytes != 19 || bc.RxPackets != 1 || bc.RxBytes != 19 {
		t.Errorf("counters: sent %+v, received %+v", ac, bc)
	}
}

func TestCarrierFollowsBothEnds(t *testing.T) {
	l := newLab(t)
	n1, n2 := l.net(), l.net()
	a, b, err := veth.NewPair(n1, "a0", n2, "b0")
	if err != nil {
		t.Fatal(err)
	}
	up(t, a)
	l.clock.Settle()
	if a.Carrier() || a.OperState() == uapi.IF_OPER_UP {
		t.Errorf("one end up: carrier %v, state %d", a.Carrier(), a.OperState())
	}
	up(t, b)
	l.clock.Settle()
	for _, d := range []*dev.Device{a, b} {
		if want := uint32(uapi.IFF_BROADCAST | uapi.IFF_MULTICAST | uapi.IFF_UP | uapi.IFF_RUNNING | uapi.IFF_LOWER_UP); d.Flags() != want {
			t.Errorf("%s: flags %#x, want %#x", d, d.Flags(), want)
		}
		if d.OperState() != uapi.IF_OPER_UP {
			t.Errorf("%s: state %d", d, d.OperState())
		}
	}
	n2.Lock()
	dev.Close(b)
	n2.Unlock()
	l.clock.Settle()
	if a.Carrier() || a.OperState() != uapi.IF_OPER_DOWN {
		t.Errorf("other end down: carrier %v, state %d", a.Carrier(), a.OperState())
	}
}

func TestDownPeerDrops(t *testing.T) {
	a, b, got := newLab(t).pair()
	b.Net().Lock()
	dev.Close(b)
	b.Net().Unlock()
	send(a, b, []byte("x"))
	if len(*got) != 0 || a.Counters().TxDropped != 1 || a.Counters().TxPackets != 0 {
		t.Errorf("received %d, counters %+v", len(*got), a.Counters())
	}
	if d := skb.Drops(a.Net()); d[skb.ReasonDevReady] != 1 {
		t.Errorf("drops %v", d)
	}
}

func TestFrameLargerThanPeersMTU(t *testing.T) {
	a, b, got := newLab(t).pair()
	send(a, b, make([]byte, 1504))
	send(a, b, make([]byte, 1505))
	if len(*got) != 1 || b.Counters().RxDropped != 1 {
		t.Errorf("received %d, counters %+v", len(*got), b.Counters())
	}
}

func TestImpairedWire(t *testing.T) {
	l := newLab(t)
	a, b, got := l.pair()
	if err := veth.Impair(a, impair.Config{Delay: 10 * time.Millisecond, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	send(a, b, []byte("late"))
	l.clock.Advance(9 * time.Millisecond)
	if len(*got) != 0 {
		t.Fatal("it was not delayed")
	}
	l.clock.Advance(time.Millisecond)
	if len(*got) != 1 {
		t.Fatal("it did not arrive")
	}
	veth.Impair(a, impair.Config{Loss: impair.Percent(100), Seed: 1})
	send(a, b, []byte("lost"))
	if len(*got) != 1 || skb.Drops(a.Net())[skb.ReasonLinkLoss] != 1 {
		t.Error("a lossy wire delivered")
	}
	veth.Impair(a, impair.Config{})
	send(a, b, []byte("at once"))
	if len(*got) != 2 {
		t.Error("a perfect wire did not deliver at once")
	}
}

func TestPacketsCostNoAllocation(t *testing.T) {
	l := newLab(t)
	n1, n2 := l.net(), l.net()
	a, b, err := veth.NewPair(n1, "a0", n2, "b0")
	if err != nil {
		t.Fatal(err)
	}
	up(t, a, b)
	l.clock.Settle()
	dev.AddPacketType(n2, &dev.PacketType{Proto: uapi.ETH_P_IP, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) { b.Consume(c) }})
	payload := make([]byte, 64)
	hdr := a.HeaderCache(uapi.ETH_P_IP, b.Addr())
	one := func() {
		c := l.k.Enter(kern.Any)
		for range 32 {
			p := skb.Alloc(c, len(payload))
			p.Append(payload)
			p.Dev, p.Protocol = a, uapi.ETH_P_IP
			p.SetNetworkHeader(0)
			copy(p.Push(len(hdr)), hdr)
			dev.Xmit(c, p)
		}
		c.Exit()
	}
	one()
	if n := testing.AllocsPerRun(100, one); n > 0 {
		t.Errorf("%v allocations for 32 packets", n)
	}
}

func TestEndsGoTogether(t *testing.T) {
	l := newLab(t)
	n1, n2 := l.net(), l.net()
	for range 1000 {
		a, b, err := veth.NewPair(n1, "x%d", n2, "y%d")
		if err != nil {
			t.Fatal(err)
		}
		up(t, a, b)
		l.clock.Settle()
		unlock := dev.LockWith(a)
		dev.Unregister(a)
		unlock()
		if a.Registered() || b.Registered() || len(dev.List(n1)) != 1 || len(dev.List(n2)) != 1 {
			t.Fatalf("left: %v %v", dev.List(n1), dev.List(n2))
		}
	}
	l.clock.Settle()
	if l.k.Timers() != 0 {
		t.Errorf("%d timers left", l.k.Timers())
	}
}

func TestClosingANamespaceRemovesThePeer(t *testing.T) {
	l := newLab(t)
	n1 := l.net()
	n2 := l.net()
	if _, _, err := veth.NewPair(n1, "a0", n2, "b0"); err != nil {
		t.Fatal(err)
	}
	n2.Close()
	if len(dev.List(n1)) != 1 {
		t.Errorf("left: %v", dev.List(n1))
	}
}
