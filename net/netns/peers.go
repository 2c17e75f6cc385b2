package netns

import (
	"errors"
	"math"
	"sync"
)

// peers numbers other namespaces as n sees them (nsids): the ids that
// IFLA_LINK_NETNSID carries and RTM_*NSID manage.
type peers struct {
	mu  sync.Mutex
	ids map[int]*Net
}

// ErrPeerID says that a namespace id is taken, or that the peer has one.
var ErrPeerID = errors.New("netns: the peer namespace id is in use")

// PeerID returns the id by which n knows peer, and whether it has one.
func (n *Net) PeerID(peer *Net) (id int, ok bool) {
	n.peers.mu.Lock()
	defer n.peers.mu.Unlock()
	return n.peers.find(peer)
}

func (p *peers) find(peer *Net) (id int, ok bool) {
	for id, o := range p.ids {
		if o == peer {
			return id, true
		}
	}
	return 0, false
}

// PeerByID returns the namespace that n knows by id, or nil.
func (n *Net) PeerByID(id int) *Net {
	n.peers.mu.Lock()
	defer n.peers.mu.Unlock()
	return n.peers.ids[id]
}

// Peers returns a copy of n's table of namespace ids.
func (n *Net) Peers() map[int]*Net {
	n.peers.mu.Lock()
	defer n.peers.mu.Unlock()
	ids := make(map[int]*Net, len(n.peers.ids))
	for id, o := range n.peers.ids {
		ids[id] = o
	}
	return ids
}

// SetPeerID gives peer the id want in n, or the lowest free one when want is
// negative. It returns ErrPeerID when peer has an id or want is taken.
func (n *Net) SetPeerID(peer *Net, want int) (id int, err error) {
	n.peers.mu.Lock()
	defer n.peers.mu.Unlock()
	if _, ok := n.peers.find(peer); ok {
		return 0, ErrPeerID
	}
	return n.peers.add(peer, want)
}

// EnsurePeerID returns the id by which n knows peer, giving it the lowest free
// one when it has none, and reports whether the id is new (peernet2id_alloc).
func (n *Net) EnsurePeerID(peer *Net) (id int, fresh bool) {
	n.peers.mu.Lock()
	defer n.peers.mu.Unlock()
	if id, ok := n.peers.find(peer); ok {
		return id, false
	}
	id, _ = n.peers.add(peer, -1)
	return id, true
}

func (p *peers) add(peer *Net, want int) (int, error) {
	if want >= 0 {
		if p.ids[want] != nil {
			return 0, ErrPeerID
		}
	} else {
		for want = 0; want < math.MaxInt32 && p.ids[want] != nil; want++ {
		}
	}
	if p.ids == nil {
		p.ids = make(map[int]*Net)
	}
	p.ids[want] = peer
	return want, nil
}

// forgetPeers removes n from the tables of all namespaces, and theirs from n.
func (n *Net) forgetPeers() {
	for _, o := range All(n.k) {
		o.peers.mu.Lock()
		for id, p := range o.peers.ids {
			if p == n {
				delete(o.peers.ids, id)
			}
		}
		o.peers.mu.Unlock()
	}
	n.peers.mu.Lock()
	defer n.peers.mu.Unlock()
	n.peers.ids = nil
}
