package genl

import (
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// ctrlVersion is the version of nlctrl.
const ctrlVersion = 2

var familyPolicy = netlink.Policy{
	uapi.CTRL_ATTR_FAMILY_ID:   netlink.U16(),
	uapi.CTRL_ATTR_FAMILY_NAME: netlink.NulString(uapi.GENL_NAMSIZ - 1),
}

var policyPolicy = netlink.Policy{
	uapi.CTRL_ATTR_FAMILY_ID:   netlink.U16(),
	uapi.CTRL_ATTR_FAMILY_NAME: netlink.NulString(uapi.GENL_NAMSIZ - 1),
	uapi.CTRL_ATTR_OP:          netlink.U32(),
}

// controller is the family nlctrl.
func (t *Table) controller() Family {
	return Family{
		Name: "nlctrl", Version: ctrlVersion, Groups: []string{"notify"},
		Ops: []Op{{
			Cmd: uapi.CTRL_CMD_GETFAMILY, Policy: familyPolicy, Lax: true, NoDumpParse: true,
			Do: t.getFamily, Dump: t.dumpFamilies, SplitDone: true,
		}, {
			Cmd: uapi.CTRL_CMD_GETPOLICY, Policy: policyPolicy,
			Start: t.startPolicies, Dump: dumpPolicies, SplitDone: true,
		}},
	}
}

// named returns the family that a request names by id or, else, by name.
func (t *Table) named(a netlink.Attrs) (*Registered, error) {
	id, name := a.U16(uapi.CTRL_ATTR_FAMILY_ID), a.Text(uapi.CTRL_ATTR_FAMILY_NAME)
	if !a.Has(uapi.CTRL_ATTR_FAMILY_ID) && !a.Has(uapi.CTRL_ATTR_FAMILY_NAME) {
		return nil, errno.EINVAL
	}
	var f *Registered
	if a.Has(uapi.CTRL_ATTR_FAMILY_ID) && id != 0 {
		f = t.find(id, "")
	}
	if a.Has(uapi.CTRL_ATTR_FAMILY_NAME) {
		f = t.find(0, name)
	}
	if f == nil {
		return nil, errno.ENOENT
	}
	return f, nil
}

// getFamily serves CTRL_CMD_GETFAMILY.
func (t *Table) getFamily(r *netlink.Request, a netlink.Attrs) error {
	f, err := t.named(a)
	if err != nil {
		return err
	}
	m := t.ctrl.Message(r, uapi.CTRL_CMD_NEWFAMILY)
	f.describe(m)
	r.Reply(m)
	return nil
}

// dumpFamilies serves the dump of all families.
func (t *Table) dumpFamilies(d *netlink.Dump) error {
	t.mu.RLock()
	list := t.list
	t.mu.RUnlock()
	i, _ := d.State.(int)
	for ; i < len(list); i++ {
		ok := d.Put(uapi.GENL_ID_CTRL, 0, func(m *netlink.Msg) {
			m.Put([]byte{uapi.CTRL_CMD_NEWFAMILY, ctrlVersion, 0, 0})
			list[i].describe(m)
		})
		if !ok {
			d.State = i
			return netlink.More
		}
	}
	return nil
}

// describe writes what nlctrl tells of a family (ctrl_fill_info).
func (f *Registered) describe(m *netlink.Msg) {
	m.String(uapi.CTRL_ATTR_FAMILY_NAME, f.Name)
	m.U16(uapi.CTRL_ATTR_FAMILY_ID, f.id)
	m.U32(uapi.CTRL_ATTR_VERSION, uint32(f.Version))
	m.U32(uapi.CTRL_ATTR_HDRSIZE, uint32(f.HdrLen))
	m.U32(uapi.CTRL_ATTR_MAXATTR, uint32(max(len(f.Policy)-1, 0)))
	if len(f.Ops) > 0 {
		ops := m.NestOld(uapi.CTRL_ATTR_OPS)
		for i := range f.Ops {
			op := m.NestOld(uint16(i + 1))
			m.U32(uapi.CTRL_ATTR_OP_ID, uint32(f.Ops[i].Cmd))
			m.U32(uapi.CTRL_ATTR_OP_FLAGS, f.flags(&f.Ops[i]))
			m.End(op)
		}
		m.End(ops)
	}
	f.describeGroups(m)
}

// describeGroups writes the family's multicast groups, if any.
func (f *Registered) describeGroups(m *netlink.Msg) {
	if len(f.Groups) == 0 {
		return
	}
	groups := m.NestOld(uapi.CTRL_ATTR_MCAST_GROUPS)
	for i, name := range f.Groups {
		g := m.NestOld(uint16(i + 1))
		m.U32(uapi.CTRL_ATTR_MCAST_GRP_ID, uint32(f.group+i))
		m.String(uapi.CTRL_ATTR_MCAST_GRP_NAME, name)
		m.End(g)
	}
	m.End(groups)
}

// flags returns CTRL_ATTR_OP_FLAGS of an operation.
func (f *Registered) flags(o *Op) uint32 {
	v := o.Flags
	if o.Do != nil {
		v |= uapi.GENL_CMD_CAP_DO
	}
	if o.Dump != nil {
		v |= uapi.GENL_CMD_CAP_DUMP
	}
	if o.policy(&f.Family) != nil {
		v |= uapi.GENL_CMD_CAP_HASPOL
	}
	return v
}

// announce tells nlctrl's group of a family that came or went, and of its
// groups.
func (t *Table) announce(cmd uint8, f *Registered) {
	if !t.ctrl.Listening(0) {
		return
	}
	m := t.ctrl.Message(nil, cmd)
	f.describe(m)
	t.ctrl.Notify(nil, 0, m, nil)
	if cmd != uapi.CTRL_CMD_NEWFAMILY {
		return
	}
	for i, name := range f.Groups {
		m := t.ctrl.Message(nil, uapi.CTRL_CMD_NEWMCAST_GRP)
		m.String(uapi.CTRL_ATTR_FAMILY_NAME, f.Name)
		m.U16(uapi.CTRL_ATTR_FAMILY_ID, f.id)
		groups := m.NestOld(uapi.CTRL_ATTR_MCAST_GROUPS)
		g := m.NestOld(1)
		m.U32(uapi.CTRL_ATTR_MCAST_GRP_ID, uint32(f.group+i))
		m.String(uapi.CTRL_ATTR_MCAST_GRP_NAME, name)
		m.End(g)
		m.End(groups)
		t.ctrl.Notify(nil, 0, m, nil)
	}
}
