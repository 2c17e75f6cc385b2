package afnetlink

import (
	"bytes"
	"fmt"

	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
)

// registerProc adds /proc/net/netlink: the kernel's sockets, then users'.
func registerProc(n *netns.Net, t *procfs.Tree) {
	t.File("netlink", func(w *bytes.Buffer) {
		w.WriteString("sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n")
		ports, kernel := netlink.Ports(n)
		for _, proto := range kernel {
			row(w, netlink.Info{Proto: proto}, 0)
		}
		for _, p := range ports {
			var inode uint64
			if s, ok := p.Owner().(*Socket); ok {
				inode = s.INode()
			}
			row(w, p.Info(), inode)
		}
	})
}

// row writes one socket. The first column is a kernel address in Linux; here it
// is 0, as it is for readers without privilege.
func row(w *bytes.Buffer, i netlink.Info, inode uint64) {
	dump := 0
	if i.Dump {
		dump = 1
	}
	fmt.Fprintf(w, "%016x %-3d %-10d %08x %-8d %-8d %-5d %-8d %-8d %-8d\n",
		0, i.Proto, i.ID, i.Groups, i.Rmem, 0, dump, 2, i.Drops, inode)
}
