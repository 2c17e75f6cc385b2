package tcb

import (
	"math"
	"slices"
	"testing"
	"time"

	"linen/lib/ktime"
	"linen/uapi"
	"linen/uapi/errno"
)

// opened is a connection over a link of 10 ms.
func opened(t testing.TB, change func(*Settings)) *sim {
	s := newSim(t, 3, link{delay: 10 * time.Millisecond}, change)
	s.open()
	return s
}

// idle runs for d.
func (s *sim) idle(d time.Duration) {
	stop := s.now.Add(d)
	for s.next() != 0 && s.next() <= stop {
		s.step()
	}
	s.now = max(s.now, stop)
}

// next is when the next thing happens, 0 for never.
func (s *sim) next() (at ktime.T) {
	for _, e := range s.ends {
		if n := e.c.Next(); n != 0 && (at == 0 || n < at) {
			at = n
		}
	}
	if len(s.q) > 0 && (at == 0 || s.q[0].at < at) {
		at = s.q[0].at
	}
	return at
}

func TestFirstWindow(t *testing.T) { // spec 11.45, as seen on 6.18
	for _, c := range []struct{ mss, most, window, shift int }{
		{1460, 6 << 20, 64240, 7}, {1448, 6 << 20, 65160, 7}, {1460, 32 << 20, 64240, 10},
	} {
		if w, _, shift := InitialWindow(65536, 0, c.mss, true, false, c.most); w != c.window || int(shift) != c.shift {
			t.Errorf("mss %d: window %d shift %d", c.mss, w, shift)
		}
	}
	o := SynOptions{MSS: 1460, SACK: true, TS: true, WS: true, WScale: 7}
	want := []byte{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7}
	if got := o.Append(nil); !slices.Equal(got, want) {
		t.Errorf("options %v", got)
	}
}

func TestSynRetries(t *testing.T) { // spec 11.46
	s := newSim(t, 1, link{}, nil)
	var at []int
	s.drop = func(_ int, o *Out) bool { at = append(at, int((s.now-ktime.T(time.Second))/1e9)); return true }
	s.connect()
	s.run(10*time.Minute, func() bool { return s.ends[0].c.State == uapi.TCP_CLOSE })
	if want := []int{0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67}; !slices.Equal(at, want) {
		t.Errorf("SYNs at %v", at)
	}
	if s.ends[0].failed != errno.ETIMEDOUT || s.now < ktime.T(130*time.Second) || s.now > ktime.T(134*time.Second) {
		t.Errorf("failed with %v at %v", s.ends[0].failed, s.now)
	}
}

func TestInitialFlight(t *testing.T) { // RFC 6928; spec 11.59
	s := opened(t, nil)
	n := 0
	s.log = func(from int, o *Out) {
		if from == 0 && o.Len > 0 {
			n++
		}
	}
	s.ends[0].c.Write(s.now, 100000, false)
	if n != 10 {
		t.Errorf("%d segments in the first flight", n)
	}
}

func TestRetriesAndUserTimeout(t *testing.T) { // RFC 1122 §4.2.3.5; spec 11.53
	for _, c := range []struct {
		user, least, most time.Duration
	}{
		{0, 920 * time.Second, 1100 * time.Second},
		{3 * time.Second, 3 * time.Second, 7 * time.Second},
	} {
		s := opened(t, nil)
		s.ends[0].c.Tune(&Tunables{UserTimeout: c.user})
		s.drop = func(int, *Out) bool { return true }
		from := s.now
		s.ends[0].c.Write(s.now, 1000, false)
		s.run(time.Hour, func() bool { return s.ends[0].c.State == uapi.TCP_CLOSE })
		if took := time.Duration(s.now - from); s.ends[0].failed != errno.ETIMEDOUT || took < c.least || took > c.most {
			t.Errorf("user timeout %v: %v after %v", c.user, s.ends[0].failed, took)
		}
	}
}

func TestRTOBackoff(t *testing.T) { // RFC 6298 §5, Linux's minimum; spec 11.52
	s := opened(t, func(s *Settings) { s.TLP = false })
	s.transfer(0, 1000, time.Second)
	s.idle(time.Second)
	var at []time.Duration
	from := s.now
	s.drop = func(i int, o *Out) bool {
		if o.Len > 0 {
			at = append(at, time.Duration(s.now-from))
		}
		return true
	}
	s.ends[0].c.Write(s.now, 1000, false)
	s.idle(4 * time.Second)
	if len(at) < 4 || at[1] < 200*time.Millisecond || at[1] > 260*time.Millisecond {
		t.Fatalf("sent at %v", at)
	}
	first := at[1] - at[0]
	for i := 2; i < len(at); i++ {
		if d := at[i] - at[i-1]; d < first<<(i-1)-time.Millisecond || d > first<<(i-1)+10*time.Millisecond {
			t.Errorf("gap %d: %v, first %v", i, d, first)
		}
	}
}

