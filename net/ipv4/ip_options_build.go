package ipv4

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// maxRecorded is a route option's room, bytes: options without its three.
const maxRecorded = maxOptions - 3

// followSourceRoute finds the next hop of a source routed packet that has come
// to an address of its list (ip_options_rcv_srr) and reports whether b goes on.
func (st *state) followSourceRoute(c *kern.CPU, b *skb.Buff, d *dev.Device) bool {
	h := (*wire.IPv4Hdr)(b.Data())
	rt := RouteOf(b)
	bad := func(pointer uint32) bool {
		if pointer != 0 {
			ICMPSend(c, b, wire.ICMPParamProb, 0, pointer<<24)
		}
		b.Drop(c, st.n, skb.ReasonIPBadOption)
		return false
	}
	switch {
	case b.PktType != skb.PacketHost || rt == nil:
		return bad(0)
	case rt.Type == uapi.RTN_UNICAST: // not at the end of a hop yet
		if b.IP.IsStrict {
			return bad(16)
		}
		return true
	case rt.Type != uapi.RTN_LOCAL:
		return bad(0)
	}
	opt := b.Data()[b.IP.SRR:]
	size := int(opt[1])
	for at := int(opt[2]); at <= size; at += 4 {
		if at+3 > size {
			return bad(uint32(b.IP.SRR) + 2)
		}
		next := binary.BigEndian.Uint32(opt[at-1:])
		b.Dst = nil
		if RouteInput(c, st.n, b, next, h.Saddr(), h.TOS(), d) != 0 {
			b.Dst = rt
			return bad(0)
		}
		rt2 := RouteOf(b)
		if rt2.Type != uapi.RTN_UNICAST && rt2.Type != uapi.RTN_LOCAL {
			b.Dst = rt
			return bad(0)
		}
		b.IP.IsChanged = true
		if rt2.Type == uapi.RTN_UNICAST {
			b.IP.SRRIsHit = true
			binary.BigEndian.PutUint32(b.IP.NextHop[:], next)
			return true
		}
		h.SetDaddr(next) // the hop after that is this host as well
	}
	return true
}

// forwardOptions fills in what a forwarded packet's options still lack: the
// address that it leaves by (ip_forward_options).
func forwardOptions(c *kern.CPU, b *skb.Buff, rt *Route) {
	h := (*wire.IPv4Hdr)(b.Data())
	self := SelectSource(rt.Dev, rt.NextHop(h.Daddr()), uapi.RT_SCOPE_UNIVERSE)
	if rt.Type == uapi.RTN_MULTICAST { // Linux records the sender (ip_rt_get_source)
		self = h.Saddr()
	}
	p := b.Data()
	if b.IP.RRNeedAddr {
		o := p[b.IP.RR:]
		binary.BigEndian.PutUint32(o[o[2]-5:], self)
		b.IP.IsChanged = true
	}
	if b.IP.SRRIsHit {
		o := p[b.IP.SRR:]
		for at := int(o[2]); at+3 <= int(o[1]); at += 4 {
			if [4]byte(o[at-1:]) == b.IP.NextHop {
				h.SetDaddr(binary.BigEndian.Uint32(b.IP.NextHop[:]))
				binary.BigEndian.PutUint32(o[at-1:], self)
				o[2] = byte(at + 4)
				break
			}
		}
		b.IP.IsChanged = true
	}
	if b.IP.IsChanged {
		b.IP.IsChanged = false
		wire.SendCheck4(p[:h.IHL()])
	}
}

// build writes the options into b's header, behind its fixed part, and fills
// in address and time where they ask for it (ip_options_build). final is the
// destination of a source route.
func (o *Options) build(c *kern.CPU, b *skb.Buff, final, src uint32) {
	p := b.Data()
	copy(p[wire.IPv4HdrLen:], o.data)
	b.IP = o.ctl
	if o.ctl.SRR != 0 { // the first hop is the header's destination: the list moves up
		l := p[o.ctl.SRR:]
		n := int(l[1])
		copy(l[3:n-4], l[7:n])
		binary.BigEndian.PutUint32(l[n-4:], final)
	}
	if o.ctl.RRNeedAddr {
		l := p[o.ctl.RR:]
		binary.BigEndian.PutUint32(l[l[2]-5:], src)
	}
	if o.ctl.TSNeedAddr {
		l := p[o.ctl.TS:]
		binary.BigEndian.PutUint32(l[l[2]-9:], src)
	}
	if o.ctl.TSNeedTime {
		l := p[o.ctl.TS:]
		binary.BigEndian.PutUint32(l[l[2]-5:], midnightTime(c))
	}
}

