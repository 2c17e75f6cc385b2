package differential

import (
	"encoding/binary"

	"linen/net/netlink"
	"linen/uapi"
)

// rule makes a policy rule of a few selectors.
func (m *maker) rule() []byte {
	flags := pick(m, uint16(uapi.NLM_F_CREATE|uapi.NLM_F_EXCL), uapi.NLM_F_CREATE|uapi.NLM_F_EXCL, uapi.NLM_F_CREATE, uapi.NLM_F_CREATE|uapi.NLM_F_REPLACE)
	r := netlink.NewMsg(uapi.RTM_NEWRULE, ack|flags)
	r.Grow(12)
	table := m.table()
	h := []byte{uapi.AF_INET, 0, 0, 0, uint8(min(table, 252)), 0, 0, uapi.FR_ACT_TO_TBL, 0, 0, 0, 0}
	if table < 256 {
		h[4] = uint8(table)
	}
	if !m.one(8) {
		r.U32(uapi.FRA_PRIORITY, pick(m, uint32(5), 10, 10, 20, 30, 32766, 32767, 40000, 0))
	}
	switch m.IntN(8) {
	case 0:
		h[7], h[4] = pick(m, uint8(uapi.FR_ACT_BLACKHOLE), uapi.FR_ACT_UNREACHABLE, uapi.FR_ACT_PROHIBIT, uapi.FR_ACT_NOP, 0, 9), 0
	case 1:
		h[7], h[4] = uapi.FR_ACT_GOTO, 0
		r.U32(uapi.FRA_GOTO, pick(m, uint32(10), 20, 30, 32766, 50000, 0))
	default:
		r.U32(uapi.FRA_TABLE, table)
	}
	for range m.IntN(4) {
		m.selector(r, h)
	}
	copy(r.Bytes()[netlink.HeaderLen:], h)
	m.rules = append(m.rules, r.Bytes())
	return r.Bytes()
}

// selector adds a selector or a modifier.
func (m *maker) selector(r *netlink.Msg, h []byte) {
	switch m.IntN(14) {
	case 0:
		p := m.net()
		h[1] = uint8(p.Bits())
		r.Addr(uapi.FRA_DST, p.Addr())
	case 1:
		p := m.net()
		h[2] = uint8(p.Bits())
		r.Addr(uapi.FRA_SRC, p.Addr())
	case 2:
		h[3] = m.tos()
	case 3:
		r.String(uapi.FRA_IIFNAME, pick(m, "lo", "d1", "d2", "none"))
	case 4:
		r.String(uapi.FRA_OIFNAME, pick(m, "d1", "d2", "lo", "none"))
	case 5:
		r.U32(uapi.FRA_FWMARK, uint32(m.IntN(4)))
	case 6:
		r.U32(uapi.FRA_FWMASK, pick(m, uint32(1), 0xff, 0))
	case 7:
		b := r.Reserve(uapi.FRA_UID_RANGE, 8)
		binary.NativeEndian.PutUint32(b, pick(m, uint32(0), 1000))
		binary.NativeEndian.PutUint32(b[4:], pick(m, uint32(0), 1000, 2000))
	case 8:
		r.U8(uapi.FRA_IP_PROTO, pick(m, uint8(uapi.IPPROTO_TCP), uapi.IPPROTO_UDP, uapi.IPPROTO_ICMP, 0))
	case 9, 10:
		b := r.Reserve(pick(m, uint16(uapi.FRA_SPORT_RANGE), uapi.FRA_DPORT_RANGE), 4)
		from := uint16(m.IntN(3) * 80)
		binary.NativeEndian.PutUint16(b, from)
		binary.NativeEndian.PutUint16(b[2:], from+pick(m, uint16(0), 80, 65535))
	case 11:
		r.U32(uapi.FRA_SUPPRESS_PREFIXLEN, pick(m, uint32(0), 8, 24, 0xffffffff))
	case 12:
		binary.NativeEndian.PutUint32(h[8:], pick(m, uint32(2), 2, 1, 4)) // FIB_RULE_INVERT; the others are the kernel's to set
	case 13:
		switch m.IntN(5) {
		case 0:
			r.U8(uapi.FRA_L3MDEV, pick(m, uint8(0), 1, 2))
		case 1:
			r.U8(uapi.FRA_PROTOCOL, uapi.RTPROT_STATIC)
		case 2:
			r.U8(uapi.FRA_DSCP, pick(m, uint8(0), 2, 46, 64))
		case 3:
			r.U8(uapi.FRA_DSCP_MASK, pick(m, uint8(0x3f), 2, 0))
		case 4:
			r.U32(uapi.FRA_SUPPRESS_IFGROUP, uint32(m.IntN(2)))
		}
	}
}

func (m *maker) unrule() []byte {
	if len(m.rules) > 0 && !m.one(4) {
		return retype(pick(m, m.rules...), uapi.RTM_DELRULE, ack)
	}
	r := netlink.NewMsg(uapi.RTM_DELRULE, ack)
	r.Grow(12)[0] = uapi.AF_INET
	r.U32(uapi.FRA_PRIORITY, pick(m, uint32(10), 20, 32766, 32767, 0))
	return r.Bytes()
}

// probe asks for a route.
func (m *maker) probe() []byte {
	r := netlink.NewMsg(uapi.RTM_GETROUTE, uapi.NLM_F_REQUEST)
	h := r.Grow(12)
	h[0], h[1], h[3] = uapi.AF_INET, 32, m.tos()
	dst := m.host()
	if m.one(4) {
		dst = m.net().Addr()
	}
	r.Addr(uapi.RTA_DST, dst)
	flags := pick(m, uint32(0), uapi.RTM_F_LOOKUP_TABLE, uapi.RTM_F_LOOKUP_TABLE, uapi.RTM_F_FIB_MATCH)
	src := uint8(0)
	if m.one(2) {
		src = 32
		r.Addr(uapi.RTA_SRC, m.host())
	}
	if m.one(3) {
		r.U32(uapi.RTA_IIF, uint32(1+m.IntN(devices+1)))
	} else if m.one(4) {
		r.U32(uapi.RTA_OIF, m.oif())
	}
	if m.one(3) {
		r.U32(uapi.RTA_MARK, uint32(m.IntN(4)))
	}
	if m.one(4) {
		r.U32(uapi.RTA_UID, pick(m, uint32(0), 1000, 1500, 3000))
	}
	if m.one(3) {
		r.U8(uapi.RTA_IP_PROTO, pick(m, uint8(uapi.IPPROTO_TCP), uapi.IPPROTO_UDP, uapi.IPPROTO_ICMP, 47))
		r.BE16(uapi.RTA_SPORT, uint16(m.IntN(3)*80))
		r.BE16(uapi.RTA_DPORT, uint16(m.IntN(3)*80))
	}
	h = r.Bytes()[netlink.HeaderLen:]
	h[2] = src
	binary.NativeEndian.PutUint32(h[8:], flags)
	return r.Bytes()
}

// dumps are the questions that end a set.
func dumps() (list [][]byte) {
	for _, typ := range []uint16{uapi.RTM_GETADDR, uapi.RTM_GETROUTE, uapi.RTM_GETRULE, uapi.RTM_GETNEXTHOP} {
		r := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
		r.Grow(headerLen[typ])[0] = uapi.AF_INET
		list = append(list, r.Bytes())
	}
	return list
}
