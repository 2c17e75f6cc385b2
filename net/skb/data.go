package skb

import (
	"linen/kern"
	"linen/lib/csum"
)

// Frags returns the fragments; the caller does not write their bytes.
func (b *Buff) Frags() []Frag { return b.frags[:b.nfrags] }

// List returns the fragment list.
func (b *Buff) List() []*Buff { return b.list }

// AddFrag appends f to b, which takes over the caller's hold on f.Block. It
// reports false, and takes nothing, when b is full or has a list.
func (b *Buff) AddFrag(f Frag) bool {
	if b.nfrags == MaxFrags || len(b.list) > 0 {
		return false
	}
	b.frags[b.nfrags] = f
	b.nfrags++
	b.dataLen += int32(f.Len)
	b.TrueSize += int32(f.Len)
	return true
}

// Extend appends f to b, into the last fragment when f continues it in its
// Block. The caller keeps its own hold on f.Block. It reports false when b is
// full or has a list.
func (b *Buff) Extend(f Frag) bool {
	if n := b.nfrags; n > 0 && len(b.list) == 0 {
		l := &b.frags[n-1]
		if l.Block == f.Block && l.Off+l.Len == f.Off {
			l.Len += f.Len
			b.dataLen += int32(f.Len)
			b.TrueSize += int32(f.Len)
			return true
		}
	}
	if b.nfrags == MaxFrags || len(b.list) > 0 {
		return false
	}
	f.Block.Hold()
	return b.AddFrag(f)
}

// Share appends n of b's bytes, from off on, to o as fragments of b's Blocks. It
// reports false, and leaves o alone, when some of them are not in fragments or o
// has no room.
func (b *Buff) Share(o *Buff, off, n int) bool {
	if off -= b.HeadLen(); off < 0 {
		return false
	}
	first := 0
	for first < int(b.nfrags) && off >= int(b.frags[first].Len) {
		off -= int(b.frags[first].Len)
		first++
	}
	last, have := first, -off
	for last < int(b.nfrags) && have < n {
		have += int(b.frags[last].Len)
		last++
	}
	if have < n || int(o.nfrags)+last-first > MaxFrags || len(o.list) > 0 {
		return false
	}
	for _, f := range b.frags[first:last] {
		f.Off, f.Len = f.Off+uint32(off), min(f.Len-uint32(off), uint32(n))
		o.Extend(f)
		n, off = n-int(f.Len), 0
	}
	return true
}

// AddList appends the packet o to b's list; o belongs to b from then on.
func (b *Buff) AddList(o *Buff) {
	b.list = append(b.list, o)
	b.dataLen += int32(o.Len())
	b.TrueSize += o.TrueSize
}

// Walk calls f with the packet's bytes in order, in pieces, until f returns
// false. The pieces may not be written.
func (b *Buff) Walk(f func(p []byte) bool) bool {
	if p := b.Data(); len(p) > 0 && !f(p) {
		return false
	}
	for i := range b.frags[:b.nfrags] {
		if !f(b.frags[i].Bytes()) {
			return false
		}
	}
	for _, o := range b.list {
		if !o.Walk(f) {
			return false
		}
	}
	return true
}

// CopyOut copies the packet's bytes from off on into dst and returns how many.
func (b *Buff) CopyOut(off int, dst []byte) int {
	n := 0
	if p := b.Data(); off < len(p) {
		n = copy(dst, p[off:])
		off = 0
	} else {
		off -= len(p)
	}
	for i := range b.frags[:b.nfrags] {
		if n == len(dst) {
			return n
		}
		p := b.frags[i].Bytes()
		if off >= len(p) {
			off -= len(p)
			continue
		}
		n += copy(dst[n:], p[off:])
		off = 0
	}
	for _, o := range b.list {
		if n == len(dst) {
			return n
		}
		if l := o.Len(); off >= l {
			off -= l
			continue
		}
		n += o.CopyOut(off, dst[n:])
		off = 0
	}
	return n
}

// Checksum returns the ones-complement sum of n bytes from off on, added to
// initial and not folded (skb_checksum).
func (b *Buff) Checksum(off, n int, initial uint32) uint32 {
	if p := b.Data(); off+n <= len(p) {
		return csum.Sum(p[off:off+n], initial)
	}
	s := summing{off: off, n: n, sum: initial}
	s.add(b)
	return s.sum
}

// summing is a checksum under way: off bytes are still to be skipped, n to be
// summed, done are in sum.
type summing struct {
	off, n, done int
	sum          uint32
}

// add sums what b has of the bytes.
func (s *summing) add(b *Buff) {
	s.piece(b.Data())
	for i := 0; i < int(b.nfrags) && s.n > 0; i++ {
		s.piece(b.frags[i].Bytes())
	}
	for i := 0; i < len(b.list) && s.n > 0; i++ {
		s.add(b.list[i])
	}
}

func (s *summing) piece(p []byte) {
	if s.off >= len(p) {
		s.off -= len(p)
		return
	}
	p = p[s.off:min(len(p), s.off+s.n)]
	s.sum = csum.Combine(s.sum, csum.Sum(p, 0), s.done)
	s.off, s.done, s.n = 0, s.done+len(p), s.n-len(p)
}

// CompleteCsum computes a partial checksum in software, for a device or a
// reader without the offload (skb_checksum_help). The caller made the header
// linear.
func (b *Buff) CompleteCsum() {
	if b.CsumState != CsumPartial {
		return
	}
	start := int(b.CsumStart - b.data)
	at := b.CsumStart + int32(b.CsumOff)
	b.CsumState = CsumNone
	if start < 0 || int(at)+2 > int(b.tail) || start > b.Len() {
		return
	}
	sum := csum.Fold(b.Checksum(start, b.Len()-start, 0))
	if sum == 0 {
		sum = 0xffff // 0 means "none" to UDP, and is the same to the others
	}
	b.head[at], b.head[at+1] = byte(sum>>8), byte(sum)
}

