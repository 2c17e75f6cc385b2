package raw

import (
	"linen/kern"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/sock"
	"linen/uapi"
)

// cork is a packet under construction: what sends with MSG_MORE have brought so
// far. Its route, its options and its control messages are the first send's, its
// addresses the last one's (ip_append_data, ip_push_pending_frames).
type cork struct {
	busy bool
	data []byte
	ck   inet.Cookie
	rt   *ipv4.Route
}

// drop forgets the pending packet. The caller owns s.
func (s *Sock) drop() {
	s.cork = cork{data: s.cork.data[:0]}
	s.corked.Store(false)
}

// sendCorked adds to the pending packet, and sends it when this part is the last.
func (s *Sock) sendCorked(m *sock.Msg, ck *inet.Cookie, to inet.Addr) error {
	s.Lock()
	defer s.Unlock()
	c := s.Net().Kernel().Enter(kern.Any)
	defer c.Exit()
	w, err := s.way(c, m.Data, ck, to)
	if err != nil {
		return err // what is pending stays
	}
	k := &s.cork
	if !ck.Probe {
		if !k.busy {
			k.busy, k.ck, k.rt = true, *ck, w.rt
			k.ck.Cork(&s.Sock)
			s.corked.Store(true)
		}
		if err := s.fits(c, k.rt, len(k.data)+len(m.Data), &k.ck, w.daddr); err != nil {
			s.drop()
			return err
		}
		k.data = append(k.data, m.Data...)
	}
	if m.Flags&uapi.MSG_MORE != 0 || !k.busy {
		return nil
	}
	w.rt = k.rt
	err = s.transmit(c, k.data, &k.ck, w)
	s.drop()
	return err
}