func TestTailLossProbe(t *testing.T) { // RFC 8985 §7; spec 11.56
	s := opened(t, nil)
	s.transfer(0, 50000, time.Second)
	lost := false
	s.drop = func(from int, o *Out) bool {
		if from == 0 && o.Flags&Psh != 0 && o.Len > 0 && !lost {
			lost = true
			return true
		}
		return false
	}
	took := s.transfer(0, 5000, time.Second)
	a := s.ends[0]
	if a.stats[StatLossProbes] == 0 || a.stats[StatTimeouts] != 0 || took > 300*time.Millisecond {
		t.Errorf("%v, %d probes, %d timeouts", took, a.stats[StatLossProbes], a.stats[StatTimeouts])
	}
}

func TestFastRecovery(t *testing.T) { // RFC 6675, 8985, 6937; spec 11.54, 11.55, 11.57
	for _, sack := range []bool{true, false} {
		s := newSim(t, 3, link{delay: 10 * time.Millisecond, rate: 50 << 20}, func(s *Settings) { s.SACK = sack })
		s.open()
		n := 0
		s.drop = func(from int, o *Out) bool {
			if from == 0 && o.Len > 0 && !o.Retrans {
				n++
				return n == 20
			}
			return false
		}
		s.transfer(0, 200000, 10*time.Second)
		a := s.ends[0]
		if a.stats[StatTimeouts] != 0 || a.stats[StatRetransSegs] != 1 || a.stats[StatSackRecovery]+a.stats[StatRenoRecovery] != 1 {
			t.Errorf("sack %v: %d timeouts, %d sent again", sack, a.stats[StatTimeouts], a.stats[StatRetransSegs])
		}
		if a.c.ca.ssthresh == infinite {
			t.Error("the loss changed nothing")
		}
	}
}

func TestReorderingIsNoLoss(t *testing.T) { // RFC 8985 §6.2; spec 11.55
	s := newSim(t, 5, link{delay: 20 * time.Millisecond, jitter: 2 * time.Millisecond}, nil)
	s.open()
	s.transfer(0, 1<<20, time.Minute)
	a := s.ends[0]
	if n := a.stats[StatRetransSegs]; n > 40 {
		t.Errorf("%d of %d segments sent again without a loss", n, a.stats[StatOrigDataSent])
	}
}

func TestSpuriousTimeoutIsUndone(t *testing.T) { // RFC 5682, 4015; spec 11.58
	s := opened(t, func(s *Settings) { s.TLP = false })
	s.transfer(0, 100000, 10*time.Second)
	cwnd := s.ends[0].c.ca.cwnd
	s.link.delay = 400 * time.Millisecond // longer than the timeout
	s.transfer(0, 20000, 10*time.Second)
	a := s.ends[0]
	if a.stats[StatTimeouts] == 0 {
		t.Fatal("no timeout")
	}
	s.idle(2 * time.Second)
	if a.stats[StatLossUndo]+a.stats[StatFullUndo]+a.stats[StatDSACKUndo] == 0 || a.c.ca.cwnd < cwnd/2 {
		t.Errorf("window %d, was %d; nothing undone: %v", a.c.ca.cwnd, cwnd, a.stats)
	}
}

func TestZeroWindowProbes(t *testing.T) { // RFC 9293 §3.8.6.1; spec 11.71
	s := opened(t, nil)
	b := s.ends[1]
	b.hold = true
	s.ends[0].c.Write(s.now, 1<<20, false)
	var at []ktime.T
	s.log = func(from int, o *Out) {
		if from == 0 && o.Len == 0 && o.Seq == s.ends[0].c.send.una-1 {
			at = append(at, s.now)
		}
	}
	s.idle(10 * time.Second)
	if len(at) < 4 {
		t.Fatalf("probes at %v", at)
	}
	for i := 2; i < len(at); i++ {
		a, b := time.Duration(at[i-1]-at[i-2]), time.Duration(at[i]-at[i-1])
		if b < 19*a/10 || b > 21*a/10 {
			t.Errorf("probes at %v: not doubling", at)
			break
		}
	}
	s.idle(20 * time.Minute)
	if s.ends[0].c.State != uapi.TCP_ESTABLISHED {
		t.Fatal("an answered probe is a sign of life")
	}
	b.hold = false
	b.read()
	if !s.run(5*time.Minute, func() bool { return b.got == 1<<20 }) {
		t.Errorf("%d bytes after the window opened", b.got)
	}
}

func TestKeepalive(t *testing.T) { // RFC 9293 §3.8.4; spec 11.72
	s := opened(t, nil)
	a := s.ends[0]
	a.c.Tune(&Tunables{Keepalive: true, KeepIdle: time.Second, KeepIntvl: time.Second, KeepCnt: 3})
	a.c.Rekeep(s.now)
	s.idle(10 * time.Second)
	if a.stats[StatKeepAlive] < 5 || a.c.State != uapi.TCP_ESTABLISHED {
		t.Fatalf("%d probes, state %d", a.stats[StatKeepAlive], a.c.State)
	}
	var last uint16
	s.log = func(from int, o *Out) { last = o.Flags }
	s.drop = func(int, *Out) bool { return true }
	s.idle(10 * time.Second)
	if a.failed != errno.ETIMEDOUT || last != Rst|Ack {
		t.Errorf("%v, the last segment has flags %x", a.failed, last)
	}
}

