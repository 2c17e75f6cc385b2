package why

import (
	"fmt"
	"strings"

	"linen/drivers/net/veth"
	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/ipv4"
	"linen/net/neigh"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/wire"
)

// scope is the nodes that an explanation may speak of.
type scope struct{ nodes []Node }

// name returns what people call n.
func (s scope) name(n *netns.Net) string {
	for _, node := range s.nodes {
		if node.Net == n {
			return node.Name
		}
	}
	return "?"
}

// facts are what is known of a packet where it ended.
type facts struct {
	scope
	node     Node
	dev      *dev.Device // it came in by, or was leaving by
	out      *dev.Device // its route leads to, or nil
	src, dst uint32
	hop      uint32 // the neighbour it goes to
	proto    uint8
	ether    uint16
	sport    uint16
	dport    uint16
	ttl      uint8
	flags    uint8 // of TCP
	tos      uint8
	mark     uint32
	size     int
	mac      wire.MAC // destination of the frame it came in
}

// cause is why a packet ended, and what would help.
type cause struct{ by, change string }

// causeOf explains the drop of b, which is still whole.
func (s *sink) causeOf(b *skb.Buff, r skb.Reason) cause {
	f := facts{scope: s.w.scope, node: s.node, dev: dev.Of(b), ether: b.Protocol, mark: b.Mark, size: sizeOf(b)}
	if eth, ok := wire.AsEth(b.Mac()); ok {
		f.mac = eth.Dst()
	}
	if h, ok := wire.AsIPv4(b.Network()); ok && b.Protocol == uapi.ETH_P_IP {
		f.src, f.dst, f.proto, f.ttl, f.tos = h.Saddr(), h.Daddr(), h.Proto(), h.TTL(), h.TOS()
		f.hop = f.dst
		f.flags = flagsOf(b.Network(), h)
	}
	if p := packetOf(b); p != nil {
		f.sport, f.dport = p.SPort, p.DPort
	}
	if rt := ipv4.RouteOf(b); rt != nil {
		f.out, f.hop = rt.Dev, rt.NextHop(f.dst)
	}
	if f.dev != nil && f.dev.Net() != s.node.Net {
		f.dev = nil
	}
	return f.explain(r)
}

// explain finds the setting that made r happen. Both the live view and the dry
// run ask here.
func (f *facts) explain(r skb.Reason) cause {
	for _, ask := range [...]func(*facts, skb.Reason) (cause, bool){
		(*facts).multicast, (*facts).routing, (*facts).source, (*facts).link, (*facts).neighbour, (*facts).local, (*facts).fragment, (*facts).segment, (*facts).broken,
	} {
		if c, ok := ask(f, r); ok {
			return c
		}
	}
	return cause{}
}

// setting returns net/ipv4/conf's value that applies to the incoming device.
func (f *facts) setting(c ipv4.Conf) string {
	if f.dev == nil || ipv4.InDev(f.dev) == nil {
		return ""
	}
	return ipv4.InDev(f.dev).Setting(c)
}

// sysctl returns a setting of the node with its value: "net.a.b=1".
func (f *facts) sysctl(path string) string {
	v, err := sysctl.Of(f.node.Net).Get(path)
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(path, "/", ".") + "=" + strings.Join(strings.Fields(v), " ")
}

// set says to give the setting of text, "name=value", another value.
func (f *facts) set(text, value string) string {
	name, _, _ := strings.Cut(text, "=")
	return fmt.Sprintf("sysctl %s=%s on %s", name, value, f.node.Name)
}

