package inet

import (
	"linen/net/klog"
	"linen/net/netns"
)

// A machine's memory, in pages of 4 KiB, of which the kernel sizes its tables and
// limits: that of the machine which this project was compared with, a constant, so
// that the same program has the same limits everywhere. freePages is
// nr_free_buffer_pages while it started, which the numbers of its tcp_mem and
// udp_mem show: a program cannot compute it later, because the memory that the
// start itself held is free then and the watermarks have moved.
const (
	memoryPages = 24684084 / 4 // MemTotal of /proc/meminfo
	freePages   = 6141872
)

// MemoryLimits returns the three numbers of a setting such as tcp_mem, of one part
// in share of the memory: pages, low, pressure, high (tcp_init_mem: 16;
// udp_table_init: 8).
func MemoryLimits(share int64) []int64 {
	limit := freePages / share
	return []int64{limit / 4 * 3, limit, limit / 4 * 3 * 2}
}

// TableSize returns how many entries a hash table has that is given one for so
// many bytes of memory, a power of two from least to most
// (alloc_large_system_hash).
func TableSize(bytes, least, most int) int {
	return RoundUp(min(max(memoryPages*4096/bytes, least), most))
}

// RoundUp returns the power of two that is not below n.
func RoundUp(n int) int {
	size := 1
	for size < n {
		size *= 2
	}
	return size
}

// LogTable notes in the kernel's log of a machine's first namespace how many
// entries a hash table has at most; its memory grows with use, where Linux has the
// order and the bytes of what it took.
func LogTable(n *netns.Net, name string, entries int) {
	if n.First() == n {
		klog.Printf(n, klog.Info, "%s hash table entries: %d (grows with use)", name, entries)
	}
}
