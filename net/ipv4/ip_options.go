package ipv4

import (
	"bytes"
	"encoding/binary"
	"time"

	"linen/kern"
	"linen/net/dev"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// Options are the IPv4 options that a socket sends with (struct ip_options).
type Options struct {
	data []byte // a multiple of 4 long; LSRR and SSRR without their first hop
	// FirstHop is where a source route begins: whom to route to instead of the
	// destination; 0: there is none.
	FirstHop uint32
	ctl      skb.IPControl // where the options stand
}

// maxOptions is how long the options may be, in bytes (RFC 791 §3.1).
const maxOptions = 40

// Bytes returns the options as getsockopt(IP_OPTIONS) and IP_RETOPTS show them:
// with the room that a packet's own address and time will take still free
// (ip_options_undo).
func (o *Options) Bytes() []byte {
	if o == nil {
		return nil
	}
	data := bytes.Clone(o.data)
	free := func(at uint8, n int) {
		raw := data[at-wire.IPv4HdrLen:]
		raw[2] -= byte(n)
		clear(raw[raw[2]-1:][:n])
	}
	if o.ctl.RRNeedAddr {
		free(o.ctl.RR, 4)
	}
	if o.ctl.TSNeedTime {
		free(o.ctl.TS, 4)
		if raw := data[o.ctl.TS-wire.IPv4HdrLen:]; raw[3]&15 == wire.IPOptTSPrespec {
			raw[2] -= 4 // the address is the program's
		}
	}
	if o.ctl.TSNeedAddr {
		free(o.ctl.TS, 4)
	}
	return data
}

// Len returns the bytes that the options take in a header; 0 for nil.
func (o *Options) Len() int {
	if o == nil {
		return 0
	}
	return len(o.data)
}

// CompileOptions checks what a program gave as IP_OPTIONS (ip_options_get);
// none at all are nil. EINVAL: they are malformed or too long.
func CompileOptions(n *netns.Net, data []byte) (*Options, error) {
	if len(data) > maxOptions {
		return nil, errno.EINVAL
	}
	if len(data) == 0 {
		return nil, nil
	}
	o := &Options{data: make([]byte, (len(data)+3)&^3)}
	copy(o.data, data) // padded with "end"
	p := optionParser{n: n, opts: o.data, ctl: &o.ctl, out: true}
	if bad := p.parse(); bad >= 0 {
		return nil, errno.EINVAL
	}
	if srr := int(o.ctl.SRR); srr != 0 {
		o.FirstHop = binary.BigEndian.Uint32(o.data[srr-wire.IPv4HdrLen+3:])
	}
	return o, nil
}

// rcvOptions takes notice of the options of a received packet and, for a
// source route, of the next hop (ip_rcv_options). It reports whether b goes on.
func rcvOptions(c *kern.CPU, b *skb.Buff, st *state, d *dev.Device) bool {
	h := (*wire.IPv4Hdr)(b.Data())
	b.IP.OptLen = uint8(h.IHL() - wire.IPv4HdrLen)
	specific := h.Daddr()
	if rt := RouteOf(b); rt == nil || rt.Type != uapi.RTN_LOCAL { // "our address" for recording
		specific = SelectSource(d, h.Saddr(), uapi.RT_SCOPE_LINK)
	}
	p := optionParser{
		n: st.n, opts: b.Data()[wire.IPv4HdrLen:h.IHL()], ctl: &b.IP,
		routed: b.Dst != nil, self: specific, now: midnightTime(c),
	}
	if bad := p.parse(); bad >= 0 {
		st.path.mib.Inc(c, mib.IPInHdrErrors)
		ICMPSend(c, b, wire.ICMPParamProb, 0, uint32(bad+wire.IPv4HdrLen)<<24)
		b.Drop(c, st.n, skb.ReasonIPInhdr)
		return false
	}
	if b.IP.SRR == 0 {
		return true
	}
	if in := InDev(d); in != nil && !in.AcceptSourceRoute() {
		b.Drop(c, st.n, skb.ReasonIPBadOption)
		return false
	}
	return st.followSourceRoute(c, b, d)
}

// midnightTime returns the milliseconds since midnight UTC (inet_current_timestamp).
func midnightTime(c *kern.CPU) uint32 {
	t := c.Kernel().Wall(c.Now()).UTC()
	return uint32(t.Sub(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)) / time.Millisecond)
}

// An optionParser checks options and finds those that matter later
// (__ip_options_compile). What it finds goes to ctl, as offsets from the
// header's beginning.
type optionParser struct {
	n      *netns.Net
	opts   []byte
	ctl    *skb.IPControl
	out    bool   // the options are for a packet to be sent
	routed bool   // RR and TS of a received packet are filled now, else later
	self   uint32 // the address that stands for this host
	now    uint32 // ms since midnight
}