// ReceivedOptions returns the options of a received packet as IP_RECVOPTS
// shows them, or nil. They are b's own bytes.
func ReceivedOptions(b *skb.Buff) []byte {
	h, ok := wire.AsIPv4(b.Network())
	if !ok || b.IP.OptLen == 0 || h.IHL() > len(b.Network()) {
		return nil
	}
	return b.Network()[wire.IPv4HdrLen:h.IHL()]
}

// EchoOptions returns the options for an answer to b (ip_options_echo): routes
// and times are recorded on, a source route is reversed; nil when there are
// none. Source routes are followed back only if the device accepts them.
func EchoOptions(n *netns.Net, b *skb.Buff) *Options {
	if b.IP.OptLen == 0 {
		return nil
	}
	e := optionEcho{n: n, from: b.Network(), b: b, to: &Options{data: make([]byte, 0, maxOptions)}}
	e.record()
	e.stamps()
	e.reverse()
	if cipso := e.find(wire.IPOptCIPSO); cipso != nil {
		e.to.data = append(e.to.data, cipso...)
	}
	for len(e.to.data)%4 != 0 {
		e.to.data = append(e.to.data, wire.OptEnd)
	}
	if len(e.to.data) == 0 || len(e.to.data) > maxOptions {
		return nil
	}
	e.to.ctl.OptLen = uint8(len(e.to.data))
	return e.to
}

// optionEcho turns received options into an answer's.
type optionEcho struct {
	n    *netns.Net
	from []byte // the received header
	b    *skb.Buff
	to   *Options
}

// find returns the first option of a kind, or nil.
func (e *optionEcho) find(kind uint8) []byte {
	for it := wire.IPv4Options(e.from); it.Next(); {
		if it.Kind() == kind {
			return it.Raw()
		}
	}
	return nil
}

// at returns where the next option will stand in the header.
func (e *optionEcho) at() uint8 { return uint8(len(e.to.data) + wire.IPv4HdrLen) }

func (e *optionEcho) record() {
	if e.b.IP.RR == 0 {
		return
	}
	o := e.from[e.b.IP.RR:]
	o = o[:o[1]]
	at := len(e.to.data)
	e.to.ctl.RR = e.at()
	e.to.data = append(e.to.data, o...)
	if e.b.IP.RRNeedAddr && int(o[2])+3 <= len(o) {
		e.to.data[at+2] = o[2] + 4
		e.to.ctl.RRNeedAddr = true
	}
}

func (e *optionEcho) stamps() {
	if e.b.IP.TS == 0 {
		return
	}
	o := e.from[e.b.IP.TS:]
	o = o[:o[1]]
	at := len(e.to.data)
	e.to.ctl.TS = e.at()
	e.to.data = append(e.to.data, o...)
	ptr, flag := int(o[2]), o[3]&15
	need := 4
	if flag != wire.IPOptTSOnly {
		need = 8
	}
	if ptr+need-1 > len(o) || !e.b.IP.TSNeedTime && flag != wire.IPOptTSPrespec {
		return
	}
	if flag == wire.IPOptTSPrespec && AddrType(e.n, binary.BigEndian.Uint32(o[ptr-1:])) == uapi.RTN_UNICAST {
		return // the next stamp is another host's
	}
	e.to.ctl.TSNeedAddr = flag == wire.IPOptTSAddr
	e.to.ctl.TSNeedTime = true
	e.to.data[at+2] = byte(ptr + need)
}

// reverse turns a source route that led here around (RFC 1122 §3.2.1.8).
func (e *optionEcho) reverse() {
	if e.b.IP.SRR == 0 {
		return
	}
	o := e.from[e.b.IP.SRR:]
	o = o[:o[1]]
	var hops [maxRecorded / 4][4]byte
	n := 0
	for p := min(int(o[2]), len(o)+1) - 4; p > 3; p -= 4 { // the visited ones, latest first
		hops[n] = [4]byte(o[p-1:])
		n++
	}
	if n > 0 && binary.BigEndian.Uint32(hops[n-1][:]) == (*wire.IPv4Hdr)(e.from).Saddr() {
		n-- // RFC 1812 §5.2.4.3: the sender does not stand in its own list
	}
	if n == 0 || len(e.to.data)+3+4*n > maxOptions {
		return
	}
	e.to.ctl.SRR, e.to.ctl.IsStrict = e.at(), o[0] == wire.IPOptSSRR
	e.to.FirstHop = binary.BigEndian.Uint32(hops[0][:])
	e.to.data = append(e.to.data, o[0], byte(3+4*n), 4)
	for _, h := range hops[:n] {
		e.to.data = append(e.to.data, h[:]...)
	}
}
