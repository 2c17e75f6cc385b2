package why

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
)

// Observe notes in h, from now on, which program changes routes, rules,
// addresses, neighbours and links of node through netlink, until cancel is
// called. program returns the command of the netlink port that asked, "" when
// it is not known, as "ip route add default via 10.1.0.1 (pid 12)"; it is called
// under locks of the stack and may not block. Of links only their creation is
// seen: the kernel does not say who changes one.
func (h *History) Observe(node Node, program func(port uint32) string) (cancel func(), err error) {
	who := netlink.RootCreds(0)
	p, err := netlink.Open(node.Net, uapi.NETLINK_ROUTE, who, nil)
	if err != nil {
		return nil, err
	}
	p.SetFilter(func(_ *kern.CPU, data []byte) int {
		for hdr := netlink.HeaderLen; len(data) >= hdr; {
			m := netlink.ParseHeader(data)
			if int(m.Len) < hdr || int(m.Len) > len(data) {
				break
			}
			if object := objectOf(node, m.Type, data[hdr:m.Len]); object != "" && m.Port != 0 {
				if cmd := program(m.Port); cmd != "" {
					h.Note(node.Name, object, cmd)
				}
			}
			data = data[min(netlink.Align(int(m.Len)), len(data)):]
		}
		return 0 // nothing is kept
	})
	for _, g := range []int{uapi.RTNLGRP_LINK, uapi.RTNLGRP_NEIGH, uapi.RTNLGRP_IPV4_IFADDR, uapi.RTNLGRP_IPV4_ROUTE, uapi.RTNLGRP_IPV4_RULE} {
		if err := p.Join(g, who); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p.Close, nil
}

// objectOf returns what a notification of rtnetlink is about, in the words of
// Note.
func objectOf(node Node, typ uint16, body []byte) string {
	switch typ {
	case uapi.RTM_NEWROUTE, uapi.RTM_DELROUTE:
		if len(body) < uapi.SizeofRtMsg {
			return ""
		}
		dst := attrOf(body[uapi.SizeofRtMsg:], uapi.RTA_DST)
		return objRoute + prefixText(dst, body[1])
	case uapi.RTM_NEWRULE, uapi.RTM_DELRULE:
		if p := attrOf(body[min(uapi.SizeofFibRuleHdr, len(body)):], uapi.FRA_PRIORITY); len(p) == 4 {
			return fmt.Sprint(objRule, binary.NativeEndian.Uint32(p))
		}
	case uapi.RTM_NEWADDR, uapi.RTM_DELADDR:
		if len(body) < uapi.SizeofIfAddrmsg {
			return ""
		}
		if a, ok := netip.AddrFromSlice(attrOf(body[uapi.SizeofIfAddrmsg:], uapi.IFA_LOCAL)); ok {
			return fmt.Sprintf("%s%v/%d", objAddr, a, body[1])
		}
	case uapi.RTM_NEWNEIGH, uapi.RTM_DELNEIGH:
		if a, ok := netip.AddrFromSlice(attrOf(body[min(uapi.SizeofNdMsg, len(body)):], uapi.NDA_DST)); ok {
			return objNeigh + a.String()
		}
	case uapi.RTM_NEWLINK:
		if len(body) >= uapi.SizeofIfInfomsg {
			if d := dev.ByIndex(node.Net, int(int32(binary.NativeEndian.Uint32(body[4:])))); d != nil {
				return objLink + d.Name()
			}
		}
	}
	return ""
}

// prefixText writes a destination as `ip route` does.
func prefixText(addr []byte, bits uint8) string {
	a, ok := netip.AddrFromSlice(addr)
	switch {
	case !ok:
		return "default"
	case int(bits) == a.BitLen():
		return a.String()
	}
	return fmt.Sprintf("%v/%d", a, bits)
}

// attrOf returns the value of the first attribute of a type, or nil.
func attrOf(p []byte, typ uint16) []byte {
	const header, typeMask = 4, 0x3fff
	for len(p) >= header {
		n := int(binary.NativeEndian.Uint16(p))
		if n < header || n > len(p) {
			return nil
		}
		if binary.NativeEndian.Uint16(p[2:])&typeMask == typ {
			return p[header:n]
		}
		p = p[min(netlink.Align(n), len(p)):]
	}
	return nil
}
