package fibrules

import (
	"encoding/binary"
	"slices"
	"sync"

	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// hdrLen is the size of struct fib_rule_hdr.
const hdrLen = 12

// tosMask are the bits of the type of service of RFC 1349 (IPTOS_TOS_MASK),
// the only ones a rule may have otherwise than as FRA_DSCP.
const tosMask = 0x1e

// legacyTOS are the bits of a flow's DSCP that such a rule compares
// (INET_DSCP_LEGACY_TOS_MASK).
const legacyTOS = 0x1c

// Attributes newer than this tree's uapi (linux/fib_rules.h of 6.18).
const (
	fraDSCP          = 25
	fraFlowLabel     = 26
	fraFlowLabelMask = 27
	fraSPortMask     = 28
	fraDPortMask     = 29
	fraDSCPMask      = 30
)

// families is a namespace's registry of the families with rules.
type families struct {
	mu  sync.Mutex
	ops []*Ops
}

var key = netns.NewKey[families]("fibrules")

// Pernet makes a namespace's rules: the messages RTM_*RULE, and no family yet.
// rtnl and dev come before it.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*families, error) {
		f := new(families)
		t := rtnl.Of(n)
		t.Handle(uapi.RTM_NEWRULE, uapi.AF_UNSPEC, rtnl.Handler{Do: f.add})
		t.Handle(uapi.RTM_DELRULE, uapi.AF_UNSPEC, rtnl.Handler{Do: f.del})
		t.Handle(uapi.RTM_GETRULE, uapi.AF_UNSPEC, rtnl.Handler{Dump: f.dump})
		return f, nil
	}, nil)
}

// Register makes o answer for its family.
func (o *Ops) Register() {
	f := key.Of(o.Net)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops = append(slices.Clone(f.ops), o)
}

// find returns the family's rules, or nil.
func (f *families) find(family uint8) *Ops {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.ops {
		if o.Family == family {
			return o
		}
	}
	return nil
}

// policy is what rules take.
var policy = netlink.Policy{
	0:            netlink.StrictFrom(uapi.FRA_DPORT_RANGE + 1),
	uapi.FRA_DST: {}, uapi.FRA_SRC: {},
	uapi.FRA_IIFNAME: netlink.String(uapi.IFNAMSIZ - 1), uapi.FRA_OIFNAME: netlink.String(uapi.IFNAMSIZ - 1),
	uapi.FRA_GOTO: netlink.U32(), uapi.FRA_PRIORITY: netlink.U32(),
	uapi.FRA_FWMARK: netlink.U32(), uapi.FRA_FWMASK: netlink.U32(), uapi.FRA_FLOW: netlink.U32(),
	uapi.FRA_TUN_ID: netlink.U64(), uapi.FRA_SUPPRESS_IFGROUP: netlink.U32(),
	uapi.FRA_SUPPRESS_PREFIXLEN: netlink.U32(), uapi.FRA_TABLE: netlink.U32(),
	uapi.FRA_L3MDEV: netlink.U8(), uapi.FRA_UID_RANGE: netlink.Struct(8),
	uapi.FRA_PROTOCOL: netlink.U8(), uapi.FRA_IP_PROTO: netlink.U8(),
	uapi.FRA_SPORT_RANGE: netlink.Struct(4), uapi.FRA_DPORT_RANGE: netlink.Struct(4),
	fraDSCP: netlink.U8().Max(63), fraSPortMask: netlink.U16(), fraDPortMask: netlink.U16(),
	fraDSCPMask: netlink.U8(), fraFlowLabel: netlink.BE32(), fraFlowLabelMask: netlink.BE32(),
}

