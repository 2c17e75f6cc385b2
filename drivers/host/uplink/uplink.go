//go:build linux

package uplink

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/ipv4"
	"linen/net/netfilter"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/wire"
)

// What the uplink adds to the namespace's policy routing.
const (
	// RulePriority is the priority of the rule, behind main and default.
	RulePriority = 40000
	// Table is the routing table that takes everything.
	Table = 100
)

// Config says what an Uplink gives. The zero value gives TCP, UDP and echo to
// whatever the machine reaches, except the machine's own loopback.
type Config struct {
	// Resolver is where port 53 of the gateway's addresses leads; the zero
	// AddrPort is nowhere.
	Resolver netip.AddrPort
	// Loopback lets all other ports of the gateway's addresses lead to
	// 127.0.0.1 of the machine.
	Loopback bool
	// MaxTCP, MaxUDP and MaxEcho bound the flows; 0: 4096, 1024 and 64.
	MaxTCP, MaxUDP, MaxEcho int
	// DialTimeout is how long the machine may take to connect; 0: 127 s, which
	// is Linux's own (tcp_syn_retries 6).
	DialTimeout time.Duration
}

// Uplink is the NAT of one namespace.
type Uplink struct {
	n    *netns.Net
	k    *kern.Kernel
	cfg  Config
	root *sock.Caller

	ctx    context.Context // ends with the uplink
	cancel context.CancelFunc
	remove func() // takes the hook away
	tasks  sync.WaitGroup
	raw    sock.Socket // IPPROTO_RAW: echo replies
	sweep  *kern.Waiter
	chunks chunks

	listening sync.Mutex // guards listeners
	listeners map[end]*listener

	mu        sync.Mutex // guards what follows; taken on CPUs, so nobody enters one under it
	closed    bool
	tcp       map[flowKey]*tcpFlow // that the guest has not been connected to yet
	streams   int                  // relays, and tcp
	udp       map[flowKey]*udpFlow
	pumps     map[*udpFlow]struct{} // that are carrying
	datagrams int                   // pairs of sockets: udp, and those of forwards
	echo      map[echoKey]*echoFlow
	stats     Stats
}

// Stats counts what an Uplink did.
type Stats struct {
	TCP, UDP, Echo uint64 // flows begun
	Refused        uint64 // that a limit refused
}

// flowKey names a flow by its ends, as the guest has them.
type flowKey struct{ src, dst end }

// end is an IPv4 address and a port.
type end struct {
	addr uint32
	port uint16
}

func (e end) addrPort() netip.AddrPort { return netip.AddrPortFrom(addrOf(e.addr), e.port) }

func addrOf(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

// New makes n, whose lo it sets up, a gateway to the machine's network. The
// caller holds no RTNL, and closes the Uplink before n.
func New(n *netns.Net, cfg Config) (*Uplink, error) {
	for _, d := range []struct {
		at        *int
		byDefault int
	}{{&cfg.MaxTCP, 4096}, {&cfg.MaxUDP, 1024}, {&cfg.MaxEcho, 64}} {
		if *d.at == 0 {
			*d.at = d.byDefault
		}
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = 127 * time.Second
	}
	u := &Uplink{
		n: n, k: n.Kernel(), cfg: cfg, root: sock.Root(),
		tcp: make(map[flowKey]*tcpFlow), listeners: make(map[end]*listener),
		udp: make(map[flowKey]*udpFlow), pumps: make(map[*udpFlow]struct{}), echo: make(map[echoKey]*echoFlow),
	}
	if err := u.route(); err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	raw, err := sock.Create(u.root, n, uapi.AF_INET, uapi.SOCK_RAW, uapi.IPPROTO_RAW)
	if err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	u.raw, u.sweep = raw, u.k.Waiter()
	u.ctx, u.cancel = context.WithCancel(context.Background())
	u.tasks.Go(u.sweeper)
	u.remove = netfilter.PointsOf(n).Add(&netfilter.Hook{
		Family: netfilter.IPv4, Num: netfilter.LocalIn, Priority: 300, Name: "uplink", Fn: u.input,
	})
	return u, nil
}

// Close ends every flow and forward, and waits for them. It may be called
// again.
func (u *Uplink) Close() error {
	u.mu.Lock()
	was := u.closed
	u.closed = true
	u.mu.Unlock()
	if was {
		return nil
	}
	u.remove()
	u.cancel()
	u.sweep.Wake()
	u.tasks.Wait()
	u.sweep.Free()
	return errors.Join(u.raw.Close(), u.unroute())
}

// Stats returns the counters.
func (u *Uplink) Stats() Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.stats
}

