package packet

import (
	"encoding/binary"

	"linen/kern"
	"linen/uapi"
	"linen/uapi/errno"
)

// sendRing sends the frames of the ring that its writer marked, in order, and
// returns how many bytes they had (tpacket_snd). A malformed one ends it with
// EINVAL and is marked, or with PACKET_LOSS is passed over.
func (s *Sock) sendRing(r *ring, to *dest) (int, error) {
	c := s.st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	r.mu.Lock()
	defer r.mu.Unlock()
	total := 0
	for range r.req.frameNr {
		if r.stopped {
			break
		}
		off := r.frame(r.head)
		at := off + statusOff(r.version)
		if r.mem.Load(at) != uapi.TP_STATUS_SEND_REQUEST {
			break
		}
		data, err := s.txFrame(r, off)
		if err == nil {
			err = s.output(c, data, &vnet{}, to)
		}
		switch {
		case err == nil:
			total += len(data)
		case s.opt.loss.Load():
		default:
			r.mem.Store(at, uapi.TP_STATUS_WRONG_FORMAT)
			return total, err
		}
		r.mem.Store(at, uapi.TP_STATUS_AVAILABLE)
		r.head = (r.head + 1) % r.req.frameNr
	}
	return total, nil
}

// statusOff is where a header's status stands.
func statusOff(version int) int {
	if version == uapi.TPACKET_V3 {
		return 20
	}
	return 0
}

// txFrame returns a copy of the data of the frame at off, so that its writer
// cannot change it any more.
func (s *Sock) txFrame(r *ring, off int) ([]byte, error) {
	p, e := r.mem.Bytes()[off:off+r.req.frameSize], binary.NativeEndian
	lenAt, macAt, netAt := 4, 12, 14
	switch r.version {
	case uapi.TPACKET_V1:
		lenAt, macAt, netAt = 8, 16, 18
	case uapi.TPACKET_V3:
		if e.Uint32(p) != 0 { // tp_next_offset
			return nil, errno.EINVAL
		}
		lenAt, macAt, netAt = 16, 24, 26
	}
	start := headerSize[r.version]
	if s.opt.hasOff.Load() {
		start = int(e.Uint16(p[macAt:]))
		if s.Type() == uapi.SOCK_DGRAM {
			start = int(e.Uint16(p[netAt:]))
		}
		if start < headerSize[r.version] {
			return nil, errno.EINVAL
		}
	}
	n := int(e.Uint32(p[lenAt:]))
	if n > len(p)-start {
		return nil, errno.EMSGSIZE
	}
	return append([]byte(nil), p[start:start+n]...), nil
}
