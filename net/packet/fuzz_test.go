package packet

import (
	"testing"

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
		if v, err := parseVnet(p, vnetHdrLen); err == nil && v.gsoSize > 0 && !v.csum {
			t.Error("segments without checksums")
		}
	})
}
