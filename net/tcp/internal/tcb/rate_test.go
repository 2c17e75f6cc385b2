package tcb

import (
	"math/rand/v2"
	"testing"
	"time"

	"linen/lib/ktime"
)

// mbit is a link's rate, bytes a second.
func mbit(n int) int { return n * 1e6 / 8 }

// TestDeliveryRate: the estimate is what the bottleneck carries of payload
// (spec 11.80: within 5 %).
func TestDeliveryRate(t *testing.T) {
	s := newSim(t, 1, link{delay: 10 * time.Millisecond, rate: mbit(10), limit: 50 * time.Millisecond}, nil)
	s.open()
	s.transfer(0, 4<<20, time.Minute)
	i := s.ends[0].c.Info(s.now)
	want := float64(mbit(10)) * 1448 / (1448 + 66) // the sim counts 66 bytes of headers
	if got := float64(i.DeliveryRate); got < 0.95*want || got > 1.05*want {
		t.Errorf("%.0f bytes a second of %.0f", got, want)
	}
}

// TestAppLimited: who has little to send measures himself, not the path.
func TestAppLimited(t *testing.T) {
	s := newSim(t, 1, link{delay: 10 * time.Millisecond}, nil)
	s.open()
	for range 5 {
		s.transfer(0, 100, time.Minute)
	}
	if i := s.ends[0].c.Info(s.now); !i.AppLimited {
		t.Error("not marked")
	}
	s.transfer(0, 8<<20, time.Minute)
	if i := s.ends[0].c.Info(s.now); i.AppLimited {
		t.Error("a transfer that filled the window is marked")
	}
}

// TestMaxPacing: SO_MAX_PACING_RATE is kept, and evenly.
func TestMaxPacing(t *testing.T) {
	s := newSim(t, 1, link{delay: 10 * time.Millisecond}, nil)
	s.open()
	const rate = 1 << 20
	s.ends[0].c.SetMaxPacing(rate)
	var last ktime.T
	burst := 0
	s.log = func(from int, o *Out) {
		if from == 0 && o.Len > 0 && s.now-last < ktime.T(100*time.Microsecond) {
			burst++
		}
		if from == 0 && o.Len > 0 {
			last = s.now
		}
	}
	took := s.transfer(0, 4<<20, time.Minute)
	if got := float64(4<<20) / took.Seconds(); got < 0.95*rate || got > 1.05*rate {
		t.Errorf("%.0f bytes a second", got)
	}
	if burst > 40 { // the first window is not paced
		t.Errorf("%d segments of 2896 in a burst", burst)
	}
}

// TestPacingRate: twice the window's rate in slow start, 1.2 times later
// (tcp_pacing_ss_ratio, tcp_pacing_ca_ratio).
func TestPacingRate(t *testing.T) {
	s := newSim(t, 1, link{delay: 10 * time.Millisecond}, nil)
	s.open()
	for ratio, ssthresh := range map[uint64]uint32{200: infinite, 120: 5} {
		c := s.ends[0].c
		c.ca.ssthresh = ssthresh
		c.updatePacing()
		window := uint64(c.send.mss) * uint64(c.ca.cwnd) * 8 * 1000000 / uint64(c.rtt.srtt)
		if want := window * ratio / 100; c.pace.rate < want*99/100 || c.pace.rate > want*101/100 {
			t.Errorf("ratio %d: %d of %d", ratio, c.pace.rate, want)
		}
	}
}

// TestBBRBandwidth: the model finds the bottleneck within 5 % and keeps its
// queue short, with loss that Reno cannot live with.
func TestBBRBandwidth(t *testing.T) {
	l := link{delay: 20 * time.Millisecond, rate: mbit(10), limit: 300 * time.Millisecond, loss: 0.02}
	s := newSim(t, 1, l, nil)
	s.ends[0].c.SetCongestion("bbr")
	s.open()
	took := s.transfer(0, 8<<20, time.Minute)
	c := s.ends[0].c
	b := c.ca.alg.(*bbr)
	got := float64(b.bandwidth()) / (1 << bbrBWShift)
	want := float64(mbit(10)) / (1448 + 66)
	if got < 0.95*want || got > 1.05*want {
		t.Errorf("%.0f packets a second of %.0f", got, want)
	}
	if goodput := float64(8<<20) / took.Seconds(); goodput < 0.85*float64(mbit(10)) {
		t.Errorf("%.0f bytes a second", goodput)
	}
	if rtt := c.rtt.smoothed(); rtt > 100*time.Millisecond {
		t.Errorf("the queue is long: %v", rtt)
	}
	if b.mode != bbrProbeBW && b.mode != bbrProbeRTT {
		t.Errorf("mode %d", b.mode)
	}
	if kind, p := c.CongestionInfo(); kind == 0 || len(p) != 20 {
		t.Errorf("CC_INFO of %d bytes", len(p))
	}
}

