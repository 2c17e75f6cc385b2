package tcp

import (
	"sync/atomic"

	"linen/net/netns"
	"linen/net/sysctl"
)

// sysctls are the settings net.ipv4.tcp_*, as ip-sysctl describes them.
type sysctls struct {
	timestamps, sack, dsack, scaling, ecn, frto, recovery, earlyRetrans *sysctl.Int
	synRetries, synackRetries, synLinear, retries1, retries2            *sysctl.Int
	orphanRetries, finTimeout, keepTime, keepIntvl, keepProbes          *sysctl.Int
	rtoMin, rtoMax, reordering, maxReordering, idleRestart, moderate    *sysctl.Int
	l3mdev                                                              *sysctl.Int // tcp_l3mdev_accept
	invalidLimit, minSndMSS, syncookies, maxSynBacklog, abortOverflow   *sysctl.Int
	maxTW, twReuse, rfc1337, maxOrphans, notsentLowat                   *sysctl.Int
	ecnFallback                                                         *sysctl.Int
	rmem, wmem                                                          *sysctl.List
	congestion                                                          *sysctl.String
	rate                                                                rateSysctls
	allowed                                                             *atomic.Pointer[[]string] // tcp_allowed_congestion_control, the machine's
	fastopen                                                            *sysctl.Int
	more                                                                moreSysctls
	probe                                                               [5]*sysctl.Int // MTU probing
}

func (y *sysctls) register(st *State, t *sysctl.Tree) {
	changed := func(_, _ int64) error { st.set.Store(nil); return nil }
	num := func(name string, def, lo, hi int64) *sysctl.Int {
		return t.Int("net/ipv4/tcp_"+name, sysctl.Spec{Default: def, Min: lo, Max: hi, Ranged: true, OnWrite: changed})
	}
	byteOf := func(name string, def, hi int64) *sysctl.Int {
		return t.Int("net/ipv4/tcp_"+name, sysctl.Spec{Unit: sysctl.Byte, Default: def, Max: hi, Ranged: true, OnWrite: changed})
	}
	secs := func(name string, def int64) *sysctl.Int {
		return t.Int("net/ipv4/tcp_"+name, sysctl.Spec{Unit: sysctl.Seconds, Default: def * 1000, OnWrite: changed})
	}
	const most = 1<<31 - 1
	y.timestamps, y.sack, y.dsack = byteOf("timestamps", 1, 255), byteOf("sack", 1, 255), byteOf("dsack", 1, 255)
	y.ecnFallback = byteOf("ecn_fallback", 1, 1)
	y.scaling, y.ecn, y.frto = byteOf("window_scaling", 1, 255), byteOf("ecn", 2, 2), byteOf("frto", 2, 255)
	y.recovery, y.earlyRetrans = byteOf("recovery", 1, 255), byteOf("early_retrans", 3, 4)
	y.synRetries, y.synackRetries, y.synLinear = byteOf("syn_retries", 6, 127), byteOf("synack_retries", 5, 255), byteOf("syn_linear_timeouts", 4, 127)
	y.retries1, y.retries2, y.orphanRetries = byteOf("retries1", 3, 255), byteOf("retries2", 15, 255), byteOf("orphan_retries", 0, 255)
	y.finTimeout, y.keepTime, y.keepIntvl = secs("fin_timeout", 60), secs("keepalive_time", 7200), secs("keepalive_intvl", 75)
	y.keepProbes = byteOf("keepalive_probes", 9, 255)
	y.rtoMin, y.rtoMax = num("rto_min_us", 200000, 1, most), num("rto_max_ms", 120000, 1000, 120000)
	y.reordering, y.maxReordering = num("reordering", 3, 0, most), num("max_reordering", 300, 0, most)
	y.idleRestart, y.moderate = byteOf("slow_start_after_idle", 1, 255), byteOf("moderate_rcvbuf", 1, 255)
	y.invalidLimit = t.Int("net/ipv4/tcp_invalid_ratelimit", sysctl.Spec{Unit: sysctl.Milli, Default: 500, OnWrite: changed})
	y.minSndMSS = num("min_snd_mss", 48, 48, 65535)
	y.syncookies, y.maxSynBacklog, y.abortOverflow = byteOf("syncookies", 1, 2), num("max_syn_backlog", 2048, 0, most), byteOf("abort_on_overflow", 0, 255)
	y.maxTW, y.twReuse, y.rfc1337 = num("max_tw_buckets", 131072, 0, most), byteOf("tw_reuse", 2, 2), byteOf("rfc1337", 0, 255)
	y.l3mdev = t.Int("net/ipv4/tcp_l3mdev_accept", sysctl.Spec{Unit: sysctl.Byte, Ranged: true, Max: 1})
	y.maxOrphans = t.Int("net/ipv4/tcp_max_orphans", sysctl.Spec{Default: 131072, Max: most, Ranged: true, Scope: sysctl.OfMachine})
	y.notsentLowat = t.Int("net/ipv4/tcp_notsent_lowat", sysctl.Spec{Unit: sysctl.Unsigned, Default: 1<<32 - 1})
	sized := sysctl.Spec{Min: 1, Max: most, Ranged: true}
	forget := func() error { st.set.Store(nil); return nil }
	y.rmem = t.List64("net/ipv4/tcp_rmem", sized, []int64{4096, 131072, 33554432}, forget)
	y.wmem = t.List64("net/ipv4/tcp_wmem", sized, []int64{4096, 16384, 4194304}, forget)
	y.probe = [5]*sysctl.Int{byteOf("mtu_probing", 0, 255), num("base_mss", 1024, -1<<31, most), num("mtu_probe_floor", 48, 48, 65535), num("probe_threshold", 8, -1<<31, most), num("probe_interval", 600, 0, 1<<31-1)}
	y.registerCongestion(t, Of(st.n.First()))
	y.rate.register(t, changed)
	y.more.register(t, changed)
	registerLegacy(t)
}

// inherit takes what a child namespace begins with from the first one: the sizes
// of buffers and the default congestion control (tcp_sk_init).
func (st *State) inherit(from *netns.Net) {
	first := Of(from)
	if first == nil {
		return
	}
	for i := range 3 {
		st.sys.rmem.Store(i, first.sys.rmem.Load(i))
		st.sys.wmem.Store(i, first.sys.wmem.Load(i))
	}
	st.sys.congestion.Store(first.sys.congestion.Load())
}
