package dev

import (
	"bytes"
	"slices"
	"sync"

	"linen/uapi/errno"
)

// addrLists are the secondary unicast and the multicast addresses that a
// device listens to (dev->uc, dev->mc).
type addrLists struct {
	mu     sync.Mutex
	uc, mc []hwAddr
}

// hwAddr is one address of a list.
type hwAddr struct {
	addr   []byte
	refs   int
	global bool // asked for by user space; once only
}

// AddMulticast makes d receive the group addr; each call needs its
// DelMulticast (dev_mc_add). It may be called anywhere.
func (d *Device) AddMulticast(addr []byte) { d.listAdd(&d.lists.mc, addr, false) }

// DelMulticast undoes one AddMulticast (dev_mc_del).
func (d *Device) DelMulticast(addr []byte) error { return d.listDel(&d.lists.mc, addr, false) }

// AddUnicast makes d receive the unicast address addr too (dev_uc_add).
func (d *Device) AddUnicast(addr []byte) { d.listAdd(&d.lists.uc, addr, false) }

// DelUnicast undoes one AddUnicast (dev_uc_del).
func (d *Device) DelUnicast(addr []byte) error { return d.listDel(&d.lists.uc, addr, false) }

// AddOnce makes d receive addr, a unicast or a group address, for user space
// (dev_uc_add_excl, dev_mc_add_excl): EEXIST if it is listed already.
func (d *Device) AddOnce(addr []byte) error {
	l := d.listOf(addr)
	for _, a := range d.addrs(l) {
		if bytes.Equal(a.Addr, addr) {
			return errno.EEXIST
		}
	}
	return d.listAdd(l, addr, false)
}

// DelOnce undoes AddOnce; ENOENT if addr is not listed.
func (d *Device) DelOnce(addr []byte) error { return d.listDel(d.listOf(addr), addr, false) }

func (d *Device) listOf(addr []byte) *[]hwAddr {
	if addr[0]&1 != 0 {
		return &d.lists.mc
	}
	return &d.lists.uc
}

func (d *Device) listAdd(l *[]hwAddr, addr []byte, global bool) error {
	fresh, err := d.lists.add(l, addr, global)
	if fresh {
		d.rxMode()
	}
	return err
}

func (d *Device) listDel(l *[]hwAddr, addr []byte, global bool) error {
	last, err := d.lists.del(l, addr, global)
	if last {
		d.rxMode()
	}
	return err
}

// add reports whether addr is new in the list.
func (a *addrLists) add(l *[]hwAddr, addr []byte, global bool) (fresh bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range *l {
		h := &(*l)[i]
		if !bytes.Equal(h.addr, addr) {
			continue
		}
		if global {
			if h.global {
				return false, errno.EEXIST
			}
			h.global = true
		}
		h.refs++
		return false, nil
	}
	*l = append(*l, hwAddr{bytes.Clone(addr), 1, global})
	return true, nil
}

// del reports whether addr has left the list.
func (a *addrLists) del(l *[]hwAddr, addr []byte, global bool) (last bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range *l {
		h := &(*l)[i]
		if !bytes.Equal(h.addr, addr) {
			continue
		}
		if global && !h.global {
			return false, errno.ENOENT
		}
		if global {
			h.global = false
		}
		if h.refs--; h.refs == 0 {
			*l = slices.Delete(*l, i, i+1)
			return true, nil
		}
		return false, nil
	}
	return false, errno.ENOENT
}

// rxMode tells the driver that lists or flags changed.
func (d *Device) rxMode() {
	if r, ok := d.Ops.(RxModer); ok && d.IsUp() {
		r.SetRxMode(d)
	}
}

// A MulticastAddr is one entry of a device's unicast or multicast list.
type MulticastAddr struct {
	Addr   []byte
	Refs   int
	Global bool
}

// Multicasts returns d's multicast list.
func (d *Device) Multicasts() []MulticastAddr { return d.addrs(&d.lists.mc) }

// Unicasts returns d's secondary unicast addresses.
func (d *Device) Unicasts() []MulticastAddr { return d.addrs(&d.lists.uc) }

func (d *Device) addrs(l *[]hwAddr) []MulticastAddr {
	d.lists.mu.Lock()
	defer d.lists.mu.Unlock()
	var out []MulticastAddr
	for _, a := range *l {
		out = append(out, MulticastAddr{a.addr, a.refs, a.global})
	}
	return out
}
