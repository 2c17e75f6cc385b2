package why_test

import (
	"testing"
	"time"

	"linen"
	"linen/kern"
	"linen/lib/impair"
	"linen/net/netfilter"
	"linen/net/skb"
	"linen/uapi"
	"linen/why"
	"linen/wire"
)

// lossCase is one cause of loss: how it is made, what a packet does, and what
// both views must say of it.
type lossCase struct {
	name   string
	setup  func(x *world)        // before the watch
	live   func(x *world)        // the packet
	reason string                // the kernel's name
	by     string                // what the live view must name, parts with |
	query  func(x *world) string // the dry run's question; nil: it cannot know
	dryBy  string                // what the dry run must name; "": as by
	change string                // what both must tell to change
}

// ask is a constant question.
func ask(q string) func(*world) string { return func(*world) string { return q } }

// udpTo sends a datagram from a.
func udpTo(to string) func(x *world) {
	return func(x *world) { x.send(x.a, to, 10) } // its error is what the case is about
}

// from puts a packet on a's wire: r receives it by eth0.
func from(p packet) func(x *world) {
	return func(x *world) {
		if p.src == "" {
			p.src = "10.1.0.2"
		}
		if p.dst == "" {
			p.dst = "10.2.0.2"
		}
		if p.proto == 0 {
			p.proto = uapi.IPPROTO_UDP
		}
		x.inject(x.a, "eth0", p)
	}
}

// TestCausesOfLoss: for each cause the live view and the dry run name the same
// reason and the setting.
func TestCausesOfLoss(t *testing.T) {
	for _, group := range [][]lossCase{routingCases(), sourceCases(), linkCases(), packetCases(), socketCases(), multicastCases(), segmentCases()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) { c.run(t) })
		}
	}
}

func (c *lossCase) run(t *testing.T) {
	x := newWorld(t)
	if c.setup != nil {
		c.setup(x)
	}
	dry := c.dry(x) // first: the live packet teaches neighbours
	x.watch()
	c.live(x)
	found := false
	drops := x.drops()
	for _, e := range drops {
		if c.matches(e, c.by) {
			found = true
		}
	}
	if !found {
		t.Errorf("live: no %s by %q, change %q in", c.reason, c.by, c.change)
		for _, e := range drops {
			t.Errorf("  %s %s %s by %q change %q (%s)", e.Node, e.Device, e.Reason, e.By, e.Change, text(e.Packet))
		}
	}
	if dry == nil {
		return
	}
	by := c.dryBy
	if by == "" {
		by = c.by
	}
	if e := dry.Last(); !c.matches(*e, by) {
		t.Errorf("dry: %s by %q change %q, want %s by %q change %q", e.Reason, e.By, e.Change, c.reason, by, c.change)
		for _, s := range dry.Steps {
			t.Logf("  %s %s %s %s %s", s.Node, s.Device, s.Point, s.Verdict, s.By)
		}
	}
}

func text(p *why.Packet) string {
	if p == nil {
		return ""
	}
	return p.Text
}

func (c *lossCase) matches(e why.Event, by string) bool {
	return e.Reason == c.reason && has(e.By, by) && has(e.Change, c.change)
}

// dry asks the dry run's question.
func (c *lossCase) dry(x *world) *why.Report {
	x.t.Helper()
	if c.query == nil {
		return nil
	}
	q, ok, err := why.ParseQuery(fields(c.query(x)))
	if !ok || err != nil {
		x.t.Fatalf("%q: %v", c.query(x), err)
	}
	r, err := why.Walk(x.nodes, q.From, q.Flow, nil)
	x.must(err)
	return r
}

