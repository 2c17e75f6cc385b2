package dev_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"linen/drivers/net/testlink"
	"linen/kern"
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

var (
	ourMAC  = wire.MAC{2, 0, 0, 0, 0, 1}
	peerMAC = wire.MAC{2, 0, 0, 0, 0, 2}
)

// newPort makes a Port with ourMAC, up, that keeps what it sends in sent.
func newPort(t *testing.T, n *netns.Net, name string) (p *testlink.Port, sent *[][]byte) {
	t.Helper()
	sent = new([][]byte)
	p, err := testlink.NewPort(n, name, func(f []byte) { *sent = append(*sent, bytes.Clone(f)) })
	if err != nil {
		t.Fatal(err)
	}
	locked(n, func() {
		if err := dev.SetAddr(p.Dev, ourMAC[:]); err != nil {
			t.Error(err)
		}
		if err := dev.Open(p.Dev); err != nil {
			t.Error(err)
		}
	})
	return p, sent
}

func frame(dst wire.MAC, typ uint16, payload ...byte) []byte {
	var h wire.EthHdr
	h.SetDst(dst)
	h.SetSrc(peerMAC)
	h.SetType(typ)
	return append(h[:], payload...)
}

// listen notes what a packet type receives as "name device type payload".
func listen(n *netns.Net, d *dev.Device, proto uint16, name string, log *[]string) (remove func()) {
	p := &dev.PacketType{Proto: proto, Name: name, Dev: d,
		Recv: func(c *kern.CPU, b *skb.Buff, d, orig *dev.Device) {
			*log = append(*log, fmt.Sprintf("%s %s %d %x", name, d, b.PktType, b.Data()))
			b.Consume(c)
		}}
	if proto == uapi.ETH_P_ALL {
		return dev.AddTap(n, d, p)
	}
	return dev.AddPacketType(n, p)
}

func TestWhoReceivesAFrame(t *testing.T) {
	n := newLab(t, 1).net()
	p, _ := newPort(t, n, "t0")
	var log []string
	listen(n, nil, uapi.ETH_P_ALL, "tap", &log)
	listen(n, p.Dev, uapi.ETH_P_ALL, "devtap", &log)
	listen(n, nil, uapi.ETH_P_IP, "ip", &log)
	listen(n, p.Dev, uapi.ETH_P_IP, "devip", &log)
	for _, c := range []struct {
		name  string
		frame []byte
		want  []string
	}{
		{"ours", frame(ourMAC, uapi.ETH_P_IP, 0x45), []string{"tap t0 0 45", "devtap t0 0 45", "ip t0 0 45", "devip t0 0 45"}},
		{"broadcast", frame(wire.BroadcastMAC(), uapi.ETH_P_IP, 1), []string{"tap t0 1 01", "devtap t0 1 01", "ip t0 1 01", "devip t0 1 01"}},
		{"multicast", frame(wire.MAC{1, 0, 0x5e}, uapi.ETH_P_ARP, 1), []string{"tap t0 2 01", "devtap t0 2 01"}},
		{"another host's", frame(peerMAC, uapi.ETH_P_ARP, 1), []string{"tap t0 3 01", "devtap t0 3 01"}},
		{"an 802.3 length", frame(ourMAC, 3, 1, 2, 3), []string{"tap t0 0 010203", "devtap t0 0 010203"}},
	} {
		log = nil
		p.Inject(c.frame)
		if !slices.Equal(log, c.want) {
			t.Errorf("%s: %q, want %q", c.name, log, c.want)
		}
	}
}

func TestUnknownEtherTypeIsDropped(t *testing.T) {
	n := newLab(t, 1).net()
	p, _ := newPort(t, n, "t0")
	p.Inject(frame(ourMAC, uapi.ETH_P_802_EX1, 1))
	if s := p.Dev.Counters(); s.RxPackets != 1 || s.RxDropped != 1 || skb.Drops(n)[skb.ReasonUnhandledProto] != 1 {
		t.Errorf("%+v", s)
	}
	var log []string
	listen(n, nil, uapi.ETH_P_ALL, "tap", &log)
	p.Inject(frame(ourMAC, uapi.ETH_P_802_EX1, 1))
	if s := p.Dev.Counters(); s.RxDropped != 1 {
		t.Error("dropped although a tap took it")
	}
}

