package linen

import (
	"linen/drivers/net/dummy"
	"linen/drivers/net/loopback"
	"linen/drivers/net/tun"
	"linen/drivers/net/veth"
	"linen/drivers/net/vrf"
	"linen/net/afnetlink"
	"linen/net/bridge"
	"linen/net/dev"
	"linen/net/ethtool"
	"linen/net/fibrules"
	"linen/net/genl"
	"linen/net/inet"
	"linen/net/iptunnel"
	"linen/net/ipv4"
	"linen/net/klog"
	"linen/net/mib"
	"linen/net/mroute"
	"linen/net/neigh"
	"linen/net/netfilter"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/packet"
	"linen/net/ping"
	"linen/net/procfs"
	"linen/net/raw"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sockdiag"
	"linen/net/sysctl"
	"linen/net/tcp"
	"linen/net/udp"
)

// Subsystems returns the parts of a namespace, in the order in which they are
// made: what others register with comes first, devices come last, so that
// everybody hears of them. A namespace closes in the reverse order.
func Subsystems() []netns.Subsys {
	return []netns.Subsys{
		klog.Pernet(),
		skb.Pernet(),
		netfilter.Pernet(),
		mib.Pernet(),
		sysctl.Pernet(),
		procfs.Pernet(),
		netlink.Pernet(),
		rtnl.Pernet(),
		genl.Pernet(),
		dev.Pernet(),
		ethtool.Pernet(),
		sock.Pernet(),
		afnetlink.Pernet(),
		sockdiag.Pernet(),
		packet.Pernet(),
		fibrules.Pernet(),
		neigh.Pernet(),
		ipv4.Pernet(),
		inet.Pernet(),
		mroute.Pernet(),
		iptunnel.Pernet(),
		tcp.Pernet(),
		udp.Pernet(),
		raw.Pernet(),
		ping.Pernet(),
		bridge.Pernet(),
		veth.Pernet(),
		dummy.Pernet(),
		tun.Pernet(),
		vrf.Pernet(),
		loopback.Pernet(),
		dev.PernetDevices(),
	}
}
