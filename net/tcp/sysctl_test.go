package tcp_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// TestReflectTOS: with tcp_reflect_tos the SYN-ACK and the connection have the
// SYN's TOS without ECN bits (0x2b gives 0x28), as 6.18 was seen to.
func TestReflectTOS(t *testing.T) {
	for v, want := range map[string]uint8{"0": 0, "1": 0x28} {
		a, b, _ := hosts.Pair(t)
		must(t, b.SetSysctl("net.ipv4.tcp_reflect_tos", v))
		l := listen(t, b, 80, 5)
		cli := stream(t, a)
		setInt(t, cli, uapi.IPPROTO_IP, uapi.IP_TOS, 0x2b)
		cli.Connect(root, at(b.Addr(), 80))
		a.Lab.Clock.Settle()
		srv := accept(t, l)
		send(t, srv, "x", 0)
		a.Lab.Clock.Settle()
		for _, s := range segments(t, a.Lab.Capture()) {
			if s.tcp.Source() == 80 && s.ip.TOS() != want {
				t.Errorf("tcp_reflect_tos %s: TOS %#x of a segment with flags %#x", v, s.ip.TOS(), s.tcp.Flags())
			}
		}
		if got := getInt(t, srv, uapi.IPPROTO_IP, uapi.IP_TOS); got != int(want) {
			t.Errorf("tcp_reflect_tos %s: IP_TOS %#x", v, got)
		}
	}
}

// TestAutobindPorts: a port that nobody asked for is shared only with
// ip_autobind_reuse, SO_REUSEADDR of both and SO_REUSEPORT of at most one, as all
// 32 cases on 6.18; digits are SO_REUSEADDR and SO_REUSEPORT of one and the other.
func TestAutobindPorts(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	must(t, a.SetSysctl("net.ipv4.ip_local_port_range", "40000 40000"))
	shared := map[string]bool{"1 1010": true, "1 1011": true, "1 1110": true}
	for _, mode := range []string{"0", "1"} {
		must(t, a.SetSysctl("net.ipv4.ip_autobind_reuse", mode))
		for bits := range 16 {
			name := fmt.Sprintf("%s %04b", mode, bits)
			var err error
			var made []sock.Socket
			for i := range 2 {
				s := stream(t, a)
				setInt(t, s, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, bits>>(3-2*i)&1)
				setInt(t, s, uapi.SOL_SOCKET, uapi.SO_REUSEPORT, bits>>(2-2*i)&1)
				err = s.Bind(root, at(anyAddr, 0))
				made = append(made, s)
			}
			if (err == nil) != shared[name] || err != nil && err != errno.EADDRINUSE {
				t.Errorf("%s: %v", name, err)
			}
			for _, s := range made {
				s.Close()
			}
		}
	}
}

// TestAutobindUsers: with SO_REUSEPORT of both, sockets of two users share such a
// port, and those of one do not (kernel selftest reuseaddr_ports_exhausted.c).
func TestAutobindUsers(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	must(t, a.SetSysctl("net.ipv4.ip_local_port_range", "40000 40000"))
	must(t, a.SetSysctl("net.ipv4.ip_autobind_reuse", "1"))
	for i, want := range []error{nil, errno.EADDRINUSE, nil} {
		who := *root
		who.UID = uint32(i / 2) // 0, 0, 1
		s, err := sock.Create(&who, a.Namespace(), uapi.AF_INET, uapi.SOCK_STREAM, 0)
		must(t, err)
		defer s.Close()
		setInt(t, s, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, 1)
		setInt(t, s, uapi.SOL_SOCKET, uapi.SO_REUSEPORT, 1)
		if err := s.Bind(&who, at(anyAddr, 0)); err != want {
			t.Errorf("socket %d: %v, want %v", i, err, want)
		}
	}
}

