package neigh

import (
	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// getNeigh serves RTM_GETNEIGH of one entry (neigh_get).
func (s *State) getNeigh(r *netlink.Request) error {
	h, ok := uapi.ParseNdMsg(r.Payload())
	if !ok {
		return netlink.Errorf(errno.EINVAL, "Invalid header for neighbor get request")
	}
	if p := r.Payload(); p[1]|p[2]|p[3] != 0 || h.State != 0 || h.Type != 0 {
		return netlink.Errorf(errno.EINVAL, "Invalid values in header for neighbor get request")
	}
	if h.Flags&^uapi.NTF_PROXY != 0 {
		return netlink.Errorf(errno.EINVAL, "Invalid flags in header for neighbor get request")
	}
	tb, err := r.Parse(ndMsgLen, ndaPolicy, netlink.Strict)
	if err != nil {
		return err
	}
	dst := tb.Get(uapi.NDA_DST)
	if !dst.Present() {
		return netlink.Missing(netlink.Attr{}, uapi.NDA_DST)
	}
	t := s.table(h.Family)
	if t == nil {
		return netlink.Errorf(errno.EAFNOSUPPORT, "Unsupported family in header for neighbor get request")
	}
	for i := range tb.Max() + 1 {
		switch {
		case !tb.Has(i):
		case i != uapi.NDA_DST:
			return netlink.Errorf(errno.EINVAL, "Unsupported attribute in neighbor get request")
		case dst.Len() != t.KeyLen:
			return netlink.Errorf(errno.EINVAL, "Invalid network address in neighbor get request")
		}
	}
	var d *dev.Device
	if h.Ifindex != 0 {
		if d = dev.ByIndex(r.Net, int(h.Ifindex)); d == nil {
			return netlink.Errorf(errno.ENODEV, "Unknown device ifindex")
		}
	}
	var k Key
	copy(k[:], dst.Bytes())
	return t.answer(r, d, k, h.Flags&uapi.NTF_PROXY != 0)
}

// answer replies with one entry or Proxy.
func (t *Table) answer(r *netlink.Request, d *dev.Device, k Key, proxy bool) error {
	m := r.Message(uapi.RTM_NEWNEIGH, 0)
	if proxy {
		p := t.FindProxy(d, k)
		if p == nil {
			return netlink.Errorf(errno.ENOENT, "Proxy neighbour entry not found")
		}
		p.fill(m)
		r.Reply(m)
		return nil
	}
	if d == nil {
		return netlink.Errorf(errno.EINVAL, "No device specified")
	}
	nb := t.Find(d, k)
	if nb == nil {
		return netlink.Errorf(errno.ENOENT, "Neighbour entry not found")
	}
	nb.fill(m)
	r.Reply(m)
	return nil
}

// filter is what a dump leaves out.
type filter struct {
	ifindex int // 0: any
	master  int // 0: any, -1: none
}

// passes reports whether an entry of d is to be shown.
func (f filter) passes(d *dev.Device) bool {
	if f.ifindex != 0 && (d == nil || d.Ifindex() != f.ifindex) {
		return false
	}
	if f.master == 0 {
		return true
	}
	var m *dev.Device
	if d != nil {
		m = d.Master()
	}
	if f.master == -1 {
		return m == nil
	}
	return m != nil && m.Ifindex() == f.master
}

// listing is a dump in progress: what was there when it began.
type listing struct {
	neighs  []*Neigh
	proxies []*Proxy
}

// dumpNeighs dumps entries or Proxies (neigh_dump_info).
func (s *State) dumpNeighs(d *netlink.Dump) error {
	l, _ := d.State.(*listing)
	if l == nil {
		var err error
		if l, err = s.beginDump(d); err != nil {
			return err
		}
		d.State = l
	}
	for ; len(l.neighs) > 0; l.neighs = l.neighs[1:] {
		nb := l.neighs[0]
		if !d.Put(uapi.RTM_NEWNEIGH, 0, func(m *netlink.Msg) {
			if nb.gone() {
				m.Skip()
				return
			}
			nb.fill(m)
		}) {
			return netlink.More
		}
	}
	for ; len(l.proxies) > 0; l.proxies = l.proxies[1:] {
		if !d.Put(uapi.RTM_NEWNEIGH, 0, l.proxies[0].fill) {
			return netlink.More
		}
	}
	return nil
}

// gone reports whether nb has left the table.
func (nb *Neigh) gone() bool {
	nb.mu.Lock()
	defer nb.mu.Unlock()
	return nb.dead
}

// beginDump reads what a dump asks for and collects it.
func (s *State) beginDump(d *netlink.Dump) (*listing, error) {
	f, err := dumpFilter(d.Request)
	if err != nil && d.Request.Strict {
		return nil, err
	}
	if f != (filter{}) {
		d.Filtered()
	}
	l := new(listing)
	h, whole := uapi.ParseNdMsg(d.Request.Payload())
	family := d.Request.Payload()[0]
	for _, t := range s.tables(family) {
		if whole && h.Flags == uapi.NTF_PROXY {
			for _, p := range t.Proxies() {
				if f.passes(p.Dev) {
					l.proxies = append(l.proxies, p)
				}
			}
			continue
		}
		t.Each(func(nb *Neigh) bool {
			if f.passes(nb.Dev) {
				l.neighs = append(l.neighs, nb)
			}
			return true
		})
	}
	return l, nil
}

// dumpFilter reads a dump's filter (neigh_valid_dump_req); an error counts only
// for a strict requester.
func dumpFilter(r *netlink.Request) (f filter, err error) {
	mode := netlink.Liberal
	if r.Strict {
		mode = netlink.Strict
		h, ok := uapi.ParseNdMsg(r.Payload())
		if !ok {
			return f, netlink.Errorf(errno.EINVAL, "Invalid header for neighbor dump request")
		}
		if p := r.Payload(); p[1]|p[2]|p[3] != 0 || h.Ifindex != 0 || h.State != 0 || h.Type != 0 {
			return f, netlink.Errorf(errno.EINVAL, "Invalid values in header for neighbor dump request")
		}
		if h.Flags&^uapi.NTF_PROXY != 0 {
			return f, netlink.Errorf(errno.EINVAL, "Invalid flags in header for neighbor dump request")
		}
	}
	tb, err := r.Parse(ndMsgLen, ndaPolicy, mode)
	if err != nil {
		return f, err
	}
	for i := range tb.Max() + 1 {
		switch {
		case !tb.Has(i):
		case i == uapi.NDA_IFINDEX:
			f.ifindex = int(tb.Get(i).S32())
		case i == uapi.NDA_MASTER:
			f.master = int(tb.Get(i).S32())
		case r.Strict:
			return f, netlink.Errorf(errno.EINVAL, "Unsupported attribute in neighbor dump request")
		}
	}
	return f, nil
}
