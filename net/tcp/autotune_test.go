package tcp_test

import (
	"testing"
	"time"

	"linen/lib/impair"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// TestAutotuning fills a path of 100 ms and 200 Mbit/s with default buffers:
// both grow by themselves.
func TestAutotuning(t *testing.T) { // spec 11.77
	a, b, link := hosts.Pair(t)
	link.Impair(impair.Config{Delay: 50 * time.Millisecond, Rate: 200e6})
	l := listen(t, b, 80, 5)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	a.Lab.Advance(time.Second)
	srv := accept(t, l)
	const size = 40 << 20
	out, in := &sock.Msg{}, &sock.Msg{Data: make([]byte, 1<<18)}
	data := make([]byte, 1<<18)
	from := a.Lab.Clock.Now()
	for sent, got := 0, 0; got < size; a.Lab.Advance(2 * time.Millisecond) {
		for sent < size {
			out.Data = data[:min(len(data), size-sent)]
			n, err := cli.Sendmsg(root, out)
			if err == errno.EAGAIN {
				break
			}
			must(t, err)
			sent += n
		}
		for {
			n, err := srv.Recvmsg(root, in)
			if err == errno.EAGAIN {
				break
			}
			must(t, err)
			got += n
		}
	}
	took := time.Duration(a.Lab.Clock.Now() - from)
	snd, rcv := getInt(t, cli, uapi.SOL_SOCKET, uapi.SO_SNDBUF), getInt(t, srv, uapi.SOL_SOCKET, uapi.SO_RCVBUF)
	t.Logf("%v, send buffer %d, receive buffer %d", took, snd, rcv)
	if took > 4*time.Second {
		t.Errorf("40 MiB took %v with buffers of %d and %d", took, snd, rcv)
	}
}