func routingCases() []lossCase {
	blackhole := func(typ uint8) func(x *world) {
		return func(x *world) { x.netlinkRoute(x.r, "10.9.0.0/16", typ) }
	}
	rule := func(action uint8) func(x *world) {
		return func(x *world) { x.netlinkRule(x.r, 50, "10.2.0.0/16", action) }
	}
	return []lossCase{
		{name: "no route at the sender", setup: func(x *world) { x.delDefault(x.a) }, live: udpTo("10.2.0.2:9"),
			reason: "IP_OUTNOROUTES", by: "no route", query: ask("a udp 10.2.0.2:9"), change: "ip route add 10.2.0.2"},
		{name: "prohibit route at the sender", setup: func(x *world) { x.netlinkRoute(x.a, "10.9.0.0/16", uapi.RTN_PROHIBIT) }, live: udpTo("10.9.0.1:9"),
			reason: "IP_PROHIBIT", by: "prohibit 10.9.0.0/16", query: ask("a udp 10.9.0.1:9"), change: "ip route del prohibit 10.9.0.0/16 on a"},
		{name: "rule unreachable at the sender", setup: func(x *world) { x.netlinkRule(x.a, 50, "10.2.0.0/16", uapi.FR_ACT_UNREACHABLE) }, live: udpTo("10.2.0.2:9"),
			reason: "IP_UNREACHABLE", by: "rule 50: from all to 10.2.0.0/16 unreachable", query: ask("a udp 10.2.0.2:9"), change: "ip rule del pref 50 on a"},
		{name: "no route at the router", live: udpTo("10.99.0.1:9"), reason: "IP_INNOROUTES", by: "no route to 10.99.0.1",
			query: ask("a udp 10.99.0.1:9"), change: "ip route add 10.99.0.1|on r"},
		{name: "ip_forward=0", setup: func(x *world) { x.sysctl(x.r, "net.ipv4.ip_forward", "0") }, live: udpTo("10.2.0.2:9"),
			reason: "IP_FORWARDING_OFF", by: "net.ipv4.conf.eth0.forwarding=0", query: ask("a udp 10.2.0.2:9"), change: "sysctl net.ipv4.ip_forward=1 on r"},
		{name: "forwarding off on one device", setup: func(x *world) { x.sysctl(x.r, "net.ipv4.conf.eth0.forwarding", "0") }, live: udpTo("10.2.0.2:9"),
			reason: "IP_FORWARDING_OFF", by: "net.ipv4.conf.eth0.forwarding=0", query: ask("a udp 10.2.0.2:9"), change: "sysctl net.ipv4.conf.eth0.forwarding=1 on r"},
		{name: "blackhole route", setup: blackhole(uapi.RTN_BLACKHOLE), live: udpTo("10.9.0.1:9"), reason: "IP_BLACKHOLE",
			by: "blackhole 10.9.0.0/16", query: ask("a udp 10.9.0.1:9"), change: "ip route del blackhole 10.9.0.0/16 on r"},
		{name: "unreachable route", setup: blackhole(uapi.RTN_UNREACHABLE), live: udpTo("10.9.0.1:9"), reason: "IP_UNREACHABLE",
			by: "unreachable 10.9.0.0/16", query: ask("a udp 10.9.0.1:9"), change: "ip route del unreachable 10.9.0.0/16 on r"},
		{name: "prohibit route", setup: blackhole(uapi.RTN_PROHIBIT), live: udpTo("10.9.0.1:9"), reason: "IP_PROHIBIT",
			by: "prohibit 10.9.0.0/16", query: ask("a udp 10.9.0.1:9"), change: "ip route del prohibit 10.9.0.0/16 on r"},
		{name: "rule prohibit", setup: rule(uapi.FR_ACT_PROHIBIT), live: udpTo("10.2.0.2:9"), reason: "IP_PROHIBIT",
			by: "rule 50: from all to 10.2.0.0/16 prohibit", query: ask("a udp 10.2.0.2:9"), change: "ip rule del pref 50 on r"},
		{name: "rule blackhole", setup: rule(uapi.FR_ACT_BLACKHOLE), live: udpTo("10.2.0.2:9"), reason: "IP_BLACKHOLE",
			by: "rule 50: from all to 10.2.0.0/16 blackhole", query: ask("a udp 10.2.0.2:9"), change: "ip rule del pref 50 on r"},
		{name: "TTL expired", live: func(x *world) { x.send(x.a, "10.2.0.2:9", 10, x.option(uapi.SOL_IP, uapi.IP_TTL, 1)) },
			reason: "TTL_EXPIRED", by: "TTL is 1", query: ask("a udp 10.2.0.2:9 ttl 1"), change: "ip_default_ttl"},
		{name: "MTU with DF at the router", setup: func(x *world) { x.must(x.r.SetMTU("eth1", 600)) },
			live: func(x *world) {
				x.send(x.a, "10.2.0.2:9", 1000, x.option(uapi.SOL_IP, uapi.IP_MTU_DISCOVER, uapi.IP_PMTUDISC_DO))
			},
			reason: "PKT_TOO_BIG", by: "link eth1 has MTU 600, the packet 1028 bytes", query: ask("a udp 10.2.0.2:9 size 1028 df"), change: "ip link set eth1 mtu 1028 on r"},
		{name: "source route refused", live: from(packet{options: []byte{uapi.IPOPT_LSRR, 7, 4, 10, 2, 0, 9, 0}}),
			reason: "IP_BAD_OPTION", by: "net.ipv4.conf.all.accept_source_route=0", change: "sysctl net.ipv4.conf.all.accept_source_route=1 on r"},
	}
}

