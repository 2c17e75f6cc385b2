// Package rtnl is rtnetlink's frame: the registry of message handlers by type
// and address family, link kinds, and notifications. Requests run under the
// RTNL of their namespace.
//
// Linux files: net/core/rtnetlink.c (the dispatcher), include/net/rtnetlink.h.
// Man page: rtnetlink(7).
package rtnl

import (
	"sync"

	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// A Handler serves one message type of one family.
type Handler struct {
	// Do serves a request that is no dump; nil: EOPNOTSUPP.
	Do func(r *netlink.Request) error
	// Dump writes a part of a dump; nil: the PF_UNSPEC handler's, else
	// EOPNOTSUPP. It runs under the RTNL each time.
	Dump netlink.DumpFunc
	// Nets, unless nil, is called before Do, with no RTNL held, and returns
	// the other namespaces whose RTNL Do needs. Do must check that what it
	// finds then is the same.
	Nets func(r *netlink.Request) ([]*netns.Net, error)
	// DoUnlocked and DumpUnlocked: without the RTNL (RTNL_FLAG_DOIT_UNLOCKED).
	DoUnlocked, DumpUnlocked bool
	// BulkDelete: NLM_F_BULK is understood (RTNL_FLAG_BULK_DEL_SUPPORTED).
	BulkDelete bool
	// SplitDone: NLMSG_DONE comes in a datagram of its own, as programs rely on
	// for links, addresses and IPv4 routes (RTNL_FLAG_DUMP_SPLIT_NLM_DONE).
	SplitDone bool
}

// numGroups is RTNLGRP_MAX: the last group of Linux 6.18 is RTNLGRP_IPV6_ACADDR.
const numGroups = uapi.RTNLGRP_IPV6_ACADDR

// maxType is RTM_MAX: types come in fours, RTM_GETTUNNEL is in the last.
const maxType = uapi.RTM_GETTUNNEL | 3

// A Table is a namespace's rtnetlink.
type Table struct {
	n        *netns.Net
	mu       sync.RWMutex
	handlers map[handlerKey]*Handler
}

type handlerKey struct {
	typ    uint16
	family uint8
}

var key = netns.NewKey[Table]("rtnl")

// Pernet makes a namespace's rtnetlink; netlink.Pernet comes before it.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*Table, error) {
		t := &Table{n: n, handlers: map[handlerKey]*Handler{}}
		netlink.Register(n, uapi.NETLINK_ROUTE, netlink.Proto{
			Groups: numGroups, Request: t.request, OpenRecv: true, Bind: mayJoin,
		})
		t.handleNSID()
		t.handleDumpAll()
		return t, nil
	}, func(_ *netns.Net, t *Table) { t.forget() })
}

// mayJoin guards the groups of multicast routing's upcalls, which show packets
// (rtnetlink_bind).
func mayJoin(group int, who *netlink.Creds) error {
	if (group == uapi.RTNLGRP_IPV4_MROUTE_R || group == uapi.RTNLGRP_IPV6_MROUTE_R) && !who.Capable(netlink.CapNetAdmin) {
		return errno.EPERM
	}
	return nil
}

// Of returns n's rtnetlink.
func Of(n *netns.Net) *Table { return key.Of(n) }

// Handle makes h serve the messages of type typ (RTM_*) and family (AF_*;
// AF_UNSPEC serves every family without a handler of its own).
func (t *Table) Handle(typ uint16, family int, h Handler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.handlers[handlerKey{typ, uint8(family)}] = &h
}

// find returns the handler of a type for which ok holds: the family's own,
// else PF_UNSPEC's.
func (t *Table) find(typ uint16, family uint8, ok func(*Handler) bool) *Handler {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, f := range [...]uint8{family, uapi.AF_UNSPEC} {
		if h := t.handlers[handlerKey{typ, f}]; h != nil && ok(h) {
			return h
		}
	}
	return nil
}

// Kinds of message, the low two bits of a type.
const (
	kindDel = 1
	kindGet = 2
	kindAll = 3
)

// request dispatches one message (rtnetlink_rcv_msg).
func (t *Table) request(r *netlink.Request) error {
	if r.Type > maxType {
		return errno.EOPNOTSUPP
	}
	p := r.Payload()
	if len(p) < 1 { // struct rtgenmsg
		return nil
	}
	family, kind := p[0], (r.Type-uapi.RTM_BASE)&kindAll
	if kind != kindGet && !r.Capable(netlink.CapNetAdmin) {
		return errno.EPERM
	}
	if kind == kindGet && r.Dumping() {
		h := t.find(r.Type, family, func(h *Handler) bool { return h.Dump != nil })
		if h == nil {
			return errno.EOPNOTSUPP
		}
		return t.dump(r, h)
	}
	h := t.find(r.Type, family, func(h *Handler) bool { return h.Do != nil })
	if h == nil {
		return errno.EOPNOTSUPP
	}
	if kind == kindDel && r.Has(uapi.NLM_F_BULK) && !h.BulkDelete {
		return netlink.Errorf(errno.EOPNOTSUPP, "Bulk delete is not supported")
	}
	return t.do(r, h)
}

// do runs a handler under the RTNL, and that of others it names.
func (t *Table) do(r *netlink.Request, h *Handler) error {
	if h.DoUnlocked {
		return h.Do(r)
	}
	if h.Nets == nil {
		t.n.Lock()
		defer t.n.Unlock()
		return h.Do(r)
	}
	others, err := h.Nets(r)
	if err != nil {
		return err
	}
	unlock := netns.LockAll(append(others, t.n)...)
	defer unlock()
	return h.Do(r)
}

// dump starts a dump.
func (t *Table) dump(r *netlink.Request, h *Handler) error {
	return r.StartDump(t.locked(h), h.SplitDone)
}

// locked returns the handler's dump, every part of which runs under the RTNL
// unless the handler needs none.
func (t *Table) locked(h *Handler) netlink.DumpFunc {
	if h.DumpUnlocked {
		return h.Dump
	}
	return func(d *netlink.Dump) error {
		t.n.Lock()
		defer t.n.Unlock()
		return h.Dump(d)
	}
}
