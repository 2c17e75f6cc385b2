package dev

import (
	"bytes"

	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// ChangeMTU sets the MTU (dev_set_mtu). The caller holds the RTNL. A refusal
// comes with the kernel's extack text.
func ChangeMTU(d *Device, mtu int) error {
	d.Net().MustHold()
	old := d.MTU()
	switch {
	case mtu == old:
		return nil
	case mtu < 0 || mtu < d.MinMTU:
		return netlink.Errorf(errno.EINVAL, "mtu less than device minimum")
	case d.MaxMTU > 0 && mtu > d.MaxMTU:
		return netlink.Errorf(errno.EINVAL, "mtu greater than device maximum")
	}
	chain := Notifiers(d.Net())
	if err := chain.Call(&Event{Type: EventPreChangeMTU, Dev: d, MTU: mtu}); err != nil {
		return err
	}
	if err := d.storeMTU(mtu); err != nil {
		return err
	}
	if err := chain.Call(&Event{Type: EventChangeMTU, Dev: d, MTU: old}); err != nil {
		d.storeMTU(old) // it was right before
		chain.Call(&Event{Type: EventChangeMTU, Dev: d, MTU: mtu})
		return err
	}
	return nil
}

// storeMTU asks the driver, and stores what it agrees to.
func (d *Device) storeMTU(mtu int) error {
	if f, ok := d.Ops.(MTUChanger); ok {
		if err := f.ChangeMTU(d, mtu); err != nil {
			return err
		}
	}
	d.mtu.Store(int32(mtu))
	return nil
}

// SetAddr sets the hardware address (dev_set_mac_address). The caller holds
// the RTNL. EOPNOTSUPP when the driver has no MACSetter, EINVAL when addr is
// too short, and what driver and chain refuse.
func SetAddr(d *Device, addr []byte) error {
	d.Net().MustHold()
	set, ok := d.Ops.(MACSetter)
	switch {
	case !ok:
		return errno.EOPNOTSUPP
	case len(addr) < d.AddrLen:
		return errno.EINVAL
	}
	addr = bytes.Clone(addr[:d.AddrLen])
	chain := Notifiers(d.Net())
	if err := chain.Call(&Event{Type: EventPreChangeAddr, Dev: d, Addr: addr}); err != nil {
		return err
	}
	if !bytes.Equal(addr, d.Addr()) {
		if err := set.SetMAC(d, addr); err != nil {
			return err
		}
		d.addr.Store(&addr)
	}
	d.addrAssign.Store(AddrSet)
	return d.notify(EventChangeAddr)
}

// StoreAddrs replaces both addresses without telling anybody: a driver's, whose
// settings they follow (__dev_addr_set). The caller holds the RTNL.
func (d *Device) StoreAddrs(addr, broadcast []byte) {
	storeBytes(&d.addr, addr)
	storeBytes(&d.bcast, broadcast)
}

// SetBroadcast sets the broadcast address. The caller holds the RTNL.
func SetBroadcast(d *Device, addr []byte) error {
	if len(addr) < d.AddrLen {
		return errno.EINVAL
	}
	storeBytes(&d.bcast, addr[:d.AddrLen])
	return d.notify(EventChangeAddr)
}

// Rename gives d the name, which may hold one %d (dev_change_name). The
// caller holds the RTNL. EINVAL, EEXIST.
func Rename(d *Device, name string) error {
	n := d.Net()
	n.MustHold()
	old := d.Name()
	if name == old {
		return nil
	}
	name, err := freeName(stateOf(n), name, d)
	if err != nil {
		return err
	}
	d.setName(name)
	d.nameAssign.Store(nameRenamed)
	e := Event{Type: EventChangeName, Dev: d, OldName: old}
	if err := stateOf(n).chain.Call(&e); err != nil {
		d.setName(old)
		stateOf(n).chain.Call(&Event{Type: EventChangeName, Dev: d, OldName: name})
		return err
	}
	return nil
}

func (d *Device) setName(name string) {
	old := d.Name()
	d.name.Store(&name)
	stateOf(d.Net()).ifx.rename(d, old, name)
}

// ChangeTxQueueLen sets the queue's length in packets; a veto leaves it as it
// was. The caller holds the RTNL.
func ChangeTxQueueLen(d *Device, n int) error {
	d.Net().MustHold()
	old := d.TxQueueLen()
	if n == old {
		return nil
	}
	d.txqlen.Store(int32(n))
	if err := d.notify(EventChangeTxQueueLen); err != nil {
		d.txqlen.Store(int32(old))
		return err
	}
	return nil
}

// SetGroup puts d into a group of links.
func SetGroup(d *Device, group int) { d.group.Store(int32(group)) }

// SetAlias sets the text of IFLA_IFALIAS, at most 255 bytes; empty removes it.
// EINVAL.
func SetAlias(d *Device, text string) error {
	switch {
	case len(text) >= uapi.IFALIASZ:
		return errno.EINVAL
	case text == "":
		d.alias.Store(nil)
	default:
		d.alias.Store(&text)
	}
	return nil
}

// AddAltName gives d a further name. The caller holds the RTNL. EINVAL,
// EEXIST.
func AddAltName(d *Device, name string) error {
	n := d.Net()
	n.MustHold()
	switch {
	case name == "" || len(name) > maxAltName:
		return errno.EINVAL
	case ByName(n, name) != nil:
		return errno.EEXIST
	}
	alt := append(append([]string(nil), d.AltNames()...), name)
	d.alt.Store(&alt)
	stateOf(n).ifx.rename(d, "", name)
	return nil
}

// DelAltName takes a further name from d. The caller holds the RTNL. ENOENT
// when there is no such name, EINVAL when it is another device's or d's first
// name.
func DelAltName(d *Device, name string) error {
	n := d.Net()
	n.MustHold()
	if ByName(n, name) == nil {
		return errno.ENOENT
	}
	var alt []string
	for _, s := range d.AltNames() {
		if s != name {
			alt = append(alt, s)
		}
	}
	if len(alt) == len(d.AltNames()) {
		return errno.EINVAL
	}
	d.alt.Store(&alt)
	stateOf(n).ifx.rename(d, name, "")
	return nil
}
