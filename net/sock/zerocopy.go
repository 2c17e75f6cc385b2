package sock

import (
	"linen/kern"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// setZerocopy sets SO_ZEROCOPY, which TCP and UDP know: EOPNOTSUPP from the
// others, EINVAL for anything but 0 and 1 (sk_setsockopt).
func (s *Sock) setZerocopy(v int) error {
	switch {
	case s.typ == uapi.SOCK_STREAM && s.number == uapi.IPPROTO_TCP:
	case s.typ == uapi.SOCK_DGRAM && s.number == uapi.IPPROTO_UDP:
	default:
		return errno.EOPNOTSUPP
	}
	if v < 0 || v > 1 {
		return errno.EINVAL
	}
	s.Set(FlagZerocopy, v != 0)
	return nil
}

// WantsZerocopy reports whether a send with these flags is to be told of when
// its buffer is free: MSG_ZEROCOPY on a socket with SO_ZEROCOPY. Without the
// option the flag means nothing.
func (s *Sock) WantsZerocopy(flags int) bool {
	return flags&uapi.MSG_ZEROCOPY != 0 && s.Has(FlagZerocopy)
}

// CompleteZerocopy numbers n sends with MSG_ZEROCOPY that took bytes, and tells
// on the error queue that their buffers are free. Payload is always copied here,
// so that is so at once, and SO_EE_CODE_ZEROCOPY_COPIED says why, as the kernel
// says when a packet was looped back to its own host. A completion that follows
// the last one in the queue extends its range (skb_zerocopy_notify_extend): the
// queue grows by one entry, however many sends there are. The caller is on no
// CPU.
func (s *Sock) CompleteZerocopy(n uint32) {
	if n == 0 {
		return
	}
	c := s.net.Kernel().Enter(kern.Any)
	b := skb.Alloc(c, 0)
	q := &s.queues
	q.mu.Lock()
	key := &s.extra().zcKey
	first := *key
	*key += n
	if s.Has(FlagDead) || q.extendZerocopy(first, n) {
		s.notifyLocked(c, uapi.POLLERR)
		q.mu.Unlock()
		b.Consume(c)
		c.Exit()
		return
	}
	b.CB[errWord] = zerocopyWord
	b.CB[infoWord] = uint64(first) | uint64(first+n-1)<<32
	q.hold()
	q.errs.push(b)
	q.nerrs.Add(1)
	s.notifyLocked(c, uapi.POLLERR)
	q.mu.Unlock()
	c.Exit()
}

// zerocopyWord is the first word of a completion in the error queue: no errno,
// origin and code.
const zerocopyWord = uapi.SO_EE_ORIGIN_ZEROCOPY<<32 | uapi.SO_EE_CODE_ZEROCOPY_COPIED<<48

// extendZerocopy adds n completions to the last entry if that ends in front of
// first. The caller holds the mutex.
func (q *queues) extendZerocopy(first, n uint32) bool {
	if q.nerrs.Load() == 0 {
		return false
	}
	last := q.errs.at(q.errs.len() - 1)
	lo, hi := uint32(last.CB[infoWord]), uint32(last.CB[infoWord]>>32)
	if last.CB[errWord] != zerocopyWord || hi+1 != first {
		return false
	}
	last.CB[infoWord] = uint64(lo) | uint64(hi+n)<<32
	return true
}
