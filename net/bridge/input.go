package bridge

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// receive takes a frame of the port p (br_handle_frame): its data begin behind
// the link header.
func (p *port) receive(c *kern.CPU, b *skb.Buff) dev.RxResult {
	if b.PktType == skb.PacketLoopback {
		return dev.RxPass
	}
	h, ok := wire.AsEth(b.Mac())
	n := p.dev.Net()
	if !ok {
		b.Drop(c, n, skb.ReasonPKTTooSmall)
		return dev.RxConsumed
	}
	src, dst := h.Src(), h.Dst()
	if src.IsMulticast() || src == (wire.MAC{}) {
		b.Drop(c, n, skb.ReasonMacInvalidSource)
		return dev.RxConsumed
	}
	if reserved(dst) {
		if result, decided := p.control(c, b, dst); decided {
			return result
		}
	}
	if p.state.Load() != stateForwarding {
		b.Drop(c, n, skb.ReasonBridgeIngressStpState)
		return dev.RxConsumed
	}
	if p.has(flagLearning) {
		p.br.fdb.learn(c, p, src)
	}
	return p.br.distribute(c, b, p, dst)
}

// reserved reports whether dst is one of 01:80:c2:00:00:00 to 0f
// (IEEE 802.1D §7.12.6).
func reserved(dst wire.MAC) bool {
	return dst[0] == 1 && dst[1] == 0x80 && dst[2] == 0xc2 && dst[3] == 0 && dst[4] == 0 && dst[5]&0xf0 == 0
}

// control decides about frames of link protocols: pause frames end here,
// others stay on the link unless group_fwd_mask says otherwise; without STP
// its frames are ordinary ones.
func (p *port) control(c *kern.CPU, b *skb.Buff, dst wire.MAC) (dev.RxResult, bool) {
	switch dst[5] {
	case 0:
		return 0, false
	case 1: // IEEE 802.3x pause
		b.Drop(c, p.dev.Net(), skb.ReasonMacIeeeMacControl)
		return dev.RxConsumed, true
	}
	if p.br.groupFwdMask.Load()&(1<<dst[5]) != 0 {
		return 0, false
	}
	return dev.RxPass, true
}

// distribute sends a received frame where it belongs (br_handle_frame_finish).
func (br *bridge) distribute(c *kern.CPU, b *skb.Buff, from *port, dst wire.MAC) dev.RxResult {
	n := br.dev.Net()
	var to *port
	local := br.dev.RawFlags()&uapi.IFF_PROMISC != 0 || br.dev.Promiscuity() > 0
	kind := floodUnicast
	switch {
	case dst.IsMulticast():
		local, kind = true, kindOf(dst)
	default:
		e := br.fdb.find(dst)
		if e != nil && e.local {
			b.PktType = skb.PacketHost
			return br.passUp(c, b)
		}
		if e != nil {
			to = e.port.Load()
		}
	}
	if n.Tracing.Load() {
		br.trace(c, b, to, dst)
	}
	up := b
	if local {
		up = b.Clone(c)
	}
	switch {
	case to != nil && allowed(from, to):
		br.send(c, b, to)
	case to != nil:
		b.Drop(c, n, skb.ReasonBridgeFiltered)
	default:
		br.flood(c, b, from, kind)
	}
	if !local {
		return dev.RxConsumed
	}
	up.Dev = br.dev
	br.dev.CountRx(c, up.Len()+wire.EthHdrLen)
	dev.Rx(c, br.dev, up)
	return dev.RxConsumed
}

func (br *bridge) trace(c *kern.CPU, b *skb.Buff, to *port, dst wire.MAC) {
	e := skb.Event{Point: skb.PointBridge, Device: br.dev.Name(), Verdict: "flood", By: dst.String() + " is not in the forwarding database"}
	switch {
	case dst.IsMulticast():
		e.By = dst.String() + " is a group"
	case to != nil:
		e.Verdict, e.By = "forward", dst.String()+" was learned on "+to.dev.Name()
	}
	skb.Trace(c, br.dev.Net(), b, e)
}

// passUp gives b to the protocols as received by the bridge
// (br_pass_frame_up).
func (br *bridge) passUp(c *kern.CPU, b *skb.Buff) dev.RxResult {
	if !br.dev.IsUp() {
		b.Drop(c, br.dev.Net(), skb.ReasonDevReady)
		return dev.RxConsumed
	}
	br.dev.CountRx(c, b.Len()+wire.EthHdrLen)
	b.Dev = br.dev
	return dev.RxAnother
}

// floodKind is what is flooded; a port may refuse each kind.
type floodKind uint8

const (
	floodUnicast floodKind = iota
	floodMulticast
	floodBroadcast
)

func kindOf(dst wire.MAC) floodKind {
	if dst.IsBroadcast() {
		return floodBroadcast
	}
	return floodMulticast
}

// flood sends copies of b to every port that may have it (br_flood); the last
// gets b itself.
func (br *bridge) flood(c *kern.CPU, b *skb.Buff, from *port, kind floodKind) {
	var last *port
	for _, p := range br.portList() {
		if !p.floods(kind) || !allowed(from, p) {
			continue
		}
		if last != nil {
			br.send(c, b.Clone(c), last)
		}
		last = p
	}
	if last == nil {
		if from == nil {
			b.Drop(c, br.dev.Net(), skb.ReasonNoTxTarget)
			return
		}
		b.Drop(c, br.dev.Net(), skb.ReasonBridgeFiltered)
		return
	}
	br.send(c, b, last)
}

func (p *port) floods(kind floodKind) bool {
	return p.has([...]uint32{floodUnicast: flagFlood, floodMulticast: flagMcastFlood, floodBroadcast: flagBcastFlood}[kind])
}

// allowed reports whether a frame from one port (nil: the bridge's own) may
// leave by another (should_deliver).
func allowed(from, to *port) bool {
	if to.state.Load() != stateForwarding {
		return false
	}
	return from == nil || (from != to || to.has(flagHairpin)) && !(from.has(flagIsolated) && to.has(flagIsolated))
}

// send transmits b by the port p (__br_forward).
func (br *bridge) send(c *kern.CPU, b *skb.Buff, p *port) {
	if p.state.Load() != stateForwarding || !p.dev.Running() {
		b.Drop(c, br.dev.Net(), skb.ReasonBridgeFiltered)
		return
	}
	if b.Len() > p.dev.MTU()+4 && !b.IsGSO() { // 4: a VLAN tag
		b.Drop(c, br.dev.Net(), skb.ReasonPKTTooBig)
		return
	}
	b.PushToMac()
	b.Tstamp = 0
	b.Dev = p.dev
	dev.Xmit(c, b)
}
