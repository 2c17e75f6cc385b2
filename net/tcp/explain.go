package tcp

import (
	"strconv"

	"linen/kern"
	"linen/net/inet"
	"linen/net/netns"
	"linen/uapi"
)

// Explain returns which socket of n would take a TCP segment that comes in by
// the device dif, in words: "TCP listener 10.0.0.2:80". It is "" when none
// would, and a reset is the answer. The caller is on no CPU.
func Explain(n *netns.Net, saddr, daddr uint32, sport, dport uint16, dif int) string {
	st := Of(n)
	if st == nil {
		return ""
	}
	e := ends{saddr: saddr, daddr: daddr, sport: sport, dport: dport, dif: int32(dif)}
	c := n.Kernel().Enter(kern.Any)
	defer c.Exit()
	if v := st.lookup(e); v != nil {
		at := inet.Addr{IP: v.laddr, Port: v.lport}.AddrPort().String()
		if v.tw != nil {
			return "TCP TIME_WAIT " + at
		}
		return "TCP connection " + at
	}
	s := st.lookupListener(c, e, nil)
	if s == nil || s.State() != uapi.TCP_LISTEN {
		return ""
	}
	a := inet.Addr{IP: s.RcvAddr.Load(), Port: uint16(s.Num.Load())}
	if a.IP == 0 {
		return "TCP listener *:" + strconv.Itoa(int(a.Port))
	}
	return "TCP listener " + a.AddrPort().String()
}