// TestTimeWaitReuse: a connection of our own takes the place of one in TIME_WAIT
// that is tcp_tw_reuse_delay old, if tcp_tw_reuse says so (RFC 6191; spec 11.68).
func TestTimeWaitReuse(t *testing.T) {
	for _, c := range []struct {
		name, reuse, delay string
		after              time.Duration
		want               error
	}{
		{"off", "0", "1000", 2 * time.Second, errno.EADDRNOTAVAIL}, {"on", "1", "1000", 2 * time.Second, errno.EINPROGRESS},
		{"too early", "1", "1000", 500 * time.Millisecond, errno.EADDRNOTAVAIL},
		{"not so early", "1", "300", 500 * time.Millisecond, errno.EINPROGRESS},
		{"loopback only", "2", "1000", 2 * time.Second, errno.EADDRNOTAVAIL},
	} {
		a, b, _ := hosts.Pair(t)
		must(t, a.SetSysctl("net.ipv4.tcp_tw_reuse", c.reuse))
		must(t, a.SetSysctl("net.ipv4.tcp_tw_reuse_delay", c.delay))
		must(t, a.SetSysctl("net.ipv4.ip_local_port_range", "40000 40000"))
		l := listen(t, b, 80, 5)
		cli, err := connect(t, a, b, 80)
		must(t, err)
		srv := accept(t, l)
		cli.Close()
		a.Lab.Clock.Settle()
		srv.Close()
		a.Lab.Advance(c.after)
		if err := stream(t, a).Connect(root, at(b.Addr(), 80)); err != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestChallengeAckLimit: tcp_challenge_ack_limit bounds the challenge ACKs of a
// second, for all connections together (RFC 5961 §7).
func TestChallengeAckLimit(t *testing.T) {
	for limit, most := range map[int]int{0: 0, 4: 6, 1<<31 - 1: 20} {
		a, b, _ := hosts.Pair(t)
		must(t, b.SetSysctl("net.ipv4.tcp_challenge_ack_limit", strconv.Itoa(limit)))
		must(t, b.SetSysctl("net.ipv4.tcp_invalid_ratelimit", "0"))
		l := listen(t, b, 80, 5)
		cli, err := connect(t, a, b, 80)
		must(t, err)
		accept(t, l)
		raw := rawSocket(t, a, uapi.IPPROTO_TCP)
		own, peer := portsOf(t, cli, b)
		for range 20 {
			inject(t, raw, own, peer, "R", lastSeq(t, a, own.Port())+5, 0, "")
		}
		a.Lab.Clock.Settle()
		got := count(t, b, "TCPChallengeACK")
		if got > most || got < min(limit, most)/2 {
			t.Errorf("limit %d: %d sent", limit, got)
		}
	}
}

// TestFwmarkAccept: with tcp_fwmark_accept the SYN-ACK and the connection have the
// mark of the SYN's packet, unless the listener has one (ip-sysctl; spec 11.20).
func TestFwmarkAccept(t *testing.T) {
	for _, c := range []struct{ on, listener, want int }{{0, 0, 0}, {1, 0, 7}, {1, 9, 9}, {0, 9, 9}} {
		a, _, _ := hosts.Pair(t)
		must(t, a.SetSysctl("net.ipv4.tcp_fwmark_accept", strconv.Itoa(c.on)))
		l := listen(t, a, 80, 5)
		setInt(t, l, uapi.SOL_SOCKET, uapi.SO_MARK, c.listener)
		cli := stream(t, a)
		setInt(t, cli, uapi.SOL_SOCKET, uapi.SO_MARK, 7) // loopback keeps it
		cli.Connect(root, at(a.Addr(), 80))
		a.Lab.Clock.Settle()
		srv := accept(t, l)
		if got := getInt(t, srv, uapi.SOL_SOCKET, uapi.SO_MARK); got != c.want {
			t.Errorf("tcp_fwmark_accept %d, listener %d: %d", c.on, c.listener, got)
		}
	}
}

// TestECNRange: 6.18 has AccECN's code but refuses tcp_ecn 3 to 5, which would
// switch it on (EINVAL, as seen).
func TestECNRange(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	for v, ok := range map[string]bool{"0": true, "1": true, "2": true, "3": false, "4": false, "5": false} {
		if err := a.SetSysctl("net.ipv4.tcp_ecn", v); (err == nil) != ok {
			t.Errorf("tcp_ecn %s: %v", v, err)
		}
	}
}