func TestDelayedAck(t *testing.T) { // RFC 9293 §3.8.6.3; spec 11.69
	s := opened(t, nil)
	s.transfer(1, 100, time.Second)
	s.transfer(0, 100, time.Second) // an answer: the session is interactive
	s.idle(time.Second)
	s.transfer(0, 100, time.Second)
	s.ends[1].c.recv.quick = 0
	var at ktime.T
	s.log = func(from int, o *Out) {
		if from == 1 && at == 0 {
			at = s.now
		}
	}
	s.idle(time.Second)
	from := s.now
	s.ends[1].c.recv.quick, s.ends[1].c.recv.pingpong = 0, true
	s.ends[1].c.rtt.rto = 10 * time.Second // the pause is no idle time
	s.transfer(0, 100, time.Second)
	at = 0
	s.idle(time.Second)
	if d := time.Duration(at - from); d < 45*time.Millisecond || d > 215*time.Millisecond {
		t.Errorf("acknowledged after %v", d)
	}
}

func TestNagle(t *testing.T) { // RFC 896; spec 11.70
	for _, c := range []struct {
		name  string
		tune  Tunables
		more  bool
		first int // segments sent at once for two small writes
	}{
		{"nagle", Tunables{}, false, 1}, {"nodelay", Tunables{NoDelay: true}, false, 2}, {"cork", Tunables{Cork: true}, false, 0}, {"more", Tunables{}, true, 0},
	} {
		s := opened(t, nil)
		a := s.ends[0]
		a.c.Tune(&c.tune)
		n := 0
		s.log = func(from int, o *Out) {
			if from == 0 && o.Len > 0 {
				n++
			}
		}
		a.c.Write(s.now, 10, c.more)
		a.c.Write(s.now, 10, c.more)
		if n != c.first {
			t.Errorf("%s: %d segments at once", c.name, n)
		}
		s.idle(time.Second)
		if s.ends[1].got != 20 {
			t.Errorf("%s: %d bytes in the end", c.name, s.ends[1].got)
		}
	}
}

func TestSimultaneousOpenAndClose(t *testing.T) { // RFC 9293 §3.5, §3.6; spec 11.44
	s := newSim(t, 1, link{delay: 10 * time.Millisecond}, nil)
	for _, e := range s.ends {
		e.c.Connect(s.now, Opening{ISS: s.rnd.Uint32(), Path: simPath, Space: e.buf})
	}
	open := func(state uint8) func() bool {
		return func() bool { return s.ends[0].c.State == state && s.ends[1].c.State == state }
	}
	if !s.run(time.Minute, open(uapi.TCP_ESTABLISHED)) {
		t.Fatalf("states %d %d", s.ends[0].c.State, s.ends[1].c.State)
	}
	s.transfer(0, 1000, time.Second)
	for _, e := range s.ends {
		e.c.Shutdown(s.now)
	}
	if !s.run(time.Minute, open(uapi.TCP_TIME_WAIT)) {
		t.Fatalf("states %d %d", s.ends[0].c.State, s.ends[1].c.State)
	}
}

func TestCubicCurve(t *testing.T) { // RFC 9438 §4.2; spec 11.60
	s := opened(t, nil)
	c := s.ends[0].c
	q := cubicSeed{}.grow(c)
	c.ca.cwnd, c.ca.ssthresh, c.ca.limited = 1000, 500, true
	c.ca.cwnd = q.ssthresh(c)
	q.minRTT = 100000
	for range 100 { // ten seconds of 100 ms
		c.now += ktime.T(100 * time.Millisecond)
		n := c.ca.cwnd
		for range n {
			c.ca.alg.avoid(c, 1)
		}
	}
	k := math.Cbrt(1000 * 0.3 / 0.4)
	model := 0.4*math.Pow(10-k, 3) + 1000
	if got := float64(c.ca.cwnd); got < 0.9*model || got > 1.1*model {
		t.Errorf("window %v after 10 s, the model says %v", got, model)
	}
}

// TestFinBeforeItsData: a FIN that came before its turn ends the stream once
// the hole in front of it is filled.
func TestFinBeforeItsData(t *testing.T) {
	s := opened(t, nil)
	b := s.ends[0]
	b.got = int(b.c.recv.nxt - b.c.recv.irs - 1)
	nxt := b.c.recv.nxt
	s.inject(0, Segment{Seq: nxt + 100, Ack: b.c.send.una, Flags: Ack | Fin, Len: 50, Window: 500, Opt: s.stamped(0)})
	if b.c.recv.nxt != nxt || b.c.recv.fin {
		t.Fatal("a FIN out of order was taken")
	}
	s.inject(0, Segment{Seq: nxt, Ack: b.c.send.una, Flags: Ack, Len: 100, Window: 500, Opt: s.stamped(0)})
	if b.c.recv.nxt != nxt+151 || !b.c.recv.fin || b.c.State != uapi.TCP_CLOSE_WAIT {
		t.Errorf("next %d after the start, fin %v, state %d", b.c.recv.nxt-nxt, b.c.recv.fin, b.c.State)
	}
}
