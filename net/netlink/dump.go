package netlink

import "linen/uapi"

// More is returned by a DumpFunc whose page is full: it is called again when
// the reader has room. Like fs.SkipDir it is a sign, not a failure.
var More error = more{}

type more struct{}

func (more) Error() string { return "netlink: the dump continues" }

// A DumpFunc writes a part of a dump with Dump.Put. It returns More after a Put
// returned false, having noted in d.State where to go on; nil at the end; or
// the error that ends the dump in NLMSG_DONE.
type DumpFunc func(d *Dump) error

// A Dump is a dump in progress, pulled page by page as the reader reads.
type Dump struct {
	// Request is what was asked. Its Data is the dump's own copy.
	Request *Request
	// State is the DumpFunc's: nil at the first call.
	State any

	fn    DumpFunc
	split bool   // NLMSG_DONE in a datagram of its own
	flags uint16 // for every message, besides NLM_F_MULTI
	gen   uint32 // of the table now
	prev  uint32 // of the table at the last message
	page  []byte
	msg   Msg // the one that Put makes
	limit int
	done  bool  // fn has ended
	err   error // with this
}

// Generation tells which generation (not 0) of its table the DumpFunc now
// reads: a change between two messages sets NLM_F_DUMP_INTR
// (nl_dump_check_consistent).
func (d *Dump) Generation(gen uint32) { d.gen = gen }

// Filtered makes the messages from now on carry NLM_F_DUMP_FILTERED.
func (d *Dump) Filtered() { d.flags |= uapi.NLM_F_DUMP_FILTERED }

// Restart forgets what belongs to one table, for a DumpFunc that goes on to
// another: the State and the generation.
func (d *Dump) Restart() { d.State, d.gen, d.prev = nil, 0, 0 }

// Put appends a message of the type and flags that fill completes; NLM_F_MULTI,
// sequence number and port are set. It returns false, and appends nothing, when
// the page has no room: the DumpFunc then returns More. A message that fill
// skips (Msg.Skip) leaves no trace.
func (d *Dump) Put(typ, flags uint16, fill func(m *Msg)) bool {
	start := len(d.page)
	m := &d.msg
	*m = Msg{b: d.page, base: start}
	m.Grow(HeaderLen)
	r := d.Request
	Header{Type: typ, Flags: flags | d.consistency() | uapi.NLM_F_MULTI, Seq: r.Seq, Port: r.PortID()}.Put(m.b[start:])
	fill(m)
	if m.skipped {
		return true
	}
	m.Bytes()
	if len(m.b) > d.limit && start > 0 {
		return false // keeps the page as it was, perhaps with more capacity
	}
	d.page = m.b
	d.prev = d.gen
	return true
}

// consistency returns the flags that say how good the dump is so far.
func (d *Dump) consistency() uint16 {
	if d.prev != 0 && d.gen != d.prev {
		return d.flags | uapi.NLM_F_DUMP_INTR
	}
	return d.flags
}
