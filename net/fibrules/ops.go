package fibrules

import (
	"slices"
	"sync/atomic"

	"linen/net/dev"
	"linen/net/netns"
	"linen/uapi"
)

// Ops is one family's list of rules in one namespace (struct fib_rules_ops).
// The RTNL guards changes; Rules may be called anywhere.
type Ops struct {
	Net     *netns.Net
	Family  uint8
	Group   uint32 // RTNLGRP_*
	AddrLen int    // bytes of an address

	// Validate is the family's checks of a new rule, which it may complete.
	Validate func(r *Rule) error
	// Changed is told that the list is another one, before the requester is.
	Changed func(rules []*Rule)

	rules atomic.Pointer[[]*Rule]
}

// Rules returns the list in the order of evaluation; the caller does not
// change it.
func (o *Ops) Rules() []*Rule {
	if p := o.rules.Load(); p != nil {
		return *p
	}
	return nil
}

// AddDefault puts a rule of the kernel's own at the end of the list, at the
// making of the namespace.
func (o *Ops) AddDefault(pref, table uint32, flags uint32) {
	o.publish(append(slices.Clone(o.Rules()), &Rule{
		Pref: pref, Action: uapi.FR_ACT_TO_TBL, Table: table, Proto: uapi.RTPROT_KERNEL, Flags: flags,
		SuppressPrefixLen: -1, SuppressIfgroup: -1,
	}))
}

func (o *Ops) publish(rules []*Rule) {
	o.rules.Store(&rules)
	if o.Changed != nil {
		o.Changed(rules)
	}
}

// freePref returns the priority of a rule that asks for none: one below the
// second rule of the list, which keeps the first, local's, in front.
func (o *Ops) freePref() uint32 {
	if rules := o.Rules(); len(rules) > 1 && rules[1].Pref > 0 {
		return rules[1].Pref - 1
	}
	return 0
}

// insert puts r behind the rules of its priority and settles gotos.
func (o *Ops) insert(r *Rule) {
	rules := slices.Clone(o.Rules())
	at := 0
	for at < len(rules) && rules[at].Pref <= r.Pref {
		at++
	}
	rules = slices.Insert(rules, at, r)
	o.resolve(rules)
	o.publish(rules)
}

// remove takes r out and settles gotos again.
func (o *Ops) remove(r *Rule) {
	rules := slices.DeleteFunc(slices.Clone(o.Rules()), func(x *Rule) bool { return x == r })
	o.resolve(rules)
	o.publish(rules)
}

// resolve points each goto to the first rule of its target's priority.
func (o *Ops) resolve(rules []*Rule) {
	for _, r := range rules {
		if r.Action != uapi.FR_ACT_GOTO {
			continue
		}
		i := slices.IndexFunc(rules, func(t *Rule) bool { return t.Pref == r.Goto })
		if i < 0 {
			r.target.Store(nil)
		} else {
			r.target.Store(rules[i])
		}
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
