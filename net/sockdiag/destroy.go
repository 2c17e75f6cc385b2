package sockdiag

import (
	"linen/kern"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
)

// destroyGroup returns the group that hears of destroyed sockets of a protocol;
// 0: none does (sock_diag_destroy_group).
func destroyGroup(family, protocol int) int {
	switch {
	case family == uapi.AF_INET && protocol == uapi.IPPROTO_TCP:
		return uapi.SKNLGRP_INET_TCP_DESTROY
	case family == uapi.AF_INET && protocol == uapi.IPPROTO_UDP:
		return uapi.SKNLGRP_INET_UDP_DESTROY
	case family == uapi.AF_INET6 && protocol == uapi.IPPROTO_TCP:
		return uapi.SKNLGRP_INET6_TCP_DESTROY
	case family == uapi.AF_INET6 && protocol == uapi.IPPROTO_UDP:
		return uapi.SKNLGRP_INET6_UDP_DESTROY
	}
	return 0
}

// Mourned reports whether somebody listens to the end of sockets of a protocol in
// n, such as `ss -E` (sock_diag_has_destroy_listeners). A namespace without
// sock_diag (a test's) has nobody.
func Mourned(n *netns.Net, family, protocol int) bool {
	g := destroyGroup(family, protocol)
	return g != 0 && key.Of(n) != nil && netlink.Listening(n, uapi.NETLINK_SOCK_DIAG, g)
}

// Destroyed tells them of the end of the socket that d describes; info is what the
// protocol answers to INET_DIAG_INFO, or empty (sock_diag_broadcast_destroy,
// inet_diag_handler_get_info). c is the CPU that the caller is on, or nil.
func Destroyed(c *kern.CPU, n *netns.Net, protocol int, d *Inet, info []byte) {
	m := netlink.NewMsg(uapi.SOCK_DIAG_BY_FAMILY, 0)
	v := d.InetDiagMsg
	v.Timer, v.Retrans, v.Expires, v.Inode = 0, 0, 0, 0
	v.Put(m.Grow(uapi.SizeofInetDiagMsg))
	m.U8(uapi.INET_DIAG_PROTOCOL, uint8(protocol))
	if len(info) > 0 {
		m.Attr(uapi.INET_DIAG_INFO, info)
	}
	netlink.Notify(c, n, uapi.NETLINK_SOCK_DIAG, destroyGroup(int(d.Family), protocol), m, nil)
}
