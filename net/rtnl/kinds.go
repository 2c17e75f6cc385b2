package rtnl

import (
	"slices"
	"sync"

	"linen/net/netlink"
	"linen/net/netns"
)

// A NewLink is what a kind's New is given: the request's attributes and the
// namespaces it names (struct rtnl_newlink_params).
type NewLink struct {
	Request *netlink.Request
	Net     *netns.Net    // where the device is made
	Peer    *netns.Net    // where its peer is made, or its underlying device lives
	Attrs   netlink.Attrs // IFLA_*
	Data    netlink.Attrs // of IFLA_INFO_DATA, after the kind's policy
}

// A LinkKind is a kind of virtual device (struct rtnl_link_ops) over devices of
// type D; package dev fixes D as *dev.Device. Functions may be nil.
type LinkKind[D any] struct {
	// Name is IFLA_INFO_KIND: "veth".
	Name string
	// Policy is of IFLA_INFO_DATA, SlavePolicy of IFLA_INFO_SLAVE_DATA.
	Policy, SlavePolicy netlink.Policy
	// Setup fills in a device of this kind before any attribute is applied.
	Setup func(d D)
	// Queues returns the number of transmit and receive queues; nil: 1 and 1.
	Queues func() (tx, rx int)
	// PeerPolicyAttr is the attribute of IFLA_INFO_DATA that describes a peer
	// with an ifinfomsg and IFLA_* attributes (VETH_INFO_PEER), or 0.
	PeerPolicyAttr int
	// Validate looks at the attributes before anything is done.
	Validate func(attrs, data netlink.Attrs) error
	// New makes the device d real: it registers it. nil: registering is all.
	New func(l *NewLink, d D) error
	// Change applies attributes to an existing device; nil: EOPNOTSUPP for
	// IFLA_INFO_DATA.
	Change func(d D, attrs, data netlink.Attrs) error
	// Delete lets go of what depends on d, which a request wants removed, and
	// reports whether it is to be; nil: it is.
	Delete func(d D) bool
	// Fill writes IFLA_INFO_DATA's content, FillXstats IFLA_INFO_XSTATS's.
	Fill       func(m *netlink.Msg, d D)
	FillXstats func(m *netlink.Msg, d D)
	// SlaveChange and SlaveFill serve a port of a master of this kind.
	SlaveChange func(master, port D, attrs, data netlink.Attrs) error
	SlaveFill   func(m *netlink.Msg, master, port D)
	// LinkNet returns the other namespace of IFLA_LINK_NETNSID, or nil.
	LinkNet func(d D) *netns.Net
	// NetnsRefund: a device whose namespace closes moves to no other.
	NetnsRefund bool
}

// Kinds is a namespace's registry of link kinds.
type Kinds[D any] struct {
	mu   sync.RWMutex
	list []*LinkKind[D]
}

// Register adds a kind, or replaces that of its name.
func (k *Kinds[D]) Register(kind *LinkKind[D]) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = slices.DeleteFunc(k.list, func(o *LinkKind[D]) bool { return o.Name == kind.Name })
	k.list = append(k.list, kind)
}

// Lookup returns the kind called name, or nil.
func (k *Kinds[D]) Lookup(name string) *LinkKind[D] {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, kind := range k.list {
		if kind.Name == name {
			return kind
		}
	}
	return nil
}

// An AFOps serves one address family's part of IFLA_AF_SPEC
// (struct rtnl_af_ops).
type AFOps[D any] struct {
	Family int // AF_*
	// Fill writes the family's attributes of d; it writes nothing when the
	// family does not know d.
	Fill func(m *netlink.Msg, d D, extMask uint32)
	// Validate looks at attr before anything is done, Set applies it.
	Validate func(d D, attr netlink.Attr) error
	Set      func(d D, attr netlink.Attr) error
}

// AFs is a namespace's registry of AFOps, ordered as they registered.
type AFs[D any] struct {
	mu   sync.RWMutex
	list []*AFOps[D]
}

// Register adds a family.
func (a *AFs[D]) Register(ops *AFOps[D]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, ops)
}

// All returns the families; the slice is not to be changed.
func (a *AFs[D]) All() []*AFOps[D] {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Clip(a.list)
}
