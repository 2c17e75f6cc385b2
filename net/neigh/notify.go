package neigh

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/uapi"
)

// ndMsgLen is the size of struct ndmsg.
const ndMsgLen = uapi.SizeofNdMsg

// The extended flags as Neigh.Flags keeps them: shifted behind the first eight
// (NTF_EXT_SHIFT).
const (
	extShift     = 16
	ntfManaged   = uapi.NTF_EXT_MANAGED << extShift
	ntfValidated = 1 << 2 << extShift // NTF_EXT_EXT_VALIDATED, since Linux 6.17
	extMask      = ntfManaged | ntfValidated
)

// fill writes an entry behind the header (neigh_fill_info).
func (nb *Neigh) fill(m *netlink.Msg) {
	now := nb.Table.n.Kernel().Now()
	state, flags := nb.State(), nb.Flags()
	h := uapi.NdMsg{Family: nb.Table.Family, Ifindex: int32(nb.Dev.Ifindex()), State: state, Flags: uint8(flags), Type: nb.Type}
	m.Put(h.Append(nil))
	m.Attr(uapi.NDA_DST, nb.Key[:nb.Table.KeyLen])
	if ha := nb.Addr(); state&Valid != 0 && len(ha) == nb.Dev.AddrLen {
		m.Attr(uapi.NDA_LLADDR, ha)
	}
	m.U32(uapi.NDA_PROBES, uint32(nb.Probes()))
	ci := m.Reserve(uapi.NDA_CACHEINFO, uapi.SizeofNdaCacheinfo)
	binary.NativeEndian.PutUint32(ci, hundredths(now, nb.Confirmed()))
	binary.NativeEndian.PutUint32(ci[4:], hundredths(now, nb.Used()))
	binary.NativeEndian.PutUint32(ci[8:], hundredths(now, nb.Updated()))
	if state&InTimer != 0 { // the armed timer holds the entry
		binary.NativeEndian.PutUint32(ci[12:], 1)
	}
	if nb.Protocol != 0 {
		m.U8(uapi.NDA_PROTOCOL, nb.Protocol)
	}
	if ext := flags >> extShift; ext != 0 {
		m.U32(uapi.NDA_FLAGS_EXT, ext)
	}
}

// fill writes a Proxy behind the header (pneigh_fill_info).
func (p *Proxy) fill(m *netlink.Msg) {
	h := uapi.NdMsg{Family: p.Table.Family, Ifindex: int32(p.ifindex()), Flags: uint8(p.Flags) | uapi.NTF_PROXY, Type: uapi.RTN_UNICAST}
	m.Put(h.Append(nil))
	m.Attr(uapi.NDA_DST, p.Key[:p.Table.KeyLen])
	if p.Protocol != 0 {
		m.U8(uapi.NDA_PROTOCOL, p.Protocol)
	}
	if ext := p.Flags >> extShift; ext != 0 {
		m.U32(uapi.NDA_FLAGS_EXT, ext)
	}
}

// announce sends a message about nb to RTNLGRP_NEIGH (__neigh_notify). Its
// sequence number is 0 and its port that of the requester, 0 for the kernel's
// own doing. c is the caller's CPU, or nil when it is on none.
func (nb *Neigh) announce(c *kern.CPU, typ, flags uint16, port uint32) {
	n := nb.Table.n
	if !rtnl.Listening(n, uapi.RTNLGRP_NEIGH, nil) {
		return
	}
	m := netlink.NewMsg(typ, flags)
	nb.fill(m)
	binary.NativeEndian.PutUint32(m.Bytes()[12:], port)
	rtnl.NotifyOn(c, n, uapi.RTNLGRP_NEIGH, m)
}

// AskUser asks user space to resolve nb (neigh_app_ns; app_solicit).
func (nb *Neigh) AskUser(c *kern.CPU) {
	nb.announce(c, uapi.RTM_GETNEIGH, uapi.NLM_F_REQUEST, 0)
}

// changed tells everybody of a change; c may be nil (neigh_update_notify).
func (nb *Neigh) changed(c *kern.CPU, port uint32) {
	if l := nb.Table.watch.Load(); l != nil {
		for _, f := range *l {
			f(c, nb)
		}
	}
	nb.announce(c, uapi.RTM_NEWNEIGH, 0, port)
}
