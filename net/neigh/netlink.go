package neigh

import (
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// ndaPolicy is what RTM_*NEIGH takes (nda_policy).
var ndaPolicy = netlink.Policy{
	uapi.NDA_UNSPEC:         netlink.StrictFrom(uapi.NDA_NH_ID),
	uapi.NDA_DST:            netlink.Binary(32),
	uapi.NDA_LLADDR:         netlink.Binary(32),
	uapi.NDA_CACHEINFO:      netlink.Struct(uapi.SizeofNdaCacheinfo),
	uapi.NDA_PROBES:         netlink.U32(),
	uapi.NDA_VLAN:           netlink.U16(),
	uapi.NDA_PORT:           netlink.U16(),
	uapi.NDA_VNI:            netlink.U32(),
	uapi.NDA_IFINDEX:        netlink.U32(),
	uapi.NDA_MASTER:         netlink.U32(),
	uapi.NDA_PROTOCOL:       netlink.U8(),
	uapi.NDA_NH_ID:          netlink.U32(),
	uapi.NDA_FDB_EXT_ATTRS:  netlink.Nested(nil),
	uapi.NDA_FLAGS_EXT:      netlink.U32().Mask(extMask >> extShift),
	uapi.NDA_NDM_STATE_MASK: netlink.U16(),
	uapi.NDA_NDM_FLAGS_MASK: netlink.U8(),
}

// initNetlink registers what rtnetlink asks of neighbours.
func (s *State) initNetlink(n *netns.Net) {
	t := rtnl.Of(n)
	t.Handle(uapi.RTM_NEWNEIGH, uapi.AF_UNSPEC, rtnl.Handler{Do: s.newNeigh})
	t.Handle(uapi.RTM_DELNEIGH, uapi.AF_UNSPEC, rtnl.Handler{Do: s.delNeigh})
	t.Handle(uapi.RTM_GETNEIGH, uapi.AF_UNSPEC, rtnl.Handler{Do: s.getNeigh, Dump: s.dumpNeighs})
	t.Handle(uapi.RTM_GETNEIGHTBL, uapi.AF_UNSPEC, rtnl.Handler{Dump: s.dumpTables, SplitDone: true})
	t.Handle(uapi.RTM_SETNEIGHTBL, uapi.AF_UNSPEC, rtnl.Handler{Do: s.setTable})
}

// target is what a request is about.
type target struct {
	tbl   *Table
	d     *dev.Device // nil: none given
	key   Key
	hdr   uapi.NdMsg
	flags uint32 // NTF_*, the extended ones shifted
}

// newNeigh serves RTM_NEWNEIGH (neigh_add).
func (s *State) newNeigh(r *netlink.Request) error {
	tb, err := r.Parse(ndMsgLen, ndaPolicy, netlink.Liberal)
	if err != nil {
		return err
	}
	g, err := s.newTarget(r, tb)
	if err != nil {
		return err
	}
	protocol := tb.U8(uapi.NDA_PROTOCOL)
	if g.flags&uapi.NTF_PROXY != 0 {
		if g.flags&(ntfManaged|ntfValidated) != 0 {
			return netlink.Errorf(errno.EINVAL, "Invalid NTF_* flag combination")
		}
		g.tbl.AddProxy(g.d, g.key, g.flags, g.hdr.State&uapi.NUD_PERMANENT != 0, protocol)
		return nil
	}
	if g.d == nil {
		return netlink.Errorf(errno.EINVAL, "Device not specified")
	}
	if g.flags&ntfManaged != 0 && g.hdr.State&uapi.NUD_PERMANENT != 0 {
		return netlink.Errorf(errno.EINVAL, "Invalid NTF_* flag for permanent entry")
	}
	nb, how, err := g.entry(r)
	if err != nil {
		return err
	}
	if protocol != 0 {
		nb.Protocol = protocol
	}
	if err := nb.Update(nil, tb.Get(uapi.NDA_LLADDR).Bytes(), g.hdr.State, how|g.updateFlags(), r.PortID()); err != nil {
		return err
	}
	if g.flags&(uapi.NTF_USE|ntfManaged) != 0 {
		nb.Use()
	}
	return nil
}

// newTarget reads what RTM_NEWNEIGH is about.
func (s *State) newTarget(r *netlink.Request, tb netlink.Attrs) (g target, err error) {
	g.hdr, _ = uapi.ParseNdMsg(r.Payload())
	if !tb.Has(uapi.NDA_DST) {
		return g, netlink.Errorf(errno.EINVAL, "Network address not specified")
	}
	g.flags = uint32(g.hdr.Flags) | tb.U32(uapi.NDA_FLAGS_EXT)<<extShift
	if g.hdr.Ifindex != 0 {
		if g.d = dev.ByIndex(r.Net, int(g.hdr.Ifindex)); g.d == nil {
			return g, errno.ENODEV
		}
		if ll := tb.Get(uapi.NDA_LLADDR); ll.Present() && ll.Len() < g.d.AddrLen {
			return g, netlink.Errorf(errno.EINVAL, "Invalid link address")
		}
	}
	return g, g.find(s, tb.Get(uapi.NDA_DST))
}

// find sets the table and the key.
func (g *target) find(s *State, dst netlink.Attr) error {
	if g.tbl = s.table(g.hdr.Family); g.tbl == nil {
		return errno.EAFNOSUPPORT
	}
	if dst.Len() < g.tbl.KeyLen {
		return netlink.Errorf(errno.EINVAL, "Invalid network address")
	}
	copy(g.key[:], dst.Bytes()[:g.tbl.KeyLen])
	return nil
}

// entry returns the entry that is meant, made when the request asks for it,
// and how it may be changed.
func (g *target) entry(r *netlink.Request) (nb *Neigh, how UpdateFlags, err error) {
	how = Admin | Override | OverrideIsRouter
	state := g.hdr.State
	if g.flags&(uapi.NTF_USE|ntfManaged) != 0 {
		state = 0 // they begin without an address
	}
	if nb = g.tbl.Find(g.d, g.key); nb == nil {
		if !r.Has(uapi.NLM_F_CREATE) {
			return nil, 0, errno.ENOENT
		}
		if g.flags&ntfValidated != 0 && state&Valid == 0 {
			return nil, 0, netlink.Errorf(errno.EINVAL, "Cannot create externally validated neighbor with an invalid state")
		}
		nb, err = g.tbl.Create(g.d, g.key, g.flags&(uapi.NTF_EXT_LEARNED|ntfManaged|ntfValidated), exempt(g.hdr.State, g.flags))
		if err == nil && g.flags&ntfManaged != 0 {
			g.tbl.recount(nb)
		}
		return nb, how, err
	}
	if r.Has(uapi.NLM_F_EXCL) {
		return nil, 0, errno.EEXIST
	}
	if g.flags&ntfValidated != 0 && state&Valid == 0 {
		return nil, 0, netlink.Errorf(errno.EINVAL, "Cannot mark neighbor as externally validated with an invalid state")
	}
	if !r.Has(uapi.NLM_F_REPLACE) {
		how &^= Override | OverrideIsRouter
	}
	return nb, how, nil
}

// updateFlags returns the request's flags as Update takes them.
func (g *target) updateFlags() (f UpdateFlags) {
	for _, x := range [...]struct {
		ntf uint32
		f   UpdateFlags
	}{
		{uapi.NTF_EXT_LEARNED, ExtLearned}, {uapi.NTF_ROUTER, IsRouter}, {ntfManaged, Managed},
		{uapi.NTF_USE, UseEntry}, {ntfValidated, ExtValidated},
	} {
		if g.flags&x.ntf != 0 {
			f |= x.f
		}
	}
	return f
}

// delNeigh serves RTM_DELNEIGH (neigh_delete).
func (s *State) delNeigh(r *netlink.Request) error {
	var g target
	var ok bool
	if g.hdr, ok = uapi.ParseNdMsg(r.Payload()); !ok {
		return errno.EINVAL
	}
	var dst netlink.Attr
	for _, a := range r.Attrs(ndMsgLen) {
		if a.Type() == uapi.NDA_DST {
			dst = a
			break
		}
	}
	if !dst.Present() {
		return netlink.Errorf(errno.EINVAL, "Network address not specified")
	}
	if g.hdr.Ifindex != 0 {
		if g.d = dev.ByIndex(r.Net, int(g.hdr.Ifindex)); g.d == nil {
			return errno.ENODEV
		}
	}
	if err := g.find(s, dst); err != nil {
		return err
	}
	if g.hdr.Flags&uapi.NTF_PROXY != 0 {
		if !g.tbl.DropProxy(g.d, g.key) {
			return errno.ENOENT
		}
		return nil
	}
	if g.d == nil {
		return errno.EINVAL
	}
	nb := g.tbl.Find(g.d, g.key)
	if nb == nil {
		return errno.ENOENT
	}
	err := nb.Update(nil, nil, uapi.NUD_FAILED, Override|Admin, r.PortID())
	g.tbl.Remove(nb)
	return err
}
