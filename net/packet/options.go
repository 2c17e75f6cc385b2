package packet

import (
	"encoding/binary"
	"sync/atomic"

	"linen/net/sock"
	"linen/net/vnethdr"
	"linen/uapi"
	"linen/uapi/errno"
)

// packetVnetHdrSz is PACKET_VNET_HDR_SZ, newer than the headers in uapi.
const packetVnetHdrSz = 24

// Setsockopt implements sock.Socket.
func (s *Sock) Setsockopt(who *sock.Caller, level, name int, val []byte) error {
	if level == uapi.SOL_SOCKET {
		s.Lock()
		defer s.Unlock()
		return s.SetSocketOption(who, name, val)
	}
	if level != uapi.SOL_PACKET {
		return errno.ENOPROTOOPT
	}
	switch name {
	case uapi.PACKET_ADD_MEMBERSHIP:
		return s.join(val)
	case uapi.PACKET_DROP_MEMBERSHIP:
		return s.leave(val)
	case uapi.PACKET_RX_RING:
		return s.setRing(&s.rings.rx, val)
	case uapi.PACKET_TX_RING:
		return s.setRing(&s.rings.tx, val)
	case uapi.PACKET_FANOUT:
		return s.setFanout(val)
	}
	v, err := sock.Int(val)
	if err != nil {
		return err
	}
	if b := s.boolOption(name); b != nil {
		if name == uapi.PACKET_IGNORE_OUTGOING && (v < 0 || v > 1) {
			return errno.EINVAL
		}
		if name == uapi.PACKET_LOSS {
			return s.withoutRings(func() { b.Store(v != 0) })
		}
		b.Store(v != 0)
		return nil
	}
	if len(val) != 4 {
		return errno.EINVAL
	}
	return s.setNumber(name, v)
}

// boolOption returns the option that only is or is not, or nil.
func (s *Sock) boolOption(name int) *atomic.Bool {
	switch name {
	case uapi.PACKET_AUXDATA:
		return &s.opt.auxdata
	case uapi.PACKET_ORIGDEV:
		return &s.opt.origDev
	case uapi.PACKET_IGNORE_OUTGOING:
		return &s.opt.ignoreOut
	case uapi.PACKET_LOSS:
		return &s.opt.loss
	case uapi.PACKET_QDISC_BYPASS:
		return &s.opt.bypass
	case uapi.PACKET_TX_HAS_OFF:
		return &s.opt.hasOff
	}
	return nil
}

// withoutRings does what only a socket without rings may: EBUSY.
func (s *Sock) withoutRings(f func()) error {
	s.Lock()
	defer s.Unlock()
	if s.rings.rx.Load() != nil || s.rings.tx.Load() != nil {
		return errno.EBUSY
	}
	f()
	return nil
}

// setNumber sets the options that hold a number.
func (s *Sock) setNumber(name, v int) error {
	switch name {
	case uapi.PACKET_VERSION:
		if v < uapi.TPACKET_V1 || v > uapi.TPACKET_V3 {
			return errno.EINVAL
		}
		return s.withoutRings(func() { s.version = v })
	case uapi.PACKET_RESERVE:
		if v < 0 {
			return errno.EINVAL
		}
		return s.withoutRings(func() { s.reserve = v })
	case uapi.PACKET_VNET_HDR, packetVnetHdrSz:
		if s.Type() != uapi.SOCK_RAW {
			return errno.EINVAL
		}
		if name == uapi.PACKET_VNET_HDR && v != 0 {
			v = vnethdr.Len
		}
		if v != 0 && v != vnethdr.Len && v != vnethdr.LenMerged {
			return errno.EINVAL
		}
		return s.withoutRings(func() { s.opt.vnetLen.Store(int32(v)) })
	case uapi.PACKET_TIMESTAMP:
		s.opt.tstamp.Store(uint32(v))
		return nil
	case uapi.PACKET_COPY_THRESH:
		s.opt.copyThresh.Store(int32(v))
		return nil
	}
	return errno.ENOPROTOOPT
}

// Getsockopt implements sock.Socket. PACKET_HDRLEN looks up the version that
// stands in val.
func (s *Sock) Getsockopt(_ *sock.Caller, level, name int, val []byte) (int, error) {
	if level == uapi.SOL_SOCKET {
		s.Lock()
		defer s.Unlock()
		return s.GetSocketOption(name, val)
	}
	if level != uapi.SOL_PACKET {
		return 0, errno.ENOPROTOOPT
	}
	if name == uapi.PACKET_STATISTICS {
		return s.statistics(val)
	}
	if b := s.boolOption(name); b != nil {
		v := 0
		if b.Load() {
			v = 1
		}
		return sock.PutInt(val, v)
	}
	s.Lock()
	defer s.Unlock()
	v, err := s.number(name, val)
	if err != nil {
		return 0, err
	}
	return sock.PutInt(val, v)
}

// number reads the options that hold a number. s is owned.
func (s *Sock) number(name int, val []byte) (int, error) {
	switch name {
	case uapi.PACKET_VERSION:
		return s.version, nil
	case uapi.PACKET_HDRLEN:
		v, err := sock.Int(val)
		if err != nil || v < uapi.TPACKET_V1 || v > uapi.TPACKET_V3 {
			return 0, errno.EINVAL
		}
		return headerSize[v], nil
	case uapi.PACKET_RESERVE:
		return s.reserve, nil
	case uapi.PACKET_VNET_HDR:
		return min(int(s.opt.vnetLen.Load()), 1), nil
	case packetVnetHdrSz:
		return int(s.opt.vnetLen.Load()), nil
	case uapi.PACKET_TIMESTAMP:
		return int(int32(s.opt.tstamp.Load())), nil
	case uapi.PACKET_COPY_THRESH:
		return int(s.opt.copyThresh.Load()), nil
	case uapi.PACKET_FANOUT:
		return s.fan.number(), nil
	}
	return 0, errno.ENOPROTOOPT
}

// statistics reads struct tpacket_stats, or with TPACKET_V3 tpacket_stats_v3,
// and begins to count anew. Packets include those that were dropped.
func (s *Sock) statistics(val []byte) (int, error) {
	s.Lock()
	v3 := s.version == uapi.TPACKET_V3
	s.Unlock()
	var p [12]byte
	drops := s.stat.drops.Swap(0)
	binary.NativeEndian.PutUint32(p[0:], s.stat.packets.Swap(0)+drops)
	binary.NativeEndian.PutUint32(p[4:], drops)
	freezes := s.stat.freezes.Swap(0)
	if !v3 {
		return copy(val, p[:8]), nil
	}
	binary.NativeEndian.PutUint32(p[8:], freezes)
	return copy(val, p[:]), nil
}
