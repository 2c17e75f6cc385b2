package tcp_test

import (
	"strings"
	"testing"
	"time"

	"linen/net/procfs"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// TestSendPath: what a program's writes become on the wire (tcp_sendmsg; spec
// 11.141).
func TestSendPath(t *testing.T) {
	a, _, _, cli, srv := conn(t)
	data := func() (out []string) {
		for _, s := range segments(t, a.Lab.Capture()) {
			if s.n > 0 {
				push := ""
				if s.tcp.Flags()&wire.TCPPsh != 0 {
					push = "P"
				}
				out = append(out, push+strings.Repeat("x", s.n)[:min(s.n, 9)])
			}
		}
		return out
	}
	send(t, cli, "12", uapi.MSG_MORE)
	a.Lab.Advance(50 * time.Millisecond)
	if got := data(); len(got) != 0 {
		t.Errorf("MSG_MORE was sent: %q", got)
	}
	send(t, cli, "345", 0)
	a.Lab.Clock.Settle()
	if got := strings.Join(data(), " "); got != "Pxxxxx" {
		t.Errorf("after the rest: %q", got)
	}
	want(t, srv, "12345")
	send(t, cli, "12", uapi.MSG_MORE)
	a.Lab.Advance(300 * time.Millisecond) // at the latest when the timer runs: 200 ms
	want(t, srv, "12")
	send(t, cli, strings.Repeat("y", 5000), 0)
	a.Lab.Clock.Settle()
	want(t, srv, strings.Repeat("y", 5000))
	if got := data(); got[len(got)-1][0] != 'P' {
		t.Errorf("the last segment of a write has no PSH: %q", got)
	}

	must(t, srv.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_LINGER, []byte{1, 0, 0, 0, 0, 0, 0, 0}))
	srv.Close()
	for i, wantErr := range []errno.Errno{errno.ECONNRESET, errno.EPIPE, errno.EPIPE} {
		if _, err := cli.Sendmsg(root, &sock.Msg{Data: []byte("x")}); err != wantErr {
			t.Errorf("send %d after a reset: %v, want %v", i, err, wantErr)
		}
	}
}

// TestBacklogIsBounded: segments that come while a call owns the socket wait,
// and beyond the buffers' size and 64 KiB they are dropped (spec 11.142).
func TestBacklogIsBounded(t *testing.T) {
	a, b, _, cli, srv := conn(t)
	own, peer := portsOf(t, cli, b)
	raw := rawSocket(t, a, uapi.IPPROTO_TCP)
	setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_RCVBUF, 2048)
	setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_SNDBUF, 2048)
	junk := strings.Repeat("j", 1000)
	srv.Base().Lock()
	n := 0
	for ; count(t, b, "TCPBacklogDrop") == 0 && n < 500; n++ {
		inject(t, raw, own, peer, "A", 1, 1, junk)
		a.Lab.Clock.Settle()
	}
	srv.Base().Unlock()
	if n < 74752/2400 || n > 74752/1000 {
		t.Errorf("%d segments of 1000 bytes found room in 74752 bytes", n)
	}
	send(t, cli, "hello", 0)
	drain(t, a, srv, "hello")
}

func TestMinTTL(t *testing.T) { // RFC 5082, ip(7) IP_MINTTL; ranges as 6.18; spec 11.94
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 5)
	for v, wantErr := range map[int]error{-1: errno.EINVAL, 256: errno.EINVAL, 0: nil, 255: nil} {
		val := []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
		if err := stream(t, a).Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_MINTTL, val); err != wantErr {
			t.Errorf("IP_MINTTL %d: %v", v, err)
		}
	}
	setInt(t, l, uapi.IPPROTO_IP, uapi.IP_MINTTL, 255)
	cli, err := connect(t, a, b, 80) // with a TTL of 64
	must(t, err)
	if cli.Base().State() != uapi.TCP_SYN_SENT || count(t, b, "TCPMinTTLDrop") != 1 {
		t.Errorf("state %d, TCPMinTTLDrop %d", cli.Base().State(), count(t, b, "TCPMinTTLDrop"))
	}
	setInt(t, cli, uapi.IPPROTO_IP, uapi.IP_TTL, 255)
	a.Lab.Advance(1100 * time.Millisecond)
	srv := accept(t, l)
	if cli.Base().State() != uapi.TCP_ESTABLISHED || getInt(t, srv, uapi.IPPROTO_IP, uapi.IP_MINTTL) != 255 {
		t.Errorf("with a TTL of 255: state %d, the child's minimum %d", cli.Base().State(), getInt(t, srv, uapi.IPPROTO_IP, uapi.IP_MINTTL))
	}
	setInt(t, cli, uapi.IPPROTO_IP, uapi.IP_TTL, 254)
	send(t, cli, "x", 0)
	if _, err := recv(srv, 0); err != errno.EAGAIN {
		t.Errorf("a segment with a TTL of 254: %v", err)
	}
}

// TestOrphanRetries: a closed socket's data are sent again 8 times at most, which
// takes 102 seconds with the least time-out (spec 11.53; tcp_orphan_retries 0).
func TestOrphanRetries(t *testing.T) {
	for _, c := range []struct {
		retries      string
		still, ended time.Duration
	}{{"0", 60 * time.Second, 150 * time.Second}, {"2", time.Second, 5 * time.Second}} {
		a, _, link, cli, _ := conn(t)
		sysctlSet(t, a, "net/ipv4/tcp_orphan_retries", c.retries)
		link.Drop(true)
		send(t, cli, "x", 0)
		must(t, cli.Close())
		orphans := func() bool {
			text, err := procfs.Of(a.Namespace()).Read("sockstat")
			must(t, err)
			return strings.Contains(string(text), "orphan 1")
		}
		a.Lab.Advance(c.still)
		if !orphans() {
			t.Errorf("tcp_orphan_retries %s: gone after %v", c.retries, c.still)
		}
		a.Lab.Advance(c.ended - c.still)
		if orphans() || count(t, a, "TCPAbortOnTimeout") != 1 {
			t.Errorf("tcp_orphan_retries %s: there after %v; TCPAbortOnTimeout %d", c.retries, c.ended, count(t, a, "TCPAbortOnTimeout"))
		}
	}
}
