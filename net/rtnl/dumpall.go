package rtnl

import (
	"slices"

	"linen/net/netlink"
	"linen/uapi"
)

// handleDumpAll installs the dumps of PF_UNSPEC that join those of all
// families: `ip addr`, `ip route show table all`, `ip netconf`. They also
// answer for a family that is not there (rtnl_dump_all).
func (t *Table) handleDumpAll() {
	for _, typ := range [...]uint16{uapi.RTM_GETADDR, uapi.RTM_GETROUTE, uapi.RTM_GETNETCONF} {
		t.Handle(typ, uapi.AF_UNSPEC, Handler{
			Dump:         func(d *netlink.Dump) error { return t.dumpAll(d, typ) },
			DumpUnlocked: true, // each family's own way counts
			SplitDone:    true,
		})
	}
}

// allState is where a dump of all families is.
type allState struct {
	left []*Handler // from the current one on
	sub  any        // the current one's state
}

// dumpAll dumps one family after the other.
func (t *Table) dumpAll(d *netlink.Dump, typ uint16) error {
	s, _ := d.State.(*allState)
	if s == nil {
		s = &allState{left: t.families(typ)}
	}
	defer func() { d.State = s }()
	for len(s.left) > 0 {
		d.State = s.sub
		err := t.locked(s.left[0])(d)
		if err != nil {
			s.sub = d.State
			return err
		}
		s.left, s.sub = s.left[1:], nil
		d.Restart()
	}
	return nil
}

// families returns the handlers that can dump a type, by family, but for
// PF_UNSPEC's and PF_PACKET's.
func (t *Table) families(typ uint16) (list []*Handler) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var families []uint8
	for k, h := range t.handlers {
		if k.typ == typ && h.Dump != nil && k.family != uapi.AF_UNSPEC && k.family != uapi.AF_PACKET {
			families = append(families, k.family)
		}
	}
	slices.Sort(families)
	for _, f := range families {
		list = append(list, t.handlers[handlerKey{typ, f}])
	}
	return list
}
