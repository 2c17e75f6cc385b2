//go:build linux

package fuse

import (
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"linen/lib/filetree"
)

// Sample is the tree of the tests: the three parts that a node shows.
func Sample(t testing.TB) Tree {
	root := filetree.NewDir()
	var forward atomic.Value
	forward.Store("0\n")
	for path, n := range map[string]*filetree.Node{
		"class/lo/type":        text("772\n"),
		"net/dev":              text("the node's devices\n"),
		"net/big":              text(strings.Repeat("x", 300_000)),
		"net/link":             filetree.NewSymlink("dev"),
		"sys/ipv4/route/flush": filetree.NewFile(0o200, nil, func([]byte) error { return nil }),
		"sys/ipv4/ip_forward": filetree.NewFile(0o644,
			func() []byte { return []byte(forward.Load().(string)) },
			func(p []byte) error {
				if s := strings.TrimSpace(string(p)); s != "0" && s != "1" {
					return unix.EINVAL
				}
				forward.Store(strings.TrimSpace(string(p)) + "\n")
				return nil
			}),
	} {
		if err := root.AddPath(path, n); err != nil {
			t.Fatal(err)
		}
	}
	return Tree{Root: func(Caller) *filetree.Node { return root }}
}

func text(s string) *filetree.Node {
	return filetree.NewFile(0o444, func() []byte { return []byte(s) }, nil)
}
