package mroute

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"linen/net/procfs"
)

// initProc makes /proc/net/ip_mr_vif and ip_mr_cache, of the default table.
func (st *State) initProc() {
	procfs.Of(st.n).File("ip_mr_vif", st.deflt.procVifs)
	procfs.Of(st.n).File("ip_mr_cache", st.deflt.procEntries)
}

// procVifs writes the VIFs; addresses stand as the machine stores them.
func (t *table) procVifs(w *bytes.Buffer) {
	w.WriteString("Interface      BytesIn  PktsIn  BytesOut PktsOut Flags Local    Remote\n")
	for i := range t.vifs {
		v := t.vifs[i].Load()
		if v == nil {
			continue
		}
		fmt.Fprintf(w, "%2d %-10s %8d %7d  %8d %7d %05X %08X %08X\n", i, v.dev.Name(),
			v.bytesIn.Load(), v.pktsIn.Load(), v.bytesOut.Load(), v.pktsOut.Load(), v.flags,
			binary.NativeEndian.Uint32(v.local[:]), binary.NativeEndian.Uint32(v.remote[:]))
	}
}

// procEntries writes the cache, and what waits with the VIF -1.
func (t *table) procEntries(w *bytes.Buffer) {
	w.WriteString("Group    Origin   Iif     Pkts    Bytes    Wrong Oifs\n")
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.list() {
		way := m.way.Load()
		fmt.Fprintf(w, "%08X %08X %-3d %8d %8d %8d", stored(m.group), stored(m.origin), way.parent,
			m.pkts.Load(), m.bytes.Load(), m.wrong.Load())
		for i, ttl := range way.ttls {
			if ttl < never && t.vifs[i].Load() != nil {
				fmt.Fprintf(w, " %2d:%-3d", i, ttl)
			}
		}
		w.WriteByte('\n')
	}
	for _, p := range t.waiting.list() {
		fmt.Fprintf(w, "%08X %08X %-3d %8d %8d %8d\n", stored(p.group), stored(p.origin), -1, 0, 0, 0)
	}
}

// stored returns an address as the machine stores it in network order.
func stored(a uint32) uint32 {
	return binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, a))
}
