package ipv4

import (
	"bytes"

	"linen/net/procfs"
)

// initPathProc makes /proc/net/snmp and /proc/net/netstat (net/ipv4/proc.c).
func (st *state) initPathProc() {
	t := procfs.Of(st.n)
	t.File("snmp", func(w *bytes.Buffer) {
		st.path.mib.WriteSNMP(w, st.ipForward.Bool(), int(st.path.set.ttl.Load()))
	})
	t.File("netstat", st.path.mib.WriteNetstat)
}
