package ipv4

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// insertAddr gives a device another address (__inet_insert_ifa). A primary
// stands behind those of its scope or wider ones, a secondary at the end.
func (in *InDevice) insertAddr(a *IfAddr, r *netlink.Request) error {
	list := in.Addrs()
	a.in = in
	a.Flags &^= uapi.IFA_F_SECONDARY
	at := 0
	for i, o := range list {
		if !o.Secondary() && a.Scope <= o.Scope {
			at = i + 1
		}
		if !o.sameSubnet(a) {
			continue
		}
		if o.Local == a.Local {
			return netlink.Errorf(errno.EEXIST, "ipv4: Address already assigned")
		}
		if o.Scope != a.Scope {
			return netlink.Errorf(errno.EINVAL, "ipv4: Invalid scope value")
		}
		a.Flags |= uapi.IFA_F_SECONDARY
	}
	if a.Secondary() {
		at = len(list)
	}
	in.setAddrs(slices.Insert(slices.Clone(list), at, a))
	in.st.hashAddr(a)
	if a.valid != lifeForever || a.preferred != lifeForever {
		in.st.scheduleLifetimes()
	}
	in.st.notifyAddr(uapi.RTM_NEWADDR, a, r)
	in.st.addrUp(a)
	return nil
}

// setAddrs publishes the device's list.
func (in *InDevice) setAddrs(list []*IfAddr) {
	in.addrs.Store(&list)
	in.st.addrSeq++
}

// replaceAddr puts a in the place of old, without a word to anybody.
func (in *InDevice) replaceAddr(old, a *IfAddr) {
	list := slices.Clone(in.Addrs())
	list[slices.Index(list, old)] = a
	in.setAddrs(list)
	if in.st.addrs.get(a.Local) == old {
		in.st.addrs.put(a.Local, a)
	}
}

// hashAddr and unhashAddr keep the table of all addresses; of several devices
// with one address, the last counts (ip_dev_find).
func (st *state) hashAddr(a *IfAddr) {
	st.addrCount[a.Local]++
	st.addrs.put(a.Local, a)
}

func (st *state) unhashAddr(a *IfAddr) {
	if st.addrCount[a.Local]--; st.addrCount[a.Local] == 0 {
		delete(st.addrCount, a.Local)
		st.addrs.put(a.Local, nil)
		return
	}
	if st.addrs.get(a.Local) == a {
		st.addrs.put(a.Local, st.otherHolder(a))
	}
}

// otherHolder returns another address like a, on any device.
func (st *state) otherHolder(a *IfAddr) *IfAddr {
	for _, d := range dev.List(st.n) {
		if in := InDev(d); in != nil {
			for _, o := range in.Addrs() {
				if o != a && o.Local == a.Local {
					return o
				}
			}
		}
	}
	return nil
}

// deleteAddr takes an address away (__inet_del_ifa). With a primary its
// secondaries go too, unless promote_secondaries makes the first of them its
// successor.
func (in *InDevice) deleteAddr(a *IfAddr, r *netlink.Request) {
	var heirs []*IfAddr
	if !a.Secondary() && !in.dead {
		for _, o := range in.Addrs() {
			if o != a && o.Secondary() && o.sameSubnet(a) {
				heirs = append(heirs, o)
			}
		}
		if !in.promoteSecondaries() {
			for _, o := range heirs {
				in.dropAddr(o, r)
			}
			heirs = nil
		}
	}
	for _, o := range heirs {
		in.st.delAddrRoutes(o, a)
	}
	in.dropAddr(a, r)
	if len(heirs) > 0 {
		in.promote(heirs, r)
	}
}

// dropAddr removes one address and what hangs on it.
func (in *InDevice) dropAddr(a *IfAddr, r *netlink.Request) {
	list := slices.Clone(in.Addrs())
	in.setAddrs(slices.Delete(list, slices.Index(list, a), slices.Index(list, a)+1))
	in.st.unhashAddr(a)
	in.st.notifyAddr(uapi.RTM_DELADDR, a, r)
	in.st.addrDown(a)
}

