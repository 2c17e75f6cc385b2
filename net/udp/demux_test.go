package udp_test

import (
	"net/netip"
	"testing"

	"linen"
	"linen/test/hosts"
)

// TestEarlyDemux: packets of a connected socket keep the way of the first, which
// ends when routes change; other packets are looked up as ever.
func TestEarlyDemux(t *testing.T) { // net.ipv4.udp_early_demux; spec 11.35
	for _, on1 := range []string{"1", "0"} {
		a, b, _ := hosts.Pair(t)
		if err := b.SetSysctl("net.ipv4.udp_early_demux", on1); err != nil {
			t.Fatal(err)
		}
		srv, cli, other := on(t, b, 9), on(t, a, 5), on(t, a, 6)
		if err := srv.Connect(root, sa(a.Addr(), 5)); err != nil {
			t.Fatal(err)
		}
		for _, data := range []string{"first", "second", "third"} {
			send(t, cli, sa(b.Addr(), 9), data)
			want(t, srv, data)
		}
		send(t, other, sa(b.Addr(), 9), "stranger")
		empty(t, srv)
		// The way back is gone: with rp_filter the source is impossible now.
		if err := b.SetSysctl("net.ipv4.conf.eth0.rp_filter", "1"); err != nil {
			t.Fatal(err)
		}
		send(t, cli, sa(b.Addr(), 9), "fourth")
		want(t, srv, "fourth")
		if err := b.AddRoute(linen.Route{Dst: netip.PrefixFrom(a.Addr(), 32), Dev: "lo"}); err != nil {
			t.Fatal(err)
		}
		send(t, cli, sa(b.Addr(), 9), "spoofed")
		empty(t, srv)
		srv.Close()
		send(t, cli, sa(b.Addr(), 9), "nobody")
	}
}
