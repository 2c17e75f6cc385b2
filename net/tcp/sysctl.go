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
	tables                                                              tableSysctls
	probe                                                               [5]*sysctl.Int // MTU probing
}

func (y *sysctls) register(st *State, t *sysctl.Tree) {
	changed := func(_, _ int64) error { st.set.Store(nil); return nil }
	num := func(name string, def, lo, hi int64) *sysctl.Int {
		return t.IntIn("net/ipv4", name, sysctl.Spec{Default: def, Min: lo, Max: hi, Ranged: true, OnWrite: changed})
	}
	byteOf := func(name string, def, hi int64) *sysctl.Int {
		return t.IntIn("net/ipv4", name, sysctl.Spec{Unit: sysctl.Byte, Default: def, Max: hi, Ranged: true, OnWrite: changed})
	}
	secs := func(name string, def int64) *sysctl.Int {
		return t.IntIn("net/ipv4", name, sysctl.Spec{Unit: sysctl.Seconds, Default: def * 1000, OnWrite: changed})
	}
	const most = 1<<31 - 1
	y.timestamps, y.sack, y.dsack = byteOf("tcp_timestamps", 1, 255), byteOf("tcp_sack", 1, 255), byteOf("tcp_dsack", 1, 255)
	y.ecnFallback = byteOf("tcp_ecn_fallback", 1, 1)
	y.scaling, y.ecn, y.frto = byteOf("tcp_window_scaling", 1, 255), byteOf("tcp_ecn", 2, 2), byteOf("tcp_frto", 2, 255)
	y.recovery, y.earlyRetrans = byteOf("tcp_recovery", 1, 255), byteOf("tcp_early_retrans", 3, 4)
	y.synRetries, y.synackRetries, y.synLinear = byteOf("tcp_syn_retries", 6, 127), byteOf("tcp_synack_retries", 5, 255), byteOf("tcp_syn_linear_timeouts", 4, 127)
	y.retries1, y.retries2, y.orphanRetries = byteOf("tcp_retries1", 3, 255), byteOf("tcp_retries2", 15, 255), byteOf("tcp_orphan_retries", 0, 255)
	y.finTimeout, y.keepTime, y.keepIntvl = secs("tcp_fin_timeout", 60), secs("tcp_keepalive_time", 7200), secs("tcp_keepalive_intvl", 75)
	y.keepProbes = byteOf("tcp_keepalive_probes", 9, 255)
	y.rtoMin, y.rtoMax = num("tcp_rto_min_us", 200000, 1, most), num("tcp_rto_max_ms", 120000, 1000, 120000)
	y.reordering, y.maxReordering = num("tcp_reordering", 3, 0, most), num("tcp_max_reordering", 300, 0, most)
	y.idleRestart, y.moderate = byteOf("tcp_slow_start_after_idle", 1, 255), byteOf("tcp_moderate_rcvbuf", 1, 255)
	y.invalidLimit = t.Int("net/ipv4/tcp_invalid_ratelimit", sysctl.Spec{Unit: sysctl.Milli, Default: 500, OnWrite: changed})
	y.minSndMSS = num("tcp_min_snd_mss", 48, 48, 65535)
	y.syncookies, y.maxSynBacklog, y.abortOverflow = byteOf("tcp_syncookies", 1, 2), num("tcp_max_syn_backlog", 2048, 0, most), byteOf("tcp_abort_on_overflow", 0, 255)
	y.maxTW, y.twReuse, y.rfc1337 = num("tcp_max_tw_buckets", 131072, 0, most), byteOf("tcp_tw_reuse", 2, 2), byteOf("tcp_rfc1337", 0, 255)
	y.l3mdev = t.Int("net/ipv4/tcp_l3mdev_accept", sysctl.Spec{Unit: sysctl.Byte, Ranged: true, Max: 1})
	y.maxOrphans = t.Int("net/ipv4/tcp_max_orphans", sysctl.Spec{Default: 131072, Max: most, Ranged: true, Scope: sysctl.OfMachine})
	y.notsentLowat = t.Int("net/ipv4/tcp_notsent_lowat", sysctl.Spec{Unit: sysctl.Unsigned, Default: 1<<32 - 1})
	sized := sysctl.Spec{Min: 1, Max: most, Ranged: true}
	forget := func() error { st.set.Store(nil); return nil }
	y.rmem = t.List64("net/ipv4/tcp_rmem", sized, []int64{4096, 131072, 33554432}, forget)
	y.wmem = t.List64("net/ipv4/tcp_wmem", sized, []int64{4096, 16384, 4194304}, forget)
	y.probe = [5]*sysctl.Int{byteOf("tcp_mtu_probing", 0, 255), num("tcp_base_mss", 1024, -1<<31, most), num("tcp_mtu_probe_floor", 48, 48, 65535), num("tcp_probe_threshold", 8, -1<<31, most), num("tcp_probe_interval", 600, 0, 1<<31-1)}
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
