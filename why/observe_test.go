package why_test

import (
	"fmt"
	"net/netip"
	"testing"

	"linen"
	"linen/uapi"
	"linen/why"
)

// TestObserveNotesWhoChangedWhat: a step names the program whose netlink
// request set what decided.
func TestObserveNotesWhoChangedWhat(t *testing.T) {
	x := newWorld(t)
	h := new(why.History)
	cancel, err := h.Observe(x.nodes[1], func(port uint32) string { return fmt.Sprintf("a program (%t)", port != 0) })
	x.must(err)
	const want = "a program (true)"
	x.netlinkRoute(x.r, "10.9.0.0/16", uapi.RTN_UNREACHABLE)
	x.netlinkRoute(x.r, "10.8.0.1/32", uapi.RTN_BLACKHOLE)
	x.netlinkRule(x.r, 50, "10.7.0.0/16", uapi.FR_ACT_PROHIBIT)
	x.neigh(x.r, "eth0", "10.1.0.77", "02:00:00:00:00:77")
	x.must(x.r.AddAddr("eth0", netip.MustParsePrefix("10.6.0.1/24")))
	for _, object := range []string{
		"route 10.9.0.0/16", "route 10.8.0.1", "rule 50", "neigh 10.1.0.77", "addr 10.6.0.1/24",
	} {
		if got := h.Lookup("r", object); got != want {
			t.Errorf("%s: set by %q", object, got)
		}
	}
	r, err := why.Walk(x.nodes, "a", why.Flow{Dst: netip.MustParseAddr("10.9.0.1")}, h)
	x.must(err)
	if got := r.Last().SetBy; got != want {
		t.Errorf("the dry run says %q", got)
	}
	cancel()
	x.must(x.r.AddRoute(linen.Route{Via: netip.MustParseAddr("10.1.0.2")}))
	if got := h.Lookup("r", "route default"); got != "" {
		t.Errorf("after cancel: %q", got)
	}
}
