package tcp_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"linen/lib/impair"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
)

// A metricCase is a route's metrics and what a connection over it has then: the
// first one to a peer, and one after another that ended in peace, when tcp_metrics
// knows the peer. Without the second, it is as the first.
type metricCase struct {
	congctl       string
	locked        uint32
	metrics       map[uint16]uint32
	what          string
	first, second string
}

// TestEveryRouteMetric: the effect of each RTAX metric on TCP as recorded from 6.18
// between two namespaces (spec 5.15), in ip's units: rtt in 1/8 ms, rttvar in 1/4 ms.
// rtt, rttvar, ssthresh, cwnd and reordering go by way of tcp_metrics; hoplimit and
// mtu are tested where packets are (net/ipv4).
func TestEveryRouteMetric(t *testing.T) {
	for _, c := range []metricCase{
		{"", 0, nil, "mss pmtu ssthresh cwnd advmss reordering wnd clamp cc rto", "1448 1500 2147483647 10 1448 3 64512 64088 cubic 204000", "1448 1500 2147483647 10 1448 3 64512 64088 cubic 200000"},
		{"", 0, map[uint16]uint32{uapi.RTAX_MTU: 1000}, "mss pmtu advmss", "948 1000 948", ""},
		{"", 1 << uapi.RTAX_MTU, map[uint16]uint32{uapi.RTAX_MTU: 1000}, "mss pmtu advmss", "948 1000 948", ""},
		{"", 0, map[uint16]uint32{uapi.RTAX_WINDOW: 5000}, "wnd rcvssthresh clamp", "4380 4380 5000", ""},
		{"", 1 << uapi.RTAX_RTT, map[uint16]uint32{uapi.RTAX_RTT: 2400}, "rto", "204000", "900000"},
		{"", 1<<uapi.RTAX_RTT | 1<<uapi.RTAX_RTTVAR, map[uint16]uint32{uapi.RTAX_RTT: 2400, uapi.RTAX_RTTVAR: 200}, "rto", "204000", "900000"},
		{"", 0, map[uint16]uint32{uapi.RTAX_SSTHRESH: 7}, "ssthresh cwnd", "2147483647 10", ""},
		{"", 1 << uapi.RTAX_SSTHRESH, map[uint16]uint32{uapi.RTAX_SSTHRESH: 7}, "ssthresh cwnd", "2147483647 10", ""},
		{"", 0, map[uint16]uint32{uapi.RTAX_CWND: 4}, "cwnd", "10", ""},
		{"", 1 << uapi.RTAX_CWND, map[uint16]uint32{uapi.RTAX_CWND: 4}, "cwnd", "10", "4"},
		{"", 0, map[uint16]uint32{uapi.RTAX_ADVMSS: 700}, "advmss mss", "688 1448", ""},
		{"", 0, map[uint16]uint32{uapi.RTAX_REORDERING: 9}, "reordering", "3", "9"},
		{"", 1 << uapi.RTAX_REORDERING, map[uint16]uint32{uapi.RTAX_REORDERING: 9}, "reordering", "3", "9"},
		{"", 0, map[uint16]uint32{uapi.RTAX_HOPLIMIT: 9}, "cwnd", "10", ""},
		{"", 0, map[uint16]uint32{uapi.RTAX_INITCWND: 3}, "cwnd", "3", ""},
		{"", 1 << uapi.RTAX_CWND, map[uint16]uint32{uapi.RTAX_INITCWND: 3, uapi.RTAX_CWND: 2}, "cwnd", "3", "2"},
		{"", 1 << uapi.RTAX_RTO_MIN, map[uint16]uint32{uapi.RTAX_RTO_MIN: 50}, "rto", "56000", "52000"},
		{"", 0, map[uint16]uint32{uapi.RTAX_RTO_MIN: 50}, "rto", "204000", "200000"},
		{"", 0, map[uint16]uint32{uapi.RTAX_INITRWND: 4}, "wnd rcvssthresh", "6144 5840", ""},
		{"", 0, map[uint16]uint32{uapi.RTAX_FEATURES: uapi.RTAX_FEATURE_ECN}, "options", "15", ""},
		{"reno", 0, nil, "cc", "reno", ""},
		{"bbr", 1 << uapi.RTAX_CC_ALGO, nil, "cc", "bbr", ""},
	} {
		t.Run(fmt.Sprint(c.congctl, c.locked, c.metrics), func(t *testing.T) { c.run(t) })
	}
}

func (c *metricCase) run(t *testing.T) {
	a, b, link := hosts.Pair(t)
	link.Impair(impair.Config{Delay: 250 * time.Microsecond})
	l := listen(t, b, 80, 5)
	route(t, a, c.congctl, c.locked, c.metrics)
	for _, want := range []string{c.first, c.second} {
		if want == "" {
			want = c.first
		}
		cli, err := connect(t, a, b, 80)
		must(t, err)
		a.Lab.Advance(10 * time.Millisecond)
		srv := accept(t, l)
		if got := shape(t, cli, c.what); got != want {
			t.Errorf("%s: %s, want %s", c.what, got, want)
		}
		a.Lab.Advance(100 * time.Millisecond)
		cli.Close()
		srv.Close()
		a.Lab.Advance(time.Second)
	}
}

// shape reads words of TCP_INFO and options by name.
func shape(t *testing.T, s sock.Socket, what string) string {
	t.Helper()
	var p [280]byte
	_, err := s.Getsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_INFO, p[:])
	must(t, err)
	at := map[string]int{"rto": 8, "mss": 16, "pmtu": 60, "rcvssthresh": 64, "ssthresh": 76, "cwnd": 80, "advmss": 84, "reordering": 88, "wnd": 232}
	var list []string
	for _, name := range strings.Fields(what) {
		var v any
		switch name {
		case "cc":
			v = congestionOf(t, s)
		case "options":
			v = p[5] & 31
		case "clamp":
			v = getInt(t, s, uapi.IPPROTO_TCP, uapi.TCP_WINDOW_CLAMP)
		default:
			v = binary.NativeEndian.Uint32(p[at[name]:])
		}
		list = append(list, fmt.Sprint(v))
	}
	return strings.Join(list, " ")
}

// TestRouteWithoutCookies: with fastopen_no_cookie on their routes both ends take
// data in a SYN without a cookie, as on 6.18.
func TestRouteWithoutCookies(t *testing.T) {
	for _, c := range []struct {
		metric uint32
		want   int
	}{{1, 1}, {0, 0}} {
		a, b, _, _ := fastPair(t)
		routeTo(t, a, 0x0a090002, "", 0, map[uint16]uint32{uapi.RTAX_FASTOPEN_NO_COOKIE: c.metric})
		routeTo(t, b, 0x0a090001, "", 0, map[uint16]uint32{uapi.RTAX_FASTOPEN_NO_COOKIE: c.metric})
		fastSend(t, a, b, "hello")
		if got := count(t, b, "TCPFastOpenPassive"); got != c.want {
			t.Errorf("fastopen_no_cookie %d: %d connections by a SYN with data, want %d: %v", c.metric, got, c.want, lastSyns(t, a))
		}
	}
}
