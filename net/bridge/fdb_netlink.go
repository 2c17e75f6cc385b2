package bridge

import (
	"bytes"
	"slices"

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

// sorted returns the entries by address.
func (f *fdb) sorted() []*entry {
	f.mu.RLock()
	defer f.mu.RUnlock()
	list := make([]*entry, 0, len(f.entries))
	for _, e := range f.entries {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *entry) int { return bytes.Compare(a.mac[:], b.mac[:]) })
	return list
}

// fdbDump is where a dump stands.
type fdbDump struct {
	entries []*entry
	of      []*fdb
	next    int
}

func dumpFDB(d *netlink.Dump) error {
	st, _ := d.State.(*fdbDump)
	if st == nil {
		st = &fdbDump{}
		d.State = st
		for _, x := range dev.List(d.Request.Net) {
			if br := of(x); br != nil {
				for _, e := range br.fdb.sorted() {
					st.entries, st.of = append(st.entries, e), append(st.of, &br.fdb)
				}
			}
		}
	}
	now := d.Request.Net.Kernel().Now()
	for ; st.next < len(st.entries); st.next++ {
		e, f := st.entries[st.next], st.of[st.next]
		if !d.Put(uapi.RTM_NEWNEIGH, 0, func(m *netlink.Msg) { f.fill(m, e, now) }) {
			return netlink.More
		}
	}
	return nil
}

// changeFDB adds or deletes a static entry (rtnl_fdb_add, rtnl_fdb_del).
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
	mac := wire.MAC(a.Get(uapi.NDA_LLADDR).Bytes())
	p := portOf(d)
	if p == nil || h.Flags&uapi.NTF_MASTER == 0 && h.Flags != 0 {
		return errno.EOPNOTSUPP
	}
	f := &p.br.fdb
	if !add {
		return f.delete(r, p, mac)
	}
	return f.set(r, p, mac, h.State)
}

// set enters mac behind p by hand.
func (f *fdb) set(r *netlink.Request, p *port, mac wire.MAC, state uint16) error {
	f.mu.Lock()
	old := f.entries[mac]
	switch {
	case old == nil && !r.Has(uapi.NLM_F_CREATE):
		f.mu.Unlock()
		return errno.ENOENT
	case old != nil && r.Has(uapi.NLM_F_EXCL):
		f.mu.Unlock()
		return errno.EEXIST
	case old != nil && !old.static:
		f.learned--
	}
	e := &entry{mac: mac, static: state&(uapi.NUD_PERMANENT|uapi.NUD_NOARP) != 0, local: state&uapi.NUD_PERMANENT != 0}
	now := int64(p.dev.Kernel().Now())
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
