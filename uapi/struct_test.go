package uapi

import (
	"bytes"
	"net/netip"
	"testing"
)

// roundTrip parses want bytes of a pattern and appends them again: every byte
// that is not padding must come back.
func roundTrip[T any](t *testing.T, name string, size int, parse func([]byte) (T, bool), app func(*T, []byte) []byte, padding ...int) {
	t.Helper()
	in := make([]byte, size)
	for i := range in {
		in[i] = byte(i + 1)
	}
	if _, ok := parse(in[:size-1]); ok {
		t.Errorf("%s: took %d bytes of %d", name, size-1, size)
	}
	v, ok := parse(in)
	if !ok {
		t.Fatalf("%s: did not parse %d bytes", name, size)
	}
	for _, i := range padding {
		in[i] = 0
	}
	if out := app(&v, []byte{0xee})[1:]; !bytes.Equal(out, in) {
		t.Errorf("%s:\n in % x\nout % x", name, in, out)
	}
}

// Sizes and padding are what sizeof and offsetof say on linux/amd64.
func TestStructuresRoundTrip(t *testing.T) {
	roundTrip(t, "nlmsghdr", 16, ParseNlMsghdr, (*NlMsghdr).Append)
	roundTrip(t, "nlattr", 4, ParseNlAttr, (*NlAttr).Append)
	roundTrip(t, "genlmsghdr", 4, ParseGenlMsghdr, (*GenlMsghdr).Append)
	roundTrip(t, "rtmsg", 12, ParseRtMsg, (*RtMsg).Append)
	roundTrip(t, "rtnexthop", 8, ParseRtNexthop, (*RtNexthop).Append)
	roundTrip(t, "rta_cacheinfo", 32, ParseRtaCacheinfo, (*RtaCacheinfo).Append)
	roundTrip(t, "ip_tunnel_parm", 52, ParseIPTunnelParm, (*IPTunnelParm).Append)
	roundTrip(t, "ifinfomsg", 16, ParseIfInfomsg, (*IfInfomsg).Append, 1)
	roundTrip(t, "ifaddrmsg", 8, ParseIfAddrmsg, (*IfAddrmsg).Append)
	roundTrip(t, "ifa_cacheinfo", 16, ParseIfaCacheinfo, (*IfaCacheinfo).Append)
	roundTrip(t, "ndmsg", 12, ParseNdMsg, (*NdMsg).Append, 1, 2, 3)
	roundTrip(t, "nda_cacheinfo", 16, ParseNdaCacheinfo, (*NdaCacheinfo).Append)
	roundTrip(t, "ndtmsg", 4, ParseNdtMsg, (*NdtMsg).Append, 1, 2, 3)
	roundTrip(t, "ndt_config", 32, ParseNdtConfig, (*NdtConfig).Append)
	roundTrip(t, "ndt_stats", 88, ParseNdtStats, (*NdtStats).Append)
	roundTrip(t, "fib_rule_hdr", 12, ParseFibRuleHdr, (*FibRuleHdr).Append)
	roundTrip(t, "inet_diag_req_v2", 56, ParseInetDiagReqV2, (*InetDiagReqV2).Append)
	roundTrip(t, "inet_diag_req", 60, ParseInetDiagReq, (*InetDiagReq).Append)
	roundTrip(t, "inet_diag_msg", 72, ParseInetDiagMsg, (*InetDiagMsg).Append)
	roundTrip(t, "prefixmsg", 12, ParsePrefixMsg, (*PrefixMsg).Append, 1, 2, 3, 11)
	roundTrip(t, "if_stats_msg", 12, ParseIfStatsMsg, (*IfStatsMsg).Append, 1, 2, 3)
	roundTrip(t, "tcmsg", 20, ParseTcMsg, (*TcMsg).Append, 1, 2, 3)
	roundTrip(t, "nhmsg", 8, ParseNhMsg, (*NhMsg).Append)
	roundTrip(t, "rtnl_link_stats64", 200, ParseLinkStats64, (*LinkStats64).Append)
	roundTrip(t, "rtnl_link_ifmap", 32, ParseLinkIfmap, (*LinkIfmap).Append, 28, 29, 30, 31)
	roundTrip(t, "ifla_bridge_id", 8, ParseBridgeID, (*BridgeID).Append)
	roundTrip(t, "ifla_cacheinfo", 16, ParseInetCacheinfo, (*InetCacheinfo).Append)
	roundTrip(t, "sock_extended_err", 16, ParseSockExtendedErr, (*SockExtendedErr).Append)
	roundTrip(t, "in_pktinfo", 12, ParseInPktinfo, (*InPktinfo).Append)
	roundTrip(t, "in6_pktinfo", 20, ParseIn6Pktinfo, (*In6Pktinfo).Append)
	roundTrip(t, "ip_mreqn", 12, ParseIPMreqn, (*IPMreqn).Append)
	roundTrip(t, "vifctl", 16, ParseVifctl, (*Vifctl).Append)
	roundTrip(t, "mfcctl", 60, ParseMfcctl, (*Mfcctl).Append, 42, 43)
	roundTrip(t, "sock_filter", 8, ParseSockFilter, (*SockFilter).Append)
	roundTrip(t, "timeval", 16, ParseTimeval, (*Timeval).Append)
	roundTrip(t, "sockaddr_nl", 12, ParseSockaddrNl, func(s *SockaddrNl, b []byte) []byte {
		b = s.Append(b)
		copy(b[1:], []byte{1, 2, 3, 4})
		return b
	})
}

