package mroute

import (
	"strconv"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// PIM's register messages (RFC 7761 §4.9.3; version 1 in IGMP).
const (
	pimHdrLen      = 8    // with the register's flags
	pimRegister    = 0x21 // version 2, type 1
	pimNull        = 0x40 // the null-register flag, in the first byte of the flags
	pimV1Register  = 1    // IGMP's code
	pimV1Version   = 0x10000000
	registerMTU    = 1500 - wire.IPv4HdrLen - pimHdrLen
	registerPrefix = "pimreg"
)

// register is the driver of a register device: what is sent by it goes to the
// daemon, which puts it into register messages; what comes in register messages
// is received by it.
type register struct{ st *State }

// newRegisterDevice makes a table's register device (ipmr_reg_vif). ENOBUFS: it
// cannot be.
func (t *table) newRegisterDevice() (*dev.Device, error) {
	name := registerPrefix
	if t.id != defaultTable {
		name += strconv.FormatUint(uint64(t.id), 10)
	}
	d := dev.New(t.st.n, name, register{t.st})
	d.Type = uapi.ARPHRD_PIMREG
	d.NetnsImmut, d.LLTX, d.NoQueue = true, true, true
	d.SetInitialMTU(registerMTU)
	d.SetInitialTxQueueLen(1000)
	d.SetInitialFlags(uapi.IFF_NOARP)
	if dev.Register(d) != nil {
		return nil, errno.ENOBUFS
	}
	return openOwn(d)
}

// openOwn brings up a device that was made for a VIF. ENOBUFS: it does not come up,
// and is gone again.
func openOwn(d *dev.Device) (*dev.Device, error) {
	in := ipv4.InDev(d)
	if in == nil || dev.Open(d) != nil {
		dev.Unregister(d)
		return nil, errno.ENOBUFS
	}
	in.SkipRPFilter()
	return d, nil
}

// Open does nothing.
func (register) Open(*dev.Device) error { return nil }

// Stop does nothing.
func (register) Stop(*dev.Device) {}

// Iflink says that there is no device below.
func (register) Iflink(*dev.Device) (int, *netns.Net) { return 0, nil }

// Xmit shows b to the daemon (reg_vif_xmit).
func (r register) Xmit(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	t := r.st.deflt
	if rules := r.st.rules.Load(); rules != nil {
		t = r.st.tableByRules(*rules, &fibrules.Key{IIF: dev.LoopbackIndex, OIF: d.Ifindex(), Mark: b.Mark})
	}
	d.CountTx(c, b.Len())
	if t != nil && b.MayPull(wire.IPv4HdrLen) {
		if h := (*wire.IPv4Hdr)(b.Data()); h.Version() == 4 && b.MayPull(h.IHL()) && h.IHL() >= wire.IPv4HdrLen {
			t.upcall(c, b, int(t.regVif.Load()), uapi.IGMPMSG_WHOLEPKT)
		}
	}
	b.Consume(c)
}

// pim takes a PIM message for this host: of registers the packet inside, the
// rest is the daemon's, by its raw socket (pim_rcv).
func (st *State) pim(c *kern.CPU, b *skb.Buff) {
	if !b.MayPull(1) || b.Data()[0] != pimRegister {
		b.Consume(c)
		return
	}
	if !b.MayPull(pimHdrLen + wire.IPv4HdrLen) {
		b.Drop(c, st.n, skb.ReasonPKTTooSmall)
		return
	}
	p := b.Data()
	if p[4]&pimNull != 0 {
		b.Consume(c)
		return
	}
	if csum.Checksum(p[:pimHdrLen]) != 0 && csum.Fold(b.Checksum(0, b.Len(), 0)) != 0 {
		b.Drop(c, st.n, skb.ReasonNotSpecified)
		return
	}
	st.decapsulate(c, b)
}

// pimV1 takes a PIM version 1 message for this host (pim_rcv_v1).
func (st *State) pimV1(c *kern.CPU, b *skb.Buff) {
	if !b.MayPull(pimHdrLen + wire.IPv4HdrLen) {
		b.Drop(c, st.n, skb.ReasonPKTTooSmall)
		return
	}
	h := (*wire.IGMPHdr)(b.Data())
	t := st.tableOfInput(b)
	if t == nil || !t.pim.Load() || h.Group() != pimV1Version || h.Code() != pimV1Register {
		b.Consume(c) // the daemon's too, by its raw socket
		return
	}
	st.decapsulate(c, b)
}

// tableOfInput returns the table of a received packet, or nil.
func (st *State) tableOfInput(b *skb.Buff) *table {
	rules := st.rules.Load()
	if rules == nil {
		return st.deflt
	}
	return st.tableByRules(*rules, &fibrules.Key{IIF: int(b.Iif), Mark: b.Mark})
}

// decapsulate has the packet in a register message received by the register
// device (__pim_rcv).
func (st *State) decapsulate(c *kern.CPU, b *skb.Buff) {
	t := st.tableOfInput(b)
	h := (*wire.IPv4Hdr)(b.Data()[pimHdrLen:])
	if t == nil || h.Daddr()>>28 != 0xe || h.TotLen() == 0 || h.TotLen()+pimHdrLen > b.Len() {
		b.Drop(c, st.n, skb.ReasonNotSpecified)
		return
	}
	i := t.regVif.Load()
	var v *vif
	if i >= 0 {
		v = t.vifs[i].Load()
	}
	if v == nil {
		b.Drop(c, st.n, skb.ReasonMcastNoVif)
		return
	}
	b.Pull(pimHdrLen)
	b.Scrub(c, false)
	b.Dst = nil
	b.SetMacHeader(0)
	b.SetNetworkHeader(0)
	b.Protocol, b.PktType, b.CsumState = uapi.ETH_P_IP, skb.PacketHost, skb.CsumNone
	n := b.Len()
	if dev.Rx(c, v.dev, b) {
		v.dev.CountRx(c, n)
	}
}
