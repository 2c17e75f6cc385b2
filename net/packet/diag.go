package packet

import (
	"encoding/binary"

	"linen/net/filter"
	"linen/net/netlink"
	"linen/net/sock"
	"linen/net/sockdiag"
	"linen/uapi"
	"linen/uapi/errno"
)

// Sizes of net/packet/diag.c's structures (linux/packet_diag.h).
const (
	diagReqLen    = 20
	diagMsgLen    = 16
	diagInfoLen   = 24
	diagMemberLen = 44
	diagRingLen   = 28
)

// registerDiag answers ss -0.
func (st *State) registerDiag() {
	sockdiag.Register(st.n, uapi.AF_PACKET, sockdiag.Handler{Get: st.getDiag})
}

// getDiag serves a SOCK_DIAG_BY_FAMILY request: dumps only
// (packet_diag_handler_dump).
func (st *State) getDiag(r *netlink.Request) error {
	p := r.Payload()
	switch {
	case len(p) < diagReqLen, p[1] != 0: // a protocol means nothing
		return errno.EINVAL
	case !r.Dumping():
		return errno.EOPNOTSUPP
	}
	q := diagQuery{st: st, show: binary.NativeEndian.Uint32(p[8:]), admin: r.Capable(netlink.CapNetAdmin)}
	return r.StartDump(q.dump, true)
}

// diagQuery is a struct packet_diag_req.
type diagQuery struct {
	st    *State
	show  uint32 // PACKET_SHOW_*
	admin bool   // may see filters
}

// diagCursor is how far a dump has come.
type diagCursor struct {
	list []*Sock
	next int
}

// dump writes a part of a dump.
func (q diagQuery) dump(d *netlink.Dump) error {
	at, _ := d.State.(*diagCursor)
	if at == nil {
		at = &diagCursor{list: q.st.list()}
		d.State = at
	}
	for ; at.next < len(at.list); at.next++ {
		s := at.list[at.next]
		if s.Has(sock.FlagDead) {
			continue
		}
		if !d.Put(uapi.SOCK_DIAG_BY_FAMILY, 0, func(m *netlink.Msg) { q.fill(m, s) }) {
			return netlink.More
		}
	}
	return nil
}

// words writes 32-bit numbers.
func words(b []byte, list ...uint32) {
	for i, v := range list {
		binary.NativeEndian.PutUint32(b[4*i:], v)
	}
}

// fill writes one socket (sk_diag_fill).
func (q diagQuery) fill(m *netlink.Msg, s *Sock) {
	s.Lock()
	defer s.Unlock()
	b := m.Grow(diagMsgLen)
	b[0], b[1] = uapi.AF_PACKET, uint8(s.Type())
	binary.NativeEndian.PutUint16(b[2:], s.num)
	words(b[4:], uint32(s.INode()), uint32(s.Cookie()), uint32(s.Cookie()>>32))
	if q.show&uapi.PACKET_SHOW_INFO != 0 {
		words(m.Reserve(uapi.PACKET_DIAG_INFO, diagInfoLen), uint32(s.ifindex), uint32(s.version), uint32(s.reserve),
			uint32(s.opt.copyThresh.Load()), s.opt.tstamp.Load(), s.diagFlags())
		m.U32(uapi.PACKET_DIAG_UID, s.UID)
	}
	if q.show&uapi.PACKET_SHOW_MCLIST != 0 {
		s.fillMembers(m)
	}
	if q.show&uapi.PACKET_SHOW_RING_CFG != 0 {
		fillRing(m, uapi.PACKET_DIAG_RX_RING, s.rings.rx.Load())
		fillRing(m, uapi.PACKET_DIAG_TX_RING, s.rings.tx.Load())
	}
	if q.show&uapi.PACKET_SHOW_FANOUT != 0 && s.fan != nil {
		m.U32(uapi.PACKET_DIAG_FANOUT, uint32(s.fan.number()))
	}
	if q.show&uapi.PACKET_SHOW_MEMINFO != 0 {
		mem := s.Meminfo()
		words(m.Reserve(uapi.PACKET_DIAG_MEMINFO, 4*len(mem)), mem[:]...)
	}
	if p := s.Filter(); q.show&uapi.PACKET_SHOW_FILTER != 0 && p != nil && q.admin {
		fillFilter(m, p)
	}
}

// diagFlags returns PDI_*.
func (s *Sock) diagFlags() (flags uint32) {
	for _, f := range [...]struct {
		on  bool
		bit uint32
	}{
		{s.unhook != nil || s.fan != nil, uapi.PDI_RUNNING}, {s.opt.auxdata.Load(), uapi.PDI_AUXDATA},
		{s.opt.origDev.Load(), uapi.PDI_ORIGDEV}, {s.opt.vnetLen.Load() != 0, uapi.PDI_VNETHDR},
		{s.opt.loss.Load(), uapi.PDI_LOSS},
	} {
		if f.on {
			flags |= f.bit
		}
	}
	return flags
}

// fillMembers appends the memberships, an array of struct packet_diag_mclist.
func (s *Sock) fillMembers(m *netlink.Msg) {
	b := m.Reserve(uapi.PACKET_DIAG_MCLIST, diagMemberLen*len(s.members))
	for i := range s.members {
		e, p := &s.members[i], b[diagMemberLen*i:]
		words(p, uint32(e.ifindex), uint32(e.count))
		binary.NativeEndian.PutUint16(p[8:], e.typ)
		binary.NativeEndian.PutUint16(p[10:], uint16(len(e.addr)))
		copy(p[12:diagMemberLen], e.addr)
	}
}

// fillRing appends a ring's configuration; r may be nil.
func fillRing(m *netlink.Msg, attr uint16, r *ring) {
	if r == nil {
		return
	}
	q := &r.req
	words(m.Reserve(attr, diagRingLen), uint32(q.blockSize), uint32(q.blockNr), uint32(q.frameSize), uint32(q.frameNr),
		uint32(q.retire), uint32(q.private), q.features)
}

// fillFilter appends the attached program.
func fillFilter(m *netlink.Msg, p *filter.Prog) {
	b := m.Reserve(uapi.PACKET_DIAG_FILTER, filter.InsnSize*p.Len())
	for i, in := range p.Insns() {
		q := b[filter.InsnSize*i:]
		binary.NativeEndian.PutUint16(q, in.Code)
		q[2], q[3] = in.JT, in.JF
		binary.NativeEndian.PutUint32(q[4:], in.K)
	}
}
