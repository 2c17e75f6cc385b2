package ipv4

import (
	"bytes"
	"encoding/binary"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// Numbers of RFC 8335: an extended echo request has, behind its header with
// identifier, sequence number (8 bits) and the L-bit, an extension with an
// Interface Identification Object.
const (
	probeLocal     = 1                       // L-bit: about an interface of the node itself
	probeObjectLen = 4                       // header of an object: length, class, C-Type
	probeObject    = wire.ICMPHdrLen + 4     // where it is: the extension has a header of 4 bytes
	probeIdent     = probeObject + 4         // what names the interface
	probeMaxObject = probeObjectLen + 4 + 16 // with the longest address

	probeByName  = 1 // C-Types
	probeByIndex = 2
	probeByAddr  = 3

	probeMalformed   = 1 // codes of the answer
	probeNoInterface = 2

	probeActive = 1 << 2 // state bits of the answer: the interface is up,
	probeIPv4   = 1 << 1 // and has IPv4
)

// probe answers an extended echo request: is the interface there, up, does it
// have IPv4 (icmp_build_probe; net.ipv4.icmp_echo_enable_probe). Interfaces of
// neighbours, which the L-bit unset asks about, are not known.
func (st *state) probe(c *kern.CPU, b *skb.Buff) {
	p := b.Data()
	if st.path.icmp.ignoreAll.Bool() || !st.path.icmp.probe.Bool() || p[7]&probeLocal == 0 {
		b.Drop(c, st.n, skb.ReasonICMPIgnored)
		return
	}
	b.Linearize()
	p = b.Data()
	code, state := st.probed(p)
	if p[0], p[7] = wire.ICMPExtEchoReply, state; code != 0 {
		p[1] = code // a good answer has the code of the question, as Linux has it
	}
	h := (*wire.ICMPHdr)(p)
	h.SetCheck(0)
	h.SetCheck(csum.Checksum(p))
	st.icmpReply(c, b)
}

// probed returns code and state of the interface that p asks about.
func (st *state) probed(p []byte) (code, state uint8) {
	if len(p) < probeIdent {
		return probeMalformed, 0
	}
	size := int(binary.BigEndian.Uint16(p[probeObject:]))
	if size <= probeObjectLen || size > probeMaxObject || len(p) < probeObject+size {
		return probeMalformed, 0
	}
	d, ok := st.probedDevice(p[probeObject+3], p[probeIdent:probeObject+size])
	switch {
	case !ok:
		return probeMalformed, 0
	case d == nil:
		return probeNoInterface, 0
	}
	if d.IsUp() {
		state |= probeActive
	}
	if in := InDev(d); in != nil && len(in.Addrs()) > 0 {
		state |= probeIPv4
	}
	return 0, state
}

// probedDevice returns the device that a query names, nil when there is none.
func (st *state) probedDevice(kind uint8, ident []byte) (d *dev.Device, ok bool) {
	switch kind {
	case probeByName:
		if len(ident) >= uapi.IFNAMSIZ {
			return nil, false
		}
		name, _, _ := bytes.Cut(ident, []byte{0})
		return dev.ByName(st.n, string(name)), true
	case probeByIndex:
		if len(ident) != 4 {
			return nil, false
		}
		return dev.ByIndex(st.n, int(int32(binary.BigEndian.Uint32(ident)))), true
	case probeByAddr: // address family number, length, reserved
		const family, addrLen = 4, 4
		if len(ident) != family+addrLen || binary.BigEndian.Uint16(ident) != 1 || ident[2] != addrLen {
			return nil, false
		}
		return DeviceOf(st.n, binary.BigEndian.Uint32(ident[family:])), true
	}
	return nil, false
}
