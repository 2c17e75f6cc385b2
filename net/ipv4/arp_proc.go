package ipv4

import (
	"bytes"
	"fmt"

	"linen/net/neigh"
	"linen/net/procfs"
	"linen/uapi"
	"linen/wire"
)

// arpProc makes /proc/net/arp (arp_seq_show).
func (st *state) arpProc() {
	procfs.Of(st.n).File("arp", func(w *bytes.Buffer) {
		w.WriteString("IP address       HW type     Flags       HW address            Mask     Device\n")
		st.arp.tbl.Each(func(nb *neigh.Neigh) bool {
			if state := nb.State(); state&^uapi.NUD_NOARP != 0 {
				mac := wire.MAC{}.String()
				if a := nb.Addr(); len(a) == 6 {
					mac = wire.MAC(a).String()
				}
				fmt.Fprintf(w, "%-16s 0x%-10x0x%-10x%-17s     *        %s\n", nb.IP(), arpHType(nb.Dev), atfFlags(state), mac, nb.Dev.Name())
			}
			return true
		})
		for _, p := range st.arp.tbl.Proxies() {
			name, typ := "*", uint16(0)
			if p.Dev != nil {
				name, typ = p.Dev.Name(), arpHType(p.Dev)
			}
			fmt.Fprintf(w, "%-16s 0x%-10x0x%-10x%s     *        %s\n", p.IP(), typ, uapi.ATF_PUBL|uapi.ATF_PERM, wire.MAC{}, name)
		}
	})
}

// atfFlags returns a state as arp_flags (arp_state_to_flags).
func atfFlags(state uint16) int32 {
	switch {
	case state&uapi.NUD_PERMANENT != 0:
		return uapi.ATF_PERM | uapi.ATF_COM
	case state&neigh.Valid != 0:
		return uapi.ATF_COM
	}
	return 0
}
