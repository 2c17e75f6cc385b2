package ipv4

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/l3mdev"
	"linen/net/netfilter"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// l3mdevPref is the priority of the rule that comes with the first VRF.
const l3mdevPref = 1000

// l3mdevEvent follows VRFs: the first brings the rule with it; a device that
// joins or leaves one loses its routes, which come back when it goes up
// (fib_netdev_event, vrf_add_fib_rules).
func (st *state) l3mdevEvent(e *dev.Event) {
	switch {
	case e.Type == dev.EventRegister && l3mdev.Is(e.Dev) && !st.vrfs.Load():
		st.vrfs.Store(true)
		st.ops.Add(&fibrules.Rule{
			Pref: l3mdevPref, Action: uapi.FR_ACT_TO_TBL, L3mdev: true, Proto: uapi.RTPROT_KERNEL, DSCPMask: dscp,
			SuppressPrefixLen: -1, SuppressIfgroup: -1,
		})
	case e.Type == dev.EventChangeUpper && e.Upper != nil && l3mdev.Is(e.Upper):
		st.disable(e.Dev, true)
	}
}

// setL3mdev sets the VRF that decides about f, by the device that it leaves or
// came in by. A VRF as the way out means its table and no device
// (l3mdev_update_flow).
func (st *state) setL3mdev(f *Flow) {
	for _, index := range [2]int{f.OIF, f.IIF} {
		if index <= dev.LoopbackIndex || f.L3mdev != 0 && index != f.OIF {
			continue
		}
		d := dev.ByIndex(st.n, index)
		if d == nil {
			continue
		}
		if m := l3mdev.Master(d); m != nil && f.L3mdev == 0 {
			f.L3mdev = m.Ifindex()
		}
		if index == f.OIF && l3mdev.Is(d) {
			f.OIF = 0
		}
	}
}

// vrfRcv makes a packet that came in by a port of a VRF one that came in by
// the VRF (l3mdev_ip_rcv, vrf_ip_rcv), and passes PREROUTING with that. It
// reports whether the packet goes on.
func (st *state) vrfRcv(c *kern.CPU, b *skb.Buff, port, vrf *dev.Device) bool {
	b.Dev = vrf
	b.IP.Sdif = int32(port.Ifindex())
	b.Iif = int32(vrf.Ifindex())
	vrf.CountRx(c, b.Len())
	if n := b.Len(); vrf.HasTaps() && b.PushToMac() {
		dev.ShowSent(c, vrf, b)
		b.Pull(b.Len() - n)
	}
	p := st.path.hooks
	return p.Empty(netfilter.IPv4, netfilter.PreRouting) ||
		p.Run(c, b, netfilter.State{Net: st.n, In: vrf, Family: netfilter.IPv4, Hook: netfilter.PreRouting, Cont: st.path.after.preRouting})
}

// showInVRF shows what this host sends by a port of a VRF to the taps on the VRF,
// with a link header of theirs (vrf_ip_out, vrf_finish_direct); groups and the limited
// broadcast are the port's alone.
func showInVRF(c *kern.CPU, b *skb.Buff) {
	rt := RouteOf(b)
	if rt == nil || rt.Type != uapi.RTN_UNICAST {
		return
	}
	vrf := rt.Dev.Master()
	if vrf == nil || !l3mdev.Is(vrf) || !vrf.HasTaps() {
		return
	}
	o := b.Copy(c)
	o.Cow(wire.EthHdrLen)
	h := (*wire.EthHdr)(o.Push(wire.EthHdrLen))
	h.SetDst(wire.MAC{})
	h.SetSrc(wire.MAC(vrf.Addr()))
	h.SetType(uapi.ETH_P_IP)
	dev.ShowSent(c, vrf, o)
	o.Consume(c)
}

// localDev returns the device by which this host reaches its own address on d:
// the VRF that d is in, or lo.
func (st *state) localDev(d *dev.Device) *dev.Device {
	if st.vrfs.Load() && d != nil {
		if m := l3mdev.Master(d); m != nil {
			return m
		}
	}
	return dev.Loopback(st.n)
}

// vrfIndex returns the index of the VRF that a received packet belongs to, or 0.
func (st *state) vrfIndex(b *skb.Buff) int {
	if !st.vrfs.Load() {
		return 0
	}
	if d, ok := b.Dev.(*dev.Device); ok && d != nil {
		if m := l3mdev.Master(d); m != nil {
			return m.Ifindex()
		}
	}
	return 0
}

// addrTypeIn is addrType for a socket bound to the device with an index, 0:
// none: in a VRF its table says what is ours (inet_addr_type_table).
func (st *state) addrTypeIn(index int, addr uint32) uint8 {
	if index != 0 && st.vrfs.Load() {
		if d := dev.ByIndex(st.n, index); d != nil {
			return st.addrTypeFor(d, addr)
		}
	}
	return st.addrType(addr, nil, nil)
}

// addrTypeFor returns the type of an address by the table of d's VRF, or by
// the local table (inet_addr_type_dev_table).
func (st *state) addrTypeFor(d *dev.Device, addr uint32) uint8 {
	if st.vrfs.Load() {
		if id := l3mdev.Table(d); id != 0 {
			return st.addrType(addr, nil, st.table(id))
		}
	}
	return st.addrType(addr, nil, nil)
}
