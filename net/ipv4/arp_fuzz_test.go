package ipv4_test

import (
	"slices"
	"strings"
	"testing"

	"linen/uapi"
)

// sortedLines orders what a hash table prints.
func sortedLines(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// FuzzARP receives any bytes as ARP: nothing may break, what is sent makes
// sense, the table stays small and no packet is answered by more than one.
func FuzzARP(f *testing.F) {
	for _, a := range []arp{
		request("10.1.0.1", peer, "10.1.0.2"), request("0.0.0.0", peer, "10.1.0.2"), request("10.1.0.1", peer, "10.1.0.1"),
		request("10.1.0.1", peer, "10.2.0.9"), reply("10.1.0.1", peer), {op: uapi.ARPOP_RREQUEST, sha: peer, spa: "10.1.0.1", tpa: "10.1.0.2"},
	} {
		f.Add(a.frame()[14:])
	}
	f.Add([]byte{0, 1, 8, 0, 6, 4, 0})
	l := newARPLab(f)
	l.set("ip_forward", "1")
	l.set("conf/all/proxy_arp", "1")
	l.set("neigh/e0/proxy_delay", "0")
	l.set("conf/all/arp_accept", "1")
	f.Fuzz(func(t *testing.T, tail []byte) {
		frame := slices.Concat(bcast[:], peer[:], []byte{8, 6}, tail)
		l.sent = nil
		l.e0.Inject(frame)
		if len(l.sent) > 1 || len(l.sent) == 1 && strings.Contains(l.sent[0], "bad") {
			t.Errorf("% x is answered by %q", tail, l.sent)
		}
		if n := l.tbl.Len(); n > 1100 {
			t.Errorf("%d entries", n)
		}
	})
}
