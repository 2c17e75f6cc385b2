package dev

import (
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// newLinkReq is a parsed RTM_NEWLINK.
type newLinkReq struct {
	linkReq
	kindName string
	kind     *rtnl.LinkKind[*Device]
	info     netlink.Attrs // IFLA_INFO_*
	data     netlink.Attrs // of IFLA_INFO_DATA

	target *netns.Net // where the device is to be in the end
	link   *netns.Net // IFLA_LINK_NETNSID's, or nil
	peer   *netns.Net // where the peer is made
}

// newLinkNets names the namespaces whose RTNL newLink needs.
func newLinkNets(r *netlink.Request) ([]*netns.Net, error) {
	q, err := parseNewLink(r)
	if err != nil {
		return nil, nil // Do answers
	}
	return []*netns.Net{q.target, q.link, q.peer}, nil
}

// parseNewLink reads the request as far as that needs no device
// (rtnl_newlink).
func parseNewLink(r *netlink.Request) (*newLinkReq, error) {
	base, err := parseLink(r)
	if err != nil {
		return nil, err
	}
	q := &newLinkReq{linkReq: base}
	if err := q.oneNetns(false); err != nil {
		return nil, err
	}
	if info := q.tb.Get(uapi.IFLA_LINKINFO); info.Present() {
		if q.info, err = netlink.ParseNested(info, infoPolicy, netlink.Liberal); err != nil {
			return nil, err
		}
		q.kindName = q.info.Text(uapi.IFLA_INFO_KIND)
		q.kind = Kinds(r.Net).Lookup(q.kindName)
	}
	if q.kind != nil {
		if err := q.parseData(); err != nil {
			return nil, err
		}
	}
	if q.tb.Has(uapi.IFLA_LINK_NETNSID) {
		if q.link = r.Net.PeerByID(int(q.tb.Get(uapi.IFLA_LINK_NETNSID).S32())); q.link == nil {
			return nil, netlink.Errorf(errno.EINVAL, "Unknown network namespace id")
		}
	}
	if q.target, err = netOf(r, r.Net, q.tb); err != nil {
		return nil, err
	}
	return q, q.findPeer()
}

// parseData checks what the kind wants checked.
func (q *newLinkReq) parseData() (err error) {
	if data := q.info.Get(uapi.IFLA_INFO_DATA); data.Present() && q.kind.Policy != nil {
		if q.data, err = netlink.ParseNested(data, q.kind.Policy, netlink.Liberal); err != nil {
			return err
		}
	}
	if q.kind.Validate != nil {
		return q.kind.Validate(q.tb, q.data)
	}
	return nil
}

// findPeer finds the namespace of a peer: its own attributes', or that of the
// request (rtnl_get_peer_net).
func (q *newLinkReq) findPeer() error {
	q.peer = q.link
	if q.peer == nil {
		q.peer = q.Net
	}
	if q.kind == nil || q.kind.PeerPolicyAttr == 0 {
		return nil
	}
	a := q.data.Get(q.kind.PeerPolicyAttr)
	if !a.Present() {
		if q.target != q.Net {
			q.peer = q.target
		}
		return nil
	}
	_, tb, err := ParsePeer(a)
	if err != nil {
		return err
	}
	n, err := netOf(q.Request, nil, tb)
	if n != nil {
		q.peer = n
	}
	return err
}

// ParsePeer reads an attribute that describes a peer device: an ifinfomsg and
// IFLA_* attributes (VETH_INFO_PEER).
func ParsePeer(a netlink.Attr) (h uapi.IfInfomsg, tb netlink.Attrs, err error) {
	h, ok := uapi.ParseIfInfomsg(a.Bytes())
	if !ok {
		return h, tb, errno.EINVAL
	}
	tb, err = netlink.ParseBehind(a, uapi.SizeofIfInfomsg, linkPolicy, netlink.Liberal)
	return h, tb, err
}

// newLink changes a device or makes one (__rtnl_newlink).
func newLink(r *netlink.Request) error {
	q, err := parseNewLink(r)
	if err != nil {
		return err
	}
	var d *Device
	given := true
	switch {
	case q.h.Index > 0:
		d = ByIndex(r.Net, int(q.h.Index))
	case q.h.Index < 0:
		return netlink.Errorf(errno.EINVAL, "ifindex can't be negative")
	default:
		d, given = q.named(r.Net)
	}
	if d != nil {
		return q.change(d)
	}
	if !r.Has(uapi.NLM_F_CREATE) {
		if given || !q.tb.Has(uapi.IFLA_GROUP) {
			return errno.ENODEV
		}
		return q.changeGroup()
	}
	if q.tb.Has(uapi.IFLA_MAP) || q.tb.Has(uapi.IFLA_PROTINFO) {
		return errno.EOPNOTSUPP
	}
	if q.kind == nil {
		return netlink.Errorf(errno.EOPNOTSUPP, "Unknown device type")
	}
	return q.create()
}

// change applies the request to an existing device (rtnl_changelink).
func (q *newLinkReq) change(d *Device) error {
	switch {
	case q.Has(uapi.NLM_F_EXCL):
		return errno.EEXIST
	case q.Has(uapi.NLM_F_REPLACE):
		return errno.EOPNOTSUPP
	}
	status := 0
	if q.info.Has(uapi.IFLA_INFO_DATA) {
		if q.kind == nil || q.kind.Name != d.Kind || q.kind.Change == nil {
			return errno.EOPNOTSUPP
		}
		if err := q.kind.Change(d, q.tb, q.data); err != nil {
			return err
		}
		status |= linkNotify
	}
	if data := q.info.Get(uapi.IFLA_INFO_SLAVE_DATA); data.Present() {
		if err := q.changePort(d, data); err != nil {
			return err
		}
		status |= linkNotify
	}
	return q.apply(d, status)
}

// changePort applies IFLA_INFO_SLAVE_DATA to a port of a master.
func (q *newLinkReq) changePort(d *Device, data netlink.Attr) error {
	up := d.Master()
	if up == nil {
		return errno.EOPNOTSUPP
	}
	m := Kinds(d.Net()).Lookup(up.Kind)
	if m == nil || m.SlaveChange == nil {
		return errno.EOPNOTSUPP
	}
	tb, err := netlink.ParseNested(data, m.SlavePolicy, netlink.Liberal)
	if err != nil {
		return err
	}
	return m.SlaveChange(up, d, q.tb, tb)
}

// changeGroup applies the request to each device of a group
// (rtnl_group_changelink).
func (q *newLinkReq) changeGroup() error {
	group := int(int32(q.tb.U32(uapi.IFLA_GROUP)))
	for _, d := range List(q.Net) {
		if d.Group() == group {
			if err := q.apply(d, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// create makes a device (rtnl_newlink_create).
func (q *newLinkReq) create() error {
	at := q.target
	if q.link != nil {
		at = q.link
	}
	name := q.tb.Text(uapi.IFLA_IFNAME)
	if !q.tb.Has(uapi.IFLA_IFNAME) {
		name = q.kind.Name + "%d"
	}
	d, err := CreateLink(at, q.kind, name, q.tb)
	if err != nil {
		return err
	}
	d.want = int(q.h.Index)
	if q.kind.New != nil {
		err = q.kind.New(&rtnl.NewLink{Request: q.Request, Net: at, Peer: q.peer, Attrs: q.tb, Data: q.data}, d)
	} else {
		err = RegisterLink(d, d.want)
	}
	if err != nil {
		return err
	}
	if err := q.finish(d, at); err != nil {
		Unregister(d)
		return err
	}
	return nil
}

// finish brings a registered device to its flags, its namespace and its
// master.
func (q *newLinkReq) finish(d *Device, at *netns.Net) error {
	if err := ConfigureLink(d, q.h.Flags, q.h.Change, q.Request); err != nil {
		return err
	}
	if at != q.target {
		if err := Move(d, q.target, q.tb.Text(uapi.IFLA_IFNAME), 0); err != nil {
			return err
		}
	}
	if q.tb.Has(uapi.IFLA_MASTER) {
		return SetMaster(d, int(q.tb.U32(uapi.IFLA_MASTER)))
	}
	return nil
}

// CreateLink makes a device of a kind in n that is not registered yet, with
// the attributes that a new device takes over (rtnl_create_link).
func CreateLink(n *netns.Net, kind *rtnl.LinkKind[*Device], name string, tb netlink.Attrs) (*Device, error) {
	tx, rx := 1, 1
	if kind.Queues != nil {
		tx, rx = kind.Queues()
	}
	const maxQueues = 4096
	for _, q := range [...]struct {
		typ  int
		n    *int
		text string
	}{{uapi.IFLA_NUM_TX_QUEUES, &tx, "transmit"}, {uapi.IFLA_NUM_RX_QUEUES, &rx, "receive"}} {
		if tb.Has(q.typ) {
			if *q.n = int(tb.U32(q.typ)); *q.n < 1 || *q.n > maxQueues {
				return nil, netlink.Errorf(errno.EINVAL, "Invalid number of %s queues", q.text)
			}
		}
	}
	d := New(n, name, nil)
	d.Kind = kind.Name
	kind.Setup(d)
	if kind.Queues != nil || tb.Has(uapi.IFLA_NUM_TX_QUEUES) {
		d.TxQueues = tx
		d.realTx.Store(int32(tx))
	}
	if kind.Queues != nil || tb.Has(uapi.IFLA_NUM_RX_QUEUES) {
		d.RxQueues = rx
		d.realRx.Store(int32(rx))
	}
	if err := validateLink(d, tb); err != nil {
		return nil, err
	}
	return d, d.takeOver(tb)
}

// takeOver applies attributes to a device that is not registered.
func (d *Device) takeOver(tb netlink.Attrs) error {
	if tb.Has(uapi.IFLA_MTU) {
		mtu := int(int32(tb.U32(uapi.IFLA_MTU)))
		if mtu < 0 || mtu < d.MinMTU {
			return netlink.Errorf(errno.EINVAL, "mtu less than device minimum")
		}
		if d.MaxMTU > 0 && mtu > d.MaxMTU {
			return netlink.Errorf(errno.EINVAL, "mtu greater than device maximum")
		}
		d.SetInitialMTU(mtu)
	}
	if a := tb.Get(uapi.IFLA_ADDRESS); a.Present() {
		d.SetInitialAddr(a.Bytes()[:d.AddrLen], AddrSet)
	}
	if a := tb.Get(uapi.IFLA_BROADCAST); a.Present() {
		d.SetInitialBroadcast(a.Bytes()[:d.AddrLen])
	}
	if tb.Has(uapi.IFLA_TXQLEN) {
		d.SetInitialTxQueueLen(int(tb.U32(uapi.IFLA_TXQLEN)))
	}
	if tb.Has(uapi.IFLA_OPERSTATE) {
		d.setOperState(int(tb.U8(uapi.IFLA_OPERSTATE)))
	}
	if tb.Has(uapi.IFLA_LINKMODE) {
		d.linkmode.Store(uint32(tb.U8(uapi.IFLA_LINKMODE)))
	}
	if tb.Has(uapi.IFLA_GROUP) {
		SetGroup(d, int(int32(tb.U32(uapi.IFLA_GROUP))))
	}
	s := &setter{&linkReq{tb: tb}, d, 0}
	return s.limits()
}

// RegisterLink is Register for a kind's New: programs are told of d by
// ConfigureLink. The index is the one asked for, or 0.
func RegisterLink(d *Device, index int) error {
	d.fresh = true
	return d.register(index)
}

// WantedIndex returns the ifindex that the request for d asked for, or 0.
func (d *Device) WantedIndex() int { return d.want }

// ConfigureLink sets the flags of a new device and tells programs of it, as
// r's doing when r wants to hear of it (rtnl_configure_link).
func ConfigureLink(d *Device, flags, change uint32, r *netlink.Request) error {
	old := d.flags.Load()
	if flags != 0 || change != 0 {
		if err := d.applyFlags(d.combine(flags, change)); err != nil {
			return err
		}
	}
	d.fresh = false
	d.notifyFlags(old, ^uint32(0), echoing(r))
	return nil
}

// echoing returns r when its notifications carry its port: with NLM_F_ECHO.
func echoing(r *netlink.Request) *netlink.Request {
	if r != nil && r.Has(uapi.NLM_F_ECHO) {
		return r
	}
	return nil
}
