package netapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"linen"
	"linen/lib/impair"
)

// hosts returns two Nets on a cable that takes 5 ms and loses 1 %.
func hosts(t *testing.T) (a, b *linen.Net) {
	t.Helper()
	k := linen.New(linen.Config{Seed: 1})
	t.Cleanup(func() { k.Close() })
	a, errA := k.NewNet("a")
	b, errB := k.NewNet("b")
	for _, err := range []error{
		errA, errB, k.Link(a, "eth0", b, "eth0"),
		a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")), b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")),
		a.Impair("eth0", linen.Impairment{Delay: 5 * time.Millisecond, Loss: impair.Percent(1)}),
	} {
		check(t, err)
	}
	return a, b
}

// TestHTTPOverTLS: net/http's server and client, crypto/tls and HTTP/2 run on
// linen unchanged, in real time and in a bubble.
func TestHTTPOverTLS(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP/%d", version), func(t *testing.T) { overTLS(t, version) })
		t.Run(fmt.Sprintf("HTTP/%d in a bubble", version), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { overTLS(t, version) })
		})
	}
}

// A roomyListener accepts connections whose writes do not wait. HTTP/2 writes
// while it holds a mutex for which its other goroutines wait, and a bubble's
// clock stands still while one of its goroutines waits for a mutex.
type roomyListener struct{ net.Listener }

func (l *roomyListener) Accept() (net.Conn, error) { return roomyConn(l.Listener.Accept()) }

func roomyConn(c net.Conn, err error) (net.Conn, error) {
	if err == nil {
		err = c.(*linen.TCPConn).SetWriteBuffer(1 << 20)
	}
	return c, err
}

func overTLS(t *testing.T, version int) {
	a, b := hosts(t)
	l, err := b.Listen(t.Context(), "tcp", "10.0.0.2:443")
	check(t, err)
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	roomy := &roomyListener{l}
	srv := &httptest.Server{Listener: roomy, Config: &http.Server{Handler: echo}, EnableHTTP2: version == 2}
	srv.StartTLS()
	defer srv.Close()
	client := srv.Client()
	tr := client.Transport.(*http.Transport)
	tr.TLSClientConfig.ServerName = "example.com"
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return roomyConn(a.DialContext(ctx, network, address))
	}
	defer client.CloseIdleConnections()

	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			resp, err := client.Post("https://10.0.0.2/", "text/plain", bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, body) || resp.ProtoMajor != version {
				t.Errorf("%d bytes by %s, %v", len(got), resp.Proto, err)
			}
		})
	}
	all.Wait()
}
