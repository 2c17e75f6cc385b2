package tcp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"linen/test/hosts"
	"linen/uapi"
)

// TestRetransCollapse: small segments that are sent again go together, up to one
// packet, unless tcp_retrans_collapse forbids it; lengths as seen on 6.18.
func TestRetransCollapse(t *testing.T) {
	for on, want := range map[string]string{"1": "[100 1000 1000 1000]", "0": "[100 100 100 100]"} {
		a, _, link, cli, srv := conn(t)
		must(t, a.SetSysctl("net.ipv4.tcp_retrans_collapse", on))
		setInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_NODELAY, 1)
		send(t, cli, "y", 0)
		drain(t, a, srv, "y")
		a.Lab.Advance(200 * time.Millisecond)
		link.Drop(true)
		before := len(segments(t, a.Lab.Capture()))
		for _, n := range []int{100, 200, 300, 400, 1000, 100} {
			send(t, cli, strings.Repeat("x", n), 0)
			a.Lab.Advance(time.Millisecond)
		}
		a.Lab.Advance(1500 * time.Millisecond)
		var sizes []int
		for _, s := range segments(t, a.Lab.Capture())[before:] {
			sizes = append(sizes, s.ip.TotLen()-s.ip.IHL()-s.tcp.DataOff())
		}
		if got := fmt.Sprint(sizes[6:]); got != want { // a loss probe, then time-outs
			t.Errorf("tcp_retrans_collapse %s: %s", on, got)
		}
		link.Drop(false)
		drain(t, a, srv, strings.Repeat("x", 2100))
	}
}

// TestBacklogAckDefer: segments that wait for the socket's owner are acknowledged
// once, at the end (ip-sysctl, tcp_backlog_ack_defer).
func TestBacklogAckDefer(t *testing.T) {
	for on, want := range map[string]int{"1": 1, "0": 10} {
		a, b, _, cli, srv := conn(t)
		must(t, b.SetSysctl("net.ipv4.tcp_backlog_ack_defer", on))
		setInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_NODELAY, 1)
		srv.Base().Lock()
		for range 10 {
			send(t, cli, strings.Repeat("x", 100), 0)
		}
		a.Lab.Clock.Settle()
		before := acks(t, a)
		srv.Base().Unlock()
		a.Lab.Clock.Settle()
		if got := acks(t, a) - before; got != want {
			t.Errorf("tcp_backlog_ack_defer %s: %d acknowledgements", on, got)
		}
		drain(t, a, srv, strings.Repeat("x", 1000))
	}
}

// acks counts the segments from port 80.
func acks(t testing.TB, a *hosts.Host) (n int) {
	for _, s := range segments(t, a.Lab.Capture()) {
		if s.tcp.Source() == 80 {
			n++
		}
	}
	return n
}
