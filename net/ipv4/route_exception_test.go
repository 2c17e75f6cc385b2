package ipv4_test

import (
	"testing"

	"linen/net/ipv4"
)

// TestPathMTUFollowsTheDevice: none that was learned stays above the device's
// MTU, and one that was the device's own grows with it (the kernel's selftest
// pmtu.sh, test_pmtu_ipvX). It is the same with a next hop object.
func TestPathMTUFollowsTheDevice(t *testing.T) {
	for _, object := range []bool{false, true} {
		w := newWorld(t)
		if object {
			w.ip(w.a, "nexthop add id 5 via 10.0.0.2 dev a0")
			w.ip(w.a, "route del default")
			w.ip(w.a, "route add default nhid 5")
		}
		other := num("10.0.9.9")
		ipv4.UpdatePMTU(nil, w.a, w.way(addrB), addrB, 1300)
		ipv4.UpdatePMTU(nil, w.a, w.way(other), other, 1100)
		for _, step := range []struct {
			mtu         int
			near, other int
		}{{1400, 1300, 1100}, {1200, 1200, 1100}, {1350, 1350, 1100}, {1000, 1000, 1000}, {1500, 1500, 1500}} {
			w.mtu(device(w.a, "a0"), step.mtu)
			if a, b := w.way(addrB).MTU(), w.way(other).MTU(); a != step.near || b != step.other {
				t.Errorf("object %v, MTU %d: %d and %d, want %d and %d", object, step.mtu, a, b, step.near, step.other)
			}
		}
	}
}

// TestPathMTULockedByMinPMTU: one that min_pmtu raised does not grow with the
// device.
func TestPathMTULockedByMinPMTU(t *testing.T) {
	w := newWorld(t)
	w.mtu(device(w.a, "a0"), 552)
	w.mtu(device(w.a, "a0"), 1500)
	ipv4.UpdatePMTU(nil, w.a, w.way(addrB), addrB, 300)
	w.mtu(device(w.a, "a0"), 1400)
	if rt := w.way(addrB); rt.MTU() != 552 || !rt.MTULocked() {
		t.Errorf("MTU %d, locked %v", rt.MTU(), rt.MTULocked())
	}
	w.mtu(device(w.a, "a0"), 500)
	if rt := w.way(addrB); rt.MTU() != 500 || rt.MTULocked() {
		t.Errorf("MTU %d, locked %v of a smaller device", rt.MTU(), rt.MTULocked())
	}
}