// start runs f as a task that Close waits for; false says that it is too late.
// The caller holds mu.
func (u *Uplink) start(f func()) bool {
	if u.closed {
		return false
	}
	u.tasks.Go(f)
	return true
}

// target is where the machine finds what the guest calls dst; false: nowhere
// of the machine's, the namespace itself deals with it.
func (u *Uplink) target(proto uint8, dst end) (netip.AddrPort, bool) {
	to := dst.addrPort()
	if !ipv4.IsLocal(u.n, dst.addr) {
		return to, !to.Addr().IsLoopback() && !to.Addr().IsUnspecified() && !to.Addr().IsMulticast()
	}
	switch {
	case proto == uapi.IPPROTO_ICMP || to.Addr().IsLoopback():
		return to, false
	case dst.port == 53 && u.cfg.Resolver.IsValid():
		return u.cfg.Resolver, true
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), dst.port), u.cfg.Loopback
}

// input looks at what is routed to the gateway (a netfilter hook).
func (u *Uplink) input(c *kern.CPU, b *skb.Buff, st netfilter.State) netfilter.Verdict {
	if rt := ipv4.RouteOf(b); rt == nil || rt.Type != uapi.RTN_LOCAL || st.In.Name() == "lo" {
		return netfilter.Accept
	}
	h, ok := wire.AsIPv4(b.Data())
	if !ok || !b.MayPull(h.IHL()+wire.ICMPHdrLen) {
		return netfilter.Accept
	}
	h, _ = wire.AsIPv4(b.Data()) // MayPull may move them
	p := packet{b, st}
	switch data := b.Data()[h.IHL():]; h.Proto() {
	case uapi.IPPROTO_TCP:
		if !b.MayPull(h.IHL() + wire.TCPHdrLen) {
			return netfilter.Accept
		}
		h, _ = wire.AsIPv4(b.Data())
		if t, ok := wire.AsTCP(b.Data()[h.IHL():]); ok {
			return u.inputTCP(c, p, flowKey{end{h.Saddr(), t.Source()}, end{h.Daddr(), t.Dest()}}, t.Flags())
		}
	case uapi.IPPROTO_UDP:
		if t, ok := wire.AsUDP(data); ok {
			return u.inputUDP(c, p, flowKey{end{h.Saddr(), t.Source()}, end{h.Daddr(), t.Dest()}})
		}
	case uapi.IPPROTO_ICMP:
		if t, ok := wire.AsICMP(data); ok && t.Type() == wire.ICMPEcho && t.Code() == 0 {
			return u.inputEcho(c, p, echoKey{h.Saddr(), h.Daddr(), t.ID()})
		}
	}
	return netfilter.Accept
}

// packet is one that the hook took.
type packet struct {
	b  *skb.Buff
	st netfilter.State
}

// resume lets a packet that was taken go on, to the sockets.
func (u *Uplink) resume(p packet) {
	c := u.k.Enter(kern.Any)
	netfilter.PointsOf(u.n).Resume(c, p.b, p.st)
	c.Exit()
}

// drop ends a packet that was taken.
func (u *Uplink) drop(p packet) {
	c := u.k.Enter(kern.Any)
	p.b.Drop(c, u.n, skb.ReasonNetfilterDrop)
	c.Exit()
}

// sweeper ends flows whose time is over.
func (u *Uplink) sweeper() {
	for u.ctx.Err() == nil {
		now := u.k.Now()
		next := u.lapsed(now, false)
		for _, at := range [...]ktime.T{u.idle(now), u.idleEcho(now)} {
			if next == 0 || at != 0 && at < next {
				next = at
			}
		}
		if next == 0 {
			u.sweep.Wait()
		} else {
			u.sweep.WaitUntil(next)
		}
	}
	u.lapsed(0, true)
}
