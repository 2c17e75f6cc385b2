// Package fibrules is policy routing: the ordered list of rules of one address
// family that says which routing table decides about a packet.
//
// The package keeps the list, matches what the families share, and speaks
// RTM_{NEW,DEL,GET}RULE; a family (net/ipv4, net/ipv6) matches addresses,
// looks up tables and is told of every change through its [Ops].
//
// Linux files: net/core/fib_rules.c, include/net/fib_rules.h. Man page:
// ip-rule(8). Not done: flow labels.
package fibrules

import (
	"sync/atomic"

	"linen/net/netlink"
	"linen/uapi"
)

// A Prefix is an address and how much of it counts. Addresses of 4 bytes
// stand in front.
type Prefix struct {
	Addr [16]byte
	Len  uint8
}

// A Range is a range of numbers, ends included. For ports it is set when Start
// is not 0.
type Range struct{ Start, End uint32 }

// Detached is the index of a device that a rule names and that does not exist.
const Detached = -1

// A Rule is one rule (struct fib_rule). It does not change once it is in a
// list, but for the devices that its names stand for and the target of a goto.
type Rule struct {
	Pref       uint32 // FRA_PRIORITY
	Action     uint8  // FR_ACT_*
	Proto      uint8  // RTPROT_*
	TOS        uint8  // tos or dscp<<2; 0: any, unless DSCPSet
	DSCPMask   uint8  // of the TOS byte
	DSCPSet    bool   // given as FRA_DSCP
	L3mdev     bool   // the table is the VRF's
	IPProto    uint8  // 0: any
	UIDSet     bool
	Flags      uint32 // FIB_RULE_INVERT, FIB_RULE_PERMANENT
	Table      uint32
	Goto       uint32 // the target's Pref
	Mark, Mask uint32 // fwmark
	Realms     uint32 // FRA_FLOW
	RealmsSet  bool   // FRA_FLOW was given: what is compared, even with 0
	TunID      uint64
	Src, Dst   Prefix
	UID        Range
	SPort      Range
	DPort      Range
	SPortMask  uint16
	DPortMask  uint16
	IIF, OIF   string // names of devices; "": any

	SuppressPrefixLen int32 // results with a prefix this long or shorter do not count; -1: all count
	SuppressIfgroup   int32 // results by a device of this group do not count; -1: all count

	iif, oif atomic.Int32 // indexes of IIF and OIF, 0: any, Detached
	target   atomic.Pointer[Rule]
}

// A Key is the part of a packet's flow that all families share.
type Key struct {
	IIF, OIF   int // device indexes; IIF is loopback's for packets of this host
	L3mdev     int // index of the VRF that decides, or 0
	Mark       uint32
	UID        uint32
	TunID      uint64
	SrcPort    uint16
	DstPort    uint16
	Proto, TOS uint8
}

// Match reports whether the rule, its prefixes aside, selects k. prefixes says
// whether they do; FIB_RULE_INVERT turns the whole around.
func (r *Rule) Match(k *Key, prefixes bool) bool {
	return (prefixes && r.match(k)) != (r.Flags&uapi.FIB_RULE_INVERT != 0)
}

func (r *Rule) match(k *Key) bool {
	if i := int(r.iif.Load()); i != 0 && i != k.IIF && i != k.L3mdev {
		return false
	}
	if i := int(r.oif.Load()); i != 0 && i != k.OIF && i != k.L3mdev {
		return false
	}
	if (r.Mark^k.Mark)&r.Mask != 0 || r.TunID != 0 && r.TunID != k.TunID {
		return false
	}
	if r.L3mdev && k.L3mdev == 0 {
		return false
	}
	if r.UIDSet && (k.UID < r.UID.Start || k.UID > r.UID.End) {
		return false
	}
	if r.DSCPSet && (r.TOS^k.TOS)&r.DSCPMask != 0 || !r.DSCPSet && r.TOS != 0 && r.TOS != k.TOS&legacyTOS {
		return false
	}
	if r.IPProto != 0 && r.IPProto != k.Proto {
		return false
	}
	return r.SPort.hasPort(k.SrcPort, r.SPortMask) && r.DPort.hasPort(k.DstPort, r.DPortMask)
}

// hasPort reports whether a port is in the range, or nothing is asked. A mask
// goes with a single port.
func (p Range) hasPort(port, mask uint16) bool {
	if p.Start == 0 {
		return true
	}
	if mask != 0 {
		return (uint16(p.Start)^port)&mask == 0
	}
	return uint32(port) >= p.Start && uint32(port) <= p.End
}

// NeedsPorts reports whether the rule looks at the transport header, so that
// received packets have to be dissected before their lookup. One for what this host
// sends (iif lo) does not ask for it (fib_rule_requires_fldissect).
func (r *Rule) NeedsPorts() bool {
	return r.IIF != "lo" && (r.IPProto != 0 || r.SPort.Start != 0 || r.DPort.Start != 0)
}

// Target returns the rule that a goto leads to, or nil while it is unresolved.
func (r *Rule) Target() *Rule { return r.target.Load() }

// sameAs reports whether two rules select and do the same, their
// priorities included (rule_exists). r is the one asked for: addresses, a TOS
// and realms that it does not name match any (fib4_rule_compare). tb is what was
// asked with.
func (r *Rule) sameAs(o *Rule, tb netlink.Attrs) bool {
	return r.Pref == o.Pref && r.Action == o.Action && r.Table == o.Table && r.Proto == o.Proto &&
		r.IIF == o.IIF && r.OIF == o.OIF && r.Mark == o.Mark && r.Mask == o.Mask && r.TunID == o.TunID &&
		r.L3mdev == o.L3mdev && r.UIDSet == o.UIDSet && r.UID == o.UID && r.IPProto == o.IPProto &&
		r.SPort == o.SPort && r.DPort == o.DPort && r.SPortMask == o.SPortMask && r.DPortMask == o.DPortMask &&
		r.SuppressPrefixLen == o.SuppressPrefixLen && r.SuppressIfgroup == o.SuppressIfgroup &&
		(r.Src.Len == 0 || r.Src == o.Src) && (r.Dst.Len == 0 || r.Dst == o.Dst) && r.sameDSCP(o, tb) &&
		(!r.RealmsSet || r.Realms == o.Realms)
}

// sameDSCP compares what was asked for of the DSCP: a value as tos, one as dscp,
// and the mask of one, also where the rule is going to be refused.
func (r *Rule) sameDSCP(o *Rule, tb netlink.Attrs) bool {
	switch {
	case r.TOS != 0 && !r.DSCPSet && (o.DSCPSet || r.TOS != o.TOS),
		tb.Has(fraDSCP) && (!o.DSCPSet || r.TOS != o.TOS),
		tb.Has(fraDSCPMask) && (!o.DSCPSet || tb.U8(fraDSCPMask)<<2 != o.DSCPMask):
		return false
	}
	return true
}
