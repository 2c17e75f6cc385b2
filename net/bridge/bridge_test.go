package bridge

import (
	"bytes"
	"testing"
	"time"

	"linen/drivers/net/veth"
	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// lab is a switch in a namespace of its own and stations on its ports.
type lab struct {
	t        *testing.T
	clock    *kern.ManualClock
	k        *kern.Kernel
	sw       *netns.Net
	br       *dev.Device
	ports    []*dev.Device
	stations []*station
}

// station is the far end of a port's cable and what it received.
type station struct {
	dev *dev.Device
	got []wire.MAC // sources
}

func newLab(t *testing.T, stations int) *lab {
	l := &lab{t: t, clock: kern.NewManualClock()}
	l.k = kern.New(kern.Config{Clock: l.clock, Seed: 1})
	t.Cleanup(l.k.Close)
	l.sw = l.net()
	l.br = dev.New(l.sw, "br0", nil)
	l.br.Kind = "bridge"
	setup(l.br)
	l.locked(func() {
		l.must(dev.Register(l.br))
		l.must(dev.Open(l.br))
	})
	for i := range stations {
		l.addStation(i)
	}
	l.clock.Settle()
	return l
}

func (l *lab) net() *netns.Net {
	n, err := netns.New(l.k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(),
		dev.Pernet(), Pernet(), veth.Pernet(), dev.PernetDevices())
	l.must(err)
	l.t.Cleanup(n.Close)
	return n
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) locked(f func()) {
	l.sw.Lock()
	defer l.sw.Unlock()
	f()
}

func (l *lab) addStation(i int) {
	host := l.net()
	h, p, err := veth.NewPair(host, "eth0", l.sw, "p"+string(rune('0'+i)))
	l.must(err)
	s := &station{dev: h}
	l.t.Cleanup(dev.AddPacketType(host, &dev.PacketType{Proto: uapi.ETH_P_IP, Name: "test",
		Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
			e, _ := wire.AsEth(b.Mac())
			s.got = append(s.got, e.Src())
			b.Consume(c)
		}}))
	host.Lock()
	l.must(dev.Open(h))
	host.Unlock()
	l.locked(func() {
		l.must(dev.Open(p))
		l.must(dev.SetMaster(p, l.br.Ifindex()))
	})
	l.ports, l.stations = append(l.ports, p), append(l.stations, s)
}

// send sends a frame from a station.
func (l *lab) send(from int, src, dst wire.MAC) {
	d := l.stations[from].dev
	c := l.k.Enter(kern.Any)
	b := skb.From(c, bytes.Repeat([]byte{0x45}, 60))
	b.Dev, b.Protocol = d, uapi.ETH_P_IP
	b.SetNetworkHeader(0)
	d.Header(b, uapi.ETH_P_IP, dst[:], src[:])
	dev.Xmit(c, b)
	c.Exit()
}

// want checks how many frames each station has received since the last look.
func (l *lab) want(what string, counts ...int) {
	l.t.Helper()
	for i, n := range counts {
		if got := len(l.stations[i].got); got != n {
			l.t.Errorf("%s: station %d received %d frames, want %d", what, i, got, n)
		}
		l.stations[i].got = nil
	}
}

