package dev

// The Set* functions here are for drivers, between New and Register.

// SetInitialMTU sets the MTU in bytes.
func (d *Device) SetInitialMTU(mtu int) { d.mtu.Store(int32(mtu)) }

// SetInitialTxQueueLen sets the queue length in packets.
func (d *Device) SetInitialTxQueueLen(n int) { d.txqlen.Store(int32(n)) }

// SetInitialFlags sets the flags, IFF_*.
func (d *Device) SetInitialFlags(f uint32) { d.flags.Store(f) }

// SetInitialAddr sets the hardware address and how it came about (AddrPerm,
// AddrRandom ...).
func (d *Device) SetInitialAddr(addr []byte, assign uint8) {
	storeBytes(&d.addr, addr)
	d.addrAssign.Store(uint32(assign))
	if assign == AddrPerm {
		storeBytes(&d.perm, addr)
	}
}

// SetInitialBroadcast sets the broadcast address.
func (d *Device) SetInitialBroadcast(addr []byte) { storeBytes(&d.bcast, addr) }

// SetInitialFeatures sets the offloads that are on.
func (d *Device) SetInitialFeatures(f Features) {
	d.features.Store(uint64(f))
	d.wanted = f
}

// SetInitialCarrier says whether the link is there.
func (d *Device) SetInitialCarrier(on bool) { d.setState(stateNoCarrier, !on) }

// setState sets or clears bits of the state and reports whether that changed
// anything.
func (d *Device) setState(bits uint32, on bool) bool {
	if on {
		return d.state.Or(bits)&bits != bits
	}
	return d.state.And(^bits)&bits != 0
}
