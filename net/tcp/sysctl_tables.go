package tcp

import (
	"fmt"

	"linen/net/inet"
	"linen/net/klog"
	"linen/net/netns"
	"linen/net/sysctl"
)

// Sizes of the hash tables (tcp_init, inet_pernet_hashinfo_alloc).
const (
	bytesPerEhash = 128 << 10 // of memory for one entry of the established table
	mostEhash     = 512 << 10
	mostBhash     = 64 << 10 // of the table of bound ports
	mostChild     = 16 << 20 // tcp_child_ehash_entries
)

// tableSysctls are the settings of the table of connections. Each namespace has one
// of its own; a child with the size of the first one's shows it below zero, as
// Linux shows a shared table.
type tableSysctls struct {
	entries int // tcp_ehash_entries
	child   *sysctl.Int
}

// registerTables sizes the tables: of a child as tcp_child_ehash_entries of its
// maker has it, with limits that follow (tcp_set_hashinfo).
func (st *State) registerTables(n *netns.Net, t *sysctl.Tree) {
	y := &st.sys.tables
	y.child = t.Int("net/ipv4/tcp_child_ehash_entries", sysctl.Spec{Unit: sysctl.Unsigned, Max: mostChild, Ranged: true})
	size := inet.TableSize(bytesPerEhash, 1, mostEhash)
	y.entries = size
	if t.Child() {
		y.entries = -size
	}
	if m := n.Maker(); m != nil && Of(m) != nil {
		if own := Of(m).sys.tables.child.Load(); own != 0 {
			size = inet.RoundUp(int(own))
			y.entries = size
			st.sys.maxTW.Store(int64(size / 2))
			st.sys.maxSynBacklog.Store(int64(max(128, size/128)))
		}
	}
	st.conns.Bound(size)
	st.ports.Bound(min(size, mostBhash))
	t.Func("net/ipv4/tcp_ehash_entries", func() string { return fmt.Sprint(y.entries) }, nil)
	if !t.Child() {
		inet.LogTable(n, "TCP established", size)
		inet.LogTable(n, "TCP bind", mostBhash)
		klog.Printf(n, klog.Info, "TCP: Hash tables configured (established %d bind %d)", size, mostBhash)
	}
}
