package packet

import (
	"bytes"
	"encoding/binary"

	"linen/net/dev"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// membership is one PACKET_ADD_MEMBERSHIP (struct packet_mclist).
type membership struct {
	ifindex int
	typ     uint16 // PACKET_MR_*
	addr    []byte
	count   int
}

// mreqOff is where struct packet_mreq's address begins; the plain structure has
// room for 8 bytes, 32 are taken.
const (
	mreqOff = 8
	mreqLen = 16
	maxAddr = 32
)

// parseMreq reads a struct packet_mreq.
func parseMreq(val []byte) (m membership, err error) {
	if len(val) < mreqLen {
		return m, errno.EINVAL
	}
	val = val[:min(len(val), mreqOff+maxAddr)]
	n := int(binary.NativeEndian.Uint16(val[6:]))
	if len(val) < mreqOff+n {
		return m, errno.EINVAL
	}
	return membership{
		ifindex: int(int32(binary.NativeEndian.Uint32(val))),
		typ:     binary.NativeEndian.Uint16(val[4:]),
		addr:    bytes.Clone(val[mreqOff : mreqOff+n]),
		count:   1,
	}, nil
}

func (m *membership) equal(o *membership) bool {
	return m.ifindex == o.ifindex && m.typ == o.typ && bytes.Equal(m.addr, o.addr)
}

// apply makes the device receive what m asks for (inc 1), or no more (-1). The
// RTNL is held.
func (m *membership) apply(n *netns.Net, inc int) error {
	d := dev.ByIndex(n, m.ifindex)
	if d == nil {
		return errno.ENODEV
	}
	return m.applyTo(d, inc)
}

func (m *membership) applyTo(d *dev.Device, inc int) error {
	switch m.typ {
	case uapi.PACKET_MR_PROMISC:
		return dev.SetPromiscuity(d, inc)
	case uapi.PACKET_MR_ALLMULTI:
		return dev.SetAllMulti(d, inc)
	case uapi.PACKET_MR_MULTICAST:
		if len(m.addr) != d.AddrLen {
			return errno.EINVAL
		}
		if inc < 0 {
			return d.DelMulticast(m.addr)
		}
		d.AddMulticast(m.addr)
	case uapi.PACKET_MR_UNICAST:
		if len(m.addr) != d.AddrLen {
			return errno.EINVAL
		}
		if inc < 0 {
			return d.DelUnicast(m.addr)
		}
		d.AddUnicast(m.addr)
	}
	return nil
}

// join does PACKET_ADD_MEMBERSHIP.
func (s *Sock) join(val []byte) error {
	m, err := parseMreq(val)
	if err != nil {
		return err
	}
	s.st.n.Lock()
	defer s.st.n.Unlock()
	d := dev.ByIndex(s.st.n, m.ifindex)
	if d == nil {
		return errno.ENODEV
	}
	if len(m.addr) > d.AddrLen {
		return errno.EINVAL
	}
	s.Lock()
	defer s.Unlock()
	for i := range s.members {
		if o := &s.members[i]; o.equal(&m) {
			o.count++
			return nil
		}
	}
	if err := m.applyTo(d, 1); err != nil {
		return err
	}
	s.members = append(s.members, m)
	return nil
}

// leave does PACKET_DROP_MEMBERSHIP.
func (s *Sock) leave(val []byte) error {
	m, err := parseMreq(val)
	if err != nil {
		return err
	}
	s.st.n.Lock()
	defer s.st.n.Unlock()
	s.Lock()
	defer s.Unlock()
	for i := range s.members {
		o := &s.members[i]
		if !o.equal(&m) {
			continue
		}
		if o.count--; o.count == 0 {
			o.apply(s.st.n, -1) // a device that has gone needs nothing
			s.members = append(s.members[:i], s.members[i+1:]...)
		}
		return nil
	}
	return errno.EADDRNOTAVAIL
}

// forget drops the memberships on a device that is leaving. The RTNL is held,
// s is owned.
func (s *Sock) forget(d *dev.Device) {
	kept := s.members[:0]
	for _, m := range s.members {
		if m.ifindex == d.Ifindex() {
			m.applyTo(d, -1)
			continue
		}
		kept = append(kept, m)
	}
	s.members = kept
}