// TestBBRProbesRTT: every ten seconds the window is four packets for a moment.
func TestBBRProbesRTT(t *testing.T) {
	s := newSim(t, 1, link{delay: 20 * time.Millisecond, rate: mbit(4), limit: time.Second}, nil)
	s.ends[0].c.SetCongestion("bbr")
	s.open()
	least := uint32(1000)
	s.log = func(from int, o *Out) {
		if c := s.ends[0].c; c.ca.alg.(*bbr).mode == bbrProbeRTT {
			least = min(least, c.ca.cwnd)
		}
	}
	s.transfer(0, 8<<20, time.Minute)
	if least != bbrMinCwnd {
		t.Errorf("the least window was %d", least)
	}
}

// TestDCTCP: marked packets shrink the window by their share (RFC 8257): the
// queue stays at the mark, and nothing is lost.
func TestDCTCP(t *testing.T) {
	l := link{delay: time.Millisecond, rate: mbit(100), limit: 20 * time.Millisecond, ceAfter: 2 * time.Millisecond}
	s := newSim(t, 1, l, func(set *Settings) { set.ECN = 1 })
	for _, e := range s.ends {
		e.c.SetCongestion("dctcp")
	}
	s.open()
	took := s.transfer(0, 16<<20, time.Minute)
	a := s.ends[0]
	d := a.c.ca.alg.(*dctcp)
	if !d.on || a.stats[StatDeliveredCE] == 0 {
		t.Fatalf("no ECN: %+v", d)
	}
	if d.alpha == 0 || d.alpha >= dctcpAlphaMax/2 {
		t.Errorf("alpha %d of 1024", d.alpha)
	}
	if goodput := float64(16<<20) / took.Seconds(); goodput < 0.85*float64(mbit(100)) {
		t.Errorf("%.0f bytes a second", goodput)
	}
	if a.stats[StatRetransSegs] > 0 {
		t.Errorf("%d retransmissions", a.stats[StatRetransSegs])
	}
	if rtt := a.c.rtt.smoothed(); rtt > 8*time.Millisecond {
		t.Errorf("the queue is long: %v", rtt)
	}
}

// TestWindowedMin compares with remembering everything: the best is never
// better than the window's, and at worst that of its last three quarters.
func TestWindowedMin(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	const window = 1000
	var w windowed[int64]
	type value struct{ at, v int64 }
	var all []value
	at := int64(0)
	for range 5000 {
		at += rnd.Int64N(40)
		v := rnd.Int64N(1000) + at%3000/4 // it rises and falls
		w.add(uint32(at), v, window)
		all = append(all, value{at, v})
		least := int64(1 << 60)
		for _, o := range all {
			if at-o.at <= window {
				least = min(least, o.v)
			}
		}
		if got := w.best(-1); got < least || int64(w.at[0]) < at-window {
			t.Fatalf("at %d: %d, the least is %d", at, got, least)
		} else if got > least && w.n == 0 {
			t.Fatalf("at %d: none", at)
		}
	}
	w.reset(uint32(at), 7)
	if w.best(-1) != 7 {
		t.Error("reset")
	}
}

// TestChrono: time is put down to what holds the sender up.
func TestChrono(t *testing.T) {
	s := newSim(t, 1, link{delay: 10 * time.Millisecond}, nil)
	s.open()
	s.ends[1].hold = true // the reader sleeps: the window shuts
	s.ends[0].c.Write(s.now, 1<<20, false)
	s.run(2*time.Second, func() bool { return false })
	i := s.ends[0].c.Info(s.now)
	if i.WindowLimited < time.Second || i.Busy < i.WindowLimited || i.BufferLimited != 0 {
		t.Errorf("busy %v, window %v, buffer %v", i.Busy, i.WindowLimited, i.BufferLimited)
	}
}

// TestChronoBuffer: all that was written is sent, and a writer waits.
func TestChronoBuffer(t *testing.T) {
	s := newSim(t, 1, link{delay: 500 * time.Millisecond}, nil)
	s.open()
	s.ends[0].c.Full = true
	s.transfer(0, 5000, time.Minute)
	i := s.ends[0].c.Info(s.now)
	if i.BufferLimited < 400*time.Millisecond || i.Busy < i.BufferLimited || i.WindowLimited != 0 {
		t.Errorf("busy %v, window %v, buffer %v", i.Busy, i.WindowLimited, i.BufferLimited)
	}
}

// TestCompressedAcks: three acknowledgements tell of a hole, the others wait up
// to a millisecond (tcp_comp_sack_delay_ns).
func TestCompressedAcks(t *testing.T) {
	s := newSim(t, 1, link{delay: 20 * time.Millisecond}, nil)
	s.open()
	s.transfer(0, 1<<20, time.Minute)
	lost, acks := false, 0
	s.drop = func(from int, o *Out) bool {
		if from == 1 && lost && o.Len == 0 {
			acks++
		}
		if from == 0 && o.Len > 0 && !lost {
			lost = true
			return true
		}
		return false
	}
	before := s.ends[1].fillSegs()
	s.transfer(0, 100*1448, time.Minute)
	if s.ends[1].stats[StatAckCompressed] < 40 {
		t.Errorf("%d of %d segments' acknowledgements were held, %d sent", s.ends[1].stats[StatAckCompressed], s.ends[1].fillSegs()-before, acks)
	}
}

func (e *end) fillSegs() uint32 { return e.c.fill.DataSegsIn }
