package lctrie

// resize gives n, whose children changed, the size that its use asks for, and
// returns what takes its place: a node of another size, its only child, or nil.
func resize(n *Node, root bool) *Node {
	work := maxWork
	for ; work > 0 && n.shouldDouble(root); work-- {
		n = n.doubled()
	}
	if work < maxWork {
		return n
	}
	for ; work > 0 && n.shouldHalve(root); work-- {
		n = n.halved()
	}
	switch len(n.children) - n.Empty {
	case 0:
		return nil
	case 1:
		return n.onlyChild()
	}
	return n
}

// shouldDouble reports whether twice the children would be in use well enough:
// each child gives one of the bigger node, a full one two.
func (n *Node) shouldDouble(root bool) bool {
	at := inflateAt
	if root {
		at = inflateRootAt
	}
	used := len(n.children) - n.Empty + n.Full
	return used > 1 && n.Pos > 0 && 50*used >= at*len(n.children)
}

// shouldHalve reports whether too few children are in use.
func (n *Node) shouldHalve(root bool) bool {
	at := halveAt
	if root {
		at = halveRootAt
	}
	used := len(n.children) - n.Empty
	return used > 1 && n.Bits > 1 && 100*used < at*len(n.children)
}

// onlyChild returns the one child of n.
func (n *Node) onlyChild() *Node {
	for _, c := range n.children {
		if c != nil {
			return c
		}
	}
	return nil
}

// doubled returns n with one more bit below its own.
func (n *Node) doubled() *Node {
	big := newNode(n.Key, n.Pos-1, n.Bits+1)
	for i, c := range n.children {
		switch {
		case c == nil:
		case !c.fullIn(n): // it skips the bit that is tested now
			big.put(big.index(c.Key), c)
		case c.Bits == 1:
			big.put(uint64(2*i), c.children[0])
			big.put(uint64(2*i+1), c.children[1])
		default:
			low, high := c.parted()
			big.put(uint64(2*i), low)
			big.put(uint64(2*i+1), high)
		}
	}
	return big.settled()
}

// parted returns two nodes that hold n's children, for n's highest bit 0 and 1.
func (n *Node) parted() (low, high *Node) {
	half := len(n.children) / 2
	low = newNode(n.Key, n.Pos, n.Bits-1)
	high = newNode(n.Key|1<<(n.Pos+n.Bits-1), n.Pos, n.Bits-1)
	for i := range half {
		low.put(uint64(i), n.children[i])
		high.put(uint64(i), n.children[half+i])
	}
	return low, high
}

// halved returns n without its lowest bit, which pairs of children get as a
// node of their own.
func (n *Node) halved() *Node {
	small := newNode(n.Key, n.Pos+1, n.Bits-1)
	for i := range small.children {
		low, high := n.children[2*i], n.children[2*i+1]
		switch {
		case low == nil:
			small.put(uint64(i), high)
		case high == nil:
			small.put(uint64(i), low)
		default:
			pair := newNode(low.Key, n.Pos, 1)
			pair.put(0, low)
			pair.put(1, high)
			small.put(uint64(i), pair)
		}
	}
	return small.settled()
}

// settled gives n's children that follow it without a gap their size, and
// returns n.
func (n *Node) settled() *Node {
	for i := len(n.children) - 1; i >= 0; i-- {
		if c := n.children[i]; c.fullIn(n) {
			n.put(uint64(i), resize(c, false))
		}
	}
	return n
}
