package neigh

import (
	"bytes"
	"fmt"

	"linen/net/procfs"
)

// initProc makes /proc/net/stat/arp_cache (neigh_stat_seq_show): one line a
// CPU; all but the first count nothing here, since the events are rare and
// counted once for the table.
func (t *Table) initProc() {
	procfs.Of(t.n).File("stat/"+t.Name, func(w *bytes.Buffer) {
		w.WriteString("entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls\n")
		s := &t.Stats
		for cpu := range t.n.Kernel().NumCPU() {
			v := [12]uint64{}
			if cpu == 0 {
				v = [12]uint64{
					s.Allocs.Load(), s.Destroys.Load(), s.HashGrows.Load(), s.Lookups.Load(), s.Hits.Load(), s.ResFailed.Load(),
					s.RcvProbesMcast.Load(), s.RcvProbesUcast.Load(), s.PeriodicGCRuns.Load(), s.ForcedGCRuns.Load(),
					s.UnresDiscards.Load(), s.TableFulls.Load(),
				}
			}
			fmt.Fprintf(w, "%08x %08x %08x %08x   %08x %08x %08x   %08x         %08x         %08x         %08x       %08x            %08x\n",
				t.Len(), v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11])
		}
	})
}
