package filetree

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
)

func text(s string) *Node { return NewFile(0o444, func() []byte { return []byte(s) }, nil) }

// sample is a small /proc with devices that are made when asked for.
func sample(t *testing.T) *Node {
	t.Helper()
	root := NewDir()
	devs := NewDynamicDir(
		func() []string { return []string{"lo", "eth0", "all"} },
		func(name string) *Node {
			if name != "lo" && name != "eth0" {
				return nil
			}
			d := NewDir()
			if err := d.Add("name", text(name)); err != nil {
				t.Fatal(err)
			}
			return d
		})
	for path, n := range map[string]*Node{
		"self/net/dev":          text("devices"),
		"net":                   NewSymlink("self/net"),
		"sys/net/ipv4/conf":     devs,
		"sys/net/ipv4/conf/all": text("all"),
		"loop":                  NewSymlink("loop"),
		"up":                    NewSymlink("/sys/../net/dev"),
	} {
		if path != "sys/net/ipv4/conf/all" {
			if err := root.AddPath(path, n); err != nil {
				t.Fatal(path, err)
			}
		}
	}
	if err := root.AddPath("sys/net/ipv4/conf/all", text("all")); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestWalk(t *testing.T) {
	root := sample(t)
	for _, c := range []struct {
		path, want string
		err        error
	}{
		{"/self/net/dev", "devices", nil},
		{"net/dev", "devices", nil},
		{"//net/./dev", "devices", nil},
		{"up", "devices", nil},
		{"/../../net/dev", "devices", nil},
		{"sys/net/ipv4/conf/eth0/name", "eth0", nil},
		{"sys/net/ipv4/conf/all", "all", nil},
		{"sys/net/ipv4/conf/eth1/name", "", fs.ErrNotExist},
		{"net/dev/x", "", ErrNotDir},
		{"net/dev/", "", ErrNotDir},
		{"loop", "", ErrLoop},
		{"sys", "", ErrIsDir},
		{"nothing", "", fs.ErrNotExist},
	} {
		got, err := root.ReadFile(c.path)
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", c.path, got, err)
		}
	}
	if n, err := root.Walk("net", false); err != nil || !n.IsSymlink() || n.Target != "self/net" {
		t.Error("a last symlink was followed")
	}
	if n, err := root.Walk("/", true); err != nil || n != root {
		t.Error("the root is not itself")
	}
}

func TestNamesAreSortedOnce(t *testing.T) {
	root := sample(t)
	d, err := root.Walk("sys/net/ipv4/conf", true)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Names(); !slices.Equal(got, []string{"all", "eth0", "lo"}) {
		t.Errorf("got %v", got)
	}
}

func TestAddAndRemove(t *testing.T) {
	root := sample(t)
	for name, want := range map[string]error{"": fs.ErrInvalid, "..": fs.ErrInvalid, "a/b": fs.ErrInvalid, "sys": fs.ErrExist, "new": nil} {
		if err := root.Add(name, NewDir()); !errors.Is(err, want) {
			t.Errorf("Add(%q): %v", name, err)
		}
	}
	if !root.Remove("new") || root.Remove("new") || root.Child("new") != nil {
		t.Error("Remove")
	}
	if err := text("x").Add("y", NewDir()); !errors.Is(err, ErrNotDir) {
		t.Errorf("added to a file: %v", err)
	}
	if _, err := root.Mkdir("self/net/dev/x"); !errors.Is(err, ErrNotDir) {
		t.Errorf("Mkdir through a file: %v", err)
	}
}

func TestWriteGoesToTheFile(t *testing.T) {
	root := NewDir()
	var got string
	bad := errors.New("out of range")
	f := NewFile(0o644, func() []byte { return []byte(got) }, func(b []byte) error {
		if string(b) == "bad" {
			return bad
		}
		got = string(b)
		return nil
	})
	if err := root.AddPath("sys/x", f); err != nil {
		t.Fatal(err)
	}
	if err := root.WriteFile("sys/x", []byte("1\n")); err != nil || got != "1\n" {
		t.Errorf("%q %v", got, err)
	}
	if err := root.WriteFile("sys/x", []byte("bad")); err != bad {
		t.Errorf("got %v", err)
	}
	if err := sample(t).WriteFile("net/dev", nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("wrote a read-only file: %v", err)
	}
}