// parse reads a request into a rule; given says which attributes it had.
func (o *Ops) parse(r *netlink.Request) (rule *Rule, tb netlink.Attrs, err error) {
	if _, err = r.Body(hdrLen); err != nil {
		return nil, tb, netlink.Errorf(errno.EINVAL, "Invalid msg length")
	}
	if tb, err = r.Parse(hdrLen, policy, netlink.Liberal); err != nil {
		return nil, tb, netlink.Retitle(err, "Error parsing msg")
	}
	h := r.Payload()
	rule = &Rule{
		TOS: h[3], DSCPMask: 0xfc, Table: uint32(h[4]), Action: h[7],
		Flags: binary.NativeEndian.Uint32(h[8:]), Proto: tb.U8(uapi.FRA_PROTOCOL),
		IIF: tb.Text(uapi.FRA_IIFNAME), OIF: tb.Text(uapi.FRA_OIFNAME),
		Mark: tb.U32(uapi.FRA_FWMARK), Realms: tb.U32(uapi.FRA_FLOW), RealmsSet: tb.Has(uapi.FRA_FLOW), IPProto: tb.U8(uapi.FRA_IP_PROTO),
		SuppressPrefixLen: -1, SuppressIfgroup: -1, Pref: tb.U32(uapi.FRA_PRIORITY),
	}
	if rule.Src, err = o.prefix(tb.Get(uapi.FRA_SRC), h[2], "Invalid source address"); err != nil {
		return nil, tb, err
	}
	if rule.Dst, err = o.prefix(tb.Get(uapi.FRA_DST), h[1], "Invalid dst address"); err != nil {
		return nil, tb, err
	}
	if tb.Has(uapi.FRA_TABLE) {
		rule.Table = tb.U32(uapi.FRA_TABLE)
	}
	if rule.Mark != 0 {
		rule.Mask = 0xffffffff
	}
	if tb.Has(uapi.FRA_FWMASK) {
		rule.Mask = tb.U32(uapi.FRA_FWMASK)
	}
	if t := tb.Get(uapi.FRA_TUN_ID); t.Present() {
		rule.TunID = binary.BigEndian.Uint64(t.Bytes())
	}
	if tb.Has(uapi.FRA_SUPPRESS_PREFIXLEN) {
		rule.SuppressPrefixLen = int32(tb.U32(uapi.FRA_SUPPRESS_PREFIXLEN))
	}
	if tb.Has(uapi.FRA_SUPPRESS_IFGROUP) {
		rule.SuppressIfgroup = int32(tb.U32(uapi.FRA_SUPPRESS_IFGROUP))
	}
	if !tb.Has(uapi.FRA_PRIORITY) {
		rule.Pref = o.freePref()
	}
	if err := rule.parseMore(tb); err != nil {
		return nil, tb, err
	}
	return rule, tb, rule.parseGoto(tb)
}

// parseGoto reads where a goto leads to, which a deletion gives, too.
func (r *Rule) parseGoto(tb netlink.Attrs) error {
	g := tb.Get(uapi.FRA_GOTO)
	switch {
	case !g.Present() && r.Action == uapi.FR_ACT_GOTO:
		return netlink.Errorf(errno.EINVAL, "Missing goto target for action goto")
	case !g.Present():
		return nil
	case r.Action != uapi.FR_ACT_GOTO:
		return netlink.Errorf(errno.EINVAL, "Unexpected goto")
	}
	if r.Goto = g.U32(); r.Goto <= r.Pref {
		return netlink.Errorf(errno.EINVAL, "Backward goto not supported")
	}
	return nil
}

// parseMore reads ranges and what excludes something else.
func (r *Rule) parseMore(tb netlink.Attrs) (err error) {
	if l := tb.Get(uapi.FRA_L3MDEV); l.Present() {
		if l.U8() != 1 {
			return netlink.Errorf(errno.EINVAL, "Invalid l3mdev attribute")
		}
		if r.L3mdev = true; r.Table != 0 {
			return netlink.Errorf(errno.EINVAL, "l3mdev and table are mutually exclusive")
		}
	}
	if u := tb.Get(uapi.FRA_UID_RANGE); u.Present() {
		r.UIDSet = true
		r.UID = Range{binary.NativeEndian.Uint32(u.Bytes()), binary.NativeEndian.Uint32(u.Bytes()[4:])}
		if r.UID.Start > r.UID.End {
			return netlink.Errorf(errno.EINVAL, "Invalid uid range")
		}
	}
	if r.SPort, r.SPortMask, err = ports(tb, uapi.FRA_SPORT_RANGE, fraSPortMask, "sport"); err != nil {
		return err
	}
	r.DPort, r.DPortMask, err = ports(tb, uapi.FRA_DPORT_RANGE, fraDPortMask, "dport")
	return err
}

