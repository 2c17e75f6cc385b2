package fibrules

import (
	"encoding/binary"

	"linen/net/netlink"
	"linen/uapi"
)

// fill writes a rule as RTM_NEWRULE has it, in the kernel's order of
// attributes (fib_nl_fill_rule).
func (o *Ops) fill(m *netlink.Msg, r *Rule) {
	o.fillHeader(m, r)
	m.U32(uapi.FRA_TABLE, r.Table)
	m.U32(uapi.FRA_SUPPRESS_PREFIXLEN, uint32(r.SuppressPrefixLen))
	m.U8(uapi.FRA_PROTOCOL, r.Proto)
	if r.IIF != "" {
		m.String(uapi.FRA_IIFNAME, r.IIF)
	}
	if r.OIF != "" {
		m.String(uapi.FRA_OIFNAME, r.OIF)
	}
	put32(m, uapi.FRA_PRIORITY, r.Pref)
	put32(m, uapi.FRA_FWMARK, r.Mark)
	if r.Mark != 0 || r.Mask != 0 {
		m.U32(uapi.FRA_FWMASK, r.Mask)
	}
	put32(m, uapi.FRA_GOTO, r.Goto)
	if r.TunID != 0 {
		m.Attr(uapi.FRA_TUN_ID, binary.BigEndian.AppendUint64(nil, r.TunID))
	}
	if r.L3mdev {
		m.U8(uapi.FRA_L3MDEV, 1)
	}
	if r.UIDSet {
		p := m.Reserve(uapi.FRA_UID_RANGE, 8)
		binary.NativeEndian.PutUint32(p, r.UID.Start)
		binary.NativeEndian.PutUint32(p[4:], r.UID.End)
	}
	putPorts(m, uapi.FRA_SPORT_RANGE, r.SPort)
	if r.SPortMask != 0 {
		m.U16(fraSPortMask, r.SPortMask)
	}
	putPorts(m, uapi.FRA_DPORT_RANGE, r.DPort)
	if r.DPortMask != 0 {
		m.U16(fraDPortMask, r.DPortMask)
	}
	if r.IPProto != 0 {
		m.U8(uapi.FRA_IP_PROTO, r.IPProto)
	}
	if r.SuppressIfgroup != -1 {
		m.U32(uapi.FRA_SUPPRESS_IFGROUP, uint32(r.SuppressIfgroup))
	}
	o.fillFamily(m, r)
}

// fillHeader writes struct fib_rule_hdr.
func (o *Ops) fillHeader(m *netlink.Msg, r *Rule) {
	h := m.Grow(hdrLen)
	h[0], h[1], h[2], h[7] = o.Family, r.Dst.Len, r.Src.Len, r.Action
	if !r.DSCPSet {
		h[3] = r.TOS
	}
	h[4] = uapi.RT_TABLE_COMPAT
	if r.Table < 256 {
		h[4] = uint8(r.Table)
	}
	flags := r.Flags
	if r.Action == uapi.FR_ACT_GOTO && r.Target() == nil {
		flags |= uapi.FIB_RULE_UNRESOLVED
	}
	if r.IIF != "" && r.iif.Load() == Detached {
		flags |= uapi.FIB_RULE_IIF_DETACHED
	}
	if r.OIF != "" && r.oif.Load() == Detached {
		flags |= uapi.FIB_RULE_OIF_DETACHED
	}
	binary.NativeEndian.PutUint32(h[8:], flags)
}

// fillFamily writes what the family adds.
func (o *Ops) fillFamily(m *netlink.Msg, r *Rule) {
	if r.DSCPSet {
		m.U8(fraDSCP, r.TOS>>2)
		m.U8(fraDSCPMask, r.DSCPMask>>2)
	}
	if r.Dst.Len != 0 {
		m.Attr(uapi.FRA_DST, r.Dst.Addr[:o.AddrLen])
	}
	if r.Src.Len != 0 {
		m.Attr(uapi.FRA_SRC, r.Src.Addr[:o.AddrLen])
	}
	put32(m, uapi.FRA_FLOW, r.Realms)
}

func put32(m *netlink.Msg, typ uint16, v uint32) {
	if v != 0 {
		m.U32(typ, v)
	}
}

func putPorts(m *netlink.Msg, typ uint16, p Range) {
	if p.Start != 0 {
		b := m.Reserve(typ, 4)
		binary.NativeEndian.PutUint16(b, uint16(p.Start))
		binary.NativeEndian.PutUint16(b[2:], uint16(p.End))
	}
}
