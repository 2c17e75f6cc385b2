package procfs_test

import (
	"bytes"
	"slices"
	"testing"

	"linen/kern"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/uapi/errno"
)

func newTree(t *testing.T) *procfs.Tree {
	t.Helper()
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n, err := netns.New(k, procfs.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	return procfs.Of(n)
}

func text(s string) func(*bytes.Buffer) { return func(w *bytes.Buffer) { w.WriteString(s) } }

func names(t *testing.T, tree *procfs.Tree, path string) (list []string) {
	t.Helper()
	entries, err := tree.List(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name
		if e.Dir {
			name += "/"
		}
		list = append(list, name)
	}
	return list
}

func TestTree(t *testing.T) {
	tree := newTree(t)
	tree.File("arp", text("one\n"))
	tree.File("stat/rt_cache", text("two\n"))
	tree.File("stat/arp_cache", text("three\n"))
	var wrote string
	tree.Add("pktgen/ctl", &procfs.File{Read: text("4"), Write: func(p []byte) error { wrote = string(p); return nil }})
	if got := names(t, tree, ""); !slices.Equal(got, []string{"arp", "pktgen/", "stat/"}) {
		t.Errorf("root: %v", got)
	}
	for _, c := range []struct {
		path, want string
		err        error
	}{
		{"arp", "one\n", nil}, {"stat/rt_cache", "two\n", nil}, {"stat", "", errno.EISDIR}, {"no", "", errno.ENOENT},
	} {
		if got, err := tree.Read(c.path); string(got) != c.want || err != c.err {
			t.Errorf("read %s: %q, %v", c.path, got, err)
		}
	}
	for path, want := range map[string]error{"arp": errno.EIO, "stat": errno.EISDIR, "no": errno.ENOENT, "pktgen/ctl": nil} {
		if err := tree.Write(path, []byte("x")); err != want {
			t.Errorf("write %s: %v, want %v", path, err, want)
		}
	}
	if wrote != "x" {
		t.Errorf("wrote %q", wrote)
	}
	if _, err := tree.List("arp"); err != errno.ENOTDIR {
		t.Errorf("list of a file: %v", err)
	}
	tree.Remove("stat/rt_cache")
	tree.Remove("pktgen/ctl")
	if got := names(t, tree, ""); !slices.Equal(got, []string{"arp", "stat/"}) {
		t.Errorf("after Remove: %v", got)
	}
}

func TestNode(t *testing.T) {
	tree := newTree(t)
	root := tree.Node()
	tree.File("dev_snmp6/eth0", text("x"))
	if got, err := root.ReadFile("dev_snmp6/eth0"); string(got) != "x" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got := root.Names(); !slices.Equal(got, []string{"dev_snmp6"}) {
		t.Errorf("%v", got)
	}
	tree.Remove("dev_snmp6/eth0")
	if _, err := root.ReadFile("dev_snmp6/eth0"); err == nil {
		t.Error("a removed file is still there")
	}
}
