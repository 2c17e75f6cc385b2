package dev

import (
	"slices"

	"linen/net/netns"
	"linen/uapi/errno"
)

// links are the devices above and below a device; the RTNL guards them.
type links struct {
	uppers, lowers []*link
}

// link is one edge between two devices, in the list of one of them.
type link struct {
	dev    *Device
	master bool
	info   any
}

// maxNestLevel is how deep devices may stand on each other (MAX_NEST_DEV).
const maxNestLevel = 8

// LinkUpper makes upper stand on d, as its master or only as its upper, after
// asking the chain (netdev_upper_dev_link). The caller holds the RTNL. EBUSY,
// EEXIST, EMLINK.
func LinkUpper(d, upper *Device, master bool, info any) error {
	d.Net().MustHold()
	switch {
	case d == upper || d.standsOn(upper):
		return errno.EBUSY
	case d.depth(false)+upper.depth(true) >= maxNestLevel:
		return errno.EMLINK
	case master && d.Master() == upper, d.find(upper) != nil:
		return errno.EEXIST
	case master && d.Master() != nil:
		return errno.EBUSY
	}
	chain := Notifiers(d.Net())
	e := Event{Type: EventPreChangeUpper, Dev: d, Upper: upper, IsMaster: master, Linking: true, UpperInfo: info}
	if err := chain.Call(&e); err != nil {
		return err
	}
	d.links.uppers = append(d.links.uppers, &link{upper, master, info})
	upper.links.lowers = append(upper.links.lowers, &link{d, master, info})
	if master {
		d.master.Store(upper)
	}
	e.Type = EventChangeUpper
	if err := chain.Call(&e); err != nil {
		d.unlink(upper)
		return err
	}
	return nil
}

// UnlinkUpper undoes LinkUpper. The caller holds the RTNL.
func UnlinkUpper(d, upper *Device) {
	d.Net().MustHold()
	l := d.find(upper)
	if l == nil {
		return
	}
	e := Event{Type: EventPreChangeUpper, Dev: d, Upper: upper, IsMaster: l.master, UpperInfo: l.info}
	chain := Notifiers(d.Net())
	chain.Call(&e)
	d.unlink(upper)
	e.Type = EventChangeUpper
	chain.Call(&e)
}

func (d *Device) unlink(upper *Device) {
	d.links.uppers = slices.DeleteFunc(d.links.uppers, func(l *link) bool { return l.dev == upper })
	upper.links.lowers = slices.DeleteFunc(upper.links.lowers, func(l *link) bool { return l.dev == d })
	if d.Master() == upper {
		d.master.Store(nil)
	}
}

func (d *Device) find(upper *Device) *link {
	for _, l := range d.links.uppers {
		if l.dev == upper {
			return l
		}
	}
	return nil
}

// standsOn reports whether lower is anywhere below d.
func (d *Device) standsOn(lower *Device) bool {
	for _, l := range d.links.lowers {
		if l.dev == lower || l.dev.standsOn(lower) {
			return true
		}
	}
	return false
}

// depth is the length of the longest way up or down.
func (d *Device) depth(up bool) int {
	list := d.links.lowers
	if up {
		list = d.links.uppers
	}
	n := 0
	for _, l := range list {
		n = max(n, 1+l.dev.depth(up))
	}
	return n
}

// Uppers returns the devices that stand on d. The caller holds the RTNL.
func (d *Device) Uppers() []*Device { return devices(d.links.uppers) }

// Lowers returns the devices that d stands on. The caller holds the RTNL.
func (d *Device) Lowers() []*Device { return devices(d.links.lowers) }

func devices(list []*link) (out []*Device) {
	for _, l := range list {
		out = append(out, l.dev)
	}
	return out
}

// SetMaster makes the device number index d's master, 0: none (do_set_master).
// The caller holds the RTNL. EINVAL when there is no such device, EOPNOTSUPP
// when it takes no ports, and what it refuses.
func SetMaster(d *Device, index int) error {
	d.Net().MustHold()
	if up := d.Master(); up != nil {
		if up.Ifindex() == index {
			return nil
		}
		m, ok := up.Ops.(Master)
		if !ok {
			return errno.EOPNOTSUPP
		}
		if err := m.DelSlave(up, d); err != nil {
			return err
		}
	}
	if index == 0 {
		return nil
	}
	up := ByIndex(d.Net(), index)
	if up == nil {
		return errno.EINVAL
	}
	m, ok := up.Ops.(Master)
	if !ok {
		return errno.EOPNOTSUPP
	}
	return m.AddSlave(up, d)
}

// SetRxHandler makes h take d's frames; EBUSY when there is a handler
// (netdev_rx_handler_register). The caller holds the RTNL.
func (d *Device) SetRxHandler(h RxHandler) error {
	if d.rxHandler.Load() != nil {
		return errno.EBUSY
	}
	d.rxHandler.Store(&h)
	return nil
}

// ClearRxHandler removes the handler. The caller holds the RTNL; frames may
// still be in it until the RTNL's deferred work has run.
func (d *Device) ClearRxHandler() {
	d.rxHandler.Store(nil)
	d.Net().Defer(d.k.Synchronize)
}

// Iflink returns the index of the device that d stands on or is paired with,
// or its own, and that device's namespace (dev_get_iflink).
func (d *Device) Iflink() (index int, n *netns.Net) {
	if f, ok := d.Ops.(Iflinker); ok {
		if i, n := f.Iflink(d); n != nil {
			return i, n
		}
		return 0, d.Net()
	}
	return d.Ifindex(), d.Net()
}
