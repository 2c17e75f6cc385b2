package ipv4_test

import (
	"fmt"
	"strings"
	"testing"

	"linen/kern"
	"linen/net/ipv4"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// gateways returns how many next hops the flows take that change makes.
func gateways(t *testing.T, n *netns.Net, change func(f *ipv4.Flow, i uint32)) int {
	t.Helper()
	seen := map[uint32]bool{}
	for i := range uint32(64) {
		f := ipv4.Flow{Daddr: num("8.8.8.8"), Saddr: num("10.1.0.2"), Proto: uapi.IPPROTO_UDP, SPort: 5, DPort: 53}
		change(&f, i)
		rt, err := ipv4.RouteOutput(nil, n, &f)
		if err != nil {
			t.Fatal(err)
		}
		seen[rt.Gateway] = true
	}
	return len(seen)
}

// TestMultipathHashPolicies: what a flow is, by fib_multipath_hash_policy and
// fib_multipath_hash_fields.
func TestMultipathHashPolicies(t *testing.T) {
	ports := func(f *ipv4.Flow, i uint32) { f.SPort = uint16(1000 + i) }
	addresses := func(f *ipv4.Flow, i uint32) { f.Daddr += i }
	for _, c := range []struct {
		rule, policy, fields string
		change               func(f *ipv4.Flow, i uint32)
		want                 int
	}{
		{"layer 3: ports do not count", "0", "7", ports, 1},
		{"layer 3: addresses count", "0", "7", addresses, 2},
		{"layer 4: ports count", "1", "7", ports, 2},
		{"custom: default fields are addresses and protocol", "3", "7", ports, 1},
		{"custom: the source port alone", "3", "16", ports, 2},
		{"custom: the source port alone", "3", "16", addresses, 1},
	} {
		_, n := newHost(t)
		script(t, n, "addr add 10.1.0.2/24 dev a0", "route add default nexthop via 10.1.0.1 nexthop via 10.1.0.9")
		tree := sysctl.Of(n)
		tree.Set("net/ipv4/fib_multipath_hash_seed", "77")
		tree.Set("net/ipv4/fib_multipath_hash_policy", c.policy)
		tree.Set("net/ipv4/fib_multipath_hash_fields", c.fields)
		if got := gateways(t, n, c.change); got != c.want {
			t.Errorf("%s: %d next hops, want %d", c.rule, got, c.want)
		}
	}
}

// TestMultipathWithoutNextHops: when all devices are down the route goes.
func TestMultipathWithoutNextHops(t *testing.T) {
	clock, n := newHost(t)
	script(t, n, "link set a1p up", "link set a1 up", "addr add 10.1.0.2/24 dev a0", "addr add 10.2.0.2/24 dev a1",
		"route add 8.0.0.0/8 nexthop via 10.1.0.1 nexthop via 10.2.0.1", "link set a0 down")
	clock.Settle()
	for i := range uint32(50) {
		f := ipv4.Flow{Daddr: num("8.0.0.1") + i}
		if rt, err := ipv4.RouteOutput(nil, n, &f); err != nil || rt.Gateway != num("10.2.0.1") {
			t.Fatalf("one next hop left: %v %v", rt, err)
		}
	}
	script(t, n, "link set a1 down")
	f := ipv4.Flow{Daddr: num("8.0.0.1")}
	if _, err := ipv4.RouteOutput(nil, n, &f); err != errno.ENETUNREACH {
		t.Errorf("no next hop left: %v, want ENETUNREACH", err)
	}
}

// TestLearnedPathsAreBounded: forged PMTU messages for 100,000 destinations
// leave at most 2048 times 5 exceptions at the next hop.
func TestLearnedPathsAreBounded(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add default via 10.1.0.1")
	f := ipv4.Flow{Daddr: num("8.0.0.1")}
	rt, err := ipv4.RouteOutput(nil, n, &f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(100_000) {
		ipv4.UpdatePMTU(nil, n, rt, num("32.0.0.0")+i, 1300)
	}
	m := netlink.NewMsg(uapi.RTM_GETROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	h := m.Grow(12)
	h[0], h[9] = uapi.AF_INET, uapi.RTM_F_CLONED>>8
	answers, failed := newIP(t, n).ask(m)
	if failed != "" || len(answers) == 0 || len(answers) > 2048*5 {
		t.Errorf("%d exceptions %s, want at most %d", len(answers), failed, 2048*5)
	}
}

// TestLocalRoutesAreLocal: `ip route add local PREFIX dev lo` makes every
// address of the prefix ours (AnyIP).
func TestLocalRoutesAreLocal(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add local 192.0.2.0/24 dev lo")
	if !ipv4.IsLocal(n, num("192.0.2.7")) || ipv4.IsLocal(n, num("192.0.3.7")) {
		t.Error("IsLocal")
	}
	if got := ipv4.AddrType(n, num("192.0.2.7")); got != uapi.RTN_LOCAL {
		t.Errorf("type %d", got)
	}
	onCPU(n, func(c *kern.CPU) {
		rt, reason := input(c, n, "a0", "10.1.0.9", "192.0.2.7")
		if reason != 0 || rt.Type != uapi.RTN_LOCAL {
			t.Errorf("received: %+v, %v", rt, reason)
		}
	})
}

// TestDumpFilters: a strict dump answers only what was asked for, and says
// that it was filtered.
func TestDumpFilters(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add 8.0.0.0/8 via 10.1.0.1", "route add blackhole 9.0.0.0/8",
		"route add 7.0.0.0/8 via 10.1.0.1 table 100")
	i := newIP(t, n)
	for _, c := range []struct {
		rule       string
		table      uint32
		proto, typ uint8
		oif        string
		want       int
	}{
		{"by table", 254, 0, 0, "", 3},
		{"by another table", 100, 0, 0, "", 1},
		{"by protocol", 254, uapi.RTPROT_KERNEL, 0, "", 1},
		{"by type", 254, 0, uapi.RTN_BLACKHOLE, "", 1},
		{"by device", 254, 0, 0, "a0", 2},
		{"by all tables' device", 0, 0, 0, "a0", 5},
		{"by a device without routes", 254, 0, 0, "a1", 0},
	} {
		m := netlink.NewMsg(uapi.RTM_GETROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
		h := m.Grow(12)
		h[0], h[5], h[7] = uapi.AF_INET, c.proto, c.typ
		if c.table != 0 {
			m.U32(uapi.RTA_TABLE, c.table)
		}
		if c.oif != "" {
			m.U32(uapi.RTA_OIF, i.index(c.oif))
		}
		answers, failed := i.ask(m)
		if len(answers) != c.want || failed != "" {
			t.Errorf("%s: %d routes %s, want %d", c.rule, len(answers), failed, c.want)
		}
		for _, a := range answers {
			if netlink.ParseHeader(a).Flags&uapi.NLM_F_DUMP_FILTERED == 0 {
				t.Errorf("%s: no NLM_F_DUMP_FILTERED", c.rule)
			}
		}
	}
}

// TestManyRules: a goto leads forward only, so that every rule is looked at
// once at most; a list of 20,000 rules and gotos is made and searched without
// trouble, and the last rule decides.
func TestManyRules(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add default via 10.1.0.1 table 100")
	i := newIP(t, n)
	if got := i.run("rule add pref 100 goto 100"); !strings.Contains(got, "Backward goto not supported") {
		t.Errorf("a goto to itself: %q", got)
	}
	if got := i.run("rule add pref 100 goto 50"); !strings.Contains(got, "Backward goto not supported") {
		t.Errorf("a goto back: %q", got)
	}
	const many = 20_000
	add := func(pref, target uint32, src, table uint32) {
		m := netlink.NewMsg(uapi.RTM_NEWRULE, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE)
		h := m.Grow(12)
		h[0], h[7] = uapi.AF_INET, uapi.FR_ACT_TO_TBL
		m.U32(uapi.FRA_PRIORITY, pref)
		switch {
		case target != 0:
			h[7] = uapi.FR_ACT_GOTO
			m.U32(uapi.FRA_GOTO, target)
		default:
			m.U32(uapi.FRA_TABLE, table)
		}
		if src != 0 {
			h[2] = 32
			m.BE32(uapi.FRA_SRC, src)
		}
		if _, failed := i.ask(m); failed != "" {
			t.Fatal(failed)
		}
	}
	for k := range uint32(many) {
		if k%10 == 0 {
			add(k+1, k+2, 0, 0) // to the next
		} else {
			add(k+1, 0, num("20.0.0.0")+k, 99)
		}
	}
	add(many+1, 0, 0, 100)
	f := ipv4.Flow{Daddr: num("8.0.0.1"), Saddr: num("10.1.0.2")}
	rt, err := ipv4.RouteOutput(nil, n, &f)
	if err != nil || rt.Gateway != num("10.1.0.1") {
		t.Errorf("%+v %v", rt, err)
	}
	l := ipv4.ExplainOutput(n, &ipv4.Flow{Daddr: num("8.0.0.1"), Saddr: num("10.1.0.2")})
	if l.Table != 100 || len(l.Rules) != 2+many/10 || !l.Rules[len(l.Rules)-1].Decided {
		t.Errorf("table %d by %d rules", l.Table, len(l.Rules))
	}
}

// BenchmarkRules is a lookup past 1,000 rules that do not match.
func BenchmarkRules(b *testing.B) {
	_, n := newHost(b)
	script(b, n, "addr add 10.1.0.2/24 dev a0", "route add default via 10.1.0.1")
	i := newIP(b, n)
	for k := range 1000 {
		i.run(fmt.Sprintf("rule add pref %d from 20.0.%d.%d table 99", k+1, k/250, k%250))
	}
	for b.Loop() {
		f := ipv4.Flow{Daddr: num("8.0.0.1"), Saddr: num("10.1.0.2")}
		if _, err := ipv4.RouteOutput(nil, n, &f); err != nil {
			b.Fatal(err)
		}
	}
}
