package ipv4

import (
	"bytes"
	"fmt"

	"linen/kern"
	"linen/net/procfs"
	"linen/net/skb"
)

// routeStat counts what the data path decided the slow way
// (struct rt_cache_stat). Taking a route that is made already counts nowhere.
type routeStat uint8

const (
	statInSlow     routeStat = iota // routes made for received packets
	statInSlowMc                    // ... to groups
	statInNoRoute                   // received packets without a way
	statInBrd                       // received broadcasts
	statMartianDst                  // impossible destinations
	statMartianSrc                  // impossible sources
	statOutSlow                     // routes made for packets of our own
	statOutSlowMc                   // ... to groups
	numRouteStats
)

// count counts on the CPU c; off a CPU, where questions come from, nothing is
// counted.
func (st *state) count(c *kern.CPU, s routeStat) {
	if c != nil {
		st.stats.At(c)[s]++
	}
}

// countInput counts what became of a received packet that is no usual one.
func (st *state) countInput(c *kern.CPU, rt *Route, reason skb.Reason) {
	switch reason {
	case 0:
		switch {
		case rt.Err != 0:
			st.count(c, statInNoRoute)
		case rt.Flags&RTCFMulticast != 0:
			st.count(c, statInSlowMc)
		case rt.Flags&RTCFBroadcast != 0:
			st.count(c, statInBrd)
		}
	case skb.ReasonIPInvalidSource, skb.ReasonIPLocalSource, skb.ReasonIPRpfilter:
		st.count(c, statMartianSrc)
	case skb.ReasonIPInvalidDest, skb.ReasonIPLocalnet:
		st.count(c, statMartianDst)
	}
}

// initRouteStats makes /proc/net/rt_cache, whose cache went with Linux 3.6 and
// left its title, /proc/net/rt_acct and /proc/net/stat/rt_cache, a line of counters for each CPU
// (lnstat(8)). The columns that spoke of the cache are 0.
func (st *state) initRouteStats(t *procfs.Tree) {
	t.File("rt_cache", func(w *bytes.Buffer) {
		fmt.Fprintf(w, "%-127s\n", "Iface\tDestination\tGateway \tFlags\t\tRefCnt\tUse\tMetric\tSource\t\tMTU\tWindow\tIRTT\tTOS\tHHRef\tHHUptod\tSpecDst")
	})
	t.File("rt_acct", st.procRealms)
	t.File("stat/rt_cache", func(w *bytes.Buffer) {
		fmt.Fprint(w, "entries  in_hit   in_slow_tot in_slow_mc in_no_route in_brd   in_martian_dst in_martian_src out_hit  out_slow_tot"+
			" out_slow_mc gc_total gc_ignored gc_goal_miss gc_dst_overflow in_hlist_search out_hlist_search\n")
		st.n.Kernel().Each(func(c *kern.CPU) {
			s := st.stats.At(c)
			fmt.Fprintf(w, "%08x %08x %08x    %08x   %08x    %08x %08x       %08x       %08x %08x     %08x    %08x %08x   %08x     %08x        %08x        %08x\n",
				0, 0, s[statInSlow], s[statInSlowMc], s[statInNoRoute], s[statInBrd], s[statMartianDst], s[statMartianSrc],
				0, s[statOutSlow], s[statOutSlowMc], 0, 0, 0, 0, 0, 0)
		})
	})
}
