package tcp

import (
	"encoding/binary"
	"net/netip"

	"linen/net/klog"
)

// flooded tells people, once a listener, that its queue of requests is full
// (tcp_syn_flood_action; the text as 6.18 has it in dmesg). The caller owns s.
func (s *Sock) flooded(what string) {
	l := s.listen()
	if l.floodTold || s.st.sys.syncookies.Load() == 2 {
		return
	}
	l.floodTold = true
	if klog.Allow(s.st.n) {
		ip := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, s.RcvAddr.Load())))
		klog.Printf(s.st.n, klog.Info, "TCP: request_sock_TCP: Possible SYN flooding on port %v:%d. %s.", ip, s.Num.Load(), what)
	}
}
