// Package dst holds what the routes of every address family share: the
// metrics of RTA_METRICS and their defaults.
//
// Linux files: net/core/dst.c, net/ipv4/metrics.c, include/net/dst.h. The
// route itself is ipv4.Route, attached to a packet as skb.Dst; lightweight
// tunnels are not done.
package dst

import "linen/uapi"

// numMetrics counts the RTAX_* values, from 1 on.
const numMetrics = uapi.RTAX_FASTOPEN_NO_COOKIE

// Metrics are the values of RTA_METRICS by RTAX_*. The zero value has none.
// They
// never change once a route holds them; a nil *Metrics has none either.
type Metrics struct {
	val [numMetrics]uint32
	cc  string // RTAX_CC_ALGO
}

// Get returns the metric rtax (RTAX_*), 0 when it is not set.
func (m *Metrics) Get(rtax int) uint32 {
	if m == nil || rtax < 1 || rtax > numMetrics {
		return 0
	}
	return m.val[rtax-1]
}

// Set sets the metric rtax; only whoever builds the Metrics may call it.
func (m *Metrics) Set(rtax int, v uint32) { m.val[rtax-1] = v }

// Locked reports whether the kernel may not update the metric rtax itself
// (`mtu lock 1400`).
func (m *Metrics) Locked(rtax int) bool { return m.Get(uapi.RTAX_LOCK)&(1<<rtax) != 0 }

// Congestion returns the congestion control algorithm, "" for the default.
func (m *Metrics) Congestion() string {
	if m == nil {
		return ""
	}
	return m.cc
}

// SetCongestion sets the congestion control algorithm; the caller has looked
// that it exists.
func (m *Metrics) SetCongestion(name string) { m.cc = name }

// Empty reports whether no metric is set.
func (m *Metrics) Empty() bool { return m == nil || *m == (Metrics{}) }

// Equal reports whether both hold the same values.
func (m *Metrics) Equal(o *Metrics) bool {
	if m.Empty() || o.Empty() {
		return m.Empty() && o.Empty()
	}
	return *m == *o
}
