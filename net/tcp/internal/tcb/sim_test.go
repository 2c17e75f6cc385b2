package tcb

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"

	"linen/lib/ktime"
	"linen/uapi"
	"linen/uapi/errno"
)

// A sim is two connections and the links between them, in virtual time.
type sim struct {
	t    testing.TB
	now  ktime.T
	rnd  *rand.Rand
	link link
	ends [2]*end
	q    events
	seq  uint64
	log  func(from int, o *Out)
	drop func(from int, o *Out) bool
	lost func(g *Segment)         // told of what the link loses
	came func(e *end, g *Segment) // and of what arrives
}

// A link is one direction's impairment.
type link struct {
	delay   time.Duration
	jitter  time.Duration // packets may overtake
	loss    float64
	dup     float64
	rate    int // bytes a second, 0: none
	limit   time.Duration
	ceAfter time.Duration // queue at which ECT packets are marked, 0: never
}

type event struct {
	at  ktime.T
	seq uint64
	to  int
	seg Segment
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any     { o := (*e)[len(*e)-1]; *e = (*e)[:len(*e)-1]; return o }

// An end is one side: its stream is the byte i mod 251.
type end struct {
	s      *sim
	me     int
	c      *Conn
	busy   ktime.T // the link is sending until then
	queued int     // bytes delivered and not read
	kept   int     // bytes out of order
	got    int     // bytes read
	buf    int
	failed errno.Errno
	stats  [NumStats]int
	hold   bool // the reader does not read
	urgent int
	req    *Request
}

// A piece is a payload: its first byte's place in the stream.
type piece struct{ off, n int }

func (e *end) Emit(o Out) { e.s.send(e.me, &o) }

func (e *end) Deliver(p any, skip, n int) {
	b := p.(piece)
	if skip < 0 || n <= 0 || skip+n > b.n {
		e.s.t.Fatalf("deliver %d+%d of %d", skip, n, b.n)
	}
	if b.off+skip != e.got+e.queued {
		e.s.t.Fatalf("end %d: byte %d delivered, %d expected", e.me, b.off+skip, e.got+e.queued)
	}
	e.queued += n
}

func (e *end) Keep(p any)              { e.kept += p.(piece).n }
func (e *end) Room(p any) bool         { return e.queued < 2*e.buf }
func (e *end) Collapse()               {}
func (e *end) Pressure() bool          { return false }
func (e *end) Discard(p any, r Reason) {}
func (e *end) Space() (int, int)       { return e.buf - e.queued, e.buf }
func (e *end) Count(s Stat, n int)     { e.stats[s] += n }
func (e *end) Failed(x errno.Errno)    { e.failed = x }
func (e *end) Changed(old uint8)       {}
func (e *end) Urgent()                 { e.urgent++ }
func (e *end) Learned()                {}
func (e *end) Suspect()                {}
func (e *end) Held() int               { return 0 }
func (e *end) Throttle() bool          { return false }
func (e *end) MayChallenge() bool      { return true }

// settings are the namespace's defaults.
func settings() *Settings {
	return &Settings{
		Timestamps: true, SACK: true, DSACK: true, WindowScaling: true, ECN: 2, SynRetries: 6, SynLinear: 4,
		AppWin: 31, Pingpong: 1, Retries1: 3, Retries2: 15, FinTimeout: time.Minute, KeepTime: 2 * time.Hour, KeepIntvl: 75 * time.Second, KeepProbes: 9,
		RTOMin: 200 * time.Millisecond, RTOMax: 120 * time.Second, Reordering: 3, MaxReordering: 300, FRTO: true,
		SlowStartAfterIdle: true, TLP: true, RACK: true, RmemMax: 6 << 20, InvalidRatelimit: 500 * time.Millisecond, MinSndMSS: 48,
		PacingSS: 200, PacingCA: 120, MinTSO: 2, TSORTTLog: 9, MinRTTWindow: 300 * time.Second,
		CompDelay: time.Millisecond, CompAcks: 44,
	}
}

func newSim(t testing.TB, seed uint64, l link, change func(*Settings)) *sim {
	s := &sim{t: t, now: ktime.T(time.Second), rnd: rand.New(rand.NewPCG(seed, 1)), link: l}
	for i := range s.ends {
		set := settings()
		if change != nil {
			change(set)
		}
		e := &end{s: s, me: i, buf: 256 << 10}
		e.c = New(e, set)
		s.ends[i] = e
	}
	return s
}

var simPath = Path{MSS: 1460, AdvMSS: 1460, GSOMax: 1500}

// send puts a segment on the link from end i.
func (s *sim) send(i int, o *Out) {
	if s.log != nil {
		s.log(i, o)
	}
	e := s.ends[i]
	if o.Len > 65535 || o.Len < 0 {
		s.t.Fatalf("a segment of %d bytes", o.Len)
	}
	g := Segment{Seq: o.Seq, Ack: o.Ack, Flags: o.Flags, Window: o.Window, Urg: o.Urg, Len: o.Len, MSS: o.MSS}
	head := make([]byte, 20, 60)
	head = append(head, o.Opt[:o.OptLen]...)
	g.Opt.Parse(head, o.Flags&Syn != 0)
	if o.ECT {
		g.ECN = 2
	}
	g.Payload = piece{int(o.Seq - e.c.SendBase()), o.Len}
	if s.drop != nil && s.drop(i, o) {
		return
	}
	e.busy = max(e.busy, s.now)
	if s.link.limit > 0 && time.Duration(e.busy-s.now) > s.link.limit {
		return // the queue is full
	}
	if s.link.ceAfter > 0 && time.Duration(e.busy-s.now) > s.link.ceAfter && g.ECN != 0 {
		g.ECN = 3
	}
	if s.link.rate > 0 {
		e.busy += ktime.T((o.Len + 66) * int(time.Second) / s.link.rate)
	}
	for n := 1; n > 0; n-- {
		if s.rnd.Float64() < s.link.loss {
			if s.lost != nil {
				s.lost(&g)
			}
			continue
		}
		if s.rnd.Float64() < s.link.dup {
			n++
		}
		at := e.busy.Add(s.link.delay)
		if s.link.jitter > 0 {
			at = at.Add(time.Duration(s.rnd.Int64N(int64(s.link.jitter))))
		}
		s.seq++
		heap.Push(&s.q, event{at, s.seq, 1 - i, g})
	}
}

// connect opens a connection from end 0 to end 1, which answers as a listener
// does.
func (s *sim) connect() {
	e := s.ends[0]
	e.c.Connect(s.now, Opening{ISS: s.rnd.Uint32(), TSOffset: s.rnd.Uint32(), Path: simPath, Space: e.buf, ECN: e.c.set.ECN == 1})
}

// listen answers a SYN as a listener with a request.
func (e *end) listen(g *Segment) {
	if g.Flags&(Syn|Ack|Rst) == Syn {
		if e.req == nil {
			w, clamp, shift := InitialWindow(e.buf, 0, 1448, true, false, 6<<20)
			e.req = &Request{Opening: Opening{ISS: e.s.rnd.Uint32(), TSOffset: e.s.rnd.Uint32(), Path: simPath}, IRS: g.Seq, MSS: int(g.Opt.MSS),
				WS: g.Opt.HasWS, SndWS: g.Opt.WS, RcvWS: shift, TS: g.Opt.HasTS && e.c.set.Timestamps, SACK: g.Opt.SACKPerm && e.c.set.SACK,
				TSRecent: g.Opt.TSVal, Window: w, Clamp: clamp, RTT: -1, ECN: g.Flags&(Ece|Cwr) == Ece|Cwr}
			if !e.req.WS {
				e.req.RcvWS = 0
			}
		}
		q := e.req
		o := &Out{Seq: q.ISS, Ack: q.IRS + 1, Flags: Syn | Ack, Window: uint16(q.Window)}
		if q.ECN {
			o.Flags |= Ece
		}
		so := SynOptions{MSS: 1460, SACK: q.SACK, TS: q.TS, WS: q.WS, WScale: q.RcvWS, TSVal: uint32(e.s.now/1e6) + q.TSOffset, TSEcr: q.TSRecent}
		o.OptLen = len(so.Append(o.Opt[:0]))
		e.s.send(e.me, o)
		return
	}
	if e.req != nil && g.Flags&(Ack|Rst|Syn) == Ack && g.Ack == e.req.ISS+1 {
		e.c.Accept(e.s.now, e.req)
		e.c.Input(e.s.now, g)
	}
}

// waits answers what came again as TIME_WAIT does.
func (e *end) waits(g *Segment) {
	if g.Flags&Rst != 0 || g.end() == g.Seq {
		return
	}
	w := e.c.TimeWait()
	o := &Out{Seq: w.SndNxt, Ack: w.RcvNxt, Flags: Ack, Window: uint16(w.RcvWnd >> w.RcvWS)}
	if w.TS {
		o.OptLen = len(AppendTimestamp(o.Opt[:0], uint32(e.s.now/1e6)+w.TSOffset, w.TSRecent))
	}
	e.s.send(e.me, o)
}

// step runs the next event; false when nothing is left.
func (s *sim) step() bool {
	at, who := ktime.T(0), -1
	for i, e := range s.ends {
		if n := e.c.Next(); n != 0 && (who < 0 || n < at) {
			at, who = n, i
		}
	}
	if len(s.q) > 0 && (who < 0 || s.q[0].at <= at) {
		v := heap.Pop(&s.q).(event)
		s.now = max(s.now, v.at)
		e := s.ends[v.to]
		if s.came != nil {
			s.came(e, &v.seg)
		}
		if e.c.State == uapi.TCP_CLOSE && v.to == 1 && e.failed == 0 && (e.req == nil || e.c.Una() == 0) {
			e.listen(&v.seg)
		} else if e.c.State == uapi.TCP_TIME_WAIT {
			e.waits(&v.seg)
		} else {
			e.c.Input(s.now, &v.seg)
		}
		e.read()
		e.check()
		return true
	}
	if who < 0 {
		return false
	}
	s.now = max(s.now, at)
	s.ends[who].c.Timer(s.now)
	s.ends[who].check()
	return true
}

// read lets the application read everything.
func (e *end) read() {
	if e.hold || e.queued == 0 {
		return
	}
	n := e.queued
	e.got += n
	e.queued = 0
	e.c.Read(e.s.now, n)
	if e.c.AfterRead(n, true) {
		e.c.AckNow(e.s.now)
	}
}

// check looks at what must always hold.
func (e *end) check() {
	d := &e.c.send
	if e.c.State == uapi.TCP_CLOSE || e.c.State == uapi.TCP_TIME_WAIT {
		return
	}
	var packets, sacked, lost, retrans uint32
	prev := d.una
	for i := range d.q.len() {
		g := d.q.at(i)
		if !after(g.end, g.seq) || i > 0 && g.seq != prev || i == 0 && after(g.seq, prev) {
			e.s.t.Fatalf("end %d: the queue is broken at %d: %d-%d after %d", e.me, i, g.seq, g.end, prev)
		}
		prev = g.end
		n := uint32(g.packets)
		packets += n
		if g.marks&txSacked != 0 {
			sacked += n
			if g.marks&(txLost|txRetrans) != 0 {
				e.s.t.Fatalf("end %d: marks %x", e.me, g.marks)
			}
		}
		if g.marks&txLost != 0 {
			lost += n
		}
		if g.marks&txRetrans != 0 {
			retrans += n
		}
	}
	if packets != d.packets || lost != d.lost || retrans != d.retrans || e.c.sackOK && sacked != d.sacked {
		e.s.t.Fatalf("end %d: counts %d %d %d %d, in the queue %d %d %d %d", e.me, d.packets, d.sacked, d.lost, d.retrans, packets, sacked, lost, retrans)
	}
	if d.q.len() > 0 && prev != d.nxt || before(d.write, d.nxt) || after(d.una, d.nxt) {
		e.s.t.Fatalf("end %d: una %d nxt %d write %d, queue to %d", e.me, d.una, d.nxt, d.write, prev)
	}
	if d.packets > 0 && e.c.rtx == 0 {
		e.s.t.Fatalf("end %d: %d packets in flight and no timer", e.me, d.packets)
	}
	if e.c.ca.cwnd == 0 {
		e.s.t.Fatalf("end %d: no window", e.me)
	}
}

// run runs until done or the limit of virtual time.
func (s *sim) run(limit time.Duration, done func() bool) bool {
	stop := s.now.Add(limit)
	for s.now < stop {
		if done() {
			return true
		}
		if !s.step() {
			return done()
		}
	}
	return done()
}

// open connects and waits for both ends.
func (s *sim) open() {
	s.t.Helper()
	s.connect()
	if !s.run(time.Minute, func() bool {
		return s.ends[0].c.State == uapi.TCP_ESTABLISHED && s.ends[1].c.State == uapi.TCP_ESTABLISHED
	}) {
		s.t.Fatalf("not open: %d %d", s.ends[0].c.State, s.ends[1].c.State)
	}
}

// transfer sends n bytes from end i and waits until they are read.
func (s *sim) transfer(i, n int, limit time.Duration) time.Duration {
	s.t.Helper()
	from := s.now
	a, b := s.ends[i], s.ends[1-i]
	want := b.got + n
	a.c.Write(s.now, n, false)
	a.check()
	if !s.run(limit, func() bool { return b.got >= want }) {
		s.t.Fatalf("%d of %d bytes after %v: %+v", b.got-(want-n), n, time.Duration(s.now-from), a.c.Info(s.now))
	}
	return time.Duration(s.now - from)
}