var (
	macA = wire.MAC{2, 0, 0, 0, 0, 0xa}
	macB = wire.MAC{2, 0, 0, 0, 0, 0xb}
	all  = wire.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

func TestLearnsAndForwards(t *testing.T) { // IEEE 802.1D §7.7, 7.8
	l := newLab(t, 3)
	l.send(0, macA, macB)
	l.want("unknown destination", 0, 1, 1)
	l.send(1, macB, macA)
	l.want("learned destination", 1, 0, 0)
	l.send(0, macA, all)
	l.want("broadcast", 0, 1, 1)
	l.send(0, macA, wire.MAC{1, 0, 0x5e, 0, 0, 1})
	l.want("group", 0, 1, 1)
}

func TestAStationThatMovesIsFollowed(t *testing.T) {
	l := newLab(t, 3)
	l.send(0, macA, all)
	l.send(2, macA, all)
	l.want("", 1, 2, 1)
	l.send(1, macB, macA)
	l.want("after the move", 0, 0, 1)
}

func TestEntriesAge(t *testing.T) { // ageing_time 300 s
	l := newLab(t, 3)
	l.send(0, macA, all)
	l.want("", 0, 1, 1)
	l.clock.Advance(299 * time.Second)
	l.send(1, macB, macA)
	l.want("before 300 s", 1, 0, 0)
	l.clock.Advance(2 * time.Second)
	l.send(1, macB, macA)
	l.want("after 300 s", 1, 0, 1)
}

func TestReservedGroupsStayOnTheLink(t *testing.T) { // IEEE 802.1D §7.12.6
	l := newLab(t, 2)
	for last, want := range map[byte]int{0: 1, 1: 0, 2: 0, 0xe: 0} {
		l.send(0, macA, wire.MAC{1, 0x80, 0xc2, 0, 0, last})
		l.want("01:80:c2:00:00:0"+string("0123456789abcdef"[last]), 0, want)
	}
}

func TestBadSourcesAreDropped(t *testing.T) {
	l := newLab(t, 2)
	l.send(0, all, macB)
	l.send(0, wire.MAC{}, macB)
	l.want("group or zero source", 0, 0)
	if n := skb.Drops(l.sw)[skb.ReasonMacInvalidSource]; n != 2 {
		t.Errorf("%d drops counted", n)
	}
}

func TestTheBridgeIsAStation(t *testing.T) {
	l := newLab(t, 2)
	got := 0
	defer dev.AddPacketType(l.sw, &dev.PacketType{Proto: uapi.ETH_P_IP, Name: "test",
		Recv: func(c *kern.CPU, b *skb.Buff, d, _ *dev.Device) {
			if d != l.br || b.PktType == skb.PacketOtherHost {
				t.Errorf("received by %v as %d", d, b.PktType)
			}
			got++
			b.Consume(c)
		}})()
	l.send(0, macA, wire.MAC(l.br.Addr()))
	if got != 1 {
		t.Errorf("the bridge received %d frames", got)
	}
	l.want("its own address", 0, 0)
	l.send(0, macA, all)
	if got != 2 {
		t.Errorf("the bridge received %d frames with the broadcast", got)
	}
}

func TestAPortThatIsDownForwardsNothing(t *testing.T) {
	l := newLab(t, 3)
	l.locked(func() { dev.Close(l.ports[1]) })
	l.clock.Settle()
	l.want("", 0, 0, 0)
	l.send(0, macA, all)
	l.want("port 1 down", 0, 0, 1)
	l.locked(func() { l.must(dev.Open(l.ports[1])) })
	l.clock.Settle()
	l.send(0, macA, all)
	l.want("port 1 up again", 0, 1, 1)
}

func TestAddressAndCarrierFollowThePorts(t *testing.T) {
	l := newLab(t, 2)
	lowest := l.ports[0].Addr()
	if bytes.Compare(l.ports[1].Addr(), lowest) < 0 {
		lowest = l.ports[1].Addr()
	}
	if !bytes.Equal(l.br.Addr(), lowest) {
		t.Errorf("address %x, want the lowest of the ports' %x", l.br.Addr(), lowest)
	}
	if !l.br.Carrier() {
		t.Error("no carrier with two ports")
	}
	l.locked(func() {
		l.must(dev.SetMaster(l.ports[0], 0))
		l.must(dev.SetMaster(l.ports[1], 0))
	})
	if l.br.Carrier() {
		t.Error("a carrier without ports")
	}
	if l.ports[0].Promiscuity() != 0 || l.ports[0].AllMulti() != 0 {
		t.Error("a released port stayed promiscuous")
	}
	l.send(0, macA, all)
	l.want("released", 0, 0)
}

func TestWhatMayNotBeAPort(t *testing.T) {
	l := newLab(t, 1)
	l.locked(func() {
		if err := dev.SetMaster(l.br, l.br.Ifindex()); netlink.ErrnoOf(err) != errno.ELOOP {
			t.Errorf("a bridge in itself: %v", err)
		}
	})
}

func TestLearningIsBounded(t *testing.T) {
	l := newLab(t, 2)
	f := &of(l.br).fdb
	c := l.k.Enter(kern.Any)
	for i := range maxLearned + 100 {
		f.learn(c, portOf(l.ports[0]), wire.MAC{2, 1, 0, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	c.Exit()
	if n := len(f.entries); n > maxLearned+8 {
		t.Errorf("%d entries", n)
	}
}
