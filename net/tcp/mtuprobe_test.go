package tcp_test

import (
	"strings"
	"testing"
	"time"

	"linen/net/sysctl"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// TestMTUProbing: a sender that does not believe ICMP (ip_no_pmtu_disc 2) on a
// path that takes less than its device.
func TestMTUProbing(t *testing.T) { // RFC 4821; spec 11.74
	for _, mode := range []string{"0", "1", "2"} {
		a, r, b := hosts.Routed(t)
		must(t, r.SetMTU("eth1", 1200))
		sysctlSet(t, a, "net/ipv4/tcp_mtu_probing", mode)
		sysctlSet(t, a, "net/ipv4/ip_no_pmtu_disc", "2")
		l := listen(t, b, 80, 5)
		cli := stream(t, a)
		setInt(t, cli, uapi.IPPROTO_IP, uapi.IP_MTU_DISCOVER, uapi.IP_PMTUDISC_DO)
		if err := cli.Connect(root, at(b.Addr(), 80)); err != errno.EINPROGRESS {
			t.Fatal(err)
		}
		a.Lab.Clock.Settle()
		srv := accept(t, l)
		data := strings.Repeat("0123456789", 20000)
		sent, got := 0, 0
		for range 3000 {
			if sent < len(data) {
				n, _ := cli.Sendmsg(root, msgOf(data[sent:]))
				sent += max(n, 0)
			}
			p, _ := recv(srv, 0)
			if got += len(p); got == len(data) {
				break
			}
			a.Lab.Advance(20 * time.Millisecond)
		}
		if done := got == len(data); done != (mode != "0") {
			t.Errorf("tcp_mtu_probing %s: %d of %d bytes in a minute", mode, got, len(data))
		}
		if mode != "0" && (count(t, a, "TCPMTUPSuccess") == 0 || getInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_MAXSEG) > 1200-52) {
			t.Errorf("tcp_mtu_probing %s: TCPMTUPSuccess %d, TCP_MAXSEG %d", mode, count(t, a, "TCPMTUPSuccess"), getInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_MAXSEG))
		}
	}
}

func TestMTUProbingSysctls(t *testing.T) { // ip-sysctl; defaults of 6.18
	a, _, _ := hosts.Pair(t)
	for name, want := range map[string]string{
		"tcp_mtu_probing": "0", "tcp_base_mss": "1024", "tcp_mtu_probe_floor": "48", "tcp_probe_interval": "600", "tcp_probe_threshold": "8",
	} {
		if v, err := sysctl.Of(a.Namespace()).Get("net/ipv4/" + name); err != nil || strings.TrimSpace(v) != want {
			t.Errorf("%s: %q, %v", name, v, err)
		}
	}
}
