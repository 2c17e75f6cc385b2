package tcp_test

import (
	"context"
	"io"
	"net/netip"
	"sync"
	"testing"

	"linen"
	"linen/net/sock"
	"linen/uapi"
)

// TestManyGoroutines runs connections on two CPUs and the machine's clock: the
// owner, the backlog and the timers meet.
func TestManyGoroutines(t *testing.T) {
	k := linen.New(linen.Config{CPUs: 2})
	defer k.Close()
	a, err := k.NewNet("a")
	must(t, err)
	b, err := k.NewNet("b")
	must(t, err)
	must(t, k.Link(a, "eth0", b, "eth0"))
	must(t, a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))
	must(t, b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")))
	ctx := context.Background()
	l := listenIn(t, b.Namespace())
	const conns, size = 8, 1 << 20
	var wg sync.WaitGroup
	wg.Add(2 * conns)
	for range conns {
		go func() {
			defer wg.Done()
			s, err := sock.Accept(ctx, l, root)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			echo(ctx, t, s)
		}()
		go func() {
			defer wg.Done()
			s, err := sock.Create(root, a.Namespace(), uapi.AF_INET, uapi.SOCK_STREAM, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := sock.Connect(ctx, s, root, serverAt); err != nil {
				t.Error(err)
				return
			}
			talk(ctx, t, s, size)
		}()
	}
	wg.Wait()
}

// echo sends back what comes until the end.
func echo(ctx context.Context, t *testing.T, s sock.Socket) {
	buf := make([]byte, 32<<10)
	for {
		n, err := sock.Recv(ctx, s, root, &sock.Msg{Data: buf})
		if err != nil {
			t.Error("echo:", err)
			return
		}
		if n == 0 {
			return
		}
		if _, err := sock.Send(ctx, s, root, &sock.Msg{Data: buf[:n]}); err != nil {
			t.Error("echo:", err)
			return
		}
	}
}

// talk sends size bytes while it reads them back.
func talk(ctx context.Context, t *testing.T, s sock.Socket, size int) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 10000)
		for got := 0; got < size; {
			n, err := sock.Recv(ctx, s, root, &sock.Msg{Data: buf})
			if err != nil || n == 0 {
				t.Error("talk:", n, err)
				return
			}
			for i, v := range buf[:n] {
				if v != byte((got+i)%251) {
					t.Error("damaged at", got+i)
					return
				}
			}
			got += n
		}
		s.Shutdown(root, uapi.SHUT_WR)
	}()
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(i % 251)
	}
	if _, err := sock.Send(ctx, s, root, &sock.Msg{Data: out}); err != nil && err != io.EOF {
		t.Error("send:", err)
	}
	<-done
}