// promote makes the first of heirs the primary address of their subnet.
func (in *InDevice) promote(heirs []*IfAddr, r *netlink.Request) {
	p := *heirs[0]
	p.Flags &^= uapi.IFA_F_SECONDARY
	in.replaceAddr(heirs[0], &p)
	list := slices.DeleteFunc(slices.Clone(in.Addrs()), func(o *IfAddr) bool { return o == &p })
	at := 0
	for i, o := range list {
		if !o.Secondary() && p.Scope <= o.Scope {
			at = i + 1
		}
	}
	in.setAddrs(slices.Insert(list, at, &p))
	in.st.notifyAddr(uapi.RTM_NEWADDR, &p, r)
	in.st.addrUp(&p)
	for _, o := range heirs[1:] {
		in.st.addAddrRoutes(o)
	}
}

// setForever says that the device's settings no longer follow the default:
// it has been given an address (ipv4_devconf_setall).
func (in *InDevice) setForever() {
	in.set.Store(1<<numConf - 1)
	in.st.arp.tbl.ParmsOf(in.dev).Pin()
}

// create gives d its InDevice.
func (st *state) create(d *dev.Device) *InDevice {
	in := &InDevice{st: st, dev: d}
	in.addConf()
	inDev.Set(d, in)
	st.notifyConf(confWhole, d.Ifindex())
	if d.IsUp() && st.data.groups != nil {
		st.data.groups(d, true)
	}
	return in
}

// destroy takes d's InDevice away (inetdev_destroy).
func (st *state) destroy(in *InDevice) {
	if st.data.groups != nil {
		st.data.groups(in.dev, false)
	}
	in.dead = true
	for _, m := range in.joined {
		m.Leave()
	}
	for len(in.Addrs()) > 0 {
		in.deleteAddr(in.Addrs()[0], nil)
	}
	sysctl.Of(st.n).Remove(confDir(in.dev.Name()))
	inDev.Set(in.dev, nil)
	if st.data.flushNeigh != nil {
		st.data.flushNeigh(in.dev)
	}
	st.notifyConf(confGone, in.dev.Ifindex())
}

// devinetEvent follows the devices (inetdev_event).
func (st *state) devinetEvent(e *dev.Event) error {
	in := InDev(e.Dev)
	if in == nil {
		if e.Type == dev.EventRegister || e.Type == dev.EventChangeMTU && e.Dev.MTU() >= minMTU {
			if e.Dev.MTU() >= minMTU || e.Type == dev.EventRegister {
				st.create(e.Dev)
			}
		}
		return nil
	}
	switch e.Type {
	case dev.EventUp:
		if e.Dev.MTU() < minMTU {
			break
		}
		if e.Dev.IsLoopback() && len(in.Addrs()) == 0 {
			in.addLoopback()
		}
		if st.data.groups != nil {
			st.data.groups(e.Dev, true)
		}
		in.announce(in.ARPNotify())
	case dev.EventChangeAddr:
		in.announce(in.ARPNotify())
	case dev.EventNotifyPeers:
		in.announce(true)
	case dev.EventResendIGMP:
		in.rejoin()
	case dev.EventDown:
		if st.data.groups != nil {
			st.data.groups(e.Dev, false)
		}
	case dev.EventChangeMTU:
		if e.Dev.MTU() < minMTU {
			st.destroy(in)
		}
	case dev.EventUnregister:
		st.destroy(in)
	case dev.EventChangeName:
		in.renamed(e.OldName)
	}
	return nil
}

// announce tells the link the device's addresses, if it is wanted and can be.
func (in *InDevice) announce(wanted bool) {
	if wanted && in.dev.IsUp() && in.st.data.announce != nil {
		in.st.data.announce(in.dev)
	}
}

