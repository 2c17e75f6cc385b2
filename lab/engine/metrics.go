//go:build linux

package engine

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"linen/net/dev"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/skb"
)

// family is one metric with its samples, as Prometheus's text form 0.0.4 groups them.
type family struct {
	name, kind, help string
	lines            []string
}

// metrics collects families in the order of their first sample.
type metrics struct {
	list []*family
	by   map[string]*family
}

func (m *metrics) add(name, kind, help, labels string, value uint64) {
	f := m.by[name]
	if f == nil {
		f = &family{name: name, kind: kind, help: help}
		m.by[name] = f
		m.list = append(m.list, f)
	}
	f.lines = append(f.lines, fmt.Sprintf("%s{%s} %d", name, labels, value))
}

// Metrics writes the lab's counters in Prometheus's text form, with node_exporter's names where it has them and a label for
// the node.
func (e *Engine) Metrics(w io.Writer) error {
	m := &metrics{by: make(map[string]*family)}
	for _, name := range e.Names() {
		n := e.Net(name).Namespace()
		node := label("node", name)
		m.add("linen_programs", "gauge", "Programs that run in the node.", node, uint64(e.Programs(name)))
		m.devices(n, node)
		m.protocols(n, node)
		for reason, count := range skb.Drops(n) {
			if count > 0 {
				m.add("linen_drop_total", "counter", "Packets dropped, by the kernel's reason.", node+","+label("reason", skb.Reason(reason).String()), count)
			}
		}
	}
	b := bufio.NewWriter(w)
	for _, f := range m.list {
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		for _, line := range f.lines {
			fmt.Fprintln(b, line)
		}
	}
	return b.Flush()
}

// label is name="value" with the escapes of the text form.
func label(name, value string) string {
	return name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

// devices adds what node_exporter's netdev and netclass collectors give.
func (m *metrics) devices(n *netns.Net, node string) {
	for _, d := range dev.List(n) {
		labels := node + "," + label("device", d.Name())
		s := d.Counters()
		for _, c := range []struct {
			name  string
			value uint64
		}{
			{"receive_bytes", s.RxBytes}, {"receive_packets", s.RxPackets}, {"receive_errs", s.RxErrors},
			{"receive_drop", s.RxDropped}, {"receive_multicast", s.Multicast},
			{"transmit_bytes", s.TxBytes}, {"transmit_packets", s.TxPackets}, {"transmit_errs", s.TxErrors},
			{"transmit_drop", s.TxDropped}, {"transmit_colls", s.Collisions}, {"transmit_carrier", s.TxCarrier},
		} {
			m.add("node_network_"+c.name+"_total", "counter", "Network device statistic "+c.name+".", labels, c.value)
		}
		up := uint64(0)
		if stateOf(d) == "up" {
			up = 1
		}
		m.add("node_network_up", "gauge", "Value is 1 if operstate is 'up', 0 otherwise.", labels, up)
		m.add("node_network_mtu_bytes", "gauge", "Network device property: mtu_bytes", labels, uint64(d.MTU()))
	}
}

// protocols adds what node_exporter's netstat collector gives: /proc/net/snmp and netstat, pairs of lines with names and values.
func (m *metrics) protocols(n *netns.Net, node string) {
	t := mib.Of(n)
	if t == nil {
		return
	}
	var text bytes.Buffer
	t.WriteSNMP(&text, false, 0)
	t.WriteNetstat(&text)
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		group := strings.TrimSuffix(names[0], ":")
		for j := 1; j < min(len(names), len(values)); j++ {
			if names[j] == "Forwarding" || names[j] == "DefaultTTL" { // settings, no counters
				continue
			}
			var v uint64
			if _, err := fmt.Sscan(values[j], &v); err != nil {
				continue // Tcp MaxConn is -1
			}
			m.add("node_netstat_"+group+"_"+names[j], "untyped", "Statistic "+group+names[j]+".", node, v)
		}
	}
}
