package differential

import (
	"encoding/binary"
	"fmt"
	"strings"

	"linen/net/netlink"
	"linen/uapi"
)

// headerLen gives the length of a message's family header.
var headerLen = map[uint16]int{
	uapi.RTM_NEWLINK: 16, uapi.RTM_DELLINK: 16, uapi.RTM_NEWADDR: 8, uapi.RTM_DELADDR: 8, uapi.RTM_GETADDR: 8,
	uapi.RTM_NEWROUTE: 12, uapi.RTM_DELROUTE: 12, uapi.RTM_GETROUTE: 12,
	uapi.RTM_NEWRULE: 12, uapi.RTM_DELRULE: 12, uapi.RTM_GETRULE: 12,
	uapi.RTM_NEWNEXTHOP: 8, uapi.RTM_DELNEXTHOP: 8, uapi.RTM_GETNEXTHOP: 8,
}

// names are those of the message types.
var names = map[uint16]string{
	uapi.RTM_NEWLINK: "link", uapi.RTM_DELLINK: "-link", uapi.RTM_NEWADDR: "addr", uapi.RTM_DELADDR: "-addr", uapi.RTM_GETADDR: "?addr",
	uapi.RTM_NEWROUTE: "route", uapi.RTM_DELROUTE: "-route", uapi.RTM_GETROUTE: "?route",
	uapi.RTM_NEWRULE: "rule", uapi.RTM_DELRULE: "-rule", uapi.RTM_GETRULE: "?rule",
	uapi.RTM_NEWNEXTHOP: "nexthop", uapi.RTM_DELNEXTHOP: "-nexthop", uapi.RTM_GETNEXTHOP: "?nexthop",
}

// text writes a message without what differs from run to run (ports, sequence
// numbers, times), each attribute as number=hex.
func text(m []byte) string {
	h := netlink.ParseHeader(m)
	switch h.Type {
	case uapi.NLMSG_ERROR:
		return verdict(m, h)
	case uapi.NLMSG_DONE:
		if e := int32(binary.NativeEndian.Uint32(m[16:])); e != 0 {
			return fmt.Sprintf("done %d", e)
		}
		return "done"
	}
	n := netlink.HeaderLen + headerLen[h.Type]
	if len(m) < n {
		return fmt.Sprintf("%s short %x", names[h.Type], m[netlink.HeaderLen:])
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s %#x [%x]", names[h.Type], h.Flags&^uapi.NLM_F_MULTI, m[netlink.HeaderLen:n])
	for p := m[n:]; len(p) >= 4; {
		size, typ := int(binary.NativeEndian.Uint16(p)), binary.NativeEndian.Uint16(p[2:])
		if size < 4 || size > len(p) {
			fmt.Fprintf(&s, " !%x", p)
			break
		}
		if !timed(h.Type, typ) {
			fmt.Fprintf(&s, " %d=%x", typ, p[4:size])
		}
		p = p[min(netlink.Align(size), len(p)):]
	}
	return s.String()
}

// timed reports whether an attribute holds times.
func timed(msg, attr uint16) bool {
	switch msg {
	case uapi.RTM_NEWADDR, uapi.RTM_DELADDR:
		return attr == uapi.IFA_CACHEINFO
	case uapi.RTM_NEWROUTE:
		return attr == uapi.RTA_CACHEINFO
	}
	return false
}

// verdict writes an acknowledgement: errno, offset of the attribute meant,
// text.
func verdict(m []byte, h netlink.Header) string {
	if len(m) < 36 {
		return "short acknowledgement"
	}
	e := -int32(binary.NativeEndian.Uint32(m[16:]))
	at := 36
	if h.Flags&uapi.NLM_F_CAPPED == 0 && e != 0 {
		at = 20 + netlink.Align(int(netlink.ParseHeader(m[20:]).Len))
	}
	msg, off := "", uint32(0)
	if h.Flags&uapi.NLM_F_ACK_TLVS != 0 && at <= len(m) {
		netlink.EachAttr(m[at:], func(a netlink.Attr) bool {
			switch a.Type() {
			case uapi.NLMSGERR_ATTR_MSG:
				msg = a.Text()
			case uapi.NLMSGERR_ATTR_OFFS:
				off = a.U32()
			}
			return true
		})
	}
	return strings.TrimSpace(fmt.Sprintf("error %d %d %s", e, off, msg))
}

// texts writes messages, one a line.
func texts(list [][]byte) string {
	var s strings.Builder
	for _, m := range list {
		s.WriteString(text(m) + "\n")
	}
	return s.String()
}
