//go:build linux

package engine

import (
	"fmt"
	"io"
	"net/netip"

	"linen/drivers/host/pcap"
	"linen/lib/pcapng"
	"linen/net/dev"
)

// CaptureAt is a place to capture at: an interface of a node, all of them, or
// the node's drops.
type CaptureAt struct {
	Node      string
	Interface string // "": every interface that the node has now
	Drops     bool   // the packets that the node drops instead, with their reasons
}

// Capture begins to record at some places into w. cfg.Names is filled with the
// nodes' names. The sources are the interfaces of the capture, by their number.
func (e *Engine) Capture(w io.Writer, cfg pcap.Config, filter func([]pcap.Source) func(*pcap.Frame) bool, at ...CaptureAt) (*pcap.Recorder, error) {
	var sources []pcap.Source
	for _, a := range at {
		list, err := e.sources(a)
		if err != nil {
			return nil, err
		}
		sources = append(sources, list...)
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("nothing to capture at")
	}
	cfg.Names = e.addressNames()
	cfg.Filter = filter(sources)
	return pcap.NewRecorder(w, cfg, sources...)
}

// sources are the interfaces that a means.
func (e *Engine) sources(a CaptureAt) ([]pcap.Source, error) {
	n := e.Net(a.Node)
	if n == nil {
		return nil, fmt.Errorf("no node %s", a.Node)
	}
	ns := n.Namespace()
	if a.Drops {
		return []pcap.Source{{Name: a.Node + ":drops", Net: ns}}, nil
	}
	if a.Interface == "" {
		var all []pcap.Source
		for _, d := range dev.List(ns) {
			all = append(all, pcap.Source{Name: a.Node + ":" + d.Name(), Dev: d, Net: ns})
		}
		return all, nil
	}
	d := dev.ByName(ns, a.Interface)
	if d == nil {
		return nil, fmt.Errorf("%s has no interface %s", a.Node, a.Interface)
	}
	return []pcap.Source{{Name: a.Node + ":" + a.Interface, Dev: d, Net: ns}}, nil
}

// addressNames are the addresses of every node under the node's name.
func (e *Engine) addressNames() []pcapng.Name {
	var names []pcapng.Name
	for _, node := range e.Names() {
		seen := make(map[netip.Addr]bool)
		for _, d := range dev.List(e.Net(node).Namespace()) {
			for _, p := range addrsOf(d) {
				if a := p.Addr(); !a.IsLoopback() && !seen[a] {
					seen[a] = true
					names = append(names, pcapng.Name{Addr: a, Names: []string{node}})
				}
			}
		}
	}
	return names
}

// Done is closed when the engine begins to close.
func (e *Engine) Done() <-chan struct{} { return e.done }
