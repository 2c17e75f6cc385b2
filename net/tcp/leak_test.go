package tcp_test

import (
	"bytes"
	"testing"
	"time"

	"linen/net/procfs"
	"linen/net/skb"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
)

// TestNothingIsLeft closes connections in every order: sockets, ports, blocks
// and lines in /proc go.
func TestNothingIsLeft(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 10)
	for i := range 12 {
		cli, err := connect(t, a, b, 80)
		must(t, err)
		srv := accept(t, l)
		send(t, cli, "request", 0)
		want(t, srv, "request")
		send(t, srv, "answer", 0)
		first, second := cli, srv
		if i&1 != 0 {
			first, second = srv, cli
		}
		if i&2 != 0 {
			must(t, first.Shutdown(root, uapi.SHUT_WR))
		}
		if i&4 == 0 {
			want(t, cli, "answer")
		}
		for _, s := range []sock.Socket{first, second} {
			s.Close()
			a.Lab.Clock.Settle()
		}
	}
	l.Close()
	a.Lab.Advance(3 * time.Minute)
	for _, h := range []*hosts.Host{a, b} {
		text, err := procfs.Of(h.Namespace()).Read("sockstat")
		must(t, err)
		if !bytes.Contains(text, []byte("TCP: inuse 0 orphan 0 tw 0 alloc 0 ")) {
			t.Errorf("%s: %s", h.Name(), text)
		}
	}
	for _, h := range []*hosts.Host{a, b} {
		if n := counter(t, h, "Tcp", "CurrEstab"); n != "0" {
			t.Errorf("%s: CurrEstab %s", h.Name(), n)
		}
	}
	if n := skb.BlocksInUse(a.Namespace().Kernel()); n != 0 {
		t.Errorf("%d blocks in use", n)
	}
}
