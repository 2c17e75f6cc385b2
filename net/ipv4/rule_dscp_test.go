package ipv4_test

import (
	"strings"
	"testing"

	"linen/net/netlink"
	"linen/uapi"
)

// dscpRule is what a request says of the DSCP: as tos, as dscp, and a mask.
type dscpRule struct {
	tos        uint8
	dscp, mask int // -1: not given
}

var dscpRules = map[string]dscpRule{
	"none": {0, -1, -1}, "tos8": {8, -1, -1}, "dscp0": {0, 0, -1}, "dscp2": {0, 2, -1}, "dscp3": {0, 3, -1},
	"dscp2/3f": {0, 2, 0x3f}, "dscp2/2": {0, 2, 2}, "dscp0/1": {0, 0, 1}, "dscp3/2": {0, 3, 2},
	"mask3f": {0, -1, 0x3f}, "mask2": {0, -1, 2}, "tos8+dscp2": {8, 2, -1},
}

func (i *ip) dscpRule(typ, flags uint16, r dscpRule) string {
	const fraDSCP, fraDSCPMask = 25, 30
	m := netlink.NewMsg(typ, flags|uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	copy(m.Grow(12), []byte{uapi.AF_INET, 3: r.tos, 4: uapi.RT_TABLE_MAIN, 7: uapi.FR_ACT_TO_TBL})
	m.U32(uapi.FRA_PRIORITY, 100)
	if r.dscp >= 0 {
		m.U8(fraDSCP, uint8(r.dscp))
	}
	if r.mask >= 0 {
		m.U8(fraDSCPMask, uint8(r.mask))
	}
	_, failed := i.ask(m)
	return failed
}

// codeOf is the number of what ask returned: all that is invalid here has a text.
func codeOf(failed string) string {
	switch {
	case failed == "":
		return "0"
	case failed == "RTNETLINK answers: File exists":
		return "17"
	case strings.HasPrefix(failed, "Error: "):
		return "22"
	}
	return failed
}

// TestRuleOfADSCPExists: which rules NLM_F_EXCL takes for the same, and which it
// refuses for another reason: recorded from 6.18, where an absent value matches any
// and a mask is compared before it is checked.
func TestRuleOfADSCPExists(t *testing.T) {
	_, n := newHost(t)
	i := newIP(t, n)
	for _, line := range []string{
		"none none:17 tos8:0 dscp0:0 dscp2:0 dscp2/3f:0 dscp2/2:0 dscp3:0 dscp0/1:0 mask3f:22 mask2:22 dscp3/2:22 tos8+dscp2:22",
		"tos8 none:17 tos8:17 dscp0:0 dscp2:0 dscp2/3f:0 dscp2/2:0 dscp3:0 dscp0/1:0 mask3f:22 mask2:22 dscp3/2:22 tos8+dscp2:22",
		"dscp0 none:17 tos8:0 dscp0:17 dscp2:0 dscp2/3f:0 dscp2/2:0 dscp3:0 dscp0/1:0 mask3f:17 mask2:22 dscp3/2:22 tos8+dscp2:22",
		"dscp2 none:17 tos8:0 dscp0:0 dscp2:17 dscp2/3f:17 dscp2/2:0 dscp3:0 dscp0/1:0 mask3f:17 mask2:22 dscp3/2:22 tos8+dscp2:22",
		"dscp2/3f none:17 tos8:0 dscp0:0 dscp2:17 dscp2/3f:17 dscp2/2:0 dscp3:0 dscp0/1:0 mask3f:17 mask2:22 dscp3/2:22 tos8+dscp2:22",
		"dscp2/2 none:17 tos8:0 dscp0:0 dscp2:17 dscp2/3f:0 dscp2/2:17 dscp3:0 dscp0/1:0 mask3f:22 mask2:17 dscp3/2:22 tos8+dscp2:22",
		"dscp3 none:17 tos8:0 dscp0:0 dscp2:0 dscp2/3f:0 dscp2/2:0 dscp3:17 dscp0/1:0 mask3f:17 mask2:22 dscp3/2:22 tos8+dscp2:22",
		"dscp0/1 none:17 tos8:0 dscp0:17 dscp2:0 dscp2/3f:0 dscp2/2:0 dscp3:0 dscp0/1:17 mask3f:22 mask2:22 dscp3/2:22 tos8+dscp2:22",
	} {
		words := strings.Fields(line)
		there := dscpRules[words[0]]
		for _, w := range words[1:] {
			name, want, _ := strings.Cut(w, ":")
			asked := dscpRules[name]
			i.dscpRule(uapi.RTM_NEWRULE, uapi.NLM_F_CREATE, there)
			got := i.dscpRule(uapi.RTM_NEWRULE, uapi.NLM_F_CREATE|uapi.NLM_F_EXCL, asked)
			for i.dscpRule(uapi.RTM_DELRULE, 0, dscpRule{0, -1, -1}) == "" {
			}
			if code := codeOf(got); code != want {
				t.Errorf("%s, then %s: %q, want %s", words[0], name, got, want)
			}
		}
	}
}

// TestObjectHidesShorterRoutes: where a route's next hop object does not suit,
// shorter routes with the same address are not looked at, as on 6.18, whose trie
// has them in one leaf.
func TestObjectHidesShorterRoutes(t *testing.T) {
	clock, n := newHost(t)
	i := newIP(t, n)
	script(t, n, "addr add 10.0.1.1/24 dev a0")
	for _, name := range []string{"a1p", "a1"} {
		i.run("link set " + name + " up")
	}
	clock.Settle()
	m := netlink.NewMsg(uapi.RTM_NEWNEXTHOP, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE)
	m.Grow(8)[0] = uapi.AF_INET
	m.U32(uapi.NHA_ID, 6)
	m.U32(uapi.NHA_OIF, i.index("a1"))
	if _, failed := i.ask(m); failed != "" {
		t.Fatal(failed)
	}
	script(t, n, "route add 10.0.1.0/30 nhid 6")
	for _, c := range []struct{ line, want string }{
		{"route get fibmatch 10.0.1.2 oif a0", "RTNETLINK answers: No route to host"},
		{"route get fibmatch 10.0.1.9 oif a0", "10.0.1.0/24 dev a0"},
		{"route get fibmatch 10.0.1.2", "10.0.1.0/30 dev a1"},
	} {
		if got := i.run(c.line); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.line, got, c.want)
		}
	}
}
