package tcb

import (
	"testing"
	"time"

	"linen/uapi"
	"linen/uapi/errno"
)

// inject gives end i a segment that its peer did not send.
func (s *sim) inject(i int, g Segment) Verdict {
	s.t.Helper()
	g.Payload = piece{s.ends[i].got + s.ends[i].queued + int(int32(g.Seq-s.ends[i].c.recv.nxt)), g.Len}
	v := s.ends[i].c.Input(s.now, &g)
	s.ends[i].check()
	return v
}

// stamped is an in-window timestamp for end i.
func (s *sim) stamped(i int) Options {
	return Options{HasTS: true, TSVal: s.ends[i].c.stamp.recent + 1, TSEcr: s.ends[i].c.tsNow()}
}

func TestBlindAttacks(t *testing.T) { // RFC 5961; spec 11.67
	for _, c := range []struct {
		name      string
		seg       func(c *Conn) Segment
		state     uint8
		failed    errno.Errno
		challenge int
	}{
		{"RST at the edge", func(c *Conn) Segment { return Segment{Seq: c.recv.nxt, Flags: Rst} }, uapi.TCP_CLOSE, errno.ECONNRESET, 0},
		{"RST in the window", func(c *Conn) Segment { return Segment{Seq: c.recv.nxt + 1, Flags: Rst} }, uapi.TCP_ESTABLISHED, 0, 1},
		{"RST outside", func(c *Conn) Segment { return Segment{Seq: c.recv.nxt + 1<<30, Flags: Rst} }, uapi.TCP_ESTABLISHED, 0, 0},
		{"SYN in the window", func(c *Conn) Segment { return Segment{Seq: c.recv.nxt + 5, Flags: Syn} }, uapi.TCP_ESTABLISHED, 0, 1},
		{"SYN outside", func(c *Conn) Segment { return Segment{Seq: c.recv.nxt - 1<<20, Flags: Syn} }, uapi.TCP_ESTABLISHED, 0, 1},
		{"ACK of the future", func(c *Conn) Segment { return Segment{Seq: c.recv.nxt, Ack: c.send.nxt + 1, Flags: Ack} }, uapi.TCP_ESTABLISHED, 0, 1},
		{"ACK of long ago", func(c *Conn) Segment {
			return Segment{Seq: c.recv.nxt, Ack: c.send.una - 1<<29, Flags: Ack}
		}, uapi.TCP_ESTABLISHED, 0, 1},
		{"no ACK", func(c *Conn) Segment { return Segment{Seq: c.recv.nxt, Flags: Psh, Len: 5} }, uapi.TCP_ESTABLISHED, 0, 0},
	} {
		s := opened(t, nil)
		a := s.ends[0]
		g := c.seg(a.c)
		g.Opt = s.stamped(0)
		s.inject(0, g)
		if a.c.State != c.state || a.failed != c.failed || a.stats[StatChallengeACK] != c.challenge {
			t.Errorf("%s: state %d, %v, %d challenge ACKs", c.name, a.c.State, a.failed, a.stats[StatChallengeACK])
		}
	}
}

func TestChallengesAreLimited(t *testing.T) { // tcp_invalid_ratelimit
	s := opened(t, nil)
	a := s.ends[0]
	for range 10 {
		s.inject(0, Segment{Seq: a.c.recv.nxt + 1, Flags: Rst})
	}
	if a.stats[StatChallengeACK] != 1 || a.stats[StatSkippedChallenge] != 9 {
		t.Errorf("%d sent, %d skipped", a.stats[StatChallengeACK], a.stats[StatSkippedChallenge])
	}
}

func TestPAWS(t *testing.T) { // RFC 7323 §5; spec 11.50
	s := opened(t, nil)
	a := s.ends[0]
	s.transfer(1, 1000, time.Second)
	old := Options{HasTS: true, TSVal: a.c.stamp.recent - 1000}
	v := s.inject(0, Segment{Seq: a.c.recv.nxt, Ack: a.c.send.una, Flags: Ack, Len: 10, Window: 100, Opt: old})
	if v.Why != PAWS || v.Kept || a.stats[StatPAWSEstab] != 1 {
		t.Errorf("%+v, PAWSEstab %d", v, a.stats[StatPAWSEstab])
	}
	v = s.inject(0, Segment{Seq: a.c.recv.nxt, Flags: Rst, Opt: old})
	if a.failed != errno.ECONNRESET {
		t.Errorf("a RST with an old timestamp: %+v", v)
	}
}

