package packet

import (
	"encoding/binary"
	"slices"
	"sync/atomic"

	"linen/kern"
	"linen/net/dev"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// fanoutIgnoreOut is PACKET_FANOUT_FLAG_IGNORE_OUTGOING.
const fanoutIgnoreOut = 0x4000

// maxFanout is how many sockets share one group unless the first says more
// (PACKET_FANOUT_MAX is 65536).
const maxFanout = 256

// fanout is a group of sockets that share the frames of one tap: each frame
// goes to one of them. State.fanouts guards all but what is atomic.
type fanout struct {
	st      *State
	id      uint16
	mode    uint8
	flags   uint16
	num     uint16 // EtherType
	dev     *dev.Device
	max     int
	refs    int
	remove  func()
	members atomic.Pointer[[]*Sock]
	next    atomic.Uint32
}

// number is what getsockopt shows; f may be nil.
func (f *fanout) number() int {
	if f == nil {
		return 0
	}
	return int(f.id) | int(f.mode)<<16 | int(f.flags>>8)<<24
}

// setFanout does PACKET_FANOUT: joins or makes a group (fanout_add).
func (s *Sock) setFanout(val []byte) error {
	if len(val) != 4 && len(val) != 8 {
		return errno.EINVAL
	}
	id, kind := binary.NativeEndian.Uint16(val), binary.NativeEndian.Uint16(val[2:])
	most := 0 // not said
	if len(val) == 8 {
		if most = int(binary.NativeEndian.Uint32(val[4:])); most > 1<<16 {
			return errno.EINVAL
		}
	}
	mode, flags := uint8(kind), kind&0xff00
	if mode > uapi.PACKET_FANOUT_QM || mode == uapi.PACKET_FANOUT_ROLLOVER && flags&uapi.PACKET_FANOUT_FLAG_ROLLOVER != 0 {
		return errno.EINVAL
	}
	if flags&uapi.PACKET_FANOUT_FLAG_DEFRAG != 0 {
		return errno.EOPNOTSUPP
	}
	s.Lock()
	defer s.Unlock()
	if s.fan != nil {
		return errno.EALREADY
	}
	if s.unhook == nil {
		return errno.EINVAL
	}
	f, err := s.st.group(s, id, mode, flags, most)
	if err != nil {
		return err
	}
	s.stop()
	s.fan = f
	s.hook()
	return nil
}

// group finds or makes the group of an id for s, which becomes one of its
// members.
func (st *State) group(s *Sock, id uint16, mode uint8, flags uint16, most int) (*fanout, error) {
	st.fanouts.Lock()
	defer st.fanouts.Unlock()
	find := func(id uint16) *fanout {
		for _, f := range st.fanouts.groups {
			if f.id == id {
				return f
			}
		}
		return nil
	}
	if flags&uapi.PACKET_FANOUT_FLAG_UNIQUEID != 0 {
		if id != 0 {
			return nil, errno.EINVAL
		}
		for flags &^= uapi.PACKET_FANOUT_FLAG_UNIQUEID; find(id) != nil; id++ {
			if id == 1<<16-1 {
				return nil, errno.ENOMEM
			}
		}
	}
	f := find(id)
	if most != 0 && f != nil && f.max != most {
		return nil, errno.EINVAL
	}
	if most == 0 {
		most = maxFanout
	}
	if f == nil {
		f = &fanout{st: st, id: id, mode: mode, flags: flags, num: s.num, dev: s.dev, max: most}
		st.fanouts.groups = append(st.fanouts.groups, f)
	}
	switch {
	case f.flags != flags || f.mode != mode || f.num != s.num || f.dev != s.dev:
		return nil, errno.EINVAL
	case f.refs >= f.max:
		return nil, errno.ENOSPC
	}
	f.refs++
	return f, nil
}

// leaveFanout takes s out of its group, whose last member ends it. s is owned
// and stopped.
func (s *Sock) leaveFanout() {
	f := s.fan
	if f == nil {
		return
	}
	s.fan = nil
	st := s.st
	st.fanouts.Lock()
	defer st.fanouts.Unlock()
	if f.refs--; f.refs == 0 {
		st.fanouts.groups = slices.DeleteFunc(st.fanouts.groups, func(o *fanout) bool { return o == f })
	}
}

// add makes s one of those who get frames, until remove is called.
func (f *fanout) add(s *Sock) (remove func()) {
	f.change(func(l []*Sock) []*Sock { return append(l, s) })
	return func() {
		f.change(func(l []*Sock) []*Sock {
			return slices.DeleteFunc(l, func(o *Sock) bool { return o == s })
		})
	}
}

// change publishes other members; the group listens while it has some.
func (f *fanout) change(edit func([]*Sock) []*Sock) {
	f.st.fanouts.Lock()
	defer f.st.fanouts.Unlock()
	var list []*Sock
	if p := f.members.Load(); p != nil {
		list = slices.Clone(*p)
	}
	list = edit(list)
	f.members.Store(&list)
	if f.remove == nil && len(list) > 0 {
		f.remove = hookType(f.st.n, &dev.PacketType{Proto: f.num, Dev: f.dev, Name: "packet_rcv_fanout", Recv: f.receive, Wants: f.wants})
	} else if f.remove != nil && len(list) == 0 {
		f.remove()
		f.remove = nil
	}
}

// wants refuses what members sent.
func (f *fanout) wants(b *skb.Buff) bool {
	if b.PktType != skb.PacketOutgoing {
		return true
	}
	if f.flags&fanoutIgnoreOut != 0 {
		return false
	}
	s, ok := b.Sock.(*Sock)
	return !ok || !slices.Contains(*f.members.Load(), s)
}

// receive gives b to one member (packet_rcv_fanout). It owns b.
func (f *fanout) receive(c *kern.CPU, b *skb.Buff, d, orig *dev.Device) {
	list := *f.members.Load()
	if len(list) == 0 {
		b.Consume(c)
		return
	}
	i := f.pick(c, b, len(list))
	if f.mode == uapi.PACKET_FANOUT_ROLLOVER || f.flags&uapi.PACKET_FANOUT_FLAG_ROLLOVER != 0 {
		for j := range list {
			if k := (i + j) % len(list); list[k].hasRoom() {
				i = k
				break
			}
		}
	}
	list[i].receive(c, b, d, orig)
}

// pick chooses a member by the group's mode.
func (f *fanout) pick(c *kern.CPU, b *skb.Buff, n int) int {
	switch f.mode {
	case uapi.PACKET_FANOUT_LB:
		return int((f.next.Add(1) - 1) % uint32(n))
	case uapi.PACKET_FANOUT_CPU:
		return c.ID() % n
	case uapi.PACKET_FANOUT_RND:
		return int(c.Uint32n(uint32(n)))
	case uapi.PACKET_FANOUT_QM:
		return int(b.Queue) % n
	case uapi.PACKET_FANOUT_HASH:
		return int(uint64(flowHash(b)) * uint64(n) >> 32)
	}
	return 0 // PACKET_FANOUT_ROLLOVER
}

// flowHash is a hash of both ends of a flow that is the same in both
// directions.
func flowHash(b *skb.Buff) uint32 {
	ip := b.Network()
	var v uint32
	if b.Protocol == uapi.ETH_P_IP && len(ip) >= 20 {
		v = binary.BigEndian.Uint32(ip[12:]) ^ binary.BigEndian.Uint32(ip[16:]) ^ uint32(ip[9])
		n := int(ip[0]&15) * 4
		whole := binary.BigEndian.Uint16(ip[6:])&0x3fff == 0
		if p := ip[9]; whole && (p == uapi.IPPROTO_TCP || p == uapi.IPPROTO_UDP) && len(ip) >= n+4 {
			v ^= uint32(binary.BigEndian.Uint16(ip[n:])^binary.BigEndian.Uint16(ip[n+2:])) << 8
		}
	}
	v *= 0x9e3779b1 // 2^32 / golden ratio: spreads the low bits to the top
	return v ^ v>>15
}

// hasRoom reports whether s could take a frame now (packet_rcv_has_room).
func (s *Sock) hasRoom() bool {
	r := s.rings.rx.Load()
	if r == nil {
		return s.RmemAlloc() < s.RcvBuf() && !s.Has(sock.FlagDead)
	}
	return r.room()
}

// room reports whether the next frame or block is free.
func (r *ring) room() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped:
		return false
	case r.version == uapi.TPACKET_V3:
		return r.block.open || r.block.status(r.block.cur) == uapi.TP_STATUS_KERNEL
	}
	return r.mem.Load(r.frame(r.head)) == uapi.TP_STATUS_KERNEL
}
