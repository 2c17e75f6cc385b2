// Package bridge is the learning Ethernet bridge: the link kind "bridge", its
// ports, its forwarding database.
//
// A frame that a port receives is taken from the device's rx_handler: its
// source is learned, and it goes to the port that its destination was learned
// on, to all ports when that is unknown or a group, and up the stack when it
// is the bridge's own.
//
// Linux files: net/bridge/br.c, br_if.c, br_input.c, br_forward.c, br_fdb.c,
// br_netlink.c. Standard: IEEE 802.1D. Not done: the spanning tree protocol
// (switching it on is EOPNOTSUPP), VLAN filtering, multicast snooping,
// netfilter's bridge hooks, ARP suppression.
package bridge

import (
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/wire"
)

// Defaults of a new bridge and of a port.
const (
	defaultAgeing     = 300 * time.Second // IEEE 802.1D §7.9.2
	defaultForward    = 15 * time.Second
	defaultHello      = 2 * time.Second
	defaultMaxAge     = 20 * time.Second
	defaultPriority   = 0x8000
	defaultPortPrio   = 32
	maxPorts          = 1 << 10 // BR_MAX_PORTS
	defaultGroupAddr5 = 0x00    // 01:80:c2:00:00:00
)

// bridge is the driver of one bridge.
type bridge struct {
	dev   *dev.Device
	ports atomic.Pointer[[]*port] // a snapshot; changed under the RTNL
	fdb   fdb

	ageing       atomic.Int64 // nanoseconds
	groupFwdMask atomic.Uint32
	groupAddr    atomic.Pointer[wire.MAC]

	// Under the RTNL.
	forwardDelay, hello, maxAge time.Duration
	priority                    uint16
	addrSet                     bool // the address was given, not taken from a port
	mtuSet                      bool
}

// port is a device that belongs to a bridge.
type port struct {
	br    *bridge
	dev   *dev.Device
	no    uint16 // from 1
	state atomic.Uint32
	flags atomic.Uint32

	// Under the RTNL.
	priority uint8
	cost     uint32
	settled  ktime.T // when its forward delay is over, which without STP has no effect
}

// Port flags.
const (
	flagHairpin = 1 << iota
	flagGuard
	flagRootBlock
	flagFastLeave
	flagLearning
	flagFlood
	flagMcastFlood
	flagBcastFlood
	flagProxyARP
	flagProxyARPWifi
	flagMcastToUcast
	flagNeighSuppress
	flagIsolated
	flagLocked
	flagMAB
	flagNeighVLANSuppress

	defaultFlags = flagLearning | flagFlood | flagMcastFlood | flagBcastFlood
)

// Port states (BR_STATE_*).
const (
	stateDisabled   = 0
	stateForwarding = 3
	stateBlocking   = 4
)

// perNet is what a namespace holds for bridges.
type perNet struct{ remove func() }

var (
	key     = netns.NewKey[perNet]("bridge")
	portKey = dev.NewKey[port]("bridge port")
)

// Pernet makes the link kind "bridge" known in a namespace.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*perNet, error) {
		dev.Kinds(n).Register(&rtnl.LinkKind[*dev.Device]{
			Name: "bridge", Setup: setup, Policy: linkPolicy, SlavePolicy: portPolicy,
			Validate: validate, New: newLink, Change: changeLink, Fill: fillLink, Delete: deleteLink,
			SlaveChange: changePort, SlaveFill: func(m *netlink.Msg, _, d *dev.Device) { fillPort(m, d) },
		})
		registerFDB(n)
		registerLinks(n)
		remove, err := dev.Notifiers(n).Add(0, event)
		return &perNet{remove}, err
	}, func(_ *netns.Net, p *perNet) { p.remove() })
}

// of returns the bridge whose device d is, or nil.
func of(d *dev.Device) *bridge {
	br, _ := d.Ops.(*bridge)
	return br
}

// portOf returns the port that d is, or nil.
func portOf(d *dev.Device) *port { return portKey.Of(d) }

func (br *bridge) portList() []*port {
	if l := br.ports.Load(); l != nil {
		return *l
	}
	return nil
}