// addLoopback gives lo 127.0.0.1/8.
func (in *InDevice) addLoopback() {
	now := in.st.n.Kernel().Now()
	in.setForever()
	in.insertAddr(&IfAddr{
		Local: addrLoopback, Address: addrLoopback, PrefixLen: 8, Scope: uapi.RT_SCOPE_HOST,
		Flags: uapi.IFA_F_PERMANENT, Label: in.dev.Name(),
		valid: lifeForever, preferred: lifeForever, created: now, updated: now,
	}, nil)
}

// renamed gives the labels and the directory of the settings the device's new
// name (inetdev_changename): the first label is the name, the others keep what
// followed a colon or are numbered.
func (in *InDevice) renamed(old string) {
	for i, a := range in.Addrs() {
		b := *a
		b.Label = in.dev.Name()
		if i > 0 {
			suffix := ":" + strconv.Itoa(i+1)
			if at := strings.IndexByte(a.Label, ':'); at >= 0 {
				suffix = a.Label[at:]
			}
			b.Label = b.Label[:min(len(b.Label), uapi.IFNAMSIZ-1-len(suffix))] + suffix
		}
		in.replaceAddr(a, &b)
		in.st.notifyAddr(uapi.RTM_NEWADDR, &b, nil)
	}
	sysctl.Of(in.st.n).Rename(confDir(old), confDir(in.dev.Name()))
	in.st.notifyConf(confGone, in.dev.Ifindex())
	in.st.notifyConf(confWhole, in.dev.Ifindex())
}

// setLifetimes sets how long an address lives and is preferred, seconds from
// now (set_ifa_lifetime).
func (a *IfAddr) setLifetimes(valid, preferred uint32, now ktime.T) {
	a.valid, a.preferred, a.updated = valid, preferred, now
	a.Flags &^= uapi.IFA_F_PERMANENT | uapi.IFA_F_DEPRECATED
	if valid == lifeForever {
		a.Flags |= uapi.IFA_F_PERMANENT
	}
	if preferred == 0 {
		a.Flags |= uapi.IFA_F_DEPRECATED
	}
	if a.created == 0 {
		a.created = now
	}
}

// ends returns when a lifetime that counts from updated is over, or 0.
func (a *IfAddr) ends(seconds uint32) ktime.T {
	if seconds == lifeForever {
		return 0
	}
	return a.updated + ktime.T(time.Duration(seconds)*time.Second)
}

// scheduleLifetimes sets the timer to the first lifetime that ends.
func (st *state) scheduleLifetimes() {
	next := ktime.T(0)
	for _, d := range dev.List(st.n) {
		in := InDev(d)
		if in == nil {
			continue
		}
		for _, a := range in.Addrs() {
			ends := []ktime.T{a.ends(a.valid)}
			if a.Flags&uapi.IFA_F_DEPRECATED == 0 {
				ends = append(ends, a.ends(a.preferred))
			}
			for _, t := range ends {
				if t != 0 && (next == 0 || t < next) {
					next = t
				}
			}
		}
	}
	if next == 0 {
		st.lifetimes.Stop()
		return
	}
	st.lifetimes.Set(next)
}

// expireAddrs deletes addresses whose lifetime is over and marks those that
// are no longer preferred (check_lifetime). It runs off every CPU.
func (st *state) expireAddrs() {
	st.n.Lock()
	defer st.n.Unlock()
	if st.n.Closing() {
		return
	}
	now := st.n.Kernel().Now()
	for _, d := range dev.List(st.n) {
		in := InDev(d)
		if in == nil {
			continue
		}
		for _, a := range in.Addrs() {
			if t := a.ends(a.valid); t != 0 && t <= now {
				if slices.Contains(in.Addrs(), a) { // it may have gone with its primary
					in.deleteAddr(a, nil)
				}
				continue
			}
			t := a.ends(a.preferred)
			if t != 0 && t <= now && a.Flags&uapi.IFA_F_DEPRECATED == 0 && slices.Contains(in.Addrs(), a) {
				b := *a
				b.Flags |= uapi.IFA_F_DEPRECATED
				in.replaceAddr(a, &b)
				st.notifyAddr(uapi.RTM_NEWADDR, &b, nil)
			}
		}
	}
	st.scheduleLifetimes()
}
