package tcp

import (
	"slices"
	"time"

	"linen/net/ipv4"
	"linen/net/skb"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
)

// routeMetrics takes what a route says of connections over it (ip-route(8)).
// rto_min counts only when it is locked, in ticks of the kernel's clock; what
// tcp_metrics remembers of a peer begins with the route's values: see seed.
func routeMetrics(p *tcb.Path, rt *ipv4.Route) {
	m := rt.Metrics
	if m == nil {
		return
	}
	p.InitCwnd, p.InitRwnd = int(m.Get(uapi.RTAX_INITCWND)), int(m.Get(uapi.RTAX_INITRWND))
	p.Window, p.QuickAck = int(m.Get(uapi.RTAX_WINDOW)), m.Get(uapi.RTAX_QUICKACK) != 0
	if m.Locked(uapi.RTAX_RTO_MIN) {
		p.RTOMin = tcb.Ticks(time.Duration(m.Get(uapi.RTAX_RTO_MIN)) * time.Millisecond)
	}
}

// routeECN reports that a route asks for ECN (ip-route(8): features ecn).
func routeECN(rt *ipv4.Route) bool {
	return rt.Metrics.Get(uapi.RTAX_FEATURES)&uapi.RTAX_FEATURE_ECN != 0
}

// routeNoCookie reports that a route asks for Fast Open without cookies.
func routeNoCookie(rt *ipv4.Route) bool {
	return rt != nil && rt.Metrics.Get(uapi.RTAX_FASTOPEN_NO_COOKIE) != 0
}

// takesECN reports whether the SYN b, at its TCP header, and the way back make a
// connection with ECN. A SYN that has a codepoint in its IP header is refused
// (RFC 3168 §6.1.1), unless a reserved flag, AE is one, tells that its sender knows
// more than that RFC (RFC 8311 §4.3; tcp_ecn_create_request).
func (s *Sock) takesECN(b *skb.Buff, g *tcb.Segment, rt *ipv4.Route) bool {
	if g.Flags&(tcb.Ece|tcb.Cwr) != tcb.Ece|tcb.Cwr {
		return false
	}
	if s.conn.NeedsECN() || rt.Metrics != nil && tcb.NeedsECN(rt.Metrics.Congestion()) {
		return true
	}
	reserved := b.Data()[12]&0xf != 0
	return (g.ECN == 0 || reserved) && (s.st.sys.ecn.Load() != 0 || routeECN(rt))
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
