package sysctl

import (
	"testing"

	"linen/kern"
	"linen/net/netns"
	"linen/uapi/errno"
)

// TestScopes: a child namespace has the machine's settings not at all, or sees
// them, and uses the first namespace's.
func TestScopes(t *testing.T) {
	k := kern.New(kern.Config{Clock: kern.NewManualClock()})
	defer k.Close()
	first, err := netns.New(k, Pernet())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	child, err := netns.NewChild(first, Pernet())
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	for _, tc := range []struct {
		path  string
		scope Scope
		mode  uint32 // in the child; 0: no file
		same  bool
	}{
		{"net/own", OfNet, 0o644, false},
		{"net/hidden", OfMachine, 0, true},
		{"net/shown", Shown, 0o444, true},
	} {
		a := Of(first).Int(tc.path, Spec{Default: 1, Scope: tc.scope})
		b := Of(child).Int(tc.path, Spec{Default: 1, Scope: tc.scope})
		if (a == b) != tc.same {
			t.Errorf("%s: one setting for both: %v", tc.path, a == b)
		}
		e, err := Of(child).Stat(tc.path)
		if (err == nil) != (tc.mode != 0) || e.Mode != tc.mode {
			t.Errorf("%s: mode %o, %v", tc.path, e.Mode, err)
		}
		if err := Of(first).Set(tc.path, "2"); err != nil {
			t.Errorf("%s: %v", tc.path, err)
		}
		if tc.scope == Shown {
			if v, _ := Of(child).Get(tc.path); v != "2\n" {
				t.Errorf("%s: %q", tc.path, v)
			}
			if err := Of(child).Set(tc.path, "3"); err != errno.EPERM {
				t.Errorf("%s: %v", tc.path, err)
			}
		}
	}
	l := Of(first).List64("net/list", Spec{Scope: OfMachine}, []int64{1, 2}, nil)
	if Of(child).List64("net/list", Spec{Scope: OfMachine}, []int64{1, 2}, nil) != l {
		t.Error("two lists")
	}
}
