package dev

import (
	"linen/kern"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// Register puts d, made by New, into its namespace (register_netdevice). The
// caller holds the RTNL. The errors are the kernel's: EINVAL and EEXIST for
// names, and any of the driver or of a subscriber.
func Register(d *Device) error { return RegisterIndex(d, 0) }

// RegisterIndex is Register with the ifindex that user space asked for (0:
// the next one). It returns EBUSY when that is taken.
func RegisterIndex(d *Device, index int) error {
	if err := d.register(index); err != nil {
		return err
	}
	d.rtmsg(uapi.RTM_NEWLINK, ^uint32(0), nil)
	return nil
}

// register does all but the notification.
func (d *Device) register(index int) error {
	n := d.Net()
	n.MustHold()
	if n.Closing() {
		return errno.EINVAL
	}
	s := stateOf(n)
	name, err := freeName(s, d.Name(), nil)
	if err != nil {
		return err
	}
	switch {
	case d.IsLoopback():
		d.nameAssign.Store(namePredictable)
	case name != d.Name():
		d.nameAssign.Store(nameEnum)
	default:
		d.nameAssign.Store(nameUser)
	}
	d.name.Store(&name)
	init, _ := d.Ops.(Initer)
	if init != nil {
		if err := init.Init(d); err != nil {
			return err
		}
	}
	if index = s.ifx.reserve(index); index == 0 {
		err = errno.EBUSY
	} else {
		d.index.Store(int32(index))
		err = d.notify(EventPostInit)
	}
	if err != nil {
		if init != nil {
			init.Uninit(d)
		}
		return err
	}
	d.reg.Store(regRegistered)
	if d.state.Load()&(stateNoCarrier|stateDormant|stateTesting) != 0 {
		d.updateOperState()
	}
	s.ifx.add(d)
	if err := d.tellRegister(s); err != nil {
		d.silent = true
		Unregister(d)
		return err
	}
	return nil
}

// tellRegister announces d; those who agreed before a veto are told that it
// is gone.
func (d *Device) tellRegister(s *state) error {
	agreed, err := s.chain.call(&Event{Type: EventRegister, Dev: d})
	if err != nil {
		d.agreed = agreed
	}
	return err
}

// A Partner is a driver whose device goes with others: the other end of a
// veth, the devices that stand on it (rtnl_link_ops.dellink of both).
type Partner interface {
	// Partners returns the devices to unregister together with d, which may
	// be in other namespaces.
	Partners(d *Device) []*Device
	// Detach forgets them: d is being unregistered.
	Detach(d *Device)
}

// With returns d and the devices that go with it.
func With(d *Device) []*Device {
	all := []*Device{d}
	if p, ok := d.Ops.(Partner); ok {
		all = append(all, p.Partners(d)...)
	}
	return all
}

// LockWith takes the RTNLs of d's namespace and of those of the devices that
// go with it, and of the others given, and returns the function that releases
// them.
func LockWith(d *Device, others ...*netns.Net) (unlock func()) {
	for {
		nets := append([]*netns.Net(nil), others...)
		for _, o := range With(d) {
			nets = append(nets, o.Net())
		}
		unlock := netns.LockAll(nets...)
		stable := true
		for _, o := range With(d) {
			stable = stable && contains(nets, o.Net())
		}
		if stable {
			return unlock
		}
		unlock()
	}
}

func contains(nets []*netns.Net, n *netns.Net) bool {
	for _, o := range nets {
		if o == n {
			return true
		}
	}
	return false
}

// Unregister takes d, and what goes with it, out of their namespaces
// (unregister_netdevice): they are closed, and the rest follows when the RTNL
// is released: packets on their way are waited for. The caller holds the RTNL
// of every device concerned: see LockWith.
func Unregister(d *Device) { unregister(With(d), nil) }

// unregister is the kernel's unregister_netdevice_many_notify.
func unregister(ds []*Device, r *netlink.Request) {
	var gone []*Device
	for _, d := range ds {
		if d.reg.CompareAndSwap(regRegistered, regUnregistering) {
			gone = append(gone, d)
		}
	}
	for _, d := range gone {
		if p, ok := d.Ops.(Partner); ok {
			p.Detach(d)
		}
	}
	for _, d := range gone {
		Close(d)
	}
	for _, d := range gone {
		stateOf(d.Net()).ifx.remove(d)
	}
	for _, d := range gone {
		d.dismantle(r)
	}
	for _, d := range gone {
		d.Net().Defer(d.quiet)
	}
}

// dismantle tells everybody of d's end, the programs last.
func (d *Device) dismantle(r *netlink.Request) {
	d.qdisc.Store(nil)
	d.setState(stateActivated, false)
	e := &Event{Type: EventUnregister, Dev: d, Request: r}
	if d.agreed != nil { // its registration was refused
		for _, s := range d.agreed {
			s.fn(e)
		}
	} else {
		Notifiers(d.Net()).Call(e)
	}
	var m *netlink.Msg
	if !d.silent && !d.fresh {
		d.leaving = true
		m = d.ifinfo(uapi.RTM_DELLINK, ^uint32(0), ifinfoArgs{})
	}
	d.lists.mu.Lock()
	d.lists.uc, d.lists.mc = nil, nil
	d.lists.mu.Unlock()
	for _, up := range d.Uppers() {
		UnlinkUpper(d, up)
	}
	if init, ok := d.Ops.(Initer); ok {
		init.Uninit(d)
	}
	if m != nil {
		d.send(m, r)
	}
}

// quiet waits until no CPU uses d any more, drops what waits for it and lets
// go of what upper layers left in it.
func (d *Device) quiet() {
	d.k.Each(func(c *kern.CPU) { flushBacklog(c, d) })
	d.reg.Store(regUnregistered)
	for i := range d.slots {
		d.slots[i].p.Store(nil)
	}
}
