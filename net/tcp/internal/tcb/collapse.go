package tcb

// collapse puts the segments behind the i-th together with it, as far as one
// packet of mss has room, when it is sent again: net.ipv4.tcp_retrans_collapse
// (tcp_retrans_try_collapse).
func (c *Conn) collapse(i, mss int) {
	q := &c.send.q
	seg := q.at(i)
	if !c.set.RetransCollapse || seg.packets != 1 || seg.flags&(Syn|Fin) != 0 {
		return
	}
	n := 0 // segments taken in
	for i+1+n < q.len() {
		next := q.at(i + 1 + n)
		whole := int(next.end - seg.seq)
		if next.flags&Fin != 0 {
			whole--
		}
		if next.packets != 1 || next.marks&txSacked != 0 || next.flags&Syn != 0 || whole > mss || after(next.end, c.windowEnd()) {
			break
		}
		c.recount(next.marks, -1)
		seg.end = next.end
		seg.flags |= next.flags
		seg.marks |= next.marks & txEver
		n++
		if next.flags&Fin != 0 {
			break
		}
	}
	if n > 0 {
		l := q.list[q.head:]
		copy(l[i+1:], l[i+1+n:])
		q.list = q.list[:len(q.list)-n]
	}
}
