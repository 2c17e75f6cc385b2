package ipv4_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"linen/drivers/net/testlink"
	"linen/kern"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/neigh"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/wire"
)

// arpLab is a host whose devices e0 (10.1.0.2/24) and e1 (10.2.0.2/24) end in
// the test: it plays the neighbours.
type arpLab struct {
	t      testing.TB
	clock  *kern.ManualClock
	n      *netns.Net
	e0, e1 *testlink.Port
	ip     *ip
	tbl    *neigh.Table
	sent   []string // ARP that the host sent, by arpText
	data   []string // destinations of other frames
}

var (
	mac0  = wire.MAC{2, 0, 0, 0, 0, 2} // e0
	mac1  = wire.MAC{2, 0, 0, 0, 1, 2} // e1
	peer  = wire.MAC{2, 0, 0, 0, 0, 1} // a neighbour on e0
	other = wire.MAC{2, 0, 0, 0, 0, 3}
	bcast = wire.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

func newARPLab(t testing.TB) *arpLab {
	clock, n := newHost(t)
	l := &arpLab{t: t, clock: clock, n: n, ip: newIP(t, n), tbl: neigh.Of(n).V4}
	l.e0, l.e1 = l.link("e0", mac0, "10.1.0.2/24"), l.link("e1", mac1, "10.2.0.2/24")
	l.sent, l.data = nil, nil
	return l
}

func (l *arpLab) link(name string, mac wire.MAC, addr string) *testlink.Port {
	p, err := testlink.NewPort(l.n, name, func(f []byte) { l.saw(name, f) })
	if err != nil {
		l.t.Fatal(err)
	}
	l.locked(func() { dev.SetAddr(p.Dev, mac[:]) })
	l.ip.run("link set " + name + " up")
	l.ip.run("addr add " + addr + " dev " + name)
	l.clock.Settle()
	return p
}

func (l *arpLab) locked(f func()) {
	l.n.Lock()
	f()
	l.n.Unlock()
	l.clock.Settle()
}

// saw notes a frame that the host sent.
func (l *arpLab) saw(name string, f []byte) {
	if binary.BigEndian.Uint16(f[12:]) != uapi.ETH_P_ARP {
		l.data = append(l.data, wire.MAC(f[:6]).String())
		return
	}
	l.sent = append(l.sent, name+" "+arpText(f))
}

// arpText shows an ARP frame as tcpdump does.
func arpText(f []byte) string {
	p, ok := wire.AsARPEth(f[14:])
	if !ok {
		return "bad"
	}
	s := fmt.Sprintf("%s > %s: ", short(wire.MAC(f[6:12])), short(wire.MAC(f[:6])))
	if p.Op() == uapi.ARPOP_REPLY {
		return s + fmt.Sprintf("%s is-at %s", p.SenderIP(), short(p.SenderMAC()))
	}
	return s + fmt.Sprintf("who-has %s tell %s", p.TargetIP(), p.SenderIP())
}

// short returns what tells the tests' addresses apart.
func short(m wire.MAC) string {
	if m == bcast {
		return "all"
	}
	return m.String()[12:]
}

func u32(s string) uint32 { a := netip.MustParseAddr(s).As4(); return binary.BigEndian.Uint32(a[:]) }

// an arp is an ARP frame to be received.
type arp struct {
	op       uint16
	sha      wire.MAC
	spa      string
	tha      wire.MAC
	tpa      string
	dst      wire.MAC // zero: broadcast for a request, e0 for a reply
	htype    uint16   // 0: Ethernet
	srcFrame wire.MAC // zero: sha
}

func (a arp) frame() []byte {
	f := make([]byte, 14+wire.ARPEthLen)
	if a.dst == (wire.MAC{}) {
		a.dst = bcast
		if a.op == uapi.ARPOP_REPLY {
			a.dst = mac0
		}
	}
	if a.srcFrame == (wire.MAC{}) {
		a.srcFrame = a.sha
	}
	copy(f, a.dst[:])
	copy(f[6:], a.srcFrame[:])
	binary.BigEndian.PutUint16(f[12:], uapi.ETH_P_ARP)
	p, _ := wire.NewARPEth(f[14:], max(a.htype, 1), a.op)
	p.SetSender(a.sha, u32(a.spa))
	p.SetTarget(a.tha, u32(a.tpa))
	return f
}

func request(from string, sha wire.MAC, target string) arp {
	return arp{op: uapi.ARPOP_REQUEST, sha: sha, spa: from, tpa: target}
}

func reply(from string, sha wire.MAC) arp {
	return arp{op: uapi.ARPOP_REPLY, sha: sha, spa: from, tha: mac0, tpa: "10.1.0.2"}
}

func (l *arpLab) receive(as ...arp) {
	for _, a := range as {
		l.e0.Inject(a.frame())
	}
	l.clock.Settle()
}

// wantSent checks, and forgets, the ARP frames that were sent.
func (l *arpLab) wantSent(want ...string) {
	l.t.Helper()
	if strings.Join(l.sent, "\n") != strings.Join(want, "\n") {
		l.t.Errorf("sent:\n%s\nwant:\n%s", strings.Join(l.sent, "\n"), strings.Join(want, "\n"))
	}
	l.sent = nil
}

// wantEntry checks an entry of e0: "" for none, else address and state.
func (l *arpLab) wantEntry(addr, want string) {
	l.t.Helper()
	got := ""
	if nb := l.tbl.Find(l.e0.Dev, neigh.Key4(u32(addr))); nb != nil {
		got = neigh.StateName(nb.State())
		if nb.State()&neigh.Valid != 0 {
			got = short(wire.MAC(nb.Addr())) + " " + got
		}
	}
	if got != want {
		l.t.Errorf("%s: %q, want %q", addr, got, want)
	}
}

func (l *arpLab) set(name, value string) {
	l.t.Helper()
	if err := sysctl.Of(l.n).Set("net/ipv4/"+name, value); err != nil {
		l.t.Fatal(err)
	}
}

// send sends a UDP datagram from src to dst through the output path.
func (l *arpLab) send(src, dst string) {
	l.t.Helper()
	c := l.n.Kernel().Enter(kern.Any)
	f := ipv4.Flow{Daddr: u32(dst), Saddr: u32(src)}
	rt, err := ipv4.RouteOutput(c, l.n, &f)
	if err != nil {
		l.t.Fatal(err)
	}
	s := ipv4.Send{Route: rt, Src: u32(src), Dst: u32(dst), Proto: 17, TTL: -1}
	b := skb.From(c, make([]byte, 16))
	if err := s.Xmit(c, b); err != nil {
		l.t.Error(err)
	}
	c.Exit()
	l.clock.Settle()
}
