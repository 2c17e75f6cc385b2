package sock

import (
	"linen/uapi"
	"linen/uapi/errno"
)

// SocketIoctl does the ioctls that every socket has; handled is false for the
// others.
func (s *Sock) SocketIoctl(cmd uint32, arg []byte) (handled bool, err error) {
	switch cmd {
	case uapi.FIOSETOWN, uapi.SIOCSPGRP, uapi.FIOGETOWN, uapi.SIOCGPGRP:
		return true, s.ownerIoctl(cmd, arg)
	case uapi.SIOCGSTAMP:
		return true, s.LastStamp(arg, false)
	case uapi.SIOCGSTAMPNS:
		return true, s.LastStamp(arg, true)
	case uapi.SIOCGSTAMP_NEW:
		return true, s.LastStamp(arg, false)
	case uapi.SIOCGSTAMPNS_NEW:
		return true, s.LastStamp(arg, true)
	}
	return false, errno.ENOTTY
}

// DatagramIoctl does SIOCINQ (the first packet's bytes, as payload counts
// them) and SIOCOUTQ on datagram sockets.
func (s *Sock) DatagramIoctl(cmd uint32, arg []byte) (handled bool, err error) {
	switch cmd {
	case uapi.SIOCINQ:
		_, first := s.Queued()
		_, err := PutInt(arg, first)
		return true, err
	case uapi.SIOCOUTQ:
		_, err := PutInt(arg, int(s.WmemAlloc()))
		return true, err
	case uapi.SIOCOUTQNSD, uapi.SIOCATMARK:
		return true, errno.ENOTTY // TCP's
	}
	return s.SocketIoctl(cmd, arg)
}
