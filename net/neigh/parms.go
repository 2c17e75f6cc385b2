package neigh

import (
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/sysctl"
)

// A Parm is one parameter of a table's device, a file of net/ipv4/neigh/DEV.
type Parm uint8

// The parameters.
const (
	McastProbes       Parm = iota // mcast_solicit
	UcastProbes                   // ucast_solicit
	AppProbes                     // app_solicit
	McastReprobes                 // mcast_resolicit
	RetransTime                   // retrans_time_ms
	BaseReachableTime             // base_reachable_time_ms
	DelayProbeTime                // delay_first_probe_time
	IntervalProbeTime             // interval_probe_time_ms
	GCStaleTime                   // gc_stale_time
	QueueLenBytes                 // unres_qlen_bytes
	ProxyQlen                     // proxy_qlen
	AnycastDelay                  // anycast_delay
	ProxyDelay                    // proxy_delay
	LockTime                      // locktime

	NumParms
)

// packetSize is what unres_qlen counts for a packet: the true size of an
// Ethernet frame (SKB_TRUESIZE(ETH_FRAME_LEN)).
const packetSize = 1514 + 256 + 320

// arpVars are ARP's, shared by all namespaces.
var arpVars = parmVars(time.Second)

// parmVars returns the files of a device's directory. Two names of one
// parameter show it in different units; unres_qlen is made apart. lockTime is
// locktime's default: ARP's is a second, neighbour discovery has none.
func parmVars(lockTime time.Duration) []sysctl.Var {
	count := func(name string, p Parm, def int64) sysctl.Var {
		return sysctl.Var{Name: name, Field: int(p), Spec: sysctl.Spec{Default: def, Ranged: true, Max: 1<<31 - 1}}
	}
	in := func(name string, p Parm, u sysctl.Unit, def time.Duration) sysctl.Var {
		return sysctl.Var{Name: name, Field: int(p), Spec: sysctl.Spec{Default: def.Milliseconds(), Unit: u}}
	}
	interval := in("interval_probe_time_ms", IntervalProbeTime, sysctl.Milli, 5*time.Second)
	interval.Ranged, interval.Min, interval.Max = true, 1, 1<<31-1
	return []sysctl.Var{
		count("mcast_solicit", McastProbes, 3),
		count("ucast_solicit", UcastProbes, 3),
		count("app_solicit", AppProbes, 0),
		count("mcast_resolicit", McastReprobes, 0),
		count("unres_qlen_bytes", QueueLenBytes, 212992),
		count("proxy_qlen", ProxyQlen, 64),
		in("retrans_time", RetransTime, sysctl.UserHZ, time.Second),
		in("retrans_time_ms", RetransTime, sysctl.Milli, time.Second),
		in("base_reachable_time", BaseReachableTime, sysctl.Seconds, 30*time.Second),
		in("base_reachable_time_ms", BaseReachableTime, sysctl.Milli, 30*time.Second),
		in("delay_first_probe_time", DelayProbeTime, sysctl.Seconds, 5*time.Second),
		in("gc_stale_time", GCStaleTime, sysctl.Seconds, 60*time.Second),
		in("anycast_delay", AnycastDelay, sysctl.UserHZ, time.Second),
		in("proxy_delay", ProxyDelay, sysctl.UserHZ, 800*time.Millisecond),
		in("locktime", LockTime, sysctl.UserHZ, lockTime),
		interval,
	}
}

// Parms are the parameters of one device, or the defaults of new ones. Counts
// and bytes are stored as they are, times in milliseconds.
type Parms struct {
	values    *sysctl.Group
	set       atomic.Uint32 // bits of those that no longer follow the default
	reachable atomic.Int64  // reachable_time: drawn from 0.5..1.5 base
	entries   atomic.Int32  // that use them
}

// Duration returns a parameter that is a time; never negative.
func (p *Parms) Duration(i Parm) time.Duration { return max(p.values.Duration(int(i)), 0) }

// Int returns a parameter that is a count.
func (p *Parms) Int(i Parm) int { return int(p.values.Load(int(i))) }

// ReachableTime returns how long a confirmed neighbour stays REACHABLE.
func (p *Parms) ReachableTime() time.Duration { return time.Duration(p.reachable.Load()) }

// draw chooses a new reachable time (RFC 4861 §6.3.2: 0.5 to 1.5 times base).
func (p *Parms) draw(k *kern.Kernel) {
	base := int64(p.Duration(BaseReachableTime))
	if base <= 0 {
		p.reachable.Store(0)
		return
	}
	p.reachable.Store(base/2 + int64(k.Uint64()%uint64(base)))
}

// SetParm sets a parameter of p, a device's or the table's default, as stored.
// A default moves the devices that never had their own value. The caller holds
// the RTNL.
func (t *Table) SetParm(p *Parms, i Parm, v int64) {
	p.values.Store(int(i), v)
	t.parmWritten(p, i)
}

// parmWritten follows a new value of p (neigh_proc_update).
func (t *Table) parmWritten(p *Parms, i Parm) {
	if i == BaseReachableTime {
		p.draw(t.n.Kernel())
	}
	if p != t.Default {
		p.set.Or(1 << i)
		return
	}
	for _, o := range t.parmsList() {
		if o.set.Load()&(1<<i) == 0 {
			o.values.Store(int(i), p.values.Load(int(i)))
		}
	}
}

// Pin makes the parameters p of a device its own: it was given an address, and
// no longer follows the defaults (neigh_parms_data_state_setall).
func (p *Parms) Pin() { p.set.Store(1<<NumParms - 1) }

// hundredths returns how long ago t was in clock_t units, as netlink shows it.
func hundredths(now, t ktime.T) uint32 { return ktime.ClockT(now.Sub(t)) }