// parseDSCP reads what IPv4 selects by, and refuses what it does not: the
// checks of an addition only.
func (r *Rule) parseDSCP(tb netlink.Attrs) error {
	if r.TOS&3 != 0 {
		return netlink.Errorf(errno.EINVAL, "Invalid dsfield (tos): ECN bits must be 0")
	}
	if r.TOS&^tosMask != 0 {
		return netlink.Errorf(errno.EINVAL, "Invalid tos")
	}
	if tb.Has(fraFlowLabel) || tb.Has(fraFlowLabelMask) {
		return netlink.Errorf(errno.EINVAL, "Flow label cannot be specified for IPv4 FIB rules")
	}
	if d := tb.Get(fraDSCP); d.Present() {
		if r.TOS != 0 {
			return netlink.Errorf(errno.EINVAL, "Cannot specify both TOS and DSCP")
		}
		r.TOS, r.DSCPSet = d.U8()<<2, true
	}
	if m := tb.Get(fraDSCPMask); m.Present() {
		if !r.DSCPSet {
			return netlink.ErrorAt(errno.EINVAL, m, "Cannot specify DSCP mask without DSCP value")
		}
		if r.DSCPMask = m.U8() << 2; r.TOS&^r.DSCPMask != 0 {
			return netlink.ErrorAt(errno.EINVAL, m, "Invalid DSCP mask")
		}
	}
	return nil
}

// ports reads a range of ports and its mask, which goes with a single port.
func ports(tb netlink.Attrs, attr, maskAttr int, name string) (p Range, mask uint16, err error) {
	a := tb.Get(attr)
	if !a.Present() {
		if m := tb.Get(maskAttr); m.Present() {
			return p, 0, netlink.ErrorAt(errno.EINVAL, m, "Cannot specify port mask without port value")
		}
		return p, 0, nil
	}
	p = Range{uint32(a.U16()), uint32(binary.NativeEndian.Uint16(a.Bytes()[2:]))}
	if p.Start == 0 || p.End == 0 || p.Start > p.End || p.End == 0xffff {
		return p, 0, netlink.Errorf(errno.EINVAL, "Invalid %s range", name)
	}
	if p.Start == p.End {
		mask = 0xffff
	}
	if m := tb.Get(maskAttr); m.Present() {
		if p.Start != p.End {
			return p, 0, netlink.ErrorAt(errno.EINVAL, m, "Cannot specify port mask for port range")
		}
		if mask = m.U16(); uint16(p.Start)&^mask != 0 {
			return p, 0, netlink.ErrorAt(errno.EINVAL, m, "Invalid port mask")
		}
	}
	return p, mask, nil
}

// prefix reads an address of the family.
func (o *Ops) prefix(a netlink.Attr, plen uint8, text string) (p Prefix, err error) {
	if plen == 0 {
		return p, nil
	}
	if !a.Present() || int(plen) > o.AddrLen*8 || a.Len() != o.AddrLen {
		return p, netlink.Errorf(errno.EINVAL, "%s", text)
	}
	copy(p.Addr[:], a.Bytes())
	p.Len = plen
	return p, nil
}

// add serves RTM_NEWRULE (fib_nl_newrule).
func (f *families) add(r *netlink.Request) error {
	o := f.find(r.Payload()[0])
	if o == nil {
		return netlink.Errorf(errno.EAFNOSUPPORT, "Rule family not supported")
	}
	rule, tb, err := o.parse(r)
	if err != nil {
		return err
	}
	refused := rule.parseDSCP(tb)
	if r.Has(uapi.NLM_F_EXCL) && o.exists(rule, tb) {
		return errno.EEXIST
	}
	if refused != nil {
		return refused
	}
	if err := o.Validate(rule); err != nil {
		return err
	}
	o.attach(rule)
	o.insert(rule)
	o.notify(uapi.RTM_NEWRULE, rule, r)
	return nil
}

// del serves RTM_DELRULE (fib_nl_delrule): the first rule that has what is
// given.
func (f *families) del(r *netlink.Request) error {
	o := f.find(r.Payload()[0])
	if o == nil {
		return netlink.Errorf(errno.EAFNOSUPPORT, "Rule family not supported")
	}
	want, tb, err := o.parse(r)
	if err != nil {
		return err
	}
	want.parseDSCP(tb) // to compare; what is wrong matches nothing
	i := slices.IndexFunc(o.Rules(), func(x *Rule) bool { return x.has(want, tb) })
	if i < 0 {
		return errno.ENOENT
	}
	rule := o.Rules()[i]
	if rule.Flags&uapi.FIB_RULE_PERMANENT != 0 {
		return errno.EPERM
	}
	o.remove(rule)
	o.notify(uapi.RTM_DELRULE, rule, r)
	return nil
}

