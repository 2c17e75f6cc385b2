package sockdiag

import (
	"encoding/binary"

	"linen/net/netlink"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// Sizes of struct netlink_diag_req and netlink_diag_msg.
const (
	netlinkReqLen = 20
	netlinkMsgLen = 28
)

// maxLinks is MAX_LINKS, the number of netlink protocols.
const maxLinks = 32

// getNetlink serves AF_NETLINK: dumps only (netlink_diag_handler_dump).
func getNetlink(r *netlink.Request) error {
	p := r.Payload()
	if len(p) < netlinkReqLen {
		return errno.EINVAL
	}
	if !r.Dumping() {
		return errno.EOPNOTSUPP
	}
	q := netlinkQuery{protocol: int(p[1]), show: binary.NativeEndian.Uint32(p[8:])}
	return r.StartDump(q.dump, false)
}

// netlinkQuery is a struct netlink_diag_req.
type netlinkQuery struct {
	protocol int    // or NDIAG_PROTO_ALL
	show     uint32 // NDIAG_SHOW_*
}

// netlinkRow is one socket of a dump; without a port it is the kernel's own.
type netlinkRow struct {
	protocol int
	port     *netlink.Port
}

// netlinkCursor is how far a dump has come.
type netlinkCursor struct {
	rows []netlinkRow
	next int
}

// dump writes a part of a dump, the kernel's socket of a protocol before the
// users'.
func (q netlinkQuery) dump(d *netlink.Dump) error {
	if q.protocol >= maxLinks && q.protocol != uapi.NDIAG_PROTO_ALL {
		return errno.ENOENT
	}
	at, _ := d.State.(*netlinkCursor)
	if at == nil {
		at = &netlinkCursor{rows: q.rows(d.Request)}
		d.State = at
	}
	for ; at.next < len(at.rows); at.next++ {
		if !d.Put(uapi.SOCK_DIAG_BY_FAMILY, 0, func(m *netlink.Msg) { q.fill(m, at.rows[at.next]) }) {
			return netlink.More
		}
	}
	return nil
}

// rows returns the sockets to show, by protocol.
func (q netlinkQuery) rows(r *netlink.Request) (rows []netlinkRow) {
	ports, kernel := netlink.Ports(r.Net)
	for proto := range maxLinks {
		if q.protocol != uapi.NDIAG_PROTO_ALL && q.protocol != proto {
			continue
		}
		for _, k := range kernel {
			if k == proto {
				rows = append(rows, netlinkRow{protocol: proto})
			}
		}
		for _, p := range ports {
			if p.Proto() == proto {
				rows = append(rows, netlinkRow{proto, p})
			}
		}
	}
	return rows
}

// fill writes one socket (sk_diag_fill).
func (q netlinkQuery) fill(m *netlink.Msg, row netlinkRow) {
	b := m.Grow(netlinkMsgLen)
	b[0], b[1], b[2], b[3] = uapi.AF_NETLINK, uapi.SOCK_DGRAM, uint8(row.protocol), uapi.TCP_CLOSE
	mem := [9]uint32{uapi.SK_MEMINFO_RCVBUF: netlink.DefaultBuffer, uapi.SK_MEMINFO_SNDBUF: netlink.DefaultBuffer}
	var flags uint32
	if p := row.port; p != nil {
		flags = netlinkFlags(p)
		info := p.Info()
		peer, mask := p.Peer()
		put := func(at int, v uint32) { binary.NativeEndian.PutUint32(b[at:], v) }
		put(4, info.ID)
		put(8, peer)
		put(12, lowest(mask))
		if s := ownerOf(p); s != nil {
			put(16, uint32(s.INode()))
			b[1] = uint8(s.Type())
			put(20, uint32(s.Cookie()))
			put(24, uint32(s.Cookie()>>32))
			mem = s.Meminfo()
		}
		mem[uapi.SK_MEMINFO_RMEM_ALLOC], mem[uapi.SK_MEMINFO_DROPS] = uint32(info.Rmem), info.Drops
	}
	if q.show&uapi.NDIAG_SHOW_MEMINFO != 0 {
		putMeminfo(m, uapi.NETLINK_DIAG_MEMINFO, mem)
	}
	if q.show&uapi.NDIAG_SHOW_GROUPS != 0 && row.port != nil {
		putGroups(m, row.port)
	}
	if q.show&uapi.NDIAG_SHOW_FLAGS != 0 {
		m.U32(uapi.NETLINK_DIAG_FLAGS, flags)
	}
}

// ownerOf returns the socket in front of a port, or nil.
func ownerOf(p *netlink.Port) *sock.Sock {
	if s, ok := p.Owner().(sock.Socket); ok {
		return s.Base()
	}
	return nil
}

// lowest returns the first group in a bitmap, or 0.
func lowest(mask uint32) uint32 {
	for g := uint32(1); mask != 0; g++ {
		if mask&1 != 0 {
			return g
		}
		mask >>= 1
	}
	return 0
}

// putGroups appends the bitmap of a member's groups, in words of 64 bits, as
// long as the protocol has groups (sk_diag_dump_groups). Who never was a member
// of one has none.
func putGroups(m *netlink.Msg, p *netlink.Port) {
	words := make([]uint64, (p.NumGroups()+63)/64)
	member := false
	for g := range p.Groups() {
		words[(g-1)/64] |= 1 << ((g - 1) % 64)
		member = true
	}
	if !member {
		return
	}
	b := m.Reserve(uapi.NETLINK_DIAG_GROUPS, 8*len(words))
	for i, w := range words {
		binary.NativeEndian.PutUint64(b[8*i:], w)
	}
}

// netlinkFlags returns NDIAG_FLAG_* of a port.
func netlinkFlags(p *netlink.Port) (flags uint32) {
	if p.Info().Dump {
		flags |= uapi.NDIAG_FLAG_CB_RUNNING
	}
	for o, bit := range map[netlink.Option]uint32{
		netlink.OptPktInfo:   uapi.NDIAG_FLAG_PKTINFO,
		netlink.OptBcastErr:  uapi.NDIAG_FLAG_BROADCAST_ERROR,
		netlink.OptNoENOBUFS: uapi.NDIAG_FLAG_NO_ENOBUFS,
		netlink.OptAllNSID:   uapi.NDIAG_FLAG_LISTEN_ALL_NSID,
		netlink.OptCapAck:    uapi.NDIAG_FLAG_CAP_ACK,
	} {
		if p.Option(o) {
			flags |= bit
		}
	}
	return flags
}