// routing explains what routes, rules and forwarding refuse.
func (f *facts) routing(r skb.Reason) (cause, bool) {
	switch r {
	case skb.ReasonIPForwardingOff:
		by, change := f.setting(ipv4.ConfForwarding), fmt.Sprintf("sysctl net.ipv4.ip_forward=1 on %s", f.node.Name)
		if f.sysctl("net/ipv4/ip_forward") != "net.ipv4.ip_forward=0" { // it is this device alone
			change = f.set(by, "1")
		}
		return cause{by, change}, true
	case skb.ReasonIPInnoroutes, skb.ReasonIPOutnoroutes:
		return f.noRoute(), true
	case skb.ReasonIPBlackhole, skb.ReasonIPUnreachable, skb.ReasonIPProhibit:
		return f.refused(), true
	case skb.ReasonTTLExpired:
		return cause{fmt.Sprintf("its TTL is %d and %s would have to forward it", f.ttl, f.node.Name),
			"a greater TTL at the sender (net.ipv4.ip_default_ttl), or an end to the loop"}, true
	case skb.ReasonPKTTooBig:
		d := f.out
		if d == nil {
			d = f.dev
		}
		if d == nil {
			return cause{}, true
		}
		if p := veth.Peer(d); p != nil && p.MTU() < d.MTU() && f.size > p.MTU() {
			return cause{fmt.Sprintf("link %s of %s has MTU %d, the packet %d bytes", p.Name(), f.name(p.Net()), p.MTU(), f.size),
				fmt.Sprintf("ip link set %s mtu %d on %s", p.Name(), d.MTU(), f.name(p.Net()))}, true
		}
		return cause{fmt.Sprintf("link %s has MTU %d, the packet %d bytes and DF", d.Name(), d.MTU(), f.size),
			fmt.Sprintf("ip link set %s mtu %d on %s", d.Name(), f.size, f.node.Name)}, true
	case skb.ReasonIPBadOption:
		by := f.setting(ipv4.ConfAcceptSourceRoute)
		return cause{by, f.set(by, "1")}, true
	}
	return cause{}, false
}

// noRoute explains that the tables have nothing: perhaps because a link is down,
// which takes its routes along.
func (f *facts) noRoute() cause {
	by := "no route to " + addr4(f.dst).String()
	change := fmt.Sprintf("ip route add %v via GATEWAY on %s", addr4(f.dst), f.node.Name)
	for _, d := range dev.List(f.node.Net) {
		in := ipv4.InDev(d)
		switch {
		case d.IsLoopback() || in == nil:
		case !d.IsUp():
			by += fmt.Sprintf("; link %s is down", d.Name())
			change += fmt.Sprintf(", or ip link set %s up on %s", d.Name(), f.node.Name)
		case !d.Carrier() && in.IgnoresLinkdown():
			by += fmt.Sprintf("; link %s has no carrier, %s", d.Name(), in.Setting(ipv4.ConfIgnoreRoutesWithLinkdown))
			change += fmt.Sprintf(", or %s", f.set(in.Setting(ipv4.ConfIgnoreRoutesWithLinkdown), "0"))
		}
	}
	return cause{by, change}
}

// refused names the route or rule that refuses the packet.
func (f *facts) refused() cause {
	fl := ipv4.Flow{Daddr: f.dst, Saddr: f.src, TOS: f.tos, Mark: f.mark, Proto: f.proto, SPort: f.sport, DPort: f.dport}
	var l ipv4.Lookup
	if f.dev != nil && !f.dev.IsLoopback() {
		l = ipv4.ExplainInput(f.node.Net, &fl, f.dev)
	} else {
		l = ipv4.ExplainOutput(f.node.Net, &fl)
	}
	if l.Found {
		return cause{l.Text + " table " + fibrules.TableName(l.Table), fmt.Sprintf("ip route del %s on %s", shortRoute(l.Text), f.node.Name)}
	}
	if n := len(l.Rules); n > 0 {
		return cause{"rule " + l.Rules[n-1].Rule.String(), fmt.Sprintf("ip rule del pref %d on %s", l.Rules[n-1].Rule.Pref, f.node.Name)}
	}
	return cause{by: "no route to " + addr4(f.dst).String()}
}

// shortRoute keeps of a route's text what `ip route del` needs.
func shortRoute(text string) string {
	words := strings.Fields(text)
	if len(words) > 1 && routeTypes[words[0]] {
		return words[0] + " " + words[1]
	}
	return words[0]
}

