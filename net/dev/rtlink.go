package dev

import (
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// handleLinks registers the messages of links.
func handleLinks(n *netns.Net) {
	t := rtnl.Of(n)
	t.Handle(uapi.RTM_GETLINK, uapi.AF_UNSPEC, rtnl.Handler{Do: getLink, Dump: dumpLinks, SplitDone: true})
	t.Handle(uapi.RTM_GETLINK, uapi.AF_BRIDGE, rtnl.Handler{Dump: dumpBridgeLinks})
	t.Handle(uapi.RTM_SETLINK, uapi.AF_UNSPEC, rtnl.Handler{Do: setLink, Nets: setLinkNets})
	t.Handle(uapi.RTM_NEWLINK, uapi.AF_UNSPEC, rtnl.Handler{Do: newLink, Nets: newLinkNets})
	t.Handle(uapi.RTM_DELLINK, uapi.AF_UNSPEC, rtnl.Handler{Do: delLink, DoUnlocked: true})
	t.Handle(uapi.RTM_NEWLINKPROP, uapi.AF_UNSPEC, rtnl.Handler{Do: func(r *netlink.Request) error { return linkProp(r, AddAltName) }})
	t.Handle(uapi.RTM_DELLINKPROP, uapi.AF_UNSPEC, rtnl.Handler{Do: func(r *netlink.Request) error { return linkProp(r, DelAltName) }})
}

// maxAddrLen is the longest hardware address (MAX_ADDR_LEN).
const maxAddrLen = 32

// linkPolicy is the policy of IFLA_* (ifla_policy). Nobody changes it.
var linkPolicy = netlink.Policy{
	uapi.IFLA_IFNAME:             netlink.String(maxName),
	uapi.IFLA_ADDRESS:            netlink.Binary(maxAddrLen),
	uapi.IFLA_BROADCAST:          netlink.Binary(maxAddrLen),
	uapi.IFLA_MAP:                netlink.Struct(32),
	uapi.IFLA_MTU:                netlink.U32(),
	uapi.IFLA_LINK:               netlink.U32(),
	uapi.IFLA_MASTER:             netlink.U32(),
	uapi.IFLA_CARRIER:            netlink.U8(),
	uapi.IFLA_TXQLEN:             netlink.U32(),
	uapi.IFLA_WEIGHT:             netlink.U32(),
	uapi.IFLA_OPERSTATE:          netlink.U8(),
	uapi.IFLA_LINKMODE:           netlink.U8(),
	uapi.IFLA_LINKINFO:           netlink.Nested(nil),
	uapi.IFLA_NET_NS_PID:         netlink.U32(),
	uapi.IFLA_NET_NS_FD:          netlink.U32(),
	uapi.IFLA_IFALIAS:            netlink.Binary(uapi.IFALIASZ - 1),
	uapi.IFLA_VFINFO_LIST:        netlink.Nested(nil),
	uapi.IFLA_VF_PORTS:           netlink.Nested(nil),
	uapi.IFLA_PORT_SELF:          netlink.Nested(nil),
	uapi.IFLA_AF_SPEC:            netlink.Nested(nil),
	uapi.IFLA_EXT_MASK:           netlink.U32(),
	uapi.IFLA_PROMISCUITY:        netlink.U32(),
	uapi.IFLA_NUM_TX_QUEUES:      netlink.U32(),
	uapi.IFLA_NUM_RX_QUEUES:      netlink.U32(),
	uapi.IFLA_GSO_MAX_SEGS:       netlink.U32(),
	uapi.IFLA_GSO_MAX_SIZE:       netlink.U32(),
	uapi.IFLA_PHYS_PORT_ID:       netlink.Binary(maxAddrLen),
	uapi.IFLA_CARRIER_CHANGES:    netlink.U32(),
	uapi.IFLA_PHYS_SWITCH_ID:     netlink.Binary(maxAddrLen),
	uapi.IFLA_LINK_NETNSID:       netlink.S32(),
	uapi.IFLA_PROTO_DOWN:         netlink.U8(),
	uapi.IFLA_XDP:                netlink.Nested(nil),
	uapi.IFLA_EVENT:              netlink.U32(),
	uapi.IFLA_GROUP:              netlink.U32(),
	uapi.IFLA_TARGET_NETNSID:     netlink.S32(),
	uapi.IFLA_CARRIER_UP_COUNT:   netlink.U32(),
	uapi.IFLA_CARRIER_DOWN_COUNT: netlink.U32(),
	uapi.IFLA_MIN_MTU:            netlink.U32(),
	uapi.IFLA_MAX_MTU:            netlink.U32(),
	uapi.IFLA_PROP_LIST:          netlink.Nested(nil),
	uapi.IFLA_ALT_IFNAME:         netlink.String(maxAltName),
	uapi.IFLA_PERM_ADDRESS:       netlink.Reject(""),
	uapi.IFLA_PROTO_DOWN_REASON:  netlink.Nested(nil),
	uapi.IFLA_NEW_IFINDEX:        netlink.S32().Min(1),
	uapi.IFLA_PARENT_DEV_NAME:    netlink.NulString(0),
	uapi.IFLA_GRO_MAX_SIZE:       netlink.U32(),
	uapi.IFLA_TSO_MAX_SIZE:       netlink.Reject(""),
	uapi.IFLA_TSO_MAX_SEGS:       netlink.Reject(""),
	uapi.IFLA_ALLMULTI:           netlink.Reject(""),
	uapi.IFLA_GSO_IPV4_MAX_SIZE:  netlink.U32().Min(minGSOSize),
	uapi.IFLA_GRO_IPV4_MAX_SIZE:  netlink.U32(),
	uapi.IFLA_NETNS_IMMUTABLE:    netlink.Reject(""),
	uapi.IFLA_HEADROOM:           netlink.Reject(""),
	uapi.IFLA_TAILROOM:           netlink.Reject(""),
}

// minGSOSize is the smallest limit of super-packets: a header's worth
// (MAX_TCP_HEADER + 1).
const minGSOSize = 321

// infoPolicy is the policy of IFLA_LINKINFO (ifla_info_policy).
var infoPolicy = netlink.Policy{
	uapi.IFLA_INFO_KIND:       netlink.String(0),
	uapi.IFLA_INFO_DATA:       netlink.Nested(nil),
	uapi.IFLA_INFO_SLAVE_KIND: netlink.String(0),
	uapi.IFLA_INFO_SLAVE_DATA: netlink.Nested(nil),
}

// linkReq is a parsed link request.
type linkReq struct {
	*netlink.Request
	h  uapi.IfInfomsg
	tb netlink.Attrs
}

func parseLink(r *netlink.Request) (q linkReq, err error) {
	q.Request = r
	if q.tb, err = r.Parse(uapi.SizeofIfInfomsg, linkPolicy, netlink.Liberal); err == nil {
		q.h, _ = uapi.ParseIfInfomsg(r.Payload())
	}
	return q, err
}

// named returns the device that IFLA_IFNAME or IFLA_ALT_IFNAME names
// (rtnl_dev_get).
func (q *linkReq) named(n *netns.Net) (d *Device, given bool) {
	switch {
	case q.tb.Has(uapi.IFLA_IFNAME):
		return ByName(n, q.tb.Text(uapi.IFLA_IFNAME)), true
	case q.tb.Has(uapi.IFLA_ALT_IFNAME):
		return ByName(n, q.tb.Text(uapi.IFLA_ALT_IFNAME)), true
	}
	return nil, false
}

// device returns the device that a request is about, by index or by name.
func (q *linkReq) device(n *netns.Net) (*Device, error) {
	var d *Device
	if q.h.Index > 0 {
		d = ByIndex(n, int(q.h.Index))
	} else {
		var given bool
		if d, given = q.named(n); !given {
			return nil, errno.EINVAL
		}
	}
	if d == nil {
		return nil, errno.ENODEV
	}
	return d, nil
}

// oneNetns refuses requests that name their namespace in more than one way
// (rtnl_ensure_unique_netns).
func (q *linkReq) oneNetns(onlyID bool) error {
	pid, fd, id := q.tb.Has(uapi.IFLA_NET_NS_PID), q.tb.Has(uapi.IFLA_NET_NS_FD), q.tb.Has(uapi.IFLA_TARGET_NETNSID)
	if onlyID && (pid || fd) {
		return netlink.Errorf(errno.EOPNOTSUPP, "specified netns attribute not supported")
	}
	if id && (pid || fd) || pid && fd {
		return netlink.Errorf(errno.EINVAL, "multiple netns identifying attributes specified")
	}
	return nil
}

// netOf returns the namespace that the attributes name, or n itself
// (rtnl_link_get_net).
func netOf(r *netlink.Request, n *netns.Net, tb netlink.Attrs) (*netns.Net, error) {
	switch {
	case tb.Has(uapi.IFLA_NET_NS_PID):
		return r.NetByPID(int(tb.U32(uapi.IFLA_NET_NS_PID)))
	case tb.Has(uapi.IFLA_NET_NS_FD):
		return r.NetByFD(int(tb.Get(uapi.IFLA_NET_NS_FD).S32()))
	case tb.Has(uapi.IFLA_TARGET_NETNSID):
		if o := n.PeerByID(int(tb.Get(uapi.IFLA_TARGET_NETNSID).S32())); o != nil {
			return o, nil
		}
		return nil, errno.EINVAL
	}
	return n, nil
}

// targetID returns the namespace that IFLA_TARGET_NETNSID asks about, and its
// id in what fill needs.
func targetID(r *netlink.Request, tb netlink.Attrs) (n *netns.Net, a ifinfoArgs, err error) {
	a.extMask = tb.U32(uapi.IFLA_EXT_MASK)
	if !tb.Has(uapi.IFLA_TARGET_NETNSID) {
		return r.Net, a, nil
	}
	a.target = int(tb.Get(uapi.IFLA_TARGET_NETNSID).S32())
	if n = r.Net.PeerByID(a.target); n == nil {
		return nil, a, errno.EINVAL
	}
	a.src = r.Net
	return n, a, nil
}

// linkProp adds or removes alternative names (rtnl_linkprop).
func linkProp(r *netlink.Request, change func(d *Device, name string) error) error {
	q, err := parseLink(r)
	if err != nil {
		return err
	}
	if err := q.oneNetns(true); err != nil {
		return err
	}
	d, err := q.device(r.Net)
	if err != nil {
		return err
	}
	list := q.tb.Get(uapi.IFLA_PROP_LIST)
	if !list.Present() {
		return nil
	}
	if _, err := netlink.ParseNested(list, linkPolicy, netlink.Liberal); err != nil {
		return err
	}
	changed := false
	list.Each(func(a netlink.Attr) bool {
		if a.Type() == uapi.IFLA_ALT_IFNAME {
			if err = change(d, a.Text()); err == nil {
				changed = true
			}
		}
		return err == nil
	})
	if changed {
		d.stateChange()
	}
	return err
}
