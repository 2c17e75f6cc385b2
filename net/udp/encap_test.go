package udp_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"linen/kern"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/net/udp"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// TestEncapTypes holds the answers of a 6.18 without IPsec, then those once a
// subsystem has registered ESP's.
func TestEncapTypes(t *testing.T) { // linux/udp.h UDP_ENCAP; spec 11.39
	a, _, _ := hosts.Pair(t)
	s := on(t, a, 4500)
	set := func(v int) error {
		var val [4]byte
		binary.NativeEndian.PutUint32(val[:], uint32(v))
		return s.Setsockopt(root, uapi.IPPROTO_UDP, uapi.UDP_ENCAP, val[:])
	}
	check := func(v int, want error, now int) {
		t.Helper()
		if err := set(v); err != want && (err != nil || want != nil) {
			t.Errorf("%d: %v, want %v", v, err, want)
		}
		if got := getInt(t, s, uapi.IPPROTO_UDP, uapi.UDP_ENCAP); got != now {
			t.Errorf("after %d: %d, want %d", v, got, now)
		}
	}
	check(-1, errno.ENOPROTOOPT, 0)
	check(0, nil, 0)
	check(uapi.UDP_ENCAP_ESPINUDP_NON_IKE, errno.ENOPROTOOPT, 0)
	check(uapi.UDP_ENCAP_ESPINUDP, errno.ENOPROTOOPT, 0)
	check(uapi.UDP_ENCAP_L2TPINUDP, nil, 3)
	for v := 4; v < 10; v++ {
		check(v, errno.ENOPROTOOPT, 3)
	}
	got := 0
	udp.RegisterEncap(a.Namespace(), uapi.UDP_ENCAP_ESPINUDP, func(*udp.Sock) udp.Encap {
		return func(c *kern.CPU, s *udp.Sock, b *skb.Buff) bool {
			if p := b.Data()[8:]; len(p) > 4 && binary.BigEndian.Uint32(p) != 0 { // RFC 3948 §2.2: not IKE
				got++
				b.Consume(c)
				return true
			}
			return false
		}
	})
	check(uapi.UDP_ENCAP_ESPINUDP, nil, 2)
	cli := on(t, a, 0)
	send(t, cli, addr(0x7f000001, 4500), "\x00\x00\x00\x01ESP")
	if empty(t, s); got != 1 {
		t.Errorf("the hook got %d packets", got)
	}
	send(t, cli, addr(0x7f000001, 4500), "\x00\x00\x00\x00IKE")
	want(t, s, "\x00\x00\x00\x00IKE")
	check(0, nil, 0)
	send(t, cli, addr(0x7f000001, 4500), "\x00\x00\x00\x01ESP")
	want(t, s, "\x00\x00\x00\x01ESP")
}

// A tunnel's packets go by its socket from one host to the other, and ICMP
// errors come back to it.
func TestTunnelSocket(t *testing.T) { // spec 11.43
	a, b, _ := hosts.Pair(t)
	const port = 4789
	var got []string
	var errs []inet.ICMPErr
	open := func(h *hosts.Host, tun udp.Tunnel) *udp.Sock {
		t.Helper()
		s, err := udp.OpenTunnel(h.Namespace(), tun)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	in := open(b, udp.Tunnel{Port: port, Recv: func(c *kern.CPU, _ *udp.Sock, b *skb.Buff) bool {
		b.Linearize()
		got = append(got, string(b.Data()[8:]))
		b.Consume(c)
		return true
	}})
	if _, err := udp.OpenTunnel(b.Namespace(), udp.Tunnel{Port: port}); err != errno.EADDRINUSE {
		t.Errorf("the port again: %v", err)
	}
	out := open(a, udp.Tunnel{Err: func(_ *kern.CPU, _ *udp.Sock, _ *skb.Buff, e inet.ICMPErr) { errs = append(errs, e) }})
	ip := func(a netip.Addr) uint32 { b := a.As4(); return binary.BigEndian.Uint32(b[:]) }
	carry := func(data string, dport uint16) error {
		n := a.Namespace()
		c := n.Kernel().Enter(kern.Any)
		defer c.Exit()
		rt, err := ipv4.RouteOutput(c, n, &ipv4.Flow{Daddr: ip(b.Addr()), Proto: uapi.IPPROTO_UDP})
		if err != nil {
			t.Fatal(err)
		}
		return out.SendTunnel(c, skb.From(c, []byte(data)), rt, udp.Carrier{
			Saddr: ip(a.Addr()), Daddr: ip(b.Addr()), Sport: out.Port(), Dport: dport, TTL: 64, DF: true,
		})
	}
	for _, data := range []string{"inner frame", ""} {
		if err := carry(data, port); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 2 || got[0] != "inner frame" || got[1] != "" {
		t.Errorf("arrived: %q", got)
	}
	if err := carry("x", 9); err != nil || len(errs) != 1 || errs[0].Type != 3 || errs[0].Code != 3 {
		t.Errorf("port unreachable: %v %+v", err, errs)
	}
	if out.PendingError() != 0 {
		t.Error("the socket has an error")
	}
	in.Close()
	if err := carry("x", port); err != nil || len(errs) != 2 {
		t.Errorf("after close: %v, %d errors", err, len(errs))
	}
}

// SourcePort stays in its range, is the same for a flow, and differs among
// flows.
func TestTunnelSourcePort(t *testing.T) { // udp_flow_src_port; spec 11.43
	a, _, _ := hosts.Pair(t)
	n := a.Namespace()
	c := n.Kernel().Enter(kern.Any)
	defer c.Exit()
	inner := func(sport int) *skb.Buff {
		l4 := datagram(1, 2, sport, 9, []byte("x"), true)
		b := skb.From(c, append(ipHeader(1, 2, 1, uapi.IPPROTO_UDP, len(l4)), l4...))
		b.Protocol = uapi.ETH_P_IP
		return b
	}
	for _, r := range []struct{ lo, hi, from, to int }{{0, 0, 32768, 60999}, {100, 200, 100, 200}, {5, 6, 5, 6}} {
		seen := map[uint16]bool{}
		for sport := range 300 {
			b := inner(sport)
			p := udp.SourcePort(n, b, r.lo, r.hi)
			if again := udp.SourcePort(n, b, r.lo, r.hi); again != p || int(p) < r.from || int(p) >= r.to {
				t.Fatalf("%+v: port %d, then %d", r, p, again)
			}
			seen[p] = true
			b.Consume(c)
		}
		if len(seen) < min(80, (r.to-r.from)) {
			t.Errorf("%+v: %d ports for 300 flows", r, len(seen))
		}
	}
}
