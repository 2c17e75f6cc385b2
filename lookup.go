package linen

import (
	"context"
	"encoding/binary"
	"net/netip"
	"time"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
)

// A Flow is what a route is looked up for: a packet's destination, and what
// else of it policy rules and multipath look at. Zero fields are as if `ip
// route get` were given without them.
type Flow struct {
	Dst     netip.Addr // the destination
	Src     netip.Addr // the source; needed with In
	In      string     // the interface it came in by; "": the Net sends it itself
	Out     string     // the interface it must leave by, as with SO_BINDTODEVICE
	TOS     uint8      // the TOS byte, without its ECN bits
	Mark    uint32     // fwmark, as with SO_MARK
	UID     uint32     // who sends it; a packet that came in is root's
	Proto   uint8      // IPPROTO_TCP, IPPROTO_UDP (0 is this, too) or IPPROTO_ICMP
	SrcPort uint16
	DstPort uint16
}

// A RouteType says what a route does with packets (RTN_*).
type RouteType uint8

// The types that a lookup finds. Those that refuse packets (unreachable,
// prohibit, blackhole) are errors of Lookup.
const (
	RouteUnicast   RouteType = uapi.RTN_UNICAST   // by a gateway or to the link
	RouteLocal     RouteType = uapi.RTN_LOCAL     // to this Net
	RouteBroadcast RouteType = uapi.RTN_BROADCAST // to all on the link
	RouteMulticast RouteType = uapi.RTN_MULTICAST // to a group
)

// String returns the type as `ip route` spells it.
func (t RouteType) String() string {
	switch t {
	case RouteUnicast:
		return "unicast"
	case RouteLocal:
		return "local"
	case RouteBroadcast:
		return "broadcast"
	case RouteMulticast:
		return "multicast"
	}
	return "unknown"
}

// A Found is the answer of a route lookup: where a packet goes, and which route
// said so.
type Found struct {
	Type    RouteType
	Table   int          // the routing table that had the route: 254 main, which has the local routes, too, until the first rule is added; 255 local; 0: no route was needed
	Prefix  netip.Prefix // the route's destination; the zero Prefix when no route was needed (limited broadcast, groups of the link)
	Metric  int          // the route's
	Gateway netip.Addr   // the next hop; the zero Addr: the destination itself
	Dev     string       // the interface it leaves by; "lo" for what stays here
	Src     netip.Addr   // the source address that a packet without one gets; not with Flow.In
	MTU     int          // bytes of the largest packet: of the path where something was learned, else of the route or the device

	Redirected bool          // by an ICMP redirect that holds now
	Expires    time.Duration // until what was learned (redirect, path MTU) ends; 0: nothing was
}

// Lookup asks the rules and tables where a packet goes: `ip route get`. The
// errors are the kernel's: ENETUNREACH no route, EHOSTUNREACH an unreachable
// one (or a host that does not forward), EACCES prohibited, EINVAL a blackhole
// or a source that the reverse path filter refuses, ENODEV no such interface.
//
// To follow changes, join RTNLGRP_IPV4_ROUTE on a socket of [Net.Netlink]; to
// add routes in bulk, put many RTM_NEWROUTE into one [NetlinkConn.Send].
func (n *Net) Lookup(f Flow) (Found, error) {
	op := "route get " + f.Dst.String()
	answer, err := n.getRoute(f, uapi.RTM_F_LOOKUP_TABLE)
	if err != nil {
		return Found{}, opError(op, err)
	}
	found := n.parseFound(answer)
	answer, err = n.getRoute(f, uapi.RTM_F_LOOKUP_TABLE|uapi.RTM_F_FIB_MATCH)
	if err != nil {
		return found, nil // no route was needed
	}
	h, ok := uapi.ParseRtMsg(answer)
	if !ok {
		return found, nil
	}
	dst := netip.IPv4Unspecified()
	netlink.EachAttr(answer[uapi.SizeofRtMsg:], func(a netlink.Attr) bool {
		switch a.Type() {
		case uapi.RTA_DST:
			dst = a.Addr()
		case uapi.RTA_PRIORITY:
			found.Metric = int(a.U32())
		}
		return true
	})
	found.Prefix = netip.PrefixFrom(dst, int(h.DstLen))
	return found, nil
}

