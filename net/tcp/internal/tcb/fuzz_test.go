package tcb

import (
	"encoding/binary"
	"testing"
	"time"

	"linen/uapi"
)

// FuzzSegment gives an open connection segments made of the input, 16 bytes
// each, near the numbers that matter: nothing may panic or break an invariant.
func FuzzSegment(f *testing.F) {
	f.Add([]byte("0123456789abcdef"))
	f.Add(make([]byte, 64))
	f.Add([]byte{1, 0x10, 0, 1, 0, 0, 0, 5, 0, 200, 0, 0, 0, 0, 1, 9, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		s := opened(t, nil)
		a := s.ends[0]
		s.drop = func(int, *Out) bool { return true }
		a.c.Write(s.now, 20000, false)
		for i := 0; i+16 <= min(len(in), 1024); i += 16 {
			p := in[i : i+16]
			g := Segment{
				Seq: a.c.recv.nxt + uint32(int32(int16(binary.BigEndian.Uint16(p[2:])))), Ack: a.c.send.una + uint32(int32(int16(binary.BigEndian.Uint16(p[4:])))),
				Flags: uint16(p[1]), Len: int(binary.BigEndian.Uint16(p[6:])) % 3000, Window: binary.BigEndian.Uint16(p[8:]), Urg: uint16(p[10]), ECN: p[11] & 3,
			}
			if p[0]&1 != 0 {
				g.Opt = s.stamped(0)
			}
			for k := range int(p[0]>>1) & 3 {
				at := a.c.send.una + uint32(p[12+k])*100
				g.Opt.SACK[k] = Block{at, at + uint32(p[13+k]%20)*100}
				g.Opt.NumSACK++
			}
			a.queued = 0
			a.got = int(a.c.recv.nxt - a.c.recv.irs - 1)
			s.inject(0, g)
			if a.c.State == uapi.TCP_CLOSE || a.c.State == uapi.TCP_TIME_WAIT {
				return
			}
			if p[0]&0x80 != 0 && a.c.Next() != 0 {
				s.now = max(s.now, a.c.Next())
				a.c.Timer(s.now)
				a.check()
			}
		}
	})
}

// FuzzTwoEndpoints moves bytes over a link that loses what the input says, one
// bit a packet, and then nothing: the stream must come whole.
func FuzzTwoEndpoints(f *testing.F) {
	f.Add([]byte{0x01, 0x80, 0x10}, uint16(20000), false)
	f.Add([]byte{0xff, 0x00, 0xaa}, uint16(60000), true)
	f.Add([]byte{}, uint16(1), false)
	f.Fuzz(func(t *testing.T, lose []byte, n uint16, super bool) {
		if super {
			defer func(old Path) { simPath = old }(simPath)
			simPath.GSOMax = 65536
		}
		s := opened(t, nil)
		if len(lose) > 2 {
			lose = lose[:2]
		}
		i := 0
		s.drop = func(int, *Out) bool {
			i++
			k := i - 1
			return k < 12 && k/8 < len(lose) && lose[k/8]>>(k%8)&1 != 0
		}
		s.transfer(0, int(n)+1, 20*time.Minute)
	})
}

// FuzzOptions parses any options.
func FuzzOptions(f *testing.F) {
	f.Add([]byte{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7}, true)
	f.Add([]byte{1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2}, false)
	f.Fuzz(func(t *testing.T, in []byte, syn bool) {
		var o Options
		o.Parse(append(make([]byte, 20), in[:min(len(in), 40)]...), syn)
		if int(o.NumSACK) > len(o.SACK) || o.WS > maxWScale {
			t.Errorf("%+v", o)
		}
	})
}
