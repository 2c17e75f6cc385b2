package why

import (
	"fmt"

	"linen/drivers/net/veth"
	"linen/net/bridge"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/wire"
)

// Bounds of a frame's way: a loop of bridges has no end, and parallel cables
// multiply what goes round.
const (
	maxLinkHops  = 32
	maxLinkSends = 500
)

// arrival is a device that a frame would reach.
type arrival struct {
	dev   *dev.Device
	steps []Event
}

// crossing is one frame's way over links and bridges.
type crossing struct {
	scope
	mac      wire.MAC
	size     int
	sent     int
	arrivals []arrival
	ends     []lost // where copies of it end
}

// lost is the end of a copy.
type lost struct {
	steps []Event
	by    cause
	at    *dev.Device
	why   skb.Reason
	leave bool // it goes where nobody here can see
}

// cross returns where a frame to mac goes that is sent by d.
func (s scope) cross(d *dev.Device, mac wire.MAC, size int) *crossing {
	x := &crossing{scope: s, mac: mac, size: size}
	x.send(d, nil, 0)
	return x
}

// step adds a step at d to a copy's steps, which other copies share.
func (x *crossing) step(steps []Event, d *dev.Device, p skb.Point, verdict, by string) []Event {
	return append(steps[:len(steps):len(steps)], Event{
		Node: x.name(d.Net()), Device: d.Name(), Kind: KindStep, Point: p, Verdict: verdict, By: by,
	})
}

func (x *crossing) end(d *dev.Device, r skb.Reason, steps []Event) {
	f := facts{scope: x.scope, node: Node{x.name(d.Net()), d.Net()}, dev: d, size: x.size, mac: x.mac}
	x.ends = append(x.ends, lost{steps: steps, by: f.explain(r), at: d, why: r})
}

// send follows a frame out of d.
func (x *crossing) send(d *dev.Device, steps []Event, depth int) {
	if x.sent++; depth > maxLinkHops || x.sent > maxLinkSends {
		x.end(d, skb.ReasonRecursionLimit, steps)
		return
	}
	if !d.IsUp() {
		x.end(d, skb.ReasonDevReady, steps)
		return
	}
	steps = x.step(steps, d, skb.PointDevTx, "", "")
	if d.IsLoopback() {
		x.receive(d, steps, depth+1)
		return
	}
	if path, ok := bridge.Explain(d, x.mac, x.size); ok && d.Kind == "bridge" {
		x.bridged(d, d, path, steps, depth)
		return
	}
	peer := veth.Peer(d)
	if peer == nil {
		x.ends = append(x.ends, lost{steps: steps, at: d, leave: true})
		return
	}
	if cfg, ok := veth.Impairment(d); ok {
		if cfg.Loss.P >= 1 {
			x.end(d, skb.ReasonLinkLoss, steps)
			return
		}
		steps = x.step(steps, d, skb.PointLink, "impaired", impairText(cfg.Loss.P*100, cfg.Delay.String(), cfg.Jitter.String(), cfg.Rate))
	}
	switch {
	case !peer.IsUp():
		x.end(d, skb.ReasonDevReady, steps)
	case x.size > peer.MTU()+4: // 4: a VLAN tag
		x.end(d, skb.ReasonPKTTooBig, steps)
	default:
		x.receive(peer, steps, depth+1)
	}
}

func impairText(loss float64, delay, jitter string, rate uint64) string {
	s := fmt.Sprintf("loss %g%%, delay %s, jitter %s", loss, delay, jitter)
	if rate != 0 {
		s += fmt.Sprintf(", rate %d bit/s", rate)
	}
	return s
}

// receive follows a frame into d.
func (x *crossing) receive(d *dev.Device, steps []Event, depth int) {
	if !d.Running() {
		x.end(d, skb.ReasonDevReady, steps)
		return
	}
	steps = x.step(steps, d, skb.PointDevRx, "", "")
	if path, ok := bridge.Explain(d, x.mac, x.size); ok && d.Kind != "bridge" {
		x.bridged(d.Master(), d, path, steps, depth)
		return
	}
	x.arrivals = append(x.arrivals, arrival{d, steps})
}

// bridged follows a frame through the bridge br, which got it by d.
func (x *crossing) bridged(br, d *dev.Device, path bridge.Path, steps []Event, depth int) {
	if path.Reason != 0 {
		x.end(d, path.Reason, steps)
		return
	}
	if br == nil {
		br = d
	}
	verdict := "forward"
	if len(path.Ports) > 1 {
		verdict = "flood"
	}
	if path.Local {
		up := x.step(steps, br, skb.PointBridge, "local", path.By)
		if br.IsUp() {
			x.arrivals = append(x.arrivals, arrival{br, up})
		} else if len(path.Ports) == 0 {
			x.end(br, skb.ReasonDevReady, up)
		}
	}
	for _, p := range path.Ports {
		x.send(p, x.step(steps, br, skb.PointBridge, verdict, path.By), depth+1)
	}
}

// answer is who has an address on a link.
type answer struct {
	dev *dev.Device
	mac wire.MAC
}

// whoAnswers returns who would answer an ARP request for addr that src sends
// by d; nil, and why, when nobody would.
func (s scope) whoAnswers(d *dev.Device, addr, src uint32) (*answer, string) {
	x := s.cross(d, wire.BroadcastMAC(), wire.ARPEthLen)
	why := "nobody on the link has " + addr4(addr).String()
	for _, a := range x.arrivals {
		ok, by := ipv4.AnswersARP(a.dev.Net(), a.dev, addr, src)
		if !ok {
			if ipv4.IsLocal(a.dev.Net(), addr) {
				why = s.name(a.dev.Net()) + ": " + by
			}
			continue
		}
		if mac, ok := wire.MACFrom(a.dev.Addr()); ok {
			return &answer{a.dev, mac}, by
		}
	}
	if len(x.arrivals) == 0 && len(x.ends) > 0 {
		if e := x.ends[0]; !e.leave {
			why = "the question does not arrive: " + e.by.by
		} else {
			why = "who is behind " + e.at.Name() + " is not known"
		}
	}
	return nil, why
}