func TestSocketAddresses(t *testing.T) {
	ap := netip.MustParseAddrPort("192.0.2.7:443")
	b := AppendSockaddr(nil, ap, 0)
	if f, _ := SockaddrFamily(b); len(b) != 16 || f != AF_INET {
		t.Errorf("% x", b)
	}
	if !bytes.Equal(b[2:8], []byte{1, 0xbb, 192, 0, 2, 7}) {
		t.Errorf("port and address are not in network order: % x", b)
	}
	if a, p, ok := ParseSockaddrIn(b); !ok || netip.AddrPortFrom(a, p) != ap {
		t.Error("does not parse back")
	}
	ap = netip.MustParseAddrPort("[fe80::1]:53")
	b = AppendSockaddr(nil, ap, 3)
	if s, ok := ParseSockaddrIn6(b); !ok || len(b) != 28 || s.ScopeID != 3 || s.Addr != ap.Addr() || s.Port != 53 {
		t.Errorf("% x", b)
	}
	if s, ok := ParseSockaddrIn6(b[:24]); !ok || s.ScopeID != 0 {
		t.Error("the 24-byte form")
	}
	l := SockaddrLl{Protocol: ETH_P_IP, Ifindex: 2, Hatype: ARPHRD_ETHER, Pkttype: PACKET_OUTGOING, Halen: 6, Addr: [32]byte{2, 0, 0, 0, 0, 1}}
	b = l.Append(nil)
	if got, ok := ParseSockaddrLl(b); !ok || len(b) != 20 || got != l || b[2] != 8 {
		t.Errorf("sockaddr_ll % x", b)
	}
}

func TestControlMessages(t *testing.T) {
	pi := InPktinfo{Ifindex: 4}
	b := AppendCmsg(nil, SOL_IP, IP_PKTINFO, pi.Append(nil))
	b = AppendCmsg(b, SOL_SOCKET, SCM_TIMESTAMP, make([]byte, 16))
	if len(b) != CmsgSpace(12)+CmsgSpace(16) || CmsgSpace(12) != 32 || CmsgLen(12) != 28 {
		t.Errorf("%d bytes", len(b))
	}
	it := Cmsgs(b)
	if !it.Next() || it.Level() != SOL_IP || it.Type() != IP_PKTINFO || len(it.Data()) != 12 {
		t.Error("first message")
	}
	if !it.Next() || it.Type() != SCM_TIMESTAMP || it.Next() || !it.OK() {
		t.Error("second message or end")
	}
	b[0] = 200
	if it := Cmsgs(b); it.Next() || it.OK() {
		t.Error("took a length past the end")
	}
}

func TestIoctlStructures(t *testing.T) {
	r, _ := AsIfreq(make([]byte, 40))
	r.SetName("a-name-that-is-too-long")
	r.SetInt(1500)
	if r.Name() != "a-name-that-is-" || r.Int() != 1500 || len(r.Data()) != 24 {
		t.Errorf("%q", r.Name())
	}
	if _, ok := AsRtentry(make([]byte, 119)); ok {
		t.Error("rtentry")
	}
	if _, ok := AsArpreq(make([]byte, 68)); !ok {
		t.Error("arpreq")
	}
	m := Ifmap{IRQ: 5}
	if b := m.Append(nil); len(b) != 24 || b[18] != 5 {
		t.Error("ifmap")
	}
}

func FuzzCmsg(f *testing.F) {
	f.Add(AppendCmsg(AppendCmsg(nil, 0, 8, make([]byte, 12)), 1, 2, []byte{1}))
	f.Add([]byte{16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		it := Cmsgs(b)
		n := 0
		for it.Next() {
			if n += SizeofCmsghdr + len(it.Data()); n > len(b) {
				t.Fatal("messages are longer than the buffer")
			}
		}
	})
}
