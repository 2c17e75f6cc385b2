//go:build linux

package supervise

import (
	"linen/lib/filetree"
	"linen/net/netns"
)

// KernelFiles is the tree of a Net's kernel files.
func KernelFiles(n *netns.Net) *filetree.Node {
	return filetree.NewDir()
}
