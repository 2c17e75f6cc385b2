package tcp

import (
	"linen/net/sysctl"
	"linen/net/tcp/internal/tcb"
)

// moreSysctls are settings that few change, as ip-sysctl describes them.
type moreSysctls struct {
	stdurg, signedWindows, thinLinear, shrink, pingpong *sysctl.Int
	challenges, twReuseDelay, reflectTOS, fwmarkAccept  *sysctl.Int
	autobindReuse, appWin                               *sysctl.Int
	limitOutput, autocorking, migrateReq                *sysctl.Int
	collapse, ackDefer                                  *sysctl.Int
}

func (y *moreSysctls) register(t *sysctl.Tree, changed func(_, _ int64) error) {
	byteOf := func(name string, def, lo, hi int64) *sysctl.Int {
		return t.IntIn("net/ipv4", name, sysctl.Spec{Unit: sysctl.Byte, Default: def, Min: lo, Max: hi, Ranged: true, OnWrite: changed})
	}
	y.stdurg, y.signedWindows = byteOf("tcp_stdurg", 0, 0, 255), byteOf("tcp_workaround_signed_windows", 0, 0, 255)
	y.thinLinear, y.shrink = byteOf("tcp_thin_linear_timeouts", 0, 0, 255), byteOf("tcp_shrink_window", 0, 0, 1)
	y.pingpong = byteOf("tcp_pingpong_thresh", 1, 1, 255)
	y.challenges = t.Int("net/ipv4/tcp_challenge_ack_limit", sysctl.Spec{Default: unlimitedChallenges})
	y.twReuseDelay = t.Int("net/ipv4/tcp_tw_reuse_delay", sysctl.Spec{Default: 1000, Min: 1, Max: 1 << 16, Ranged: true})
	y.reflectTOS, y.fwmarkAccept = byteOf("tcp_reflect_tos", 0, 0, 1), byteOf("tcp_fwmark_accept", 0, 0, 255)
	y.limitOutput = t.Int("net/ipv4/tcp_limit_output_bytes", sysctl.Spec{Default: 4 << 20, OnWrite: changed}) // bytes; ip-sysctl
	y.autocorking = byteOf("tcp_autocorking", 1, 0, 255)
	y.migrateReq = byteOf("tcp_migrate_req", 0, 0, 1)
	y.collapse, y.ackDefer = byteOf("tcp_retrans_collapse", 1, 0, 255), byteOf("tcp_backlog_ack_defer", 1, 0, 1)
	y.appWin = byteOf("tcp_app_win", 31, 0, 31)
	y.autobindReuse = byteOf("ip_autobind_reuse", 0, 0, 1)
}

// fill puts them into what connections read.
func (y *moreSysctls) fill(p *tcb.Settings) {
	p.StdUrg, p.SignedWindows = y.stdurg.Bool(), y.signedWindows.Bool()
	p.ThinLinear, p.ShrinkWindow = y.thinLinear.Bool(), y.shrink.Bool()
	p.LimitOutput, p.Autocorking = int(y.limitOutput.Load()), y.autocorking.Bool()
	p.RetransCollapse, p.BacklogAckDefer = y.collapse.Bool(), y.ackDefer.Bool()
	p.Pingpong, p.AppWin = int(y.pingpong.Load()), int(y.appWin.Load())
}
