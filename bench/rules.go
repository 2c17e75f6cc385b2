package main

import (
	"encoding/binary"
	"math/rand/v2"

	"linen"
	"linen/net/ipv4"
	"linen/net/netlink"
	"linen/uapi"
)

// Selectors of rulesSubjects: each of these flows is decided by a rule of its own,
// which leads to the main table, or by the default rules.
const (
	ruleMark  = 7
	ruleUID   = 1000
	rulePort  = 5000
	ruleFlows = 1 << 10
)

// addRule adds a rule that leads to the main table, in front of the others; set
// writes what it selects by.
func addRule(n *linen.Net, set func(m *netlink.Msg)) {
	m := netlink.NewMsg(uapi.RTM_NEWRULE, uapi.NLM_F_REQUEST|uapi.NLM_F_CREATE|uapi.NLM_F_EXCL|uapi.NLM_F_ACK)
	copy(m.Grow(12), []byte{uapi.AF_INET, 4: uapi.RT_TABLE_MAIN, 7: uapi.FR_ACT_TO_TBL})
	set(m)
	l := loader{conn: must(n.Netlink(uapi.NETLINK_ROUTE))}
	defer l.conn.Close()
	l.add(m.Bytes(), func([]byte) {})
	l.flush()
}

// rulesSubjects looks up routes of flows that differ by mark, user and ports, with a
// million routes and with a thousand: the first should not cost more.
func rulesSubjects() []subject {
	return []subject{lookups("linen", million), lookups("linen, 1k routes", ruleFlows)}
}

func lookups(name string, routes int) subject {
	r, list := newRouter(1, 24), prefixes(routes)
	n := r.net
	addRoutes(n, list)
	addRule(n, func(m *netlink.Msg) { m.U32(uapi.FRA_FWMARK, ruleMark) })
	addRule(n, func(m *netlink.Msg) {
		b := m.Reserve(uapi.FRA_UID_RANGE, 8)
		binary.NativeEndian.PutUint32(b, ruleUID)
		binary.NativeEndian.PutUint32(b[4:], ruleUID)
	})
	addRule(n, func(m *netlink.Msg) {
		b := m.Reserve(uapi.FRA_DPORT_RANGE, 4)
		binary.NativeEndian.PutUint16(b, rulePort)
		binary.NativeEndian.PutUint16(b[2:], rulePort)
	})
	flows := make([]ipv4.Flow, ruleFlows)
	rnd := rand.New(rand.NewPCG(5, 6))
	for i := range flows {
		a := list[rnd.IntN(len(list))].Addr().As4()
		f := &flows[i]
		f.Daddr, f.Proto = binary.BigEndian.Uint32(a[:]), uapi.IPPROTO_UDP
		switch i % 4 {
		case 1:
			f.Mark = ruleMark
		case 2:
			f.UID = ruleUID
		case 3:
			f.DPort = rulePort
		}
	}
	return subject{name: name, run: func(count int) {
		c := r.k.Engine().EnterCPU(0)
		defer c.Exit()
		for i := range count {
			f := flows[i%ruleFlows]
			if _, err := ipv4.RouteOutput(c, n.Namespace(), &f); err != nil {
				fatal(err)
			}
		}
	}, stop: func() { r.k.Close() }}
}