// has reports whether the rule has all that a deletion gives (rule_find).
func (r *Rule) has(w *Rule, tb netlink.Attrs) bool {
	switch {
	case w.Action != 0 && r.Action != w.Action, w.Table != 0 && r.Table != w.Table,
		tb.Has(uapi.FRA_PRIORITY) && r.Pref != w.Pref,
		w.IIF != "" && r.IIF != w.IIF, w.OIF != "" && r.OIF != w.OIF,
		w.Mark != 0 && r.Mark != w.Mark, w.Mask != 0 && r.Mask != w.Mask,
		w.SuppressIfgroup != -1 && r.SuppressIfgroup != w.SuppressIfgroup,
		w.SuppressPrefixLen != -1 && r.SuppressPrefixLen != w.SuppressPrefixLen,
		w.TunID != 0 && r.TunID != w.TunID, w.L3mdev && !r.L3mdev,
		w.UIDSet && (!r.UIDSet || r.UID != w.UID), w.IPProto != 0 && r.IPProto != w.IPProto,
		tb.Has(uapi.FRA_PROTOCOL) && w.Proto != 0 && r.Proto != w.Proto:
		return false
	case w.SPort.Start != 0 && (r.SPort != w.SPort || r.SPortMask != w.SPortMask),
		w.DPort.Start != 0 && (r.DPort != w.DPort || r.DPortMask != w.DPortMask),
		w.Src.Len != 0 && r.Src != w.Src, w.Dst.Len != 0 && r.Dst != w.Dst,
		w.TOS != 0 && r.TOS != w.TOS, w.DSCPSet && (!r.DSCPSet || r.DSCPMask != w.DSCPMask),
		tb.Has(fraDSCPMask) && (!r.DSCPSet || r.DSCPMask != tb.U8(fraDSCPMask)<<2),
		w.RealmsSet && r.Realms != w.Realms:
		return false
	}
	return true
}

// notify tells the family's group of a rule.
func (o *Ops) notify(typ uint16, rule *Rule, r *netlink.Request) {
	if !rtnl.Listening(o.Net, int(o.Group), r) {
		return
	}
	m := netlink.NewMsg(typ, 0)
	o.fill(m, rule)
	rtnl.Notify(o.Net, int(o.Group), m, r)
}

// dumpState is where a dump goes on.
type dumpState struct{ family, rule int }

// dump serves a dump of RTM_GETRULE, of one family or of all.
func (f *families) dump(d *netlink.Dump) error {
	s, ok := d.State.(*dumpState)
	if !ok {
		if err := checkDump(d.Request); err != nil {
			return err
		}
		s = new(dumpState)
		d.State = s
	}
	family := d.Request.Payload()[0]
	f.mu.Lock()
	all := f.ops
	f.mu.Unlock()
	if family != uapi.AF_UNSPEC && f.find(family) == nil {
		return errno.EAFNOSUPPORT
	}
	for ; s.family < len(all); s.family, s.rule = s.family+1, 0 {
		o := all[s.family]
		if family != uapi.AF_UNSPEC && o.Family != family {
			continue
		}
		for rules := o.Rules(); s.rule < len(rules); s.rule++ {
			if !d.Put(uapi.RTM_NEWRULE, 0, func(m *netlink.Msg) { o.fill(m, rules[s.rule]) }) {
				return netlink.More
			}
		}
	}
	return nil
}

// checkDump is the check of a strict dump request.
func checkDump(r *netlink.Request) error {
	if !r.Strict {
		return nil
	}
	h, err := r.Body(hdrLen)
	if err != nil {
		return netlink.Errorf(errno.EINVAL, "Invalid header for fib rule dump request")
	}
	if slices.ContainsFunc(h[1:], func(b byte) bool { return b != 0 }) {
		return netlink.Errorf(errno.EINVAL, "Invalid values in header for fib rule dump request")
	}
	if len(r.Payload()) > hdrLen {
		return netlink.Errorf(errno.EINVAL, "Invalid data after header in fib rule dump request")
	}
	return nil
}
