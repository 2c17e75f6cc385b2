package tcp

import (
	"slices"
	"time"

	"linen/net/ipv4"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
)

// routeMetrics takes what a route says of connections over it (ip-route(8)).
// rto_min and cwnd count only when they are locked.
func routeMetrics(p *tcb.Path, rt *ipv4.Route) {
	m := rt.Metrics
	if m == nil {
		return
	}
	p.InitCwnd, p.InitRwnd = int(m.Get(uapi.RTAX_INITCWND)), int(m.Get(uapi.RTAX_INITRWND))
	p.Window, p.QuickAck = int(m.Get(uapi.RTAX_WINDOW)), m.Get(uapi.RTAX_QUICKACK) != 0
	if m.Locked(uapi.RTAX_RTO_MIN) {
		p.RTOMin = time.Duration(m.Get(uapi.RTAX_RTO_MIN)) * time.Millisecond
	}
	if m.Locked(uapi.RTAX_CWND) {
		p.CwndClamp = m.Get(uapi.RTAX_CWND)
	}
}

// routeCongestion takes the algorithm that a route names (tcp_ca_dst_init).
func (s *Sock) routeCongestion(rt *ipv4.Route) bool {
	if rt.Metrics == nil {
		return false
	}
	name := rt.Metrics.Congestion()
	if name == "" || !slices.Contains(tcb.Algorithms(), name) {
		return false
	}
	s.conn.SetCongestion(name)
	s.conn.LockCongestion(rt.Metrics.Locked(uapi.RTAX_CC_ALGO))
	return true
}

// childCongestion chooses for an accepted connection: what its listener chose,
// else what is the namespace's default now.
func (s *Sock) childCongestion(l *Sock) {
	name := s.st.sys.congestion.Load()
	if l.ccChosen {
		name = l.conn.Congestion()
	}
	if name != s.conn.Congestion() {
		s.conn.SetCongestion(name)
	}
}
