package badpackets

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// A monitor is a socket of rtnetlink.
type monitor interface {
	send(b []byte) error
	receive() ([]byte, error) // a datagram, without waiting
}

// listens makes the monitor of the run, in multicast groups.
func listens(groups ...int) step {
	return func(r *run) (err error) {
		r.events, err = r.m.monitor(groups...)
		return err
	}
}

// told notes what the monitor has been told.
func told(r *run) error {
	for {
		b, err := r.events.receive()
		if err != nil {
			return nil // no more
		}
		r.sayAll("event", b)
	}
}

// asks notes the answers to a request.
func asks(what string, f func(m machine) *netlink.Msg) step {
	return func(r *run) error {
		s, err := r.m.monitor()
		if err != nil {
			return err
		}
		if err := s.send(f(r.m).Bytes()); err != nil {
			return err
		}
		for {
			b, err := s.receive()
			if err != nil {
				return nil
			}
			r.sayAll(what, b)
		}
	}
}

func (r *run) sayAll(what string, b []byte) {
	for len(b) >= netlink.HeaderLen {
		n := int(binary.NativeEndian.Uint32(b))
		if n < netlink.HeaderLen || n > len(b) {
			return
		}
		r.said = append(r.said, what+": "+showMessage(b[:n]))
		b = b[min(netlink.Align(n), len(b)):]
	}
}

// headers are the lengths of what stands before the attributes.
var headers = map[uint16]int{
	uapi.RTM_NEWLINK: 16, uapi.RTM_NEWROUTE: 12, uapi.RTM_DELROUTE: 12, uapi.RTM_NEWRULE: 12, uapi.RTM_DELRULE: 12,
	uapi.RTM_NEWCACHEREPORT: 4, uapi.NLMSG_DONE: 4,
}

// showMessage writes a message: type, flags, header, attributes.
func showMessage(b []byte) string {
	h, p := netlink.ParseHeader(b), b[netlink.HeaderLen:]
	if h.Type == uapi.NLMSG_ERROR && len(p) >= 20 {
		text := "ok"
		if e := -int32(binary.NativeEndian.Uint32(p)); e != 0 {
			text = errno.Errno(e).Name()
		}
		at := 20 // behind the header of the request
		if h.Flags&uapi.NLM_F_CAPPED == 0 {
			at = min(4+netlink.Align(int(binary.NativeEndian.Uint32(p[4:]))), len(p))
		}
		netlink.EachAttr(p[at:], func(a netlink.Attr) bool {
			if a.Type() == uapi.NLMSGERR_ATTR_MSG {
				text += " " + a.Text()
			}
			return true
		})
		return text
	}
	n := min(headers[h.Type], len(p))
	text := fmt.Sprintf("type %d flags %#x %x", h.Type, h.Flags, p[:n])
	whole := true
	netlink.EachAttr(p[n:], func(a netlink.Attr) bool {
		v := hex.EncodeToString(a.Bytes())
		switch {
		case h.Type == uapi.RTM_NEWCACHEREPORT && a.Type() == uapi.IPMRA_CREPORT_MSGTYPE:
			whole = a.U8() == uapi.IGMPMSG_WHOLEPKT || a.U8() == uapi.IGMPMSG_WRVIFWHOLE
		case h.Type == uapi.RTM_NEWCACHEREPORT && a.Type() == uapi.IPMRA_CREPORT_PKT && whole:
			v = maskedPacket(a.Bytes())
		case h.Type == uapi.RTM_NEWCACHEREPORT && a.Type() == uapi.IPMRA_CREPORT_PKT:
			v = v[:max(len(v)-2*unset, 0)]
		case (h.Type == uapi.RTM_NEWROUTE || h.Type == uapi.RTM_DELROUTE) && a.Type() == uapi.RTA_EXPIRES:
			v = "*"
		}
		text += fmt.Sprintf(" %d=%s", a.Type(), v)
		return true
	})
	return text
}

// maskedPacket is an IPv4 packet without the identification, and the checksum,
// that the machine chose.
func maskedPacket(p []byte) string {
	text := bytesOf(p)
	if id := be.Uint16(p[4:]); len(p) >= 20 && p[0]>>4 == 4 && id != 77 && id != 0 {
		text = text[:8] + "*" + text[12:20] + "*" + text[24:]
	}
	return text
}

// by has the i-th socket of the case do a step.
func by(i int, s step) step {
	return func(r *run) error {
		v := *r
		v.socks = r.socks[i : i+1]
		err := s(&v)
		r.said, r.events = v.said, v.events
		return err
	}
}

// unset is how much of an upcall's IGMP header, behind type and code, Linux
// leaves as its memory was.
const unset = wire.IGMPHdrLen - 2

// hears notes the packets that the last socket, a raw one, has received.
func hears(r *run) error {
	p := make([]byte, 1<<16)
	for {
		n, _, _, err := r.socks[len(r.socks)-1].recvmsg(p, 0)
		if err != nil {
			return nil // no more
		}
		if hlen := int(p[0]&15) * 4; p[9] == 0 && n == hlen+wire.IGMPHdrLen {
			n -= unset
		}
		r.said = append(r.said, "hears "+maskedPacket(p[:n]))
	}
}

// closes closes the first socket.
func closes(r *run) error {
	s := r.socks[0]
	r.socks = r.socks[1:]
	return s.close()
}
