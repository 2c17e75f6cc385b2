package tcp_test

import (
	"fmt"
	"testing"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/skb"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/wire"
)

// A meter is a queueing discipline that notes when segments with payload leave.
type meter struct {
	at    []ktime.T
	bytes []int
}

func (*meter) Name() string { return "meter" }

func (q *meter) Enqueue(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	ip, _ := wire.AsIPv4(b.Network())
	if tcp, ok := wire.AsTCP(b.Data()[14+ip.IHL():]); ok {
		if n := b.Len() - 14 - ip.IHL() - tcp.DataOff(); n > 0 {
			q.at, q.bytes = append(q.at, c.Now()), append(q.bytes, n)
		}
	}
	dev.SendDirect(c, d, b)
}

// TestPacedGaps: SO_MAX_PACING_RATE spaces super-segments evenly, each of which
// holds what its rate and round trip allow (spec 11.62). On 6.18, between two
// namespaces, after the first twenty segments nearly all were of these sizes and
// as far apart, to a quarter of a millisecond.
func TestPacedGaps(t *testing.T) {
	for _, c := range []struct {
		rate, bytes int
		gap         time.Duration
	}{
		{1 << 20, 14480, 13810 * time.Microsecond},
		{4000000, 14480, 3620 * time.Microsecond},
	} {
		t.Run(fmt.Sprint(c.rate), func(t *testing.T) {
			q := sendPaced(t, c.rate, 2*c.rate)
			even := 0
			const first = 20
			for i := first; i < len(q.at); i++ {
				gap := time.Duration(q.at[i] - q.at[i-1])
				if q.bytes[i-1] == c.bytes && (gap-c.gap).Abs() < 50*time.Microsecond {
					even++
				}
			}
			if n := len(q.at) - first; even*10 < n*9 {
				t.Errorf("%d gaps of %d are %v behind %d bytes: %v", even, n, c.gap, c.bytes, q)
			}
		})
	}
}

// sendPaced sends so many bytes at a rate and returns when they left.
func sendPaced(t *testing.T, rate, bytes int) *meter {
	a, b, link := hosts.Pair(t)
	l := listen(t, b, 80, 1)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	srv := accept(t, l)
	setInt(t, cli, uapi.SOL_SOCKET, uapi.SO_MAX_PACING_RATE, rate)
	q := new(meter)
	func() {
		a.Namespace().Lock()
		defer a.Namespace().Unlock()
		dev.ByName(a.Namespace(), link.ADev).SetQueue(q)
	}()
	buf := make([]byte, 1<<20)
	for sent, got := 0, 0; got < bytes; {
		if sent < bytes {
			if n, err := cli.Sendmsg(root, &sock.Msg{Data: buf[:min(len(buf), bytes-sent)], Flags: uapi.MSG_DONTWAIT}); err == nil {
				sent += n
			}
		}
		a.Lab.Advance(time.Millisecond)
		for p, err := recv(srv, 0); err == nil && len(p) > 0; p, err = recv(srv, 0) {
			got += len(p)
		}
	}
	return q
}

// String lists the segments with the milliseconds before each.
func (q *meter) String() string {
	s := ""
	for i := 1; i < min(60, len(q.at)); i++ {
		s += fmt.Sprintf("%d@%.2f ", q.bytes[i], float64(q.at[i]-q.at[i-1])/1e6)
	}
	return s
}
