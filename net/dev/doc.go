// Package dev is the network device: struct net_device, the table of a
// namespace's devices, their notifier chain, and the paths by which frames
// enter and leave the stack.
//
// A driver makes a [Device] with [New], fills its exported fields (a setup
// function such as ethernet.Setup does most of it) and calls [Register] under
// the namespace's RTNL. From then on the control plane changes it through
// functions that hold the RTNL and announce each change to the [Chain]; the
// data path reads it without locks.
//
// A received frame takes this way:
//
//	driver -> ethernet.TypeTrans -> Rx: backlog of the CPU -> GRO -> Receive:
//	  taps (ETH_P_ALL) -> ingress -> VLAN -> rx_handler of a master ->
//	  packet types of the device, then of the namespace, by EtherType
//
// and a sent one:
//
//	Xmit -> egress -> queueing discipline, or at once: checksum and
//	  segmentation as the device's features ask -> taps -> Ops.Xmit
//
// Ops.Xmit never calls Receive: software devices hand frames on with Rx, to
// the backlog of the CPU they run on.
//
// Linux files: net/core/dev.c, net/core/dev_addr_lists.c, net/core/dev_ioctl.c,
// net/core/link_watch.c, net/core/net-procfs.c, net/core/net-sysfs.c,
// net/core/rtnetlink.c (links), net/core/gso.c, include/linux/netdevice.h.
// RFCs: 2863 (operational state). Not done: XDP, XPS
// and RFS, threaded NAPI, offloads of hardware.
package dev
