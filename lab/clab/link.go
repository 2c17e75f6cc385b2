package clab

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

func linkTypes() []string {
	return []string{LinkVeth, LinkVethStitch, LinkHost, LinkMacvlan, LinkMgmt, LinkVxlan, LinkVxlanStitch, LinkDummy}
}

// linkDraft is a link while its fields arrive in any order.
type linkDraft struct {
	*Link
	both  Impairment // vars.linen of the link: both directions
	addrs [2][]netip.Prefix
	ends  *value
	end   *value
	typ   mark
}

func (d *decoder) link(v *value) *Link {
	if !d.want(v, mapValue, "a link") {
		return nil
	}
	before := len(d.errs)
	l := &linkDraft{Link: &Link{Pos: v.mark.Pos, mark: v.mark}}
	d.object(v, "a link", l.fields())
	switch {
	case l.Type != "" && !slices.Contains(linkTypes(), l.Type):
		help := didYouMean(l.Type, linkTypes())
		if help == "" {
			help = "types are " + strings.Join(linkTypes(), ", ")
		}
		d.fail(l.typ, help, "unknown link type %q", l.Type)
		return nil
	case l.ends != nil && l.end != nil:
		d.fail(l.end.mark, "", "a link has either endpoint or endpoints")
	case l.end != nil && (l.Type == "" || l.Type == LinkVeth || l.Type == LinkVethStitch):
		d.fail(l.end.mark, "write `endpoints: [...]` with two entries, or a type that has one end", "a veth link has two ends")
	case l.end != nil:
		l.Endpoints = []Endpoint{d.endpoint(l.end)}
	case l.ends != nil:
		d.endpoints(l)
	default:
		d.fail(v.mark, `write endpoints: ["node1:eth1", "node2:eth1"]`, "this link has no endpoints")
	}
	if len(d.errs) > before {
		return nil
	}
	d.finish(l)
	return l.Link
}

func (l *linkDraft) fields() fields {
	return fields{
		"type":           func(d *decoder, v *value) { l.Type, l.typ = d.text(v, "type"), v.mark },
		"endpoints":      func(d *decoder, v *value) { l.ends = v },
		"endpoint":       func(d *decoder, v *value) { l.end = v },
		"mtu":            func(d *decoder, v *value) { l.MTU = d.number(v, "mtu", 68, 65535) },
		"labels":         func(d *decoder, v *value) { l.Labels = d.textMap(v, "labels") },
		"vars":           func(d *decoder, v *value) { l.Vars = d.vars(v, &l.both) },
		"ipv4":           func(d *decoder, v *value) { l.addrs[0] = d.linkAddrs(v, true) },
		"ipv6":           func(d *decoder, v *value) { l.addrs[1] = d.linkAddrs(v, false) },
		"host-interface": func(d *decoder, v *value) { l.HostInterface = d.text(v, "host-interface") },
		"mode":           func(d *decoder, v *value) { l.Mode = d.text(v, "mode") },
		"remote":         func(d *decoder, v *value) { l.Remote = d.addr(v, "remote") },
		"vni":            func(d *decoder, v *value) { l.VNI = d.number(v, "vni", 1, 1<<24-1) },
		"dst-port":       func(d *decoder, v *value) { l.DstPort = d.number(v, "dst-port", 1, 65535) },
		"src-port":       func(d *decoder, v *value) { l.SrcPort = d.number(v, "src-port", 1, 65535) },
		"udp-port":       func(d *decoder, v *value) { l.DstPort = d.number(v, "udp-port", 1, 65535) },
	}
}

func (d *decoder) linkAddrs(v *value, is4 bool) []netip.Prefix {
	if v.kind == nullValue || !d.want(v, listValue, "addresses of a link") {
		return nil
	}
	var out []netip.Prefix
	for _, it := range v.items {
		out = append(out, d.prefix(it, is4))
	}
	if len(out) > 2 {
		d.fail(v.items[2].mark, "", "a link has two ends and so at most two addresses")
		return out[:2]
	}
	return out
}

