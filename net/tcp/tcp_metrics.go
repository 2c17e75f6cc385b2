package tcp

import (
	"sync"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dst"
	"linen/net/genl"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
)

// Bounds of the cache of metrics.
const (
	metricsMost    = 16384     // hosts remembered
	metricsTimeout = time.Hour // TCP_METRICS_TIMEOUT: older values are the route's again
	metricsSample  = 32        // hosts looked at when a new one needs room
)

// A metricsKey is the two ends of a path.
type metricsKey struct{ daddr, saddr uint32 }

// metrics are what is remembered of a path, by TCP_METRIC_*: times are in
// microseconds, as Linux scales them.
type metrics struct {
	at     ktime.T
	val    [uapi.TCP_METRIC_REORDERING + 1]uint32
	locked uint8 // by the route, bit by metric
}

// metricsCache remembers paths (net/ipv4/tcp_metrics.c).
type metricsCache struct {
	family *genl.Registered

	mu   sync.Mutex // guards what follows
	host map[metricsKey]*metrics
}

// suck takes what a route says, which may be locked (tcpm_suck_dst).
func (m *metrics) suck(now ktime.T, r *dst.Metrics) {
	*m = metrics{at: now}
	for i, rtax := range [...]int{uapi.RTAX_RTT, uapi.RTAX_RTTVAR, uapi.RTAX_SSTHRESH, uapi.RTAX_CWND, uapi.RTAX_REORDERING} {
		m.val[i] = r.Get(rtax)
		if r.Locked(rtax) {
			m.locked |= 1 << i
		}
	}
	m.val[uapi.TCP_METRIC_RTT] *= 1000 // a route's are milliseconds
	m.val[uapi.TCP_METRIC_RTTVAR] *= 1000
}

// get returns what is remembered, making it when create says so; old values
// are taken from the route again. The caller holds mu.
func (t *metricsCache) get(now ktime.T, k metricsKey, r *dst.Metrics, create bool) *metrics {
	m := t.host[k]
	switch {
	case m == nil && !create:
		return nil
	case m == nil:
		if t.host == nil {
			t.host = make(map[metricsKey]*metrics)
		}
		t.makeRoom()
		m = new(metrics)
		t.host[k] = m
		m.suck(now, r)
	case time.Duration(now-m.at) > metricsTimeout:
		m.suck(now, r)
	}
	return m
}

// makeRoom forgets the oldest of a few when there are too many.
func (t *metricsCache) makeRoom() {
	if len(t.host) < metricsMost {
		return
	}
	var oldest metricsKey
	at, n := ktime.T(0), 0
	for k, m := range t.host {
		if at == 0 || m.at < at {
			oldest, at = k, m.at
		}
		if n++; n == metricsSample {
			break
		}
	}
	delete(t.host, oldest)
}

func (m *metrics) set(i int, v uint32) {
	if m.locked>>i&1 == 0 {
		m.val[i] = v
	}
}

// seed is what a new connection may use.
func (s *Sock) seed(now ktime.T, r *dst.Metrics) {
	t := &s.st.metrics
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.get(now, metricsKey{s.Daddr.Load(), s.Saddr.Load()}, r, false)
	if m == nil {
		return
	}
	seed := tcb.Seed{RTT: m.val[uapi.TCP_METRIC_RTT], Reordering: m.val[uapi.TCP_METRIC_REORDERING]}
	if !s.st.sys.rate.noSsthreshSave.Bool() {
		seed.Ssthresh = m.val[uapi.TCP_METRIC_SSTHRESH]
	}
	if m.locked>>uapi.TCP_METRIC_CWND&1 != 0 {
		seed.CwndClamp = m.val[uapi.TCP_METRIC_CWND]
	}
	s.conn.SetSeed(seed)
}

