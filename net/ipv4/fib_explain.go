package ipv4

import (
	"fmt"
	"strings"

	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// A Lookup is what routing says of a packet, and what it looked at: for
// `linen why`. It comes from the same functions that decide about packets.
type Lookup struct {
	Route    *Route      // the way; nil: Reason or Err says why there is none
	Reason   skb.Reason  // received packets: dropped for this
	Err      errno.Errno // our own: what the sender gets
	Found    bool        // the tables had a route, of whatever type
	Type     uint8       // RTN_* of that
	Text     string      // that, in the words of `ip route`
	Table    uint32      // where it was
	Rules    []Matched   // the policy rules that selected the packet; none: the default ones
	Redirect bool        // the sender had better ask the next hop itself
	Back     *Lookup     // received packets: the way back to the source, when rp_filter looked
	Src      uint32      // our own: the source address
	OIF      *dev.Device // where it leaves; nil: nowhere
}

// Matched is a policy rule that selected a packet.
type Matched struct {
	Rule    *fibrules.Rule
	Decided bool // it had the route, or refused; otherwise the next rule was asked
}

// ExplainOutput looks up the route of a packet of our own, as RouteOutput; it
// fills f as that does. The caller is on no CPU.
func ExplainOutput(n *netns.Net, f *Flow) Lookup {
	st := of(n)
	var res result
	rt, err := st.routeOutput(nil, f, &res)
	l := st.explain(rt, f, &res)
	l.Src = f.Saddr
	if e, ok := err.(errno.Errno); ok {
		l.Err = e
	}
	if rt != nil {
		l.OIF = rt.Dev
	}
	return l
}

// ExplainInput looks up the route of a packet received by d, as RouteInput.
func ExplainInput(n *netns.Net, f *Flow, d *dev.Device) Lookup {
	st, in := of(n), InDev(d)
	if in == nil {
		return Lookup{Reason: reasonNoInDev}
	}
	f.IIF = d.Ifindex()
	var res result
	rt, reason := st.routeInput(nil, nil, f, in, &res)
	l := st.explain(rt, f, &res)
	l.Reason, l.Redirect = reason, res.redirect
	if rpf := in.RPFilter(); rpf != 0 && f.Saddr != 0 {
		back := ExplainBack(n, f.Saddr, f.Daddr)
		l.Back = &back
	}
	if rt != nil && rt.in == wayForward {
		l.OIF = rt.Dev
	}
	return l
}

// ExplainBack looks up the way to a packet's source, as the reverse path
// filter does.
func ExplainBack(n *netns.Net, saddr, daddr uint32) Lookup {
	st := of(n)
	f := Flow{Daddr: saddr, Saddr: daddr, IIF: dev.LoopbackIndex}
	var res result
	e := st.lookup(&f, &res, 0)
	l := st.explain(nil, &f, &res)
	l.Err = e
	if e == 0 && res.nh != nil {
		l.OIF = res.nh.dev
	}
	return l
}

func (st *state) explain(rt *Route, f *Flow, res *result) Lookup {
	l := Lookup{Route: rt, Rules: st.matched(f, res)}
	stale := rt != nil && rt.Err == errno.ENETUNREACH // a result that a rule suppressed
	if res.alias != nil && (!stale || errorOf(res.info.typ) != 0) {
		l.Found, l.Type, l.Text, l.Table = true, res.info.typ, res.text(f.Daddr), res.table.id
	}
	return l
}

// matched returns the rules that select f, up to the one that decided.
func (st *state) matched(f *Flow, res *result) (list []Matched) {
	set := st.rules.Load()
	if set == nil {
		return nil
	}
	k := f.ruleKey()
	rules := set.ready().list
	for i := 0; i < len(rules); i++ {
		r := &rules[i]
		if !r.selects(f, &k) {
			continue
		}
		decided := res.rule == r
		list = append(list, Matched{r.Rule, decided})
		if decided {
			break
		}
		if r.Action == uapi.FR_ACT_GOTO && int(r.jump) > i {
			i = int(r.jump) - 1
		}
	}
	return list
}

// text returns the route found in the words of `ip route`, with the next hop
// that was chosen.
func (res *result) text(daddr uint32) string {
	var s strings.Builder
	fi := res.info
	if fi.typ != uapi.RTN_UNICAST {
		s.WriteString(typeName(fi.typ) + " ")
	}
	switch res.alias.plen {
	case 0:
		s.WriteString("default")
	case 32:
		fmt.Fprint(&s, toAddr(daddr))
	default:
		fmt.Fprintf(&s, "%v/%d", toAddr(daddr&mask(res.alias.plen)), res.alias.plen)
	}
	if t := res.alias.tos; t != 0 {
		fmt.Fprintf(&s, " tos 0x%02x", t)
	}
	nh := res.nh
	if nh == nil && len(fi.hops()) > 0 {
		nh = fi.hops()[0]
	}
	if nh != nil && nh.gwFamily == uapi.AF_INET {
		fmt.Fprintf(&s, " via %v", toAddr(nh.gw))
	}
	if nh != nil && nh.dev != nil {
		s.WriteString(" dev " + nh.dev.Name())
	}
	if fi.proto != uapi.RTPROT_BOOT {
		s.WriteString(" proto " + protoText(fi.proto))
	}
	if name := scopeText(fi.scope); name != "" {
		s.WriteString(" scope " + name)
	}
	if fi.prefsrc != 0 {
		fmt.Fprintf(&s, " src %v", toAddr(fi.prefsrc))
	}
	if fi.priority != 0 {
		fmt.Fprintf(&s, " metric %d", fi.priority)
	}
	return s.String()
}

// Setting returns the setting that decides for the device, with its name: the
// device's own value or that of "all", by how the two are combined, as
// "net.ipv4.conf.eth0.rp_filter=1".
func (in *InDevice) Setting(c Conf) string {
	name, v, all := in.dev.Name(), in.Conf(c), in.all(c)
	switch c {
	case ConfForwarding, ConfProxyARPPvlan, ConfMediumID: // the device's alone
	case ConfAcceptSourceRoute, ConfMcForwarding, ConfBcForwarding, ConfARPEvictNocarrier: // both
		if all < v {
			name, v = "all", all
		}
	default:
		if all > v {
			name, v = "all", all
		}
	}
	return fmt.Sprintf("net.ipv4.conf.%s.%s=%d", strings.ReplaceAll(name, ".", "/"), confNames[c], v)
}

// protoText returns the name of an origin of routes as iproute2's rt_protos
// has it.
func protoText(p uint8) string {
	switch p {
	case uapi.RTPROT_REDIRECT:
		return "redirect"
	case uapi.RTPROT_KERNEL:
		return "kernel"
	case uapi.RTPROT_STATIC:
		return "static"
	case uapi.RTPROT_ZEBRA:
		return "zebra"
	case uapi.RTPROT_BIRD:
		return "bird"
	case uapi.RTPROT_DHCP:
		return "dhcp"
	case uapi.RTPROT_BGP:
		return "bgp"
	case uapi.RTPROT_OSPF:
		return "ospf"
	}
	return fmt.Sprint(p)
}

// scopeText returns the scope's name where `ip route` shows it.
func scopeText(scope uint8) string {
	switch scope {
	case uapi.RT_SCOPE_LINK:
		return "link"
	case uapi.RT_SCOPE_HOST:
		return "host"
	case uapi.RT_SCOPE_SITE:
		return "site"
	}
	return ""
}

// A Refusal is how a packet ends that its route refuses.
type Refusal struct {
	Reason  skb.Reason
	Code    uint8 // of the "destination unreachable" that the sender gets
	Answers bool  // it gets one
}

// Refusal returns how a packet that came in by a device with in ends here
// (ip_error). A host that does not forward stays silent (RFC 1122 §3.3.1.1).
func (rt *Route) Refusal(in *InDevice) Refusal {
	if !in.Forwarding() {
		return Refusal{Reason: skb.ReasonIPForwardingOff}
	}
	switch rt.Err {
	case errno.EHOSTUNREACH:
		return Refusal{skb.ReasonIPUnreachable, wire.ICMPHostUnreach, true}
	case errno.ENETUNREACH:
		return Refusal{skb.ReasonIPInnoroutes, wire.ICMPNetUnreach, true}
	case errno.EACCES:
		return Refusal{skb.ReasonIPProhibit, wire.ICMPPktFiltered, true}
	}
	return Refusal{Reason: skb.ReasonIPBlackhole}
}

// HasProtocol reports whether a transport takes packets of proto.
func HasProtocol(n *netns.Net, proto uint8) bool { return of(n).path.protos[proto].Load() != nil }

// AnswersARP reports whether n answers an ARP request of sip for tip that
// comes in by d; otherwise by says why not.
func AnswersARP(n *netns.Net, d *dev.Device, tip, sip uint32) (answers bool, by string) {
	st, in := of(n), InDev(d)
	switch {
	case in == nil:
		return false, "IPv4 is off on " + d.Name()
	case d.Flags()&uapi.IFF_NOARP != 0:
		return false, d.Name() + " has NOARP"
	}
	l := ExplainInput(n, &Flow{Daddr: tip, Saddr: sip}, d)
	m := &arpMsg{st: st, in: in, sip: sip, tip: tip}
	switch rt := l.Route; {
	case rt == nil:
		return false, "the request is refused: " + l.Reason.Explain()
	case rt.Type == uapi.RTN_LOCAL && m.ignored():
		return false, in.Setting(ConfARPIgnore)
	case rt.Type == uapi.RTN_LOCAL:
		f := Flow{Daddr: sip, Saddr: tip}
		if in.ARPFilter() {
			if back := ExplainOutput(n, &f); back.OIF != d {
				return false, in.Setting(ConfARPFilter)
			}
		}
		return true, ""
	case in.Forwarding() && rt.Type == uapi.RTN_UNICAST && rt.Err == 0 && m.answersFor(rt):
		return true, "by proxy"
	}
	return false, toAddr(tip).String() + " is no address of this host"
}
