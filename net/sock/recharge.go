package sock

import "linen/net/skb"

// Recharge changes the truesize of b, for which s pays while it waits to be
// read, to n bytes: b took over bytes of another packet.
func (s *Sock) Recharge(b *skb.Buff, n int32) {
	if b.Owner() != nil {
		s.rmem.Add(int64(n - b.TrueSize))
	}
	b.TrueSize = n
}

// AddWmem adds n bytes of truesize, which may be negative, to what is on its way
// out, for a protocol whose packets have an owner of its own; it returns the sum
// (sk_wmem_alloc).
func (s *Sock) AddWmem(n int64) int64 { return s.wmem.Add(n) }