// good is parse's answer for options without a fault.
const good = -1

// parse returns good, or the offset in opts of the bad byte.
func (p *optionParser) parse() int {
	p.ctl.OptLen = uint8(len(p.opts))
	for i := 0; i < len(p.opts); {
		switch p.opts[i] {
		case wire.OptEnd:
			for j := i; j < len(p.opts); j++ { // padding has no meaning
				if p.opts[j] != wire.OptEnd {
					p.opts[j], p.ctl.IsChanged = wire.OptEnd, true
				}
			}
			return good
		case wire.OptNop:
			i++
			continue
		}
		if len(p.opts)-i < 2 {
			return i
		}
		n := int(p.opts[i+1])
		if n < 2 || n > len(p.opts)-i {
			return i
		}
		if bad := p.option(i, p.opts[i:i+n:i+n]); bad >= 0 {
			return bad
		}
		i += n
	}
	return good
}

// option looks at the option raw, which begins at opts[i].
func (p *optionParser) option(i int, raw []byte) int {
	at := uint8(i + wire.IPv4HdrLen)
	switch raw[0] {
	case wire.IPOptLSRR, wire.IPOptSSRR:
		return p.sourceRoute(i, at, raw)
	case wire.IPOptRR:
		return p.recordRoute(i, at, raw)
	case wire.IPOptTS:
		return p.timestamp(i, at, raw)
	case wire.IPOptRA:
		if len(raw) < 4 {
			return i + 1
		}
		if raw[2] == 0 && raw[3] == 0 {
			p.ctl.RouterAlert = at
		}
	}
	return good // others are nobody's business here
}

func (p *optionParser) sourceRoute(i int, at uint8, raw []byte) int {
	if len(raw) < 3 {
		return i + 1
	}
	if raw[2] < 4 {
		return i + 2
	}
	if p.ctl.SRR != 0 { // only one (RFC 1122 §3.2.1.8)
		return i
	}
	if p.out {
		if raw[2] != 4 || len(raw) < 7 || (len(raw)-3)&3 != 0 {
			return i + 1
		}
	}
	p.ctl.IsStrict = raw[0] == wire.IPOptSSRR
	p.ctl.SRR = at
	return good
}

func (p *optionParser) recordRoute(i int, at uint8, raw []byte) int {
	if p.ctl.RR != 0 {
		return i
	}
	if len(raw) < 3 {
		return i + 1
	}
	if raw[2] < 4 {
		return i + 2
	}
	if int(raw[2]) <= len(raw) {
		if int(raw[2])+3 > len(raw) {
			return i + 2
		}
		if p.routed {
			binary.BigEndian.PutUint32(raw[raw[2]-1:], p.self)
			p.ctl.IsChanged = true
		}
		raw[2] += 4
		p.ctl.RRNeedAddr = true
	}
	p.ctl.RR = at
	return good
}

func (p *optionParser) timestamp(i int, at uint8, raw []byte) int {
	if p.ctl.TS != 0 {
		return i
	}
	if len(raw) < 4 {
		return i + 1
	}
	if raw[2] < 5 {
		return i + 2
	}
	if int(raw[2]) > len(raw) { // full: count those that found no room
		if !p.out {
			if raw[3]>>4 == 15 {
				return i + 3
			}
			if p.routed {
				raw[3] += 1 << 4
				p.ctl.IsChanged = true
			}
		}
		p.ctl.TS = at
		return good
	}
	need, flag := 7, raw[3]&15
	switch flag {
	case wire.IPOptTSOnly:
		need = 3
	case wire.IPOptTSAddr, wire.IPOptTSPrespec:
	default: // left alone where it is received
		if p.out {
			return i + 3
		}
		p.ctl.TS = at
		return good
	}
	if int(raw[2])+need > len(raw) {
		return i + 2
	}
	if bad := p.stamp(i, raw, flag); bad >= 0 {
		return bad
	}
	p.ctl.TS = at
	return good
}

// stamp fills the timestamp option's next entry, of a received packet.
func (p *optionParser) stamp(i int, raw []byte, flag uint8) int {
	e := raw[raw[2]-1:]
	switch flag {
	case wire.IPOptTSOnly:
		raw[2] += 4
	case wire.IPOptTSAddr:
		if p.routed {
			binary.BigEndian.PutUint32(e, p.self)
		}
		p.ctl.TSNeedAddr = true
		e = e[4:]
		raw[2] += 8
	case wire.IPOptTSPrespec:
		if AddrType(p.n, binary.BigEndian.Uint32(e)) == uapi.RTN_UNICAST {
			return good // not ours to fill
		}
		e = e[4:]
		raw[2] += 8
	}
	p.ctl.TSNeedTime = true
	if p.routed {
		binary.BigEndian.PutUint32(e, p.now)
		p.ctl.IsChanged = true
	}
	return good
}