func TestRemovedPacketTypeIsNotCalled(t *testing.T) {
	n := newLab(t, 1).net()
	p, _ := newPort(t, n, "t0")
	var log []string
	remove := listen(n, nil, uapi.ETH_P_IP, "ip", &log)
	remove()
	p.Inject(frame(ourMAC, uapi.ETH_P_IP, 1))
	if len(log) != 0 {
		t.Error("called")
	}
}

func TestIngressStandsBehindTheTaps(t *testing.T) {
	n := newLab(t, 1).net()
	p, _ := newPort(t, n, "t0")
	var log []string
	listen(n, nil, uapi.ETH_P_ALL, "tap", &log)
	listen(n, nil, uapi.ETH_P_IP, "ip", &log)
	p.Dev.SetIngress(func(c *kern.CPU, d *dev.Device, b *skb.Buff) bool {
		b.Drop(c, d.Net(), skb.ReasonTcIngress)
		return false
	})
	p.Inject(frame(ourMAC, uapi.ETH_P_IP, 1))
	if !slices.Equal(log, []string{"tap t0 0 01"}) {
		t.Errorf("%q", log)
	}
	p.Dev.SetIngress(nil)
	p.Inject(frame(ourMAC, uapi.ETH_P_IP, 1))
	if len(log) != 3 {
		t.Errorf("%q", log)
	}
}

func TestRxHandlerResults(t *testing.T) {
	for _, c := range []struct {
		result dev.RxResult
		want   []string
	}{
		{dev.RxConsumed, nil},
		{dev.RxPass, []string{"ip t0 0 01", "devip t0 0 01"}},
		{dev.RxExact, []string{"devip t0 0 01"}},
		{dev.RxAnother, []string{"ip m0 0 01", "devip m0 0 01"}},
	} {
		n := newLab(t, 1).net()
		p, _ := newPort(t, n, "t0")
		m := newDummy(t, n, "m0")
		var log []string
		listen(n, nil, uapi.ETH_P_IP, "ip", &log)
		listen(n, p.Dev, uapi.ETH_P_IP, "devip", &log)
		locked(n, func() {
			dev.Open(m)
			if err := p.Dev.SetRxHandler(func(cpu *kern.CPU, b *skb.Buff) dev.RxResult {
				switch c.result {
				case dev.RxConsumed:
					b.Consume(cpu)
				case dev.RxAnother:
					b.Dev = m
				}
				return c.result
			}); err != nil {
				t.Fatal(err)
			}
			if p.Dev.SetRxHandler(func(*kern.CPU, *skb.Buff) dev.RxResult { return dev.RxPass }) == nil {
				t.Error("a second handler")
			}
		})
		p.Inject(frame(ourMAC, uapi.ETH_P_IP, 1))
		if !slices.Equal(log, c.want) {
			t.Errorf("result %d: %q, want %q", c.result, log, c.want)
		}
	}
}

func TestVLANTagIsTakenOut(t *testing.T) {
	n := newLab(t, 1).net()
	p, _ := newPort(t, n, "t0")
	type seen struct {
		proto, tci uint16
		kind       uint8
		mac        []byte
	}
	var got []seen
	dev.AddPacketType(n, &dev.PacketType{Proto: uapi.ETH_P_IP, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
		got = append(got, seen{b.VLANProto, b.VLANTCI, b.PktType, bytes.Clone(b.Mac()[:14])})
		b.Consume(c)
	}})
	p.Inject(frame(ourMAC, uapi.ETH_P_8021Q, 0x00, 0x05, 0x08, 0x00, 0x45, 0, 0, 0))
	p.Inject(frame(ourMAC, uapi.ETH_P_8021Q, 0x00, 0x00, 0x08, 0x00, 0x45, 0, 0, 0))
	if len(got) != 2 || got[0].proto != 0 || got[0].tci != 0 || got[0].kind != skb.PacketOtherHost ||
		!bytes.Equal(got[0].mac, frame(ourMAC, uapi.ETH_P_IP)) {
		t.Errorf("%+v", got)
	}
	if got[1].kind != skb.PacketHost { // a priority tag only
		t.Errorf("%+v", got[1])
	}
	p.Inject(frame(ourMAC, uapi.ETH_P_8021Q, 0x00, 0x05))
	if skb.Drops(n)[skb.ReasonHdrTrunc] != 1 {
		t.Error("a tag that is cut off was not dropped as such")
	}
}

