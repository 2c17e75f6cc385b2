//go:build linux

package uplink

import (
	"context"
	"encoding/binary"
	"fmt"

	"linen/net/netlink"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// loopbackIndex is lo's, in every namespace.
const loopbackIndex = 1

// route makes everything that the namespace has no other route for its own:
// `ip link set lo up; ip rule add not iif lo lookup 100 pref 40000; ip route
// add local default dev lo table 100`.
func (u *Uplink) route() error {
	up := netlink.NewMsg(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	up.Put((&uapi.IfInfomsg{Index: loopbackIndex, Flags: uapi.IFF_UP, Change: uapi.IFF_UP}).Append(nil))
	const create = uapi.NLM_F_CREATE | uapi.NLM_F_EXCL
	return u.requests(up, everything(uapi.RTM_NEWROUTE, create), rule(uapi.RTM_NEWRULE, create))
}

// unroute undoes route.
func (u *Uplink) unroute() error {
	return u.requests(rule(uapi.RTM_DELRULE, 0), everything(uapi.RTM_DELROUTE, 0))
}

func everything(typ, flags uint16) *netlink.Msg {
	m := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|flags)
	m.Put((&uapi.RtMsg{Family: uapi.AF_INET, Table: Table, Protocol: uapi.RTPROT_BOOT,
		Scope: uapi.RT_SCOPE_HOST, Type: uapi.RTN_LOCAL}).Append(nil))
	m.U32(uapi.RTA_OIF, loopbackIndex)
	return m
}

// rule excepts what the namespace itself sends: its flows come in by lo.
func rule(typ, flags uint16) *netlink.Msg {
	m := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|flags)
	m.Put((&uapi.FibRuleHdr{Family: uapi.AF_INET, Table: Table, Action: uapi.FR_ACT_TO_TBL, Flags: uapi.FIB_RULE_INVERT}).Append(nil))
	m.String(uapi.FRA_IIFNAME, "lo")
	m.U32(uapi.FRA_PRIORITY, RulePriority)
	return m
}

// requests sends messages to rtnetlink one after the other.
func (u *Uplink) requests(msgs ...*netlink.Msg) error {
	s, err := sock.Create(u.root, u.n, uapi.AF_NETLINK, uapi.SOCK_RAW, uapi.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer s.Close()
	reply := make([]byte, 4096)
	for _, m := range msgs {
		if _, err := s.Sendmsg(u.root, &sock.Msg{Data: m.Bytes()}); err != nil {
			return err
		}
		n, err := sock.Recv(context.Background(), s, u.root, &sock.Msg{Data: reply})
		if err != nil {
			return err
		}
		h, ok := uapi.ParseNlMsghdr(reply[:n])
		if !ok || h.Type != uapi.NLMSG_ERROR || n < 20 {
			return fmt.Errorf("unexpected netlink answer of type %d", h.Type)
		}
		if code := int32(binary.NativeEndian.Uint32(reply[16:])); code != 0 {
			return errno.Errno(-code)
		}
	}
	return nil
}
