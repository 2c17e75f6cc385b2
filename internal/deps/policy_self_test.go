package deps

import "testing"

func TestMayImport(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		ok             bool
	}{
		{"down", "net/ipv4", "net/dev", true},
		{"up", "net/dev", "net/ipv4", false},
		{"sideways", "net/ipv4", "net/ipv6", false},
		{"sideways with a reason", "net/netns", "kern", true},
		{"longest prefix wins", "net/netfilter/conntrack", "net/ipv4", true},
		{"its own internal part", "net/tcp", "net/tcp/internal/tcb", true},
		{"inside a tree", "lab/clab", "lab", true},
		{"the façade is below run", "run/seccomp", "", true},
		{"the façade does not know run", "", "run", false},
		{"unknown package", "net/ipv4", "net/nowhere", false},
	} {
		if why := mayImport(c.from, c.to); (why == "") != c.ok {
			t.Errorf("%s: %s -> %s: %q", c.name, c.from, c.to, why)
		}
	}
}
