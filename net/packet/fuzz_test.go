package packet

import (
	"testing"

	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/net/vnethdr"
	"linen/uapi"
)

// FuzzRequest: what check accepts lies inside the ring's memory.
func FuzzRequest(f *testing.F) {
	f.Add(uint8(0), []byte("\x00\x10\x00\x00\x02\x00\x00\x00\x00\x08\x00\x00\x04\x00\x00\x00"))
	f.Add(uint8(2), []byte("\x00\x10\x00\x00\x01\x00\x00\x00\x00\x08\x00\x00\x02\x00\x00\x00\x3c\x00\x00\x00\x08\x00\x00\x00\x01\x00\x00\x00"))
	f.Add(uint8(1), make([]byte, 16))
	f.Fuzz(func(t *testing.T, version uint8, val []byte) {
		v := int(version % 3)
		req, err := parseRequest(v, val)
		if err != nil || req.blockNr == 0 || req.check(v, 0) != nil {
			return
		}
		r := ring{req: req, version: v}
		if end := r.frame(req.frameNr-1) + req.frameSize; end > req.size() || req.frameNr < 1 {
			t.Errorf("%+v: the last frame ends at %d of %d", req, end, req.size())
		}
		if v == uapi.TPACKET_V3 && blockHead(req.private)+headerSize[v]+sizeofSLL > req.blockSize {
			t.Errorf("%+v: no room in a block", req)
		}
	})
}

// FuzzAddr: sockaddr_ll, packet_mreq and the virtio header.
func FuzzAddr(f *testing.F) {
	a := uapi.SockaddrLl{Protocol: uapi.ETH_P_IP, Ifindex: 2, Halen: 6}
	f.Add(a.Append(nil))
	f.Add([]byte("\x02\x00\x00\x00\x01\x00\x06\x00\x01\x00\x5e\x01\x02\x03\x00\x00"))
	f.Add([]byte("\x01\x01\x00\x00\x10\x00\x0e\x00\x06\x00"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if a, ok := parseAddr(p); ok && int(a.Halen) > len(p)-addrOff {
			t.Errorf("an address of %d bytes in %d", a.Halen, len(p))
		}
		if m, err := parseMreq(p); err == nil && (len(m.addr) > maxAddr || len(m.addr) > len(p)-mreqOff) {
			t.Errorf("an address of %d bytes in %d", len(m.addr), len(p))
		}
		if v, err := vnethdr.Parse(p, vnethdr.Len); err == nil && (v.GSOSize() == 0) != (v.GSOType() == 0) {
			t.Errorf("type %#x of size %d", v.GSOType(), v.GSOSize())
		}
	})
}

// FuzzVnet: a frame behind any virtio header is refused, or can be cut.
func FuzzVnet(f *testing.F) {
	frame := []byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x00\x45\x00\x00\x3c\x00\x01\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" +
		"\x00\x01\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x50\x10\x00\x64\x00\x00\x00\x00twenty bytes of data")
	f.Add(append([]byte("\x01\x01\x36\x00\x07\x00\x22\x00\x10\x00"), frame...))
	f.Add(append([]byte("\x00\x01\x36\x00\x07\x00\x00\x00\x00\x00"), frame...))
	f.Add(append([]byte("\x01\x05\x2a\x00\x01\x00\x22\x00\x06\x00"), frame...))
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	f.Cleanup(k.Close)
	n, err := netns.New(k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(), dev.Pernet())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(n.Close)
	d := dev.New(n, "d0", nil)
	f.Fuzz(func(t *testing.T, p []byte) {
		v, err := vnethdr.Parse(p, vnethdr.Len)
		if p = p[min(len(p), vnethdr.Len):]; err != nil || len(p) < 14 || len(p) > 1<<16 {
			return
		}
		c := k.Enter(kern.Any)
		defer c.Exit()
		b := skb.From(c, p)
		b.Dev, b.Protocol = d, uint16(p[12])<<8|uint16(p[13])
		b.SetMacHeader(0)
		b.SetNetworkHeader(14)
		if !v.Apply(b) || !b.IsGSO() {
			b.Consume(c)
			return
		}
		want, got, bytes := int(b.GSOSegs), 0, b.Len()
		if !dev.Segment(c, d, b, func(o *skb.Buff) { got++; bytes -= o.Len(); o.Consume(c) }) {
			return
		}
		if got != want || bytes > 0 {
			t.Errorf("%d segments, %d announced, %d bytes missing", got, want, bytes)
		}
	})
}
