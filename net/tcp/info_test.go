package tcp_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"linen/net/procfs"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
)

// infoFields are the parts of struct tcp_info that do not depend on how fast
// the machine is, and where they are.
var infoFields = []struct {
	name     string
	off, len int
}{
	{"state", 0, 1}, {"ca", 1, 1}, {"opts", 5, 1}, {"ws", 6, 1}, {"applim", 7, 1}, {"rto", 8, 4}, {"ato", 12, 4}, {"snd_mss", 16, 4}, {"rcv_mss", 20, 4},
	{"unacked", 24, 4}, {"pmtu", 60, 4}, {"rcv_ssthresh", 64, 4}, {"snd_ssthresh", 76, 4}, {"snd_cwnd", 80, 4},
	{"advmss", 84, 4}, {"reordering", 88, 4}, {"rcv_space", 96, 4}, {"acked", 120, 8}, {"received", 128, 8}, {"segs_out", 136, 4}, {"segs_in", 140, 4},
	{"data_in", 152, 4}, {"data_out", 156, 4}, {"busy", 168, 8}, {"delivered", 192, 4}, {"bytes_sent", 200, 8}, {"snd_wnd", 228, 4}, {"rcv_wnd", 232, 4},
}

func infoOf(t testing.TB, s sock.Socket) string {
	t.Helper()
	var p [280]byte
	n, err := s.Getsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_INFO, p[:])
	if err != nil || n != len(p) {
		t.Fatal(n, err)
	}
	var b strings.Builder
	for _, f := range infoFields {
		v := uint64(p[f.off])
		switch f.len {
		case 4:
			v = uint64(binary.NativeEndian.Uint32(p[f.off:]))
		case 8:
			v = binary.NativeEndian.Uint64(p[f.off:])
		}
		fmt.Fprintf(&b, "%s=%d ", f.name, v)
	}
	return strings.TrimSpace(b.String())
}

// TestInfoAsLinux compares struct tcp_info with what Linux 6.18 showed at the
// same moments of the same connection, between two namespaces on a veth.
func TestInfoAsLinux(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	check := func(when string, s sock.Socket, linux string) {
		t.Helper()
		if got := infoOf(t, s); got != linux {
			w := strings.Fields(linux)
			for i, f := range strings.Fields(got) {
				if i >= len(w) || f != w[i] {
					t.Errorf("%s: %s, Linux %s", when, f, w[i])
				}
			}
		}
	}
	l := listen(t, b, 80, 5)
	check("a listener", l, "state=10 ca=0 opts=0 ws=0 applim=0 rto=0 ato=0 snd_mss=0 rcv_mss=0 unacked=0 pmtu=0 rcv_ssthresh=0 snd_ssthresh=0 snd_cwnd=10 advmss=0 reordering=3 rcv_space=0 acked=0 received=0 segs_out=0 segs_in=0 data_in=0 data_out=0 busy=0 delivered=0 bytes_sent=0 snd_wnd=0 rcv_wnd=0")
	check("a fresh socket", stream(t, a), "state=7 ca=0 opts=0 ws=0 applim=1 rto=1000000 ato=0 snd_mss=536 rcv_mss=0 unacked=0 pmtu=0 rcv_ssthresh=0 snd_ssthresh=2147483647 snd_cwnd=10 advmss=0 reordering=3 rcv_space=0 acked=0 received=0 segs_out=0 segs_in=0 data_in=0 data_out=0 busy=0 delivered=0 bytes_sent=0 snd_wnd=0 rcv_wnd=0")
	cli, err := connect(t, a, b, 80)
	must(t, err)
	srv := accept(t, l)
	check("the client, connected", cli, "state=1 ca=0 opts=7 ws=170 applim=1 rto=204000 ato=0 snd_mss=1448 rcv_mss=536 unacked=0 pmtu=1500 rcv_ssthresh=64088 snd_ssthresh=2147483647 snd_cwnd=10 advmss=1448 reordering=3 rcv_space=14480 acked=1 received=0 segs_out=2 segs_in=1 data_in=0 data_out=0 busy=0 delivered=1 bytes_sent=0 snd_wnd=65160 rcv_wnd=64512")
	check("the server, connected", srv, "state=1 ca=0 opts=7 ws=170 applim=1 rto=204000 ato=0 snd_mss=1448 rcv_mss=536 unacked=0 pmtu=1500 rcv_ssthresh=64088 snd_ssthresh=2147483647 snd_cwnd=10 advmss=1448 reordering=3 rcv_space=14480 acked=0 received=0 segs_out=0 segs_in=2 data_in=0 data_out=0 busy=0 delivered=1 bytes_sent=0 snd_wnd=64512 rcv_wnd=65160")
	send(t, cli, "hello", 0)
	want(t, srv, "hello")
	check("the client, 5 bytes", cli, "state=1 ca=0 opts=7 ws=170 applim=1 rto=204000 ato=0 snd_mss=1448 rcv_mss=536 unacked=0 pmtu=1500 rcv_ssthresh=64088 snd_ssthresh=2147483647 snd_cwnd=10 advmss=1448 reordering=3 rcv_space=14480 acked=6 received=0 segs_out=3 segs_in=2 data_in=0 data_out=1 busy=0 delivered=2 bytes_sent=5 snd_wnd=65536 rcv_wnd=64512")
	check("the server, 5 bytes", srv, "state=1 ca=0 opts=7 ws=170 applim=1 rto=204000 ato=40000 snd_mss=1448 rcv_mss=536 unacked=0 pmtu=1500 rcv_ssthresh=64088 snd_ssthresh=2147483647 snd_cwnd=10 advmss=1448 reordering=3 rcv_space=14480 acked=0 received=5 segs_out=1 segs_in=3 data_in=1 data_out=0 busy=0 delivered=1 bytes_sent=0 snd_wnd=64512 rcv_wnd=65536")
	a.Lab.Advance(300 * time.Millisecond)
}

// fileOf reads a file of /proc/net.
func fileOf(t testing.TB, h *hosts.Host, name string) string {
	t.Helper()
	p, err := procfs.Of(h.Namespace()).Read(name)
	must(t, err)
	return string(p)
}

// TestSockstatCountsWhatIsHashed: a socket that is closed, or in TIME_WAIT, is
// not in use (observed on 6.18).
func TestSockstatCountsWhatIsHashed(t *testing.T) {
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 5)
	stream(t, a)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	srv := accept(t, l)
	inuse := func(h *hosts.Host, n int) {
		t.Helper()
		if text := fileOf(t, h, "sockstat"); !strings.Contains(text, fmt.Sprintf("TCP: inuse %d ", n)) {
			t.Errorf("want %d in use:\n%s", n, text)
		}
	}
	inuse(a, 1)
	inuse(b, 2)
	cli.Close()
	srv.Close()
	a.Lab.Clock.Settle()
	inuse(a, 0) // TIME_WAIT
	inuse(b, 1)
}

// TestDisconnectIsNoEstablished: connect to AF_UNSPEC ends the connection for
// TcpCurrEstab too.
func TestDisconnectIsNoEstablished(t *testing.T) {
	a, _, _, cli, _ := conn(t)
	if n := counter(t, a, "Tcp", "CurrEstab"); n != "1" {
		t.Errorf("CurrEstab %s", n)
	}
	must(t, cli.Connect(root, make([]byte, 16)))
	if n := counter(t, a, "Tcp", "CurrEstab"); n != "0" {
		t.Errorf("CurrEstab %s after disconnect", n)
	}
}