func (d *decoder) endpoints(l *linkDraft) {
	if !d.want(l.ends, listValue, "endpoints") {
		return
	}
	for _, it := range l.ends.items {
		l.Endpoints = append(l.Endpoints, d.endpoint(it))
	}
	if len(l.Endpoints) != 2 {
		d.fail(l.ends.mark, "", "a link has two endpoints, here are %d", len(l.Endpoints))
	}
}

// endpoint reads "node:interface" or {node, interface, mac, ipv4, ipv6, vars}.
func (d *decoder) endpoint(v *value) Endpoint {
	e := Endpoint{Pos: v.mark.Pos, mark: v.mark}
	if v.kind == scalarValue {
		node, ifname, ok := strings.Cut(v.text, ":")
		if !ok || node == "" || ifname == "" {
			d.fail(v.mark, `write it as "node:interface", such as "r1:eth1"`, "%q is no endpoint", v.text)
		}
		e.Node, e.Interface = node, ifname
		return e
	}
	if !d.want(v, mapValue, "an endpoint") {
		return e
	}
	d.object(v, "an endpoint", fields{
		"node":      func(d *decoder, v *value) { e.Node, e.Pos, e.mark = d.text(v, "node"), v.mark.Pos, v.mark },
		"interface": func(d *decoder, v *value) { e.Interface = d.text(v, "interface") },
		"mac":       func(d *decoder, v *value) { e.MACText, e.MAC = d.mac(v) },
		"ipv4":      func(d *decoder, v *value) { e.IPv4 = d.prefix(v, true) },
		"ipv6":      func(d *decoder, v *value) { e.IPv6 = d.prefix(v, false) },
		"vars":      func(d *decoder, v *value) { d.vars(v, &e.Impair) },
	})
	if e.Node == "" || e.Interface == "" {
		d.fail(v.mark, "", "an endpoint needs both node and interface")
	}
	return e
}

func (d *decoder) mac(v *value) (string, net.HardwareAddr) {
	s := d.text(v, "mac")
	a, err := net.ParseMAC(s)
	if err != nil || len(a) != 6 {
		d.fail(v.mark, "write it as 02:00:00:00:00:01", "%q is no MAC address", s)
		return "", nil
	}
	if a[0]&1 != 0 {
		d.fail(v.mark, "the lowest bit of its first byte must be 0", "%q is a group address, an interface cannot have it", s)
	}
	return a.String(), a
}

// finish resolves the brief form's special nodes and hands link-wide settings to the ends.
func (d *decoder) finish(l *linkDraft) {
	if l.Type == "" {
		l.Type = LinkVeth
		for i, e := range l.Endpoints { // "host:eth0", "mgmt-net:if", "macvlan:if" name where the other end goes
			if e.Node == LinkHost || e.Node == LinkMgmt || e.Node == LinkMacvlan {
				l.Type, l.HostInterface = e.Node, e.Interface
				l.Endpoints = slices.Delete(l.Endpoints, i, i+1)
				break
			}
		}
	}
	for i := range l.Endpoints {
		e := &l.Endpoints[i]
		if i < len(l.addrs[0]) && !e.IPv4.IsValid() {
			e.IPv4 = l.addrs[0][i]
		}
		if i < len(l.addrs[1]) && !e.IPv6.IsValid() {
			e.IPv6 = l.addrs[1][i]
		}
		if e.Impair.IsZero() {
			e.Impair = l.both
		}
	}
}

// interfaceName applies the kernel's rule (dev_valid_name: net_device names) and returns what is wrong, or "".
func interfaceName(s string) string {
	switch {
	case s == "" || s == "." || s == "..":
		return fmt.Sprintf("%q is no interface name", s)
	case len(s) > 15: // IFNAMSIZ - 1
		return fmt.Sprintf("interface name %q has %d characters, Linux allows 15", s, len(s))
	case strings.ContainsAny(s, "/: \t\n\v\f\r"):
		return fmt.Sprintf("interface name %q has a blank, slash or colon in it", s)
	}
	return ""
}
