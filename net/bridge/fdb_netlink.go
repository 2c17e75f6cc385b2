package bridge

import (
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// registerFDB serves `bridge fdb`: RTM_*NEIGH of PF_BRIDGE.
func registerFDB(n *netns.Net) {
	t := rtnl.Of(n)
	t.Handle(uapi.RTM_GETNEIGH, uapi.AF_BRIDGE, rtnl.Handler{Dump: dumpFDB})
	t.Handle(uapi.RTM_NEWNEIGH, uapi.AF_BRIDGE, rtnl.Handler{Do: func(r *netlink.Request) error { return changeFDB(r, true) }})
	t.Handle(uapi.RTM_DELNEIGH, uapi.AF_BRIDGE, rtnl.Handler{Do: func(r *netlink.Request) error { return changeFDB(r, false) }})
}

var fdbPolicy = netlink.Policy{
	uapi.NDA_LLADDR:    netlink.Binary(32),
	uapi.NDA_IFINDEX:   netlink.U32(),
	uapi.NDA_MASTER:    netlink.U32(),
	uapi.NDA_FLAGS_EXT: netlink.U32(),
}

// fill writes an entry as RTM_NEWNEIGH (fdb_fill_info).
func (f *fdb) fill(m *netlink.Msg, e *entry, now ktime.T) {
	d := f.br.dev
	p := e.port.Load()
	if p != nil {
		d = p.dev
	}
	state := uint16(uapi.NUD_REACHABLE)
	switch {
	case e.local:
		state = uapi.NUD_PERMANENT
	case e.static:
		state = uapi.NUD_NOARP
	case now.Sub(ktime.T(e.updated.Load())) >= f.ageing():
		state = uapi.NUD_STALE
	}
	m.Put((&uapi.NdMsg{Family: uapi.AF_BRIDGE, Ifindex: int32(d.Ifindex()), State: state}).Append(nil))
	m.Attr(uapi.NDA_LLADDR, e.mac[:])
	m.U32(uapi.NDA_MASTER, uint32(f.br.dev.Ifindex()))
	m.U32(uapi.NDA_FLAGS_EXT, 0)
	m.Attr(uapi.NDA_CACHEINFO, (&uapi.NdaCacheinfo{
		Used:    ktime.ClockT(now.Sub(ktime.T(e.used.Load()))),
		Updated: ktime.ClockT(now.Sub(ktime.T(e.updated.Load()))),
	}).Append(nil))
}

// changeFDB adds or deletes an entry by hand: in the bridge (NTF_MASTER) or in
// the device's own list (NTF_SELF) (rtnl_fdb_add, rtnl_fdb_del).
func changeFDB(r *netlink.Request, add bool) error {
	a, err := r.Parse(uapi.SizeofNdMsg, fdbPolicy, netlink.Liberal)
	if err != nil {
		return err
	}
	body, err := r.Body(uapi.SizeofNdMsg)
	if err != nil {
		return err
	}
	h, _ := uapi.ParseNdMsg(body)
	if h.Ifindex == 0 {
		return netlink.Errorf(errno.EINVAL, "invalid ifindex")
	}
	d := dev.ByIndex(r.Net, int(h.Ifindex))
	if d == nil {
		return netlink.Errorf(errno.ENODEV, "unknown ifindex")
	}
	if a.Get(uapi.NDA_LLADDR).Len() != 6 {
		return netlink.Errorf(errno.EINVAL, "invalid address")
	}
	if d.Type != uapi.ARPHRD_ETHER {
		if add {
			return netlink.Errorf(errno.EINVAL, "FDB add only supported for Ethernet devices")
		}
		return netlink.Errorf(errno.EINVAL, "FDB delete only supported for Ethernet devices")
	}
	mac := wire.MAC(a.Get(uapi.NDA_LLADDR).Bytes())
	f, p := fdbOf(d, h.Flags)
	switch {
	case f == nil && h.Flags&uapi.NTF_SELF != 0:
		return changeSelf(r, d, mac, h.State, add)
	case f == nil:
		return errno.EOPNOTSUPP
	case !add:
		return f.delete(r, p, mac)
	}
	return f.set(r, p, mac, h.State)
}

// fdbOf returns the database that flags mean with d, and its port: that of
// d's bridge, or d's own. None: d's list of addresses, or nothing.
func fdbOf(d *dev.Device, flags uint8) (*fdb, *port) {
	if flags == 0 || flags&uapi.NTF_MASTER != 0 {
		if p := portOf(d); p != nil {
			return &p.br.fdb, p
		}
	}
	if br := of(d); br != nil && flags&uapi.NTF_SELF != 0 {
		return &br.fdb, nil
	}
	return nil, nil
}

// changeSelf adds to or deletes from the addresses that d listens to
// (ndo_dflt_fdb_add, ndo_dflt_fdb_del).
func changeSelf(r *netlink.Request, d *dev.Device, mac wire.MAC, state uint16, add bool) (err error) {
	if state&uapi.NUD_PERMANENT == 0 {
		if add {
			return netlink.Errorf(errno.EINVAL, "FDB only supports static addresses")
		}
		return errno.EINVAL
	}
	typ := uint16(uapi.RTM_NEWNEIGH)
	if add {
		if err = d.AddOnce(mac[:]); err == errno.EEXIST && !r.Has(uapi.NLM_F_EXCL) {
			err = nil
		}
	} else {
		typ = uapi.RTM_DELNEIGH
		err = d.DelOnce(mac[:])
	}
	if err == nil && rtnl.Listening(r.Net, uapi.RTNLGRP_NEIGH, r) {
		m := netlink.NewMsg(typ, 0)
		fillSelf(m, d, mac[:])
		rtnl.Notify(r.Net, uapi.RTNLGRP_NEIGH, m, r)
	}
	return err
}

// set enters mac behind p by hand.
func (f *fdb) set(r *netlink.Request, p *port, mac wire.MAC, state uint16) error {
	f.mu.Lock()
	old := f.entries[mac]
	switch {
	case state&(uapi.NUD_REACHABLE|uapi.NUD_PERMANENT|uapi.NUD_NOARP) == 0:
		f.mu.Unlock()
		return errno.EINVAL
	case old == nil && !r.Has(uapi.NLM_F_CREATE):
		f.mu.Unlock()
		return errno.ENOENT
	case old != nil && r.Has(uapi.NLM_F_EXCL):
		f.mu.Unlock()
		return errno.EEXIST
	case old != nil && !old.static:
		f.learned--
	}
	e := &entry{mac: mac, static: p == nil || state&(uapi.NUD_PERMANENT|uapi.NUD_NOARP) != 0, local: p == nil || state&uapi.NUD_PERMANENT != 0}
	now := int64(r.Net.Kernel().Now())
	e.port.Store(p)
	e.updated.Store(now)
	e.used.Store(now)
	if !e.static {
		f.learned++
	}
	f.entries[mac] = e
	f.mu.Unlock()
	f.announce(nil, e, uapi.RTM_NEWNEIGH, r)
	return nil
}

// delete removes mac by hand.
func (f *fdb) delete(r *netlink.Request, p *port, mac wire.MAC) error {
	f.mu.Lock()
	e := f.entries[mac]
	if e == nil || e.port.Load() != p {
		f.mu.Unlock()
		return errno.ENOENT
	}
	delete(f.entries, mac)
	if !e.static {
		f.learned--
	}
	f.mu.Unlock()
	f.announce(nil, e, uapi.RTM_DELNEIGH, r)
	return nil
}
