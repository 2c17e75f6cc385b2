package lab

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// InspectNode is a row of `containerlab inspect --format json`, with its names; linen has no container id and no image.
type InspectNode struct {
	LabName     string `json:"lab_name"`
	LabPath     string `json:"labPath"`
	AbsLabPath  string `json:"absLabPath"`
	Name        string `json:"name"`
	ContainerID string `json:"container_id"`
	Image       string `json:"image"`
	Kind        string `json:"kind"`
	State       string `json:"state"`
	Status      string `json:"status"`
	IPv4Address string `json:"ipv4_address"` // the first of the node
	IPv6Address string `json:"ipv6_address"`
	Owner       string `json:"owner"`
}

// Inspect is a lab as containerlab's inspect shows it: its nodes below its name. cwd makes labPath relative.
func Inspect(info Info, cwd string) map[string][]InspectNode {
	name := info.Topology.Name
	rel := info.File
	if r, err := filepath.Rel(cwd, info.File); err == nil && !strings.HasPrefix(r, "..") {
		rel = r
	}
	rows := make([]InspectNode, 0, len(info.Nodes))
	for _, n := range info.Nodes {
		row := InspectNode{
			LabName: name, LabPath: rel, AbsLabPath: info.File, Name: LongName(info.Topology, n.Name),
			Kind: n.Kind, State: n.State, Status: n.Health, Owner: info.Owner, IPv4Address: "N/A", IPv6Address: "N/A",
		}
		for _, i := range n.Interfaces {
			for _, a := range i.Addrs {
				first(&row, a)
			}
		}
		rows = append(rows, row)
	}
	return map[string][]InspectNode{name: rows}
}

func first(row *InspectNode, a netip.Prefix) {
	switch {
	case a.Addr().IsLoopback() || a.Addr().IsLinkLocalUnicast():
	case a.Addr().Is4() && row.IPv4Address == "N/A":
		row.IPv4Address = a.String()
	case a.Addr().Is6() && row.IPv6Address == "N/A":
		row.IPv6Address = a.String()
	}
}

// InspectTable is the same for people.
func InspectTable(info Info) Table {
	t := Table{Columns: []Column{{Name: "NODE"}, {Name: "KIND"}, {Name: "STATE"}, {Name: "INTERFACES"}, {Name: "ADDRESSES"}, {Name: "PROGRAMS", Wide: true}, {Name: "HEALTH", Wide: true}}}
	for _, n := range info.Nodes {
		var addrs, ifs []string
		for _, i := range n.Interfaces {
			if i.Name == "lo" {
				continue
			}
			ifs = append(ifs, i.Name)
			for _, a := range i.Addrs {
				if !a.Addr().IsLinkLocalUnicast() {
					addrs = append(addrs, a.String())
				}
			}
		}
		t.Rows = append(t.Rows, []string{n.Name, n.Kind, n.State, strings.Join(ifs, ","), strings.Join(addrs, ","), strconv.Itoa(n.Programs), n.Health})
	}
	return t
}

// InspectInterfaces is `containerlab inspect interfaces --format json`.
type InspectInterfaces struct {
	Name       string            `json:"name"`
	Interfaces []InterfaceStatus `json:"interfaces"`
}

// Interfaces lists the interfaces of the nodes named, or of all.
func Interfaces(info Info, nodes ...string) []InspectInterfaces {
	want := map[string]bool{}
	for _, n := range nodes {
		want[n] = true
	}
	out := []InspectInterfaces{}
	for _, n := range info.Nodes {
		if len(want) == 0 || want[n.Name] {
			out = append(out, InspectInterfaces{LongName(info.Topology, n.Name), n.Interfaces})
		}
	}
	return out
}

// InterfaceTable is the same for people.
func InterfaceTable(info Info, nodes ...string) Table {
	t := Table{Columns: []Column{{Name: "NODE"}, {Name: "INTERFACE"}, {Name: "STATE"}, {Name: "ADDRESSES"}, {Name: "IMPAIRMENT"}, {Name: "MAC", Wide: true}, {Name: "MTU", Wide: true}, {Name: "INDEX", Wide: true}, {Name: "TYPE", Wide: true}}}
	for _, n := range Interfaces(info, nodes...) {
		for _, f := range n.Interfaces {
			t.Rows = append(t.Rows, []string{n.Name, f.Name, f.State, join(f.Addrs), f.Impair, f.MAC, fmt.Sprint(f.MTU), fmt.Sprint(f.Index), f.Type})
		}
	}
	return t
}

func join(addrs []netip.Prefix) string {
	parts := make([]string, 0, len(addrs))
	for _, a := range addrs {
		parts = append(parts, a.String())
	}
	return strings.Join(parts, ",")
}
