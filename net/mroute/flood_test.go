package mroute_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"linen/net/inet"
	"linen/net/procfs"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
)

// flood has a send a datagram to each of n groups from 239.2.0.0 on.
func (w *world) flood(n int) {
	w.t.Helper()
	s := w.socket(w.a, uapi.SOCK_DGRAM, 0)
	w.want(nil, s, uapi.IP_MULTICAST_TTL, number(9))
	w.want(nil, s, uapi.IP_MULTICAST_LOOP, number(0))
	for i := range n {
		to := inet.Addr{IP: 0xef020000 + uint32(i), Port: 5000}
		if _, err := s.Sendmsg(root, &sock.Msg{Data: []byte("x"), Name: to.Bytes()}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestFlood: 100,000 groups that nobody knows. What waits is bounded by the
// daemon's receive buffer: who is not told of does not wait; and by ten seconds.
// A 6.18 kernel has no other limit either.
func TestFlood(t *testing.T) {
	const groups = 100_000
	w := newWorld(t)
	w.up()
	w.flood(groups)
	waits := strings.Count(w.proc("ip_mr_cache"), "\n")
	told := len(heard(w.s))
	if waits == 0 || waits != told || waits > 1000 {
		t.Errorf("%d groups wait, the daemon was told of %d", waits, told)
	}
	w.a.Lab.Advance(10 * time.Second)
	if got := w.proc("ip_mr_cache"); got != "" {
		t.Errorf("after 10 s %d wait", strings.Count(got, "\n"))
	}
	if w.flood(1); len(heard(w.s)) != 1 {
		t.Error("no upcall after the flood")
	}
}

// TestManyEntries: a daemon that answers each of 20,000 upcalls: the cache finds
// them all, and takes them back at its end.
func TestManyEntries(t *testing.T) {
	const groups = 20_000
	w := newWorld(t)
	w.up()
	for i := range groups {
		var g [4]byte
		binary.BigEndian.PutUint32(g[:], 0xef020000+uint32(i))
		w.want(nil, w.s, uapi.MRT_ADD_MFC, entry(w.origin(), g, 0, 0, 1))
	}
	heard(w.s)
	w.flood(groups)
	if got := heard(w.s); len(got) != 0 {
		t.Errorf("%d upcalls", len(got))
	}
	if got := strings.Count(w.proc("ip_mr_cache"), " 0          1       29        0  1:1"); got != groups {
		t.Errorf("%d entries have sent a packet on", got)
	}
	for i := range groups / 2 {
		var g [4]byte
		binary.BigEndian.PutUint32(g[:], 0xef020000+uint32(i)*2)
		w.want(nil, w.s, uapi.MRT_DEL_MFC, entry(w.origin(), g, 0))
	}
	if got := strings.Count(w.proc("ip_mr_cache"), "\n"); got != groups/2 {
		t.Errorf("%d entries are left", got)
	}
	w.s.Close()
	if got := w.proc("ip_mr_cache"); got != "" {
		t.Error("entries after the daemon's end")
	}
}

// TestLoop: two routers that send a group to each other for ever do it as often
// as its TTL allows (RFC 1812 §5.3.1).
func TestLoop(t *testing.T) {
	l := hosts.New(t)
	a, r1, r2 := l.Host("a"), l.Router("r1"), l.Router("r2")
	l.Link(a, "eth0 10.1.0.2/24", r1, "eth2 10.1.0.1/24")
	l.Link(r1, "eth0 10.2.0.1/24", r2, "eth0 10.2.0.2/24")
	l.Link(r1, "eth1 10.3.0.1/24", r2, "eth1 10.3.0.2/24")
	a.Route("default", "10.1.0.1")
	r2.Route("10.1.0.0/24", "10.2.0.1")
	w := &world{t: t, a: a, r: r1}
	from := a.Addr().As4()
	in := w.socket(r1, uapi.SOCK_RAW, uapi.IPPROTO_IGMP)
	w.want(nil, in, uapi.MRT_INIT, number(1))
	w.want(nil, in, uapi.MRT_ADD_VIF, w.vif(0, "eth1"))
	w.want(nil, in, uapi.MRT_ADD_VIF, w.vif(1, "eth0"))
	w.want(nil, in, uapi.MRT_ADD_VIF, w.vif(2, "eth2"))
	w.want(nil, in, uapi.MRT_ADD_MFC, entry(from, group, 2, 0, 1))
	w.r = r2
	back := w.socket(r2, uapi.SOCK_RAW, uapi.IPPROTO_IGMP)
	w.want(nil, back, uapi.MRT_INIT, number(1))
	w.want(nil, back, uapi.MRT_ADD_VIF, w.vif(0, "eth0"))
	w.want(nil, back, uapi.MRT_ADD_VIF, w.vif(1, "eth1"))
	w.want(nil, back, uapi.MRT_ADD_MFC, entry(from, group, 0, 0, 1))
	w.send(1, 64)
	w.want(nil, in, uapi.MRT_ADD_MFC, entry(from, group, 0, 0, 1)) // what r2 sends back is right as well now
	for _, h := range []*hosts.Host{r1, r2} {
		if err := h.SetSysctl("net.ipv4.conf.all.rp_filter", "0"); err != nil {
			t.Fatal(err)
		}
	}
	s := w.socket(r2, uapi.SOCK_RAW, uapi.IPPROTO_UDP)
	w.want(nil, s, uapi.IP_HDRINCL, number(1))
	w.want(nil, s, uapi.IP_MULTICAST_LOOP, number(0))
	w.want(nil, s, uapi.IP_MULTICAST_IF, []byte{10, 3, 0, 2})
	const ttl = 64
	p := append([]byte{0x45, 0, 0, 28, 0, 7, 0, 0, ttl, 17, 0, 0}, from[:]...)
	p = append(append(p, group[:]...), 0, 9, 0, 9, 0, 8, 0, 0)
	if _, err := s.Sendmsg(root, &sock.Msg{Data: p, Name: inet.Addr{IP: binary.BigEndian.Uint32(group[:])}.Bytes()}); err != nil {
		t.Fatal(err)
	}
	l.Advance(time.Second)
	forwarded := 0
	for _, h := range []*hosts.Host{r1, r2} {
		text, err := procfs.Of(h.Namespace()).Read("ip_mr_cache")
		if err != nil {
			t.Fatal(err)
		}
		f := strings.Fields(strings.Split(string(text), "\n")[1])
		n := 0
		for _, d := range f[3] {
			n = 10*n + int(d-'0')
		}
		forwarded += n
	}
	// The first packet, before there was a loop: once at each router, and back at r1.
	if want := ttl + 3; forwarded != want {
		t.Errorf("%d packets came to the entries of the two routers, want %d", forwarded, want)
	}
}
