package iptunnel

import (
	"encoding/binary"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// policy is what IFLA_INFO_DATA takes (ipip_policy).
var policy = netlink.Policy{
	uapi.IFLA_IPTUN_LINK: netlink.U32(), uapi.IFLA_IPTUN_LOCAL: netlink.U32(), uapi.IFLA_IPTUN_REMOTE: netlink.U32(),
	uapi.IFLA_IPTUN_TTL: netlink.U8(), uapi.IFLA_IPTUN_TOS: netlink.U8(), uapi.IFLA_IPTUN_PMTUDISC: netlink.U8(),
	uapi.IFLA_IPTUN_PROTO: netlink.U8(), uapi.IFLA_IPTUN_FWMARK: netlink.U32(),
	uapi.IFLA_IPTUN_ENCAP_TYPE: netlink.U16(), uapi.IFLA_IPTUN_ENCAP_FLAGS: netlink.U16(),
	uapi.IFLA_IPTUN_ENCAP_SPORT: netlink.U16(), uapi.IFLA_IPTUN_ENCAP_DPORT: netlink.U16(),
	uapi.IFLA_IPTUN_COLLECT_METADATA: netlink.Flag(),
}

// kind is the link kind "ipip" (ipip_link_ops).
func (st *state) kind() *rtnl.LinkKind[*dev.Device] {
	return &rtnl.LinkKind[*dev.Device]{
		Name: kindName, Policy: policy, Setup: setup, Validate: validate, New: newLink, Change: changeLink, Delete: deleteLink, Fill: fill,
		LinkNet: func(d *dev.Device) *netns.Net { return of(d).st.n },
	}
}

// validate looks at what is carried (ipip_tunnel_validate).
func validate(_, data netlink.Attrs) error {
	if p := data.U8(uapi.IFLA_IPTUN_PROTO); p != 0 && p != uapi.IPPROTO_IPIP {
		return errno.EINVAL
	}
	return nil
}

// parse reads a tunnel's settings (ipip_netlink_parms).
func parse(data netlink.Attrs) (p parms, err error) {
	switch {
	case data.Has(uapi.IFLA_IPTUN_COLLECT_METADATA):
		return p, netlink.ErrorAt(errno.EOPNOTSUPP, data.Get(uapi.IFLA_IPTUN_COLLECT_METADATA), "External tunnels are not supported")
	case data.Has(uapi.IFLA_IPTUN_ENCAP_TYPE) && data.U16(uapi.IFLA_IPTUN_ENCAP_TYPE) != uapi.TUNNEL_ENCAP_NONE:
		return p, netlink.ErrorAt(errno.EINVAL, data.Get(uapi.IFLA_IPTUN_ENCAP_TYPE), "Encapsulation is not supported")
	}
	p = parms{
		link: int(int32(data.U32(uapi.IFLA_IPTUN_LINK))), mark: data.U32(uapi.IFLA_IPTUN_FWMARK),
		ttl: data.U8(uapi.IFLA_IPTUN_TTL), tos: data.U8(uapi.IFLA_IPTUN_TOS), proto: uapi.IPPROTO_IPIP,
	}
	if a := data.Get(uapi.IFLA_IPTUN_LOCAL); a.Present() {
		p.local = binary.BigEndian.Uint32(a.Bytes())
	}
	if a := data.Get(uapi.IFLA_IPTUN_REMOTE); a.Present() {
		p.remote = binary.BigEndian.Uint32(a.Bytes())
	}
	if a := data.Get(uapi.IFLA_IPTUN_PROTO); a.Present() {
		p.proto = a.U8()
	}
	pmtudisc := data.Get(uapi.IFLA_IPTUN_PMTUDISC)
	p.df = p.ttl != 0 || !pmtudisc.Present() || pmtudisc.U8() != 0
	return p, nil
}

// newLink makes a tunnel (ipip_newlink).
func newLink(l *rtnl.NewLink, d *dev.Device) error {
	st := key.Of(l.Net)
	if err := st.load(); err != nil {
		return err
	}
	p, err := parse(l.Data)
	if err != nil {
		return err
	}
	if st.find(&p) != nil {
		return errno.EEXIST
	}
	mtu := 0
	if l.Attrs.Has(uapi.IFLA_MTU) {
		mtu = min(max(d.MTU(), minMTU), maxMTU)
	}
	if !l.Attrs.Has(uapi.IFLA_ADDRESS) {
		local, _ := p.addrs()
		d.SetInitialAddr(local, dev.AddrPerm)
	}
	return of(d).register(st, p, mtu, func() error { return dev.RegisterLink(d, d.WantedIndex()) })
}

// changeLink gives a tunnel other settings (ipip_changelink).
func changeLink(d *dev.Device, attrs, data netlink.Attrs) error {
	t := of(d)
	p, err := parse(data)
	switch {
	case data.Has(uapi.IFLA_IPTUN_COLLECT_METADATA):
		return errno.EINVAL
	case err != nil:
		return err
	case (d.RawFlags()&uapi.IFF_POINTOPOINT != 0) != (p.remote != 0) || t == t.st.fallback:
		return errno.EINVAL
	}
	if o := t.st.find(&p); o != nil && o != t {
		return errno.EEXIST
	} else if o == nil && !t.mayBecome(&p) {
		return errno.EINVAL
	}
	return t.update(d, p, attrs.Has(uapi.IFLA_MTU))
}

// mayBecome reports whether the settings p fit the kind of link that the device
// is: with an other end or without.
func (t *tunnel) mayBecome(p *parms) bool {
	want := uint32(0)
	switch {
	case isGroup(p.remote):
		want = uapi.IFF_BROADCAST
	case p.remote != 0:
		want = uapi.IFF_POINTOPOINT
	}
	return t.dev.RawFlags()&(uapi.IFF_POINTOPOINT|uapi.IFF_BROADCAST) == want
}

// deleteLink says that tunl0 stays, though nobody is told (ip_tunnel_dellink).
func deleteLink(d *dev.Device) bool {
	t := of(d)
	return t != t.st.fallback
}

// fill writes IFLA_INFO_DATA (ipip_fill_info).
func fill(m *netlink.Msg, d *dev.Device) {
	p := of(d).parms.Load()
	if p == nil {
		return
	}
	local, remote := p.addrs()
	m.U32(uapi.IFLA_IPTUN_LINK, uint32(p.link))
	m.Attr(uapi.IFLA_IPTUN_LOCAL, local)
	m.Attr(uapi.IFLA_IPTUN_REMOTE, remote)
	m.U8(uapi.IFLA_IPTUN_TTL, p.ttl)
	m.U8(uapi.IFLA_IPTUN_TOS, p.tos)
	m.U8(uapi.IFLA_IPTUN_PROTO, p.proto)
	pmtudisc := uint8(0)
	if p.df {
		pmtudisc = 1
	}
	m.U8(uapi.IFLA_IPTUN_PMTUDISC, pmtudisc)
	m.U32(uapi.IFLA_IPTUN_FWMARK, p.mark)
	m.U16(uapi.IFLA_IPTUN_ENCAP_TYPE, uapi.TUNNEL_ENCAP_NONE)
	m.U16(uapi.IFLA_IPTUN_ENCAP_SPORT, 0)
	m.U16(uapi.IFLA_IPTUN_ENCAP_DPORT, 0)
	m.U16(uapi.IFLA_IPTUN_ENCAP_FLAGS, 0)
}