// Open starts the bridge's ports (br_dev_open).
func (br *bridge) Open(*dev.Device) error {
	for _, p := range br.portList() {
		if p.dev.IsUp() && p.dev.Carrier() {
			p.enable()
		}
	}
	br.fdb.start()
	return nil
}

// Stop stops the bridge's ports (br_dev_stop).
func (br *bridge) Stop(*dev.Device) {
	for _, p := range br.portList() {
		p.disable()
	}
	br.fdb.stop()
}

// SetMAC changes the bridge's own address, which it then keeps.
func (br *bridge) SetMAC(_ *dev.Device, addr []byte) error {
	if err := validMAC(addr); err != nil {
		return err
	}
	br.addrSet = true
	br.fdb.moveLocal(nil, br.dev.Addr(), addr)
	return nil
}

// ValidateMAC agrees to any address: a bridge without ports has none yet.
func (br *bridge) ValidateMAC(*dev.Device, []byte) error { return nil }

// ChangeMTU keeps the MTU from following the ports from now on.
func (br *bridge) ChangeMTU(*dev.Device, int) error {
	br.mtuSet = true
	return nil
}

// AddSlave makes d a port (br_add_if).
func (br *bridge) AddSlave(_, d *dev.Device) error { return br.addPort(d) }

// DelSlave releases the port d (br_del_if).
func (br *bridge) DelSlave(_, d *dev.Device) error { return br.delPort(d) }

// Xmit sends a frame of the bridge's own (br_dev_xmit).
func (br *bridge) Xmit(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	h, ok := wire.AsEth(b.Data())
	if !ok {
		b.Drop(c, d.Net(), skb.ReasonPKTTooSmall)
		return
	}
	d.CountTx(c, b.Len())
	dst := h.Dst()
	b.SetMacHeader(0)
	b.Pull(wire.EthHdrLen)
	if dst.IsMulticast() {
		br.flood(c, b, nil, kindOf(dst))
		return
	}
	if e := br.fdb.find(dst); e != nil {
		if p := e.port.Load(); p != nil {
			br.send(c, b, p)
			return
		}
	}
	br.flood(c, b, nil, floodUnicast)
}

// event follows what happens to ports (br_device_event).
func event(e *dev.Event) error {
	p := portOf(e.Dev)
	if p == nil {
		return nil
	}
	br := p.br
	switch e.Type {
	case dev.EventUp, dev.EventChange:
		p.follow()
	case dev.EventDown:
		p.disable()
		br.updateCarrier()
	case dev.EventChangeAddr:
		br.fdb.dropLocal(p)
		br.fdb.addLocal(p, wire.MAC(e.Dev.Addr()))
		br.recalculate()
	case dev.EventChangeMTU:
		br.recalculate()
	case dev.EventPreTypeChange:
		return errForbidden
	case dev.EventUnregister:
		br.delPort(e.Dev)
	}
	return nil
}

// follow enables or disables p as its link is.
func (p *port) follow() {
	if p.dev.IsUp() && p.dev.Carrier() && p.br.dev.IsUp() {
		p.enable()
	} else if !p.dev.IsUp() || !p.dev.Carrier() {
		p.disable()
	}
	p.br.updateCarrier()
}

// enable lets p forward; without STP there is no listening and learning first.
func (p *port) enable() {
	if p.state.Swap(stateForwarding) != stateForwarding {
		p.settled = p.dev.Kernel().Now().Add(p.br.forwardDelay)
	}
	p.br.updateCarrier()
}

func (p *port) disable() {
	if p.state.Swap(stateDisabled) != stateDisabled {
		p.br.fdb.dropPort(p, false)
		p.br.updateCarrier()
	}
}

// updateCarrier gives the bridge a carrier while a port forwards
// (br_port_state_selection).
func (br *bridge) updateCarrier() {
	for _, p := range br.portList() {
		if p.state.Load() == stateForwarding {
			br.dev.CarrierOn()
			return
		}
	}
	if br.dev.IsUp() {
		br.dev.CarrierOff()
	}
}

// has reports whether a flag is set.
func (p *port) has(f uint32) bool { return p.flags.Load()&f != 0 }
