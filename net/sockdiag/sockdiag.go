// Package sockdiag is NETLINK_SOCK_DIAG: the table of a namespace's sockets
// that ss reads, and SOCK_DESTROY, which ends one from outside.
//
// Address families register a Handler, protocols of AF_INET and AF_INET6 an
// InetProto; AF_NETLINK's is here. A family without one is answered ENOENT, as
// by a kernel that has not built its part: so is AF_UNIX, whose sockets are the
// host's.
//
// Linux files: net/core/sock_diag.c, net/ipv4/inet_diag.c,
// net/netlink/diag.c. Man page: sock_diag(7). Not done:
// INET_DIAG_REQ_SK_BPF_STORAGES, cgroups.
package sockdiag

import (
	"sync"

	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// numGroups is SKNLGRP_MAX.
const numGroups = uapi.SKNLGRP_INET6_UDP_DESTROY

// maxFamily is AF_MAX of Linux 6.18: families are below it.
const maxFamily = 46

// headerLen is the size of struct sock_diag_req, which every request begins
// with.
const headerLen = 2

// A Handler serves one address family. Its functions parse the whole payload.
type Handler struct {
	// Get serves SOCK_DIAG_BY_FAMILY, dumps included.
	Get func(r *netlink.Request) error
	// Destroy serves SOCK_DESTROY; nil: EOPNOTSUPP.
	Destroy func(r *netlink.Request) error
}

// table is a namespace's sock_diag.
type table struct {
	mu       sync.RWMutex
	families map[uint8]Handler
	inet     map[int]*InetProto // by IP protocol
}

var key = netns.NewKey[table]("sockdiag")

// Pernet makes a namespace's sock_diag. It comes after netlink.Pernet and
// before the protocols, which register with it.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*table, error) {
		t := &table{families: map[uint8]Handler{}, inet: map[int]*InetProto{}}
		t.families[uapi.AF_INET] = Handler{Get: t.getInet, Destroy: t.destroyInet}
		t.families[uapi.AF_INET6] = Handler{Get: t.getInet, Destroy: t.destroyInet}
		t.families[uapi.AF_NETLINK] = Handler{Get: getNetlink}
		netlink.Register(n, uapi.NETLINK_SOCK_DIAG, netlink.Proto{Groups: numGroups, Request: t.request, OpenRecv: true})
		return t, nil
	}, nil)
}

// Register makes h answer for an address family in n (sock_diag_register). A
// namespace without sock_diag (a test's) has nobody to tell.
func Register(n *netns.Net, family int, h Handler) {
	t := key.Of(n)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.families[uint8(family)] = h
}

// request dispatches one message (sock_diag_rcv_msg).
func (t *table) request(r *netlink.Request) error {
	switch r.Type {
	case uapi.TCPDIAG_GETSOCK:
		return t.getOld(r)
	case uapi.SOCK_DIAG_BY_FAMILY, uapi.SOCK_DESTROY:
	default:
		return errno.EINVAL
	}
	p := r.Payload()
	if len(p) < headerLen || p[0] >= maxFamily {
		return errno.EINVAL
	}
	t.mu.RLock()
	h, ok := t.families[p[0]]
	t.mu.RUnlock()
	switch {
	case !ok:
		return errno.ENOENT
	case r.Type == uapi.SOCK_DIAG_BY_FAMILY:
		return h.Get(r)
	case h.Destroy == nil:
		return errno.EOPNOTSUPP
	}
	return h.Destroy(r)
}
