package lab

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"linen/lab/clab"
)

// Uplink says what a gateway to this machine's network gives; see package linen/drivers/host/uplink.
type Uplink struct {
	Loopback bool           // its own addresses lead to this machine's loopback
	Resolver netip.AddrPort // where port 53 of its own addresses leads; zero: nowhere
	Forwards []Forward      // ports of this machine that lead into the lab
}

// Forward is one published port.
type Forward struct {
	Proto string         // "tcp" or "udp"
	Host  netip.AddrPort // of this machine; port 0: any free one
	To    netip.AddrPort // in the lab
}

// Resolver is the machine's first resolver with an IPv4 address (resolv.conf(5)), or the zero AddrPort.
func (h HostView) Resolver() netip.AddrPort {
	if h.ReadFile == nil {
		return netip.AddrPort{}
	}
	data, err := h.ReadFile("/etc/resolv.conf")
	if err != nil {
		return netip.AddrPort{} // libc asks the machine itself then; so may a lab, by the loopback
	}
	for line := range bytes.Lines(data) {
		f := strings.Fields(string(line))
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil && a.Is4() {
			return netip.AddrPortFrom(a, 53)
		}
	}
	return netip.AddrPort{}
}

// publish gives the first uplink the ports of the file.
func (p *Plan) publish(t *clab.Topology) error {
	var up *Uplink
	for _, n := range t.Nodes {
		if n.IsUplink() {
			up = p.Nodes[n.Name].Uplink
			break
		}
	}
	if up == nil {
		return nil // Runnable has refused ports
	}
	for _, n := range t.Nodes {
		if len(n.Ports) == 0 {
			continue
		}
		to, ok := address4(t, n.Name)
		if !ok {
			return fmt.Errorf("%s:%d:%d: node %s: its ports need an IPv4 address of its own in the file: write `ipv4:` to one of its links", t.File, n.Pos.Line, n.Pos.Col, n.Name)
		}
		for _, port := range n.Ports {
			list, err := Forwards(port, to)
			if err != nil {
				return fmt.Errorf("%s:%d:%d: node %s: %w", t.File, n.Pos.Line, n.Pos.Col, n.Name, err)
			}
			up.Forwards = append(up.Forwards, list...)
		}
	}
	return nil
}

// address4 is a node's first IPv4 address in the file.
func address4(t *clab.Topology, node string) (netip.Addr, bool) {
	for _, l := range t.Links {
		for _, e := range l.Endpoints {
			if e.Node == node && e.IPv4.IsValid() {
				return e.IPv4.Addr(), true
			}
		}
	}
	return netip.Addr{}, false
}

// Forwards resolves a published port, or range of ports, of the node with the address to. Without an address the
// machine listens on all of its own, as docker's -p does.
func Forwards(p clab.Port, to netip.Addr) ([]Forward, error) {
	at := netip.IPv4Unspecified()
	if p.HostIP != "" {
		a, err := netip.ParseAddr(strings.Trim(p.HostIP, "[]"))
		if err != nil {
			return nil, fmt.Errorf("ports: %q is no address", p.HostIP)
		}
		at = a
	}
	inner, err := p.Ports(p.Container)
	if err != nil {
		return nil, err
	}
	outer := make([]uint16, len(inner)) // any
	if p.Host != "" {
		if outer, err = p.Ports(p.Host); err != nil {
			return nil, err
		}
	}
	if len(outer) != len(inner) {
		return nil, fmt.Errorf("ports: %s are %d ports and %s are %d", p.Host, len(outer), p.Container, len(inner))
	}
	if p.Proto == "sctp" {
		return nil, fmt.Errorf("ports: %s/sctp: only tcp and udp can be published", p.Container)
	}
	list := make([]Forward, len(inner))
	for i := range inner {
		list[i] = Forward{Proto: p.Proto, Host: netip.AddrPortFrom(at, outer[i]), To: netip.AddrPortFrom(to, inner[i])}
	}
	return list, nil
}
