package ipv4

import (
	"encoding/binary"
	"time"

	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// ifAddrMsgLen is the size of struct ifaddrmsg.
const ifAddrMsgLen = 8

// addrPolicy is what RTM_NEWADDR and RTM_DELADDR take (ifa_ipv4_policy).
var addrPolicy = netlink.Policy{
	uapi.IFA_LOCAL: netlink.U32(), uapi.IFA_ADDRESS: netlink.U32(), uapi.IFA_BROADCAST: netlink.U32(),
	uapi.IFA_LABEL:     netlink.String(uapi.IFNAMSIZ - 1),
	uapi.IFA_CACHEINFO: netlink.Struct(16), uapi.IFA_FLAGS: netlink.U32(),
	uapi.IFA_RT_PRIORITY: netlink.U32(), uapi.IFA_TARGET_NETNSID: netlink.S32(), uapi.IFA_PROTO: netlink.U8(),
}

// initNetlink registers the messages that IPv4 answers.
func (st *state) initNetlink() {
	t := rtnl.Of(st.n)
	t.Handle(uapi.RTM_NEWADDR, uapi.AF_INET, rtnl.Handler{Do: st.newAddr})
	t.Handle(uapi.RTM_DELADDR, uapi.AF_INET, rtnl.Handler{Do: st.delAddr})
	t.Handle(uapi.RTM_GETADDR, uapi.AF_INET, rtnl.Handler{Dump: st.dumpAddrs, SplitDone: true})
	t.Handle(uapi.RTM_GETNETCONF, uapi.AF_INET, rtnl.Handler{Do: st.getNetconf, Dump: st.dumpNetconf})
	t.Handle(uapi.RTM_NEWROUTE, uapi.AF_INET, rtnl.Handler{Do: st.newRouteMsg})
	t.Handle(uapi.RTM_DELROUTE, uapi.AF_INET, rtnl.Handler{Do: st.delRouteMsg})
	t.Handle(uapi.RTM_GETROUTE, uapi.AF_INET, rtnl.Handler{Do: st.getRouteMsg, Dump: st.dumpRoutes, SplitDone: true})
	st.ops.Register()
	st.initLinkAttrs()
}

// parseAddr reads RTM_NEWADDR (rtm_to_ifaddr).
func (st *state) parseAddr(r *netlink.Request) (*InDevice, *IfAddr, error) {
	tb, err := r.Parse(ifAddrMsgLen, addrPolicy, netlink.Liberal)
	if err != nil {
		return nil, nil, err
	}
	h := r.Payload()
	index := int(int32(binary.NativeEndian.Uint32(h[4:])))
	if h[1] > 32 {
		return nil, nil, netlink.Errorf(errno.EINVAL, "ipv4: Invalid prefix length")
	}
	if !tb.Has(uapi.IFA_LOCAL) {
		return nil, nil, netlink.Errorf(errno.EINVAL, "ipv4: Local address is not supplied")
	}
	d := dev.ByIndex(st.n, index)
	if d == nil {
		return nil, nil, netlink.Errorf(errno.ENODEV, "ipv4: Device not found")
	}
	in := InDev(d)
	if in == nil {
		return nil, nil, errno.ENOBUFS
	}
	in.setForever()
	a := &IfAddr{
		in: in, PrefixLen: h[1], Flags: uint32(h[2]), Scope: h[3],
		Local: tb.Get(uapi.IFA_LOCAL).BE32(), Address: tb.Get(uapi.IFA_LOCAL).BE32(),
		Broadcast: tb.Get(uapi.IFA_BROADCAST).BE32(), Priority: tb.U32(uapi.IFA_RT_PRIORITY),
		Proto: tb.U8(uapi.IFA_PROTO), Label: d.Name(), valid: lifeForever, preferred: lifeForever,
	}
	if tb.Has(uapi.IFA_ADDRESS) {
		a.Address = tb.Get(uapi.IFA_ADDRESS).BE32()
	}
	if tb.Has(uapi.IFA_FLAGS) {
		a.Flags = tb.U32(uapi.IFA_FLAGS)
	}
	if tb.Has(uapi.IFA_LABEL) {
		a.Label = tb.Text(uapi.IFA_LABEL)
	}
	if ci := tb.Get(uapi.IFA_CACHEINFO); ci.Present() {
		a.preferred, a.valid = ci.U32(), binary.NativeEndian.Uint32(ci.Bytes()[4:])
		if a.valid == 0 || a.preferred > a.valid {
			return nil, nil, netlink.Errorf(errno.EINVAL, "ipv4: address lifetime invalid")
		}
	}
	return in, a, nil
}

// newAddr serves RTM_NEWADDR (inet_rtm_newaddr).
func (st *state) newAddr(r *netlink.Request) error {
	in, a, err := st.parseAddr(r)
	if err != nil {
		return err
	}
	now := st.n.Kernel().Now()
	for _, o := range in.Addrs() {
		if o.Local == a.Local && o.sameSubnet(a) {
			if r.Has(uapi.NLM_F_EXCL) || !r.Has(uapi.NLM_F_REPLACE) {
				return netlink.Errorf(errno.EEXIST, "ipv4: Address already assigned")
			}
			return st.changeAddr(in, o, a, now, r)
		}
	}
	if a.Local == 0 {
		return nil // as Linux: accepted, and nothing comes of it
	}
	a.setLifetimes(a.valid, a.preferred, now)
	if err := in.autojoin(a); err != nil {
		return err
	}
	return in.insertAddr(a, r)
}

// changeAddr gives an address new lifetimes, metric and protocol.
func (st *state) changeAddr(in *InDevice, old, want *IfAddr, now ktime.T, r *netlink.Request) error {
	a := *old
	a.Proto = want.Proto
	a.setLifetimes(want.valid, want.preferred, now)
	const changeable = uapi.IFA_F_NOPREFIXROUTE
	a.Flags = a.Flags&^changeable | old.Flags&changeable
	if want.Priority != old.Priority {
		a.Priority = want.Priority
	}
	in.replaceAddr(old, &a)
	if a.Priority != old.Priority && !a.Secondary() && in.dev.IsUp() {
		st.addAddrRoutes(&a)
		st.delAddrRoutes(old, nil)
	}
	st.scheduleLifetimes()
	st.notifyAddr(uapi.RTM_NEWADDR, &a, r)
	return nil
}

// delAddr serves RTM_DELADDR (inet_rtm_deladdr): the first address that has
// what is given goes.
func (st *state) delAddr(r *netlink.Request) error {
	tb, err := r.Parse(ifAddrMsgLen, addrPolicy, netlink.Liberal)
	if err != nil {
		return err
	}
	h := r.Payload()
	d := dev.ByIndex(st.n, int(int32(binary.NativeEndian.Uint32(h[4:]))))
	in := (*InDevice)(nil)
	if d != nil {
		in = InDev(d)
	}
	if in == nil {
		return netlink.Errorf(errno.ENODEV, "ipv4: Device not found")
	}
	for _, a := range in.Addrs() {
		if l := tb.Get(uapi.IFA_LOCAL); l.Present() && l.BE32() != a.Local {
			continue
		}
		if l := tb.Get(uapi.IFA_LABEL); l.Present() && l.Text() != a.Label {
			continue
		}
		if p := tb.Get(uapi.IFA_ADDRESS); p.Present() && (h[1] != a.PrefixLen || !a.holds(p.BE32())) {
			continue
		}
		in.autoleave(a)
		in.deleteAddr(a, r)
		return nil
	}
	return netlink.Errorf(errno.EADDRNOTAVAIL, "ipv4: Address not found")
}

// fillAddr writes an address (inet_fill_ifaddr). netnsid is negative unless
// the requester asked about another namespace.
func (st *state) fillAddr(m *netlink.Msg, a *IfAddr, netnsid int) {
	h := m.Grow(ifAddrMsgLen)
	h[0], h[1], h[2], h[3] = uapi.AF_INET, a.PrefixLen, uint8(a.Flags), a.Scope
	binary.NativeEndian.PutUint32(h[4:], uint32(a.in.dev.Ifindex()))
	if netnsid >= 0 {
		m.S32(uapi.IFA_TARGET_NETNSID, int32(netnsid))
	}
	if a.Address != 0 {
		m.BE32(uapi.IFA_ADDRESS, a.Address)
	}
	if a.Local != 0 {
		m.BE32(uapi.IFA_LOCAL, a.Local)
	}
	if a.Broadcast != 0 {
		m.BE32(uapi.IFA_BROADCAST, a.Broadcast)
	}
	if a.Label != "" {
		m.String(uapi.IFA_LABEL, a.Label)
	}
	if a.Proto != 0 {
		m.U8(uapi.IFA_PROTO, a.Proto)
	}
	m.U32(uapi.IFA_FLAGS, a.Flags)
	if a.Priority != 0 {
		m.U32(uapi.IFA_RT_PRIORITY, a.Priority)
	}
	now := st.n.Kernel().Now()
	ci := m.Reserve(uapi.IFA_CACHEINFO, 16)
	binary.NativeEndian.PutUint32(ci, a.left(a.preferred, now))
	binary.NativeEndian.PutUint32(ci[4:], a.left(a.valid, now))
	binary.NativeEndian.PutUint32(ci[8:], hundredths(a.created))
	binary.NativeEndian.PutUint32(ci[12:], hundredths(a.updated))
}

// left returns the seconds that remain of a lifetime.
func (a *IfAddr) left(seconds uint32, now ktime.T) uint32 {
	if seconds == lifeForever || a.Flags&uapi.IFA_F_PERMANENT != 0 && seconds != 0 {
		return lifeForever
	}
	gone := uint32((now - a.updated) / ktime.T(time.Second))
	if gone >= seconds {
		return 0
	}
	return seconds - gone
}

// hundredths returns a time in 1/100 s, as struct ifa_cacheinfo has it.
func hundredths(t ktime.T) uint32 { return uint32(t / ktime.T(10*time.Millisecond)) }

// notifyAddr tells RTNLGRP_IPV4_IFADDR of an address.
func (st *state) notifyAddr(typ uint16, a *IfAddr, r *netlink.Request) {
	if !rtnl.Listening(st.n, uapi.RTNLGRP_IPV4_IFADDR, r) {
		return
	}
	m := netlink.NewMsg(typ, 0)
	st.fillAddr(m, a, -1)
	rtnl.Notify(st.n, uapi.RTNLGRP_IPV4_IFADDR, m, r)
}

// addrDump is the state of an address dump.
type addrDump struct {
	index   int // only this device; 0: all
	netnsid int // of IFA_TARGET_NETNSID, or -1
	st      *state
	device  int // the device to go on with
	addr    int // and its address
}

// dumpAddrs serves a dump of RTM_GETADDR (inet_dump_ifaddr).
func (st *state) dumpAddrs(d *netlink.Dump) error {
	p, ok := d.State.(*addrDump)
	if !ok {
		var err error
		if p, err = st.startAddrDump(d); err != nil {
			return err
		}
		d.State = p
	}
	d.Generation(p.st.addrSeq | 1<<31)
	for _, o := range dev.List(p.st.n) {
		in := InDev(o)
		if o.Ifindex() < p.device || p.index != 0 && o.Ifindex() != p.index || in == nil {
			continue
		}
		if o.Ifindex() > p.device {
			p.device, p.addr = o.Ifindex(), 0
		}
		list := in.Addrs()
		for ; p.addr < len(list); p.addr++ {
			a := list[p.addr]
			if !d.Put(uapi.RTM_NEWADDR, 0, func(m *netlink.Msg) { p.st.fillAddr(m, a, p.netnsid) }) {
				return netlink.More
			}
		}
	}
	return nil
}

// startAddrDump checks the request of a dump.
func (st *state) startAddrDump(d *netlink.Dump) (*addrDump, error) {
	p := &addrDump{st: st, netnsid: -1}
	r := d.Request
	if !r.Strict {
		return p, nil
	}
	if err := r.Need(ifAddrMsgLen, "ipv4: Invalid header for address dump request"); err != nil {
		return nil, err
	}
	tb, err := r.Parse(ifAddrMsgLen, addrPolicy, netlink.Strict)
	if err != nil {
		return nil, err
	}
	h := r.Payload()
	if h[1] != 0 || h[2] != 0 || h[3] != 0 {
		return nil, netlink.Errorf(errno.EINVAL, "ipv4: Invalid values in header for address dump request")
	}
	for i := range tb.Max() + 1 {
		if i != uapi.IFA_TARGET_NETNSID && tb.Has(i) {
			return nil, netlink.Errorf(errno.EINVAL, "ipv4: Unsupported attribute in dump request")
		}
	}
	if id := tb.Get(uapi.IFA_TARGET_NETNSID); id.Present() {
		p.netnsid = int(id.S32())
		other := st.n.PeerByID(p.netnsid)
		if other == nil || of(other) == nil {
			return nil, netlink.Errorf(errno.EINVAL, "ipv4: Invalid target network namespace id")
		}
		p.st = of(other)
	}
	p.index = int(int32(binary.NativeEndian.Uint32(h[4:])))
	if p.index != 0 {
		d.Filtered()
		if dev.ByIndex(p.st.n, p.index) == nil {
			return nil, errno.ENODEV
		}
	}
	return p, nil
}
