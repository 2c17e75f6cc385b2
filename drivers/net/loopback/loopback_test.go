package loopback_test

import (
	"testing"

	"linen/drivers/net/loopback"
	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
)

func newNet(t testing.TB) (*kern.Kernel, *netns.Net) {
	t.Helper()
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n, err := netns.New(k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(),
		dev.Pernet(), loopback.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	return k, n
}

func open(t testing.TB, n *netns.Net) *dev.Device {
	t.Helper()
	n.Lock()
	defer n.Unlock()
	lo := dev.Loopback(n)
	if err := dev.Open(lo); err != nil {
		t.Fatal(err)
	}
	return lo
}

func send(c *kern.CPU, lo *dev.Device, payload string) {
	b := skb.Alloc(c, len(payload))
	copy(b.Put(len(payload)), payload)
	b.Dev, b.Protocol = lo, uapi.ETH_P_IP
	b.SetNetworkHeader(0)
	lo.Header(b, uapi.ETH_P_IP, lo.Addr(), nil)
	dev.Xmit(c, b)
}

func TestFreshLoopback(t *testing.T) {
	_, n := newNet(t)
	lo := dev.Loopback(n)
	if lo.Ifindex() != 1 || lo.Flags() != uapi.IFF_LOOPBACK || lo.MTU() != 65536 || lo.QueueName() != "noop" || lo.TxQueueLen() != 1000 {
		t.Errorf("index %d, flags %#x, MTU %d, queue %s", lo.Ifindex(), lo.Flags(), lo.MTU(), lo.QueueName())
	}
	open(t, n)
	if lo.Flags() != uapi.IFF_LOOPBACK|uapi.IFF_UP|uapi.IFF_RUNNING|uapi.IFF_LOWER_UP || lo.OperState() != uapi.IF_OPER_UNKNOWN || lo.QueueName() != "noqueue" {
		t.Errorf("up: flags %#x, state %d, queue %s", lo.Flags(), lo.OperState(), lo.QueueName())
	}
}

// A tap sees a packet twice: going out and coming in.
func TestSentComesBack(t *testing.T) {
	k, n := newNet(t)
	lo := open(t, n)
	var types []uint8
	dev.AddTap(n, nil, &dev.PacketType{Proto: uapi.ETH_P_ALL, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
		types = append(types, b.PktType)
		b.Consume(c)
	}})
	got := ""
	dev.AddPacketType(n, &dev.PacketType{Proto: uapi.ETH_P_IP, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
		got += string(b.Data())
		b.Consume(c)
	}})
	c := k.Enter(kern.Any)
	send(c, lo, "echo")
	c.Exit()
	if got != "echo" || len(types) != 2 || types[0] != skb.PacketOutgoing || types[1] != skb.PacketHost {
		t.Errorf("received %q, the tap saw %v", got, types)
	}
	if s := lo.Counters(); s.RxPackets != 1 || s.TxPackets != 1 || s.RxBytes != 18 || s.TxBytes != 18 {
		t.Errorf("%+v", s)
	}
}

func TestPacketsCostNoAllocation(t *testing.T) {
	k, n := newNet(t)
	lo := open(t, n)
	dev.AddPacketType(n, &dev.PacketType{Proto: uapi.ETH_P_IP, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) { b.Consume(c) }})
	one := func() {
		c := k.Enter(kern.Any)
		for range 32 {
			send(c, lo, "payload")
		}
		c.Exit()
	}
	one()
	if n := testing.AllocsPerRun(100, one); n > 0 {
		t.Errorf("%v allocations for 32 packets", n)
	}
}

func BenchmarkPacket(b *testing.B) {
	k, n := newNet(b)
	lo := open(b, n)
	dev.AddPacketType(n, &dev.PacketType{Proto: uapi.ETH_P_IP, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) { b.Consume(c) }})
	b.ReportAllocs()
	for i := 0; i < b.N; i += 64 {
		c := k.Enter(kern.Any)
		for range 64 {
			send(c, lo, "sixteen bytes...")
		}
		c.Exit()
	}
}
