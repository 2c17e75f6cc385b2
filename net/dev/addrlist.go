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

func (d *Device) listAdd(l *[]hwAddr, addr []byte, global bool) error {
	d.lists.mu.Lock()
	defer d.lists.mu.Unlock()
	for i := range *l {
		a := &(*l)[i]
		if !bytes.Equal(a.addr, addr) {
			continue
		}
		if global {
			if a.global {
				return errno.EEXIST
			}
			a.global = true
		}
		a.refs++
		return nil
	}
	*l = append(*l, hwAddr{bytes.Clone(addr), 1, global})
	d.rxMode()
	return nil
}

func (d *Device) listDel(l *[]hwAddr, addr []byte, global bool) error {
	d.lists.mu.Lock()
	defer d.lists.mu.Unlock()
	for i := range *l {
		a := &(*l)[i]
		if !bytes.Equal(a.addr, addr) {
			continue
		}
		if global && !a.global {
			return errno.ENOENT
		}
		if global {
			a.global = false
		}
		if a.refs--; a.refs == 0 {
			*l = slices.Delete(*l, i, i+1)
			d.rxMode()
		}
		return nil
	}
	return errno.ENOENT
}

// rxMode tells the driver that lists or flags changed.
func (d *Device) rxMode() {
	if r, ok := d.Ops.(RxModer); ok && d.IsUp() {
		r.SetRxMode(d)
	}
}

// A MulticastAddr is one entry of a device's multicast list.
type MulticastAddr struct {
	Addr   []byte
	Refs   int
	Global bool
}

// Multicasts returns d's multicast list.
func (d *Device) Multicasts() []MulticastAddr {
	d.lists.mu.Lock()
	defer d.lists.mu.Unlock()
	var out []MulticastAddr
	for _, a := range d.lists.mc {
		out = append(out, MulticastAddr{a.addr, a.refs, a.global})
	}
	return out
}
