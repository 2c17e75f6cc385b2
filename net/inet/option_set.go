package inet

import (
	"encoding/binary"

	"linen/net/ipv4"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// flagOption maps the options that only set a flag; perm asks for
// CAP_NET_RAW or CAP_NET_ADMIN.
func flagOption(name int) (f Flag, ok bool) {
	switch name {
	case uapi.IP_PKTINFO:
		return CmsgPktinfo, true
	case uapi.IP_RECVTTL:
		return CmsgTTL, true
	case uapi.IP_RECVTOS:
		return CmsgTOS, true
	case uapi.IP_RECVOPTS:
		return CmsgRecvOpts, true
	case uapi.IP_RETOPTS:
		return CmsgRetOpts, true
	case uapi.IP_RECVORIGDSTADDR:
		return CmsgOrigDst, true
	case uapi.IP_RECVERR:
		return RecvErr, true
	case uapi.IP_FREEBIND:
		return FreeBind, true
	case uapi.IP_MULTICAST_LOOP:
		return McLoop, true
	case uapi.IP_BIND_ADDRESS_NO_PORT:
		return BindAddressNoPort, true
	case uapi.IP_PASSSEC:
		return PassSec, true
	}
	return 0, false
}

// rangedFlagOption are flags that take only 0 and 1.
func rangedFlagOption(name int) (f Flag, ok bool) {
	switch name {
	case uapi.IP_RECVERR_RFC4884:
		return RecvErrRFC4884, true
	case uapi.IP_MULTICAST_ALL:
		return McAll, true
	}
	return 0, false
}

// number reads an option's value as IP does: an int, or a single byte, or
// nothing for 0.
func number(val []byte) int {
	switch {
	case len(val) >= 4:
		return int(int32(binary.NativeEndian.Uint32(val)))
	case len(val) >= 1:
		return int(val[0])
	}
	return 0
}

// SetIPOption sets an option of level IP (do_ip_setsockopt). The caller owns
// s.
func (s *Sock) SetIPOption(who *sock.Caller, name int, val []byte) error {
	v := number(val)
	if f, ok := flagOption(name); ok {
		s.SetIs(f, v != 0)
		if name == uapi.IP_RECVERR && v == 0 {
			s.PurgeErrors()
		}
		return nil
	}
	if f, ok := rangedFlagOption(name); ok {
		if v != 0 && v != 1 || len(val) < 1 {
			return errno.EINVAL
		}
		s.SetIs(f, v != 0)
		return nil
	}
	if isMcastOption(name) {
		return s.setMcast(who, name, val)
	}
	switch name {
	case uapi.IP_TOS:
		s.setTOS(v)
	case uapi.IP_TTL:
		if len(val) < 1 || v != -1 && (v < 1 || v > 255) {
			return errno.EINVAL
		}
		s.ttl.Store(int32(v))
	case uapi.IP_MTU_DISCOVER:
		if v < uapi.IP_PMTUDISC_DONT || v > uapi.IP_PMTUDISC_OMIT {
			return errno.EINVAL
		}
		s.pmtudisc.Store(int32(v))
	case uapi.IP_MINTTL:
		if len(val) < 1 || v < 0 || v > 255 {
			return errno.EINVAL
		}
		s.extra().minTTL.Store(uint32(v))
	case uapi.IP_HDRINCL:
		if s.Type() != uapi.SOCK_RAW {
			return errno.ENOPROTOOPT
		}
		s.SetIs(HdrIncl, v != 0)
	case uapi.IP_NODEFRAG:
		if s.Type() != uapi.SOCK_RAW {
			return errno.ENOPROTOOPT
		}
		s.SetIs(NoDefrag, v != 0)
	case uapi.IP_CHECKSUM:
		s.SetIs(CmsgChecksum, v != 0)
	case uapi.IP_RECVFRAGSIZE:
		if s.Type() != uapi.SOCK_RAW && s.Type() != uapi.SOCK_DGRAM {
			return errno.EINVAL
		}
		s.SetIs(CmsgFragSize, v != 0)
	default:
		return s.setIPMore(who, name, v, val)
	}
	return nil
}

// setTOS sets IP_TOS: streams keep the ECN bits; the priority follows.
func (s *Sock) setTOS(v int) {
	if s.Type() == uapi.SOCK_STREAM {
		v = v&^3 | int(s.tos.Load())&3
	}
	if uint8(v) == s.TOS() {
		return
	}
	s.tos.Store(uint32(uint8(v)))
	s.Priority.Store(uint32(tosPriority(uint8(v))))
	s.RouteGen.Add(1)
}

// tosPriority is the kernel's ip_tos2prio: RFC 1349's bits to a priority.
func tosPriority(tos uint8) uint8 {
	const bestEffort, filler, bulk, interactive, interactiveBulk = 0, 1, 2, 6, 4
	return [16]uint8{
		bestEffort, filler, bestEffort, bestEffort, bulk, bulk, bulk, bulk,
		interactive, interactive, interactive, interactive, interactiveBulk, interactiveBulk, interactiveBulk, interactiveBulk,
	}[tos&0x1e>>1]
}

// setIPMore sets the options with rules of their own.
func (s *Sock) setIPMore(who *sock.Caller, name, v int, val []byte) error {
	switch name {
	case uapi.IP_OPTIONS:
		opts, err := ipv4.CompileOptions(s.Net(), val)
		if err != nil {
			return err
		}
		s.extra().options.Store(opts)
	case uapi.IP_TRANSPARENT:
		if v != 0 && !who.Capable(sock.CapNetRaw) && !who.Capable(sock.CapNetAdmin) {
			return errno.EPERM
		}
		if len(val) < 1 {
			return errno.EINVAL
		}
		s.SetIs(Transparent, v != 0)
	case uapi.IP_UNICAST_IF:
		return s.setUnicastIF(val)
	case uapi.IP_LOCAL_PORT_RANGE:
		if len(val) != 4 {
			return errno.EINVAL
		}
		lo, hi := uint32(v)&0xffff, uint32(v)>>16
		if lo != 0 && hi != 0 && lo > hi {
			return errno.EINVAL
		}
		s.extra().ports.Store(uint32(v))
	case uapi.IP_ROUTER_ALERT:
		return s.setRouterAlert(v)
	case uapi.IP_XFRM_POLICY, uapi.IP_IPSEC_POLICY:
		if !who.Capable(sock.CapNetAdmin) {
			return errno.EPERM
		}
		return errno.ENOPROTOOPT // no IPsec here
	default:
		return errno.ENOPROTOOPT
	}
	return nil
}

// setRouterAlert is for raw sockets, and asks for routers' packets.
func (s *Sock) setRouterAlert(v int) error {
	if s.Type() != uapi.SOCK_RAW || s.Protocol() == uapi.IPPROTO_RAW {
		return errno.EINVAL
	}
	if on := v != 0; on == s.Is(RouterAlert) {
		if on {
			return errno.EADDRINUSE
		}
		return errno.ENOBUFS // ip_ra_control: as if there were no memory for it
	}
	s.SetIs(RouterAlert, v != 0)
	return nil
}

// setUnicastIF is IP_UNICAST_IF: an interface index in network order.
func (s *Sock) setUnicastIF(val []byte) error {
	if len(val) != 4 {
		return errno.EINVAL
	}
	index := int(int32(binary.BigEndian.Uint32(val)))
	if index != 0 {
		if s.st.IP.Device(s.Net(), index) == nil {
			return errno.EADDRNOTAVAIL
		}
		if bound := int(s.BoundDev.Load()); bound != 0 && bound != index {
			return errno.EINVAL
		}
	}
	s.extra().ucIndex.Store(int32(index))
	return nil
}

// SetOption is Setsockopt for the levels that every inet socket has. done is
// false when the level is the protocol's own.
func (s *Sock) SetOption(who *sock.Caller, level, name int, val []byte) (done bool, err error) {
	switch level {
	case uapi.SOL_SOCKET:
		s.Lock()
		defer s.Unlock()
		return true, s.setSocketOption(who, name, val)
	case uapi.IPPROTO_IP:
		if isMrouteOption(name) {
			return true, errno.EOPNOTSUPP
		}
		if isMcastOption(name) { // the RTNL comes before ownership
			s.Net().Lock()
			defer s.Net().Unlock()
		}
		s.Lock()
		defer s.Unlock()
		return true, s.SetIPOption(who, name, val)
	}
	return false, errno.ENOPROTOOPT
}

// setSocketOption sets an option of SOL_SOCKET, of which some are of inet's own.
// The caller owns s.
func (s *Sock) setSocketOption(who *sock.Caller, name int, val []byte) error {
	switch name {
	case uapi.SO_ATTACH_REUSEPORT_CBPF:
		return s.attachSelector(val)
	case uapi.SO_DETACH_REUSEPORT_BPF:
		return s.detachSelector(val)
	}
	err := s.SetSocketOption(who, name, val)
	if err == nil && name == uapi.SO_INCOMING_CPU {
		s.cpuChanged()
	}
	return err
}

// GetOption is Getsockopt for the levels that every inet socket has.
func (s *Sock) GetOption(level, name int, val []byte) (done bool, n int, err error) {
	switch level {
	case uapi.SOL_SOCKET:
		s.Lock()
		defer s.Unlock()
		n, err = s.GetSocketOption(name, val)
		return true, n, err
	case uapi.IPPROTO_IP:
		if isMrouteOption(name) {
			return true, 0, errno.EOPNOTSUPP
		}
		s.Lock()
		defer s.Unlock()
		n, err = s.GetIPOption(name, val)
		return true, n, err
	}
	return false, 0, errno.EOPNOTSUPP // setsockopt says ENOPROTOOPT
}

// isMrouteOption reports an option of multicast routing, which only raw IGMP
// sockets take, and before it comes here (ip_mroute_opt).
func isMrouteOption(name int) bool { return name >= uapi.MRT_BASE && name <= uapi.MRT_MAX }
