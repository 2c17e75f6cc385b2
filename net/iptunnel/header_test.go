package iptunnel_test

import (
	"fmt"
	"slices"
	"testing"

	"linen/kern"
	"linen/net/dev"
	"linen/net/skb"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/wire"
)

// TestOuterHeader: what the outer header takes from the tunnel and what from the
// packet inside, as recorded with Linux 6.12, an outer packet each: "tos ttl DF
// length".
func TestOuterHeader(t *testing.T) {
	for _, c := range []struct {
		conf     conf
		mtu      int // of the tunnel, 0: its own
		tos, ttl int // of the packet inside
		mode     int
		size     int // of the datagram
		want     []string
	}{
		{conf{}, 0, 0, 64, uapi.IP_PMTUDISC_DO, 4, []string{"0x0 64 DF 52"}},
		{conf{}, 0, 0, 64, uapi.IP_PMTUDISC_DONT, 9, []string{"0x0 64 DF 57"}},
		{conf{}, 0, 1, 64, uapi.IP_PMTUDISC_DO, 5, []string{"0x1 64 DF 53"}},
		{conf{}, 0, 3, 64, uapi.IP_PMTUDISC_DO, 7, []string{"0x2 64 DF 55"}},
		{conf{}, 0, 0xb8, 9, uapi.IP_PMTUDISC_DO, 8, []string{"0x0 9 DF 56"}},
		{conf{}, 0, 0, 64, uapi.IP_PMTUDISC_DO, 1452, []string{"0x0 64 DF 1500"}},
		{conf{}, 0, 0, 64, uapi.IP_PMTUDISC_DONT, 1453, []string{"0x0 64 DF 1496", "0x0 64 DF 45"}},
		{conf{}, 0, 0, 64, uapi.IP_PMTUDISC_DONT, 3000, []string{"0x0 64 DF 1496", "0x0 64 DF 1496", "0x0 64 DF 136"}},
		{conf{tos: 1}, 0, 0xb9, 63, uapi.IP_PMTUDISC_DO, 4, []string{"0xb9 63 DF 52"}},
		{conf{tos: 0x11, ttl: 33}, 0, 0xb9, 63, uapi.IP_PMTUDISC_DONT, 4, []string{"0xb9 33 DF 52"}},
		{conf{ttl: 33}, 0, 0xc0, 64, uapi.IP_PMTUDISC_DONT, 34, []string{"0x0 33 DF 82"}},
		{conf{tos: 1, nopmtudisc: true}, 0, 0, 63, uapi.IP_PMTUDISC_DONT, 8, []string{"0x0 63 - 56"}},
		{conf{tos: 1, nopmtudisc: true}, 0, 0, 63, uapi.IP_PMTUDISC_DO, 8, []string{"0x0 63 DF 56"}},
		{conf{tos: 0x1e}, 3000, 0, 63, uapi.IP_PMTUDISC_DO, 100, []string{"0x1c 63 DF 148"}},
		{conf{tos: 0x1e, nopmtudisc: true}, 3000, 0, 63, uapi.IP_PMTUDISC_DONT, 1472, []string{"0x1c 63 - 1500", "0x1c 63 - 40"}},
	} {
		a, b, _ := hosts.Pair(t)
		a.MustPing(b.Addr())
		c.conf.local, c.conf.remote = "10.0.0.1", "10.0.0.2"
		tunnel(a, "t0", "10.9.0.1/30", c.conf)
		if c.mtu != 0 {
			must(t, a.SetMTU("t0", c.mtu))
		}
		var got []string
		n := b.Namespace()
		dev.AddTap(n, dev.ByName(n, "eth0"), &dev.PacketType{Proto: uapi.ETH_P_ALL, Recv: func(c *kern.CPU, p *skb.Buff, _, _ *dev.Device) {
			if h := (*wire.IPv4Hdr)(p.Data()); h.Proto() == uapi.IPPROTO_IPIP && p.PktType == skb.PacketHost {
				df := "-"
				if h.DF() {
					df = "DF"
				}
				got = append(got, fmt.Sprintf("%#x %d %s %d", h.TOS(), h.TTL(), df, h.TotLen()))
			}
			p.Consume(c)
		}})
		s := open(t, a, uapi.SOCK_DGRAM)
		setInt(t, s, uapi.SOL_IP, uapi.IP_MTU_DISCOVER, c.mode)
		setInt(t, s, uapi.SOL_IP, uapi.IP_TOS, c.tos)
		setInt(t, s, uapi.SOL_IP, uapi.IP_TTL, c.ttl)
		if _, err := s.Sendmsg(root, &sock.Msg{Data: make([]byte, c.size), Name: at(addr("10.9.0.2"), 7)}); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		a.Lab.Clock.Settle()
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v:\ngot  %q", c, got)
		}
	}
}
