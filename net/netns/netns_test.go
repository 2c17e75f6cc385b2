package netns

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"linen/kern"
)

type state struct{ net uint64 }

var (
	aKey = NewKey[state]("a")
	bKey = NewKey[state]("b")
)

func logged(log *[]string, key Key[state], name string, err error) Subsys {
	return Bind(key, func(n *Net) (*state, error) {
		*log = append(*log, "init "+name)
		return &state{n.ID()}, err
	}, func(n *Net, s *state) { *log = append(*log, "exit "+name) })
}

func TestInitInOrderExitBackwards(t *testing.T) {
	k := kern.New(kern.Config{})
	defer k.Close()
	var log []string
	n, err := New(k, logged(&log, aKey, "a", nil), logged(&log, bKey, "b", nil))
	if err != nil {
		t.Fatal(err)
	}
	if s := aKey.Of(n); s == nil || s.net != n.ID() {
		t.Errorf("slot holds %v", s)
	}
	n.Close()
	n.Close()
	if want := []string{"init a", "init b", "exit b", "exit a"}; !slices.Equal(log, want) {
		t.Errorf("log %v", log)
	}
	if l := All(k); len(l) != 0 {
		t.Errorf("%d namespaces left", len(l))
	}
}

func TestFailedInitUndoesWhatWasDone(t *testing.T) {
	k := kern.New(kern.Config{})
	defer k.Close()
	var log []string
	boom := errors.New("boom")
	_, err := New(k, logged(&log, aKey, "a", nil), logged(&log, bKey, "b", boom))
	if !errors.Is(err, boom) {
		t.Errorf("err = %v", err)
	}
	if want := []string{"init a", "init b", "exit a"}; !slices.Equal(log, want) {
		t.Errorf("log %v", log)
	}
}

func TestSlotOfAnAbsentSubsystemIsNil(t *testing.T) {
	k := kern.New(kern.Config{})
	defer k.Close()
	n, _ := New(k)
	defer n.Close()
	if aKey.Of(n) != nil {
		t.Error("a value from nowhere")
	}
}

func TestLockAllOrdersAndDefersRunAfterwards(t *testing.T) {
	k := kern.New(kern.Config{})
	defer k.Close()
	a, _ := New(k)
	b, _ := New(k)
	defer a.Close()
	defer b.Close()
	ran := 0
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			nets := []*Net{a, b, nil, a}
			if i%2 == 0 {
				slices.Reverse(nets)
			}
			unlock := LockAll(nets...)
			a.Defer(func() { k.Queue(func() { ran++ }) })
			unlock()
		})
	}
	all.Wait()
	k.Flush()
	if ran != 200 {
		t.Errorf("%d deferred functions ran, want 200", ran)
	}
}

func TestMustHoldPanics(t *testing.T) {
	k := kern.New(kern.Config{})
	defer k.Close()
	n, _ := New(k)
	defer n.Close()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	n.MustHold()
}

func TestPeerIDs(t *testing.T) {
	k := kern.New(kern.Config{})
	defer k.Close()
	a, _ := New(k)
	b, _ := New(k)
	c, _ := New(k)
	defer a.Close()
	defer c.Close()
	if id, fresh := a.EnsurePeerID(b); id != 0 || !fresh {
		t.Errorf("first id %d %v", id, fresh)
	}
	if id, fresh := a.EnsurePeerID(b); id != 0 || fresh {
		t.Errorf("again %d %v", id, fresh)
	}
	if _, err := a.SetPeerID(c, 0); !errors.Is(err, ErrPeerID) {
		t.Errorf("a taken id: %v", err)
	}
	if id, err := a.SetPeerID(c, 9); id != 9 || err != nil {
		t.Errorf("%d %v", id, err)
	}
	b.Close()
	if a.PeerByID(0) != nil {
		t.Error("a closed namespace kept its id")
	}
	if len(a.Peers()) != 1 {
		t.Errorf("peers %v", a.Peers())
	}
}

func BenchmarkOf(b *testing.B) {
	k := kern.New(kern.Config{})
	defer k.Close()
	var log []string
	n, _ := New(k, logged(&log, aKey, "a", nil))
	defer n.Close()
	for b.Loop() {
		if aKey.Of(n) == nil {
			b.Fatal("nil")
		}
	}
}
