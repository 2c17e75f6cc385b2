// Package mib holds a namespace's protocol counters: those of /proc/net/snmp
// and /proc/net/netstat, under the kernel's names.
//
// A counter is one word per CPU, written by the CPU's holder only; readers add
// the CPUs up. ICMP messages by type, which are rare, are atomics made at their
// first use. CurrEstab is a gauge: add ^uint64(0) to lower it.
//
// Linux files: include/net/snmp.h, include/uapi/linux/snmp.h, net/ipv4/proc.c.
// RFC 1213, RFC 2012, RFC 2013, RFC 3828. Not done: the IPv6 groups, which are
// net/ipv6's, and the groups of MPTCP, SCTP and IPsec.
package mib

import (
	"sync/atomic"

	"linen/kern"
	"linen/net/netns"
)

// Directions of ICMPMsg.
const (
	In  = 0 // received
	Out = 1 // sent
)

// A Table is a namespace's counters.
type Table struct {
	n     *netns.Net
	cells kern.Local[[NumIDs]uint64]
	icmp  [2]atomic.Pointer[[256]atomic.Uint64]
}

var key = netns.NewKey[Table]("mib")

// Pernet makes a namespace's counters.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*Table, error) {
		return &Table{n: n, cells: kern.NewLocal[[NumIDs]uint64](n.Kernel())}, nil
	}, nil)
}

// Of returns n's counters.
func Of(n *netns.Net) *Table { return key.Of(n) }

// Inc adds one to n's counter id. The caller holds c.
func Inc(c *kern.CPU, n *netns.Net, id ID) { key.Of(n).cells.At(c)[id]++ }

// Add adds v to n's counter id. The caller holds c.
func Add(c *kern.CPU, n *netns.Net, id ID, v uint64) { key.Of(n).cells.At(c)[id] += v }

// Inc adds one to the counter id. The caller holds c.
func (t *Table) Inc(c *kern.CPU, id ID) { t.cells.At(c)[id]++ }

// At returns c's counters, for who moves several of them at once. The caller
// holds c.
func (t *Table) At(c *kern.CPU) *[NumIDs]uint64 { return t.cells.At(c) }

// Add adds v to the counter id. The caller holds c.
func (t *Table) Add(c *kern.CPU, id ID, v uint64) { t.cells.At(c)[id] += v }

// ICMPMsg counts an ICMP message of type typ, received (In) or sent (Out). It
// may be called from anywhere.
func (t *Table) ICMPMsg(dir int, typ uint8) {
	p := t.icmp[dir].Load()
	if p == nil {
		t.icmp[dir].CompareAndSwap(nil, new([256]atomic.Uint64))
		p = t.icmp[dir].Load()
	}
	p[typ].Add(1)
}

// ICMPMsgs returns how many ICMP messages of type typ went in direction dir.
func (t *Table) ICMPMsgs(dir int, typ uint8) uint64 {
	if p := t.icmp[dir].Load(); p != nil {
		return p[typ].Load()
	}
	return 0
}

// Read returns the sums over all CPUs. The caller is on no CPU.
func (t *Table) Read() (sum [NumIDs]uint64) {
	t.n.Kernel().Each(func(c *kern.CPU) {
		for id, v := range t.cells.At(c) {
			sum[id] += v
		}
	})
	return sum
}
