package iptunnel

import (
	"encoding/binary"
	"sync/atomic"

	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// Sizes in bytes.
const (
	maxPacket  = 0xffff                      // IPv4's (RFC 791)
	maxMTU     = maxPacket - wire.IPv4HdrLen // of what goes inside
	linkHeader = 128                         // of a device that is not known yet (LL_MAX_HEADER)
	minMTU     = wire.IPv4MinMTU             // of a tunnel
	defaultMTU = uapi.ETH_DATA_LEN           // of a device that is not known yet
)

// parms are a tunnel's settings (struct ip_tunnel_parm). They do not change; a
// tunnel gets others. Addresses are in host order, 0: any.
type parms struct {
	local, remote uint32
	link          int    // index of the device that it sends by, or 0
	mark          uint32 // fwmark of the outer route's lookup
	ttl           uint8  // 0: the inner packet's
	tos           uint8  // 1: the inner packet's
	proto         uint8  // what it carries: IPPROTO_IPIP, or 0: anything, which is the same here
	df            bool   // the outer packet may not be cut (pmtudisc)
}

// A tunnel is a device's driver and the tunnel that it is (struct ip_tunnel).
type tunnel struct {
	dev   *dev.Device
	st    *state                // of the namespace that it was made in
	parms atomic.Pointer[parms] // never nil once it is registered

	errors  atomic.Int32 // ICMP errors to tell the next senders of
	errorAt atomic.Int64 // when the last one came, ktime.T
}

// of returns the tunnel of a device, or nil.
func of(d *dev.Device) *tunnel {
	t, _ := d.Ops.(*tunnel)
	return t
}

// setup fills in a device (ipip_tunnel_setup).
func setup(d *dev.Device) {
	d.Ops = &tunnel{dev: d}
	d.Type, d.AddrLen = uapi.ARPHRD_TUNNEL, 4
	d.LLTX, d.NoQueue, d.NAPI = true, true, true // gro_cells
	d.SetInitialFlags(uapi.IFF_NOARP)
	d.SetInitialTxQueueLen(1000)
	d.HWFeatures = dev.FeatSG | dev.FeatFragList | dev.FeatHWCsum | dev.FeatHighDMA | dev.FeatGSOSoftware
	d.SetInitialFeatures(d.HWFeatures | dev.FeatGSO | dev.FeatGRO)
}

// register makes t a device with the settings p, by reg, and has it found. The
// hardware's addresses are the tunnel's. mtu is what the maker asked for, or 0.
func (t *tunnel) register(st *state, p parms, mtu int, reg func() error) error {
	d := t.dev
	t.st = st
	t.parms.Store(&p)
	d.StoreAddrs(p.addrs())
	lower := t.lower()
	d.Headroom = wire.IPv4HdrLen + linkHeader
	if lower != nil {
		d.Headroom = wire.IPv4HdrLen + lower.HardHeaderLen + lower.Headroom
	}
	if err := reg(); err != nil {
		return err
	}
	own := t.bind(lower)
	if mtu == 0 {
		mtu = own
	}
	if err := dev.ChangeMTU(d, mtu); err != nil {
		dev.Unregister(d)
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.add(t)
	return nil
}

// lower returns the device that outer packets leave by: that of the route to the
// other end, or else the one that is asked for; nil: not known (ip_tunnel_bind_dev).
func (t *tunnel) lower() *dev.Device {
	p := t.parms.Load()
	if p.remote != 0 {
		f := p.way(p.tos)
		c := t.st.n.Kernel().Enter(0)
		rt, err := ipv4.RouteOutput(c, t.st.n, &f)
		c.Exit()
		if err == nil {
			return rt.Dev
		}
	}
	return dev.ByIndex(t.st.n, p.link)
}

// bind returns the MTU that a tunnel over the device lower has. One with an other
// end is POINTOPOINT from then on. The caller holds the RTNL.
func (t *tunnel) bind(lower *dev.Device) int {
	if t.parms.Load().remote != 0 {
		t.dev.AddFlags(uapi.IFF_POINTOPOINT)
	}
	mtu := defaultMTU
	if lower != nil {
		mtu = min(lower.MTU(), maxPacket)
	}
	return max(mtu-wire.IPv4HdrLen, minMTU)
}

// update gives t other settings (ip_tunnel_update). d is the device that was asked,
// which is t's own but for tunl0's ioctl. The MTU follows a change of the way
// unless keepMTU. The caller holds the RTNL of d.
func (t *tunnel) update(d *dev.Device, p parms, keepMTU bool) error {
	old := t.parms.Load()
	p.proto = old.proto // what it carries never changes
	t.st.mu.Lock()
	t.st.remove(t)
	t.parms.Store(&p)
	t.st.add(t)
	t.st.mu.Unlock()
	d.StoreAddrs(p.addrs())
	if old.link != p.link || old.mark != p.mark {
		mtu := t.bind(t.lower())
		if !keepMTU {
			d.SetInitialMTU(mtu)
		}
	}
	d.StateChange()
	return nil
}

// addrs returns the addresses as the device shows them: its own, and the other
// end's for the broadcast.
func (p *parms) addrs() (local, remote []byte) {
	return binary.BigEndian.AppendUint32(nil, p.local), binary.BigEndian.AppendUint32(nil, p.remote)
}

// way is the outer packets' flow; tos is the one that they have.
func (p *parms) way(tos uint8) ipv4.Flow {
	return ipv4.Flow{Daddr: p.remote, Saddr: p.local, OIF: p.link, TOS: tos, Mark: p.mark, Proto: uapi.IPPROTO_IPIP}
}

// Open does nothing.
func (*tunnel) Open(*dev.Device) error { return nil }

// Stop does nothing.
func (*tunnel) Stop(*dev.Device) {}

// Init does nothing: register does.
func (*tunnel) Init(*dev.Device) error { return nil }

// Uninit forgets the tunnel (ip_tunnel_uninit).
func (t *tunnel) Uninit(*dev.Device) {
	t.st.mu.Lock()
	defer t.st.mu.Unlock()
	t.st.remove(t)
}

// ChangeMTU agrees to what an IPv4 packet has room for (ip_tunnel_change_mtu).
// EINVAL.
func (*tunnel) ChangeMTU(_ *dev.Device, mtu int) error {
	if mtu < minMTU || mtu > maxMTU {
		return errno.EINVAL
	}
	return nil
}

// Iflink returns the device that the tunnel is bound to, 0: none, in the
// namespace that it was made in.
func (t *tunnel) Iflink(*dev.Device) (int, *netns.Net) { return t.parms.Load().link, t.st.n }