func sourceCases() []lossCase {
	return []lossCase{
		{name: "rp_filter strict", setup: func(x *world) { x.sysctl(x.r, "net.ipv4.conf.eth0.rp_filter", "1") },
			live: from(packet{src: "10.2.0.77"}), reason: "IP_RPFILTER",
			by: "net.ipv4.conf.eth0.rp_filter=1|the way back to 10.2.0.77 is 10.2.0.0/24 dev eth1", query: ask("r 10.2.0.2 from 10.2.0.77 iif eth0"),
			change: "sysctl net.ipv4.conf.eth0.rp_filter=0 on r"},
		{name: "rp_filter loose", setup: func(x *world) { x.sysctl(x.r, "net.ipv4.conf.all.rp_filter", "2") },
			live: from(packet{src: "172.16.0.1"}), reason: "IP_RPFILTER", by: "net.ipv4.conf.all.rp_filter=2|no way back to 172.16.0.1",
			query: ask("r 10.2.0.2 from 172.16.0.1 iif eth0"), change: "sysctl net.ipv4.conf.all.rp_filter=0 on r"},
		{name: "our own source", live: from(packet{src: "10.1.0.1"}), reason: "IP_LOCAL_SOURCE",
			by: "net.ipv4.conf.eth0.accept_local=0|10.1.0.1 is an address of r", query: ask("r 10.2.0.2 from 10.1.0.1 iif eth0"),
			change: "sysctl net.ipv4.conf.eth0.accept_local=1 on r"},
		{name: "martian source", live: from(packet{src: "224.1.2.3"}), reason: "IP_INVALID_SOURCE", by: "224.1.2.3 cannot be a source",
			query: ask("r 10.2.0.2 from 224.1.2.3 iif eth0"), change: "sender"},
		{name: "broadcast source", live: from(packet{src: "255.255.255.255"}), reason: "IP_INVALID_SOURCE", by: "255.255.255.255 cannot be a source",
			query: ask("r 10.2.0.2 from 255.255.255.255 iif eth0"), change: "sender"},
		{name: "no source", live: from(packet{src: "0.0.0.0"}), reason: "IP_INVALID_SOURCE", by: "0.0.0.0 cannot be a source"},
		{name: "no destination", live: from(packet{dst: "0.0.0.0"}), reason: "IP_INVALID_DEST", by: "0.0.0.0 cannot be a destination",
			query: ask("r 0.0.0.0 from 10.1.0.2 iif eth0"), change: "destination"},
		{name: "loopback destination on a wire", live: from(packet{dst: "127.0.0.1"}), reason: "IP_LOCALNET",
			by: "net.ipv4.conf.eth0.route_localnet=0", query: ask("r 127.0.0.1 from 10.1.0.2 iif eth0"), change: "route_localnet=1 on r"},
		{name: "loopback source on a wire", live: from(packet{src: "127.0.0.1"}), reason: "IP_LOCALNET",
			by: "net.ipv4.conf.eth0.route_localnet=0", query: ask("r 10.2.0.2 from 127.0.0.1 iif eth0"), change: "route_localnet=1 on r"},
		{name: "group nobody joined", live: from(packet{dst: "239.1.2.3", mac: "01:00:5e:01:02:03"}), reason: "IP_INADDRERRORS",
			by: "nobody on r joined 239.1.2.3", query: ask("r 239.1.2.3 from 10.1.0.2 iif eth0"), change: "joins 239.1.2.3"},
		{name: "unicast in a link broadcast", live: from(packet{mac: "ff:ff:ff:ff:ff:ff"}), reason: "NOT_SPECIFIED",
			by: "link broadcast is not forwarded"},
		{name: "drop_unicast_in_l2_multicast", setup: func(x *world) { x.sysctl(x.r, "net.ipv4.conf.eth0.drop_unicast_in_l2_multicast", "1") },
			live: from(packet{mac: "ff:ff:ff:ff:ff:ff"}), reason: "UNICAST_IN_L2_MULTICAST",
			by: "net.ipv4.conf.eth0.drop_unicast_in_l2_multicast=1", change: "drop_unicast_in_l2_multicast=0 on r"},
		{name: "wrong MAC", live: from(packet{mac: "02:00:00:00:00:99"}), reason: "OTHERHOST", by: "the frame is for 02:00:00:00:00:99"},
		{name: "wrong neighbour entry", setup: func(x *world) { x.neigh(x.a, "eth0", "10.1.0.1", "02:00:00:00:00:99") }, live: udpTo("10.2.0.2:9"),
			reason: "OTHERHOST", by: "the frame is for 02:00:00:00:00:99", query: ask("a udp 10.2.0.2:9"), change: "ip neigh"},
	}
}

