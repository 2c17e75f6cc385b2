package tcb

import (
	"testing"
	"time"
)

// TestThinLinearTimeouts: timeouts of a stream with fewer than four packets in
// flight do not double, six times (Documentation/networking/tcp-thin; 6.18).
func TestThinLinearTimeouts(t *testing.T) {
	for _, c := range []struct {
		name      string
		sys, opt  bool
		least     int // transmissions in four seconds
		most      int
		moreBytes int
	}{
		{"off", false, false, 4, 5, 1000}, {"tcp_thin_linear_timeouts", true, false, 9, 12, 1000},
		{"TCP_THIN_LINEAR_TIMEOUTS", false, true, 9, 12, 1000},
	} {
		s := opened(t, func(s *Settings) { s.TLP, s.ThinLinear = false, c.sys })
		a := s.ends[0]
		a.c.Tune(&Tunables{ThinLinear: c.opt, RcvLowat: 1})
		s.transfer(0, 1000, time.Second)
		s.idle(time.Second)
		sent := 0
		s.drop = func(i int, o *Out) bool {
			if o.Len > 0 {
				sent++
			}
			return true
		}
		a.c.Write(s.now, c.moreBytes, false)
		s.idle(4 * time.Second)
		if sent < c.least || sent > c.most {
			t.Errorf("%s: sent %d times", c.name, sent)
		}
	}
}

func TestPingpongThresh(t *testing.T) { // tcp_pingpong_thresh: answers until acknowledgements wait for them
	for thresh := 1; thresh <= 3; thresh++ {
		s := opened(t, func(s *Settings) { s.Pingpong = thresh })
		b := s.ends[1].c
		b.endPingpong()
		answers := 0
		for ; answers < 10 && !b.recv.pingpong; answers++ {
			s.transfer(0, 100, 50*time.Millisecond)
			s.transfer(1, 100, 50*time.Millisecond)
		}
		if answers != thresh {
			t.Errorf("threshold %d: interactive after %d answers", thresh, answers)
		}
	}
}

func TestStdUrg(t *testing.T) { // tcp_stdurg; RFC 6093 §3.1, RFC 1122 §4.2.2.4
	for std, at := range map[bool]uint32{false: 2, true: 3} {
		s := opened(t, func(s *Settings) { s.StdUrg = std })
		b := s.ends[1].c
		first := b.recv.nxt
		s.inject(1, Segment{Seq: first, Ack: b.send.una, Flags: Ack | Urg | Psh, Urg: 3, Window: 1000, Opt: s.stamped(1)})
		if seq, ok := b.UrgentSeq(); !ok || seq != first+at {
			t.Errorf("tcp_stdurg %v: byte %d, %v", std, seq-first, ok)
		}
	}
}

func TestAppWin(t *testing.T) { // ip-sysctl, tcp_app_win: max(window/2^n, mss) of the window stay out; 0: nothing
	for n, want := range map[int]int{0: 65536, 1: 32768, 2: 49152, 31: 65536 - 1460} {
		s := opened(t, func(s *Settings) { s.AppWin = n })
		r := &s.ends[1].c.recv
		_, full := s.ends[1].Space()
		if want = full * want / 65536; n == 31 {
			want = full - r.advMSS
		}
		if int(r.clamp) != want {
			t.Errorf("tcp_app_win %d: %d of %d", n, r.clamp, full)
		}
	}
}

// TestSignedWindows: no window beyond 32767 without scaling, nor in a SYN (6.18).
func TestSignedWindows(t *testing.T) {
	for signed, most := range map[bool]int{false: 65535, true: 32767} {
		if w, _, _ := InitialWindow(1<<20, 0, 1460, true, signed, 1<<20); w > most || w < most-1460 {
			t.Errorf("signed %v: a SYN's window is %d", signed, w)
		}
		s := opened(t, func(s *Settings) { s.SignedWindows, s.WindowScaling = signed, false })
		widest := 0
		s.drop = func(i int, o *Out) bool {
			widest = max(widest, int(o.Window))
			return false
		}
		s.transfer(0, 200000, 5*time.Second)
		if widest > most || widest <= most/2 {
			t.Errorf("signed %v: the widest window was %d", signed, widest)
		}
	}
}

// TestShrinkWindow: with tcp_shrink_window a window that was announced is taken
// back when something else has filled the buffer.
func TestShrinkWindow(t *testing.T) {
	for _, shrink := range []bool{false, true} {
		s := opened(t, func(s *Settings) { s.ShrinkWindow = shrink })
		b := s.ends[1]
		before := b.c.recv.wup + b.c.recv.wnd
		b.queued = b.buf - b.buf/8
		b.c.AckNow(s.now)
		after := b.c.recv.wup + b.c.recv.wnd
		if (int32(after-before) < 0) != shrink {
			t.Errorf("tcp_shrink_window %v: the edge moved by %d", shrink, int32(after-before))
		}
	}
}

func TestDelackMax(t *testing.T) { // TCP_DELACK_MAX_US bounds how long an acknowledgement waits; spec 11.69
	for most, want := range map[time.Duration]time.Duration{0: 40 * time.Millisecond, 7 * time.Millisecond: 7 * time.Millisecond} {
		s := opened(t, nil)
		b := s.ends[1].c
		b.Tune(&Tunables{RcvLowat: 1, DelackMax: most})
		b.setPingpong(true)
		b.recv.quick, b.recv.ato = 0, atoMin
		b.rtt.rto = 10 * time.Second
		s.transfer(0, 100, time.Second)
		if b.delack == 0 || time.Duration(b.delack-s.now) != want {
			t.Errorf("TCP_DELACK_MAX_US %v: due in %v, want %v", most, time.Duration(b.delack-s.now), want)
		}
	}
}
