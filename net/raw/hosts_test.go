package raw_test

import (
	"net/netip"
	"testing"
	"time"

	"linen/kern"
	"linen/net/dev"
	"linen/net/inet"
	"linen/net/neigh"
	"linen/net/skb"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

func on(t *testing.T, h *hosts.Host, typ, protocol int) sock.Socket {
	t.Helper()
	s, err := sock.Create(root, h.Namespace(), uapi.AF_INET, typ, protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func sa(ip netip.Addr, port uint16) []byte {
	return inet.FromAddrPort(netip.AddrPortFrom(ip, port)).Bytes()
}

// TestRouterAlertSocket: a router's socket with IP_ROUTER_ALERT gets the
// packets with that option instead of the next hop (RFC 2113, ip(7)).
func TestRouterAlertSocket(t *testing.T) {
	a, r, b := hosts.Routed(t)
	out, in, far := on(t, a, uapi.SOCK_RAW, 46), on(t, r, uapi.SOCK_RAW, 46), on(t, b, uapi.SOCK_RAW, 46)
	if err := out.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_OPTIONS, []byte{148, 4, 0, 0}); err != nil {
		t.Fatal(err)
	}
	heard := func(s sock.Socket) string {
		if _, err := out.Sendmsg(root, &sock.Msg{Data: []byte("rsvp"), Name: sa(b.Addr(), 0)}); err != nil {
			t.Fatal(err)
		}
		p, _, err := recv(s, 0)
		if err != nil {
			return err.Error()
		}
		return string(p[24:])
	}
	if got := heard(far); got != "rsvp" {
		t.Errorf("without the option: %s", got)
	}
	set(t, in, uapi.IPPROTO_IP, uapi.IP_ROUTER_ALERT, 1)
	if got := heard(in); got != "rsvp" {
		t.Errorf("the router: %s", got)
	}
	if _, _, err := recv(far, 0); err != errno.EAGAIN {
		t.Errorf("forwarded all the same: %v", err)
	}
	set(t, in, uapi.IPPROTO_IP, uapi.IP_ROUTER_ALERT, 0)
	if got := heard(far); got != "rsvp" {
		t.Errorf("after it was taken back: %s", got)
	}
}

// TestConfirmKeepsTheNeighbour: MSG_CONFIRM says that answers come, so ARP
// need not ask (send(2)).
func TestConfirmKeepsTheNeighbour(t *testing.T) {
	for _, c := range []struct {
		name          string
		typ, protocol int
		to            uint16
		data          []byte
	}{
		{"raw", uapi.SOCK_RAW, 46, 0, []byte("x")},
		{"UDP", uapi.SOCK_DGRAM, 0, 9, []byte("x")},
	} {
		a, b, _ := hosts.Pair(t)
		s, in := on(t, a, c.typ, c.protocol), on(t, b, c.typ, c.protocol)
		if err := in.Bind(root, sa(b.Addr(), c.to)); err != nil { // or it would answer by ICMP
			t.Fatal(err)
		}
		state := func(flags int) uint16 {
			for range 20 {
				if _, err := s.Sendmsg(root, &sock.Msg{Data: c.data, Name: sa(b.Addr(), c.to), Flags: flags}); err != nil {
					t.Fatal(err)
				}
				a.Lab.Advance(7 * time.Second)
			}
			ip := b.Addr().As4()
			key := neigh.Key4(uint32(ip[0])<<24 | uint32(ip[1])<<16 | uint32(ip[2])<<8 | uint32(ip[3]))
			return neigh.Of(a.Namespace()).V4.Find(dev.ByName(a.Namespace(), "eth0"), key).State()
		}
		requests := 0
		defer dev.AddPacketType(b.Namespace(), &dev.PacketType{Proto: uapi.ETH_P_ARP, Name: "test",
			Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) { requests++; b.Consume(c) }})()
		state(uapi.MSG_CONFIRM)
		requests = 0
		if got := state(uapi.MSG_CONFIRM); got != uapi.NUD_REACHABLE || requests != 0 {
			t.Errorf("%s: state %#x, %d requests", c.name, got, requests)
		}
		if state(0); requests == 0 {
			t.Errorf("%s: without MSG_CONFIRM ARP asked nothing", c.name)
		}
	}
}

// TestHeaderIncludedIsCutForThePath: a packet with a header of the program's own may be as long as the device takes; for a
// shorter path IP cuts it (observed on 6.18).
func TestHeaderIncludedIsCutForThePath(t *testing.T) {
	a, r, b := hosts.Routed(t)
	if err := r.SetMTU("eth1", 1000); err != nil {
		t.Fatal(err)
	}
	in := on(t, b, uapi.SOCK_RAW, 89)
	learner, out := on(t, a, uapi.SOCK_RAW, 89), on(t, a, uapi.SOCK_RAW, uapi.IPPROTO_RAW)
	if err := learner.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_MTU_DISCOVER, []byte{uapi.IP_PMTUDISC_DO, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for i, s := range []sock.Socket{learner, learner, out} {
		p := make([]byte, 1400)
		p[0], p[8], p[9] = 0x45, 64, 89
		copy(p[16:], b.Addr().AsSlice())
		want := error(nil)
		if i == 1 { // the path is known now
			want = errno.EMSGSIZE
		}
		if _, err := s.Sendmsg(root, &sock.Msg{Data: p, Name: sa(b.Addr(), 0)}); err != want {
			t.Errorf("packet %d: %v, want %v", i, err, want)
		}
	}
	if p, _, err := recv(in, 0); err != nil || len(p) != 1400 {
		t.Errorf("%d bytes arrive, %v", len(p), err)
	}
}
