package sysctl_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"linen/kern"
	"linen/net/netns"
	"linen/net/sysctl"
	"linen/uapi/errno"
)

func newTree(t testing.TB) *sysctl.Tree {
	t.Helper()
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n, err := netns.New(k, sysctl.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	return sysctl.Of(n)
}

// write is one write and what a read then shows, as Linux 6.18 does it.
type write struct {
	text string
	err  error
	want string
}

func (w write) check(t *testing.T, tree *sysctl.Tree, path string) {
	t.Helper()
	err := tree.Set(path, w.text)
	got, _ := tree.Get(path)
	if !errors.Is(err, w.err) || got != w.want+"\n" {
		t.Errorf("%s: write %q: %v, then %q; want %v, %q", path, w.text, err, got, w.err, w.want)
	}
}

func TestIntegersAsLinux(t *testing.T) {
	tree := newTree(t)
	tree.Int("net/ipv4/conf/lo/tag", sysctl.Spec{})
	for _, w := range []write{
		{"5\n", nil, "5"},
		{"6", nil, "6"},
		{"0x10\n", nil, "16"},
		{"0Xff", nil, "255"},
		{"010\n", nil, "8"},
		{" 7 \n", nil, "7"},
		{"5 6\n", nil, "5"},
		{"8x\n", errno.EINVAL, "5"},
		{"\n", errno.EINVAL, "5"},
		{" ", errno.EINVAL, "5"},
		{"-", errno.EINVAL, "5"},
		{"-3", nil, "-3"},
		{"+5", errno.EINVAL, "-3"},
		{"5\x00", errno.EINVAL, "-3"},
		{"\t9\t", nil, "9"},
		{"2147483647", nil, "2147483647"},
		{"2147483648", errno.EINVAL, "2147483647"},
		{"-2147483648", nil, "-2147483648"},
		{"-2147483649", errno.EINVAL, "-2147483648"},
		{"99999999999999999999999", errno.EINVAL, "-2147483648"},
		{"0x", errno.EINVAL, "-2147483648"},
		{"08", errno.EINVAL, "-2147483648"},
		{"1\n2", nil, "1"},
		{"00000000000000000000000000005", errno.EINVAL, "1"},
		{"--5", errno.EINVAL, "1"},
		{"5,", errno.EINVAL, "1"},
		{"- 5", errno.EINVAL, "1"},
		{"\x0b6", nil, "6"},
		{"", nil, "6"},
		{"0", nil, "0"},
	} {
		w.check(t, tree, "net/ipv4/conf/lo/tag")
	}
}

func TestRangesAndUnits(t *testing.T) {
	tree := newTree(t)
	ttl := tree.Int("net/ttl", sysctl.Spec{Default: 64, Min: 1, Max: 255, Ranged: true, Unit: sysctl.Byte})
	fin := tree.Int("net/fin", sysctl.Spec{Default: 60000, Unit: sysctl.Seconds})
	ms := tree.Int("net/retrans_ms", sysctl.Spec{Default: 1000, Unit: sysctl.Milli})
	tree.View("net/retrans", ms, sysctl.UserHZ)
	tree.Int("net/u32", sysctl.Spec{Unit: sysctl.Unsigned})
	tree.Int("net/flag", sysctl.Spec{Unit: sysctl.Bool})
	for _, c := range []struct {
		path string
		w    write
	}{
		{"net/ttl", write{"0", errno.EINVAL, "64"}},
		{"net/ttl", write{"255", nil, "255"}},
		{"net/ttl", write{"256", errno.EINVAL, "255"}},
		{"net/fin", write{"5", nil, "5"}},
		{"net/fin", write{"-1", nil, "-1"}},
		{"net/fin", write{"99999999", errno.EINVAL, "-1"}},
		{"net/fin", write{"30", nil, "30"}},
		{"net/retrans", write{"50", nil, "50"}},
		{"net/u32", write{"4294967295", nil, "4294967295"}},
		{"net/u32", write{"-1", errno.EINVAL, "4294967295"}},
		{"net/flag", write{"2", errno.EINVAL, "0"}},
		{"net/flag", write{"1", nil, "1"}},
	} {
		c.w.check(t, tree, c.path)
	}
	if ttl.Load() != 255 || fin.Duration() != 30*time.Second || ms.Duration() != 500*time.Millisecond {
		t.Errorf("%d %v %v", ttl.Load(), fin.Duration(), ms.Duration())
	}
	if got, _ := tree.Get("net/retrans_ms"); got != "500\n" {
		t.Errorf("the other view: %q", got)
	}
}

func TestLists(t *testing.T) {
	tree := newTree(t)
	l := tree.List64("net/tcp_rmem", sysctl.Spec{Min: 1, Max: 1 << 30, Ranged: true}, []int64{4096, 131072, 6291456}, nil)
	for _, w := range []write{
		{"1 2 3", nil, "1\t2\t3"},
		{"4096\t131072 6291456\n", nil, "4096\t131072\t6291456"},
		{"5", nil, "5\t131072\t6291456"},
		{"7 x 9", errno.EINVAL, "7\t131072\t6291456"},
		{"0 1 2", errno.EINVAL, "7\t131072\t6291456"},
		{"4096 131072 6291456 99", nil, "4096\t131072\t6291456"},
		{" \n", errno.EINVAL, "4096\t131072\t6291456"},
	} {
		w.check(t, tree, "net/tcp_rmem")
	}
	if l.Load(1) != 131072 {
		t.Errorf("%d", l.Load(1))
	}
}

func TestOnWrite(t *testing.T) {
	tree := newTree(t)
	var calls [][2]int64
	refuse := false
	v := tree.Int("net/ipv4/ip_forward", sysctl.Spec{OnWrite: func(old, new int64) error {
		calls = append(calls, [2]int64{old, new})
		if refuse {
			return errno.EPERM
		}
		return nil
	}})
	tree.Set("net/ipv4/ip_forward", "1")
	refuse = true
	if err := tree.Set("net/ipv4/ip_forward", "0"); err != errno.EPERM || !v.Bool() {
		t.Errorf("refused: %v, value %d", err, v.Load())
	}
	v.Store(3)
	if want := [][2]int64{{0, 1}, {1, 0}}; !slices.Equal(calls, want) {
		t.Errorf("%v, want %v", calls, want)
	}
}

func TestModes(t *testing.T) {
	tree := newTree(t)
	flushed := 0
	tree.Int("net/version", sysctl.Spec{Default: 1, Mode: 0o444})
	tree.Func("net/ipv4/route/flush", nil, func(string) error { flushed++; return nil })
	tree.Func("net/available", func() string { return "reno cubic" }, nil)
	tree.String("net/congestion", "cubic", 15, 0, func(v string) error {
		if v != "reno" {
			return errno.ENOENT
		}
		return nil
	})
	if err := tree.Set("net/version", "2"); err != errno.EPERM {
		t.Errorf("read-only: %v", err)
	}
	if _, err := tree.Get("net/ipv4/route/flush"); err != errno.EACCES {
		t.Errorf("write-only: %v", err)
	}
	if err := tree.Set("net/ipv4/route/flush", "1"); err != nil || flushed != 1 {
		t.Errorf("flush: %v, %d", err, flushed)
	}
	write{"nosuch\n", errno.ENOENT, "cubic"}.check(t, tree, "net/congestion")
	write{"reno\n", nil, "reno"}.check(t, tree, "net/congestion")
	write{"x", errno.EPERM, "reno cubic"}.check(t, tree, "net/available")
	for path, want := range map[string]error{"net/none": errno.ENOENT, "no/such": errno.ENOENT, "net": errno.EISDIR} {
		if err := tree.Set(path, "1"); err != want {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

func TestGroups(t *testing.T) {
	tree := newTree(t)
	vars := []sysctl.Var{
		{Name: "forwarding", Field: 0},
		{Name: "base_reachable_time", Field: 1, Spec: sysctl.Spec{Default: 30000, Unit: sysctl.Seconds}},
		{Name: "base_reachable_time_ms", Field: 1, Spec: sysctl.Spec{Unit: sysctl.Milli}},
	}
	type call struct {
		field    int
		old, new int64
	}
	var calls []call
	g := tree.Group("net/ipv4/conf/eth0.5", vars, func(field int, old, new int64) error {
		calls = append(calls, call{field, old, new})
		return nil
	})
	other := tree.Group("net/ipv4/conf/lo", vars, nil)
	write{"1", nil, "1"}.check(t, tree, "net/ipv4/conf/eth0.5/forwarding")
	write{"1500", nil, "1500"}.check(t, tree, "net/ipv4/conf/eth0.5/base_reachable_time_ms")
	if got, _ := tree.Get("net/ipv4/conf/eth0.5/base_reachable_time"); got != "1\n" {
		t.Errorf("seconds: %q", got)
	}
	if !g.Bool(0) || g.Duration(1) != 1500*time.Millisecond || other.Bool(0) || other.Load(1) != 30000 {
		t.Errorf("%d %d, %d %d", g.Load(0), g.Load(1), other.Load(0), other.Load(1))
	}
	if want := []call{{0, 0, 1}, {1, 30000, 1500}}; !slices.Equal(calls, want) {
		t.Errorf("%v, want %v", calls, want)
	}
	tree.Rename("net/ipv4/conf/eth0.5", "net/ipv4/conf/wan")
	if got, err := tree.Get("net/ipv4/conf/wan/forwarding"); got != "1\n" || err != nil {
		t.Errorf("renamed: %q, %v", got, err)
	}
	entries, _ := tree.List("net/ipv4/conf")
	if len(entries) != 2 || entries[0].Name != "lo" || entries[1].Name != "wan" || !entries[1].Dir {
		t.Errorf("%v", entries)
	}
	tree.Remove("net/ipv4/conf/wan")
	if _, err := tree.Get("net/ipv4/conf/wan/forwarding"); err != errno.ENOENT {
		t.Errorf("removed: %v", err)
	}
}

func TestNode(t *testing.T) {
	tree := newTree(t)
	tree.Int("net/ipv4/ip_forward", sysctl.Spec{})
	tree.Group("net/ipv4/conf/lo", []sysctl.Var{{Name: "tag"}}, nil)
	root := tree.Node()
	if err := root.WriteFile("net/ipv4/conf/lo/tag", []byte("3\n")); err != nil {
		t.Error(err)
	}
	if got, err := root.ReadFile("net/ipv4/conf/lo/tag"); string(got) != "3\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	d, err := root.Walk("net/ipv4", true)
	if err != nil || !slices.Equal(d.Names(), []string{"conf", "ip_forward"}) {
		t.Errorf("%v, %v", d.Names(), err)
	}
	if f := d.Child("ip_forward"); f == nil || f.Mode != 0o644 {
		t.Errorf("%+v", f)
	}
}

// FuzzWrite writes arbitrary text: the value stays in its range, an error
// leaves it alone, and what is read back can be written.
func FuzzWrite(f *testing.F) {
	for _, s := range []string{"1", "0x10", "-3\n", " 7 8", "08", "1\t2 3\n", "99999999999999999999", "\x00", "abc\ndef"} {
		f.Add(s)
	}
	tree := newTree(f)
	v := tree.Int("net/v", sysctl.Spec{Default: 5, Min: -10, Max: 1000, Ranged: true})
	l := tree.List64("net/l", sysctl.Spec{Min: 0, Max: 9, Ranged: true}, []int64{1, 2, 3}, nil)
	s := tree.String("net/s", "x", 15, 0, nil)
	f.Fuzz(func(t *testing.T, text string) {
		old := v.Load()
		if err := tree.Set("net/v", text); err != nil && v.Load() != old {
			t.Errorf("%q: an error changed %d to %d", text, old, v.Load())
		}
		if v.Load() < -10 || v.Load() > 1000 {
			t.Errorf("%q: %d", text, v.Load())
		}
		tree.Set("net/l", text)
		for i := range 3 {
			if l.Load(i) < 0 || l.Load(i) > 9 {
				t.Errorf("%q: list has %d", text, l.Load(i))
			}
		}
		tree.Set("net/s", text)
		if len(s.Load()) > 15 || strings.ContainsAny(s.Load(), "\n\x00") {
			t.Errorf("%q: string %q", text, s.Load())
		}
		for _, path := range []string{"net/v", "net/l", "net/s"} {
			shown, _ := tree.Get(path)
			if err := tree.Set(path, shown); err != nil {
				t.Errorf("%s: %q read back is %v", path, shown, err)
			}
			if again, _ := tree.Get(path); again != shown {
				t.Errorf("%s: %q became %q", path, shown, again)
			}
		}
	})
}
