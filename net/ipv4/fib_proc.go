package ipv4

import (
	"bytes"
	"fmt"
	"math/bits"

	"linen/lib/lpm"
	"linen/net/procfs"
	"linen/uapi"
)

// initProc makes /proc/net/{route,fib_trie,fib_triestat}.
func (st *state) initProc() {
	t := procfs.Of(st.n)
	t.File("route", st.procRoute)
	st.initRouteStats(t)
	t.File("fib_trie", st.procTrie)
	t.File("fib_triestat", st.procTrieStat)
}

// procRoute writes /proc/net/route: the main table, one line of 127
// characters a route, addresses as the machine stores them (proc_net(5)).
func (st *state) procRoute(w *bytes.Buffer) {
	line := func(s string) { fmt.Fprintf(w, "%-127s\n", s) }
	line("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT")
	t := st.main.Load()
	if t == nil {
		return
	}
	t.walk(func(p lpm.Prefix, a *alias) bool {
		fi := a.info
		if fi.typ == uapi.RTN_BROADCAST || fi.typ == uapi.RTN_MULTICAST {
			return true
		}
		nh := fi.hops()[0]
		name, gw, flags := "*", uint32(0), uint32(uapi.RTF_UP)
		if errorOf(fi.typ) != 0 && (fi.typ == uapi.RTN_UNREACHABLE || fi.typ == uapi.RTN_PROHIBIT) {
			flags = uapi.RTF_UP | uapi.RTF_REJECT
		}
		if nh.dev != nil {
			name = nh.dev.Name()
		}
		if nh.gwFamily != 0 {
			gw = nh.gw
			flags |= uapi.RTF_GATEWAY
		}
		if p.Len == 32 {
			flags |= uapi.RTF_HOST
		}
		mss := uint32(0)
		if m := fi.metrics.Get(uapi.RTAX_ADVMSS); m != 0 {
			mss = m + 40
		}
		line(fmt.Sprintf("%s\t%08X\t%08X\t%04X\t%d\t%d\t%d\t%08X\t%d\t%d\t%d",
			name, bits.ReverseBytes32(p.Addr), bits.ReverseBytes32(gw), flags, 0, 0, fi.priority,
			bits.ReverseBytes32(mask(p.Len)), mss, fi.metrics.Get(uapi.RTAX_WINDOW), fi.metrics.Get(uapi.RTAX_RTT)>>3))
		return true
	})
}

// tableTitle is what fib_trie calls a table.
func tableTitle(id uint32) string {
	switch id {
	case uapi.RT_TABLE_LOCAL:
		return "Local:"
	case uapi.RT_TABLE_MAIN:
		return "Main:"
	}
	return fmt.Sprintf("Id %d:", id)
}

// scopeName returns a scope's name as fib_trie spells it.
func scopeName(s uint8) string {
	switch s {
	case uapi.RT_SCOPE_UNIVERSE:
		return "universe"
	case uapi.RT_SCOPE_SITE:
		return "site"
	case uapi.RT_SCOPE_LINK:
		return "link"
	case uapi.RT_SCOPE_HOST:
		return "host"
	case uapi.RT_SCOPE_NOWHERE:
		return "nowhere"
	}
	return fmt.Sprintf("scope=%d", s)
}

func typeUpper(t uint8) string { return string(bytes.ToUpper([]byte(typeName(t)))) }
