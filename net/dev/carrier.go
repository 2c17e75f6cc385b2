package dev

import (
	"linen/uapi"
)

// CarrierOn says that d's link is there (netif_carrier_on). It may be called
// anywhere; the operational state and the notification follow from the work
// queue.
func (d *Device) CarrierOn() {
	if d.setState(stateNoCarrier, false) && d.reg.Load() != regNone {
		d.carrierUp.Add(1)
		d.watch()
	}
}

// CarrierOff says that d's link is gone (netif_carrier_off).
func (d *Device) CarrierOff() {
	if d.setState(stateNoCarrier, true) && d.reg.Load() != regNone {
		d.carrierDn.Add(1)
		d.watch()
	}
}

// SetDormant says whether d waits for an outside event (RFC 2863).
func (d *Device) SetDormant(on bool) {
	if d.setState(stateDormant, on) && d.reg.Load() != regNone {
		d.watch()
	}
}

// SetTesting says whether d is being tested (RFC 2863).
func (d *Device) SetTesting(on bool) {
	if d.setState(stateTesting, on) && d.reg.Load() != regNone {
		d.watch()
	}
}

// CarrierChanges returns how often the carrier went up and down.
func (d *Device) CarrierChanges() (up, down uint32) { return d.carrierUp.Load(), d.carrierDn.Load() }

// watch queues a look at d's link, once (linkwatch_fire_event).
func (d *Device) watch() {
	if d.watched.Swap(true) {
		return
	}
	d.k.Queue(func() {
		for {
			n := d.Net()
			n.Lock()
			if d.Net() == n {
				d.syncLink()
				n.Unlock()
				return
			}
			n.Unlock() // it moved meanwhile
		}
	})
}

// syncLink does at once what a queued look would do (linkwatch_sync_dev). The
// caller holds the RTNL.
func (d *Device) syncLink() {
	if !d.watched.Swap(false) {
		return
	}
	d.updateOperState()
	if !d.IsUp() || d.reg.Load() == regUnregistered {
		return
	}
	if d.Carrier() {
		d.activate()
	}
	d.stateChange()
}

// StateChange tells of a driver's own settings of d that have changed. The caller
// holds the RTNL.
func (d *Device) StateChange() { d.stateChange() }

// stateChange tells of something that has no event of its own
// (netdev_state_change).
func (d *Device) stateChange() {
	if d.IsUp() {
		d.notify(EventChange)
		d.rtmsg(uapi.RTM_NEWLINK, 0, nil)
	}
}

// updateOperState derives the operational state (rfc2863_policy).
func (d *Device) updateOperState() {
	state := uint32(d.defaultOperState())
	switch d.LinkMode() {
	case uapi.IF_LINK_MODE_TESTING:
		if state == uapi.IF_OPER_UP {
			state = uapi.IF_OPER_TESTING
		}
	case uapi.IF_LINK_MODE_DORMANT:
		if state == uapi.IF_OPER_UP {
			state = uapi.IF_OPER_DORMANT
		}
	}
	d.operstate.Store(state)
}

func (d *Device) defaultOperState() int {
	st := d.state.Load()
	switch {
	case st&stateTesting != 0:
		return uapi.IF_OPER_TESTING
	case st&stateNoCarrier != 0:
		link, _ := d.Iflink()
		if link == d.Ifindex() {
			return uapi.IF_OPER_DOWN
		}
		// The index is looked up here whatever namespace it belongs to, as
		// the kernel does.
		if o := ByIndex(d.Net(), link); o != nil && !o.Carrier() {
			return uapi.IF_OPER_LOWERLAYERDOWN
		}
		return uapi.IF_OPER_DOWN
	case st&stateDormant != 0:
		return uapi.IF_OPER_DORMANT
	}
	return uapi.IF_OPER_UP
}

// setOperState follows a user's IFLA_OPERSTATE: only DORMANT, TESTING and UP
// can be asked for (set_operstate).
func (d *Device) setOperState(want int) {
	old := d.OperState()
	state := old
	switch want {
	case uapi.IF_OPER_UP:
		if old == uapi.IF_OPER_DORMANT || old == uapi.IF_OPER_TESTING || old == uapi.IF_OPER_UNKNOWN {
			state = uapi.IF_OPER_UP
		}
	case uapi.IF_OPER_TESTING, uapi.IF_OPER_DORMANT:
		if old == uapi.IF_OPER_UP || old == uapi.IF_OPER_UNKNOWN {
			state = want
		}
	}
	if state != old {
		d.operstate.Store(uint32(state))
		d.stateChange()
	}
}
