package bridge

import (
	"linen/net/dev"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// A Path is where a bridge sends a frame, for `linen why`.
type Path struct {
	Reason skb.Reason    // the frame is dropped for this
	By     string        // what decided, in words
	Local  bool          // the bridge's own host gets it
	Ports  []*dev.Device // it leaves by these
}

// Explain returns what the bridge of d does with a frame of size bytes, without
// its header, to dst: one that the port d has received, or that goes out by the
// bridge d itself. It is false when d is neither.
func Explain(d *dev.Device, dst wire.MAC, size int) (Path, bool) {
	if br := of(d); br != nil {
		return br.explain(nil, dst, size), true
	}
	p := portOf(d)
	if p == nil {
		return Path{}, false
	}
	if p.state.Load() != stateForwarding {
		return Path{Reason: skb.ReasonBridgeIngressStpState, By: "port " + d.Name() + " of " + p.br.dev.Name() + " is disabled"}, true
	}
	return p.br.explain(p, dst, size), true
}

// explain is distribute without a frame.
func (br *bridge) explain(from *port, dst wire.MAC, size int) Path {
	var path Path
	var to []*port
	e := br.fdb.find(dst)
	switch {
	case dst.IsMulticast():
		path.Local = from != nil
		path.By = dst.String() + " is a group"
		to = br.takers(from, kindOf(dst))
	case e != nil && e.local && from != nil:
		path.Local = true
		path.By = dst.String() + " is the bridge's own"
		return path
	case e != nil && e.port.Load() != nil:
		p := e.port.Load()
		path.By = dst.String() + " was learned on " + p.dev.Name()
		if allowed(from, p) {
			to = append(to, p)
		}
	default:
		path.By = dst.String() + " is not in the forwarding database"
		to = br.takers(from, floodUnicast)
	}
	path.Local = path.Local || from != nil && br.dev.RawFlags()&uapi.IFF_PROMISC != 0
	for _, p := range to {
		switch {
		case p.state.Load() != stateForwarding || !p.dev.Running():
			path.Reason = skb.ReasonBridgeFiltered
		case size > p.dev.MTU()+4:
			path.Reason = skb.ReasonPKTTooBig
			path.By += ", MTU of " + p.dev.Name()
		default:
			path.Ports = append(path.Ports, p.dev)
		}
	}
	if len(path.Ports) > 0 {
		path.Reason = 0
	} else if path.Reason == 0 && !path.Local {
		path.Reason = skb.ReasonBridgeFiltered
		if from == nil {
			path.Reason = skb.ReasonNoTxTarget
		}
	}
	return path
}

// takers returns the ports to which flood sends.
func (br *bridge) takers(from *port, kind floodKind) (list []*port) {
	for _, p := range br.portList() {
		if p.floods(kind) && allowed(from, p) {
			list = append(list, p)
		}
	}
	return list
}
