package genl

import (
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// A policyDump is a CTRL_CMD_GETPOLICY in progress: the operations with the
// numbers of their policies, then every attribute of every policy.
type policyDump struct {
	f        *Registered
	ops      []*Op
	policies []netlink.Policy // in the order of discovery
	op       int              // next operation
	idx      int              // next policy
	attr     int              // and its attribute
}

// startPolicies begins the dump (ctrl_dumppolicy_start).
func (t *Table) startPolicies(r *netlink.Request, a netlink.Attrs) (any, error) {
	f, err := t.named(a)
	if err != nil {
		return nil, err
	}
	s := &policyDump{f: f}
	want := a.Get(uapi.CTRL_ATTR_OP)
	for i := range f.Ops {
		o := &f.Ops[i]
		if want.Present() && want.U32() != uint32(o.Cmd) {
			continue
		}
		if want.Present() || o.policy(&f.Family) != nil {
			s.ops = append(s.ops, o)
		}
		if p := o.policy(&f.Family); p != nil {
			s.number(p)
		}
	}
	if want.Present() && len(s.ops) == 0 {
		return nil, netlink.ErrorAt(errno.ENOENT, want, "")
	}
	if len(s.policies) == 0 {
		return nil, errno.ENODATA
	}
	for i := 0; i < len(s.policies); i++ { // number appends the nested ones
		for _, rule := range s.policies[i] {
			if rule.Nested != nil {
				s.number(rule.Nested)
			}
		}
	}
	return s, nil
}

// number returns the number of a policy in the dump, giving it one when new.
func (s *policyDump) number(p netlink.Policy) uint32 {
	for i, o := range s.policies {
		if len(o) == len(p) && (len(o) == 0 || &o[0] == &p[0]) {
			return uint32(i)
		}
	}
	s.policies = append(s.policies, p)
	return uint32(len(s.policies) - 1)
}

// dumpPolicies writes the dump's messages (ctrl_dumppolicy).
func dumpPolicies(d *netlink.Dump) error {
	s := d.State.(*policyDump)
	for ; s.op < len(s.ops); s.op++ {
		if !s.put(d, func(m *netlink.Msg) { s.writeOp(m, s.ops[s.op]) }) {
			return netlink.More
		}
	}
	for ; s.idx < len(s.policies); s.idx++ {
		for ; s.attr < len(s.policies[s.idx]); s.attr++ {
			if !s.put(d, s.writeAttr) {
				return netlink.More
			}
		}
		s.attr = 0
	}
	return nil
}

// put writes one message of the dump.
func (s *policyDump) put(d *netlink.Dump, fill func(m *netlink.Msg)) bool {
	return d.Put(uapi.GENL_ID_CTRL, 0, func(m *netlink.Msg) {
		m.Put([]byte{uapi.CTRL_CMD_GETPOLICY, ctrlVersion, 0, 0})
		m.U16(uapi.CTRL_ATTR_FAMILY_ID, s.f.id)
		fill(m)
	})
}

// writeOp says which policies an operation has. Linux names an operation that
// can only dump 0 here (6.18, observed).
func (s *policyDump) writeOp(m *netlink.Msg, o *Op) {
	p := o.policy(&s.f.Family)
	if p == nil {
		m.Skip()
		return
	}
	var cmd uint16
	if o.Do != nil {
		cmd = uint16(o.Cmd)
	}
	nest := m.Nest(uapi.CTRL_ATTR_OP_POLICY)
	op := m.Nest(cmd)
	if o.Do != nil {
		m.U32(uapi.CTRL_ATTR_POLICY_DO, s.number(p))
	}
	if o.Dump != nil {
		m.U32(uapi.CTRL_ATTR_POLICY_DUMP, s.number(p))
	}
	m.End(op)
	m.End(nest)
}

// writeAttr writes the attribute that the dump is at.
func (s *policyDump) writeAttr(m *netlink.Msg) {
	nest := m.Nest(uapi.CTRL_ATTR_POLICY)
	idx := m.Nest(uint16(s.idx))
	if !s.policies[s.idx][s.attr].Describe(m, uint16(s.attr), s.number) {
		m.Skip()
		return
	}
	m.End(idx)
	m.End(nest)
}
