package udp

import (
	"sync/atomic"

	"linen/net/inet"
	"linen/net/sock"
	"linen/uapi/errno"
)

// headerLen is sizeof(struct udphdr).
const headerLen = 8

// maxPayload is what fits behind the headers in 65535 bytes.
const maxPayload = 65535 - 20 - headerLen

// A Sock is a UDP or UDP-Lite socket.
type Sock struct {
	inet.Sock
	sock.Datagram
	p        *proto
	inPorts  inet.Entry[*Sock]
	inAddrs  inet.Entry[*Sock]
	inConns  inet.Entry[*Sock]
	encap    atomic.Pointer[Encap]
	encapErr atomic.Pointer[EncapErr]
	came     atomic.Pointer[arrival] // of the last packet, while connected

	encapType atomic.Uint32 // UDP_ENCAP
	gsoSize   atomic.Uint32 // UDP_SEGMENT
	gro       atomic.Bool   // UDP_GRO
	noCheck6  [2]bool       // UDP_NO_CHECK6_TX, _RX
	sendCov   atomic.Uint32 // UDPLITE_SEND_CSCOV, 0: all
	recvCov   atomic.Uint32 // UDPLITE_RECV_CSCOV, 0: any

	corking atomic.Bool // UDP_CORK, or bytes are pending
	cork    cork        // guarded by ownership
}

// Bind implements sock.Socket.
func (s *Sock) Bind(who *sock.Caller, sa []byte) error { return s.BindAddr(who, sa, s.bindPort) }

// autobind gives an unbound socket a port: EAGAIN when there is none. The
// caller owns s.
func (s *Sock) autobind() error {
	if s.Num.Load() != 0 {
		return nil
	}
	if s.bindPort(0) != nil {
		return errno.EAGAIN
	}
	return nil
}

// Connect implements sock.Socket.
func (s *Sock) Connect(_ *sock.Caller, sa []byte) error {
	unspec, err := inet.IsUnspec(sa)
	if err != nil {
		return err
	}
	s.Lock()
	defer s.Unlock()
	if unspec {
		unbind := s.Disconnect()
		if unbind {
			s.unbind()
		} else {
			s.rehash()
		}
		return nil
	}
	if err := s.autobind(); err != nil {
		return err
	}
	if err := s.ConnectDatagram(sa); err != nil {
		return err
	}
	s.rehash()
	return nil
}

// Close implements sock.Socket.
func (s *Sock) Close() error {
	s.LeaveAll()
	s.Lock()
	s.setGRO(false)
	s.cork.clear()
	s.mourn()
	s.unbind()
	s.Unlock()
	s.End()
	return nil
}
