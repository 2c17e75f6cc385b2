package ethernet_test

import (
	"bytes"
	"errors"
	"testing"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ethernet"
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

var (
	own  = []byte{2, 0, 0, 0, 0, 1}
	peer = []byte{2, 0, 0, 0, 0, 2}
)

func newDevice(t testing.TB) (*kern.Kernel, *dev.Device) {
	t.Helper()
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n, err := netns.New(k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(), dev.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	d := dev.New(n, "e0", nil)
	ethernet.Setup(d)
	d.SetInitialAddr(own, dev.AddrSet)
	return k, d
}

func TestTypeTrans(t *testing.T) {
	k, d := newDevice(t)
	for _, c := range []struct {
		name  string
		dst   []byte
		typ   []byte // and what follows
		proto uint16
		kind  uint8
	}{
		{"ours", own, []byte{8, 0}, uapi.ETH_P_IP, skb.PacketHost},
		{"broadcast", []byte{255, 255, 255, 255, 255, 255}, []byte{8, 6}, uapi.ETH_P_ARP, skb.PacketBroadcast},
		{"multicast", []byte{0x33, 0x33, 0, 0, 0, 1}, []byte{0x86, 0xdd}, uapi.ETH_P_IPV6, skb.PacketMulticast},
		{"another's", peer, []byte{8, 0}, uapi.ETH_P_IP, skb.PacketOtherHost},
		{"the smallest type", own, []byte{6, 0}, 0x600, skb.PacketHost},
		{"a length", own, []byte{5, 0xff, 0xaa, 0xaa}, uapi.ETH_P_802_2, skb.PacketHost},
		{"raw 802.3", own, []byte{0, 4, 0xff, 0xff}, uapi.ETH_P_802_3, skb.PacketHost},
		{"a length and nothing else", own, []byte{0, 0}, uapi.ETH_P_802_2, skb.PacketHost},
	} {
		cpu := k.Enter(kern.Any)
		b := skb.From(cpu, append(append(append([]byte(nil), c.dst...), peer...), c.typ...))
		if !ethernet.TypeTrans(cpu, b, d) || b.Protocol != c.proto || b.PktType != c.kind || b.Len() != len(c.typ)-2 {
			t.Errorf("%s: protocol %#x, type %d, %d bytes left", c.name, b.Protocol, b.PktType, b.Len())
		}
		if !bytes.Equal(d.HeaderSource(b), peer) {
			t.Errorf("%s: source %x", c.name, d.HeaderSource(b))
		}
		b.Consume(cpu)
		cpu.Exit()
	}
}

func TestShortFrameIsCountedAndDropped(t *testing.T) {
	k, d := newDevice(t)
	for n := range wire.EthHdrLen {
		c := k.Enter(kern.Any)
		if ethernet.TypeTrans(c, skb.From(c, make([]byte, n)), d) {
			t.Errorf("%d bytes passed", n)
		}
		c.Exit()
	}
	if s := d.Counters(); s.RxErrors != 14 || s.RxLength != 14 || skb.Drops(d.Net())[skb.ReasonPKTTooSmall] != 14 {
		t.Errorf("%+v", s)
	}
}

func TestHeader(t *testing.T) {
	k, d := newDevice(t)
	c := k.Enter(kern.Any)
	defer c.Exit()
	b := skb.From(c, []byte("data"))
	if !d.Header(b, uapi.ETH_P_IP, peer, nil) {
		t.Error("not complete")
	}
	want := append(append(append(append([]byte(nil), peer...), own...), 8, 0), "data"...)
	if !bytes.Equal(b.Data(), want) {
		t.Errorf("%x, want %x", b.Data(), want)
	}
	if h := d.HeaderCache(uapi.ETH_P_IP, peer); !bytes.Equal(h, want[:14]) {
		t.Errorf("cached %x", h)
	}
	if d.HeaderCache(uapi.ETH_P_802_3, peer) != nil {
		t.Error("a header with a length was cached")
	}
	if b := skb.From(c, []byte("data")); d.Header(b, uapi.ETH_P_IP, nil, nil) {
		t.Error("complete without a destination")
	}
	if b := skb.From(c, []byte("llc")); !d.Header(b, uapi.ETH_P_802_2, peer, nil) || b.Data()[12] != 0 || b.Data()[13] != 3 {
		t.Errorf("802.2: %x", b.Data())
	}
}

func TestRandomAddr(t *testing.T) {
	_, d := newDevice(t)
	ethernet.RandomAddr(d)
	if m := wire.MAC(d.Addr()); !m.IsValid() || !m.IsLocal() {
		t.Errorf("%v", m)
	}
}

func TestValidMAC(t *testing.T) {
	for _, bad := range [][]byte{nil, make([]byte, 6), {1, 0, 0, 0, 0, 1}, {2, 0, 0}} {
		if err := ethernet.ValidMAC(bad); !errors.Is(err, errno.EADDRNOTAVAIL) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

func FuzzTypeTrans(f *testing.F) {
	f.Add([]byte{})
	f.Add(append(append([]byte(nil), own...), make([]byte, 7)...))
	f.Add(append(append([]byte(nil), own...), make([]byte, 8)...))
	k, d := newDevice(f)
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > 65535 {
			return
		}
		c := k.Enter(kern.Any)
		defer c.Exit()
		b := skb.From(c, p)
		if ok := ethernet.TypeTrans(c, b, d); ok != (len(p) >= wire.EthHdrLen) {
			t.Errorf("%d bytes: %v", len(p), ok)
		} else if ok {
			b.Consume(c)
		}
	})
}
