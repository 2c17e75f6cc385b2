package ipv4

import (
	"linen/net/dev"
	"linen/net/l3mdev"
	"linen/net/netns"
	"linen/uapi"
)

// Special addresses.
const (
	addrAny       = 0
	addrLoopback  = 0x7f000001
	addrBroadcast = 0xffffffff
)

func isLoopback(a uint32) bool     { return a>>24 == 127 }
func isMulticast(a uint32) bool    { return a>>28 == 0xe }
func isLocalMcast(a uint32) bool   { return a>>8 == 0xe00000 } // 224.0.0.0/24
func isZeroNet(a uint32) bool      { return a == 0 }           // 0.0.0.0/32 only, since Linux 5.3
func isLimitedBcast(a uint32) bool { return a == addrBroadcast }

// AddrType returns the type of an address by the local table (inet_addr_type):
// RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST or, when it is none of ours,
// RTN_UNICAST.
func AddrType(n *netns.Net, addr uint32) uint8 { return of(n).addrType(addr, nil, nil) }

// AddrTypeIn is AddrType for a socket bound to the device with an index, 0:
// none. In a VRF its table says what is ours (inet_addr_type_table).
func AddrTypeIn(n *netns.Net, index int, addr uint32) uint8 { return of(n).addrTypeIn(index, addr) }

// AddrTypeDev is AddrType for the addresses of d alone (inet_addr_type_dev_table):
// what another device has is RTN_UNICAST.
func AddrTypeDev(n *netns.Net, d *dev.Device, addr uint32) uint8 {
	return of(n).addrType(addr, d, nil)
}

// addrType looks addr up in t, nil meaning the local table; only routes of d
// count, unless it is nil.
func (st *state) addrType(addr uint32, d *dev.Device, t *table) uint8 {
	if isZeroNet(addr) || isLimitedBcast(addr) {
		return uapi.RTN_BROADCAST
	}
	if isMulticast(addr) {
		return uapi.RTN_MULTICAST
	}
	if t == nil {
		t = st.local.Load()
	}
	if t == nil {
		return uapi.RTN_BROADCAST
	}
	f := Flow{Daddr: addr}
	var res result
	if st.lookupTable(t, &f, &res, 0) == 0 && (d == nil || res.nh.dev == d) {
		return res.typ()
	}
	return uapi.RTN_UNICAST
}

// IsLocal reports whether addr is an address of a device of n or, like those
// of 127.0.0.0/8, of its local table (__ip_dev_find).
func IsLocal(n *netns.Net, addr uint32) bool {
	st := of(n)
	return st.addrs.get(addr) != nil || st.localRouteDev(addr) != nil
}

// DeviceOf returns the device that has the address, or nil (ip_dev_find).
func DeviceOf(n *netns.Net, addr uint32) *dev.Device {
	st := of(n)
	if a := st.addrs.get(addr); a != nil {
		return a.in.dev
	}
	return st.localRouteDev(addr)
}

// localRouteDev returns the device of the local route for addr, or nil.
func (st *state) localRouteDev(addr uint32) *dev.Device {
	t := st.local.Load()
	if t == nil {
		return nil
	}
	f := Flow{Daddr: addr}
	var res result
	if st.lookupTable(t, &f, &res, 0) == 0 && res.typ() == uapi.RTN_LOCAL {
		return res.nh.dev
	}
	return nil
}

// SelectSource returns a source address for dst seen from d, whose scope is at
// most scope: d's first primary address, preferring one whose subnet holds
// dst, else an address of another device; 0 when there is none
// (inet_select_addr).
func SelectSource(d *dev.Device, dst uint32, scope uint8) uint32 {
	if in := InDev(d); in != nil {
		if a := in.selectAddr(dst, scope); a != 0 {
			return a
		}
	}
	st := of(d.Net())
	if st == nil {
		return 0
	}
	vrf := l3mdev.Master(d)
	if vrf != nil && vrf != d { // what lo is elsewhere
		if in := InDev(vrf); in != nil {
			if a := in.firstForOthers(scope); a != 0 {
				return a
			}
		}
	}
	for _, o := range dev.List(st.n) {
		if in := InDev(o); in != nil && l3mdev.Master(o) == vrf {
			if a := in.firstForOthers(scope); a != 0 {
				return a
			}
		}
	}
	return 0
}

// selectAddr is SelectSource for one device.
func (in *InDevice) selectAddr(dst uint32, scope uint8) uint32 {
	first, narrowest := uint32(0), uint8(uapi.RT_SCOPE_HOST)
	if in.RouteLocalnet() {
		narrowest = uapi.RT_SCOPE_LINK // the host's own addresses may leave it
	}
	for _, a := range in.Addrs() {
		if a.Flags&uapi.IFA_F_SECONDARY != 0 || min(a.Scope, narrowest) > scope {
			continue
		}
		if dst == 0 || a.holds(dst) {
			return a.Local
		}
		if first == 0 {
			first = a.Local
		}
	}
	return first
}

// firstForOthers returns the first primary address that may be used on another
// device: of no narrower scope than link.
func (in *InDevice) firstForOthers(scope uint8) uint32 {
	for _, a := range in.Addrs() {
		if a.Flags&uapi.IFA_F_SECONDARY == 0 && a.Scope != uapi.RT_SCOPE_LINK && a.Scope <= scope {
			return a.Local
		}
	}
	return 0
}
