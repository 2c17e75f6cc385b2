package sock

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// SetError makes e the pending error and wakes everybody (sk_err and
// sk_error_report). c is nil off every CPU.
func (s *Sock) SetError(c *kern.CPU, e errno.Errno) {
	s.err.Store(int32(e))
	s.Notify(c, uapi.POLLERR)
}

// SetSoftError notes an error that is told only if the connection fails.
func (s *Sock) SetSoftError(e errno.Errno) { s.softErr.Store(int32(e)) }

// SoftError returns the noted soft error, or 0.
func (s *Sock) SoftError() errno.Errno { return errno.Errno(s.softErr.Load()) }

// PendingError returns the pending error without clearing it, or 0.
func (s *Sock) PendingError() errno.Errno { return errno.Errno(s.err.Load()) }

// TakeError returns the pending error, which is told once (sock_error).
func (s *Sock) TakeError() error {
	if s.err.Load() == 0 {
		return nil
	}
	if e := s.err.Swap(0); e != 0 {
		return errno.Errno(e)
	}
	return nil
}

// An ExtErr is struct sock_extended_err with what belongs to it.
type ExtErr struct {
	Errno    errno.Errno
	Origin   uint8 // uapi.SO_EE_ORIGIN_*
	Type     uint8
	Code     uint8
	Info     uint32
	Data     uint32
	Offender []byte // sockaddr of who complained, without padding; nil: none
	Name     []byte // msg_name: the destination of the packet that failed
}

// Words of skb.CB in the error queue.
const (
	errWord  = 0 // errno, origin<<32, type<<40, code<<48
	infoWord = 1 // info, data<<32
	nameWord = 2 // lengths of name and offender, <<16, and of the headers behind them, <<32
)

// QueueError appends an entry to the error queue: b holds the payload of the
// packet that failed, and belongs to the queue if it is taken; else it is the
// caller's still. The pending error becomes e.Errno (sock_queue_err_skb).
func (s *Sock) QueueError(c *kern.CPU, b *skb.Buff, e ExtErr) bool {
	if s.rmem.Load()+int64(b.TrueSize) >= s.RcvBuf() {
		s.drops.Add(1)
		return false
	}
	past := 0 // the headers between the addresses and the payload: the control messages are theirs
	if off := b.NetworkOff(); b.Network() != nil && off < 0 {
		past = -off
	}
	b.Cow(past + len(e.Name) + len(e.Offender))
	b.Push(past)
	copy(b.Push(len(e.Offender)), e.Offender)
	copy(b.Push(len(e.Name)), e.Name)
	b.CB[errWord] = uint64(uint32(e.Errno)) | uint64(e.Origin)<<32 | uint64(e.Type)<<40 | uint64(e.Code)<<48
	b.CB[infoWord] = uint64(e.Info) | uint64(e.Data)<<32
	b.CB[nameWord] = uint64(len(e.Name)) | uint64(len(e.Offender))<<16 | uint64(past)<<32
	s.ChargeRecv(c, b)
	b.Dst = nil
	q := &s.queues
	q.mu.Lock()
	if s.Has(FlagDead) {
		q.mu.Unlock()
		b.Consume(c)
		return true
	}
	q.hold()
	q.errs.push(b)
	q.nerrs.Add(1)
	s.notifyLocked(c, uapi.POLLERR)
	q.mu.Unlock()
	return true
}

// An ErrHead is the metadata of the head of the error queue.
type ErrHead struct {
	ExtErr
	b *skb.Buff
}

// DequeueError takes the next entry of the error queue, copies its payload to
// m and sets m's flags; the protocol adds the control messages and then calls
// Done(h.Buff()). The pending error becomes the next entry's, if that is from
// ICMP, else 0 (sock_dequeue_err_skb).
func (s *Sock) DequeueError(m *Msg) (h ErrHead, n int, err error) {
	q := &s.queues
	q.mu.Lock()
	if q.nerrs.Load() == 0 {
		q.mu.Unlock()
		return h, 0, errno.EAGAIN
	}
	b := q.errs.pop()
	q.nerrs.Add(-1)
	next, fromICMP := errno.Errno(0), false
	if q.errs.len() > 0 {
		o := q.errs.at(0)
		next, fromICMP = errno.Errno(uint32(o.CB[errWord])), isICMPOrigin(uint8(o.CB[errWord]>>32))
	}
	q.mu.Unlock()
	h = readErr(b)
	if isICMPOrigin(h.Origin) && !fromICMP {
		s.err.Store(0)
	}
	if next != 0 {
		s.Notify(nil, uapi.POLLERR)
		if fromICMP {
			s.err.Store(int32(next))
		}
	}
	n = b.CopyOut(0, m.Data)
	m.OutFlags |= uapi.MSG_ERRQUEUE
	if n < b.Len() {
		m.OutFlags |= uapi.MSG_TRUNC
	}
	return h, n, nil
}

func isICMPOrigin(o uint8) bool {
	return o == uapi.SO_EE_ORIGIN_ICMP || o == uapi.SO_EE_ORIGIN_ICMP6
}

// readErr unpacks an entry, and pulls the addresses off its payload.
func readErr(b *skb.Buff) ErrHead {
	w, info, lens := b.CB[errWord], b.CB[infoWord], b.CB[nameWord]
	h := ErrHead{b: b}
	h.Errno, h.Origin = errno.Errno(uint32(w)), uint8(w>>32)
	h.Type, h.Code = uint8(w>>40), uint8(w>>48)
	h.Info, h.Data = uint32(info), uint32(info>>32)
	name, offender, past := int(uint16(lens)), int(uint16(lens>>16)), int(lens>>32)
	d := b.Data()
	h.Name, h.Offender = d[:name], d[name:name+offender]
	b.Pull(name + offender + past)
	return h
}

// Buff returns the packet, for its timestamp; Done ends it.
func (h *ErrHead) Buff() *skb.Buff { return h.b }

// PutErrCmsg adds the IP_RECVERR or IPV6_RECVERR control message: the struct
// sock_extended_err and the offender's sockaddr, padded to size bytes.
func (h *ErrHead) PutErrCmsg(m *Msg, level, typ, size int) {
	var buf [16 + 28]byte
	binary.NativeEndian.PutUint32(buf[0:], uint32(h.Errno))
	buf[4], buf[5], buf[6] = h.Origin, h.Type, h.Code
	binary.NativeEndian.PutUint32(buf[8:], h.Info)
	binary.NativeEndian.PutUint32(buf[12:], h.Data)
	copy(buf[16:16+size], h.Offender)
	m.PutCmsg(level, typ, buf[:16+size])
}

// PurgeErrors empties the error queue (IP_RECVERR is turned off).
func (s *Sock) PurgeErrors() {
	for {
		q := &s.queues
		q.mu.Lock()
		if q.nerrs.Load() == 0 {
			q.mu.Unlock()
			return
		}
		b := q.errs.pop()
		q.nerrs.Add(-1)
		q.mu.Unlock()
		c := s.net.Kernel().Enter(kern.Any)
		b.Drop(c, s.net, skb.ReasonQueuePurge)
		c.Exit()
	}
}
