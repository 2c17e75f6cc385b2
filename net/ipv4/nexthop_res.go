package ipv4

import (
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/uapi"
)

// resTable is the hash table of a resilient group (struct nh_res_table): a flow
// hashes to a bucket, which names the next hop. When the group changes, only
// buckets that are idle move, so that flows that go on keep their next hop
// (Documentation/networking/nexthop-group-resilient.rst).
type resTable struct {
	st         *state
	group      *nhObject
	buckets    []resBucket
	idle       time.Duration // a bucket unused for so long may move
	unbalanced time.Duration // 0: wait for idle buckets for ever
	since      ktime.T       // the group is out of balance since; 0: it is not
	shares     []resShare
	waiting    []*resShare // with fewer buckets than wanted; the next to get one first
	timer      kern.Timer
}

// resBucket is one bucket. Packets read obj and write used.
type resBucket struct {
	obj   atomic.Pointer[nhObject]
	used  atomic.Int64 // when a packet chose it last, or it moved
	moved ktime.T
}

// resShare is what a next hop of the group has of the buckets.
type resShare struct {
	obj        *nhObject
	wants, has int
}

// newResTable makes the table of a resilient group.
func (st *state) newResTable(group *nhObject, cfg *nexthopConfig) *resTable {
	t := &resTable{
		st: st, group: group, buckets: make([]resBucket, cfg.buckets),
		idle: cfg.idle, unbalanced: cfg.unbalanced,
	}
	t.timer.Init(st.n.Kernel(), func(*kern.CPU) { st.n.Kernel().Queue(t.expire) })
	return t
}

// stop ends the table's timer.
func (t *resTable) stop() {
	t.group = nil
	t.timer.Stop()
}

// expire moves what may move now. It runs off every CPU.
func (t *resTable) expire() {
	t.st.n.Lock()
	defer t.st.n.Unlock()
	if t.group != nil && !t.st.n.Closing() {
		t.upkeep(true)
	}
}

// rebalance shares the buckets out by weight (nh_res_group_rebalance).
func (t *resTable) rebalance(entries []nhEntry) {
	has := make(map[*nhObject]int)
	for i := range t.buckets {
		has[t.buckets[i].obj.Load()]++
	}
	total, sum, last := 0, 0, 0
	for _, e := range entries {
		total += e.weight
	}
	t.shares, t.waiting = make([]resShare, len(entries)), nil
	for i, e := range entries {
		sum += e.weight
		upper := (len(t.buckets)*sum + total/2) / total
		t.shares[i] = resShare{obj: e.obj, wants: upper - last, has: has[e.obj]}
		last = upper
	}
	for i := range t.shares {
		if s := &t.shares[len(t.shares)-1-i]; s.has < s.wants {
			t.waiting = append(t.waiting, s)
		}
	}
}

// share returns the share of a next hop; nil: it has left the group.
func (t *resTable) share(o *nhObject) *resShare {
	for i := range t.shares {
		if t.shares[i].obj == o {
			return &t.shares[i]
		}
	}
	return nil
}

// upkeep moves the buckets that may move and sets the timer for the others
// (nh_res_table_upkeep). notify tells programs of each.
func (t *resTable) upkeep(notify bool) {
	now := t.st.n.Kernel().Now()
	switch {
	case len(t.waiting) == 0:
		t.since = 0
	case t.since == 0:
		t.since = now
	}
	force := t.unbalanced != 0 && len(t.waiting) > 0 && now >= t.since.Add(t.unbalanced)
	next := ktime.Never
	for i := range t.buckets {
		if len(t.waiting) == 0 {
			break
		}
		b := &t.buckets[i]
		s := t.share(b.obj.Load())
		if s != nil && s.has <= s.wants {
			continue
		}
		if at := t.idleAt(b, now); s != nil && now < at && !force {
			if next = min(next, at); t.unbalanced != 0 {
				next = min(next, t.since.Add(t.unbalanced))
			}
			continue
		}
		t.move(b, s, now)
		if notify {
			t.notifyBucket(i)
		}
	}
	if len(t.waiting) == 0 {
		t.since = 0
	}
	if next == ktime.Never {
		t.timer.Stop()
		return
	}
	t.timer.Set(next)
}

// idleAt returns when a bucket will be idle. One that no packet has chosen
// since it moved is idle now.
func (t *resTable) idleAt(b *resBucket, now ktime.T) ktime.T {
	used := ktime.T(b.used.Load())
	if used == b.moved {
		return now
	}
	return used.Add(t.idle)
}

// move gives a bucket to the next hop that waits first.
func (t *resTable) move(b *resBucket, from *resShare, now ktime.T) {
	to := t.waiting[0]
	if to.has++; to.has >= to.wants {
		t.waiting = t.waiting[1:]
	}
	if from != nil {
		from.has--
	}
	b.obj.Store(to.obj)
	b.moved = now
	b.used.Store(int64(now))
}

// pick returns the next hop of the flow's bucket among hops, or nil.
func (t *resTable) pick(hops []*nextHop, hash uint32) *nextHop {
	b := &t.buckets[hash%uint32(len(t.buckets))]
	b.used.Store(int64(t.st.n.Kernel().Now()))
	o := b.obj.Load()
	for _, nh := range hops {
		if nh.obj == o {
			return nh
		}
	}
	return nil
}

// fillBucket writes RTM_NEWNEXTHOPBUCKET (nh_fill_res_bucket).
func (t *resTable) fillBucket(m *netlink.Msg, i int) {
	m.Grow(nhMsgLen)
	m.U32(uapi.NHA_ID, t.group.id)
	b := &t.buckets[i]
	nest := m.Nest(uapi.NHA_RES_BUCKET)
	m.U16(uapi.NHA_RES_BUCKET_INDEX, uint16(i))
	m.U32(uapi.NHA_RES_BUCKET_NH_ID, b.obj.Load().id)
	m.U64(uapi.NHA_RES_BUCKET_IDLE_TIME, uint64(ktime.ClockT(t.st.n.Kernel().Now().Sub(ktime.T(b.used.Load())))))
	m.End(nest)
}

// notifyBucket tells RTNLGRP_NEXTHOP of a bucket that moved.
func (t *resTable) notifyBucket(i int) {
	if rtnl.Listening(t.st.n, uapi.RTNLGRP_NEXTHOP, nil) {
		m := netlink.NewMsg(uapi.RTM_NEWNEXTHOPBUCKET, uapi.NLM_F_REPLACE)
		t.fillBucket(m, i)
		rtnl.Notify(t.st.n, uapi.RTNLGRP_NEXTHOP, m, nil)
	}
}

// fillRes writes NHA_RES_GROUP.
func (t *resTable) fillRes(m *netlink.Msg) {
	nest := m.Nest(uapi.NHA_RES_GROUP)
	m.U16(uapi.NHA_RES_GROUP_BUCKETS, uint16(len(t.buckets)))
	m.U32(uapi.NHA_RES_GROUP_IDLE_TIMER, ktime.ClockT(t.idle))
	m.U32(uapi.NHA_RES_GROUP_UNBALANCED_TIMER, ktime.ClockT(t.unbalanced))
	off := time.Duration(0)
	if t.since != 0 {
		off = t.st.n.Kernel().Now().Sub(t.since)
	}
	m.U64(uapi.NHA_RES_GROUP_UNBALANCED_TIME, uint64(ktime.ClockT(off)))
	m.End(nest)
}
