package dev

import (
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// setLinkNets names the namespace that a device is to be moved to.
func setLinkNets(r *netlink.Request) ([]*netns.Net, error) {
	q, err := parseLink(r)
	if err != nil {
		return nil, nil // Do answers
	}
	if n, err := netOf(r, r.Net, q.tb); err == nil {
		return []*netns.Net{n}, nil
	}
	return nil, nil
}

// setLink changes an existing device (rtnl_setlink).
func setLink(r *netlink.Request) error {
	q, err := parseLink(r)
	if err != nil {
		return err
	}
	if err := q.oneNetns(false); err != nil {
		return err
	}
	d, err := q.device(r.Net)
	if err != nil {
		return err
	}
	return q.apply(d, 0)
}

// What a change of a link has done so far (DO_SETLINK_MODIFIED, _NOTIFY).
const (
	linkModified = 1
	linkNotify   = 3
)

// setter applies the attributes of one request to one device.
type setter struct {
	*linkReq
	d      *Device
	status int
}

// apply does what the attributes ask for, in the kernel's order, and stops at
// the first error (do_setlink). What was done before stays.
func (q *linkReq) apply(d *Device, status int) error {
	s := &setter{q, d, status}
	err := s.all()
	if s.status&linkNotify == linkNotify {
		d.stateChange()
	}
	return err
}

func (s *setter) all() error {
	if err := validateLink(s.d, s.tb); err != nil {
		return err
	}
	for _, step := range [...]func(*setter) error{
		(*setter).move, (*setter).identity, (*setter).flagsAndMaster, (*setter).limits,
		(*setter).states, (*setter).families, (*setter).protoDown, (*setter).xdp,
	} {
		if err := step(s); err != nil {
			return err
		}
	}
	return nil
}

// validateLink checks lengths and families (validate_linkmsg). d may be one
// that is not registered yet.
func validateLink(d *Device, tb netlink.Attrs) error {
	for _, typ := range [...]int{uapi.IFLA_ADDRESS, uapi.IFLA_BROADCAST} {
		if a := tb.Get(typ); a.Present() && a.Len() < d.AddrLen {
			return errno.EINVAL
		}
	}
	if a := tb.Get(uapi.IFLA_GSO_MAX_SIZE); a.Present() && a.U32() > d.TSOMaxSize {
		return netlink.Errorf(errno.EINVAL, "too big gso_max_size")
	}
	if a := tb.Get(uapi.IFLA_GSO_MAX_SEGS); a.Present() && (a.U32() > gsoMaxSegs || a.U32() > d.TSOMaxSegs) {
		return netlink.Errorf(errno.EINVAL, "too big gso_max_segs")
	}
	if a := tb.Get(uapi.IFLA_GRO_MAX_SIZE); a.Present() && a.U32() > GSOMaxSize {
		return netlink.Errorf(errno.EINVAL, "too big gro_max_size")
	}
	var err error
	tb.Get(uapi.IFLA_AF_SPEC).Each(func(a netlink.Attr) bool {
		err = errno.EAFNOSUPPORT
		for _, f := range stateOf(d.Net()).afs.All() {
			if f.Family != int(a.Type()) {
				continue
			}
			if err = nil; f.Set == nil {
				err = errno.EOPNOTSUPP
			} else if f.Validate != nil {
				err = f.Validate(d, a)
			}
		}
		return err == nil
	})
	return err
}

// move takes the device to another namespace.
func (s *setter) move() error {
	n, err := netOf(s.Request, s.d.Net(), s.tb)
	if err != nil || n == s.d.Net() {
		return err
	}
	index := int(s.tb.Get(uapi.IFLA_NEW_IFINDEX).S32())
	if err := Move(s.d, n, s.tb.Text(uapi.IFLA_IFNAME), index); err != nil {
		return err
	}
	s.status |= linkModified
	return nil
}

// identity sets addresses, MTU, group and names.
func (s *setter) identity() error {
	d, tb := s.d, s.tb
	if tb.Has(uapi.IFLA_MAP) {
		return errno.EOPNOTSUPP
	}
	if a := tb.Get(uapi.IFLA_ADDRESS); a.Present() {
		if err := SetAddr(d, a.Bytes()); err != nil {
			return err
		}
		s.status |= linkModified
	}
	if tb.Has(uapi.IFLA_MTU) {
		if err := ChangeMTU(d, int(int32(tb.U32(uapi.IFLA_MTU)))); err != nil {
			return err
		}
		s.status |= linkModified
	}
	if tb.Has(uapi.IFLA_GROUP) {
		SetGroup(d, int(int32(tb.U32(uapi.IFLA_GROUP))))
		s.status |= linkNotify
	}
	// Selected by index, a name asks to be renamed.
	if name := tb.Text(uapi.IFLA_IFNAME); s.h.Index > 0 && name != "" {
		if err := Rename(d, name); err != nil {
			return err
		}
		s.status |= linkModified
	}
	if a := tb.Get(uapi.IFLA_IFALIAS); a.Present() {
		if err := SetAlias(d, a.Text()); err != nil {
			return err
		}
		s.status |= linkNotify
	}
	if a := tb.Get(uapi.IFLA_BROADCAST); a.Present() {
		SetBroadcast(d, a.Bytes())
	}
	return nil
}

// flagsAndMaster sets the master, the flags, carrier and queue length.
func (s *setter) flagsAndMaster() error {
	d, tb := s.d, s.tb
	if tb.Has(uapi.IFLA_MASTER) {
		if err := SetMaster(d, int(tb.U32(uapi.IFLA_MASTER))); err != nil {
			return err
		}
		s.status |= linkModified
	}
	if s.h.Flags != 0 || s.h.Change != 0 {
		if err := ChangeFlags(d, d.combine(s.h.Flags, s.h.Change)); err != nil {
			return err
		}
	}
	if tb.Has(uapi.IFLA_CARRIER) {
		f, ok := d.Ops.(CarrierChanger)
		if !ok {
			return errno.EOPNOTSUPP
		}
		if err := f.ChangeCarrier(d, tb.U8(uapi.IFLA_CARRIER) != 0); err != nil {
			return err
		}
		s.status |= linkModified
	}
	if tb.Has(uapi.IFLA_TXQLEN) {
		if err := ChangeTxQueueLen(d, int(tb.U32(uapi.IFLA_TXQLEN))); err != nil {
			return err
		}
		s.status |= linkModified
	}
	return nil
}

// combine returns d's flags with those of change replaced by flags; without
// change all are (rtnl_dev_combine_flags).
func (d *Device) combine(flags, change uint32) uint32 {
	if change == 0 {
		return flags
	}
	const wished = uapi.IFF_PROMISC | uapi.IFF_ALLMULTI
	now := d.flags.Load()&^wished | d.gflags.Load()&wished
	return flags&change | now&^change
}

// limits sets the sizes of super-packets.
func (s *setter) limits() error {
	d, tb := s.d, s.tb
	for _, l := range [...]struct {
		typ int
		set func(v uint32) bool
	}{
		{uapi.IFLA_GSO_MAX_SIZE, d.setGSOMaxSize},
		{uapi.IFLA_GSO_MAX_SEGS, func(v uint32) bool { return d.gsoMaxSegs.Swap(v) != v }},
		{uapi.IFLA_GRO_MAX_SIZE, d.setGROMaxSize},
		{uapi.IFLA_GSO_IPV4_MAX_SIZE, func(v uint32) bool { return d.gso4Max.Swap(v) != v }},
		{uapi.IFLA_GRO_IPV4_MAX_SIZE, func(v uint32) bool { return d.gro4Max.Swap(v) != v }},
	} {
		if tb.Has(l.typ) && l.set(tb.U32(l.typ)) {
			s.status |= linkModified
		}
	}
	return nil
}

// setGSOMaxSize sets the limit; IPv4's follows while it is no larger than the
// old format allows (netif_set_gso_max_size).
func (d *Device) setGSOMaxSize(v uint32) bool {
	if v <= gsoLegacyMaxSize {
		d.gso4Max.Store(v)
	}
	return d.gsoMaxSize.Swap(v) != v
}

func (d *Device) setGROMaxSize(v uint32) bool {
	if v <= gsoLegacyMaxSize {
		d.gro4Max.Store(v)
	}
	return d.groMaxSize.Swap(v) != v
}

// states sets the operational state and the link mode.
func (s *setter) states() error {
	d, tb := s.d, s.tb
	if tb.Has(uapi.IFLA_OPERSTATE) {
		d.setOperState(int(tb.U8(uapi.IFLA_OPERSTATE)))
	}
	if tb.Has(uapi.IFLA_LINKMODE) {
		if v := uint32(tb.U8(uapi.IFLA_LINKMODE)); d.linkmode.Swap(v) != v {
			s.status |= linkNotify
		}
	}
	if tb.Has(uapi.IFLA_VFINFO_LIST) || tb.Has(uapi.IFLA_VF_PORTS) || tb.Has(uapi.IFLA_PORT_SELF) {
		return errno.EOPNOTSUPP
	}
	return nil
}

// families applies IFLA_AF_SPEC; validateLink has looked at it.
func (s *setter) families() (err error) {
	s.tb.Get(uapi.IFLA_AF_SPEC).Each(func(a netlink.Attr) bool {
		for _, f := range stateOf(s.d.Net()).afs.All() {
			if f.Family == int(a.Type()) {
				if err = f.Set(s.d, a); err != nil {
					return false
				}
				s.status |= linkNotify
			}
		}
		return true
	})
	return err
}

// protoDown lets a protocol keep the link down (do_set_proto_down).
func (s *setter) protoDown() error {
	d, tb := s.d, s.tb
	down, reason := tb.Get(uapi.IFLA_PROTO_DOWN), tb.Get(uapi.IFLA_PROTO_DOWN_REASON)
	if !down.Present() && !reason.Present() {
		return nil
	}
	if f, ok := d.Ops.(ProtoDowner); !ok || !f.CanProtoDown() {
		return netlink.Errorf(errno.EOPNOTSUPP, "Protodown not supported by device")
	}
	v := d.protoDown.Load()
	if reason.Present() {
		p := netlink.Policy{uapi.IFLA_PROTO_DOWN_REASON_MASK: netlink.U32(), uapi.IFLA_PROTO_DOWN_REASON_VALUE: netlink.U32()}
		rt, err := netlink.ParseNested(reason, p, netlink.Liberal)
		switch {
		case err != nil:
			return err
		case !rt.Has(uapi.IFLA_PROTO_DOWN_REASON_VALUE):
			return netlink.Errorf(errno.EINVAL, "Invalid protodown reason value")
		}
		mask := ^uint32(0)
		if rt.Has(uapi.IFLA_PROTO_DOWN_REASON_MASK) {
			mask = rt.U32(uapi.IFLA_PROTO_DOWN_REASON_MASK)
		}
		v = v&^uint64(mask) | uint64(rt.U32(uapi.IFLA_PROTO_DOWN_REASON_VALUE)&mask)
	}
	if down.Present() {
		if down.U8() == 0 && uint32(v) != 0 {
			return netlink.Errorf(errno.EBUSY, "Cannot clear protodown, active reasons")
		}
		v = v&^protoIsDown | uint64(bit(down.U8() != 0))<<32
		if down.U8() != 0 {
			d.CarrierOff()
		} else {
			d.CarrierOn()
		}
	}
	d.protoDown.Store(v)
	s.status |= linkNotify
	return nil
}

// xdp answers requests to attach a program, which this stack cannot run. To
// detach one, with the descriptor -1, succeeds: there is none.
func (s *setter) xdp() error {
	a := s.tb.Get(uapi.IFLA_XDP)
	if !a.Present() {
		return nil
	}
	tb, err := netlink.ParseNested(a, xdpPolicy, netlink.Liberal)
	switch {
	case err != nil:
		return err
	case tb.Has(uapi.IFLA_XDP_ATTACHED) || tb.Has(uapi.IFLA_XDP_PROG_ID):
		return errno.EINVAL
	case tb.Has(uapi.IFLA_XDP_FD) && tb.Get(uapi.IFLA_XDP_FD).S32() >= 0:
		return netlink.Errorf(errno.EOPNOTSUPP, "XDP is not supported")
	}
	return nil
}

// xdpPolicy is the policy of IFLA_XDP (ifla_xdp_policy). Nobody changes it.
var xdpPolicy = netlink.Policy{
	uapi.IFLA_XDP_FD:       netlink.S32(),
	uapi.IFLA_XDP_ATTACHED: netlink.U8(),
	uapi.IFLA_XDP_FLAGS:    netlink.U32(),
	uapi.IFLA_XDP_PROG_ID:  netlink.U32(),
}