func TestDuplicatesAreToldByDSACK(t *testing.T) { // RFC 2883; spec 11.54
	s := opened(t, nil)
	b := s.ends[1]
	s.transfer(0, 3000, time.Second)
	var got []Block
	s.log = func(from int, o *Out) {
		if from == 1 {
			var p Options
			p.Parse(append(make([]byte, 20), o.Opt[:o.OptLen]...), false)
			got = append(got, p.SACK[:p.NumSACK]...)
		}
	}
	seq := b.c.recv.nxt - 1000
	s.inject(1, Segment{Seq: seq, Ack: b.c.send.una, Flags: Ack, Len: 500, Window: 100, Opt: s.stamped(1)})
	if len(got) != 1 || got[0] != (Block{seq, seq + 500}) {
		t.Errorf("blocks %v, want %d-%d", got, seq, seq+500)
	}
}

func TestSackBlocksNewestFirst(t *testing.T) { // RFC 2018 §4
	s := opened(t, nil)
	b := s.ends[1]
	nxt := b.c.recv.nxt
	s.drop = func(int, *Out) bool { return true }
	for _, off := range []uint32{1000, 3000, 5000, 2000} {
		s.inject(1, Segment{Seq: nxt + off, Ack: b.c.send.una, Flags: Ack, Len: 1000, Window: 100, Opt: s.stamped(1)})
	}
	r := &b.c.recv
	if r.numSacks != 2 || r.sacks[0] != (Block{nxt + 1000, nxt + 4000}) || r.sacks[1] != (Block{nxt + 5000, nxt + 6000}) {
		t.Errorf("%d blocks %v from %d", r.numSacks, r.sacks, nxt)
	}
	s.inject(1, Segment{Seq: nxt, Ack: b.c.send.una, Flags: Ack, Len: 1000, Window: 100, Opt: s.stamped(1)})
	if r.nxt != nxt+4000 || r.numSacks != 1 || len(r.ofo) != 1 {
		t.Errorf("nxt +%d, %d blocks, %d queued", r.nxt-nxt, r.numSacks, len(r.ofo))
	}
}

func TestECN(t *testing.T) { // RFC 3168 §6.1; spec 11.64
	s := newSim(t, 1, link{delay: 10 * time.Millisecond, rate: 2 << 20, limit: 200 * time.Millisecond, ceAfter: 20 * time.Millisecond}, func(s *Settings) { s.ECN = 1 })
	cwr := 0
	s.log = func(from int, o *Out) {
		if o.Flags&Cwr != 0 && o.Flags&Syn == 0 {
			cwr++
		}
		if o.ECT && (o.Len == 0 || o.Retrans) {
			t.Error("ECT on an ACK or a retransmission")
		}
	}
	s.open()
	s.transfer(0, 2<<20, time.Minute)
	a := s.ends[0]
	if !a.c.ecnOK || cwr == 0 || a.stats[StatRetransSegs] != 0 || a.c.ca.ssthresh == infinite {
		t.Errorf("ecn %v, %d CWR, %d retransmissions", a.c.ecnOK, cwr, a.stats[StatRetransSegs])
	}
}

func TestPathShrinks(t *testing.T) { // RFC 1191; spec 11.73
	s := opened(t, nil)
	a := s.ends[0]
	small := false
	s.drop = func(from int, o *Out) bool { return from == 0 && min(o.Len, o.MSS)+o.OptLen+40 > 1400 }
	a.c.Write(s.now, 100000, false)
	p := simPath
	p.MSS = 1360
	a.c.SetPath(s.now, p, true)
	a.check()
	s.log = func(from int, o *Out) { small = small || from == 0 && o.Len == 1348 }
	if !s.run(10*time.Second, func() bool { return s.ends[1].got == 100000 }) || !small || a.stats[StatTimeouts] != 0 {
		t.Errorf("%d bytes, small segments %v, %d timeouts", s.ends[1].got, small, a.stats[StatTimeouts])
	}
}

func TestCloseStates(t *testing.T) { // RFC 9293 §3.10.4; spec 11.44, 11.68
	s := opened(t, nil)
	a, b := s.ends[0], s.ends[1]
	if a.c.Close(s.now, false, false) {
		t.Fatal("closed at once")
	}
	s.idle(time.Second)
	if a.c.State != uapi.TCP_FIN_WAIT2 || b.c.State != uapi.TCP_CLOSE_WAIT {
		t.Fatalf("states %d %d", a.c.State, b.c.State)
	}
	v := s.inject(0, Segment{Seq: a.c.recv.nxt, Ack: a.c.send.nxt, Flags: Ack, Len: 10, Window: 100, Opt: s.stamped(0)})
	if !v.Reset || a.c.State != uapi.TCP_CLOSE {
		t.Errorf("data for an orphan: %+v, state %d", v, a.c.State)
	}
	s = opened(t, nil)
	s.ends[0].c.Close(s.now, false, false)
	from := s.now
	s.run(10*time.Minute, func() bool { return s.ends[0].c.State == uapi.TCP_TIME_WAIT })
	if d := time.Duration(s.now - from); d < time.Minute || d > 62*time.Second {
		t.Errorf("an orphan's FIN_WAIT2 took %v", d)
	}
}