func linkCases() []lossCase {
	return []lossCase{
		{name: "link down at the other end", setup: func(x *world) { x.resolve(); x.neigh(x.a, "eth0", "10.1.0.1", ""); x.must(x.r.Down("eth0")) },
			live: udpTo("10.2.0.2:9"), reason: "DEV_READY", by: "link eth0 of r is down", query: ask("a udp 10.2.0.2:9"), change: "ip link set eth0 up on r"},
		{name: "link down at the sender", setup: func(x *world) { x.must(x.a.Down("eth0")) }, live: udpTo("10.2.0.2:9"),
			reason: "IP_OUTNOROUTES", by: "no route to 10.2.0.2|link eth0 is down", query: ask("a udp 10.2.0.2:9"), change: "ip link set eth0 up on a"},
		{name: "no carrier", setup: func(x *world) {
			x.sysctl(x.a, "net.ipv4.conf.eth0.ignore_routes_with_linkdown", "1")
			x.must(x.r.Down("eth0"))
			x.a.Lab.Clock.Settle()
		}, live: udpTo("10.2.0.2:9"), reason: "IP_OUTNOROUTES", by: "no route to 10.2.0.2|link eth0 has no carrier|ignore_routes_with_linkdown=1",
			query: ask("a udp 10.2.0.2:9"), change: "ignore_routes_with_linkdown=0 on a"},
		{name: "device not up when the frame comes", setup: func(x *world) { x.resolve(); x.must(x.a.Impair("eth0", linen.Impairment{Delay: time.Second})) },
			live:   func(x *world) { x.send(x.a, "10.2.0.2:9", 10); x.must(x.r.Down("eth0")); x.advance(2 * time.Second) },
			reason: "DEV_READY", by: "link eth0 of r is down", change: "ip link set eth0 up on r"},
		{name: "neighbour failed", live: func(x *world) { x.send(x.a, "10.1.0.99:9", 10); x.advance(5 * time.Second) },
			reason: "NEIGH_FAILED", by: "neigh 10.1.0.99 dev eth0 FAILED|nobody on the link has 10.1.0.99", query: ask("a udp 10.1.0.99:9"), change: "a host with 10.1.0.99"},
		{name: "ARP ignored", setup: func(x *world) { x.sysctl(x.r, "net.ipv4.conf.eth0.arp_ignore", "8") },
			live:   func(x *world) { x.send(x.a, "10.2.0.2:9", 10); x.advance(5 * time.Second) },
			reason: "NEIGH_FAILED", by: "r: net.ipv4.conf.eth0.arp_ignore=8", query: ask("a udp 10.2.0.2:9")},
		{name: "neighbour queue full", setup: func(x *world) { x.sysctl(x.a, "net.ipv4.neigh.eth0.unres_qlen_bytes", "3000") },
			live: func(x *world) {
				for range 8 {
					x.send(x.a, "10.1.0.99:9", 10)
				}
			}, reason: "NEIGH_QUEUEFULL", by: "net.ipv4.neigh.eth0.unres_qlen_bytes=3000", change: "unres_qlen_bytes=MORE on a"},
		{name: "link loses", setup: func(x *world) { x.resolve(); x.must(x.a.Impair("eth0", linen.Impairment{Loss: impair.Percent(100)})) },
			live: udpTo("10.2.0.2:9"), reason: "LINK_LOSS", by: "link eth0 loses 100%", query: ask("a udp 10.2.0.2:9"), change: "linen link set a:eth0 --loss 0"},
		{name: "link queue full", setup: func(x *world) {
			x.resolve()
			x.must(x.a.Impair("eth0", linen.Impairment{Rate: 1000, Limit: 1}))
		}, live: func(x *world) {
			for range 4 {
				x.send(x.a, "10.2.0.2:9", 10)
			}
		}, reason: "LINK_QUEUE", by: "link eth0 holds at most 1 packets"},
		{name: "backlog full", setup: func(x *world) { x.resolve(); x.sysctl(x.r, "net.core.netdev_max_backlog", "0") }, live: udpTo("10.2.0.2:9"),
			reason: "CPU_BACKLOG", by: "net.core.netdev_max_backlog=0", change: "netdev_max_backlog=MORE on r"},
		{name: "peer's MTU smaller", setup: func(x *world) { x.resolve(); x.must(x.r.SetMTU("eth0", 600)) },
			live: func(x *world) { x.send(x.a, "10.2.0.2:9", 1000) }, reason: "PKT_TOO_BIG", by: "link eth0 of r has MTU 600",
			query: ask("a udp 10.2.0.2:9 size 1028"), change: "ip link set eth0 mtu 1500 on r"},
		{name: "unknown EtherType", live: from(packet{ether: 0x88b5}), reason: "UNHANDLED_PROTO", by: "EtherType 0x88b5"},
		{name: "bridge port down", setup: bridged(func(x *world) { x.must(x.r.Down("br0")); x.must(x.r.SetMaster("eth1", "br0")) }),
			live: from(packet{}), reason: "BRIDGE_INGRESS_STP_STATE", by: "eth0 is a disabled bridge port"},
		{name: "bridge has nowhere to send", setup: bridged(func(x *world) {}), live: from(packet{mac: "02:00:00:00:00:98"}),
			reason: "BRIDGE_FILTERED", by: "no port of the bridge"},
	}
}

