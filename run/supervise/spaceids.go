//go:build linux

package supervise

import (
	"golang.org/x/sys/unix"
)

// The ioctls of namespace files (linux/nsfs.h).
const (
	nsGetUser   = 0xb701 // NS_GET_USERNS
	nsGetParent = 0xb702 // NS_GET_PARENT
	nsGetType   = 0xb703 // NS_GET_NSTYPE
)

// Messages and sizes of linux/net_namespace.h and linux/rtnetlink.h.
const (
	rtmDelNSID   = 89 // RTM_DELNSID
	rtgenLen     = 4  // struct rtgenmsg, aligned
	nsidAttrLen  = 8  // an attribute of 32 bits
	nsidAttrsOff = unix.SizeofNlMsghdr + rtgenLen
)

// idSocket is an rtnetlink socket of the node's first network namespace, in
// which the kernel gives ids to the others and reports the id of one that has
// ended. Its user serialises the calls.
type idSocket struct {
	fd   int // not blocking; -1: none
	seq  uint32
	gone []int32 // read, and not yet asked for
	lost bool    // reports were dropped: the buffer was full
}

// give numbers the namespace that fd, a file of ours, names.
func (s *idSocket) give(fd int, id int32) error {
	return s.ask(unix.RTM_NEWNSID, nsidAttr(unix.NETNSA_NSID, id), nsidAttr(unix.NETNSA_FD, int32(fd)))
}

// ended returns the ids whose namespaces have ended since it was asked last.
// Those of live are looked up one by one when reports were lost.
func (s *idSocket) ended(live map[int32]*space) []int32 {
	if s.fd < 0 {
		return nil
	}
	s.read(func(uint32, unix.Errno) bool { return false })
	if s.lost {
		s.lost = false
		for id := range live {
			if s.ask(unix.RTM_GETNSID, nsidAttr(unix.NETNSA_NSID, id)) == unix.ENOENT {
				s.gone = append(s.gone, id)
			}
		}
	}
	gone := s.gone
	s.gone = nil
	return gone
}

// ask sends a request and returns its outcome; the kernel answers before
// sendto returns.
func (s *idSocket) ask(typ uint16, attrs ...[]byte) error {
	s.seq++
	m := make([]byte, nsidAttrsOff)
	for _, a := range attrs {
		m = append(m, a...)
	}
	le.PutUint32(m, uint32(len(m)))
	le.PutUint16(m[4:], typ)
	le.PutUint16(m[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	le.PutUint32(m[8:], s.seq)
	if err := unix.Sendto(s.fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answered, outcome := false, unix.Errno(0)
	err := s.read(func(seq uint32, e unix.Errno) bool {
		if seq != s.seq {
			return false
		}
		answered, outcome = true, e
		return true
	})
	switch {
	case answered && outcome != 0:
		return outcome
	case answered:
		return nil
	case err == nil:
		return unix.EIO
	}
	return err
}

// read takes what has come, until acked says that it is enough. nil: nothing
// is left.
func (s *idSocket) read(acked func(seq uint32, e unix.Errno) bool) error {
	var buf [4096]byte
	for {
		n, _, err := unix.Recvfrom(s.fd, buf[:], unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR:
			continue
		case err == unix.ENOBUFS:
			s.lost = true
			continue
		case err != nil:
			return err
		}
		if s.message(buf[:n], acked) {
			return nil
		}
	}
}

// message looks at the messages of one datagram.
func (s *idSocket) message(b []byte, acked func(seq uint32, e unix.Errno) bool) (enough bool) {
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(le.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return enough
		}
		typ, body := le.Uint16(b[4:]), b[unix.SizeofNlMsghdr:size]
		switch {
		case typ == unix.NLMSG_ERROR && len(body) >= 4:
			if acked(le.Uint32(b[8:]), unix.Errno(-int32(le.Uint32(body)))) {
				enough = true
			}
		case typ == rtmDelNSID && len(body) >= rtgenLen+nsidAttrLen && le.Uint16(body[rtgenLen+2:]) == unix.NETNSA_NSID:
			s.gone = append(s.gone, int32(le.Uint32(body[rtgenLen+4:])))
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return enough
}

// nsidAttr is one attribute of 32 bits.
func nsidAttr(typ uint16, v int32) []byte {
	b := make([]byte, nsidAttrLen)
	le.PutUint16(b, nsidAttrLen)
	le.PutUint16(b[2:], typ)
	le.PutUint32(b[4:], uint32(v))
	return b
}
