package packet

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/vnethdr"
	"linen/uapi"
	"linen/uapi/errno"
)

// sendRing sends the frames of the ring that its writer marked, in order, and
// returns how many bytes they had (tpacket_snd). A malformed one ends it with
// an error and is marked, or with PACKET_LOSS is passed over.
func (s *Sock) sendRing(r *ring, to *dest) (int, error) {
	c := s.st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	total := 0
	for {
		data, i, err := s.nextFrame(r)
		if i < 0 {
			return total, nil
		}
		if err == nil {
			err = s.output(c, data, &vnethdr.Header{}, to)
		}
		if err == nil {
			total += len(data)
		}
		if wrong := err != nil && !s.opt.loss.Load(); r.sent(i, wrong) {
			return total, err
		}
	}
}

// nextFrame takes the next frame that is to be sent: its data and its number,
// -1 when there is none.
func (s *Sock) nextFrame(r *ring) (data []byte, i int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i = r.head
	if r.stopped || r.mem.Load(r.frame(i)+statusOff(r.version)) != uapi.TP_STATUS_SEND_REQUEST {
		return nil, -1, nil
	}
	data, err = s.txFrame(r, r.frame(i))
	r.mem.Store(r.frame(i)+statusOff(r.version), uapi.TP_STATUS_SENDING)
	r.head = (i + 1) % r.req.frameNr
	return data, i, err
}

// sent gives frame i back to its writer; a wrong one is marked and comes again.
// It returns wrong.
func (r *ring) sent(i int, wrong bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return wrong
	}
	status := uint32(uapi.TP_STATUS_AVAILABLE)
	if wrong {
		r.head, status = i, uapi.TP_STATUS_WRONG_FORMAT
	}
	r.mem.Store(r.frame(i)+statusOff(r.version), status)
	return wrong
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
