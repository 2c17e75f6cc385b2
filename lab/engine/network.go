// Package engine runs a lab on the stack: a linen.Net for each node, cables
// between them, and the programs in each.
package engine

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"

	"linen"
	"linen/drivers/net/veth"
	"linen/lab"
	"linen/lab/clab"
	"linen/lib/impair"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/uapi"
)

// network is a lab's stack: a Net for each node, cables between them. It knows
// nothing of programs. Methods may be called from several goroutines.
type network struct {
	kernel *linen.Kernel
	seed   uint64

	mu    sync.Mutex
	nodes map[string]*linen.Net
	kinds map[string]bool            // true: a switch
	lines map[endKey]clab.Impairment // what each end does to what it sends
	ups   []io.Closer                // gateways to the machine's network
}

// endKey names an interface of a node.
type endKey struct{ node, name string }

func newNetwork(cpus int, seed uint64) *network {
	return &network{
		kernel: linen.New(linen.Config{CPUs: cpus, Seed: seed}), seed: seed,
		nodes: make(map[string]*linen.Net), kinds: make(map[string]bool), lines: make(map[endKey]clab.Impairment),
	}
}

// net returns a node's Net, or nil.
func (w *network) net(node string) *linen.Net {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes[node]
}

// isSwitch reports whether a node is a switch.
func (w *network) isSwitch(node string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kinds[node]
}

