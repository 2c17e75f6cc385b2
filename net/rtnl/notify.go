package rtnl

import (
	"linen/kern"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
)

// Listening reports whether a notification to a group (RTNLGRP_*) has a
// reader, or r asks for an echo; otherwise it need not be built.
func Listening(n *netns.Net, group int, r *netlink.Request) bool {
	return r != nil && r.Has(uapi.NLM_F_ECHO) || netlink.Listening(n, uapi.NETLINK_ROUTE, group)
}

// Notify sends the finished m to the group (RTNLGRP_*) of n. The request r that
// caused the change gives its port and sequence number to the message; nil: the
// kernel's own doing, 0 and 0. With NLM_F_ECHO the requester gets it by
// unicast, once. The caller is on no CPU; it may hold the RTNL.
func Notify(n *netns.Net, group int, m *netlink.Msg, r *netlink.Request) {
	netlink.Notify(nil, n, uapi.NETLINK_ROUTE, group, m, r)
}

// NotifyOn is Notify without a request for code on the CPU c.
func NotifyOn(c *kern.CPU, n *netns.Net, group int, m *netlink.Msg) {
	netlink.Notify(c, n, uapi.NETLINK_ROUTE, group, m, nil)
}