// source explains what is wrong with a packet's addresses.
func (f *facts) source(r skb.Reason) (cause, bool) {
	switch r {
	case skb.ReasonIPRpfilter:
		by := f.setting(ipv4.ConfRPFilter)
		change := f.set(by, "0")
		back := ipv4.ExplainBack(f.node.Net, f.src, f.dst)
		if back.Err != 0 || !back.Found {
			by += fmt.Sprintf(": no way back to %v", addr4(f.src))
		} else {
			by += fmt.Sprintf(": the way back to %v is %s", addr4(f.src), back.Text)
		}
		return cause{by, change}, true
	case skb.ReasonIPLocalSource:
		by := f.setting(ipv4.ConfAcceptLocal)
		return cause{fmt.Sprintf("%s: %v is an address of %s", by, addr4(f.src), f.node.Name), f.set(by, "1")}, true
	case skb.ReasonIPLocalnet:
		by := f.setting(ipv4.ConfRouteLocalnet)
		return cause{by, f.set(by, "1")}, true
	case skb.ReasonIPInvalidSource:
		return cause{fmt.Sprintf("%v cannot be a source", addr4(f.src)), "the sender's address"}, true
	case skb.ReasonIPInvalidDest:
		return cause{fmt.Sprintf("%v cannot be a destination", addr4(f.dst)), "the destination"}, true
	case skb.ReasonIPInaddrerrors:
		if f.dst>>28 == 0xe {
			return cause{fmt.Sprintf("nobody on %s joined %v", f.node.Name, addr4(f.dst)),
				fmt.Sprintf("a program on %s joins %v (IP_ADD_MEMBERSHIP)", f.node.Name, addr4(f.dst))}, true
		}
		return cause{"IPv4 is off on the device", "an MTU of at least 68"}, true
	case skb.ReasonUnicastInL2Multicast:
		by := f.setting(ipv4.ConfDropUnicastInL2Multicast)
		return cause{by, f.set(by, "0")}, true
	case skb.ReasonOtherhost:
		own := ""
		if f.dev != nil && len(f.dev.Addr()) == 6 {
			own = wire.MAC(f.dev.Addr()).String()
		}
		return cause{fmt.Sprintf("the frame is for %v, the device is %s", f.mac, own), "ip neigh of the sender"}, true
	case skb.ReasonNotSpecified:
		switch f.proto {
		case uapi.IPPROTO_IGMP:
			return cause{"an IGMP message whose checksum or length is wrong (RFC 3376 §4)", "the sender"}, true
		case uapi.IPPROTO_PIM:
			return cause{"a PIM register whose checksum, or whose packet, makes no sense (RFC 7761 §4.9.3)", "the sender"}, true
		}
		if f.mac.IsMulticast() {
			return cause{"a packet in a link broadcast is not forwarded (RFC 1812 §5.3.4)", "the sender"}, true
		}
	}
	return cause{}, false
}

// link explains what devices and wires do.
func (f *facts) link(r skb.Reason) (cause, bool) {
	switch r {
	case skb.ReasonDevReady:
		return f.down(), true
	case skb.ReasonCpuBacklog:
		by := f.sysctl("net/core/netdev_max_backlog")
		return cause{by, f.set(by, "MORE")}, true
	case skb.ReasonLinkLoss, skb.ReasonLinkQueue:
		if f.dev == nil {
			return cause{}, true
		}
		cfg, _ := veth.Impairment(f.dev)
		change := fmt.Sprintf("linen link set %s:%s --loss 0", f.node.Name, f.dev.Name())
		if r == skb.ReasonLinkQueue {
			return cause{fmt.Sprintf("link %s holds at most %d packets at %d bit/s", f.dev.Name(), cfg.Limit, cfg.Rate), change}, true
		}
		return cause{fmt.Sprintf("link %s loses %g%%", f.dev.Name(), cfg.Loss.P*100), change}, true
	case skb.ReasonUnhandledProto:
		return cause{fmt.Sprintf("nobody takes EtherType 0x%04x", f.ether), "the sender"}, true
	case skb.ReasonBridgeIngressStpState:
		if f.dev == nil {
			return cause{}, true
		}
		return cause{fmt.Sprintf("link %s is a disabled bridge port", f.dev.Name()), fmt.Sprintf("ip link set its bridge up on %s", f.node.Name)}, true
	case skb.ReasonBridgeFiltered, skb.ReasonNoTxTarget:
		return cause{"no port of the bridge may take it", fmt.Sprintf("bridge link show on %s", f.node.Name)}, true
	case skb.ReasonMacInvalidSource:
		return cause{"a source address that no station has", "the sender"}, true
	}
	return cause{}, false
}

// down names the device that is not up: this one or the other end.
func (f *facts) down() cause {
	d := f.dev
	if d == nil {
		return cause{by: "the device is gone"}
	}
	n := f.node.Name
	if d.IsUp() {
		p := veth.Peer(d)
		if p == nil || p.IsUp() {
			return cause{by: "link " + d.Name() + " is not ready"}
		}
		d, n = p, f.name(p.Net())
	}
	return cause{fmt.Sprintf("link %s of %s is down", d.Name(), n), fmt.Sprintf("ip link set %s up on %s", d.Name(), n)}
}

