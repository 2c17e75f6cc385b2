package neigh

import (
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
)

// A Parm is one parameter of a table's device, a file of net/ipv4/neigh/DEV.
type Parm uint8

// The parameters; times are nanoseconds, the rest counts or bytes.
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

// parmDefaults are Linux's (arp_tbl.parms; nd_tbl differs in LockTime).
var parmDefaults = [NumParms]int64{
	McastProbes:       3,
	UcastProbes:       3,
	RetransTime:       int64(time.Second),
	BaseReachableTime: int64(30 * time.Second),
	DelayProbeTime:    int64(5 * time.Second),
	IntervalProbeTime: int64(5 * time.Second),
	GCStaleTime:       int64(60 * time.Second),
	QueueLenBytes:     212992,
	ProxyQlen:         64,
	AnycastDelay:      int64(time.Second),
	ProxyDelay:        int64(800 * time.Millisecond),
	LockTime:          int64(time.Second),
}

// Parms are the parameters of one device, or the defaults of new ones.
type Parms struct {
	values    [NumParms]atomic.Int64
	set       atomic.Uint32 // bits of those that were set for this device
	reachable atomic.Int64  // reachable_time: drawn from 0.5..1.5 base
	drawn     ktime.T       // when; guarded by the table
}

// Get returns a parameter.
func (p *Parms) Get(i Parm) int64 { return p.values[i].Load() }

// Duration returns a parameter that is a time.
func (p *Parms) Duration(i Parm) time.Duration { return time.Duration(p.values[i].Load()) }

// Int returns a parameter that is a count.
func (p *Parms) Int(i Parm) int { return int(p.values[i].Load()) }

// ReachableTime returns how long a confirmed neighbour stays REACHABLE.
func (p *Parms) ReachableTime() time.Duration { return time.Duration(p.reachable.Load()) }

// draw chooses a new reachable time (RFC 4861 §6.3.2: 0.5 to 1.5 times base).
func (p *Parms) draw(k *kern.Kernel, now ktime.T) {
	base := p.Get(BaseReachableTime)
	p.drawn = now
	if base <= 0 {
		p.reachable.Store(0)
		return
	}
	p.reachable.Store(base/2 + int64(k.Uint64()%uint64(base)))
}

// SetParm sets a parameter of p, a device's or the table's default. A default
// moves the devices that never had their own value. The caller holds the RTNL.
func (t *Table) SetParm(p *Parms, i Parm, v int64) {
	p.values[i].Store(v)
	if p == t.Default {
		for _, o := range t.parmsList() {
			if o.set.Load()&(1<<i) == 0 {
				o.values[i].Store(v)
				t.redraw(o, i)
			}
		}
	} else {
		p.set.Store(p.set.Load() | 1<<i)
	}
	t.redraw(p, i)
}

func (t *Table) redraw(p *Parms, i Parm) {
	if i == BaseReachableTime {
		p.draw(t.n.Kernel(), t.n.Kernel().Now())
	}
}
