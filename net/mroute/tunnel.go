package mroute

import (
	"encoding/binary"
	"fmt"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// newTunnelDevice makes the IP-in-IP device of a tunnel's VIF, by which packets
// from the other end come in (ipmr_new_tunnel). ENOBUFS: there are no such devices
// here, or it cannot be.
func (t *table) newTunnelDevice(ctl *uapi.Vifctl) (*dev.Device, error) {
	n := t.st.n
	base := dev.Autoload(n, "tunl0")
	if base == nil {
		return nil, errno.ENOBUFS
	}
	ctlr, ok := base.Ops.(dev.Tunneller)
	if !ok {
		return nil, errno.ENOBUFS
	}
	name := fmt.Sprintf("dvmrp%d", ctl.Vifi)
	var p uapi.IPTunnelParm
	copy(p.Name[:], name)
	h := (*wire.IPv4Hdr)(&p.IPH)
	h.SetVerIHL(wire.IPv4HdrLen)
	h.SetProto(uapi.IPPROTO_IPIP)
	h.SetSaddr(binary.BigEndian.Uint32(ctl.Local[:]))
	h.SetDaddr(binary.BigEndian.Uint32(ctl.Remote[:]))
	if ctlr.TunnelCtl(base, uapi.SIOCADDTUNNEL, &p, true) != nil {
		return nil, errno.ENOBUFS
	}
	d := dev.ByName(n, name)
	if d == nil {
		return nil, errno.ENOBUFS
	}
	d.AddFlags(uapi.IFF_MULTICAST)
	return openOwn(d)
}

// tunnel sends b to the other end of a tunnel's VIF, past its device: nobody but
// this router knows whom it is for (ipmr_queue_xmit). It owns b.
func (v *vif) tunnel(c *kern.CPU, b *skb.Buff, by string) {
	n := v.dev.Net()
	to := ipv4.McTunnel{Local: binary.BigEndian.Uint32(v.local[:]), Remote: binary.BigEndian.Uint32(v.remote[:])}
	h := (*wire.IPv4Hdr)(b.Data())
	f := ipv4.Flow{Daddr: to.Remote, Saddr: to.Local, TOS: h.TOS(), Proto: uapi.IPPROTO_IPIP}
	rt, err := ipv4.RouteOutput(c, n, &f)
	if err != nil {
		b.Drop(c, n, skb.ReasonIPOutnoroutes)
		return
	}
	if rt.TooBigToForward(c, b, wire.IPv4HdrLen) {
		b.Drop(c, n, skb.ReasonPKTTooBig)
		return
	}
	v.countOut(b.Len())
	if b.IsGSO() {
		dev.Segment(c, v.dev, b, func(s *skb.Buff) { v.dev.CountTx(c, ipv4.ForwardInTunnel(c, s, rt, to, by)) })
		return
	}
	v.dev.CountTx(c, ipv4.ForwardInTunnel(c, b, rt, to, by))
}
