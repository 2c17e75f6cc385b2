package ipv4

import (
	"sync/atomic"

	"linen/net/netns"
	"linen/net/skb"
)

// A Conf is one per-device setting, a file of net/ipv4/conf/DEV; its number is
// the kernel's IPV4_DEVCONF_* (linux/ip.h), as IFLA_INET_CONF orders them.
type Conf uint8

// The settings.
const (
	ConfForwarding Conf = 1 + iota
	ConfMcForwarding
	ConfProxyARP
	ConfAcceptRedirects
	ConfSecureRedirects
	ConfSendRedirects
	ConfSharedMedia
	ConfRPFilter
	ConfAcceptSourceRoute
	ConfBootpRelay
	ConfLogMartians
	ConfTag
	ConfARPFilter
	ConfMediumID
	ConfNoXfrm   // disable_xfrm
	ConfNoPolicy // disable_policy
	ConfForceIGMPVersion
	ConfARPAnnounce
	ConfARPIgnore
	ConfPromoteSecondaries
	ConfARPAccept
	ConfARPNotify
	ConfAcceptLocal
	ConfSrcVMark // src_valid_mark
	ConfProxyARPPvlan
	ConfRouteLocalnet
	ConfIGMPv2UnsolicitedReportInterval // milliseconds
	ConfIGMPv3UnsolicitedReportInterval // milliseconds
	ConfIgnoreRoutesWithLinkdown
	ConfDropUnicastInL2Multicast
	ConfDropGratuitousARP
	ConfBcForwarding
	ConfARPEvictNocarrier

	numConf = iota + 1
)

// confTable holds the settings of one device, of "all" or of "default".
type confTable [numConf]atomic.Int64

// An InDevice is what IPv4 knows of a device (struct in_device). It exists
// from the device's registration on, as long as its MTU is at least 68.
type InDevice struct {
	st   *state
	dev  skb.Device
	conf confTable
}

// InDev returns d's InDevice, or nil.
func InDev(d skb.Device) *InDevice { return nil }

// Conf returns the device's own value of a setting.
func (in *InDevice) Conf(c Conf) int { return int(in.conf[c].Load()) }

// AddrType returns the type of an address (RTN_LOCAL, RTN_BROADCAST,
// RTN_MULTICAST, RTN_UNICAST, ...) by the local table (inet_addr_type).
func AddrType(n *netns.Net, addr uint32) uint8 { return 0 }

// IsLocal reports whether addr is an address of a device of n
// (__ip_dev_find): one hash lookup. Addresses of local routes do not count.
func IsLocal(n *netns.Net, addr uint32) bool { return false }

// SelectSource returns the source address for a destination seen from d: the
// first address of a scope up to scope, preferring one whose subnet holds dst;
// 0 when there is none (inet_select_addr).
func SelectSource(d skb.Device, dst uint32, scope uint8) uint32 { return 0 }
