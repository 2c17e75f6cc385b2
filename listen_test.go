package linen_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"linen"
	"linen/lib/impair"
)

// tcpPair is two Nets on one cable, 10.0.0.1 and 10.0.0.2.
func tcpPair(t *testing.T) (k *linen.Kernel, a, b *linen.Net) {
	t.Helper()
	k = linen.New(linen.Config{Seed: 1})
	a, errA := k.NewNet("a")
	b, errB := k.NewNet("b")
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		k.Link(a, "eth0", b, "eth0"),
		a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")),
		b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return k, a, b
}

// TestHTTP: net/http's server and client run on linen unchanged, in a bubble,
// over a cable that loses and delays.
func TestHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, a, b := tcpPair(t)
		defer k.Close()
		if err := a.Impair("eth0", linen.Impairment{Delay: 5 * time.Millisecond, Loss: impair.Percent(2)}); err != nil {
			t.Fatal(err)
		}
		l, err := b.Listen(t.Context(), "tcp", ":80")
		if err != nil {
			t.Fatal(err)
		}
		body := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })}
		go srv.Serve(l)
		client := &http.Client{Transport: &http.Transport{DialContext: a.DialContext}}
		resp, err := client.Get("http://10.0.0.2/")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || sha256.Sum256(got) != sha256.Sum256(body) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		client.CloseIdleConnections()
		srv.Close()
	})
}

func TestAcceptDeadlineAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _, b := tcpPair(t)
		defer k.Close()
		l, err := b.Listen(t.Context(), "tcp", "10.0.0.2:0")
		if err != nil {
			t.Fatal(err)
		}
		l.(*linen.Listener).SetDeadline(time.Now().Add(time.Second))
		var timeout net.Error
		if _, err := l.Accept(); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("after the deadline: %v", err)
		}
		l.(*linen.Listener).SetDeadline(time.Time{})
		done := make(chan error, 1)
		go func() { _, err := l.Accept(); done <- err }()
		synctest.Wait()
		l.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept of a closed listener: %v", err)
		}
	})
}

func TestDialRefusedAndHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, a, b := tcpPair(t)
		defer k.Close()
		if _, err := a.Dial(t.Context(), "tcp", "10.0.0.2:9"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Dial(ctx, "tcp", "10.0.0.77:9"); err == nil {
			t.Error("connected to nobody")
		}
		l, err := b.Listen(t.Context(), "tcp", "10.0.0.2:7")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			io.Copy(c, c)
		}()
		c, err := a.Dial(t.Context(), "tcp", "10.0.0.2:7")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "half")
		c.(*linen.TCPConn).CloseWrite()
		if got, err := io.ReadAll(c); string(got) != "half" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}
