package packet

import (
	"bytes"
	"fmt"
)

// show writes /proc/net/packet (packet_seq_show). The first column is a kernel
// address in Linux; here it is 0, as it is for readers without privilege.
func (st *State) show(w *bytes.Buffer) {
	fmt.Fprintf(w, "%-17sRefCnt Type Proto  Iface R Rmem   User   Inode\n", "sk")
	for _, s := range st.list() {
		s.Lock()
		running := 0
		if s.unhook != nil {
			running = 1
		}
		fmt.Fprintf(w, "%016x %-6d %-4d %04x   %-5d %1d %-6d %-6d %-6d\n",
			0, 2+running, s.Type(), s.num, s.ifindex, running, s.RmemAlloc(), s.UID, s.INode())
		s.Unlock()
	}
}
