package badpackets

import (
	"slices"
	"strings"
	"testing"

	"linen/net/skb"
)

// TestLinen: linen sends and counts what Linux does, for every case, and drops
// for the reason that the table names.
func TestLinen(t *testing.T) {
	want, drops := recorded(t), dropped(t)
	for _, c := range table(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lines, ok := want[c.name]
			if !ok {
				t.Fatalf("%s has no such case: record it", file)
			}
			v := newVirtual(t)
			o, err := c.play(&run{m: v})
			if err != nil {
				t.Fatal(err)
			}
			lines, reasons := split(lines)
			for _, d := range differences(o.lines(), lines) {
				t.Error(d)
			}
			if got := strings.Join(o.drops, " "); got != drops[c.name] {
				t.Errorf("dropped for %q, the table says %q; the kernel: %q", got, drops[c.name], reasons)
			}
			for _, e := range v.seen {
				if e.Explain == "" || e.By == "" {
					t.Errorf("%s is not explained: %q because %q, change %q", e.Reason, e.Explain, e.By, e.Change)
				}
			}
		})
	}
}

// split parts what was seen from outside from the reasons.
func split(lines []string) (seen, reasons []string) {
	for _, l := range lines {
		if r, ok := strings.CutPrefix(l, "drops "); ok {
			reasons = append(reasons, r)
		} else {
			seen = append(seen, l)
		}
	}
	return seen, reasons
}

// refines are reasons of linen that say more than the kernel's.
var refines = map[string]string{"IP_FORWARDING_OFF": "IP_INADDRERRORS", "TTL_EXPIRED": "IP_INHDR", "ICMP_BAD": "IP_INHDR"}

// silent are those of packets that Linux ends without its trace point.
var silent = map[string]bool{"TCP_LISTEN_OVERFLOW": true}

// TestReasonsAreTheKernels: each reason of the table is what the kernel's trace
// point says, or more precise than its NOT_SPECIFIED; and a packet that the
// kernel drops is dropped here.
func TestReasonsAreTheKernels(t *testing.T) {
	want, drops, known := recorded(t), dropped(t), kernelNames()
	for _, c := range table(t) {
		_, theirs := split(want[c.name])
		ours := strings.Fields(drops[c.name])
		if len(ours) == 0 && len(theirs) != 0 && !slices.Equal(theirs, []string{"NOT_SPECIFIED"}) {
			t.Errorf("%s: not dropped here, %q on Linux", c.name, theirs)
		}
		for _, r := range ours {
			switch {
			case slices.Contains(theirs, r), slices.Contains(theirs, "NOT_SPECIFIED"), slices.Contains(theirs, refines[r]):
			case len(theirs) == 0 && (!known[r] || silent[r]):
			default:
				t.Errorf("%s: %s here, %q on Linux", c.name, r, theirs)
			}
		}
	}
}

// kernelNames are the reasons that Linux has.
func kernelNames() map[string]bool {
	all := make(map[string]bool)
	for r := skb.ReasonNotSpecified; r < skb.ReasonTTLExpired; r++ {
		all[r.String()] = true
	}
	return all
}
