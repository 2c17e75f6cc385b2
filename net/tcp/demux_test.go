package tcp_test

import (
	"net/netip"
	"testing"

	"linen"
	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
	"linen/test/hosts"
)

// lookups counts the routes that are looked up for received packets.
type lookups struct{ n int }

func (l *lookups) Trace(_ *kern.CPU, _ *netns.Net, b *skb.Buff, e skb.Event) {
	if e.Point == skb.PointRoute && b != nil && b.Iif != 0 {
		l.n++
	}
}

func (*lookups) Drop(*kern.CPU, *netns.Net, *skb.Buff, skb.Reason) {}

// TestEarlyDemux: packets of a connection keep the route of the first until
// routes change, and what arrives is the same without (net.ipv4.tcp_early_demux,
// ip_early_demux; spec 4.05, 11.91).
func TestEarlyDemux(t *testing.T) {
	for _, c := range []struct {
		sysctl, on string
		saves      bool
	}{{"tcp_early_demux", "1", true}, {"tcp_early_demux", "0", false}, {"ip_early_demux", "0", false}} {
		a, b, _ := hosts.Pair(t)
		must(t, b.SetSysctl("net.ipv4."+c.sysctl, c.on))
		l := listen(t, b, 80, 10)
		cli, err := connect(t, a, b, 80)
		must(t, err)
		srv := accept(t, l)
		send(t, cli, "first", 0)
		want(t, srv, "first")
		var seen lookups
		cancel := skb.Observe(b.Namespace(), &seen)
		const rounds = 10
		for range rounds {
			send(t, cli, "ping", 0)
			want(t, srv, "ping")
			send(t, srv, "pong", 0)
			want(t, cli, "pong")
		}
		cancel()
		if saved := seen.n == 0; saved != c.saves {
			t.Errorf("%s %s: %d routes for %d packets", c.sysctl, c.on, seen.n, rounds)
		}
		// Another connection to the same port is another's.
		other, err := connect(t, a, b, 80)
		must(t, err)
		otherSrv := accept(t, l)
		send(t, other, "stranger", 0)
		want(t, otherSrv, "stranger")
		// The way back is gone: with rp_filter the source is impossible now.
		must(t, b.SetSysctl("net.ipv4.conf.eth0.rp_filter", "1"))
		send(t, cli, "again", 0)
		want(t, srv, "again")
		must(t, b.AddRoute(linen.Route{Dst: netip.PrefixFrom(a.Addr(), 32), Dev: "lo"}))
		send(t, cli, "spoofed", 0)
		a.Lab.Clock.Settle()
		if got, err := recv(srv, 0); err == nil {
			t.Errorf("%s %s: %q from the wrong side", c.sysctl, c.on, got)
		}
	}
}

// TestEarlyDemuxToItself: a connection of a host to itself, whose packets have
// their sender's socket attached when they are sent.
func TestEarlyDemuxToItself(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	l := listen(t, a, 80, 10)
	cli, err := connect(t, a, a, 80)
	must(t, err)
	srv := accept(t, l)
	for range 3 {
		send(t, cli, "ping", 0)
		want(t, srv, "ping")
		send(t, srv, "pong", 0)
		want(t, cli, "pong")
	}
}
