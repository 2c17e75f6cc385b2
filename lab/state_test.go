package lab

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"linen/lab/clab"
)

func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("left out: labs run on Linux only")
	}
}

func testState(t *testing.T) State {
	t.Helper()
	onLinux(t)
	dir, err := os.MkdirTemp("", "l") // t.TempDir's long names would not leave room for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return State{filepath.Join(dir, "s")}
}

func TestDefaultState(t *testing.T) {
	dir := t.TempDir()
	for xdg, want := range map[string]string{dir: filepath.Join(dir, "linen"), "relative": "linen-7", "": "linen-7", filepath.Join(dir, "none"): "linen-7"} {
		s := DefaultState(func(string) string { return xdg }, 7)
		if s.Root != want && filepath.Base(s.Root) != want {
			t.Errorf("XDG_RUNTIME_DIR=%q: %s, want %s", xdg, s.Root, want)
		}
	}
}

// TestLockDecidesWhatIsUp: a held lock is a lab that is up; what lies about without one blocks nobody.
func TestLockDecidesWhatIsUp(t *testing.T) {
	s := testState(t)
	d, err := s.Acquire("a")
	if err != nil {
		t.Fatal(err)
	}
	var running *RunningError
	if _, err := s.Acquire("a"); !errors.As(err, &running) {
		t.Errorf("a second up: %v", err)
	}
	if labs, err := s.Labs(); err != nil || len(labs) != 1 || labs[0].Name != "a" {
		t.Errorf("labs %v, %v", labs, err)
	}
	if st, err := os.Stat(d.Path); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	f, err := d.CreateLog("r1", 3)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	// a crash: the lock goes with the process, the files stay
	d.lock.Close()
	if labs, _ := s.Labs(); len(labs) != 0 {
		t.Errorf("a dead lab is listed: %v", labs[0])
	}
	d, err = s.Acquire("a")
	if err != nil {
		t.Fatalf("after a crash: %v", err)
	}
	if _, err := os.Stat(d.Log("r1", 3)); err == nil {
		t.Error("the dead lab's logs are still there")
	}
	if err := d.Release(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.Path); err == nil {
		t.Error("release left the directory")
	}
	if err := d.Release(); err != nil {
		t.Errorf("a second release: %v", err)
	}
}

func TestStateRefusesOthersDirectories(t *testing.T) {
	s := testState(t)
	if err := os.Mkdir(s.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire("a"); err == nil || !strings.Contains(err.Error(), "only you") {
		t.Errorf("an open directory: %v", err)
	}
	for _, bad := range []string{"", "..", "a/b", ".hidden", strings.Repeat("x", 120)} {
		if d, err := s.Acquire(bad); err == nil {
			t.Errorf("%q was accepted: %v", bad, d)
		}
	}
}

func TestFind(t *testing.T) {
	s := testState(t)
	want := func(sel Selection, name, text string) {
		t.Helper()
		d, err := s.Find(sel)
		if name != "" && (err != nil || d.Name != name) {
			t.Errorf("%+v: %v, %v; want %s", sel, d, err, name)
		}
		if name == "" && (err == nil || !strings.Contains(err.Error(), text)) {
			t.Errorf("%+v: %v, want %q", sel, err, text)
		}
	}
	want(Selection{}, "", "no lab is up")
	a, err := s.Acquire("alpha")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Release()
	file := filepath.Join(s.Root, "x.clab.yml")
	if err := a.WriteMeta(Meta{API: APIVersion, Name: "alpha", File: file, Nodes: []string{"r1"}}); err != nil {
		t.Fatal(err)
	}
	want(Selection{}, "alpha", "")
	b, err := s.Acquire("beta")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	want(Selection{}, "", "2 labs are up (alpha, beta)")
	want(Selection{Lab: "beta"}, "beta", "")
	want(Selection{Lab: "bta"}, "", `did you mean "beta"?`)
	want(Selection{File: file}, "alpha", "")
	want(Selection{File: "other.clab.yml"}, "", "up are: alpha, beta")
	if m, err := a.Meta(); err != nil || m.Nodes[0] != "r1" {
		t.Errorf("meta %+v, %v", m, err)
	}
}

func TestResolveNode(t *testing.T) {
	prefix := "__lab-name"
	topo := &clab.Topology{Name: "l", Nodes: []*clab.Node{{Name: "router1", Labels: map[string]string{"tier": "spine"}}, {Name: "pc"}}}
	for _, c := range []struct{ word, want, err string }{
		{"router1", "router1", ""}, {"clab-l-pc", "pc", ""}, {"ruoter1", "", `did you mean "router1"?`}, {"zzzz", "", "it has pc, router1"},
	} {
		got, err := ResolveNode(topo, c.word)
		if got != c.want || (c.err != "") != (err != nil) || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", c.word, got, err)
		}
	}
	topo.Prefix = &prefix
	if n := LongName(topo, "pc"); n != "l-pc" {
		t.Errorf("long name %s", n)
	}
	if got := SelectNodes(topo, []string{"tier=spine"}); len(got) != 1 || got[0] != "router1" {
		t.Errorf("selected %v", got)
	}
	if got := SelectNodes(topo, nil); len(got) != 2 {
		t.Errorf("selected %v", got)
	}
}
