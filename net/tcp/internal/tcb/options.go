package tcb

import (
	"encoding/binary"

	"linen/wire"
)

// A Block is a range of sequence numbers, of SACK.
type Block struct{ Start, End uint32 }

// Options are the options of a segment.
type Options struct {
	HasMSS   bool
	HasWS    bool
	HasTS    bool
	SACKPerm bool
	WS       uint8
	MSS      uint16
	TSVal    uint32
	TSEcr    uint32
	NumSACK  uint8
	SACK     [4]Block
	// Fast is the Fast Open cookie of a SYN, empty for a request; it is part of
	// the header.
	Fast    []byte
	HasFast bool
	FastExp bool // in the experimental form
}

// maxWScale is the largest shift (RFC 7323 §2.3).
const maxWScale = 14

// Parse reads the options of the header at the start of h; malformed ones end
// the list. syn says that the segment is a SYN.
func (o *Options) Parse(h []byte, syn bool) {
	*o = Options{}
	if len(h) <= wire.TCPHdrLen {
		return
	}
	p := h[wire.TCPHdrLen:]
	if len(p) == 12 && p[0] == 1 && p[1] == 1 && p[2] == wire.TCPOptTimestamp && p[3] == 10 {
		o.HasTS = true
		o.TSVal, o.TSEcr = binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:])
		return
	}
	for len(p) > 0 {
		switch p[0] {
		case 0:
			return
		case 1:
			p = p[1:]
			continue
		}
		if len(p) < 2 || p[1] < 2 || int(p[1]) > len(p) {
			return
		}
		o.one(p[0], p[2:p[1]], syn)
		p = p[p[1]:]
	}
}

func (o *Options) one(kind byte, v []byte, syn bool) {
	switch {
	case kind == wire.TCPOptMSS && len(v) == 2 && syn:
		if mss := binary.BigEndian.Uint16(v); mss != 0 {
			o.HasMSS, o.MSS = true, mss
		}
	case kind == wire.TCPOptWScale && len(v) == 1 && syn:
		o.HasWS, o.WS = true, min(v[0], maxWScale)
	case kind == wire.TCPOptSACKPerm && len(v) == 0 && syn:
		o.SACKPerm = true
	case kind == wire.TCPOptFastopen && syn:
		o.fastCookie(v, false)
	case kind == wire.TCPOptExp && syn && len(v) >= 2 && v[0] == fastMagic>>8 && v[1] == fastMagic&0xff:
		o.fastCookie(v[2:], true)
	case kind == wire.TCPOptTimestamp && len(v) == 8:
		o.HasTS = true
		o.TSVal, o.TSEcr = binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])
	case kind == wire.TCPOptSACK && len(v) >= 8 && len(v)%8 == 0 && !syn:
		for i := 0; i < len(v)/8 && i < len(o.SACK); i++ {
			o.SACK[i] = Block{binary.BigEndian.Uint32(v[8*i:]), binary.BigEndian.Uint32(v[8*i+4:])}
			o.NumSACK++
		}
	}
}

// fastMagic tells Fast Open from other experiments (RFC 7413 §4.1.1, IANA).
const fastMagic = 0xf989

// fastCookie takes a cookie: 4 to 16 bytes, an even number, or none.
func (o *Options) fastCookie(v []byte, exp bool) {
	if n := len(v); n == 0 || n >= 4 && n <= 16 && n&1 == 0 {
		o.HasFast, o.Fast, o.FastExp = true, v, exp
	}
}

// A SynOptions says which options a SYN or SYN-ACK carries.
type SynOptions struct {
	MSS    uint16
	SACK   bool
	TS     bool
	WS     bool
	WScale uint8
	TSVal  uint32
	TSEcr  uint32
	Signed bool // with room for an MD5 signature in front
	// FastOn adds the Fast Open option, with the cookie Fast.
	FastOn, FastExp bool
	Fast            []byte
}

// Append writes the options in Linux's order: mss, sackOK, TS, nop, wscale.
func (s *SynOptions) Append(p []byte) []byte {
	if s.Signed {
		p = AppendSignature(p)
	}
	p = append(p, wire.TCPOptMSS, 4, byte(s.MSS>>8), byte(s.MSS))
	switch {
	case s.TS && s.SACK:
		p = append(p, wire.TCPOptSACKPerm, 2)
	case s.TS:
		p = append(p, 1, 1)
	case s.SACK:
		p = append(p, 1, 1, wire.TCPOptSACKPerm, 2)
	}
	if s.TS {
		p = append(p, wire.TCPOptTimestamp, 10)
		p = binary.BigEndian.AppendUint32(p, s.TSVal)
		p = binary.BigEndian.AppendUint32(p, s.TSEcr)
	}
	if s.WS {
		p = append(p, 1, wire.TCPOptWScale, 3, s.WScale)
	}
	if s.FastOn {
		p = s.appendFast(p)
	}
	return p
}

// appendFast writes the Fast Open option, filled up to whole words, if it finds
// room.
func (s *SynOptions) appendFast(p []byte) []byte {
	if len(p)+4+len(s.Fast) > wire.TCPHdrLenMax-wire.TCPHdrLen {
		return p
	}
	if s.FastExp {
		p = append(p, wire.TCPOptExp, byte(4+len(s.Fast)), fastMagic>>8, fastMagic&0xff)
	} else {
		p = append(p, wire.TCPOptFastopen, byte(2+len(s.Fast)))
	}
	for p = append(p, s.Fast...); len(p)%4 != 0; {
		p = append(p, 1)
	}
	return p
}

// appendTS writes an aligned timestamp.
func appendTS(p []byte, val, ecr uint32) []byte {
	p = append(p, 1, 1, wire.TCPOptTimestamp, 10)
	p = binary.BigEndian.AppendUint32(p, val)
	return binary.BigEndian.AppendUint32(p, ecr)
}

// AppendTimestamp writes the aligned timestamp option of a segment that no
// connection sends.
func AppendTimestamp(p []byte, val, ecr uint32) []byte { return appendTS(p, val, ecr) }
