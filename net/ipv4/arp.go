package ipv4

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/neigh"
	"linen/net/netfilter"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// arpState is what ARP holds in a namespace. Linux file: net/ipv4/arp.c;
// RFC 826, RFC 5227, RFC 1027.
type arpState struct {
	tbl    *neigh.Table
	hooks  *netfilter.Points
	in     netfilter.Continuation
	out    netfilter.Continuation
	remove func() // of the packet type
}

// The points of the arp family (NF_ARP_IN, NF_ARP_OUT).
const (
	nfARPIn  netfilter.HookNum = 0
	nfARPOut netfilter.HookNum = 1
)

// arpInit gives the neighbour table its protocol and takes ETH_P_ARP.
func (st *state) arpInit() {
	a, n := &st.arp, st.n
	a.tbl = neigh.Of(n).V4
	a.hooks = netfilter.PointsOf(n)
	a.in = a.hooks.Continue(func(c *kern.CPU, b *skb.Buff, s netfilter.State) { of(s.Net).arpProcess(c, b) })
	a.out = a.hooks.Continue(func(c *kern.CPU, b *skb.Buff, _ netfilter.State) { dev.Xmit(c, b) })
	a.tbl.SetOps(neigh.Ops{
		Construct:      arpConstruct,
		Solicit:        arpSolicit,
		Unreachable:    linkFailure,
		ProxyRedo:      arpProxyRedo,
		EvictNoCarrier: func(d *dev.Device) bool { in := InDev(d); return in == nil || in.ARPEvictNocarrier() },
		MulticastKey:   func(k *neigh.Key) bool { return isMulticast(k.IP4()) },
	})
	st.data.announce = st.arpAnnounce
	st.data.flushNeigh = a.tbl.DeviceDown
	st.data.forgetNeigh = func(d *dev.Device, addr uint32) {
		if nb := a.tbl.Find(d, neigh.Key4(addr)); nb != nil && nb.State()&neigh.Valid == 0 {
			if nb.State()&^uapi.NUD_NOARP != 0 {
				nb.Update(nil, nil, uapi.NUD_FAILED, neigh.Override|neigh.Admin, 0)
			}
			a.tbl.Remove(nb)
		}
	}
	st.data.neighOK = func(d *dev.Device, gateway uint32) bool {
		nb := a.tbl.Find(d, neigh.Key4(gateway))
		return nb == nil || nb.State()&neigh.Valid != 0
	}
	st.arpProc()
	a.remove = dev.AddPacketType(n, &dev.PacketType{Proto: uapi.ETH_P_ARP, Name: "arp_rcv", Recv: arpRcv})
}

// arpExit undoes arpInit.
func (st *state) arpExit() { st.arp.remove() }

// arpConstruct decides about a new entry (arp_constructor): groups and
// broadcast addresses resolve without asking, devices without ARP need none.
func arpConstruct(nb *neigh.Neigh) error {
	d := nb.Dev
	if InDev(d) == nil {
		return errno.EINVAL
	}
	if d.Flags()&(uapi.IFF_LOOPBACK|uapi.IFF_POINTOPOINT) != 0 {
		nb.Key = neigh.Key{} // all share one entry
	}
	a := nb.IP4()
	nb.Type = of(nb.Table.Net()).addrTypeFor(d, a)
	switch {
	case d.HeaderOps == nil:
		nb.Init(uapi.NUD_NOARP, nil)
	case nb.Type == uapi.RTN_MULTICAST && d.AddrLen == 6:
		// RFC 1112 §6.4: 01:00:5e and the low 23 bits.
		nb.Init(uapi.NUD_NOARP, []byte{1, 0, 0x5e, byte(a>>16) & 0x7f, byte(a >> 8), byte(a)})
	case d.Flags()&(uapi.IFF_NOARP|uapi.IFF_LOOPBACK) != 0:
		nb.Init(uapi.NUD_NOARP, d.Addr())
	case nb.Type == uapi.RTN_BROADCAST || d.Flags()&uapi.IFF_POINTOPOINT != 0:
		nb.Init(uapi.NUD_NOARP, d.Broadcast())
	}
	return nil
}

