package why

import (
	"fmt"
	"net/netip"

	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/ipv4"
	"linen/net/neigh"
	"linen/net/netfilter"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// A Flow is the packet that a dry run is about.
type Flow struct {
	Proto uint8      `json:"proto,omitempty"` // IPPROTO_*; 0: any
	Src   netip.Addr `json:"src,omitzero"`    // the zero Addr: chosen as for a program's packet
	Dst   netip.Addr `json:"dst"`
	SPort uint16     `json:"sport,omitempty"`
	DPort uint16     `json:"dport,omitempty"`
	IIF   string     `json:"iif,omitempty"` // it was received by this interface of the first node; "": it is sent there
	Mark  uint32     `json:"mark,omitempty"`
	TOS   uint8      `json:"tos,omitempty"`
	TTL   uint8      `json:"ttl,omitempty"`  // 0: the node's default
	Size  int        `json:"size,omitempty"` // bytes, with the IP header; 0: 84, a ping
	DF    bool       `json:"df,omitempty"`
	Back  bool       `json:"back,omitempty"` // the answer's way is walked too
}

// defaultSize is the length of ping's packets.
const defaultSize = 84

// A Report is a dry run: the steps that the packet would take. The last one
// says how it ends.
type Report struct {
	From  string  `json:"from"`
	Flow  Flow    `json:"flow"` // with what was chosen: source, size
	Steps []Event `json:"steps"`
}

// Last returns the last step.
func (r *Report) Last() *Event { return &r.Steps[len(r.Steps)-1] }

// Arrives reports whether the packet gets to its destination.
func (r *Report) Arrives() bool { return r.Last().Kind == KindArrive }

// A walker follows one packet.
type walker struct {
	scope
	hist  *History
	f     Flow
	ttl   uint8
	steps []Event
	local bool // this node made it: an error is the sender's errno
	reply bool // it is the answer
}

// Walk says what would happen to a packet of f that from sends, or receives by
// f.IIF. Nothing is sent, learned or counted. hist may be nil. The caller is on
// no CPU. The error says what is wrong with the question.
func Walk(nodes []Node, from string, f Flow, hist *History) (*Report, error) {
	w := &walker{scope: scope{nodes}, hist: hist, f: f, ttl: f.TTL}
	n, ok := w.find(from)
	if !ok {
		return nil, fmt.Errorf("there is no node %q", from)
	}
	if !f.Dst.Unmap().Is4() || f.Src.IsValid() && !f.Src.Unmap().Is4() {
		return nil, fmt.Errorf("%v: only IPv4 is built", f.Dst)
	}
	if w.f.Size == 0 {
		w.f.Size = defaultSize
	}
	if w.ttl == 0 {
		w.ttl = uint8(w.number(n, "net/ipv4/ip_default_ttl", 64))
	}
	if f.IIF == "" {
		w.output(n)
		return w.report(from), nil
	}
	d := dev.ByName(n.Net, f.IIF)
	if d == nil {
		return nil, fmt.Errorf("%s has no interface %q", from, f.IIF)
	}
	if !f.Src.IsValid() {
		return nil, fmt.Errorf("a packet that is received needs a source: from ADDR iif %s", f.IIF)
	}
	mac, _ := wire.MACFrom(d.Addr())
	if !d.Running() {
		w.end(n, d, nil, skb.ReasonDevReady)
	} else {
		w.input(n, d, mac)
	}
	return w.report(from), nil
}

// report ends the walk: with the answer's way, where it is asked for.
func (w *walker) report(from string) *Report {
	f := w.f
	last := w.steps[len(w.steps)-1]
	if n, ok := w.find(last.Node); ok && f.Back && last.Kind == KindArrive {
		w.reply = true
		w.f.Src, w.f.Dst, w.f.SPort, w.f.DPort = f.Dst, f.Src, f.DPort, f.SPort
		w.ttl = uint8(w.number(n, "net/ipv4/ip_default_ttl", 64))
		w.output(n)
	}
	return &Report{from, f, w.steps}
}

func (s scope) find(name string) (Node, bool) {
	for _, n := range s.nodes {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}

// number reads a setting.
func (w *walker) number(n Node, path string, def int) int {
	v, err := sysctl.Of(n.Net).Get(path)
	if err != nil {
		return def
	}
	x := 0
	if _, err := fmt.Sscan(v, &x); err != nil {
		return def
	}
	return x
}

// add appends a step, with who set what decided.
func (w *walker) add(e Event) {
	e.SetBy = w.hist.setBy(e.Node, e.By)
	w.steps = append(w.steps, e)
}

func (w *walker) step(n Node, d *dev.Device, p skb.Point, verdict, by string) {
	e := Event{Node: n.Name, Kind: KindStep, Point: p, Verdict: verdict, By: by}
	if d != nil {
		e.Device = d.Name()
	}
	w.add(e)
}

// facts returns what is known of the packet at n.
func (w *walker) facts(n Node, d *dev.Device) facts {
	return facts{
		scope: w.scope, node: n, dev: d, src: num4(w.f.Src), dst: num4(w.f.Dst), hop: num4(w.f.Dst), proto: w.f.Proto,
		ether: uapi.ETH_P_IP, sport: w.f.SPort, dport: w.f.DPort, ttl: w.ttl, tos: w.f.TOS, mark: w.f.Mark, size: w.f.Size,
	}
}

// end says that the packet is dropped at n. rt, its route, may be nil.
func (w *walker) end(n Node, d *dev.Device, rt *ipv4.Route, r skb.Reason, answers ...string) {
	f := w.facts(n, d)
	if rt != nil {
		f.out, f.hop = rt.Dev, rt.NextHop(f.dst)
	}
	w.drop(n, d, r, f.explain(r), answers...)
}

func (w *walker) drop(n Node, d *dev.Device, r skb.Reason, ca cause, answers ...string) {
	e := Event{Node: n.Name, Kind: KindDrop, Reason: r.String(), Explain: r.Explain(), By: ca.by, Change: ca.change}
	if d != nil {
		e.Device = d.Name()
	}
	if len(answers) > 0 {
		e.Answer = answers[0]
	}
	w.add(e)
}

// refuse says that the sender gets an error and no packet is made.
func (w *walker) refuse(n Node, r skb.Reason, ca cause, e errno.Errno) {
	w.add(Event{
		Node: n.Name, Kind: KindRefuse, Reason: r.String(), Explain: r.Explain(), By: ca.by, Change: ca.change,
		Answer: "the sender gets " + e.Error(),
	})
}

// hooks names the netfilter hooks of a point: their verdict is not known.
func (w *walker) hooks(n Node, num netfilter.HookNum) {
	for _, h := range netfilter.PointsOf(n.Net).Hooks(netfilter.IPv4, num) {
		w.step(n, nil, skb.PointHook, "asked", num.String()+" hook "+h.Name+": its verdict is not known beforehand")
	}
}

// rules shows the policy rules that were asked.
func (w *walker) rules(n Node, l *ipv4.Lookup) {
	for _, m := range l.Rules {
		verdict := "no route there"
		if m.Decided {
			verdict = "decided"
		}
		w.step(n, nil, skb.PointRule, verdict, "rule "+m.Rule.String())
	}
}

// flow returns the packet as routing sees it.
func (w *walker) flow() ipv4.Flow {
	return ipv4.Flow{
		Daddr: num4(w.f.Dst), Saddr: num4(w.f.Src), Proto: w.f.Proto, SPort: w.f.SPort, DPort: w.f.DPort,
		Mark: w.f.Mark, TOS: w.f.TOS,
	}
}

// output sends the packet from n.
func (w *walker) output(n Node) {
	w.local = true
	f := w.flow()
	l := ipv4.ExplainOutput(n.Net, &f)
	w.rules(n, &l)
	if l.Route == nil {
		w.noRoute(n, &l)
		return
	}
	by := l.Text + " table " + fibrules.TableName(l.Table)
	if !l.Found {
		by = "on the link of " + l.OIF.Name()
	}
	w.step(n, l.OIF, skb.PointRoute, typeText(l.Route.Type), by)
	if !w.f.Src.IsValid() {
		w.f.Src = addr4(l.Src)
		w.step(n, nil, skb.PointRoute, "source "+w.f.Src.String(), sourceText(n, &l))
	}
	w.hooks(n, netfilter.LocalOut)
	w.egress(n, l.Route, l.Route.MTU())
}

// noRoute says why there is no way out of n.
func (w *walker) noRoute(n Node, l *ipv4.Lookup) {
	fs := w.facts(n, nil)
	if w.f.Src.IsValid() && !ipv4.IsLocal(n.Net, num4(w.f.Src)) {
		w.refuse(n, skb.ReasonIPOutnoroutes, cause{fmt.Sprintf("%v is no address of %s", w.f.Src, n.Name),
			fmt.Sprintf("ip addr add %v dev DEV on %s", w.f.Src, n.Name)}, l.Err)
		return
	}
	r := refusalOf(l)
	w.refuse(n, r, fs.explain(r), l.Err)
}

// sourceText says where the chosen source is from.
func sourceText(n Node, l *ipv4.Lookup) string {
	if d := ipv4.DeviceOf(n.Net, l.Src); d != nil {
		return addr4(l.Src).String() + " dev " + d.Name()
	}
	return "the route's src"
}

// egress sends the packet by a route: what is too long is cut or refused, the
// neighbour asked, the link crossed.
func (w *walker) egress(n Node, rt *ipv4.Route, mtu int) {
	if w.f.Size > mtu {
		if w.f.DF {
			f := w.facts(n, nil)
			f.out = rt.Dev
			w.refuse(n, skb.ReasonPKTTooBig, f.explain(skb.ReasonPKTTooBig), errno.EMSGSIZE)
			return
		}
		w.step(n, rt.Dev, skb.PointFragment, "cut", fmt.Sprintf("link %s: %d bytes, MTU %d", rt.Dev.Name(), w.f.Size, mtu))
	}
	w.hooks(n, netfilter.PostRouting)
	mac, ok := w.resolve(n, rt)
	if !ok {
		return
	}
	x := w.cross(rt.Dev, mac, min(w.f.Size, mtu))
	if len(x.arrivals) == 0 {
		w.ended(x)
		return
	}
	a := x.arrivals[0]
	for _, o := range x.arrivals {
		if m, ok := wire.MACFrom(o.dev.Addr()); ok && m == mac {
			a = o
		}
	}
	for _, e := range a.steps {
		w.add(e)
	}
	to := a.dev.Net()
	w.local = w.local && to == n.Net
	w.input(Node{w.name(to), to}, a.dev, mac)
}

// ended reports why a frame arrives nowhere.
func (w *walker) ended(x *crossing) {
	e := x.ends[0]
	for _, s := range e.steps {
		w.add(s)
	}
	n := Node{w.name(e.at.Net()), e.at.Net()}
	if e.leave {
		w.add(Event{Node: n.Name, Device: e.at.Name(), Kind: KindLeave, Point: skb.PointDevTx, Verdict: "leaves",
			By: fmt.Sprintf("what is behind %s is not known", e.at.Name())})
		return
	}
	w.drop(n, e.at, e.why, e.by)
}

// resolve returns the link address of the next hop, as the neighbour entry has
// it or ARP would find it.
func (w *walker) resolve(n Node, rt *ipv4.Route) (mac wire.MAC, ok bool) {
	d, hop := rt.Dev, rt.NextHop(num4(w.f.Dst))
	own, _ := wire.MACFrom(d.Addr())
	switch {
	case d.IsLoopback() || d.Flags()&uapi.IFF_NOARP != 0 || d.AddrLen != 6:
		return own, true
	case rt.Type == uapi.RTN_BROADCAST:
		return wire.BroadcastMAC(), true
	case rt.Type == uapi.RTN_MULTICAST: // RFC 1112 §6.4
		return wire.MAC{1, 0, 0x5e, byte(hop>>16) & 0x7f, byte(hop >> 8), byte(hop)}, true
	}
	nb := findNeigh(n.Net, d, hop)
	if nb != nil && nb.State()&neigh.Valid != 0 {
		if mac, ok = wire.MACFrom(nb.Addr()); ok {
			w.step(n, d, skb.PointNeigh, neigh.StateName(nb.State()), "neigh "+nb.String())
			return mac, true
		}
	}
	src := num4(w.f.Src)
	if !ipv4.IsLocal(n.Net, src) {
		src = ipv4.SelectSource(d, hop, uapi.RT_SCOPE_LINK)
	}
	a, by := w.whoAnswers(d, hop, src)
	if a == nil {
		answer := "ICMP host unreachable to the sender"
		if w.local {
			answer = "the sender gets " + errno.EHOSTUNREACH.Error()
		}
		w.end(n, d, rt, skb.ReasonNeighFailed, answer)
		return mac, false
	}
	text := fmt.Sprintf("neigh %v dev %s: ARP would be answered by %s:%s, %v", addr4(hop), d.Name(), w.name(a.dev.Net()), a.dev.Name(), a.mac)
	if by != "" {
		text += " " + by
	}
	w.step(n, d, skb.PointNeigh, "asked", text)
	return a.mac, true
}

// input takes the packet from a device, in a frame to mac.
func (w *walker) input(n Node, d *dev.Device, mac wire.MAC) {
	if own, ok := wire.MACFrom(d.Addr()); ok && mac != own && !mac.IsMulticast() {
		f := w.facts(n, d)
		f.mac = mac
		w.drop(n, d, skb.ReasonOtherhost, f.explain(skb.ReasonOtherhost))
		return
	}
	w.hooks(n, netfilter.PreRouting)
	if d.IsLoopback() { // the route of the way out holds
		w.deliver(n, d, uapi.RTN_LOCAL)
		return
	}
	f := w.flow()
	l := ipv4.ExplainInput(n.Net, &f, d)
	w.rules(n, &l)
	if in := ipv4.InDev(d); l.Back != nil && in != nil {
		verdict := "accept"
		if l.Reason != 0 {
			verdict = "drop"
		}
		w.step(n, d, skb.PointRPFilter, verdict, in.Setting(ipv4.ConfRPFilter)+": the way back is "+backText(l.Back))
	}
	switch rt := l.Route; {
	case rt == nil:
		w.end(n, d, nil, l.Reason)
	case rt.Err != 0:
		w.refused(n, d, rt, &l)
	case rt.Type == uapi.RTN_UNICAST:
		w.routeStep(n, l.OIF, &l)
		w.forward(n, d, rt, &l, mac)
	default:
		w.routeStep(n, d, &l)
		w.deliver(n, d, rt.Type)
	}
}

func backText(l *ipv4.Lookup) string {
	if l.Err != 0 || !l.Found {
		return "unknown"
	}
	return l.Text
}

func (w *walker) routeStep(n Node, d *dev.Device, l *ipv4.Lookup) {
	by := "the address itself"
	if l.Found {
		by = l.Text + " table " + fibrules.TableName(l.Table)
	}
	w.step(n, d, skb.PointRoute, typeText(l.Route.Type), by)
}

// refused ends a packet that no route takes.
func (w *walker) refused(n Node, d *dev.Device, rt *ipv4.Route, l *ipv4.Lookup) {
	if l.Found {
		w.step(n, d, skb.PointRoute, "unreachable", l.Text+" table "+fibrules.TableName(l.Table))
	}
	r := rt.Refusal(ipv4.InDev(d))
	if !r.Answers {
		w.end(n, d, nil, r.Reason)
		return
	}
	w.end(n, d, nil, r.Reason, "ICMP "+ipv4.ICMPName(wire.ICMPDestUnreach, r.Code)+" to the sender")
}

// forward passes the packet on (ip_forward).
func (w *walker) forward(n Node, d *dev.Device, rt *ipv4.Route, l *ipv4.Lookup, mac wire.MAC) {
	switch mtu := rt.ForwardMTU(w.number(n, "net/ipv4/ip_forward_use_pmtu", 0) != 0); {
	case mac.IsMulticast():
		f := w.facts(n, d)
		f.mac = mac
		w.drop(n, d, skb.ReasonNotSpecified, f.explain(skb.ReasonNotSpecified))
	case w.ttl <= 1:
		w.end(n, d, rt, skb.ReasonTTLExpired, "ICMP time exceeded in-transit to the sender")
	case w.f.DF && w.f.Size > mtu:
		w.end(n, d, rt, skb.ReasonPKTTooBig, fmt.Sprintf("ICMP need to frag (mtu %d) to the sender", mtu))
	default:
		w.ttl--
		if l.Redirect {
			w.step(n, d, skb.PointICMP, "redirect", fmt.Sprintf("the sender had better ask %v itself", addr4(rt.NextHop(num4(w.f.Dst)))))
		}
		w.step(n, rt.Dev, skb.PointForward, "forward", fmt.Sprintf("%s, TTL now %d", ipv4.InDev(d).Setting(ipv4.ConfForwarding), w.ttl))
		w.hooks(n, netfilter.Forward)
		w.egress(n, rt, mtu)
	}
}

// typeText returns the name of a route type as `ip route` spells it.
func typeText(t uint8) string {
	switch t {
	case uapi.RTN_UNICAST:
		return "unicast"
	case uapi.RTN_LOCAL:
		return "local"
	case uapi.RTN_BROADCAST:
		return "broadcast"
	case uapi.RTN_MULTICAST:
		return "multicast"
	}
	return fmt.Sprint(t)
}
