package ipv4

import (
	"strconv"

	"linen/kern"
	"linen/net/dev"
	"linen/net/mib"
	"linen/net/skb"
	"linen/wire"
)

// fragment sends b in pieces of at most mtu bytes, or drops it and says so when
// it may not be cut (ip_fragment).
func (st *state) fragment(c *kern.CPU, b *skb.Buff, rt *Route, mtu int) {
	if most := int(b.IP.FragMaxSize); most != 0 && most < mtu {
		mtu = most // never larger than it came
	}
	h := (*wire.IPv4Hdr)(b.Data())
	if h.DF() && (!b.IgnoreDF || int(b.IP.FragMaxSize) > mtu) {
		st.path.mib.Inc(c, mib.IPFragFails)
		ICMPSend(c, b, wire.ICMPDestUnreach, wire.ICMPFragNeeded, uint32(mtu))
		b.Drop(c, st.n, skb.ReasonPKTTooBig)
		return
	}
	if b.CsumState == skb.CsumPartial {
		if at, ok := b.CsumOffset(); !ok || !b.MayPull(at+2) {
			st.path.mib.Inc(c, mib.IPFragFails)
			b.Drop(c, st.n, skb.ReasonSkbCsum)
			return
		}
		b.CompleteCsum()
	}
	hlen := h.IHL()
	if mtu < hlen+8 { // no piece would fit
		st.path.mib.Inc(c, mib.IPFragFails)
		b.Drop(c, st.n, skb.ReasonPKTTooBig)
		return
	}
	if st.n.Tracing.Load() {
		skb.Trace(c, st.n, b, skb.Event{Point: skb.PointFragment, Device: rt.Dev.Name(), Verdict: "fragment", By: "mtu " + strconv.Itoa(mtu)})
	}
	cut := cutter{st: st, rt: rt, mtu: mtu - hlen, hlen: hlen, offset: h.Offset(), mf: h.MF(), df: h.FragOff() & wire.IPv4DF}
	if cut.listFits(b) {
		cut.fromList(c, b)
	} else {
		cut.slow(c, b)
	}
	st.path.mib.Inc(c, mib.IPFragOKs)
}

// A cutter makes the fragments of one packet.
type cutter struct {
	st     *state
	rt     *Route
	mtu    int    // payload bytes of a piece
	hlen   int    // bytes of the IP header
	offset int    // of the next piece's payload
	mf     bool   // the packet is itself a piece that is not the last
	df     uint16 // the DF bit that the pieces carry
}

// listFits reports whether b is already in pieces that are fit to be sent: a
// head and a list, as reassembly makes them.
func (k *cutter) listFits(b *skb.Buff) bool {
	list := b.List()
	head := b.Len()
	for _, o := range list {
		head -= o.Len()
	}
	if len(list) == 0 || head-k.hlen > k.mtu || (head-k.hlen)&7 != 0 || k.offset != 0 || k.mf {
		return false
	}
	for i, o := range list {
		if o.Len() > k.mtu || o.Len()&7 != 0 && i < len(list)-1 || len(o.List()) > 0 || o.Room() < k.hlen+k.rt.Dev.LinkHeadroom() {
			return false
		}
	}
	return true
}

// fromList sends b's head and the parts of its list as they are, with headers.
func (k *cutter) fromList(c *kern.CPU, b *skb.Buff) {
	list := b.TakeList()
	var hdr [maxHeader]byte
	copy(hdr[:k.hlen], b.Data())
	size := b.Len() - k.hlen
	follow(hdr[:k.hlen])
	for i, o := range list {
		n := o.Len()
		copy(o.Push(k.hlen), hdr[:k.hlen])
		k.finish(o, b, k.offset+size, i < len(list)-1)
		size += n
		list[i] = o
	}
	k.finish(b, b, 0, true)
	k.send(c, b)
	for _, o := range list {
		k.send(c, o)
	}
}

// maxHeader is the longest IPv4 header, bytes.
const maxHeader = 60

// slow copies b into new pieces.
func (k *cutter) slow(c *kern.CPU, b *skb.Buff) {
	var hdr [maxHeader]byte
	copy(hdr[:k.hlen], b.Data()[:k.hlen])
	room := k.rt.Dev.LinkHeadroom()
	at, left := k.hlen, b.Len()-k.hlen
	offset := k.offset
	for left > 0 {
		n := min(left, k.mtu)
		if n < left {
			n &^= 7
		}
		o := skb.Alloc(c, k.hlen+n)
		if o.Room() < room {
			o.Cow(room)
		}
		copy(o.Put(k.hlen), hdr[:k.hlen])
		b.CopyOut(at, o.Put(n))
		if b.Owner() != nil {
			o.Sock = b.Sock
		}
		left -= n
		k.finish(o, b, offset, left > 0 || k.mf)
		if offset == 0 {
			follow(hdr[:k.hlen])
		}
		at += n
		offset += n
		k.send(c, o)
	}
	b.Consume(c)
}

// finish writes the header of a piece at offset and gives it what the packet
// had (ip_copy_metadata).
func (k *cutter) finish(o, b *skb.Buff, offset int, more bool) {
	o.SetNetworkHeader(0)
	o.SetTransportHeader(k.hlen)
	h := (*wire.IPv4Hdr)(o.Data())
	h.SetTotLen(o.Len())
	f := uint16(offset/8) | k.df
	if more {
		f |= wire.IPv4MF
	}
	h.SetFragOff(f)
	wire.SendCheck4(o.Data()[:k.hlen])
	if o == b {
		o.IP.Flags |= SKBFragComplete
		return
	}
	o.PktType, o.Priority, o.Protocol, o.Mark = b.PktType, b.Priority, b.Protocol, b.Mark
	o.Dev, o.Dst, o.Iif, o.Hash, o.Ct, o.Tstamp = b.Dev, b.Dst, b.Iif, b.Hash, b.Ct, b.Tstamp
	o.Queue, o.Redirected = b.Queue, b.Redirected
	o.CsumState = skb.CsumNone
	o.IP = b.IP
	o.IP.Flags |= SKBFragComplete
}

func (k *cutter) send(c *kern.CPU, o *skb.Buff) {
	k.st.path.mib.Inc(c, mib.IPFragCreates)
	finishOutput2(c, o, k.st, k.rt)
}

// follow blanks the options that only the first fragment carries: those
// without the copy bit (ip_options_fragment; RFC 791 §3.2).
func follow(hdr []byte) {
	it := wire.IPv4Options(hdr)
	for it.Next() {
		if it.Kind()&wire.IPOptCopied == 0 {
			for raw, i := it.Raw(), 0; i < len(raw); i++ {
				raw[i] = wire.OptNop
			}
		}
	}
}

// segmentAndFragment sends a super-packet whose segments do not fit: they are
// cut apart, then each into fragments (ip_finish_output_gso).
func (st *state) segmentAndFragment(c *kern.CPU, b *skb.Buff, rt *Route, mtu int) {
	dev.Segment(c, rt.Dev, b, func(o *skb.Buff) {
		o.Dst = rt
		o.IP = b.IP
		if o.Len() > mtu {
			st.fragment(c, o, rt, mtu)
			return
		}
		finishOutput2(c, o, st, rt)
	})
}
