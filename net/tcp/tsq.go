package tcp

import (
	"linen/kern"
	"linen/net/skb"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
)

// TCP small queues: packets that queueing disciplines and devices hold are
// counted in the socket's sk_wmem_alloc; a socket with too many of them
// (tcb.Conn's smallQueue) stops sending, and goes on when one is freed.

// wfree is a socket as the owner of the packets that it has sent (tcp_wfree).
type wfree Sock

// chargeSend makes s pay for b, a segment of n bytes, until it is freed.
func (s *Sock) chargeSend(b *skb.Buff, n int) {
	b.TrueSize = int32(tcb.TrueSize(n))
	s.AddWmem(int64(b.TrueSize))
	b.SetOwner((*wfree)(s))
}

// Charge implements skb.Charger: segments of one super-packet are paid for
// instead of it.
func (w *wfree) Charge(n int) { (*Sock)(w).AddWmem(int64(n)) }

// Uncharge implements skb.Owner. It may run in the middle of any call, on the
// socket too: what waits is sent from the CPU's poll list.
func (w *wfree) Uncharge(c *kern.CPU, b *skb.Buff) {
	s := (*Sock)(w)
	s.AddWmem(-int64(b.TrueSize))
	for {
		old := s.deferred.Load()
		if old&throttled == 0 || old&tsqQueued != 0 {
			return
		}
		if s.deferred.CompareAndSwap(old, old&^throttled|tsqQueued) {
			break
		}
	}
	if c != nil {
		tsqOf(c).add(c, s)
		return
	}
	k := s.st.n.Kernel()
	k.Queue(func() {
		c := k.Enter(kern.Any)
		tsqOf(c).add(c, s)
		c.Exit()
	})
}

// Held implements tcb.Env: the truesize below TCP.
func (e *env) Held() int { return int(e.s.WmemAlloc()) }

// Throttle implements tcb.Env: the socket waits for one of its packets to be
// freed. The caller looks at Held once more, for the last may have gone already.
func (e *env) Throttle() (before bool) { return e.s.deferred.Or(throttled)&throttled != 0 }

// tsq is a CPU's list of sockets that may go on (tsq_tasklet).
type tsq struct {
	kern.NAPI
	list, spare []*Sock
}

var tsqKey = kern.NewCPUKey[tsq]()

func tsqOf(c *kern.CPU) *tsq {
	q := tsqKey.Of(c)
	if q == nil {
		q = new(tsq)
		q.Poll = q.poll
		tsqKey.Set(c, q)
	}
	return q
}

func (q *tsq) add(c *kern.CPU, s *Sock) {
	q.list = append(q.list, s)
	c.Schedule(&q.NAPI)
}

// poll lets the sockets go on (tcp_tsq_workfn).
func (q *tsq) poll(c *kern.CPU, _ int) int {
	list := q.list
	q.list = q.spare[:0]
	for i, s := range list {
		list[i] = nil
		s.deferred.And(^uint32(tsqQueued))
		if s.BHLock() {
			s.goOn(c)
		} else {
			s.deferred.Or(deferSend)
		}
		s.BHUnlock()
	}
	q.spare = list[:0]
	return min(len(list), 1)
}

// goOn sends what small queues or autocorking held back (tcp_tsq_handler). The
// caller owns s or has its BHLock.
func (s *Sock) goOn(c *kern.CPU) {
	switch s.State() {
	case uapi.TCP_ESTABLISHED, uapi.TCP_CLOSE_WAIT, uapi.TCP_FIN_WAIT1, uapi.TCP_CLOSING, uapi.TCP_LAST_ACK:
	default:
		return
	}
	if s.over {
		return
	}
	s.begin(c)
	s.conn.Resume(c.Now())
	s.finish(c)
}