func TestSentTagIsPutIn(t *testing.T) {
	l := newLab(t, 1)
	n := l.net()
	p, sent := newPort(t, n, "t0")
	c := l.k.Enter(kern.Any)
	b := skb.From(c, []byte("payload"))
	b.Dev, b.Protocol, b.VLANProto, b.VLANTCI = p.Dev, uapi.ETH_P_IP, uapi.ETH_P_8021Q, 7
	b.SetNetworkHeader(0)
	p.Dev.Header(b, uapi.ETH_P_IP, peerMAC[:], nil)
	dev.Xmit(c, b)
	c.Exit()
	want := append(append(peerMAC[:], ourMAC[:]...), 0x81, 0, 0, 7, 8, 0)
	if len(*sent) != 1 || !bytes.Equal((*sent)[0], append(want, "payload"...)) {
		t.Errorf("%x", *sent)
	}
}

func TestDownDeviceNeitherSendsNorReceives(t *testing.T) {
	l := newLab(t, 1)
	n := l.net()
	p, sent := newPort(t, n, "t0")
	locked(n, func() { dev.Close(p.Dev) })
	p.Inject(frame(ourMAC, uapi.ETH_P_IP, 1))
	c := l.k.Enter(kern.Any)
	b := skb.From(c, frame(peerMAC, uapi.ETH_P_IP, 1))
	b.Dev = p.Dev
	if dev.Xmit(c, b) {
		t.Error("sent")
	}
	c.Exit()
	if len(*sent) != 0 || skb.Drops(n)[skb.ReasonDevReady] != 2 {
		t.Errorf("sent %d, drops %v", len(*sent), skb.Drops(n))
	}
}

func TestFullBacklogDrops(t *testing.T) {
	l := newLab(t, 1)
	n := l.net()
	p, _ := newPort(t, n, "t0")
	frames := make([][]byte, 1100)
	for i := range frames {
		frames[i] = frame(ourMAC, uapi.ETH_P_IP, 1)
	}
	p.Inject(frames...) // all before the CPU is left
	if s := p.Dev.Counters(); s.RxPackets != 1000 || skb.Drops(n)[skb.ReasonCpuBacklog] != 100 {
		t.Errorf("%d received, %d dropped", s.RxPackets, skb.Drops(n)[skb.ReasonCpuBacklog])
	}
}

// forwarder is a device whose Xmit sends by another device, as tunnels do.
type forwarder struct{ to **dev.Device }

func (forwarder) Open(*dev.Device) error { return nil }
func (forwarder) Stop(*dev.Device)       {}
func (f forwarder) Xmit(c *kern.CPU, _ *dev.Device, b *skb.Buff) {
	b.Dev = *f.to
	dev.Xmit(c, b)
}

func TestNestedTransmissionEnds(t *testing.T) {
	l := newLab(t, 1)
	n := l.net()
	var a, b *dev.Device
	a = dev.New(n, "a", forwarder{&b})
	b = dev.New(n, "b", forwarder{&a})
	locked(n, func() {
		for _, d := range []*dev.Device{a, b} {
			ethernet.Setup(d)
			if dev.Register(d) != nil || dev.Open(d) != nil {
				t.Fatal("no device")
			}
		}
	})
	c := l.k.Enter(kern.Any)
	p := skb.From(c, frame(peerMAC, uapi.ETH_P_IP, 1))
	p.Dev = a
	dev.Xmit(c, p)
	c.Exit()
	if skb.Drops(n)[skb.ReasonRecursionLimit] != 1 {
		t.Errorf("drops %v", skb.Drops(n))
	}
}

