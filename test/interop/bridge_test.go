//go:build linux

package interop

import (
	"regexp"
	"testing"

	"linen/test/need"
)

// bridging makes a bridge with one port and asks iproute2's bridge about it.
const bridging = `
ip link add br0 type bridge ageing_time 1000
ip link add v0 type veth peer name v1
ip link set v0 master br0
ip link set v0 up; ip link set v1 up; ip link set br0 up
until bridge link | grep -q "state forwarding"; do sleep 0.05; done
bridge fdb add 02:00:00:00:00:07 dev v0 master static
bridge fdb add 02:00:00:00:00:08 dev v0 self
bridge link set dev v0 learning off
bridge -d link
bridge fdb show dev v0
bridge fdb del 02:00:00:00:00:07 dev v0 master
bridge fdb show br br0
ip -d link show br0
`

// TestBridgeProgram runs iproute2's bridge.
func TestBridgeProgram(t *testing.T) {
	need.Tool(t, "ip")
	need.Tool(t, "bridge")
	s := newSite(t, places()[0])
	out := s.must(s.linen, "run", "--", "sh", "-ec", bridging)
	for _, want := range []string{
		`(?m)^\d+: v0@v1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state forwarding priority 32 cost 2 *$`,
		`(?m)^ +hairpin off guard off root_block off fastleave off learning off flood on mcast_flood on bcast_flood on `,
		`(?m)^02:00:00:00:00:07 master br0 static$`,
		`(?m)^02:00:00:00:00:08 self permanent$`,
		`(?m)^02:00:00:00:00:08 dev v0 self permanent$`,
		`(?m)^([0-9a-f]{2}:){5}[0-9a-f]{2} dev v0 master br0 permanent$`,
		`bridge forward_delay 1500 hello_time 200 max_age 2000 ageing_time 1000 stp_state 0 priority 32768 `,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if regexp.MustCompile(`02:00:00:00:00:07 dev v0`).MatchString(out) {
		t.Errorf("deleted and still there:\n%s", out)
	}
}