// arpSolicit asks for nb's address (arp_solicit): unicast while it has one and
// its unicast probes last, else by broadcast.
func arpSolicit(c *kern.CPU, nb *neigh.Neigh, b *skb.Buff, probes int) {
	d, target := nb.Dev, nb.IP4()
	in := InDev(d)
	if in == nil {
		return
	}
	saddr := arpSource(in, b, target)
	if saddr == 0 {
		saddr = SelectSource(d, target, uapi.RT_SCOPE_LINK)
	}
	probes -= nb.Parms.Int(neigh.UcastProbes)
	var dst []byte
	switch {
	case probes < 0:
		if nb.State()&neigh.Valid != 0 {
			dst = nb.Addr()
		}
	case probes < nb.Parms.Int(neigh.AppProbes):
		nb.AskUser(c)
		return
	}
	arpSend(c, d, uapi.ARPOP_REQUEST, target, saddr, dst, nil, nil)
}

// arpSource chooses the sender's address by arp_announce from the packet that
// waits; 0: SelectSource does.
func arpSource(in *InDevice, b *skb.Buff, target uint32) uint32 {
	if b == nil {
		return 0
	}
	h, ok := wire.AsIPv4(b.Network())
	if !ok {
		return 0
	}
	s := h.Saddr()
	switch in.ARPAnnounce() {
	case 0: // any local address
		if IsLocal(in.st.n, s) {
			return s
		}
	case 1: // one in the target's subnet
		if IsLocal(in.st.n, s) && in.OnLink(target, s) {
			return s
		}
	}
	return 0
}

// arpSend sends one ARP packet (arp_send): to dstHW or by broadcast, with the
// addresses of src and target; nil hardware addresses are the device's own and
// zero.
func arpSend(c *kern.CPU, d *dev.Device, op uint16, target, src uint32, dstHW, srcHW, targetHW []byte) {
	if d.Flags()&uapi.IFF_NOARP != 0 || d.AddrLen != 6 {
		return
	}
	if srcHW == nil {
		srcHW = d.Addr()
	}
	if dstHW == nil {
		dstHW = d.Broadcast()
	}
	b := skb.Alloc(c, wire.ARPEthLen)
	p, _ := wire.NewARPEth(b.Put(wire.ARPEthLen), arpHType(d), op)
	p.SetSender(wire.MAC(srcHW), src)
	var tha wire.MAC
	if targetHW != nil {
		tha = wire.MAC(targetHW)
	}
	p.SetTarget(tha, target)
	b.Dev, b.Protocol = d, uapi.ETH_P_ARP
	b.SetNetworkHeader(0)
	n := d.Net()
	if !d.Header(b, uapi.ETH_P_ARP, dstHW, srcHW) {
		b.Drop(c, n, skb.ReasonNeighHhFillfail)
		return
	}
	if a := &of(n).arp; !a.hooks.Empty(netfilter.ARP, nfARPOut) {
		if !a.hooks.Run(c, b, netfilter.State{Net: n, Out: d, Family: netfilter.ARP, Hook: nfARPOut, Cont: a.out}) {
			return
		}
	}
	dev.Xmit(c, b)
}

// arpHType returns ar$hrd of d's packets.
func arpHType(d *dev.Device) uint16 { return d.Type }

// arpAnnounce tells d's link each of its addresses: a request for itself, RFC
// 5227 §3 (inetdev_send_gratuitous_arp). The caller is on no CPU.
func (st *state) arpAnnounce(d *dev.Device) {
	in := InDev(d)
	if in == nil {
		return
	}
	c := st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	for _, a := range in.Addrs() {
		arpSend(c, d, uapi.ARPOP_REQUEST, a.Local, a.Local, nil, d.Addr(), nil)
	}
}
