//go:build linux

package supervise

// Sockets counts the open files of a node that linen stands behind.
func (n *Node) Sockets() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.files)
}

// Spaces counts the network namespaces of a node's programs that are there now,
// beside the one that it began with.
func (n *Node) Spaces() int {
	s := &n.spaces
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	return len(s.byID)
}

// Processes counts the processes that a node knows.
func (n *Node) Processes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.tids)
}

// Watches counts the files whose closing a Host waits for.
func (h *Host) Watches() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watches)
}