// bridged makes r's eth0 a port of br0.
func bridged(then func(x *world)) func(x *world) {
	return func(x *world) {
		x.must(x.r.AddLink("br0", "bridge"))
		x.must(x.r.Up("br0"))
		x.must(x.r.SetMaster("eth0", "br0"))
		x.a.Lab.Clock.Settle()
		then(x)
		x.a.Lab.Clock.Settle()
	}
}

func packetCases() []lossCase {
	return []lossCase{
		{name: "bad IP checksum", live: from(packet{badIP: true}), reason: "IP_CSUM", by: "checksum"},
		{name: "bad UDP checksum", live: from(packet{dst: "10.1.0.1", badL4: true, dport: 9, sport: 1}), reason: "UDP_CSUM", by: "checksum"},
		{name: "bad ICMP checksum", live: from(packet{dst: "10.1.0.1", proto: uapi.IPPROTO_ICMP, badL4: true}), reason: "ICMP_CSUM", by: "checksum"},
		{name: "truncated packet", live: from(packet{payload: 100, cut: 60}), reason: "PKT_TOO_SMALL", by: "bytes were received"},
		{name: "bad header", live: from(packet{options: []byte{uapi.IPOPT_RR, 40, 4, 0}}), reason: "IP_INHDR", by: "bytes were received"},
		{name: "unknown protocol", live: from(packet{dst: "10.1.0.1", proto: 253}), reason: "IP_NOPROTO", by: "nobody takes ip-proto-253",
			query: ask("a 10.1.0.1 proto 253"), change: "on r"},
		{name: "fragments time out", live: func(x *world) {
			from(packet{dst: "10.1.0.1", frag: wire.IPv4MF, payload: 64})(x)
			x.advance(40 * time.Second)
		},
			reason: "FRAG_REASM_TIMEOUT", by: "net.ipv4.ipfrag_time=30"},
		{name: "netfilter hook", setup: func(x *world) {
			netfilter.PointsOf(x.r.Namespace()).Add(&netfilter.Hook{Family: netfilter.IPv4, Num: netfilter.Forward, Name: "test",
				Fn: func(*kern.CPU, *skb.Buff, netfilter.State) netfilter.Verdict { return netfilter.Drop }})
		}, live: udpTo("10.2.0.2:9"), reason: "NETFILTER_DROP", by: "forward hook test"},
		{name: "echo to a broadcast address", live: from(packet{dst: "10.2.0.255", proto: uapi.IPPROTO_ICMP}), reason: "INVALID_PROTO",
			by: "net.ipv4.icmp_echo_ignore_broadcasts=1", query: ask("r 10.2.0.255 from 10.1.0.2 iif eth0 proto 1"), change: "icmp_echo_ignore_broadcasts=0 on r"},
		{name: "echo ignored", setup: func(x *world) { x.sysctl(x.b, "net.ipv4.icmp_echo_ignore_all", "1") },
			live: from(packet{proto: uapi.IPPROTO_ICMP}), reason: "ICMP_IGNORED", by: "net.ipv4.icmp_echo_ignore_all=1",
			query: ask("a icmp 10.1.0.2 10.2.0.2"), change: "icmp_echo_ignore_all=0 on b"},
	}
}

