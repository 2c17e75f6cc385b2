package bridge

import (
	"bytes"
	"slices"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// fdbDump is where a dump of entries stands: it is made up at its start.
type fdbDump struct {
	list []fdbLine
	next int
}

// fdbLine is one entry of a database, or an address that dev listens to.
type fdbLine struct {
	of   *fdb
	e    *entry
	dev  *dev.Device
	addr []byte
}

// dumpFDB serves `bridge fdb show` (rtnl_fdb_dump).
func dumpFDB(d *netlink.Dump) error {
	st, _ := d.State.(*fdbDump)
	if st == nil {
		index, bridge, err := fdbFilter(d.Request)
		if err != nil {
			return err
		}
		st = &fdbDump{list: fdbLines(d.Request.Net, index, bridge)}
		d.State = st
	}
	now := d.Request.Net.Kernel().Now()
	for ; st.next < len(st.list); st.next++ {
		l := &st.list[st.next]
		ok := d.Put(uapi.RTM_NEWNEIGH, 0, func(m *netlink.Msg) {
			if l.e != nil {
				l.of.fill(m, l.e, now)
			} else {
				fillSelf(m, l.dev, l.addr)
			}
		})
		if !ok {
			return netlink.More
		}
	}
	return nil
}

// fdbFilter reads which device and which bridge a dump is about, 0: all.
func fdbFilter(r *netlink.Request) (index, bridge int, err error) {
	mode := netlink.Liberal
	if r.Strict {
		mode = netlink.Strict
		if len(r.Payload()) < uapi.SizeofNdMsg {
			return 0, 0, netlink.Errorf(errno.EINVAL, "Invalid header for fdb dump request")
		}
	}
	h, ok := uapi.ParseNdMsg(r.Payload())
	if !ok {
		return 0, 0, nil
	}
	a, err := r.Parse(uapi.SizeofNdMsg, fdbPolicy, mode)
	switch {
	case err != nil && r.Strict:
		return 0, 0, err
	case err != nil:
		return 0, 0, nil
	case r.Strict && (h.State != 0 || h.Flags != 0 || h.Type != 0):
		return 0, 0, netlink.Errorf(errno.EINVAL, "Invalid values in header for fdb dump request")
	}
	index = int(h.Ifindex)
	if a.Has(uapi.NDA_IFINDEX) {
		index = int(a.U32(uapi.NDA_IFINDEX))
	}
	bridge = int(a.U32(uapi.NDA_MASTER))
	if bridge != 0 && dev.ByIndex(r.Net, bridge) == nil {
		return 0, 0, errno.ENODEV
	}
	return index, bridge, nil
}

// fdbLines makes up a dump, device by device: what the bridge has behind a
// port, then what the device itself listens to; with a bridge the other way
// round.
func fdbLines(n *netns.Net, index, bridge int) (list []fdbLine) {
	for _, d := range dev.List(n) {
		p, br := portOf(d), of(d)
		switch {
		case index != 0 && d.Ifindex() != index,
			bridge != 0 && d.Ifindex() != bridge && (p == nil || p.br.dev.Ifindex() != bridge):
			continue
		}
		if p != nil {
			list = p.br.fdb.lines(list, p)
		}
		if d.Type == uapi.ARPHRD_ETHER {
			for _, a := range append(d.Unicasts(), d.Multicasts()...) {
				list = append(list, fdbLine{dev: d, addr: a.Addr})
			}
		}
		if br != nil {
			list = br.fdb.lines(list, nil)
		}
	}
	return list
}

// lines adds the entries behind p (nil: the bridge's own) to list, by address.
func (f *fdb) lines(list []fdbLine, p *port) []fdbLine {
	f.mu.RLock()
	defer f.mu.RUnlock()
	from := len(list)
	for _, e := range f.entries {
		if e.port.Load() == p {
			list = append(list, fdbLine{of: f, e: e})
		}
	}
	slices.SortFunc(list[from:], func(a, b fdbLine) int { return bytes.Compare(a.e.mac[:], b.e.mac[:]) })
	return list
}

// fillSelf writes an address that d listens to (nlmsg_populate_fdb_fill).
func fillSelf(m *netlink.Msg, d *dev.Device, addr []byte) {
	m.Put((&uapi.NdMsg{
		Family: uapi.AF_BRIDGE, Ifindex: int32(d.Ifindex()), State: uapi.NUD_PERMANENT, Flags: uapi.NTF_SELF,
	}).Append(nil))
	m.Attr(uapi.NDA_LLADDR, addr)
}
