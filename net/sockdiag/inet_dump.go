package sockdiag

import (
	"encoding/binary"

	"linen/net/netlink"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// cursor is how far a dump has come.
type cursor struct {
	list []InetSocket
	next int
}

// startDump begins a dump; a program that does not hold together is refused
// before (inet_diag_dump_start).
func (t *table) startDump(r *netlink.Request, q *query) error {
	if q.code != nil {
		if err := q.code.audit(q.admin); err != nil {
			return err
		}
	}
	return r.StartDump(func(d *netlink.Dump) error { return t.dump(d, q) }, true)
}

// dump writes a part of a dump. Sockets are those that there were when it
// began; each is described as it is when its turn comes.
func (t *table) dump(d *netlink.Dump, q *query) error {
	p := t.proto(q.protocol)
	if p == nil {
		return errno.ENOENT
	}
	at, _ := d.State.(*cursor)
	if at == nil {
		at = &cursor{list: p.List()}
		d.State = at
	}
	for ; at.next < len(at.list); at.next++ {
		s := at.list[at.next]
		var v Inet
		s.Diag(&v)
		if !q.match(&v) {
			continue
		}
		if !d.Put(uapi.SOCK_DIAG_BY_FAMILY, 0, func(m *netlink.Msg) { v.fill(m, p, s, q) }) {
			return netlink.More
		}
	}
	return nil
}

// match reports whether a dump shows the socket.
func (q *query) match(d *Inet) bool {
	switch {
	case d.Sock != nil && d.Sock.Has(sock.FlagDead): // closed meanwhile
		return false
	case q.Family != uapi.AF_UNSPEC && q.Family != d.Family:
		return false
	case q.States>>(d.State&31)&1 == 0:
		return false
	case q.ID.SPort != 0 && q.ID.SPort != d.ID.SPort:
		return false
	case q.ID.DPort != 0 && q.ID.DPort != d.ID.DPort:
		return false
	}
	return q.code == nil || q.code.run(d)
}

// Wants reports whether a request's idiag_ext asks for an attribute.
func Wants(ext uint8, attr int) bool { return ext>>(attr-1)&1 != 0 }

// fill writes the answer about a socket (inet_sk_diag_fill), its attributes in
// the kernel's order.
func (d *Inet) fill(m *netlink.Msg, p *InetProto, s InetSocket, q *query) {
	d.Put(m.Grow(uapi.SizeofInetDiagMsg))
	if d.Sock == nil { // inet_twsk_diag_fill, inet_req_diag_fill
		if q.admin {
			m.U32(uapi.INET_DIAG_MARK, d.Mark)
		}
		return
	}
	m.U8(uapi.INET_DIAG_SHUTDOWN, uint8(d.Sock.Shut()))
	if Wants(q.Ext, uapi.INET_DIAG_TOS) {
		m.U8(uapi.INET_DIAG_TOS, d.TOS)
	}
	d.fillV6(m, q)
	if q.admin {
		m.U32(uapi.INET_DIAG_MARK, d.Mark)
	}
	if Wants(q.Ext, uapi.INET_DIAG_TCLASS) { // asks for CLASS_ID too
		// Without a net_cls cgroup the class is the socket's priority.
		m.U32(uapi.INET_DIAG_CLASS_ID, d.Sock.Priority.Load())
	}
	binary.NativeEndian.PutUint16(m.Reserve(uapi.INET_DIAG_SOCKOPT, 2), d.Options)
	mem := d.Sock.Meminfo()
	if Wants(q.Ext, uapi.INET_DIAG_MEMINFO) {
		b := m.Reserve(uapi.INET_DIAG_MEMINFO, 16)
		binary.NativeEndian.PutUint32(b, mem[uapi.SK_MEMINFO_RMEM_ALLOC])
		binary.NativeEndian.PutUint32(b[4:], mem[uapi.SK_MEMINFO_WMEM_QUEUED])
		binary.NativeEndian.PutUint32(b[8:], mem[uapi.SK_MEMINFO_FWD_ALLOC])
		binary.NativeEndian.PutUint32(b[12:], mem[uapi.SK_MEMINFO_WMEM_ALLOC])
	}
	if Wants(q.Ext, uapi.INET_DIAG_SKMEMINFO) {
		putMeminfo(m, uapi.INET_DIAG_SKMEMINFO, mem)
	}
	if p.Extend != nil {
		p.Extend(m, s, q.Ext, q.admin)
	}
}

// fillV6 writes what only AF_INET6 has.
func (d *Inet) fillV6(m *netlink.Msg, q *query) {
	if d.Family != uapi.AF_INET6 {
		return
	}
	if Wants(q.Ext, uapi.INET_DIAG_TCLASS) {
		m.U8(uapi.INET_DIAG_TCLASS, d.TClass)
	}
	if d.State == uapi.TCP_LISTEN || d.State == uapi.TCP_CLOSE {
		var only uint8
		if d.V6Only {
			only = 1
		}
		m.U8(uapi.INET_DIAG_SKV6ONLY, only)
	}
}

// putMeminfo appends the nine numbers of a socket's memory.
func putMeminfo(m *netlink.Msg, attr uint16, mem [9]uint32) {
	b := m.Reserve(attr, 4*len(mem))
	for i, v := range mem {
		binary.NativeEndian.PutUint32(b[4*i:], v)
	}
}