// createNode makes a Net with lo up and its sysctls set; a switch gets a
// bridge of the node's name.
func (w *network) createNode(s lab.NodeSpec) error {
	n, err := w.kernel.NewNet(s.Name)
	if err != nil {
		return err
	}
	if err := prepare(n, s); err != nil {
		n.Close()
		return err
	}
	var up io.Closer
	if s.Uplink != nil {
		if up, err = openUplink(n, s.Uplink); err != nil {
			n.Close()
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes[s.Name], w.kinds[s.Name] = n, s.Switch
	if up != nil {
		w.ups = append(w.ups, up)
	}
	return nil
}

// close ends the gateways, then everything.
func (w *network) close() error {
	w.mu.Lock()
	ups := w.ups
	w.ups = nil
	w.mu.Unlock()
	var errs []error
	for _, up := range ups {
		errs = append(errs, up.Close())
	}
	return errors.Join(append(errs, w.kernel.Close())...)
}

// further makes the Net of another network namespace of a node's programs
// (supervise.Config.NewNet), a child of the node's.
func further(node *linen.Net, name string) (*netns.Net, func(), error) {
	n, err := node.NewChild(name)
	if err != nil {
		return nil, nil, err
	}
	return n.Namespace(), func() { n.Close() }, nil
}

func prepare(n *linen.Net, s lab.NodeSpec) error {
	if !s.Fresh {
		if err := n.Up("lo"); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(keys(s.Sysctls)) {
		if err := n.SetSysctl(name, s.Sysctls[name]); err != nil {
			return err
		}
	}
	if !s.Switch {
		return nil
	}
	if err := n.AddLink(bridgeName(s.Name), "bridge"); err != nil {
		return err
	}
	return n.Up(bridgeName(s.Name))
}

// keys ranges over a map's keys.
func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// bridgeName is the node's name, as far as an interface can have it.
func bridgeName(node string) string { return node[:min(len(node), uapi.IFNAMSIZ-1)] }

// createLink makes a cable's interfaces, gives them their addresses and
// brings them up; ends on a switch become its ports.
func (w *network) createLink(s lab.LinkSpec) error {
	if s.Type == clab.LinkDummy {
		n := w.net(s.Ends[0].Node)
		if err := n.AddLink(s.Ends[0].Name, "dummy"); err != nil {
			return err
		}
		return w.configure(n, s.Ends[0], s.MTU)
	}
	if s.Type == clab.LinkHost {
		n := w.net(s.Ends[0].Node)
		if err := hostLink(n, s); err != nil {
			return fmt.Errorf("link %s:%s host:%s: %w", s.Ends[0].Node, s.Ends[0].Name, s.HostInterface, err)
		}
		return w.configure(n, s.Ends[0], s.MTU)
	}
	a, b := s.Ends[0], s.Ends[1]
	na, nb := w.net(a.Node), w.net(b.Node)
	if _, _, err := veth.NewPair(na.Namespace(), a.Name, nb.Namespace(), b.Name); err != nil {
		return fmt.Errorf("link %s:%s %s:%s: %w", a.Node, a.Name, b.Node, b.Name, err)
	}
	return errors.Join(w.configure(na, a, s.MTU), w.configure(nb, b, s.MTU))
}

// configure gives one end what the file says.
func (w *network) configure(n *linen.Net, e lab.EndSpec, mtu int) error {
	if err := n.SetMTU(e.Name, mtu); err != nil {
		return err
	}
	if e.MAC != nil {
		if err := n.SetMAC(e.Name, e.MAC); err != nil {
			return err
		}
	}
	if w.isSwitch(e.Node) {
		if err := n.SetMaster(e.Name, bridgeName(e.Node)); err != nil {
			return err
		}
	}
	for _, a := range e.Addrs {
		if a.Addr().Is6() {
			continue // the lab file was told so: IPv6 is not built
		}
		if err := n.AddAddr(e.Name, a); err != nil {
			return err
		}
	}
	if !e.Impair.IsZero() {
		if err := w.impair(e.Node, e.Name, e.Impair); err != nil {
			return err
		}
	}
	return n.Up(e.Name)
}

// impair makes an end's wire do what i says.
func (w *network) impair(node, name string, i clab.Impairment) error {
	cfg := impair.Config{
		Delay: i.Delay, Jitter: i.Jitter, Loss: impair.Percent(i.Loss), Duplicate: impair.Percent(i.Duplicate),
		Corrupt: impair.Percent(i.Corrupt), Reorder: impair.Percent(i.Reorder), Rate: i.Rate, Seed: cmp.Or(i.Seed, w.seed),
	}
	if err := w.net(node).Impair(name, cfg); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if i.IsZero() {
		delete(w.lines, endKey{node, name})
	} else {
		w.lines[endKey{node, name}] = i
	}
	return nil
}

// impairment returns what impair set last.
func (w *network) impairment(node, name string) clab.Impairment {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines[endKey{node, name}]
}

// changeLink changes an end, or both, and reports both.
func (w *network) changeLink(c lab.LinkChange) (lab.LinkStatus, error) {
	ends, err := w.ends(c.Node, c.Interface)
	if err != nil {
		return lab.LinkStatus{}, err
	}
	for i, e := range ends {
		if i > 0 && !c.BothEnds {
			break
		}
		if c.Up != nil {
			if err := setUp(w.net(e.node), e.name, *c.Up); err != nil {
				return lab.LinkStatus{}, err
			}
		}
		if c.Impair != nil {
			if err := w.impair(e.node, e.name, *c.Impair); err != nil {
				return lab.LinkStatus{}, err
			}
		}
	}
	var status lab.LinkStatus
	for _, e := range ends {
		d := dev.ByName(w.net(e.node).Namespace(), e.name)
		status.Ends = append(status.Ends, lab.LinkEnd{Node: e.node, Interface: e.name, State: stateOf(d), Impair: w.impairment(e.node, e.name)})
	}
	return status, nil
}

func setUp(n *linen.Net, name string, up bool) error {
	if up {
		return n.Up(name)
	}
	return n.Down(name)
}

// ends returns the end that is named and the other one.
func (w *network) ends(node, name string) ([]endKey, error) {
	n := w.net(node)
	if n == nil {
		return nil, fmt.Errorf("no node %s", node)
	}
	d := dev.ByName(n.Namespace(), name)
	if d == nil {
		return nil, fmt.Errorf("%s has no interface %s", node, name)
	}
	peer := veth.Peer(d)
	if peer == nil {
		return nil, fmt.Errorf("%s:%s is not an end of a link", node, name)
	}
	return []endKey{{node, name}, {w.nameOf(peer), peer.Name()}}, nil
}

// nameOf returns the name of the node that d is in.
func (w *network) nameOf(d *dev.Device) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, n := range w.nodes {
		if n.Namespace() == d.Net() {
			return name
		}
	}
	return ""
}

func stateOf(d *dev.Device) string {
	if d != nil && d.IsUp() && d.Carrier() {
		return "up"
	}
	return "down"
}

// interfaces lists a node's interfaces by index.
func (w *network) interfaces(node string) ([]lab.InterfaceStatus, error) {
	n := w.net(node)
	if n == nil {
		return nil, fmt.Errorf("no node %s", node)
	}
	var list []lab.InterfaceStatus
	for _, d := range dev.List(n.Namespace()) {
		list = append(list, lab.InterfaceStatus{
			Name: d.Name(), Alias: d.Alias(), MAC: macOf(d), Index: d.Ifindex(), MTU: d.MTU(),
			Type: cmp.Or(d.Kind, "loopback"), State: stateOf(d), Addrs: addrsOf(d),
			Impair: lab.FormatImpairment(w.impairment(node, d.Name())),
		})
	}
	return list, nil
}

func macOf(d *dev.Device) string {
	if len(d.Addr()) != 6 {
		return ""
	}
	a := d.Addr()
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5])
}

func addrsOf(d *dev.Device) (list []netip.Prefix) {
	in := ipv4.InDev(d)
	if in == nil {
		return nil
	}
	for _, a := range in.Addrs() {
		list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, a.Local))), int(a.PrefixLen)))
	}
	return list
}