// superPacket builds a TCP or UDP packet to be cut.
func superPacket(c *kern.CPU, proto uint8, payload []byte, size uint16) *skb.Buff {
	hlen := wire.TCPHdrLen
	if proto == uapi.IPPROTO_UDP {
		hlen = wire.UDPHdrLen
	}
	b := skb.Alloc(c, 40+len(payload))
	h := make([]byte, 20+hlen)
	ip, _ := wire.AsIPv4(h)
	ip.SetVerIHL(20)
	ip.SetTotLen(len(h) + len(payload))
	ip.SetID(0xfffe)
	ip.SetTTL(64)
	ip.SetProto(proto)
	ip.SetSaddr(0x0a000001)
	ip.SetDaddr(0x0a000002)
	b.GSOType, b.GSOSize = skb.GSOUDPL4, size
	at := 6
	if tcp, ok := wire.AsTCP(h[20:]); ok && proto == uapi.IPPROTO_TCP {
		tcp.SetSeq(1000)
		tcp.SetDataOffFlags(20, wire.TCPAck|wire.TCPFin|wire.TCPPsh|wire.TCPCwr)
		b.GSOType, at = skb.GSOTCPv4, 16
	}
	b.Append(h)
	b.Append(payload)
	b.GSOSegs = uint16((len(payload) + int(size) - 1) / int(size))
	b.Protocol = uapi.ETH_P_IP
	b.SetNetworkHeader(0)
	b.SetTransportHeader(20)
	b.SetPartialCsum(20, at)
	return b
}

func TestSuperPacketIsCut(t *testing.T) {
	payload := make([]byte, 2500)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	for _, proto := range []uint8{uapi.IPPROTO_TCP, uapi.IPPROTO_UDP} {
		l := newLab(t, 1)
		p, sent := newPort(t, l.net(), "t0")
		c := l.k.Enter(kern.Any)
		b := superPacket(c, proto, payload, 1000)
		b.Dev = p.Dev
		p.Dev.Header(b, uapi.ETH_P_IP, peerMAC[:], nil)
		dev.Xmit(c, b)
		c.Exit()
		if len(*sent) != 3 {
			t.Fatalf("protocol %d: %d segments", proto, len(*sent))
		}
		var joined []byte
		for i, f := range *sent {
			ip, _ := wire.AsIPv4(f[14:])
			if ip.TotLen() != len(f)-14 || ip.ID() != uint16(0xfffe+i) || csum.Checksum(f[14:34]) != 0 {
				t.Errorf("segment %d: IPv4 header %x", i, f[14:34])
			}
			if sum := csum.Sum(f[34:], csum.Pseudo4(ip.Saddr(), ip.Daddr(), proto, len(f)-34)); csum.Fold(sum) != 0 {
				t.Errorf("segment %d: transport checksum", i)
			}
			hdr := wire.UDPHdrLen
			if tcp, _ := wire.AsTCP(f[34:]); proto == uapi.IPPROTO_TCP {
				hdr = wire.TCPHdrLen
				want := [...]uint16{wire.TCPAck | wire.TCPCwr, wire.TCPAck, wire.TCPAck | wire.TCPFin | wire.TCPPsh}[i]
				if tcp.Seq() != uint32(1000+1000*i) || tcp.Flags() != want {
					t.Errorf("segment %d: sequence %d, flags %#x", i, tcp.Seq(), tcp.Flags())
				}
			} else if n := binary.BigEndian.Uint16(f[38:]); int(n) != len(f)-34 {
				t.Errorf("segment %d: UDP length %d", i, n)
			}
			joined = append(joined, f[34+hdr:]...)
		}
		if !bytes.Equal(joined, payload) {
			t.Errorf("protocol %d: the payload changed", proto)
		}
	}
}

