// Package inetpeer remembers a little about other hosts: how many ICMP errors
// and redirects they were sent, and how many fragments came from them. Memory
// is bounded: a host that was not heard of for a while makes room.
//
// Linux file: net/ipv4/inetpeer.c. Not done: IPv6's peers, metrics.
package inetpeer

import (
	"sync"
	"time"

	"linen/kern"
	"linen/lib/ktime"
)

// Bounds of a Base (net.ipv4.inet_peer_*).
const (
	threshold = 65664 // inet_peer_threshold: hosts remembered
	minTTL    = 120 * time.Second
	maxTTL    = 600 * time.Second
	sample    = 32 // hosts looked at when a new one needs room
)

// key names a host: its address and the master device behind which it is.
type key struct {
	addr uint32
	vif  int
}

// A Base holds a namespace's peers.
type Base struct {
	mu    sync.Mutex
	peers map[key]*Peer
}

// A Peer is one other host. Its methods may be called from any CPU.
type Peer struct {
	mu        sync.Mutex
	used      ktime.T // guarded by Base.mu
	tokens    time.Duration
	last      ktime.T
	redirects int
	frags     uint32
}

// New returns an empty Base.
func New(*kern.Kernel) *Base { return &Base{peers: make(map[key]*Peer)} }

// Close forgets every peer.
func (s *Base) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.peers)
}

// Len returns the number of peers.
func (s *Base) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.peers)
}

// Get returns the peer addr (host order) behind the device vif, 0 for none,
// making it at first use; nil when there is no room, in which case nothing is
// limited.
func (s *Base) Get(now ktime.T, addr uint32, vif int) *Peer {
	k := key{addr, vif}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[k]; p != nil {
		p.used = now
		return p
	}
	if len(s.peers) >= threshold/2 && !s.makeRoom(now) {
		return nil
	}
	p := &Peer{used: now, last: now.Add(-time.Minute)} // as if silent for long: full of tokens
	s.peers[k] = p
	return p
}

// makeRoom drops those of a sample that were not used for their time to live,
// which shrinks as the Base fills; it reports whether there is room then.
func (s *Base) makeRoom(now ktime.T) bool {
	ttl := maxTTL - (maxTTL-minTTL)*time.Duration(len(s.peers))/threshold
	if len(s.peers) >= threshold {
		ttl = 0
	}
	n := 0
	for k, p := range s.peers {
		if time.Duration(now-p.used) >= ttl {
			delete(s.peers, k)
		}
		if n++; n == sample {
			break
		}
	}
	return len(s.peers) < threshold
}

// Take takes cost from the peer's tokens, which are time that has passed, at
// most burst of it, and reports whether they sufficed.
func (p *Peer) Take(now ktime.T, cost, burst time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refill(now, burst)
	if p.tokens < cost {
		return false
	}
	p.tokens -= cost
	return true
}

func (p *Peer) refill(now ktime.T, burst time.Duration) {
	p.tokens = min(p.tokens+time.Duration(now-p.last), burst)
	p.last = now
}

// Redirect reports whether the peer should be sent another redirect: after
// each the next waits twice as long as the one before, from load on, and after
// number of them that it ignored, there are none until it was silent for
// silence (ip_rt_send_redirect).
func (p *Peer) Redirect(now ktime.T, load time.Duration, number int, silence time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now > p.last.Add(silence) {
		p.tokens, p.redirects = 0, 0
	}
	if p.redirects >= number {
		p.last = now
		return false
	}
	if p.redirects == 0 || now > p.last.Add(load<<p.redirects) {
		p.last = now
		p.redirects++
		return true
	}
	return false
}

// Redirects returns how many redirects the peer was sent, and ignored.
func (p *Peer) Redirects() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.redirects
}

// NextFragment numbers the peer's fragments.
func (p *Peer) NextFragment() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frags++
	return p.frags
}
