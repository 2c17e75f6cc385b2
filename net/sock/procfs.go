package sock

import (
	"bytes"
	"fmt"
	"strings"

	"linen/net/netns"
	"linen/net/procfs"
)

// registerProc adds /proc/net/protocols and sockstat.
func registerProc(n *netns.Net, st *State) {
	t := procfs.Of(n)
	t.File("protocols", st.showProtocols)
	t.File("sockstat", st.showSockstat)
}

// showProtocols writes /proc/net/protocols, newest protocol first.
func (st *State) showProtocols(w *bytes.Buffer) {
	fmt.Fprintf(w, "%-9s %-4s %-8s %-6s %-5s %-7s %-4s %-10s %s", "protocol", "size", "sockets", "memory", "press", "maxhdr", "slab", "module", "cl co di ac io in de sh ss gs se re bi br ha uh gp em\n")
	for _, p := range st.protoList() {
		memory, press := int64(-1), "NI"
		if p.Memory != nil {
			memory = p.Memory()
		}
		if p.Pressure != nil {
			press = map[bool]string{false: "no", true: "yes"}[p.Pressure()]
		}
		slab := "yes"
		if p.NoSlab {
			slab = "no"
		}
		letters := strings.Join(strings.Split(p.Has, ""), "  ")
		fmt.Fprintf(w, "%-9s %4d %6d  %6d   %-3s %6d   %-3s  %-10s %s\n", p.Name, p.Size, p.shown(), memory, press, p.MaxHeader, slab, "kernel", " "+letters)
	}
}

func (st *State) protoList() []*Proto {
	st.protos.Lock()
	defer st.protos.Unlock()
	list := make([]*Proto, 0, len(st.protos.list))
	for i := len(st.protos.list) - 1; i >= 0; i-- {
		list = append(list, st.protos.list[i])
	}
	return list
}

// showSockstat writes /proc/net/sockstat; protocols give their lines.
func (st *State) showSockstat(w *bytes.Buffer) {
	used := int64(0)
	list := st.protoList()
	for _, p := range list {
		used += p.InUse()
	}
	fmt.Fprintf(w, "sockets: used %d\n", used)
	for _, name := range []string{"TCP", "UDP", "UDP-Lite", "RAW"} {
		label := strings.ReplaceAll(name, "-", "")
		for _, p := range list {
			if p.Name == name {
				fmt.Fprintf(w, "%s: inuse %d%s\n", strings.ToUpper(label), p.shown(), p.stat())
			}
		}
	}
	if st.fragStat != nil {
		inuse, memory := st.fragStat()
		fmt.Fprintf(w, "FRAG: inuse %d memory %d\n", inuse, memory)
	}
}

func (p *Proto) stat() string {
	if p.Sockstat == nil {
		return ""
	}
	return " " + p.Sockstat()
}

// SetFragStat gives sockstat its FRAG line: reassembly queues and their bytes.
func SetFragStat(n *netns.Net, f func() (queues int, memory int64)) { Of(n).fragStat = f }
