package tcp

import "linen/net/sysctl"

// registerLegacy adds the settings that programs still read and that do nothing on Linux 6.18 either (ip-sysctl:
// "obsolete", "no effect"): nuttcp ends with a fault without tcp_adv_win_scale.
func registerLegacy(t *sysctl.Tree) {
	t.Int("net/ipv4/tcp_adv_win_scale", sysctl.Spec{Default: 1, Min: -31, Max: 31, Ranged: true})
	t.Int("net/ipv4/tcp_fack", sysctl.Spec{Unit: sysctl.Byte, Max: 255, Ranged: true})
}
