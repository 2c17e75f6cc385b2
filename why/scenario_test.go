package why_test

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/skb"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/why"
	"linen/wire"
)

// world is a - r - b: 10.1.0.2 on a, 10.1.0.1 and 10.2.0.1 on r, 10.2.0.2 on b,
// watched.
type world struct {
	t       testing.TB
	a, r, b *hosts.Host
	nodes   []why.Node
	w       *why.Watcher
}

func newWorld(t testing.TB) *world {
	t.Helper()
	x := &world{t: t}
	x.a, x.r, x.b = hosts.Routed(t)
	for _, h := range []*hosts.Host{x.a, x.r, x.b} {
		x.nodes = append(x.nodes, why.Node{Name: h.Name(), Net: h.Namespace()})
	}
	return x
}

// watch begins to listen; what came before does not count.
func (x *world) watch() {
	x.w = why.NewWatcher(x.nodes, why.Filter{}, nil)
	x.t.Cleanup(x.w.Close)
}

// must fails the test for an error.
func (x *world) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *world) sysctl(h *hosts.Host, name, value string) {
	x.t.Helper()
	x.must(h.SetSysctl(name, value))
}

// resolve fills the neighbour tables along the way.
func (x *world) resolve() {
	x.t.Helper()
	x.a.MustPing(x.b.Addr())
}

// packet is a raw IPv4 packet.
type packet struct {
	src, dst     string
	proto        uint8
	sport, dport uint16
	ttl          uint8
	df           bool
	frag         uint16 // the fragment field, without DF
	options      []byte
	payload      int
	badIP, badL4 bool
	cut          int    // bytes to leave away at the end
	ether        uint16 // EtherType; 0: IPv4
	mac          string // destination of the frame; "": the device's own
}

// bytes builds the packet.
func (p packet) bytes() []byte {
	hlen := 20 + len(p.options)
	l4 := make([]byte, 8+p.payload)
	switch p.proto {
	case uapi.IPPROTO_UDP:
		h, _ := wire.AsUDP(l4)
		h.SetSource(p.sport)
		h.SetDest(p.dport)
		h.SetLen(len(l4))
		h.SetCheck(csum.Fold(csum.Sum(l4, csum.Pseudo4(num(p.src), num(p.dst), uapi.IPPROTO_UDP, len(l4)))))
		if p.badL4 {
			h.SetCheck(h.Check() ^ 0x5555)
		}
	case uapi.IPPROTO_ICMP:
		l4[0] = wire.ICMPEcho
		binary.BigEndian.PutUint16(l4[2:], csum.Checksum(l4))
		if p.badL4 {
			l4[2] ^= 0x55
		}
	}
	out := make([]byte, hlen, hlen+len(l4))
	h := (*wire.IPv4Hdr)(out)
	h.SetVerIHL(hlen)
	h.SetTotLen(hlen + len(l4))
	h.SetID(77)
	h.SetFragOff(p.frag)
	if p.df {
		h.SetFragOff(p.frag | wire.IPv4DF)
	}
	h.SetTTL(p.ttl)
	if p.ttl == 0 {
		h.SetTTL(64)
	}
	h.SetProto(p.proto)
	h.SetSaddr(num(p.src))
	h.SetDaddr(num(p.dst))
	copy(out[20:], p.options)
	wire.SendCheck4(out)
	if p.badIP {
		h.SetCheck(h.Check() ^ 0x1111)
	}
	out = append(out, l4...)
	return out[:len(out)-p.cut]
}

func num(s string) uint32 {
	b := netip.MustParseAddr(s).As4()
	return binary.BigEndian.Uint32(b[:])
}

// inject sends p, as a frame on the wire of h's device: its peer receives it.
func (x *world) inject(h *hosts.Host, device string, p packet) {
	x.t.Helper()
	d := dev.ByName(h.Namespace(), device)
	c := x.a.Lab.Kernel.Engine().Enter(kern.Any)
	defer c.Exit()
	raw := p.bytes()
	b := skb.Alloc(c, len(raw))
	b.Append(raw)
	ether := p.ether
	if ether == 0 {
		ether = uapi.ETH_P_IP
	}
	b.Dev, b.Protocol = d, ether
	b.SetNetworkHeader(0)
	peer := x.peer(h, device)
	dst := wire.MAC(peer.Addr())
	if p.mac != "" {
		dst = wire.MustParseMAC(p.mac)
	}
	d.Header(b, ether, dst[:], nil)
	dev.Xmit(c, b)
}

// peer is the other end of one of the world's links.
func (x *world) peer(h *hosts.Host, device string) *dev.Device {
	switch {
	case h == x.a:
		return dev.ByName(x.r.Namespace(), "eth0")
	case h == x.b:
		return dev.ByName(x.r.Namespace(), "eth1")
	case device == "eth0":
		return dev.ByName(x.a.Namespace(), "eth0")
	}
	return dev.ByName(x.b.Namespace(), "eth0")
}

// socket makes a socket of h; bind is "ADDR:PORT" or "".
func (x *world) socket(h *hosts.Host, typ, proto int, bind string) sock.Socket {
	x.t.Helper()
	s, err := sock.Create(sock.Root(), h.Namespace(), uapi.AF_INET, typ, proto)
	x.must(err)
	x.t.Cleanup(func() { s.Close() })
	if bind != "" {
		ap := netip.MustParseAddrPort(bind)
		x.must(s.Bind(sock.Root(), uapi.AppendSockaddrIn(nil, ap.Addr(), ap.Port())))
	}
	return s
}

// send sends size bytes by UDP from h and returns the error.
func (x *world) send(h *hosts.Host, to string, size int, opts ...func(s sock.Socket)) error {
	x.t.Helper()
	s := x.socket(h, uapi.SOCK_DGRAM, uapi.IPPROTO_UDP, "")
	for _, o := range opts {
		o(s)
	}
	ap := netip.MustParseAddrPort(to)
	_, err := s.Sendmsg(sock.Root(), &sock.Msg{
		Data: make([]byte, size), Name: uapi.AppendSockaddrIn(nil, ap.Addr(), ap.Port()), Flags: uapi.MSG_DONTWAIT,
	})
	return err
}

// option sets an integer option of IP.
func (x *world) option(level, name int, v int32) func(s sock.Socket) {
	return func(s sock.Socket) {
		x.t.Helper()
		x.must(s.Setsockopt(sock.Root(), level, name, binary.NativeEndian.AppendUint32(nil, uint32(v))))
	}
}

// drops returns the drops and refusals that were seen.
func (x *world) drops() (list []why.Event) {
	for _, e := range x.w.Take() {
		if e.Kind == why.KindDrop || e.Kind == why.KindRefuse {
			list = append(list, e)
		}
	}
	return list
}

// advance moves the clock.
func (x *world) advance(d time.Duration) { x.a.Lab.Advance(d) }

// has reports whether text holds all parts.
func has(text string, parts string) bool {
	for _, p := range strings.Split(parts, "|") {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}
