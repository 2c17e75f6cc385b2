package inet

import (
	"bytes"
	"fmt"
	"math/bits"
)

// ProcLine writes one socket as /proc/net/udp, raw and icmp show it; slot is
// the bucket, width the length that the line is padded to, 0 for none.
func (s *Sock) ProcLine(w *bytes.Buffer, slot, width int) {
	start := w.Len()
	le := bits.ReverseBytes32 // the kernel prints a __be32 as the CPU reads it
	fmt.Fprintf(w, "%5d: %08X:%04X %08X:%04X %02X %08X:%08X %02X:%08X %08X %5d %8d %d %d %016x %d",
		slot, le(s.RcvAddr.Load()), s.Num.Load(), le(s.Daddr.Load()), s.Dport.Load(), s.State(),
		s.WmemAlloc(), s.RmemAlloc(), 0, 0, 0, s.UID, 0, s.INode(), 2, 0, s.Drops())
	for w.Len()-start < width {
		w.WriteByte(' ')
	}
	w.WriteByte('\n')
}

// ProcHead writes the title of such a file.
func ProcHead(w *bytes.Buffer, indent string, width int) {
	start := w.Len()
	w.WriteString(indent + "sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops")
	for w.Len()-start < width {
		w.WriteByte(' ')
	}
	w.WriteByte('\n')
}
