package sockdiag

import (
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// An InetProto is one protocol of AF_INET and AF_INET6 (struct
// inet_diag_handler).
type InetProto struct {
	// List returns the sockets that a dump shows, in the order of the
	// protocol's tables.
	List func() []InetSocket
	// Find returns the socket that id names: Src and SPort are its own end, Dst
	// and DPort its peer's. pad is the request's, in which raw sockets have
	// their protocol. nil: there is none.
	Find func(family, pad uint8, id *uapi.InetDiagSockID) InetSocket
	// FromPeer: in a request for one socket Src is the peer, as of a packet to
	// the socket, and a wrong cookie is ESTALE instead of ENOENT: UDP
	// (udp_dump_one).
	FromPeer bool
	// Extend appends what only this protocol has: INFO, CONG and what a
	// congestion control tells. ext is idiag_ext; admin says that the reader
	// has CAP_NET_ADMIN. May be nil.
	Extend func(m *netlink.Msg, s InetSocket, ext uint8, admin bool)
	// Destroy ends the socket for its user with ECONNABORTED; nil: EOPNOTSUPP.
	Destroy func(s InetSocket) error
}

// An InetSocket is a socket that inet_diag shows, a TIME_WAIT or half-open one
// too.
type InetSocket interface {
	// Diag describes the socket. It may be called anywhere off a CPU.
	Diag(d *Inet)
}

// Bits of Inet.Options (struct inet_diag_sockopt).
const (
	OptRecvErr        = 1 << iota // IP_RECVERR
	OptConnection                 // is_icsk: TCP
	OptFreeBind                   // IP_FREEBIND
	OptHdrIncl                    // IP_HDRINCL
	OptMulticastLoop              // IP_MULTICAST_LOOP
	OptTransparent                // IP_TRANSPARENT
	OptMulticastAll               // IP_MULTICAST_ALL
	OptNoDefrag                   // IP_NODEFRAG
	OptNoPort                     // IP_BIND_ADDRESS_NO_PORT
	OptRecvErrRFC4884             // IP_RECVERR_RFC4884
	OptDeferConnect               // TCP_FASTOPEN_CONNECT waits for data
)

// Inet is what inet_diag tells of a socket.
type Inet struct {
	uapi.InetDiagMsg
	// Sock is the socket; nil for TIME_WAIT and half-open ones, which have
	// little to tell.
	Sock    *sock.Sock
	Mark    uint32 // SO_MARK
	TOS     uint8  // IP_TOS
	TClass  uint8  // IPV6_TCLASS
	V6Only  bool   // IPV6_V6ONLY
	Options uint16 // Opt*
	// Chosen says that the port was not the user's choice (no
	// SOCK_BINDPORT_LOCK), which INET_DIAG_BC_AUTO looks at.
	Chosen bool
}

// From fills what every full socket has; State may be corrected after it.
func (d *Inet) From(s *sock.Sock) {
	d.Sock = s
	d.Family, d.State = uint8(s.Family()), uint8(s.State())
	d.ID.If, d.ID.Cookie = uint32(s.BoundDev.Load()), s.Cookie()
	d.RQueue, d.WQueue = uint32(s.RmemAlloc()), uint32(s.WmemAlloc())
	d.UID, d.Inode = s.UID, uint32(s.INode())
	d.Mark = s.Mark.Load()
}

// RegisterInet makes p answer for an IP protocol (inet_diag_register). A
// namespace without sock_diag (a test's) has nobody to tell.
func RegisterInet(n *netns.Net, protocol int, p *InetProto) {
	t := key.Of(n)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inet[protocol] = p
}

// proto returns a protocol's handler, or nil.
func (t *table) proto(protocol int) *InetProto {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.inet[protocol]
}

// query is a request as parsed.
type query struct {
	uapi.InetDiagReqV2
	protocol int
	code     bytecode
	admin    bool
}

// parse reads a request whose family header has hdrlen bytes.
func (q *query) parse(r *netlink.Request, hdrlen int) error {
	q.protocol, q.admin = int(q.Protocol), r.Capable(netlink.CapNetAdmin)
	for _, a := range r.Attrs(hdrlen) {
		switch a.Type() {
		case uapi.INET_DIAG_REQ_BYTECODE:
			q.code = append(bytecode{}, a.Bytes()...)
		case uapi.INET_DIAG_REQ_PROTOCOL:
			if a.Len() != 4 {
				return errno.EINVAL
			}
			q.protocol = int(a.U32())
		}
	}
	return nil
}

// getInet serves SOCK_DIAG_BY_FAMILY of AF_INET and AF_INET6.
func (t *table) getInet(r *netlink.Request) error {
	req, ok := uapi.ParseInetDiagReqV2(r.Payload())
	if !ok {
		return errno.EINVAL
	}
	q := &query{InetDiagReqV2: req}
	if err := q.parse(r, uapi.SizeofInetDiagReqV2); err != nil {
		return err
	}
	if r.Dumping() {
		return t.startDump(r, q)
	}
	return t.getOne(r, q)
}

// getOld serves TCPDIAG_GETSOCK, the request of the time before sock_diag. A
// dump of it shows both families.
func (t *table) getOld(r *netlink.Request) error {
	old, ok := uapi.ParseInetDiagReq(r.Payload())
	if !ok {
		return errno.EINVAL
	}
	q := &query{InetDiagReqV2: uapi.InetDiagReqV2{
		Family: old.Family, Protocol: uapi.IPPROTO_TCP, Ext: old.Ext, States: old.States, ID: old.ID,
	}}
	if err := q.parse(r, uapi.SizeofInetDiagReq); err != nil {
		return err
	}
	q.protocol = uapi.IPPROTO_TCP
	if r.Dumping() {
		q.Family = uapi.AF_UNSPEC
		return t.startDump(r, q)
	}
	return t.getOne(r, q)
}

// getOne answers with the socket that the request names (inet_diag_cmd_exact).
func (t *table) getOne(r *netlink.Request, q *query) error {
	p := t.proto(q.protocol)
	if p == nil {
		return errno.ENOENT
	}
	id := q.ID
	if p.FromPeer {
		id.SPort, id.DPort, id.Src, id.Dst = id.DPort, id.SPort, id.Dst, id.Src
	} else {
		q.Family = unmap(q.Family, &id)
	}
	s := p.Find(q.Family, q.Pad, &id)
	if s == nil {
		return errno.ENOENT
	}
	var d Inet
	s.Diag(&d)
	if !cookieIs(q.ID.Cookie, d.ID.Cookie) {
		if p.FromPeer {
			return errno.ESTALE
		}
		return errno.ENOENT
	}
	m := r.Message(r.Type, 0)
	d.fill(m, p, s, q)
	r.Reply(m)
	return nil
}

// destroyInet serves SOCK_DESTROY of AF_INET and AF_INET6.
func (t *table) destroyInet(r *netlink.Request) error {
	req, ok := uapi.ParseInetDiagReqV2(r.Payload())
	if !ok {
		return errno.EINVAL
	}
	q := &query{InetDiagReqV2: req}
	if err := q.parse(r, uapi.SizeofInetDiagReqV2); err != nil {
		return err
	}
	p := t.proto(q.protocol)
	if p == nil {
		return errno.ENOENT
	}
	if p.Destroy == nil {
		return errno.EOPNOTSUPP
	}
	family := unmap(q.Family, &q.ID)
	s := p.Find(family, q.Pad, &q.ID)
	if s == nil {
		return errno.ENOENT
	}
	var d Inet
	s.Diag(&d)
	switch {
	case !cookieIs(q.ID.Cookie, d.ID.Cookie):
		return errno.ENOENT
	case !q.admin:
		return errno.EPERM
	}
	return p.Destroy(s)
}

// cookieIs reports whether a request's cookie allows the socket's
// (sock_diag_check_cookie); all ones allow any.
func cookieIs(asked, has uint64) bool { return asked == ^uint64(0) || asked == has }

// unmap turns IPv4-mapped addresses of an AF_INET6 request into the IPv4 ones
// that they are, and returns the family.
func unmap(family uint8, id *uapi.InetDiagSockID) uint8 {
	src, ok := mapped(id.Src)
	dst, ok2 := mapped(id.Dst)
	if family != uapi.AF_INET6 || !ok || !ok2 {
		return family
	}
	id.Src, id.Dst = src, dst
	return uapi.AF_INET
}

// mapped takes the IPv4 address out of ::ffff:a.b.c.d.
func mapped(a [16]byte) (out [16]byte, ok bool) {
	if [12]byte(a[:12]) != [12]byte{10: 0xff, 11: 0xff} {
		return a, false
	}
	copy(out[:], a[12:])
	return out, true
}
