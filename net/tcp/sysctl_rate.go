package tcp

import (
	"time"

	"linen/net/sysctl"
	"linen/net/tcp/internal/tcb"
)

// rateSysctls are the settings of pacing, measuring and compressed
// acknowledgements, as ip-sysctl describes them.
type rateSysctls struct {
	pacingSS, pacingCA, minTSO, tsoRTTLog, minRTT *sysctl.Int
	compDelay, compSlack, compNr                  *sysctl.Int
	noMetricsSave, noSsthreshSave                 *sysctl.Int
}

func (y *rateSysctls) register(t *sysctl.Tree, changed func(_, _ int64) error) {
	num := func(name string, def, lo, hi int64) *sysctl.Int {
		return t.IntIn("net/ipv4", name, sysctl.Spec{Default: def, Min: lo, Max: hi, Ranged: true, OnWrite: changed})
	}
	byteOf := func(name string, def int64) *sysctl.Int {
		return t.IntIn("net/ipv4", name, sysctl.Spec{Unit: sysctl.Byte, Default: def, Max: 255, Ranged: true, OnWrite: changed})
	}
	nanos := func(name string, def int64) *sysctl.Int {
		return t.IntIn("net/ipv4", name, sysctl.Spec{Unit: sysctl.Unsigned, Default: def, OnWrite: changed})
	}
	y.pacingSS, y.pacingCA = num("tcp_pacing_ss_ratio", 200, 0, 1000), num("tcp_pacing_ca_ratio", 120, 0, 1000)
	y.minTSO, y.tsoRTTLog = byteOf("tcp_min_tso_segs", 2), byteOf("tcp_tso_rtt_log", 9)
	y.minRTT = num("tcp_min_rtt_wlen", 300, 0, 86400)
	y.compDelay, y.compSlack, y.compNr = nanos("tcp_comp_sack_delay_ns", 1000000), nanos("tcp_comp_sack_slack_ns", 100000), byteOf("tcp_comp_sack_nr", 44)
	y.noMetricsSave, y.noSsthreshSave = byteOf("tcp_no_metrics_save", 0), byteOf("tcp_no_ssthresh_metrics_save", 1)
}

// fill puts them into what connections read.
func (y *rateSysctls) fill(p *tcb.Settings) {
	p.PacingSS, p.PacingCA = int(y.pacingSS.Load()), int(y.pacingCA.Load())
	p.MinTSO, p.TSORTTLog = int(y.minTSO.Load()), int(y.tsoRTTLog.Load())
	p.MinRTTWindow = time.Duration(y.minRTT.Load()) * time.Second
	p.CompDelay, p.CompSlack = time.Duration(y.compDelay.Load()), time.Duration(y.compSlack.Load())
	p.CompAcks = int(y.compNr.Load())
}
