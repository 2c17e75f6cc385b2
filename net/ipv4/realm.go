package ipv4

import (
	"bytes"
	"encoding/binary"

	"linen/kern"
)

// Realms (ip-route(8), RTA_FLOW): a number for where packets come from in the
// upper half of a word, and one for where they go to in the lower. A packet's
// route has those of its next hop; what that leaves 0 comes from the rule that
// led to it, and for a received packet from the way back to its source.

// acctRealms is how many realms /proc/net/rt_acct tells apart.
const acctRealms = 256

// A realmAcct counts the received packets of a realm (struct ip_rt_acct).
type realmAcct struct{ toBytes, toPackets, fromBytes, fromPackets uint32 }

type realmAccts [acctRealms]realmAcct

// useRealms notes that there is a route or a rule with a realm: from now on the
// way back of a received packet is looked up for its realm, and packets are
// counted. The RTNL is held.
func (st *state) useRealms() {
	if st.realms.Load() == nil {
		l := kern.NewLocal[realmAccts](st.n.Kernel())
		st.realms.Store(&l)
	}
}

// usesRealms reports whether a route or a rule has realms now
// (fib_num_tclassid_users).
func (st *state) usesRealms() bool {
	if st.realms.Load() == nil {
		return false
	}
	set := st.rules.Load()
	return st.realmHops.Load() != 0 || set != nil && set.ready().realms
}

// countRealms adds n to the count of next hops with realms for each of fi's.
func (fi *info) countRealms(n int32) {
	for _, nh := range fi.nhs {
		if nh.realm != 0 {
			fi.st.realmHops.Add(n)
		}
	}
}

// acctRealm counts a received packet of size bytes whose route has realms.
func (st *state) acctRealm(c *kern.CPU, realms uint32, size int) {
	l := st.realms.Load()
	if l == nil {
		return
	}
	a := l.At(c)
	a[realms&(acctRealms-1)].toPackets++
	a[realms&(acctRealms-1)].toBytes += uint32(size)
	a[realms>>16&(acctRealms-1)].fromPackets++
	a[realms>>16&(acctRealms-1)].fromBytes += uint32(size)
}

// procRealms writes /proc/net/rt_acct, which is binary: for each realm four
// numbers, added up over the CPUs (rtacct(8)).
func (st *state) procRealms(w *bytes.Buffer) {
	var sum realmAccts
	if l := st.realms.Load(); l != nil {
		st.n.Kernel().Each(func(c *kern.CPU) {
			for i, a := range l.At(c) {
				s := &sum[i]
				*s = realmAcct{s.toBytes + a.toBytes, s.toPackets + a.toPackets, s.fromBytes + a.fromBytes, s.fromPackets + a.fromPackets}
			}
		})
	}
	var b []byte
	for _, s := range sum {
		for _, v := range [...]uint32{s.toBytes, s.toPackets, s.fromBytes, s.fromPackets} {
			b = binary.NativeEndian.AppendUint32(b, v)
		}
	}
	w.Write(b)
}

// ruleRealms returns the realms of the rule that led to the result.
func (res *result) ruleRealms() uint32 {
	if res.rule == nil {
		return 0
	}
	return res.rule.Realms
}

// sourceRealms returns what the way back to a source, found with res, says of
// a packet from there: its realm, which is the one that packets to there go to,
// and that of the rule.
func (res *result) sourceRealms() uint32 {
	realms, rule := res.info.hops()[0].realm<<16, res.ruleRealms()
	if realms == 0 {
		realms = rule << 16
	}
	return realms | rule>>16
}

// addRealms fills the halves of the route's realms that are 0.
func (rt *Route) addRealms(realms uint32) {
	for _, half := range [...]uint32{0xffff, 0xffff0000} {
		if rt.realms&half == 0 {
			rt.realms |= realms & half
		}
	}
}

// withRealms returns the route, or one of its own for packets whose source has
// realms.
func (rt *Route) withRealms(realms uint32) *Route {
	if realms == 0 {
		return rt
	}
	cp := *rt
	cp.realms = realms
	return &cp
}
