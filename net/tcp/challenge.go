package tcp

import (
	"sync"
	"time"

	"linen/kern"
)

// unlimitedChallenges is tcp_challenge_ack_limit's default: no limit.
const unlimitedChallenges = 1<<31 - 1

// challenges counts the challenge ACKs of a namespace in a second (RFC 5961 §7).
type challenges struct {
	mu     sync.Mutex
	second int64
	left   int64
}

// may takes one of the limit's. How many there are differs from second to
// second: an exact limit would tell a stranger of other connections.
func (q *challenges) may(c *kern.CPU, limit int64) bool {
	if limit == unlimitedChallenges {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := int64(c.Now()) / int64(time.Second); now != q.second {
		limit = max(limit, 0)
		q.second, q.left = now, limit
		if half := (limit + 1) / 2; limit > 0 {
			q.left = half + int64(c.Uint32())%limit
		}
	}
	if q.left <= 0 {
		return false
	}
	q.left--
	return true
}

// MayChallenge implements tcb.Env.
func (e *env) MayChallenge() bool {
	st := e.s.st
	return st.challenges.may(e.c, st.sys.more.challenges.Load())
}
