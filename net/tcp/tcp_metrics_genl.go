package tcp

import (
	"slices"

	"linen/lib/ktime"
	"linen/net/genl"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// metricsPolicy checks the attributes of the family tcp_metrics.
var metricsPolicy = netlink.Policy{
	uapi.TCP_METRICS_ATTR_ADDR_IPV4:  netlink.U32(),
	uapi.TCP_METRICS_ATTR_ADDR_IPV6:  netlink.Binary(16),
	uapi.TCP_METRICS_ATTR_SADDR_IPV4: netlink.U32(),
	uapi.TCP_METRICS_ATTR_SADDR_IPV6: netlink.Binary(16),
	uapi.TCP_METRICS_ATTR_MAX:        {},
}

// registerMetrics makes the family, which `ip tcp_metrics` speaks.
func (st *State) registerMetrics() error {
	f, err := genl.Register(st.n, genl.Family{
		Name: uapi.TCP_METRICS_GENL_NAME, Version: uapi.TCP_METRICS_GENL_VERSION, Policy: metricsPolicy,
		Ops: []genl.Op{
			{Cmd: uapi.TCP_METRICS_CMD_GET, Lax: true, LaxDump: true, Do: st.getMetrics, Dump: st.dumpMetrics},
			{Cmd: uapi.TCP_METRICS_CMD_DEL, Flags: uapi.GENL_ADMIN_PERM, Lax: true, LaxDump: true, Do: st.deleteMetrics},
		},
	})
	st.metrics.family = f
	return err
}

// ends reads whose metrics are meant; any: every source.
func metricsEnds(a netlink.Attrs) (k metricsKey, any bool, err error) {
	switch {
	case a.Has(uapi.TCP_METRICS_ATTR_ADDR_IPV4):
		k.daddr = a.Get(uapi.TCP_METRICS_ATTR_ADDR_IPV4).BE32()
	case a.Has(uapi.TCP_METRICS_ATTR_ADDR_IPV6):
		return k, false, errno.EAFNOSUPPORT // there are no connections of IPv6
	default:
		return k, false, errno.EAFNOSUPPORT
	}
	if a.Has(uapi.TCP_METRICS_ATTR_SADDR_IPV4) {
		k.saddr = a.Get(uapi.TCP_METRICS_ATTR_SADDR_IPV4).BE32()
		return k, false, nil
	}
	return k, true, nil
}

// getMetrics answers for one host (tcp_metrics_nl_cmd_get).
func (st *State) getMetrics(r *netlink.Request, a netlink.Attrs) error {
	k, any, err := metricsEnds(a)
	if err != nil {
		return err
	}
	now := st.n.Kernel().Now()
	st.metrics.mu.Lock()
	defer st.metrics.mu.Unlock()
	for _, o := range st.metrics.sorted() {
		if o.daddr == k.daddr && (any || o.saddr == k.saddr) {
			m := st.metrics.family.Message(r, uapi.TCP_METRICS_CMD_GET)
			st.metrics.host[o].fill(m, o, now, st.fastPeers.get(o.saddr, o.daddr))
			r.Reply(m)
			return nil
		}
	}
	return errno.ESRCH
}

// sorted returns the hosts in the order of their addresses. The caller holds mu.
func (t *metricsCache) sorted() []metricsKey {
	list := make([]metricsKey, 0, len(t.host))
	for k := range t.host {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b metricsKey) int {
		if a.daddr != b.daddr {
			return int(int64(a.daddr) - int64(b.daddr))
		}
		return int(int64(a.saddr) - int64(b.saddr))
	})
	return list
}

// dumpMetrics shows all hosts (tcp_metrics_nl_dump).
func (st *State) dumpMetrics(d *netlink.Dump) error {
	t := &st.metrics
	t.mu.Lock()
	defer t.mu.Unlock()
	list, ok := d.State.([]metricsKey)
	if !ok {
		list = t.sorted()
	}
	now := st.n.Kernel().Now()
	for ; len(list) > 0; list = list[1:] {
		v := t.host[list[0]]
		if v == nil { // deleted since
			continue
		}
		put := d.Put(t.family.ID(), 0, func(m *netlink.Msg) {
			m.Put([]byte{uapi.TCP_METRICS_CMD_GET, uapi.TCP_METRICS_GENL_VERSION, 0, 0})
			v.fill(m, list[0], now, st.fastPeers.get(list[0].saddr, list[0].daddr))
		})
		if !put {
			d.State = list
			return netlink.More
		}
	}
	return nil
}

// fill describes a host (tcp_metrics_fill_info).
func (v *metrics) fill(m *netlink.Msg, k metricsKey, now ktime.T, fast fastPeer) {
	m.BE32(uapi.TCP_METRICS_ATTR_ADDR_IPV4, k.daddr)
	m.BE32(uapi.TCP_METRICS_ATTR_SADDR_IPV4, k.saddr)
	m.U64(uapi.TCP_METRICS_ATTR_AGE, uint64(max(now-v.at, 0))/1000000)
	nest := m.NestOld(uapi.TCP_METRICS_ATTR_VALS)
	n := 0
	for i, val := range v.val {
		if val == 0 {
			continue
		}
		n++
		switch i {
		case uapi.TCP_METRIC_RTT:
			m.U32(uapi.TCP_METRIC_RTT_US+1, val)
			val = max(val/1000, 1)
		case uapi.TCP_METRIC_RTTVAR:
			m.U32(uapi.TCP_METRIC_RTTVAR_US+1, val)
			val = max(val/1000, 1)
		}
		m.U32(uint16(i+1), val)
	}
	if n == 0 {
		m.Cancel(nest)
	} else {
		m.End(nest)
	}
	if fast.mss != 0 {
		m.U16(uapi.TCP_METRICS_ATTR_FOPEN_MSS, uint16(fast.mss))
	}
	if fast.n > 0 {
		m.Attr(uapi.TCP_METRICS_ATTR_FOPEN_COOKIE, fast.cookie[:fast.n])
	}
}

// deleteMetrics forgets a host, or all without one (tcp_metrics_nl_cmd_del).
func (st *State) deleteMetrics(_ *netlink.Request, a netlink.Attrs) error {
	t := &st.metrics
	t.mu.Lock()
	defer t.mu.Unlock()
	if !a.Has(uapi.TCP_METRICS_ATTR_ADDR_IPV4) && !a.Has(uapi.TCP_METRICS_ATTR_ADDR_IPV6) {
		clear(t.host)
		st.fastPeers.forget(0, 0)
		return nil
	}
	k, any, err := metricsEnds(a)
	if err != nil {
		return err
	}
	found := false
	for o := range t.host {
		if o.daddr == k.daddr && (any || o.saddr == k.saddr) {
			delete(t.host, o)
			st.fastPeers.forget(o.saddr, o.daddr)
			found = true
		}
	}
	if !found {
		return errno.ESRCH
	}
	return nil
}
