package main

import (
	"context"
	"net/netip"

	"linen"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
)

// neighbour adds a permanent neighbour: `ip neigh add ADDR lladdr MAC dev DEV`.
func neighbour(n *linen.Net, name, addr string, mac []byte) {
	m := netlink.NewMsg(uapi.RTM_NEWNEIGH, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE|uapi.NLM_F_REPLACE)
	h := uapi.NdMsg{Family: uapi.AF_INET, Ifindex: int32(dev.ByName(n.Namespace(), name).Ifindex()), State: uapi.NUD_PERMANENT}
	m.Put(h.Append(nil))
	m.Addr(uapi.NDA_DST, netip.MustParseAddr(addr))
	m.Attr(uapi.NDA_LLADDR, mac)
	c := must(n.Netlink(uapi.NETLINK_ROUTE))
	defer c.Close()
	check(c.Send(m.Bytes()))
	must(c.Receive(context.Background()))
}
