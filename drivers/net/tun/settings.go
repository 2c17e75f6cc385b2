package tun

import (
	"sync/atomic"

	"linen/net/dev"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// getIff is TUNGETIFF; a queue that is switched off and one without a filter
// show in the flags.
func (f *File) getIff(l *link, ifr []byte) {
	flags := l.flags.Load()
	if f.off.Load() {
		flags |= uapi.IFF_DETACH_QUEUE
	}
	if l.filter.Load() == nil {
		flags |= uapi.IFF_NOFILTER
	}
	clear(ifr)
	copy(ifr[:nameLen-1], l.d.Name())
	ne.PutUint16(ifr[nameLen:], uint16(flags))
}

func (l *link) setPersist(_ *sock.Caller, arg []byte) error {
	if ne.Uint32(arg) != 0 {
		l.flags.Or(uapi.IFF_PERSIST)
	} else {
		l.flags.And(^uint32(uapi.IFF_PERSIST))
	}
	return nil
}

// setID is TUNSETOWNER and TUNSETGROUP; -1 is no id (make_kuid).
func setID(at *atomic.Int64, arg []byte) error {
	v := ne.Uint32(arg)
	if v == 1<<32-1 {
		return errno.EINVAL
	}
	at.Store(int64(v))
	return nil
}

// Bits of TUNSETOFFLOAD that uapi does not have.
const (
	offloadUSO4 = 0x20 // TUN_F_USO4
	offloadUSO6 = 0x40 // TUN_F_USO6
)

// setOffload is TUNSETOFFLOAD (set_offload).
func (l *link) setOffload(_ *sock.Caller, arg []byte) error {
	v := ne.Uint32(arg)
	f := dev.Features(0)
	if v&uapi.TUN_F_CSUM != 0 {
		f |= dev.FeatHWCsum
		v &^= uapi.TUN_F_CSUM
		if v&(uapi.TUN_F_TSO4|uapi.TUN_F_TSO6) != 0 {
			if v&uapi.TUN_F_TSO_ECN != 0 {
				f |= dev.FeatTSOECN
				v &^= uapi.TUN_F_TSO_ECN
			}
			if v&uapi.TUN_F_TSO4 != 0 {
				f |= dev.FeatTSO
			}
			if v&uapi.TUN_F_TSO6 != 0 {
				f |= dev.FeatTSO6
			}
			v &^= uapi.TUN_F_TSO4 | uapi.TUN_F_TSO6
		}
		v &^= uapi.TUN_F_UFO // taken and ignored
		if v&(offloadUSO4|offloadUSO6) == offloadUSO4|offloadUSO6 {
			f |= dev.FeatUDPSegment
			v &^= offloadUSO4 | offloadUSO6
		}
	}
	if v != 0 {
		return errno.EINVAL
	}
	l.offload = f
	return dev.ChangeFeatures(l.d, f, userFeatures)
}

// txFilter is what TUNSETTXFILTER lets through.
type txFilter struct {
	addrs    map[wire.MAC]struct{}
	allMulti bool
}

// exactAddrs are the addresses that may be unicast (FLT_EXACT_COUNT).
const exactAddrs = 8

// setTxFilter is TUNSETTXFILTER (update_filter): it is void when an address
// beyond the first eight is unicast.
func (l *link) setTxFilter(_ *sock.Caller, arg []byte) error {
	if !l.tap() {
		return errno.EINVAL
	}
	flags, count := ne.Uint16(arg), int(ne.Uint16(arg[2:]))
	if count == 0 {
		l.accept.Store(nil)
		return nil
	}
	arg = arg[4:]
	if len(arg) < count*len(wire.MAC{}) {
		return errno.EFAULT
	}
	t := &txFilter{addrs: make(map[wire.MAC]struct{}, count), allMulti: flags&uapi.TUN_FLT_ALLMULTI != 0}
	for i := range count {
		m := wire.MAC(arg[i*len(wire.MAC{}):])
		if i >= exactAddrs && !m.IsMulticast() {
			l.accept.Store(nil)
			return nil
		}
		t.addrs[m] = struct{}{}
	}
	l.accept.Store(t)
	return nil
}

// takes reports whether b's destination passes.
func (t *txFilter) takes(b *skb.Buff) bool {
	if t == nil {
		return true
	}
	if !b.MayPull(wire.EthHdrLen) {
		return false
	}
	m := wire.MAC(b.Data())
	_, ok := t.addrs[m]
	return ok || t.allMulti && m.IsMulticast()
}

func (l *link) attachFilter(_ *sock.Caller, arg []byte) error {
	if !l.tap() {
		return errno.EINVAL
	}
	p, err := sock.ParseFilter(arg)
	if err == nil {
		l.filter.Store(p)
	}
	return err
}

func (l *link) detachFilter(_ *sock.Caller, _ []byte) error {
	if !l.tap() {
		return errno.EINVAL
	}
	l.filter.Store(nil)
	return nil
}

func (l *link) getAddr(_ *sock.Caller, ifr []byte) error {
	clear(ifr[nameLen:])
	ne.PutUint16(ifr[nameLen:], l.d.Type)
	copy(ifr[nameLen+2:], l.d.Addr())
	return nil
}

func (l *link) setAddr(_ *sock.Caller, ifr []byte) error {
	if ne.Uint16(ifr[nameLen:]) != l.d.Type {
		return errno.EINVAL
	}
	return dev.SetAddr(l.d, append([]byte(nil), ifr[nameLen+2:nameLen+2+l.d.AddrLen]...))
}
