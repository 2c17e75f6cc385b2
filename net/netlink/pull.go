package netlink

import (
	"bytes"
	"encoding/binary"

	"linen/uapi"
	"linen/uapi/errno"
)

// Bounds of a dump's page in bytes: NLMSG_GOODSIZE for pages of 4096, and the
// most that a reader's buffer makes of it.
const (
	minPage = 4096 - 320 // SKB_WITH_OVERHEAD
	maxPage = 32768 - 320
)

// StartDump begins the dump that r asks for: fn writes it page by page, the
// first at once. split sends NLMSG_DONE in a datagram of its own. The handler
// returns its result. Error: EBUSY while another dump of the requester runs
// (netlink_dump_start).
func (r *Request) StartDump(fn DumpFunc, split bool) error {
	p := r.port
	own := *r
	own.Data = bytes.Clone(r.Data)
	d := &Dump{Request: &own, fn: fn, split: split}
	p.mu.Lock()
	busy := p.dump != nil
	if !busy {
		p.dump = d
	}
	p.mu.Unlock()
	if busy {
		return errno.EBUSY
	}
	p.pull(d)
	return errDumping
}

// pull writes the next page of the dump (that is only, unless nil) and queues
// it (netlink_dump).
func (p *Port) pull(only *Dump) {
	p.pulling.Lock()
	defer p.pulling.Unlock()
	p.mu.Lock()
	d := p.dump
	full := p.queue.charged >= p.queue.limit
	limit := max(p.queue.maxRead, minPage)
	p.mu.Unlock()
	if d == nil || only != nil && d != only {
		return
	}
	if full {
		p.mu.Lock()
		p.queue.err = errno.ENOBUFS
		p.mu.Unlock()
		return
	}
	d.limit = limit
	d.page = make([]byte, 0, min(limit, maxPage))
	if !d.write() {
		p.finish(d)
	}
	page := d.page
	d.page = nil
	if cap(page) > 2*len(page) {
		page = bytes.Clone(page)
	}
	if len(page) > 0 {
		p.deliver(nil, datagram{data: page, nsid: -1})
	}
}

// write fills the page and reports whether there is more to come.
func (d *Dump) write() (more bool) {
	if !d.done {
		err := d.fn(d)
		if err == More {
			return true
		}
		d.done, d.err = true, err
		if d.split && err == nil && len(d.page) > 0 {
			return true
		}
	}
	return len(d.page) > 0 && len(d.page)+Align(HeaderLen+4) > d.limit
}

// finish ends the dump with NLMSG_DONE, which tells the error.
func (p *Port) finish(d *Dump) {
	extended := p.Option(OptExtAck)
	r := d.Request
	start := len(d.page)
	m := Msg{b: d.page, base: start}
	m.Grow(HeaderLen)
	Header{
		Type: uapi.NLMSG_DONE, Flags: uapi.NLM_F_MULTI | d.consistency(), Seq: r.Seq, Port: r.PortID(),
	}.Put(m.b[start:])
	binary.NativeEndian.PutUint32(m.Grow(4), uint32(-int32(ErrnoOf(d.err))))
	if d.err != nil {
		r.ack.merge(d.err)
	}
	if extended {
		r.ack.fill(&m)
	}
	m.Bytes()
	d.page = m.b
	p.mu.Lock()
	p.dump = nil
	p.mu.Unlock()
}
