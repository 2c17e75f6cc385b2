package dev

import (
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// getLink answers for one device (rtnl_getlink).
func getLink(r *netlink.Request) error {
	mode := netlink.Liberal
	if r.Strict {
		mode = netlink.Strict
	}
	if len(r.Payload()) < uapi.SizeofIfInfomsg {
		return netlink.Errorf(errno.EINVAL, "Invalid header for get link")
	}
	h, _ := uapi.ParseIfInfomsg(r.Payload())
	if r.Strict && (h.Type != 0 || h.Flags != 0 || h.Change != 0) {
		return netlink.Errorf(errno.EINVAL, "Invalid values in header for get link request")
	}
	tb, err := r.Parse(uapi.SizeofIfInfomsg, linkPolicy, mode)
	if err != nil {
		return err
	}
	if r.Strict {
		if err := only(tb, "Unsupported attribute in get link request", uapi.IFLA_IFNAME, uapi.IFLA_EXT_MASK, uapi.IFLA_TARGET_NETNSID, uapi.IFLA_ALT_IFNAME); err != nil {
			return err
		}
	}
	q := linkReq{r, h, tb}
	if err := q.oneNetns(true); err != nil {
		return err
	}
	n, a, err := targetID(r, tb)
	if err != nil {
		return err
	}
	d, err := q.device(n)
	if err != nil {
		return err
	}
	if n == r.Net {
		d.syncLink()
	}
	m := r.Message(uapi.RTM_NEWLINK, 0)
	d.fill(m, 0, a)
	r.Reply(m)
	return nil
}

// only refuses attributes that are not in the list.
func only(tb netlink.Attrs, text string, known ...int) error {
next:
	for typ := 1; typ <= tb.Max(); typ++ {
		if !tb.Has(typ) {
			continue
		}
		for _, k := range known {
			if k == typ {
				continue next
			}
		}
		return netlink.Errorf(errno.EINVAL, "%s", text)
	}
	return nil
}

// linkDump is what a dump of links remembers between its pages.
type linkDump struct {
	next   int // the index to go on with
	master int
	kind   string
	flags  uint16 // of every message
	args   ifinfoArgs
	list   []*Device
}

// dumpLinks writes the devices by index (rtnl_dump_ifinfo).
func dumpLinks(dump *netlink.Dump) error {
	s, ok := dump.State.(*linkDump)
	if !ok {
		var err error
		if s, err = startLinkDump(dump); err != nil {
			return err
		}
		dump.State = s
	}
	for ; s.next < len(s.list); s.next++ {
		d := s.list[s.next]
		if s.hides(d) || !d.Registered() {
			continue
		}
		if s.args.src == nil {
			d.syncLink()
		}
		if !dump.Put(uapi.RTM_NEWLINK, s.flags, func(m *netlink.Msg) { d.fill(m, 0, s.args) }) {
			return netlink.More
		}
	}
	return nil
}

// hides reports whether the request's filter leaves d out.
func (s *linkDump) hides(d *Device) bool {
	if s.master != 0 && (d.Master() == nil || d.Master().Ifindex() != s.master) {
		return true
	}
	return s.kind != "" && d.Kind != s.kind
}

func startLinkDump(dump *netlink.Dump) (*linkDump, error) {
	r := dump.Request
	tb, err := linkDumpAttrs(r)
	if err != nil {
		return nil, err
	}
	s := &linkDump{}
	n, args, err := targetID(r, tb)
	if err != nil {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid target network namespace id")
	}
	s.args, s.list = args, List(n)
	s.master = int(tb.U32(uapi.IFLA_MASTER))
	if info := tb.Get(uapi.IFLA_LINKINFO); info.Present() {
		if it, err := netlink.ParseNested(info, infoPolicy, netlink.Liberal); err == nil {
			if k := Kinds(n).Lookup(it.Text(uapi.IFLA_INFO_KIND)); k != nil {
				s.kind = k.Name
			}
		}
	}
	if s.master != 0 || s.kind != "" {
		s.flags = uapi.NLM_F_DUMP_FILTERED
	}
	return s, nil
}

// linkDumpAttrs checks the request of a dump. A sloppy one may come with no
// more than its family (struct rtgenmsg).
func linkDumpAttrs(r *netlink.Request) (netlink.Attrs, error) {
	if !r.Strict {
		hdr := uapi.SizeofIfInfomsg
		if len(r.Payload()) < hdr {
			hdr = 1
		}
		tb, err := r.Parse(hdr, linkPolicy, netlink.Liberal)
		if err != nil {
			return netlink.Attrs{}, nil // the kernel looks at no filter then
		}
		return tb, nil
	}
	if len(r.Payload()) < uapi.SizeofIfInfomsg {
		return netlink.Attrs{}, netlink.Errorf(errno.EINVAL, "Invalid header for link dump")
	}
	h, _ := uapi.ParseIfInfomsg(r.Payload())
	if h.Type != 0 || h.Flags != 0 || h.Change != 0 {
		return netlink.Attrs{}, netlink.Errorf(errno.EINVAL, "Invalid values in header for link dump request")
	}
	if h.Index != 0 {
		return netlink.Attrs{}, netlink.Errorf(errno.EINVAL, "Filter by device index not supported for link dumps")
	}
	tb, err := r.Parse(uapi.SizeofIfInfomsg, linkPolicy, netlink.Strict)
	if err != nil {
		return tb, err
	}
	return tb, only(tb, "Unsupported attribute in link dump request",
		uapi.IFLA_EXT_MASK, uapi.IFLA_MASTER, uapi.IFLA_LINKINFO, uapi.IFLA_TARGET_NETNSID)
}

// dumpBridgeLinks answers `bridge link` while no bridge is there to list its
// ports: net/bridge puts its own handler here (rtnl_bridge_getlink).
func dumpBridgeLinks(*netlink.Dump) error { return nil }
