// Package mininet makes topologies of Mininet's built-in shapes (mn --topo): single, linear, tree and torus.
//
// Names and addresses are Mininet's: hosts h1, h2, ... with 10.0.0.1/8, 10.0.0.2/8, ..., switches s1, s2, ..., interfaces
// h1-eth0 and s1-eth1. A switch is a learning bridge; the torus has loops, so its bridges need a spanning tree, as in Mininet
// (--switch lxbr,stp=1): the topology carries a note that says so.
//
// Not done: minimal and reversed as names (single,2 and single,N are the same nets), controllers, OpenFlow.
package mininet

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"linen/lab/clab"
)

// MaxHosts bounds a shape: 10.0.0.0/8 would hold more, memory would not.
const MaxHosts = 65536

// Parse makes the topology that a --topo argument describes: single,N | linear,N[,K] | tree,DEPTH[,FANOUT] |
// torus,X,Y. Numbers left out are Mininet's defaults.
func Parse(topo string) (*clab.Topology, error) {
	name, rest, _ := strings.Cut(topo, ",")
	var args []int
	if rest != "" {
		for s := range strings.SplitSeq(rest, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(s))
			if err != nil || n < 1 || n > MaxHosts {
				return nil, fmt.Errorf("topology %q: %q is not a number from 1 to %d", topo, s, MaxHosts)
			}
			args = append(args, n)
		}
	}
	b := &builder{t: &clab.Topology{Name: "mn"}, ports: map[string]int{}}
	arg := func(i, def int) int {
		if i < len(args) {
			return args[i]
		}
		return def
	}
	shapes := map[string]struct {
		max  int
		make func() error
	}{
		"single": {1, func() error { return b.linear(1, arg(0, 2)) }},
		"linear": {2, func() error { return b.linear(arg(0, 2), arg(1, 1)) }},
		"tree":   {2, func() error { return b.tree(arg(0, 1), arg(1, 2)) }},
		"torus":  {3, func() error { return b.torus(arg(0, 3), arg(1, 3), arg(2, 1)) }},
	}
	s, ok := shapes[name]
	if !ok {
		return nil, fmt.Errorf("unknown topology %q: use single,N, linear,N[,K], tree,DEPTH[,FANOUT] or torus,X,Y", name)
	}
	if len(args) > s.max {
		return nil, fmt.Errorf("topology %q: %s takes at most %d numbers", topo, name, s.max)
	}
	if err := s.make(); err != nil {
		return nil, fmt.Errorf("topology %q: %w", topo, err)
	}
	return b.t, nil
}

type builder struct {
	t        *clab.Topology
	ports    map[string]int // next interface number of each switch
	hosts    int
	switches int
}

func (b *builder) host() string {
	b.hosts++
	name := fmt.Sprintf("h%d", b.hosts)
	// network-mode none: eth0 is the host's link, not a management interface
	b.t.Nodes = append(b.t.Nodes, &clab.Node{Name: name, Kind: "linux", NetworkMode: "none"})
	return name
}

func (b *builder) bridge(name string) string {
	b.switches++
	if name == "" {
		name = fmt.Sprintf("s%d", b.switches)
	}
	b.t.Nodes = append(b.t.Nodes, &clab.Node{Name: name, Kind: "bridge"})
	b.ports[name] = 0
	return name
}

func (b *builder) port(sw string) clab.Endpoint {
	b.ports[sw]++
	return clab.Endpoint{Node: sw, Interface: fmt.Sprintf("%s-eth%d", sw, b.ports[sw])}
}

// attach links the host, the number-th, to the switch.
func (b *builder) attach(host, sw string, number int) {
	addr := netip.AddrFrom4([4]byte{10, byte(number >> 16), byte(number >> 8), byte(number)})
	h := clab.Endpoint{Node: host, Interface: host + "-eth0", IPv4: netip.PrefixFrom(addr, 8)}
	b.link(h, b.port(sw))
}

func (b *builder) link(x, y clab.Endpoint) {
	b.t.Links = append(b.t.Links, &clab.Link{Type: clab.LinkVeth, MTU: 1500, Endpoints: []clab.Endpoint{x, y}})
}

// linear is n switches in a row with k hosts each; with one switch it is Mininet's single.
func (b *builder) linear(n, k int) error {
	if n*k > MaxHosts {
		return fmt.Errorf("more than %d hosts", MaxHosts)
	}
	last := ""
	for range n {
		sw := b.bridge("")
		for range k {
			h := b.host()
			b.attach(h, sw, b.hosts)
		}
		if last != "" {
			b.link(b.port(sw), b.port(last))
		}
		last = sw
	}
	return nil
}

// tree is a tree of switches of that depth with hosts as its leaves.
func (b *builder) tree(depth, fanout int) error {
	hosts := 1
	for range depth {
		if hosts *= fanout; hosts > MaxHosts || depth > 16 {
			return fmt.Errorf("more than %d hosts or 16 levels", MaxHosts)
		}
	}
	b.branch(depth, fanout)
	return nil
}

func (b *builder) branch(depth, fanout int) string {
	sw := b.bridge("")
	for range fanout {
		if depth > 1 {
			below := b.branch(depth-1, fanout)
			b.link(b.port(sw), b.port(below))
		} else {
			h := b.host()
			b.attach(h, sw, b.hosts)
		}
	}
	return sw
}

// torus is an x by y grid of switches closed at its edges, with n hosts at each.
func (b *builder) torus(x, y, n int) error {
	if x < 3 || y < 3 {
		return fmt.Errorf("a torus is at least 3 by 3")
	}
	if x*y*n > MaxHosts {
		return fmt.Errorf("more than %d hosts", MaxHosts)
	}
	name := func(i, j int) string { return fmt.Sprintf("s%dx%d", i%x+1, j%y+1) }
	for i := range x {
		for j := range y {
			b.bridge(name(i, j))
			for range n {
				h := b.host()
				b.attach(h, name(i, j), b.hosts)
			}
		}
	}
	for i := range x {
		for j := range y {
			b.link(b.port(name(i, j)), b.port(name(i, j+1)))
			b.link(b.port(name(i, j)), b.port(name(i+1, j)))
		}
	}
	b.t.Notes = append(b.t.Notes, clab.Note{Text: "a torus has loops: its bridges need a spanning tree (ip link set SWITCH type bridge stp_state 1)"})
	return nil
}
