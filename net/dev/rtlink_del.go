package dev

import (
	"slices"

	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// doomed returns the devices that the request deletes, with those that go
// with them.
func (q *linkReq) doomed(n *netns.Net) (all []*Device, err error) {
	var list []*Device
	if d, err := q.device(n); err == nil {
		list = []*Device{d}
	} else if _, given := q.named(n); q.h.Index > 0 || given || !q.tb.Has(uapi.IFLA_GROUP) {
		return nil, err
	} else if list, err = q.group(n); err != nil {
		return nil, err
	}
	for _, d := range list {
		if d.Kind == "" {
			return nil, errno.EOPNOTSUPP
		}
	}
	for _, d := range list {
		all = append(all, With(d)...)
	}
	return all, nil
}

// group returns the devices of IFLA_GROUP (rtnl_group_dellink).
func (q *linkReq) group(n *netns.Net) (list []*Device, err error) {
	group := int(int32(q.tb.U32(uapi.IFLA_GROUP)))
	if group == 0 {
		return nil, errno.EPERM
	}
	for _, d := range List(n) {
		if d.Group() == group {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return nil, errno.ENODEV
	}
	return list, nil
}

// delLink deletes devices (rtnl_dellink). It takes the RTNLs itself: which
// ones shows only when the devices are found.
func delLink(r *netlink.Request) error {
	q, err := parseLink(r)
	if err != nil {
		return err
	}
	if err := q.oneNetns(true); err != nil {
		return err
	}
	n, _, err := targetID(r, q.tb)
	if err != nil {
		return err
	}
	for {
		nets := []*netns.Net{r.Net, n}
		list, err := q.doomed(n)
		if err != nil {
			return err
		}
		for _, d := range list {
			nets = append(nets, d.Net())
		}
		if q.deleteIn(n, nets) {
			return nil
		}
	}
}

// deleteIn deletes with the RTNLs of nets held, unless the devices have moved
// elsewhere meanwhile.
func (q *linkReq) deleteIn(n *netns.Net, nets []*netns.Net) bool {
	unlock := netns.LockAll(nets...)
	defer unlock()
	list, _ := q.doomed(n)
	for _, d := range list {
		if !contains(nets, d.Net()) {
			return false
		}
	}
	unregister(slices.DeleteFunc(list, (*Device).stays), echoing(q.Request))
	return true
}

// stays asks d's kind to let go of what depends on d, and reports whether it
// wants it kept.
func (d *Device) stays() bool {
	kind := Kinds(d.Net()).Lookup(d.Kind)
	return kind != nil && kind.Delete != nil && !kind.Delete(d)
}
