package why_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"strings"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/wire"
)

// netlink sends one request to h, as ip(8) would.
func (x *world) netlink(h *hosts.Host, m *netlink.Msg) {
	x.t.Helper()
	c, err := h.Netlink(uapi.NETLINK_ROUTE)
	x.must(err)
	defer c.Close()
	x.must(c.Send(m.Bytes()))
	reply, err := c.Receive(context.Background())
	x.must(err)
	if code := int32(binary.NativeEndian.Uint32(reply[16:])); code != 0 {
		x.t.Fatalf("netlink: error %d", code)
	}
}

const create = uapi.NLM_F_REQUEST | uapi.NLM_F_ACK | uapi.NLM_F_CREATE

// netlinkRoute is `ip route add TYPE DST`.
func (x *world) netlinkRoute(h *hosts.Host, dst string, typ uint8) {
	p := netip.MustParsePrefix(dst)
	m := netlink.NewMsg(uapi.RTM_NEWROUTE, create)
	m.Put((&uapi.RtMsg{Family: uapi.AF_INET, DstLen: uint8(p.Bits()), Table: uapi.RT_TABLE_MAIN, Protocol: uapi.RTPROT_BOOT, Type: typ}).Append(nil))
	m.Addr(uapi.RTA_DST, p.Addr())
	x.netlink(h, m)
}

// delDefault is `ip route del default`.
func (x *world) delDefault(h *hosts.Host) {
	m := netlink.NewMsg(uapi.RTM_DELROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Put((&uapi.RtMsg{Family: uapi.AF_INET, Table: uapi.RT_TABLE_MAIN, Scope: uapi.RT_SCOPE_NOWHERE}).Append(nil))
	x.netlink(h, m)
}

// netlinkRule is `ip rule add pref N to DST ACTION`.
func (x *world) netlinkRule(h *hosts.Host, pref uint32, dst string, action uint8) {
	p := netip.MustParsePrefix(dst)
	m := netlink.NewMsg(uapi.RTM_NEWRULE, create|uapi.NLM_F_EXCL)
	m.Put((&uapi.FibRuleHdr{Family: uapi.AF_INET, DstLen: uint8(p.Bits()), Action: action}).Append(nil))
	m.U32(uapi.FRA_PRIORITY, pref)
	m.Addr(uapi.FRA_DST, p.Addr())
	x.netlink(h, m)
}

// neigh is `ip neigh replace ADDR lladdr MAC dev DEV`; without a MAC it keeps
// the one that is known.
func (x *world) neigh(h *hosts.Host, device, addr, mac string) {
	hw := wire.MAC(x.peer(h, device).Addr())
	if mac != "" {
		hw = wire.MustParseMAC(mac)
	}
	m := netlink.NewMsg(uapi.RTM_NEWNEIGH, create|uapi.NLM_F_REPLACE)
	index := dev.ByName(h.Namespace(), device).Ifindex()
	m.Put((&uapi.NdMsg{Family: uapi.AF_INET, Ifindex: int32(index), State: uapi.NUD_PERMANENT}).Append(nil))
	m.Addr(uapi.NDA_DST, netip.MustParseAddr(addr))
	m.Attr(uapi.NDA_LLADDR, hw[:])
	x.netlink(h, m)
}

// filter attaches a program that takes nothing: "ret #0".
func (x *world) filter(s sock.Socket) {
	x.t.Helper()
	insn := binary.NativeEndian.AppendUint16(nil, 0x06)
	insn = append(insn, 0, 0, 0, 0, 0, 0)
	x.must(s.Setsockopt(sock.Root(), uapi.SOL_SOCKET, uapi.SO_ATTACH_FILTER, insn))
}

func fields(s string) []string { return strings.Fields(s) }
