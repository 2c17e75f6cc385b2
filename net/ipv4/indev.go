package ipv4

import (
	"sync/atomic"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/sysctl"
	"linen/uapi"
)

// An InDevice is what IPv4 knows of a device (struct in_device): its addresses
// and its settings. A device has one from its registration on, as long as its
// MTU is at least 68.
type InDevice struct {
	st     *state
	dev    *dev.Device
	conf   *sysctl.Group
	addrs  atomic.Pointer[[]*IfAddr]
	joined map[uint32]*Membership // groups of addresses with IFA_F_MCAUTOJOIN
	dead   bool                   // the device is going: addresses go one by one, without succession
	set    atomic.Uint64          // settings that no longer follow "default", by Conf
}

// minMTU is the smallest MTU with which a device speaks IPv4 (RFC 791).
const minMTU = 68

// inDev is the slot of the devices.
var inDev = dev.NewKey[InDevice]("ipv4")

// InDev returns d's InDevice, or nil: for its caller a device without IPv4.
func InDev(d *dev.Device) *InDevice { return inDev.Of(d) }

// Dev returns the device.
func (in *InDevice) Dev() *dev.Device { return in.dev }

// Addrs returns the device's addresses in the order of `ip address`; the
// caller changes neither the list nor what is in it.
func (in *InDevice) Addrs() []*IfAddr {
	if p := in.addrs.Load(); p != nil {
		return *p
	}
	return nil
}

// An IfAddr is one address of a device (struct in_ifaddr). It does not change:
// a change puts another in its place.
type IfAddr struct {
	in        *InDevice
	Local     uint32 // our address
	Address   uint32 // the same, or the peer's
	Broadcast uint32 // 0: none
	Flags     uint32 // IFA_F_*
	Priority  uint32 // metric of the prefix route (IFA_RT_PRIORITY)
	PrefixLen uint8
	Scope     uint8  // RT_SCOPE_*
	Proto     uint8  // IFAPROT_*
	Label     string // the device's name, perhaps with ":" and a suffix
	valid     uint32 // lifetimes, seconds; lifeForever: for ever
	preferred uint32
	created   ktime.T
	updated   ktime.T // the lifetimes count from here
}

// lifeForever is a lifetime without end (INFINITY_LIFE_TIME).
const lifeForever = 0xffffffff

// Dev returns the device that has the address.
func (a *IfAddr) Dev() *dev.Device { return a.in.dev }

// Secondary reports whether another address of the same subnet came first.
func (a *IfAddr) Secondary() bool { return a.Flags&uapi.IFA_F_SECONDARY != 0 }

// holds reports whether addr is in the address's subnet (inet_ifa_match).
func (a *IfAddr) holds(addr uint32) bool { return (addr^a.Address)&mask(a.PrefixLen) == 0 }

// sameSubnet reports whether both addresses have one subnet.
func (a *IfAddr) sameSubnet(o *IfAddr) bool { return a.PrefixLen == o.PrefixLen && a.holds(o.Address) }

// network returns the first address of the subnet.
func (a *IfAddr) network() uint32 { return a.Address & mask(a.PrefixLen) }

// primaryOf returns the device's primary address of a subnet, or nil.
func (in *InDevice) primaryOf(a *IfAddr) *IfAddr {
	for _, o := range in.Addrs() {
		if !o.Secondary() && o.PrefixLen == a.PrefixLen && o.holds(a.network()) {
			return o
		}
	}
	return nil
}

// OnLink reports whether a and b are both in a subnet of the device
// (inet_addr_onlink); b 0 is any.
func (in *InDevice) OnLink(a, b uint32) bool {
	for _, o := range in.Addrs() {
		if !o.Secondary() && o.holds(a) && (b == 0 || o.holds(b)) {
			return true
		}
	}
	return false
}

// Conf returns the device's own value of a setting.
func (in *InDevice) Conf(c Conf) int { return int(in.conf.Load(int(c))) }

// all returns the value of a setting in net/ipv4/conf/all.
func (in *InDevice) all(c Conf) int { return int(in.st.confAll.Load(int(c))) }

// and, or and max combine the device's value with that of "all"; which of them
// a setting uses is part of its meaning (ip-sysctl).
func (in *InDevice) and(c Conf) bool { return in.conf.Bool(int(c)) && in.st.confAll.Bool(int(c)) }
func (in *InDevice) or(c Conf) bool  { return in.conf.Bool(int(c)) || in.st.confAll.Bool(int(c)) }
func (in *InDevice) max(c Conf) int  { return max(in.Conf(c), in.all(c)) }

// Forwarding reports whether packets that come in by the device are forwarded.
func (in *InDevice) Forwarding() bool { return in.conf.Bool(int(ConfForwarding)) }

// McForwarding reports whether multicast is forwarded.
func (in *InDevice) McForwarding() bool { return in.and(ConfMcForwarding) }

