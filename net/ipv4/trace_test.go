package ipv4_test

import (
	"fmt"
	"slices"
	"testing"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sysctl"
)

// sink notes trace events.
type sink struct{ events []string }

func (s *sink) Trace(_ *kern.CPU, _ *netns.Net, _ *skb.Buff, e skb.Event) {
	s.events = append(s.events, fmt.Sprintf("%s: %s by %s", e.Point, e.Verdict, e.By))
}

func (s *sink) Drop(*kern.CPU, *netns.Net, *skb.Buff, skb.Reason) {}

// TestDecisionsAreTraced: rule, route and reverse path filter say what they
// chose and why.
func TestDecisionsAreTraced(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add default via 10.1.0.1",
		"route add 8.0.0.0/8 via 10.1.0.7 dev a0 metric 5 table 100", "rule add pref 10 to 8.0.0.0/8 table 100")
	sysctl.Of(n).Set("net/ipv4/ip_forward", "1")
	sysctl.Of(n).Set("net/ipv4/conf/a0/rp_filter", "1")
	s := new(sink)
	defer skb.Observe(n, s)()
	onCPU(n, func(c *kern.CPU) {
		input(c, n, "a0", "10.1.0.9", "8.8.8.8")
		input(c, n, "a0", "10.1.0.9", "9.9.9.9")
	})
	want := []string{
		"rp_filter: accept by net.ipv4.conf.a0.rp_filter=1",
		"rule: table 100 by rule 10: from all to 8.0.0.0/8 lookup 100",
		"route: unicast by 8.0.0.0/8 via 10.1.0.7 dev a0 metric 5 table 100",
		"rp_filter: accept by net.ipv4.conf.a0.rp_filter=1",
		"rule: table main by rule 32766: from all lookup main",
		"route: unicast by default via 10.1.0.1 dev a0 table main",
	}
	if !slices.Equal(s.events, want) {
		t.Errorf("got  %q\nwant %q", s.events, want)
	}
}
