package inet

import (
	"encoding/binary"

	"linen/net/sockdiag"
	"linen/uapi"
	"linen/uapi/errno"
)

// Diag implements sockdiag.InetSocket; transports with more to tell correct
// what it fills.
func (s *Sock) Diag(d *sockdiag.Inet) {
	d.From(&s.Sock)
	d.ID.SPort, d.ID.DPort = uint16(s.Num.Load()), uint16(s.Dport.Load())
	d.ID.Src, d.ID.Dst = DiagAddr(s.RcvAddr.Load()), DiagAddr(s.Daddr.Load())
	d.TOS = s.TOS()
	d.Chosen = !s.Is(BindLockPort)
	for _, o := range [...]struct {
		flag Flag
		bit  uint16
	}{
		{RecvErr, sockdiag.OptRecvErr}, {FreeBind, sockdiag.OptFreeBind}, {HdrIncl, sockdiag.OptHdrIncl},
		{McLoop, sockdiag.OptMulticastLoop}, {Transparent, sockdiag.OptTransparent}, {McAll, sockdiag.OptMulticastAll},
		{NoDefrag, sockdiag.OptNoDefrag}, {BindAddressNoPort, sockdiag.OptNoPort}, {RecvErrRFC4884, sockdiag.OptRecvErrRFC4884},
	} {
		if s.Is(o.flag) {
			d.Options |= o.bit
		}
	}
}

// DiagAddr is an IPv4 address as sock_diag has it.
func DiagAddr(ip uint32) (a [16]byte) {
	binary.BigEndian.PutUint32(a[:], ip)
	return a
}

// DiagEnds returns the IPv4 addresses of a request: the socket's own and its
// peer's. false: the request is for another family.
func DiagEnds(family uint8, id *uapi.InetDiagSockID) (own, peer uint32, ok bool) {
	return binary.BigEndian.Uint32(id.Src[:]), binary.BigEndian.Uint32(id.Dst[:]), family == uapi.AF_INET
}

// Abort ends the association of a datagram socket whose user learns it as
// ECONNABORTED (udp_abort, raw_abort). The caller owns s and hashes it again;
// unbind is Disconnect's.
func (s *Sock) Abort() (unbind bool) {
	s.SetError(nil, errno.ECONNABORTED)
	return s.Disconnect()
}
