package dev

import (
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// Move takes d to the namespace to, under the name pattern (empty: its own,
// which must be free there), with the ifindex index (0: its own if that is
// free, else the next). The caller holds both RTNLs (dev_change_net_namespace).
// EINVAL, EEXIST and EBUSY come with the kernel's extack texts.
func Move(d *Device, to *netns.Net, pattern string, index int) error {
	from := d.Net()
	from.MustHold()
	to.MustHold()
	switch {
	case d.NetnsImmut:
		return netlink.Errorf(errno.EINVAL, "The interface netns is immutable")
	case !d.Registered():
		return netlink.Errorf(errno.EINVAL, "The interface has not been registered yet")
	case from == to:
		return nil
	case to.Closing():
		return errno.EINVAL // nobody holds it: get_net_ns_by_fd has nothing to find
	}
	name, err := nameThere(d, stateOf(to), pattern)
	if err != nil {
		return err
	}
	dst := &stateOf(to).ifx
	if index != 0 {
		if dst.reserve(index) == 0 {
			return netlink.Errorf(errno.EBUSY, "The ifindex %d is not available in the target netns", index)
		}
	} else if index = dst.reserve(d.Ifindex()); index == 0 {
		index = dst.reserve(0)
	}
	Close(d)
	stateOf(from).ifx.remove(d)
	d.qdisc.Store(nil)
	d.setState(stateActivated, false)
	stateOf(from).chain.Call(&Event{Type: EventUnregister, Dev: d, Moving: true})
	nsid := rtnl.PeerID(from, to)
	d.leaving = true
	d.send(d.ifinfo(uapi.RTM_DELLINK, ^uint32(0), ifinfoArgs{newNetns: true, nsid: nsid, newIndex: index}), nil)
	d.lists.mu.Lock()
	d.lists.uc, d.lists.mc = nil, nil
	d.lists.mu.Unlock()
	d.net.Store(to)
	d.home.Store(stateOf(to))
	d.index.Store(int32(index))
	d.name.Store(&name)
	d.leaving = false
	dst.add(d)
	stateOf(to).chain.Call(&Event{Type: EventRegister, Dev: d, Moving: true})
	d.rtmsg(uapi.RTM_NEWLINK, ^uint32(0), nil)
	from.Defer(d.k.Synchronize)
	return nil
}

// nameThere returns d's name in the namespace that it moves to.
func nameThere(d *Device, s *state, pattern string) (string, error) {
	name := d.Name()
	if s.ifx.find(name) != nil {
		if pattern == "" {
			return "", netlink.Errorf(errno.EEXIST, "An interface with the same name exists in the target netns")
		}
		var err error
		if name, err = freeName(s, pattern, nil); err != nil {
			return "", netlink.Errorf(err.(errno.Errno), "Unable to generate a valid name in the target netns")
		}
	}
	for _, a := range d.AltNames() {
		if s.ifx.find(a) != nil {
			return "", netlink.Errorf(errno.EEXIST, "An interface with the altname %s exists in the target netns", a)
		}
	}
	return name, nil
}