func TestBrokenSuperPacketsAreDropped(t *testing.T) {
	for name, spoil := range map[string]func(b *skb.Buff){
		"unknown type":             func(b *skb.Buff) { b.GSOType = 1 << 30 },
		"no payload":               func(b *skb.Buff) { b.Trim(nil, 54) },
		"cut in the header":        func(b *skb.Buff) { b.Trim(nil, 40) },
		"transport before network": func(b *skb.Buff) { b.SetTransportHeader(0) },
		"no IP":                    func(b *skb.Buff) { b.Data()[14] = 0 },
		"IPv6 without room":        func(b *skb.Buff) { b.Data()[14] = 0x60 },
		"a data offset too small":  func(b *skb.Buff) { b.Data()[14+20+12] = 0x10 },
		"a data offset too large":  func(b *skb.Buff) { b.Data()[14+20+12] = 0xf0; b.Trim(nil, 60) },
	} {
		l := newLab(t, 1)
		n := l.net()
		p, sent := newPort(t, n, "t0")
		c := l.k.Enter(kern.Any)
		b := superPacket(c, uapi.IPPROTO_TCP, make([]byte, 100), 10)
		b.Dev = p.Dev
		p.Dev.Header(b, uapi.ETH_P_IP, peerMAC[:], nil)
		spoil(b)
		dev.Xmit(c, b)
		c.Exit()
		if len(*sent) != 0 || skb.Drops(n)[skb.ReasonSkbGsoSeg] != 1 {
			t.Errorf("%s: sent %d, drops %v", name, len(*sent), skb.Drops(n)[skb.ReasonSkbGsoSeg])
		}
	}
}

func TestTapSeesSentFrames(t *testing.T) {
	l := newLab(t, 1)
	n := l.net()
	p, _ := newPort(t, n, "t0")
	var log []string
	listen(n, nil, uapi.ETH_P_ALL, "tap", &log)
	listen(n, nil, uapi.ETH_P_IP, "ip", &log)
	c := l.k.Enter(kern.Any)
	f := frame(peerMAC, uapi.ETH_P_IP, 1)
	b := skb.From(c, f)
	b.Dev, b.Protocol = p.Dev, uapi.ETH_P_IP
	dev.Xmit(c, b)
	c.Exit()
	if want := []string{fmt.Sprintf("tap t0 4 %x", f)}; !slices.Equal(log, want) {
		t.Errorf("%q, want %q", log, want)
	}
}

// FuzzReceive feeds arbitrary frames to a device with taps and handlers.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 13))
	f.Add(frame(ourMAC, uapi.ETH_P_IP, 0x45))
	f.Add(frame(ourMAC, uapi.ETH_P_8021Q, 0, 5, 8, 0, 1))
	f.Add(frame(ourMAC, uapi.ETH_P_8021AD, 0, 5, 0x81, 0, 0, 1, 8, 0))
	f.Add(frame(ourMAC, 2, 0xff, 0xff))
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n := newNet(f, k)
	p, err := testlink.NewPort(n, "t0", nil)
	if err != nil {
		f.Fatal(err)
	}
	n.Lock()
	dev.Open(p.Dev)
	n.Unlock()
	seen := 0
	count := func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
		seen += b.Len()
		if mac := b.Mac(); len(mac) < wire.EthHdrLen {
			panic("no link header")
		}
		b.Consume(c)
	}
	dev.AddTap(n, nil, &dev.PacketType{Proto: uapi.ETH_P_ALL, Recv: count})
	dev.AddPacketType(n, &dev.PacketType{Proto: uapi.ETH_P_IP, Recv: count})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) <= 65535 {
			p.Inject(b)
		}
	})
}

func TestFeaturesThatGoTogether(t *testing.T) {
	n := newLab(t, 1).net()
	d := newDummy(t, n, "d0")
	log := record(t, n, 0, nil)
	*log = nil
	locked(n, func() {
		dev.ChangeFeatures(d, 0, dev.FeatHWCsum)
		if f := d.Features(); f&(dev.FeatAllTSO|dev.FeatUDPSegment) != 0 || f&dev.FeatGSO == 0 {
			t.Errorf("without checksums: %#x", uint64(f))
		}
		dev.ChangeFeatures(d, dev.FeatHWCsum, dev.FeatHWCsum)
		if f := d.Features(); f&dev.FeatAllTSO != dev.FeatAllTSO {
			t.Errorf("with checksums again: %#x", uint64(f))
		}
		if dev.ChangeFeatures(d, dev.FeatLoopback, dev.FeatLoopback) == nil {
			t.Error("a fixed feature was changed")
		}
	})
	wantLog(t, log, "FEAT_CHANGE d0", "FEAT_CHANGE d0")
}
