package dev

import (
	"math"
	"sync/atomic"

	"linen/net/klog"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// storeFunc publishes a function value, or nothing.
func storeFunc[F any](at *atomic.Pointer[F], f F, none bool) {
	if none {
		at.Store(nil)
		return
	}
	at.Store(&f)
}

// volatileFlags are those that user space cannot change (IFF_VOLATILE).
const volatileFlags = uapi.IFF_LOOPBACK | uapi.IFF_POINTOPOINT | uapi.IFF_BROADCAST | uapi.IFF_ECHO |
	uapi.IFF_MASTER | uapi.IFF_SLAVE | uapi.IFF_RUNNING | uapi.IFF_LOWER_UP | uapi.IFF_DORMANT

// settableFlags are those that ChangeFlags takes over as they are.
const settableFlags = uapi.IFF_DEBUG | uapi.IFF_NOTRAILERS | uapi.IFF_NOARP | uapi.IFF_DYNAMIC |
	uapi.IFF_MULTICAST | uapi.IFF_PORTSEL | uapi.IFF_AUTOMEDIA

// Flags returns IFF_* as user space sees them, with PROMISC and ALLMULTI as
// it wished and RUNNING, LOWER_UP and DORMANT derived (dev_get_flags).
func (d *Device) Flags() uint32 {
	const hidden = uapi.IFF_PROMISC | uapi.IFF_ALLMULTI | uapi.IFF_RUNNING | uapi.IFF_LOWER_UP | uapi.IFF_DORMANT
	f := d.flags.Load()&^hidden | d.gflags.Load()
	if st := d.state.Load(); st&stateRunning != 0 {
		if o := d.OperState(); o == uapi.IF_OPER_UP || o == uapi.IF_OPER_UNKNOWN {
			f |= uapi.IFF_RUNNING
		}
		if st&stateNoCarrier == 0 {
			f |= uapi.IFF_LOWER_UP
		}
		if st&stateDormant != 0 {
			f |= uapi.IFF_DORMANT
		}
	}
	return f
}

// RawFlags returns IFF_* as the data path needs them: PROMISC and ALLMULTI are
// set whenever anybody wants them (dev->flags).
func (d *Device) RawFlags() uint32 { return d.flags.Load() }

// AddFlags sets flags that a driver owns, such as IFF_SLAVE, without telling
// anybody. The caller holds the RTNL.
func (d *Device) AddFlags(f uint32) { d.flags.Or(f) }

// RemoveFlags clears flags that a driver owns. The caller holds the RTNL.
func (d *Device) RemoveFlags(f uint32) { d.flags.And(^f) }

// Open brings d up (dev_open). The caller holds the RTNL.
func Open(d *Device) error {
	if d.IsUp() {
		return nil
	}
	if err := d.open(); err != nil {
		return err
	}
	d.rtmsg(uapi.RTM_NEWLINK, uapi.IFF_UP|uapi.IFF_RUNNING, nil)
	return d.notify(EventUp)
}

// Close takes d down (dev_close). The caller holds the RTNL.
func Close(d *Device) {
	if !d.IsUp() {
		return
	}
	d.close()
	d.rtmsg(uapi.RTM_NEWLINK, uapi.IFF_UP|uapi.IFF_RUNNING, nil)
	d.notify(EventDown)
}

// open starts the driver; PreUp may veto (__dev_open).
func (d *Device) open() error {
	d.Net().MustHold()
	if err := d.notify(EventPreUp); err != nil {
		return err
	}
	d.setState(stateRunning, true)
	var err error
	if v, ok := d.Ops.(MACValidator); ok {
		err = v.ValidateMAC(d, d.Addr())
	}
	if err == nil {
		err = d.Ops.Open(d)
	}
	if err != nil {
		d.setState(stateRunning, false)
		return err
	}
	d.flags.Or(uapi.IFF_UP)
	d.rxMode()
	d.activate()
	return nil
}

// close stops the driver (__dev_close_many).
func (d *Device) close() {
	d.Net().MustHold()
	d.notify(EventGoingDown)
	d.setState(stateRunning, false)
	d.Ops.Stop(d)
	d.flags.And(^uint32(uapi.IFF_UP))
}

// activate gives d its queueing discipline (dev_activate).
func (d *Device) activate() {
	if !d.setState(stateActivated, true) {
		return
	}
	if d.qdisc.Load() == nil && !d.NoQueue && d.TxQueueLen() > 0 {
		if f := stateOf(d.Net()).defaultQueue; f != nil {
			d.SetQueue(f(d))
		}
	}
}

// ChangeFlags sets the flags that user space may set to f
// (dev_change_flags). The caller holds the RTNL.
func ChangeFlags(d *Device, f uint32) error { return d.changeFlags(f, nil) }

func (d *Device) changeFlags(f uint32, r *netlink.Request) error {
	old, oldWish := d.flags.Load(), d.gflags.Load()
	if err := d.applyFlags(f); err != nil {
		return err
	}
	d.notifyFlags(old, (old^d.flags.Load())|(oldWish^d.gflags.Load()), r)
	return nil
}

// applyFlags sets flags and brings d up or down, but tells nobody
// (__dev_change_flags).
func (d *Device) applyFlags(f uint32) (err error) {
	d.Net().MustHold()
	old := d.flags.Load()
	const kept = uapi.IFF_UP | volatileFlags | uapi.IFF_PROMISC | uapi.IFF_ALLMULTI
	d.flags.Store(f&settableFlags | old&kept)
	d.rxMode()
	if (old^f)&uapi.IFF_UP != 0 {
		if old&uapi.IFF_UP != 0 {
			d.close()
		} else {
			err = d.open()
		}
	}
	if (f^d.gflags.Load())&uapi.IFF_PROMISC != 0 {
		d.gflags.Store(d.gflags.Load() ^ uapi.IFF_PROMISC)
		d.count(&d.promisc, uapi.IFF_PROMISC, wish(f&uapi.IFF_PROMISC))
	}
	if (f^d.gflags.Load())&uapi.IFF_ALLMULTI != 0 {
		d.gflags.Store(d.gflags.Load() ^ uapi.IFF_ALLMULTI)
		d.count(&d.allmulti, uapi.IFF_ALLMULTI, wish(f&uapi.IFF_ALLMULTI))
	}
	return err
}

func wish(set uint32) int {
	if set != 0 {
		return 1
	}
	return -1
}

// notifyFlags tells of flags that were old; changed are the bits that user
// space sees change (__dev_notify_flags).
func (d *Device) notifyFlags(old, changed uint32, r *netlink.Request) {
	if changed != 0 {
		d.rtmsg(uapi.RTM_NEWLINK, changed, r)
	}
	now := d.flags.Load()
	diff := now ^ old
	if diff&uapi.IFF_UP != 0 {
		if now&uapi.IFF_UP != 0 {
			d.notify(EventUp)
		} else {
			d.notify(EventDown)
		}
	}
	const silent = uapi.IFF_UP | uapi.IFF_PROMISC | uapi.IFF_ALLMULTI | volatileFlags
	if now&uapi.IFF_UP != 0 && diff&^uint32(silent) != 0 {
		Notifiers(d.Net()).Call(&Event{Type: EventChange, Dev: d, FlagsChanged: diff, Request: r})
	}
}

// SetPromiscuity adds inc to the number of those who want all frames
// (dev_set_promiscuity). The caller holds the RTNL. EOVERFLOW.
func SetPromiscuity(d *Device, inc int) error {
	return d.setCount(&d.promisc, uapi.IFF_PROMISC, inc, uapi.IFF_PROMISC)
}

// SetAllMulti adds inc to the number of those who want all multicast frames
// (dev_set_allmulti). The caller holds the RTNL. EOVERFLOW.
func SetAllMulti(d *Device, inc int) error {
	return d.setCount(&d.allmulti, uapi.IFF_ALLMULTI, inc, 0)
}

// setCount changes a counter and tells of the flag when that changed.
func (d *Device) setCount(at *atomic.Int32, flag uint32, inc int, tell uint32) error {
	d.Net().MustHold()
	old := d.flags.Load()
	if err := d.count(at, flag, inc); err != nil {
		return err
	}
	if d.flags.Load() != old {
		d.notifyFlags(old, tell, nil)
	}
	return nil
}

// count changes a counter; its flag is set while it is not 0.
func (d *Device) count(at *atomic.Int32, flag uint32, inc int) error {
	n := int(at.Load()) + inc
	if n > math.MaxInt32 {
		return errno.EOVERFLOW
	}
	at.Store(int32(max(n, 0)))
	old := d.flags.Load()
	if n > 0 {
		d.flags.Or(flag)
	} else {
		d.flags.And(^flag)
	}
	if d.flags.Load() != old {
		d.logMode(flag, n > 0)
		d.rxMode()
	}
	return nil
}

// logMode notes that d began or ceased to take frames that are not its own
// (netdev_info).
func (d *Device) logMode(flag uint32, on bool) {
	verb, mode := "left", "promiscuous"
	if on {
		verb = "entered"
	}
	if flag == uapi.IFF_ALLMULTI {
		mode = "allmulticast"
	}
	klog.Printf(d.Net(), klog.Info, "%s: %s %s mode", d.Name(), verb, mode)
}
