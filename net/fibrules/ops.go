package fibrules

import (
	"cmp"
	"slices"
	"sync"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
)

// Ops is one family's list of rules in one namespace (struct fib_rules_ops).
// The RTNL guards it; Snapshot may be called anywhere.
type Ops struct {
	Net     *netns.Net
	Family  uint8
	Group   uint32 // RTNLGRP_*
	AddrLen int    // bytes of an address

	// Validate is the family's checks of a new rule, which it may complete.
	Validate func(r *Rule) error
	// Changed is told that the list is another one, before the requester is.
	Changed func(rules []*Rule)

	mu    sync.Mutex // guards the elements of rules against Snapshot
	rules []*Rule    // by rising Pref
	gotos []*Rule    // those that are gotos
}

// Rules returns the list in the order of evaluation. The caller holds the
// RTNL, does not change it, and does not keep it over a change.
func (o *Ops) Rules() []*Rule { return o.rules }

// Snapshot returns the list as it is now.
func (o *Ops) Snapshot() []*Rule {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.rules)
}

// AddDefault puts a rule of the kernel's own at the end of the list, at the
// making of the namespace.
func (o *Ops) AddDefault(pref, table uint32, flags uint32) {
	o.insert(&Rule{
		Pref: pref, Action: uapi.FR_ACT_TO_TBL, Table: table, Proto: uapi.RTPROT_KERNEL, Flags: flags,
		SuppressPrefixLen: -1, SuppressIfgroup: -1,
	})
}

func (o *Ops) changed() {
	if o.Changed != nil {
		o.Changed(o.rules)
	}
}

// first returns where the rules of a priority begin, or would stand.
func (o *Ops) first(pref uint32) int {
	i, _ := slices.BinarySearchFunc(o.rules, pref, func(r *Rule, pref uint32) int { return cmp.Compare(r.Pref, pref) })
	return i
}

// last returns where the rules of a priority end.
func (o *Ops) last(pref uint32) int {
	if pref == 1<<32-1 {
		return len(o.rules)
	}
	return o.first(pref + 1)
}

// exists reports whether a rule that is the same is there.
func (o *Ops) exists(r *Rule, tb netlink.Attrs) bool {
	return slices.ContainsFunc(o.rules[o.first(r.Pref):o.last(r.Pref)], func(x *Rule) bool { return r.sameAs(x, tb) })
}

// freePref returns the priority of a rule that asks for none: one below the
// second rule of the list, which keeps the first, local's, in front.
func (o *Ops) freePref() uint32 {
	if rules := o.Rules(); len(rules) > 1 && rules[1].Pref > 0 {
		return rules[1].Pref - 1
	}
	return 0
}

// Add puts a rule of the kernel's own into the list and tells programs. The
// caller holds the RTNL.
func (o *Ops) Add(r *Rule) {
	o.insert(r)
	o.notify(uapi.RTM_NEWRULE, r, nil)
}

// insert puts r behind the rules of its priority and settles gotos.
func (o *Ops) insert(r *Rule) {
	at := o.last(r.Pref)
	o.mu.Lock()
	o.rules = slices.Insert(o.rules, at, r)
	o.mu.Unlock()
	for _, g := range o.gotos {
		if g.Goto == r.Pref && g.Target() == nil {
			g.target.Store(r)
		}
	}
	if r.Action == uapi.FR_ACT_GOTO {
		o.gotos = append(o.gotos, r)
		o.resolve(r)
	}
	o.changed()
}

// remove takes r out and settles gotos again.
func (o *Ops) remove(r *Rule) {
	at := slices.Index(o.rules, r)
	o.mu.Lock()
	o.rules = slices.Delete(o.rules, at, at+1)
	o.mu.Unlock()
	o.gotos = slices.DeleteFunc(o.gotos, func(g *Rule) bool { return g == r })
	for _, g := range o.gotos {
		if g.Target() == r {
			o.resolve(g)
		}
	}
	o.changed()
}

// resolve points a goto to the first rule of its target's priority.
func (o *Ops) resolve(g *Rule) {
	g.target.Store(nil)
	if i := o.first(g.Goto); i < len(o.rules) && o.rules[i].Pref == g.Goto {
		g.target.Store(o.rules[i])
	}
}

// attach sets the indexes that the rule's device names stand for.
func (o *Ops) attach(r *Rule) {
	r.iif.Store(indexOf(o.Net, r.IIF))
	r.oif.Store(indexOf(o.Net, r.OIF))
}

func indexOf(n *netns.Net, name string) int32 {
	if name == "" {
		return 0
	}
	if d := dev.ByName(n, name); d != nil && d.Registered() {
		return int32(d.Ifindex())
	}
	return Detached
}

// DeviceEvent keeps the device indexes of rules right: rules name devices that
// come, go and are renamed.
func (o *Ops) DeviceEvent(e *dev.Event) {
	switch e.Type {
	case dev.EventRegister, dev.EventChangeName:
		o.detach(e.Dev)
		for _, r := range o.Rules() {
			if r.IIF == e.Dev.Name() {
				r.iif.Store(int32(e.Dev.Ifindex()))
			}
			if r.OIF == e.Dev.Name() {
				r.oif.Store(int32(e.Dev.Ifindex()))
			}
		}
	case dev.EventUnregister:
		o.detach(e.Dev)
	}
}

func (o *Ops) detach(d *dev.Device) {
	i := int32(d.Ifindex())
	for _, r := range o.Rules() {
		if r.IIF != "" {
			r.iif.CompareAndSwap(i, Detached)
		}
		if r.OIF != "" {
			r.oif.CompareAndSwap(i, Detached)
		}
	}
}
