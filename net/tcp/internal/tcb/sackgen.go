package tcb

// setDSACK notes a range that came twice, to be told once (RFC 2883).
func (c *Conn) setDSACK(start, end uint32) {
	r := &c.recv
	if before(start, r.nxt) {
		c.env.Count(StatDSACKOldSent, 1)
	} else {
		c.env.Count(StatDSACKOfoSent, 1)
	}
	if r.dsack && !after(start, r.dup.End) && !after(r.dup.Start, end) {
		if before(start, r.dup.Start) {
			r.dup.Start = start
		}
		if after(end, r.dup.End) {
			r.dup.End = end
		}
		return
	}
	r.dsack, r.dup = true, Block{start, end}
}

// noteSack puts a range that came out of order in front of the blocks, joined
// with those it touches (RFC 2018 §4).
func (c *Conn) noteSack(start, end uint32) {
	r := &c.recv
	b := Block{start, end}
	n := 0
	var rest [4]Block
	if r.sacks == nil {
		r.sacks = new([4]Block)
	}
	for _, o := range r.sacks[:r.numSacks] {
		if !after(b.Start, o.End) && !after(o.Start, b.End) {
			if before(o.Start, b.Start) {
				b.Start = o.Start
			}
			if after(o.End, b.End) {
				b.End = o.End
			}
			continue
		}
		rest[n] = o
		n++
	}
	if n == len(r.sacks) && c.comp != nil && c.comp.held > 0 { // the last block would never be told
		c.comp.held--
		c.sendAck()
	}
	r.sacks[0] = b
	r.numSacks = uint8(1 + copy(r.sacks[1:], rest[:n]))
}

// dropSacked forgets the blocks that are in order now.
func (c *Conn) dropSacked() {
	r := &c.recv
	if len(r.ofo) == 0 || r.sacks == nil {
		r.numSacks = 0
		return
	}
	n := 0
	for _, o := range r.sacks[:r.numSacks] {
		if after(o.End, r.nxt) {
			r.sacks[n] = o
			n++
		}
	}
	r.numSacks = uint8(n)
}