func socketCases() []lossCase {
	return []lossCase{
		{name: "no socket", live: udpTo("10.2.0.2:9"), reason: "NO_SOCKET", by: "no socket is bound to udp port 9",
			query: ask("a udp 10.2.0.2:9"), change: "a program on b that binds udp port 9"},
		{name: "no socket on the own host", live: udpTo("127.0.0.1:9"), reason: "NO_SOCKET", by: "no socket is bound to udp port 9",
			query: ask("a udp 127.0.0.1:9"), change: "a program on a that binds udp port 9"},
		{name: "socket filter", setup: func(x *world) { x.filter(x.socket(x.b, uapi.SOCK_DGRAM, 0, "10.2.0.2:9")) }, live: udpTo("10.2.0.2:9"),
			reason: "SOCKET_FILTER", by: "SO_ATTACH_FILTER"},
		{name: "receive buffer full", setup: func(x *world) {
			s := x.socket(x.b, uapi.SOCK_DGRAM, 0, "10.2.0.2:9")
			x.option(uapi.SOL_SOCKET, uapi.SO_RCVBUF, 1)(s)
		}, live: func(x *world) {
			for range 12 {
				x.send(x.a, "10.2.0.2:9", 1000)
			}
		}, reason: "SOCKET_RCVBUFF", by: "SO_RCVBUF|net.core.rmem_default="},
	}
}