// remember keeps what a connection that ends in peace has learned
// (tcp_update_metrics).
func (s *Sock) remember(now ktime.T) {
	st := s.st
	rt := s.CachedRoute(now)
	if st.sys.rate.noMetricsSave.Bool() || rt == nil {
		return
	}
	h := s.conn.Harvest()
	t := &st.metrics
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.get(now, metricsKey{s.Daddr.Load(), s.Saddr.Load()}, rt.Metrics, h.RTT != 0)
	if m == nil {
		return
	}
	if h.RTT == 0 { // no estimate: the old one is no better
		m.set(uapi.TCP_METRIC_RTT, 0)
		m.at = now
		return
	}
	m.times(&h)
	m.windows(&h, st.sys.rate.noSsthreshSave.Bool())
	if v := m.val[uapi.TCP_METRIC_REORDERING]; v < h.Reordering && int64(h.Reordering) != st.sys.reordering.Load() {
		m.set(uapi.TCP_METRIC_REORDERING, h.Reordering)
	}
	m.at = now
}

// metricsEntry makes sure that the peer is among those remembered, for what Fast
// Open knows of it (tcp_fastopen_cache_set).
func (s *Sock) metricsEntry() {
	now := s.st.n.Kernel().Now()
	rt := s.CachedRoute(now)
	if rt == nil {
		return
	}
	t := &s.st.metrics
	t.mu.Lock()
	defer t.mu.Unlock()
	t.get(now, metricsKey{s.Daddr.Load(), s.Saddr.Load()}, rt.Metrics, true)
}

// keepsRoom drops b and reports so if its request is refused although the queue has room:
// without SYN cookies its last quarter is kept for peers that were here before
// (net.ipv4.tcp_max_syn_backlog, tcp_peer_is_proven).
func (st *State) keepsRoom(c *kern.CPU, b *skb.Buff, r *request, queue int) bool {
	most := int(st.sys.maxSynBacklog.Load())
	if st.sys.syncookies.Load() != 0 || most-queue >= most>>2 {
		return false
	}
	t := &st.metrics
	t.mu.Lock()
	m := t.get(c.Now(), metricsKey{r.node.raddr, r.node.laddr}, r.rt.Metrics, false)
	proven := m != nil && m.val[uapi.TCP_METRIC_RTT] != 0
	t.mu.Unlock()
	if !proven {
		st.mib.Inc(c, mib.TCPExtListenDrops)
		b.Drop(c, st.n, skb.ReasonTCPListenOverflow)
	}
	return !proven
}

// times moves the remembered round trip towards a shorter one slowly, to a
// longer one at once.
func (m *metrics) times(h *tcb.Harvest) {
	diff := int64(m.val[uapi.TCP_METRIC_RTT]) - int64(h.RTT)
	if diff <= 0 {
		m.set(uapi.TCP_METRIC_RTT, h.RTT)
	} else {
		m.set(uapi.TCP_METRIC_RTT, m.val[uapi.TCP_METRIC_RTT]-uint32(diff>>3))
	}
	dev := uint32(max(diff, -diff) >> 1)
	dev = max(dev, h.MDev)
	if v := m.val[uapi.TCP_METRIC_RTTVAR]; dev < v {
		dev = v - (v-dev)>>2
	}
	m.set(uapi.TCP_METRIC_RTTVAR, dev)
}

// windows remembers the congestion window and, unless none is wanted, the
// threshold.
func (m *metrics) windows(h *tcb.Harvest, noSsthresh bool) {
	cwnd, ssthresh := m.val[uapi.TCP_METRIC_CWND], m.val[uapi.TCP_METRIC_SSTHRESH]
	switch {
	case h.FirstStart: // it may be far too small
		if ssthresh != 0 && h.Cwnd>>1 > ssthresh {
			ssthresh = h.Cwnd >> 1
		}
		cwnd = max(cwnd, h.Cwnd)
	case !h.SlowStart && h.Open: // it is what the path takes
		ssthresh = max(h.Cwnd>>1, h.Ssthresh)
		cwnd = (cwnd + h.Cwnd) >> 1
	default: // slow start went too far
		cwnd = (cwnd + h.Ssthresh) >> 1
		if ssthresh != 0 {
			ssthresh = max(ssthresh, h.Ssthresh)
		}
	}
	m.set(uapi.TCP_METRIC_CWND, cwnd)
	if !noSsthresh {
		m.set(uapi.TCP_METRIC_SSTHRESH, ssthresh)
	}
}
