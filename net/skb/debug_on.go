//go:build skbdebug

package skb

const debug = true

// markEnded panics when b was ended before, and poisons its bytes.
func (b *Buff) markEnded() {
	if b.ended {
		panic("skb: a Buff was ended twice")
	}
	b.ended = true
	for i := range b.inline {
		b.inline[i] = 0xa5
	}
}