// BcForwarding reports whether directed broadcasts are forwarded.
func (in *InDevice) BcForwarding() bool { return in.and(ConfBcForwarding) }

// RPFilter returns the reverse path filter: 0 off, 1 strict, 2 loose (RFC 3704).
func (in *InDevice) RPFilter() int { return in.max(ConfRPFilter) }

// SrcValidMark reports whether the reverse path filter looks at the mark.
func (in *InDevice) SrcValidMark() bool { return in.or(ConfSrcVMark) }

// AcceptLocal reports whether packets from our own addresses are taken.
func (in *InDevice) AcceptLocal() bool { return in.or(ConfAcceptLocal) }

// RouteLocalnet reports whether 127/8 is routed like other addresses.
func (in *InDevice) RouteLocalnet() bool { return in.or(ConfRouteLocalnet) }

// AcceptSourceRoute reports whether source routed packets are taken.
func (in *InDevice) AcceptSourceRoute() bool { return in.and(ConfAcceptSourceRoute) }

// AcceptRedirects reports whether ICMP redirects are believed: routers need it
// in both places, hosts in one.
func (in *InDevice) AcceptRedirects() bool {
	if in.Forwarding() {
		return in.and(ConfAcceptRedirects)
	}
	return in.or(ConfAcceptRedirects)
}

// SecureRedirects reports whether redirects must name a known default gateway.
func (in *InDevice) SecureRedirects() bool { return in.or(ConfSecureRedirects) }

// SendRedirects reports whether redirects are sent.
func (in *InDevice) SendRedirects() bool { return in.or(ConfSendRedirects) }

// SharedMedia reports whether several subnets share the link.
func (in *InDevice) SharedMedia() bool { return in.or(ConfSharedMedia) }

// LogMartians reports whether impossible addresses are logged.
func (in *InDevice) LogMartians() bool { return in.or(ConfLogMartians) }

// ProxyARP reports whether ARP answers for what is reached by other devices.
func (in *InDevice) ProxyARP() bool { return in.or(ConfProxyARP) }

// ProxyARPPvlan reports whether it also answers back to the same device.
func (in *InDevice) ProxyARPPvlan() bool { return in.conf.Bool(int(ConfProxyARPPvlan)) }

// ARPFilter reports whether ARP answers only by the device that routes lead to.
func (in *InDevice) ARPFilter() bool { return in.or(ConfARPFilter) }

// ARPAnnounce returns which source address ARP requests carry, 0 to 2.
func (in *InDevice) ARPAnnounce() int { return in.max(ConfARPAnnounce) }

// ARPIgnore returns which ARP requests are not answered, 0 to 8.
func (in *InDevice) ARPIgnore() int { return in.max(ConfARPIgnore) }

// ARPAccept returns whether gratuitous ARP makes entries: 0 no, 1 yes, 2 in
// the subnet.
func (in *InDevice) ARPAccept() int { return in.max(ConfARPAccept) }

// ARPNotify reports whether the device announces its addresses.
func (in *InDevice) ARPNotify() bool { return in.or(ConfARPNotify) }

// ARPEvictNocarrier reports whether losing the carrier clears the ARP cache.
func (in *InDevice) ARPEvictNocarrier() bool { return in.and(ConfARPEvictNocarrier) }

// MediumID returns the id of the medium for proxy ARP, -1: answer all.
func (in *InDevice) MediumID() int { return in.Conf(ConfMediumID) }

// DropGratuitousARP reports whether gratuitous ARP is ignored.
func (in *InDevice) DropGratuitousARP() bool { return in.or(ConfDropGratuitousARP) }

// DropUnicastInL2Multicast reports whether unicast packets in multicast frames
// are dropped.
func (in *InDevice) DropUnicastInL2Multicast() bool { return in.or(ConfDropUnicastInL2Multicast) }

// promoteSecondaries reports whether a secondary address succeeds its primary.
func (in *InDevice) promoteSecondaries() bool { return in.or(ConfPromoteSecondaries) }

// IgnoresLinkdown reports whether routes by the device do not count while it has
// no carrier.
func (in *InDevice) IgnoresLinkdown() bool { return in.or(ConfIgnoreRoutesWithLinkdown) }

// ignoresLinkdown reports whether routes by d without carrier are not used.
func ignoresLinkdown(d *dev.Device) bool {
	in := InDev(d)
	return in != nil && in.IgnoresLinkdown()
}

// isMember reports whether the device takes packets of a multicast group; all
// hosts are in 224.0.0.1 (RFC 1112 §4).
func (in *InDevice) isMember(group, src uint32) bool {
	const allHosts = 0xe0000001
	if group == allHosts {
		return true
	}
	return in.st.data.isMember != nil && in.st.data.isMember(in.dev, group, src)
}

// now returns the time on the CPU c, or the Kernel's off a CPU.
func (st *state) now(c *kern.CPU) ktime.T {
	if c != nil {
		return c.Now()
	}
	return st.n.Kernel().Now()
}