// Trim shortens the packet to n bytes (pskb_trim). A longer n does nothing.
func (b *Buff) Trim(c *kern.CPU, n int) {
	if n >= b.Len() {
		return
	}
	if lin := b.HeadLen(); n <= lin {
		b.tail = b.data + int32(n)
		b.dropTail(c, 0, 0)
		b.dataLen = 0
		return
	}
	left := n - b.HeadLen()
	b.dataLen = int32(left)
	for i := range b.frags[:b.nfrags] {
		if l := int(b.frags[i].Len); left > l {
			left -= l
			continue
		}
		b.frags[i].Len = uint32(left)
		b.dropTail(c, i+1, 0)
		return
	}
	for i, o := range b.list {
		if l := o.Len(); left > l {
			left -= l
			continue
		}
		o.Trim(c, left)
		b.dropTail(c, int(b.nfrags), i+1)
		return
	}
}

// dropTail gives back the fragments from number frags and the list from list.
func (b *Buff) dropTail(c *kern.CPU, frags, list int) {
	for i := frags; i < int(b.nfrags); i++ {
		b.frags[i].Block.put()
		b.frags[i].Block = nil
	}
	b.nfrags = uint8(min(frags, int(b.nfrags)))
	for i := list; i < len(b.list); i++ {
		b.list[i].Consume(c)
		b.list[i] = nil
	}
	b.list = b.list[:min(list, len(b.list))]
}

// PullAny removes n bytes from the front, from wherever they are.
func (b *Buff) PullAny(c *kern.CPU, n int) {
	if n > b.Len() {
		panic("skb: PullAny of more than there is")
	}
	if lin := b.HeadLen(); n > lin {
		rest := n - lin
		b.Pull(lin)
		b.dataLen -= int32(rest)
		b.skipFrags(c, rest)
		return
	}
	b.Pull(n)
}

// skipFrags removes n bytes from the fragments and the list.
func (b *Buff) skipFrags(c *kern.CPU, n int) {
	gone := 0
	for gone < int(b.nfrags) && n > 0 {
		f := &b.frags[gone]
		if n < int(f.Len) {
			f.Off += uint32(n)
			f.Len -= uint32(n)
			n = 0
			break
		}
		n -= int(f.Len)
		f.Block.put()
		f.Block = nil
		gone++
	}
	copy(b.frags[:], b.frags[gone:b.nfrags])
	b.nfrags -= uint8(gone)
	for len(b.list) > 0 && n > 0 {
		o := b.list[0]
		if l := o.Len(); n < l {
			o.PullAny(c, n)
			return
		} else {
			n -= l
		}
		o.Consume(c)
		b.list = b.list[1:]
	}
}

// gather makes the first n bytes linear; the packet has them.
func (b *Buff) gather(n int) {
	need := n - b.HeadLen()
	if need > b.TailRoom() {
		b.grow(int(b.data), need)
	}
	old := b.tail
	b.CopyOut(b.HeadLen(), b.head[old:int(old)+need])
	b.tail += int32(need)
	b.dataLen -= int32(need)
	b.skipFrags(nil, need)
}

// grow moves the linear data to a larger head with room bytes in front and
// space for extra bytes behind.
func (b *Buff) grow(room, extra int) {
	head := make([]byte, room+b.HeadLen()+extra)
	copy(head[room:], b.Data())
	shift := int32(room) - b.data
	// Headers that were pulled stand in the old headroom: keep what fits.
	if keep := min(room, int(b.data)); keep > 0 {
		copy(head[room-keep:room], b.head[int(b.data)-keep:b.data])
	}
	for _, at := range []*int32{&b.mac, &b.network, &b.transport, &b.inner} {
		if *at >= 0 {
			*at = max(*at+shift, 0)
		}
	}
	b.CsumStart += shift
	b.tail += shift
	b.data += shift
	b.head = head
}

// Cow makes room for n bytes in front of the data (skb_cow_head). The head is
// private already, so only the space matters.
func (b *Buff) Cow(n int) {
	if n > int(b.data) {
		b.grow(n+Headroom, b.TailRoom())
	}
}

// Linearize makes the whole packet linear.
func (b *Buff) Linearize() { b.MayPull(b.Len()) }

// Unshare makes n bytes from off on writable: it returns them, linear and
// private to b.
func (b *Buff) Unshare(off, n int) []byte {
	if !b.MayPull(off + n) {
		panic("skb: Unshare past the end")
	}
	return b.Data()[off : off+n]
}

// Scrub forgets what b knew of the stack that it came through, when it goes
// to another device's input; cross says that it also enters another namespace,
// whose mark is not this one's (skb_scrub_packet).
func (b *Buff) Scrub(c *kern.CPU, cross bool) {
	b.Orphan(c)
	b.Dst = nil
	if b.Ct != nil || b.Sec != nil {
		b.Ct, b.Sec = nil, nil
	}
	b.Tstamp, b.Iif, b.Priority = 0, 0, 0
	b.PktType = PacketHost
	b.IgnoreDF, b.NFTrace, b.Redirected, b.Offloaded = false, false, false, false
	b.IP = IPControl{}
	if cross {
		b.Mark = 0
	}
}

// TakeList removes b's list and returns it: its packets are the caller's.
func (b *Buff) TakeList() []*Buff {
	list := b.list
	for _, o := range list {
		b.dataLen -= int32(o.Len())
		b.TrueSize -= o.TrueSize
	}
	b.list = nil
	return list
}
