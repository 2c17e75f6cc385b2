package goodput

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// grid is the links on which a connection must come through: no stall, no
// reset, and the same run for the same seed.
func grid() (list []Cell) {
	for _, loss := range []float64{0, 0.1, 1, 5} {
		for _, rtt := range []time.Duration{1 * ms, 20 * ms, 100 * ms, 300 * ms} {
			for _, reorder := range []float64{0, 5} {
				list = append(list, Cell{Loss: loss, Reorder: reorder, RTT: rtt, Rate: 10, Congestion: "cubic"})
			}
			if loss == 0 || loss == 1 {
				list = append(list, Cell{Loss: loss, RTT: rtt, Rate: 50, Congestion: "cubic"})
			}
		}
	}
	return list
}

// TestGrid moves 256 KiB through each link and closes both sides.
func TestGrid(t *testing.T) {
	for _, c := range grid() {
		t.Run(c.Name(), func(t *testing.T) {
			t.Parallel()
			first := newPair(t, c, 7).whole(t, 1<<18)
			if again := newPair(t, c, 7).whole(t, 1<<18); again != first {
				t.Errorf("the same seed took %s, then %s", first, again)
			}
		})
	}
}

// whole moves n bytes, closes, and says what happened when.
func (p *pair) whole(t testing.TB, n int) string {
	t.Helper()
	who := sock.Root()
	l, out := p.connect(t)
	began := p.clock.Now()
	var in sock.Socket
	sent, got := 0, 0
	data, buf := make([]byte, n), make([]byte, 1<<16)
	for i := range data {
		data[i] = byte(i % 251)
	}
	for end := began.Add(20 * time.Minute); ; p.clock.Advance(ms) {
		if p.clock.Now() > end {
			t.Fatalf("it stalls: %d sent, %d arrived", sent, got)
		}
		if in == nil {
			in, _ = l.Accept(who)
			continue
		}
		for sent < n {
			m := sock.Msg{Data: data[sent:]}
			k, err := out.Sendmsg(who, &m)
			if err != nil && err != errno.EAGAIN {
				t.Fatal(err)
			}
			if sent += k; k == 0 {
				break
			}
			if sent == n {
				out.Shutdown(who, uapi.SHUT_WR)
			}
		}
		m := sock.Msg{Data: buf}
		k, err := in.Recvmsg(who, &m)
		if err == errno.EAGAIN {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			break
		}
		if !bytes.Equal(buf[:k], data[got:got+k]) {
			t.Fatalf("the stream is damaged at %d", got)
		}
		got += k
	}
	if got != n {
		t.Fatalf("%d of %d bytes", got, n)
	}
	in.Close()
	for end := p.clock.Now().Add(10 * time.Minute); out.Base().State() != uapi.TCP_CLOSE; p.clock.Advance(ms) {
		if p.clock.Now() > end {
			t.Fatalf("it does not close: state %d", out.Base().State())
		}
	}
	return fmt.Sprint(time.Duration(p.clock.Now() - began))
}
