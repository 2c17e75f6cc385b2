//go:build linux

package interop

import (
	"regexp"
	"strings"
	"testing"

	"linen/test/need"
)

// notHere are the features that this stack has not, or that cannot be switched.
var notHere = regexp.MustCompile(`(?m)^\s*(.*\[fixed\]|(tx-(checksum-sctp|tcp-accecn|gre|ipxip|udp_tnl|sctp|gso-list|nocache|vlan-stag)|rx-(gro-list|vlan-stag))\S*: .*)\n`)

// TestEthtoolFeatures: ethtool(8) reads and switches offloads as on the machine's
// kernel, and complains as there.
func TestEthtoolFeatures(t *testing.T) { // spec 1.37, 11.86, B.14
	binaryOnly(t)
	reference(t)
	need.Tool(t, "ip")
	need.Tool(t, "ethtool")
	const script = `ip link add a0 type veth peer name b0
		for line in '-k a0' '-K a0 gro on' '-K a0 tso off' '-k a0' '-K a0 sg off' '-k a0' '-K a0 sg on tx off' '-k a0' '-K a0 tx on tso on gro off' '-k a0' \
			'-K a0 rx-lro on' '-K a0 nonsense on' '-K a0 rx-udp-gro-forwarding on' '-k a0' '-k nodev' '-K nodev gro on'; do
			echo "ethtool $line"
			ethtool $line 2>&1
			echo "exit $?"
		done`
	s := newSite(t, places()[0])
	text := func(argv ...string) string {
		return notHere.ReplaceAllString(s.must(append(argv, "sh", "-c", script)...), "")
	}
	kernel, ours := text("unshare", "-n"), text(s.linen, "run", "--")
	if !strings.Contains(ours, "generic-receive-offload: on") {
		t.Errorf("GRO was not switched on:\n%s", ours)
	}
	if ours != kernel {
		t.Errorf("linen:\n%s\nthis machine's kernel:\n%s", ours, kernel)
	}
}
