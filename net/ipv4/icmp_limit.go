package ipv4

import (
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/mib"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// icmpRatemask are the types that are limited by default, a bit each:
// destination unreachable, source quench, time exceeded, parameter problem.
const icmpRatemask = 1<<wire.ICMPDestUnreach | 1<<wire.ICMPSourceQuench | 1<<wire.ICMPTimeExceeded | 1<<wire.ICMPParamProb

// icmpBurst is how many messages a silent destination may be sent at once
// (XRLIM_BURST_FACTOR).
const icmpBurst = 6

// creditEvery is the least time between two additions to the namespace's
// credit.
const creditEvery = time.Second / 50

// icmpGlobalAllow looks whether the namespace may send a message
// (icmpv4_global_allow): net.ipv4.icmp_msgs_per_sec with bursts of
// icmp_msgs_burst. limited says that the destination's limit holds too. What
// does not leave the host is free.
func (st *state) icmpGlobalAllow(c *kern.CPU, typ, code uint8, in skb.Device) (limited, ok bool) {
	s := &st.path.icmp
	switch {
	case typ > maxICMPType,
		typ == wire.ICMPDestUnreach && code == wire.ICMPFragNeeded, // path MTU discovery depends on it
		s.ratemask.Load()&(1<<typ) == 0:
		return false, true
	}
	if l, is := in.(interface{ IsLoopback() bool }); is && l.IsLoopback() {
		return false, true
	}
	if s.credit.Load() > 0 || st.addCredit(c.Now()) {
		return true, true
	}
	st.path.mib.Inc(c, mib.ICMPOutRateLimitGlobal)
	return false, false
}

// addCredit adds what the time since the last addition is worth, and reports
// whether it added any.
func (st *state) addCredit(now ktime.T) bool {
	s := &st.path.icmp
	old := s.stamp.Load()
	delta := min(time.Duration(int64(now)-old), time.Second)
	incr := s.perSec.Load() * int64(delta) / int64(time.Second)
	if delta < creditEvery || incr == 0 {
		return false
	}
	if s.stamp.CompareAndSwap(old, int64(now)) {
		for {
			have := s.credit.Load()
			if s.credit.CompareAndSwap(have, min(have+incr, s.burst.Load())) {
				break
			}
		}
	}
	return true
}

// icmpPeerAllow looks whether the destination may be sent a message
// (icmpv4_xrlim_allow): one every net.ipv4.icmp_ratelimit, six after silence.
// Then the namespace's credit pays a random amount, one on average: an exact
// one would tell strangers what others are sent (CVE-2020-25705).
func (st *state) icmpPeerAllow(c *kern.CPU, rt *Route, daddr uint32) bool {
	s := &st.path.icmp
	if rt.Dev.RawFlags()&uapi.IFF_LOOPBACK != 0 {
		return true
	}
	cost := s.ratelimit.Duration()
	if cost == 0 { // not limited, and no token is taken
		s.credit.Add(-int64(c.Uint32n(3)))
		return true
	}
	if p := st.path.peers.Get(c.Now(), daddr, 0); p != nil && !p.Take(c.Now(), cost, icmpBurst*cost) {
		st.path.mib.Inc(c, mib.ICMPOutRateLimitHost)
		return false
	}
	s.credit.Add(-int64(c.Uint32n(3)))
	return true
}
