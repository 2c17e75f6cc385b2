package iptunnel

import (
	"linen/net/dev"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// TunnelNets returns the namespaces of d, of the tunnel that it is, and of the one
// that p means.
func (t *tunnel) TunnelNets(d *dev.Device, p *uapi.IPTunnelParm) []*netns.Net {
	nets := []*netns.Net{d.Net(), t.st.n}
	q := fromIoctl(p)
	if o := t.st.find(&q); o != nil {
		nets = append(nets, o.dev.Net())
	}
	return nets
}

// TunnelCtl answers the ioctls of ip-tunnel(8) (ipip_tunnel_ctl, ip_tunnel_ctl). d
// is a tunnel, or tunl0 for the tunnel that p describes. EPERM: not for everyone, or
// tunl0 is to go; EINVAL: a header that makes no sense, or a change of what cannot
// change; EEXIST, ENOENT: there is such a tunnel, or there is none.
func (t *tunnel) TunnelCtl(d *dev.Device, cmd uint32, p *uapi.IPTunnelParm, admin bool) error {
	set := cmd == uapi.SIOCADDTUNNEL || cmd == uapi.SIOCCHGTUNNEL
	if h := (*wire.IPv4Hdr)(&p.IPH); set && (h.Version() != 4 || h.IHL() != wire.IPv4HdrLen ||
		h.Proto() != 0 && h.Proto() != uapi.IPPROTO_IPIP || h.FragOff()&^wire.IPv4DF != 0) {
		return errno.EINVAL
	}
	p.IFlags, p.OFlags, p.IKey, p.OKey = 0, 0, 0, 0 // ipip has no keys
	q := fromIoctl(p)
	switch cmd {
	case uapi.SIOCGETTUNNEL:
		if t == t.st.fallback {
			if o := t.st.find(&q); o != nil {
				t = o
			}
		}
		t.toIoctl(p)
		return nil
	case uapi.SIOCADDTUNNEL, uapi.SIOCCHGTUNNEL, uapi.SIOCDELTUNNEL:
		if !admin {
			return errno.EPERM
		}
	}
	switch cmd {
	case uapi.SIOCADDTUNNEL:
		return t.st.create(uapi.CString(p.Name[:]), q)
	case uapi.SIOCCHGTUNNEL:
		return t.change(q)
	case uapi.SIOCDELTUNNEL:
		if t == t.st.fallback {
			if t = t.st.find(&q); t == nil {
				return errno.ENOENT
			}
			if t == t.st.fallback {
				return errno.EPERM
			}
		}
		dev.Unregister(t.dev)
		return nil
	}
	return errno.EINVAL
}

// create makes a tunnel for an ioctl; "" is a name of the kernel's choice
// (ip_tunnel_create).
func (st *state) create(name string, p parms) error {
	if st.find(&p) != nil {
		return errno.EEXIST
	}
	if name == "" {
		name = kindName + "%d"
	}
	d := dev.New(st.n, name, nil)
	d.Kind = kindName
	setup(d)
	d.MinMTU, d.MaxMTU = minMTU, maxMTU
	local, _ := p.addrs()
	d.SetInitialAddr(local, dev.AddrPerm)
	return of(d).register(st, p, 0, func() error { return dev.Register(d) })
}

// change gives t, or for tunl0 the tunnel that p describes, the settings p. The
// addresses and the word to programs are those of the device that was asked.
func (t *tunnel) change(p parms) error {
	o := t.st.find(&p)
	switch {
	case t == t.st.fallback:
		if o == nil {
			return errno.ENOENT
		}
	case o == nil:
		if !t.mayBecome(&p) {
			return errno.EINVAL
		}
		o = t
	case o != t:
		return errno.EEXIST
	}
	return o.update(t.dev, p, false)
}

// fromIoctl reads the settings of a request. A TTL of its own forbids cutting.
func fromIoctl(p *uapi.IPTunnelParm) parms {
	h := (*wire.IPv4Hdr)(&p.IPH)
	return parms{
		local: h.Saddr(), remote: h.Daddr(), link: int(p.Link), ttl: h.TTL(), tos: h.TOS(), proto: h.Proto(),
		df: h.DF() || h.TTL() != 0,
	}
}

// toIoctl writes t's settings.
func (t *tunnel) toIoctl(p *uapi.IPTunnelParm) {
	*p = uapi.IPTunnelParm{}
	q := t.parms.Load()
	copy(p.Name[:uapi.IFNAMSIZ-1], t.dev.Name())
	p.Link = int32(q.link)
	h := (*wire.IPv4Hdr)(&p.IPH)
	h.SetVerIHL(wire.IPv4HdrLen)
	h.SetTOS(q.tos)
	h.SetTTL(q.ttl)
	h.SetProto(q.proto)
	h.SetSaddr(q.local)
	h.SetDaddr(q.remote)
	if q.df {
		h.SetFragOff(wire.IPv4DF)
	}
}
