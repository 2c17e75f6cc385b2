//go:build linux

package supervise

import (
	"linen/lib/filetree"
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/sysctl"
)

// KernelFiles is the tree of a Net's kernel files: net, sys and class are what
// a node sees as /proc/net, /proc/sys/net and /sys/class/net. The last lists
// the devices' directories themselves, where Linux has links to /sys/devices,
// which is the host's.
func KernelFiles(n *netns.Net) *filetree.Node {
	root := filetree.NewDir()
	root.Add("net", procfs.Of(n).Node())
	root.Add("sys", filetree.NewDynamicDir(func() []string {
		return childrenOf(sysctl.Of(n).Node(), "net")
	}, func(name string) *filetree.Node {
		return walk(sysctl.Of(n).Node(), "net/"+name)
	}))
	sysfs := dev.Sysfs(n)
	root.Add("class", filetree.NewDynamicDir(func() []string {
		return childrenOf(sysfs, "class/net")
	}, func(name string) *filetree.Node {
		return walk(sysfs, "devices/virtual/net/"+name)
	}))
	return root
}

// walk returns the node at path, nil where there is none.
func walk(root *filetree.Node, path string) *filetree.Node {
	n, err := root.Walk(path, true)
	if err != nil {
		return nil
	}
	return n
}

func childrenOf(root *filetree.Node, path string) []string {
	if n := walk(root, path); n != nil {
		return n.Names()
	}
	return nil
}
