package rtnl

import (
	"slices"

	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// genLen is the size of struct rtgenmsg.
const genLen = 1

// notAssigned is NETNSA_NSID_NOT_ASSIGNED.
const notAssigned = -1

var nsidPolicy = netlink.Policy{
	uapi.NETNSA_NSID:         netlink.S32(),
	uapi.NETNSA_PID:          netlink.U32(),
	uapi.NETNSA_FD:           netlink.U32(),
	uapi.NETNSA_TARGET_NSID:  netlink.S32(),
	uapi.NETNSA_CURRENT_NSID: {},
}

// handleNSID installs RTM_{NEW,GET}NSID: the names that one namespace has for
// others (net/core/net_namespace.c).
func (t *Table) handleNSID() {
	t.Handle(uapi.RTM_NEWNSID, uapi.AF_UNSPEC, Handler{Do: newNSID, DoUnlocked: true})
	t.Handle(uapi.RTM_GETNSID, uapi.AF_UNSPEC, Handler{Do: getNSID, Dump: dumpNSIDs, DoUnlocked: true, DumpUnlocked: true})
}

// PeerID returns the id by which n knows peer, giving it one, and telling the
// listeners of RTNLGRP_NSID, when it has none (peernet2id_alloc).
func PeerID(n, peer *netns.Net) int {
	id, fresh := n.EnsurePeerID(peer)
	if fresh {
		notifyNSID(n, uapi.RTM_NEWNSID, id, nil)
	}
	return id
}

// notifyNSID tells the group of an id that came or went.
func notifyNSID(n *netns.Net, typ uint16, id int, r *netlink.Request) {
	if !Listening(n, uapi.RTNLGRP_NSID, r) {
		return
	}
	m := netlink.NewMsg(typ, 0)
	fillNSID(m, id)
	Notify(n, uapi.RTNLGRP_NSID, m, r)
}

func fillNSID(m *netlink.Msg, id int) {
	m.Grow(genLen)
	m.S32(uapi.NETNSA_NSID, int32(id))
}

// forget tells all namespaces that know n that it goes.
func (t *Table) forget() {
	for _, o := range netns.All(t.n.Kernel()) {
		if id, ok := o.PeerID(t.n); ok && o != t.n && Of(o) != nil {
			notifyNSID(o, uapi.RTM_DELNSID, id, nil)
		}
	}
}

// peer returns the namespace that a request names, and the attribute that
// does. Errors: EINVAL when there is none or the file is another, ESRCH, EBADF, ENOENT.
func peer(r *netlink.Request, a netlink.Attrs, byID bool) (*netns.Net, netlink.Attr, error) {
	var p *netns.Net
	var by netlink.Attr
	var err error
	switch {
	case a.Has(uapi.NETNSA_PID):
		by = a.Get(uapi.NETNSA_PID)
		p, err = r.NetByPID(int(by.U32()))
	case a.Has(uapi.NETNSA_FD):
		by = a.Get(uapi.NETNSA_FD)
		p, err = r.NetByFD(int(by.S32()))
	case byID && a.Has(uapi.NETNSA_NSID):
		by = a.Get(uapi.NETNSA_NSID)
		if p = r.Net.PeerByID(int(by.S32())); p == nil {
			err = errno.ENOENT
		}
	default:
		return nil, by, netlink.Errorf(errno.EINVAL, "Peer netns reference is missing")
	}
	if err != nil {
		return nil, by, netlink.ErrorAt(netlink.ErrnoOf(err), by, "Peer netns reference is invalid")
	}
	return p, by, nil
}

// newNSID serves RTM_NEWNSID.
func newNSID(r *netlink.Request) error {
	a, err := r.Parse(genLen, nsidPolicy, netlink.Liberal)
	if err != nil {
		return err
	}
	if !a.Has(uapi.NETNSA_NSID) {
		return netlink.Errorf(errno.EINVAL, "nsid is missing")
	}
	p, by, err := peer(r, a, false)
	if err != nil {
		return err
	}
	if _, ok := r.Net.PeerID(p); ok {
		return netlink.ErrorAt(errno.EEXIST, by, "Peer netns already has a nsid assigned")
	}
	id, err := r.Net.SetPeerID(p, int(a.Get(uapi.NETNSA_NSID).S32()))
	if err != nil {
		return netlink.ErrorAt(errno.EEXIST, a.Get(uapi.NETNSA_NSID), "The specified nsid is already used")
	}
	notifyNSID(r.Net, uapi.RTM_NEWNSID, id, r)
	return nil
}

// getNSID serves RTM_GETNSID for one namespace.
func getNSID(r *netlink.Request) error {
	mode := netlink.Liberal
	if r.Strict {
		mode = netlink.Strict
	}
	a, err := r.Parse(genLen, nsidPolicy, mode)
	if err != nil {
		return err
	}
	if r.Strict && a.Has(uapi.NETNSA_CURRENT_NSID) {
		return netlink.ErrorAt(errno.EINVAL, a.Get(uapi.NETNSA_CURRENT_NSID),
			"Unsupported attribute in peer netns getid request")
	}
	p, _, err := peer(r, a, true)
	if err != nil {
		return err
	}
	in := r.Net
	if target := a.Get(uapi.NETNSA_TARGET_NSID); target.Present() {
		if in = r.Net.PeerByID(int(target.S32())); in == nil || !r.Capable(netlink.CapNetAdmin) {
			return netlink.ErrorAt(errno.EINVAL, target, "Target netns reference is invalid")
		}
	}
	m := r.Message(uapi.RTM_NEWNSID, 0)
	fillNSID(m, idOf(in, p))
	if in != r.Net {
		m.S32(uapi.NETNSA_CURRENT_NSID, int32(idOf(r.Net, p)))
	}
	r.Reply(m)
	return nil
}

// idOf returns the id by which n knows p, or notAssigned.
func idOf(n, p *netns.Net) int {
	if id, ok := n.PeerID(p); ok {
		return id
	}
	return notAssigned
}

// A nsidDump is an RTM_GETNSID dump in progress.
type nsidDump struct {
	in, ref *netns.Net // whose ids, and who asks when that is another
	ids     []int
}

// dumpNSIDs serves the dump of all ids.
func dumpNSIDs(d *netlink.Dump) error {
	s, _ := d.State.(*nsidDump)
	if s == nil {
		var err error
		if s, err = startNSIDs(d.Request); err != nil {
			return err
		}
		d.State = s
	}
	for len(s.ids) > 0 {
		id := s.ids[0]
		ok := d.Put(uapi.RTM_NEWNSID, 0, func(m *netlink.Msg) {
			fillNSID(m, id)
			if s.ref == nil {
				return
			}
			current := notAssigned
			if p := s.in.PeerByID(id); p != nil {
				current = idOf(s.ref, p)
			}
			m.S32(uapi.NETNSA_CURRENT_NSID, int32(current))
		})
		if !ok {
			return netlink.More
		}
		s.ids = s.ids[1:]
	}
	return nil
}

// startNSIDs looks at a dump's request; only strict ones can filter.
func startNSIDs(r *netlink.Request) (*nsidDump, error) {
	s := &nsidDump{in: r.Net}
	if r.Strict {
		a, err := r.Parse(genLen, nsidPolicy, netlink.Strict)
		if err != nil {
			return nil, err
		}
		for typ := range a.Max() + 1 {
			if typ != uapi.NETNSA_TARGET_NSID && a.Has(typ) {
				return nil, netlink.ErrorAt(errno.EINVAL, a.Get(typ), "Unsupported attribute in dump request")
			}
		}
		if target := a.Get(uapi.NETNSA_TARGET_NSID); target.Present() {
			s.ref = r.Net
			if s.in = r.Net.PeerByID(int(target.S32())); s.in == nil || !r.Capable(netlink.CapNetAdmin) {
				return nil, netlink.ErrorAt(errno.EINVAL, target, "Invalid target network namespace id")
			}
		}
	}
	for id := range s.in.Peers() {
		s.ids = append(s.ids, id)
	}
	slices.Sort(s.ids)
	return s, nil
}
