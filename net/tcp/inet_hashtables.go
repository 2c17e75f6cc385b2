package tcp

import (
	"linen/kern"
	"linen/lib/ktime"
	"linen/lib/siphash"
	"linen/net/dev"
	"linen/net/inet"
	"linen/net/l3mdev"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// A node is a connection's place in the table by both ends: a socket's, a
// request's or a TIME_WAIT's.
type node struct {
	laddr, raddr uint32
	lport, rport uint16
	dev          int32
	s            *Sock
	req          *request
	tw           *timeWait
	entry        inet.Entry[*node]
}

// A binding is the use of a port, by a socket or by TIME_WAIT.
type binding struct {
	port      uint16
	addr      uint32
	dev       int32
	s         *Sock // nil: TIME_WAIT
	reuse     bool
	reusePort bool
	uid       uint32
	entry     inet.Entry[*binding]
}

// bindingOf describes what s has, or wants.
func (s *Sock) bindingOf(port uint16) binding {
	return binding{
		port: port, addr: s.RcvAddr.Load(), dev: s.BoundDev.Load(), s: s, uid: s.UID,
		reuse: s.Has(sock.FlagReuseAddr), reusePort: s.Has(sock.FlagReusePort),
	}
}

// vrfOf returns the index of the VRF whose ports a socket bound to a device has: each
// VRF has its own, unless net.ipv4.tcp_l3mdev_accept is set (inet_sk_bound_l3mdev);
// 0: it is in none.
func (st *State) vrfOf(index int32) int {
	if index == 0 || st.sys.l3mdev.Bool() {
		return 0
	}
	if d := dev.ByIndex(st.n, int(index)); d != nil {
		if m := l3mdev.Master(d); m != nil {
			return m.Ifindex()
		}
	}
	return 0
}

// conflicts says whether b keeps s from the port (inet_csk_bind_conflict).
func (b *binding) conflicts(s *Sock) bool {
	if b.s == s || b.dev != 0 && s.BoundDev.Load() != 0 && b.dev != s.BoundDev.Load() {
		return false
	}
	if x := s.RcvAddr.Load(); b.addr != 0 && x != 0 && b.addr != x {
		return false
	}
	if b.dev != s.BoundDev.Load() && s.st.vrfOf(b.dev) != s.st.vrfOf(s.BoundDev.Load()) {
		return false
	}
	reuse, reusePort, listening := b.reuse, b.reusePort, false
	if b.s != nil {
		reuse, reusePort = b.s.Has(sock.FlagReuseAddr), b.s.Has(sock.FlagReusePort)
		listening = b.s.State() == uapi.TCP_LISTEN
	}
	if s.Has(sock.FlagReuseAddr) && reuse && !listening {
		return false
	}
	return s.Group() != nil || !(s.Has(sock.FlagReusePort) && reusePort && (b.s == nil || b.uid == s.UID))
}

// portFree reports whether s may bind the port. The caller holds st.bind.
func (s *Sock) portFree(port int) bool {
	for n := s.st.ports.First(uint32(port)); n != nil; n = n.Next() {
		if n.Value.conflicts(s) {
			return false
		}
	}
	return true
}

// portUnused reports whether s may be given the port unasked: sharing asks for
// ip_autobind_reuse and SO_REUSEADDR of both without SO_REUSEPORT of both, which
// counts among sockets of one user.
func (s *Sock) portUnused(port int) bool {
	for n := s.st.ports.First(uint32(port)); n != nil; n = n.Next() {
		if n.Value.conflictsUnasked(s) {
			return false
		}
	}
	return true
}

// conflictsUnasked says whether b keeps the port from being chosen for s.
func (b *binding) conflictsUnasked(s *Sock) bool {
	if b.conflicts(s) {
		return true
	}
	if b.s == s || b.dev != 0 && s.BoundDev.Load() != 0 && b.dev != s.BoundDev.Load() {
		return false
	}
	if x := s.RcvAddr.Load(); b.addr != 0 && x != 0 && b.addr != x {
		return false
	}
	if b.dev != s.BoundDev.Load() && s.st.vrfOf(b.dev) != s.st.vrfOf(s.BoundDev.Load()) {
		return false
	}
	reuse, reusePort := b.reuse, b.reusePort
	if b.s != nil {
		reuse, reusePort = b.s.Has(sock.FlagReuseAddr), b.s.Has(sock.FlagReusePort)
	}
	group := s.Has(sock.FlagReusePort) && reusePort && (b.s == nil || b.uid == s.UID)
	shared := s.Has(sock.FlagReuseAddr) && reuse && !group
	return !(shared && s.st.sys.more.autobindReuse.Bool())
}

// bindPort gives s a port, or chooses one for 0: odd ones first
// (inet_csk_get_port).
func (s *Sock) bindPort(port int) error {
	st := s.st
	st.bind.Lock()
	defer st.bind.Unlock()
	if port == 0 {
		if port = s.pickPort(1, s.portUnused); port == 0 {
			return errno.EADDRINUSE
		}
	} else if !s.portFree(port) {
		return errno.EADDRINUSE
	}
	s.take(uint16(port))
	return nil
}

// take enters s as the user of a port. The caller holds st.bind.
func (s *Sock) take(port uint16) {
	s.Num.Store(uint32(port))
	s.bind = s.bindingOf(port)
	s.st.ports.Insert(&s.bind.entry, uint32(port), &s.bind)
}

// pickPort chooses among the ports of one parity, then of the other.
func (s *Sock) pickPort(parity int, free func(int) bool) int {
	lo, hi, _ := s.PortRange()
	return s.searchPorts(lo, hi, parity, int(s.st.n.Kernel().Uint32()>>1), free)
}

func (s *Sock) searchPorts(lo, hi, parity, start int, free func(int) bool) int {
	n := hi - lo + 1
	if n <= 0 {
		return 0
	}
	for pass := range 2 {
		for i := range (n + 1) / 2 {
			port := lo + (start+2*i)%n&^1
			if lo&1 != (parity+pass)&1 {
				port++
			}
			if port < lo || port > hi || s.Inet().Reserved(port) {
				continue
			}
			if free(port) {
				return port
			}
		}
	}
	return 0
}

// Bind implements sock.Socket.
func (s *Sock) Bind(who *sock.Caller, sa []byte) error { return s.BindAddr(who, sa, s.bindPort) }

// connKey hashes a connection.
func (st *State) connKey(laddr uint32, lport uint16, raddr uint32, rport uint16) uint32 {
	return st.inet.Hash(laddr, lport, raddr, rport)
}

// insert puts a node among the connections.
func (st *State) insert(v *node) {
	st.conns.Insert(&v.entry, st.connKey(v.laddr, v.lport, v.raddr, v.rport), v)
}

// insertAt is insert with the memory of the place, for a node that is inserted
// once.
func (st *State) insertAt(p *inet.Node[*node], v *node) {
	st.conns.InsertAt(p, &v.entry, st.connKey(v.laddr, v.lport, v.raddr, v.rport), v)
}

// hashConnect chooses the local port of a connection, if it has none: even
// ones first, from a place that the peer's address decides (RFC 6056 §3.3.4;
// inet_hash_connect), and enters it. EADDRNOTAVAIL: none is left.
func (s *Sock) hashConnect(c *kern.CPU) error {
	st := s.st
	st.bind.Lock()
	defer st.bind.Unlock()
	if port := uint16(s.Num.Load()); port != 0 {
		if !s.unique(c, port) {
			return errno.EADDRNOTAVAIL
		}
		s.enter()
		return nil
	}
	lo, hi, _ := s.PortRange()
	start := siphash.Words24(st.secret, uint64(s.Saddr.Load())<<32|uint64(s.Daddr.Load()), uint64(s.Dport.Load()))
	off := st.offset.Add(2)
	port := s.searchPorts(lo, hi, 0, int((uint32(start)+off)&^1), func(port int) bool {
		for n := st.ports.First(uint32(port)); n != nil; n = n.Next() {
			if b := n.Value; b.s != nil && (b.s.Is(inet.BindLockPort) || b.s.State() == uapi.TCP_LISTEN) {
				return false // somebody bound it
			}
		}
		return s.unique(c, uint16(port))
	})
	if port == 0 {
		return errno.EADDRNOTAVAIL
	}
	s.take(uint16(port))
	s.enter()
	return nil
}

// enter puts a connection in the table.
func (s *Sock) enter() {
	s.node = node{laddr: s.RcvAddr.Load(), raddr: s.Daddr.Load(), lport: uint16(s.Num.Load()), rport: uint16(s.Dport.Load()), dev: s.BoundDev.Load(), s: s}
	s.st.insert(&s.node)
}

// unique reports whether no connection has these ends; one in TIME_WAIT may
// give way (__inet_check_established).
func (s *Sock) unique(c *kern.CPU, port uint16) bool {
	v := s.st.lookup(ends{saddr: s.Daddr.Load(), daddr: s.RcvAddr.Load(), sport: uint16(s.Dport.Load()), dport: port, dif: s.BoundDev.Load()})
	if v == nil {
		return true
	}
	return v.tw != nil && v.tw.giveWay(c, s)
}

// initialSeq is RFC 6528's: a secret hash of the connection and a clock that
// ticks every 64 ns.
func (st *State) initialSeq(now ktime.T, laddr, raddr uint32, lport, rport uint16) uint32 {
	h := siphash.Words24(st.secret, uint64(laddr)<<32|uint64(raddr), uint64(lport)<<16|uint64(rport))
	return uint32(h) + uint32(now>>6)
}

// tsOffset is the random offset of a connection's timestamps.
func (st *State) tsOffset(laddr, raddr uint32) uint32 {
	if st.sys.timestamps.Load() != 1 {
		return 0
	}
	return uint32(siphash.Words24(st.secret, uint64(raddr)<<32|uint64(laddr), 0x7473))
}