// neighbour explains resolutions that fail.
func (f *facts) neighbour(r skb.Reason) (cause, bool) {
	switch r {
	case skb.ReasonNeighFailed:
		d := f.out
		if d == nil {
			d = f.dev
		}
		if d == nil {
			return cause{}, true
		}
		_, by := f.whoAnswers(d, f.hop, f.src)
		return cause{fmt.Sprintf("neigh %v dev %s FAILED: %s", addr4(f.hop), d.Name(), by),
			fmt.Sprintf("a host with %v on the link of %s:%s", addr4(f.hop), f.node.Name, d.Name())}, true
	case skb.ReasonNeighQueuefull:
		d := f.dev
		if d == nil {
			return cause{}, true
		}
		by := f.sysctl("net/ipv4/neigh/" + d.Name() + "/unres_qlen_bytes")
		return cause{by, f.set(by, "MORE")}, true
	case skb.ReasonNeighCreatefail:
		by := f.sysctl("net/ipv4/neigh/default/gc_thresh3")
		return cause{by, f.set(by, "MORE")}, true
	case skb.ReasonNeighDead:
		return cause{fmt.Sprintf("the entry of %v was removed while packets waited", addr4(f.hop)), ""}, true
	}
	return cause{}, false
}

// local explains what this host's protocols and sockets refuse.
func (f *facts) local(r skb.Reason) (cause, bool) {
	switch r {
	case skb.ReasonNoSocket:
		if f.proto == uapi.IPPROTO_ICMP {
			return cause{"no socket waits for this ICMP message", ""}, true
		}
		what := fmt.Sprintf("%s port %d", protoText(f.proto), f.dport)
		return cause{"no socket is bound to " + what, fmt.Sprintf("a program on %s that binds %s", f.node.Name, what)}, true
	case skb.ReasonIPNoproto:
		return cause{"nobody takes " + protoText(f.proto), fmt.Sprintf("a program or module on %s for it", f.node.Name)}, true
	case skb.ReasonSocketRcvbuff, skb.ReasonSocketBacklog:
		return cause{"SO_RCVBUF of the socket, " + f.sysctl("net/core/rmem_default"), "the program reads too slowly; or " + f.set("net.core.rmem_max", "MORE")}, true
	case skb.ReasonSocketFilter:
		return cause{"SO_ATTACH_FILTER of the socket", "the program's filter"}, true
	case skb.ReasonQueuePurge:
		return cause{"the program turned IP_RECVERR off", "the program"}, true
	case skb.ReasonICMPIgnored:
		by := f.sysctl("net/ipv4/icmp_echo_ignore_all")
		return cause{by, f.set(by, "0")}, true
	case skb.ReasonInvalidProto:
		if f.proto == uapi.IPPROTO_ICMP {
			by := f.sysctl("net/ipv4/icmp_echo_ignore_broadcasts")
			return cause{by, f.set(by, "0")}, true
		}
	case skb.ReasonFragReasmTimeout:
		by := f.sysctl("net/ipv4/ipfrag_time")
		return cause{by, "what loses its other fragments"}, true
	case skb.ReasonFragMem:
		by := f.sysctl("net/ipv4/ipfrag_high_thresh")
		return cause{by, f.set(by, "MORE")}, true
	case skb.ReasonNetfilterDrop:
		return cause{"a netfilter hook of " + f.node.Name, "its rules"}, true
	case skb.ReasonARPIgnored:
		return cause{f.setting(ipv4.ConfARPIgnore), ""}, true
	}
	return cause{}, false
}

// broken explains packets that are damaged.
func (f *facts) broken(r skb.Reason) (cause, bool) {
	switch r {
	case skb.ReasonIPCsum, skb.ReasonUDPCsum, skb.ReasonTCPCsum, skb.ReasonICMPCsum, skb.ReasonSkbCsum:
		return cause{"the checksum does not fit what was received", "the sender, or a link that corrupts"}, true
	case skb.ReasonIPInhdr, skb.ReasonPKTTooSmall, skb.ReasonHdrTrunc, skb.ReasonARPInvalid:
		return cause{fmt.Sprintf("%d bytes were received", f.size), "the sender, or a link that cuts"}, true
	}
	return cause{}, false
}

// findNeigh returns the entry of a next hop, or nil. It does not count as a
// look-up.
func findNeigh(n *netns.Net, d *dev.Device, addr uint32) (found *neigh.Neigh) {
	neigh.Of(n).V4.Each(func(nb *neigh.Neigh) bool {
		if nb.Dev == d && nb.IP4() == addr {
			found = nb
		}
		return found == nil
	})
	return found
}
