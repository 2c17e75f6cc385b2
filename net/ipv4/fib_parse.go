package ipv4

import (
	"encoding/binary"

	"linen/net/dst"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// Sizes of structs in bytes.
const (
	rtMsgLen = 12 // struct rtmsg
	rtnhLen  = 8  // struct rtnexthop
)

// routePolicy is what RTM_*ROUTE take (rtm_ipv4_policy).
var routePolicy = netlink.Policy{
	0:            netlink.StrictFrom(uapi.RTA_DPORT + 1),
	uapi.RTA_DST: netlink.U32(), uapi.RTA_SRC: netlink.U32(), uapi.RTA_IIF: netlink.U32(),
	uapi.RTA_OIF: netlink.U32(), uapi.RTA_GATEWAY: netlink.U32(), uapi.RTA_PRIORITY: netlink.U32(),
	uapi.RTA_PREFSRC: netlink.U32(), uapi.RTA_METRICS: netlink.Nested(nil),
	uapi.RTA_MULTIPATH: netlink.Struct(rtnhLen), uapi.RTA_FLOW: netlink.U32(),
	uapi.RTA_ENCAP_TYPE: netlink.U16(), uapi.RTA_ENCAP: netlink.Nested(nil), uapi.RTA_UID: netlink.U32(),
	uapi.RTA_MARK: netlink.U32(), uapi.RTA_TABLE: netlink.U32(), uapi.RTA_IP_PROTO: netlink.U8(),
	uapi.RTA_SPORT: netlink.U16(), uapi.RTA_DPORT: netlink.U16(), uapi.RTA_NH_ID: netlink.U32(),
}

// parseRoute reads RTM_NEWROUTE or RTM_DELROUTE (rtm_to_fib_config).
func (st *state) parseRoute(r *netlink.Request) (*routeConfig, error) {
	if err := r.Need(rtMsgLen, ""); err != nil {
		return nil, err
	}
	tb, err := r.Parse(rtMsgLen, routePolicy, netlink.Liberal)
	if err != nil {
		return nil, err
	}
	h := r.Payload()
	cfg := &routeConfig{
		plen: h[1], tos: h[3], table: uint32(h[4]), proto: h[5], scope: h[6], typ: h[7],
		flags: binary.NativeEndian.Uint32(h[8:]), nlFlags: r.Flags,
		dst: tb.Get(uapi.RTA_DST).BE32(), prefsrc: tb.Get(uapi.RTA_PREFSRC).BE32(),
		priority: tb.U32(uapi.RTA_PRIORITY), realms: tb.U32(uapi.RTA_FLOW),
	}
	if cfg.tos&^dscp != 0 {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid dsfield (tos): ECN bits must be 0")
	}
	if int(cfg.typ) >= len(typeProps) {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid route type")
	}
	if tb.Has(uapi.RTA_TABLE) {
		cfg.table = tb.U32(uapi.RTA_TABLE)
	}
	if cfg.table == uapi.RT_TABLE_UNSPEC {
		cfg.table = uapi.RT_TABLE_MAIN
	}
	if err := noEncap(tb); err != nil {
		return nil, err
	}
	if err := cfg.parseHops(tb); err != nil {
		return nil, err
	}
	if err := cfg.checkPrefix(); err != nil {
		return nil, err
	}
	if cfg.nhID = tb.U32(uapi.RTA_NH_ID); cfg.nhID != 0 {
		if tb.Has(uapi.RTA_OIF) || tb.Has(uapi.RTA_MULTIPATH) || tb.Has(uapi.RTA_GATEWAY) || tb.Has(uapi.RTA_VIA) {
			return nil, netlink.Errorf(errno.EINVAL, "Nexthop specification and nexthop id are mutually exclusive")
		}
		cfg.hops = nil
	}
	cfg.given = tb.Get(uapi.RTA_METRICS)
	return cfg, nil
}

// maxEncap is the greatest LWTUNNEL_ENCAP_* (linux/lwtunnel.h).
const maxEncap = 10

// noEncap refuses RTA_ENCAP: no light-weight tunnel is built.
func noEncap(tb netlink.Attrs) error {
	typ := tb.Get(uapi.RTA_ENCAP_TYPE)
	switch encap := tb.Get(uapi.RTA_ENCAP); {
	case !typ.Present() && !encap.Present():
		return nil
	case !typ.Present():
		return netlink.ErrorAt(errno.EINVAL, encap, "Unknown LWT encapsulation type")
	case typ.U16() == 0 || typ.U16() > maxEncap:
		return netlink.Errorf(errno.EINVAL, "Unknown lwt encapsulation type")
	}
	return netlink.Errorf(errno.EOPNOTSUPP, "lwt encapsulation type not supported")
}

// parseHops reads the next hops: one by attributes of its own, or
// RTA_MULTIPATH.
func (cfg *routeConfig) parseHops(tb netlink.Attrs) error {
	one := hopConfig{
		oif: int(int32(tb.U32(uapi.RTA_OIF))), flags: uint8(cfg.flags), weight: 1,
		realm: tb.U32(uapi.RTA_FLOW), hasRealm: tb.U32(uapi.RTA_FLOW) != 0,
	}
	if err := one.gateway(tb.Get(uapi.RTA_GATEWAY), tb.Get(uapi.RTA_VIA)); err != nil {
		return err
	}
	given := one.oif != 0 || one.gwFamily != 0 || one.hasRealm
	mp := tb.Get(uapi.RTA_MULTIPATH)
	if !mp.Present() || mp.Len() == 0 {
		if given || cfg.flags != 0 {
			cfg.hops = []hopConfig{one}
		}
		return nil
	}
	cfg.multi = true
	for p := mp.Bytes(); len(p) > 0; {
		h, rest, err := parseHop(p)
		if err != nil {
			return err
		}
		cfg.hops = append(cfg.hops, h)
		p = rest
	}
	if one.oif != 0 && cfg.hops[0].oif != one.oif {
		return netlink.Errorf(errno.EINVAL, "Nexthop device index does not match RTA_OIF")
	}
	if f := cfg.hops[0]; one.gwFamily != 0 && (f.gwFamily != one.gwFamily || f.gw != one.gw || f.gw6 != one.gw6) {
		return netlink.Errorf(errno.EINVAL, "Nexthop gateway does not match RTA_GATEWAY or RTA_VIA")
	}
	return nil
}

// parseHop reads one struct rtnexthop and its attributes.
func parseHop(p []byte) (h hopConfig, rest []byte, err error) {
	if len(p) < rtnhLen {
		return h, nil, netlink.Errorf(errno.EINVAL, "Invalid nexthop configuration - extra data after nexthops")
	}
	n := int(binary.NativeEndian.Uint16(p))
	if n < rtnhLen || n > len(p) {
		return h, nil, netlink.Errorf(errno.EINVAL, "Invalid nexthop configuration - extra data after nexthops")
	}
	h = hopConfig{flags: p[2], weight: int(p[3]) + 1, oif: int(int32(binary.NativeEndian.Uint32(p[4:])))}
	if h.flags&(uapi.RTNH_F_DEAD|uapi.RTNH_F_LINKDOWN) != 0 {
		return h, nil, netlink.Errorf(errno.EINVAL, "Invalid flags for nexthop - can not contain DEAD or LINKDOWN")
	}
	var gw, via, encap netlink.Attr
	netlink.EachAttr(p[rtnhLen:n], func(a netlink.Attr) bool {
		switch a.Type() {
		case uapi.RTA_GATEWAY:
			gw = a
		case uapi.RTA_VIA:
			via = a
		case uapi.RTA_FLOW:
			h.realm, h.hasRealm = a.U32(), true
		case uapi.RTA_ENCAP_TYPE:
			encap = a
		}
		return true
	})
	if encap.Present() {
		if encap.U16() == 0 || encap.U16() > maxEncap {
			return h, nil, netlink.Errorf(errno.EOPNOTSUPP, "Unknown lwt encapsulation type")
		}
		return h, nil, netlink.Errorf(errno.EOPNOTSUPP, "lwt encapsulation type not supported")
	}
	if gw.Present() && gw.Len() < 4 {
		return h, nil, netlink.Errorf(errno.EINVAL, "Invalid IPv4 address in RTA_GATEWAY")
	}
	h.zeroGw = gw.Present() && gw.BE32() == 0
	return h, p[min(netlink.Align(n), len(p)):], h.gateway(gw, via)
}

// gateway reads RTA_GATEWAY or RTA_VIA.
func (h *hopConfig) gateway(gw, via netlink.Attr) error {
	if gw.Present() && via.Present() {
		return netlink.Errorf(errno.EINVAL, "Nexthop configuration can not contain both GATEWAY and VIA")
	}
	if gw.Present() {
		if h.gw = gw.BE32(); h.gw != 0 {
			h.gwFamily = uapi.AF_INET
		}
		return nil
	}
	if !via.Present() {
		return nil
	}
	if via.Len() < 2 {
		return netlink.Errorf(errno.EINVAL, "Invalid attribute length for RTA_VIA")
	}
	addr := via.Bytes()[2:]
	switch binary.NativeEndian.Uint16(via.Bytes()) {
	case uapi.AF_INET:
		if len(addr) != 4 {
			return netlink.Errorf(errno.EINVAL, "Invalid IPv4 address in RTA_VIA")
		}
		h.gwFamily, h.gw = uapi.AF_INET, binary.BigEndian.Uint32(addr)
	case uapi.AF_INET6:
		if len(addr) != 16 {
			return netlink.Errorf(errno.EINVAL, "Invalid IPv6 address in RTA_VIA")
		}
		h.gwFamily, h.gw6 = uapi.AF_INET6, [16]byte(addr)
	default:
		return netlink.Errorf(errno.EINVAL, "Unsupported address family in RTA_VIA")
	}
	return nil
}

// Bounds of metrics (ip_metrics_convert).
const (
	maxMetricAdvMSS = 65535 - 40
	maxMetricMTU    = 65535 - 15
)

// parseMetrics reads RTA_METRICS.
func (st *state) parseMetrics(attr netlink.Attr) (m *dst.Metrics, err error) {
	m = new(dst.Metrics)
	attr.Each(func(a netlink.Attr) bool {
		t := int(a.Type())
		switch {
		case t == 0:
			return true
		case t > uapi.RTAX_FASTOPEN_NO_COOKIE:
			err = netlink.Errorf(errno.EINVAL, "Invalid metric type")
		case t == uapi.RTAX_CC_ALGO:
			if name := a.Text(); st.knownCongestion(name) {
				m.SetCongestion(name)
			} else {
				err = netlink.Errorf(errno.EINVAL, "Unknown tcp congestion algorithm")
			}
		case a.Len() != 4:
			err = netlink.ErrorAt(errno.EINVAL, a, "Invalid attribute in metrics")
		default:
			m.Set(t, boundMetric(t, a.U32()))
			const known = 1 | 8 // ecn, tcp_usec_ts
			if t == uapi.RTAX_FEATURES && a.U32()&^known != 0 {
				err = netlink.Errorf(errno.EINVAL, "Unknown flag set in feature mask in metrics attribute")
			}
		}
		return err == nil
	})
	if err != nil || m.Empty() {
		return nil, err
	}
	return m, nil
}

func boundMetric(t int, v uint32) uint32 {
	switch t {
	case uapi.RTAX_ADVMSS:
		return min(v, maxMetricAdvMSS)
	case uapi.RTAX_MTU:
		return min(v, maxMetricMTU)
	case uapi.RTAX_HOPLIMIT:
		return min(v, 255)
	}
	return v
}

// SetCongestion makes known say which congestion control algorithms routes may name
// (tcp_ca_get_key_by_name).
func SetCongestion(n *netns.Net, known func(name string) bool) { of(n).data.congestion = known }

// knownCongestion reports whether a congestion control algorithm exists: where
// there is no TCP (a test's namespace), the two of which Linux always has one.
func (st *state) knownCongestion(name string) bool {
	if st.data.congestion == nil {
		return name == "reno" || name == "cubic"
	}
	return st.data.congestion(name)
}