// getRoute asks with RTM_GETROUTE and returns the answer behind its header.
func (n *Net) getRoute(f Flow, flags uint32) ([]byte, error) {
	m := netlink.NewMsg(uapi.RTM_GETROUTE, uapi.NLM_F_REQUEST)
	h := uapi.RtMsg{Family: familyOf(f.Dst), DstLen: uint8(f.Dst.BitLen()), TOS: f.TOS, Flags: flags}
	if f.Src.IsValid() {
		h.SrcLen = uint8(f.Src.BitLen())
	}
	m.Put((&h).Append(nil))
	m.Addr(uapi.RTA_DST, f.Dst)
	if f.Src.IsValid() {
		m.Addr(uapi.RTA_SRC, f.Src)
	}
	for _, by := range []struct {
		typ  uint16
		name string
	}{{uapi.RTA_IIF, f.In}, {uapi.RTA_OIF, f.Out}} {
		if by.name == "" {
			continue
		}
		index, err := n.index(by.name)
		if err != nil {
			return nil, err
		}
		m.U32(by.typ, uint32(index))
	}
	if f.Mark != 0 {
		m.U32(uapi.RTA_MARK, f.Mark)
	}
	if f.In == "" {
		m.U32(uapi.RTA_UID, f.UID)
	}
	if f.Proto != 0 {
		m.U8(uapi.RTA_IP_PROTO, f.Proto)
	}
	if f.SrcPort != 0 {
		m.BE16(uapi.RTA_SPORT, f.SrcPort)
	}
	if f.DstPort != 0 {
		m.BE16(uapi.RTA_DPORT, f.DstPort)
	}
	return n.ask(m)
}

// ask sends a message and returns the one that answers it, behind its header.
func (n *Net) ask(m *netlink.Msg) ([]byte, error) {
	c, err := n.Netlink(uapi.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.Send(m.Bytes()); err != nil {
		return nil, err
	}
	reply, err := c.Receive(context.Background())
	if err != nil {
		return nil, err
	}
	if h, ok := uapi.ParseNlMsghdr(reply); !ok || h.Type == uapi.NLMSG_ERROR {
		return nil, ackError(reply)
	}
	return reply[uapi.SizeofNlMsghdr:], nil
}

// parseFound reads an RTM_NEWROUTE that answers a lookup.
func (n *Net) parseFound(answer []byte) (found Found) {
	h, ok := uapi.ParseRtMsg(answer)
	if !ok {
		return found
	}
	found.Type, found.Redirected = RouteType(h.Type), h.Flags&rtcfRedirected != 0
	netlink.EachAttr(answer[uapi.SizeofRtMsg:], func(a netlink.Attr) bool {
		switch a.Type() {
		case uapi.RTA_TABLE:
			found.Table = int(a.U32())
		case uapi.RTA_GATEWAY:
			found.Gateway = a.Addr()
		case uapi.RTA_VIA: // a family and an address of it
			found.Gateway, _ = netip.AddrFromSlice(a.Bytes()[min(2, a.Len()):])
		case uapi.RTA_PREFSRC:
			found.Src = a.Addr()
		case uapi.RTA_OIF:
			if d := dev.ByIndex(n.ns, int(a.U32())); d != nil {
				found.Dev, found.MTU = d.Name(), min(d.MTU(), 0xffff)
			}
		case uapi.RTA_METRICS:
			a.Each(func(a netlink.Attr) bool {
				if a.Type() == uapi.RTAX_MTU {
					found.MTU = int(a.U32())
				}
				return true
			})
		case uapi.RTA_CACHEINFO: // hundredths of a second at 8 (struct rta_cacheinfo)
			if p := a.Bytes(); len(p) >= 12 {
				found.Expires = time.Duration(binary.NativeEndian.Uint32(p[8:])) * 10 * time.Millisecond
			}
		}
		return true
	})
	return found
}

// rtcfRedirected marks what an ICMP redirect gave (RTCF_REDIRECTED).
const rtcfRedirected = 0x00040000
