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
