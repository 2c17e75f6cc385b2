package mib

import (
	"bytes"
	"strconv"
)

// A line is one group of a proc file.
type line struct {
	prefix string
	first  ID
	names  []string
}

// Where the lines of netstat begin in lines.
const netstatLine = 5

// Fixed columns of the Tcp line: RtoAlgorithm (1: other), RtoMin and RtoMax in
// ms (TCP_RTO_MIN, TCP_RTO_MAX), MaxConn (-1: dynamic). RFC 2012.
var tcpFixed = [...]struct {
	name  string
	value string
}{{"RtoAlgorithm", "1"}, {"RtoMin", "200"}, {"RtoMax", "120000"}, {"MaxConn", "-1"}}

// WriteSNMP writes /proc/net/snmp. forwarding is net.ipv4.ip_forward and ttl
// net.ipv4.ip_default_ttl. The caller is on no CPU.
func (t *Table) WriteSNMP(w *bytes.Buffer, forwarding bool, ttl int) {
	v := t.Read()
	for i := range lines[:netstatLine] {
		l := &lines[i]
		var names, values []string
		switch l.prefix {
		case "Ip":
			fwd := "2" // RFC 1213 ipForwarding: not-forwarding
			if forwarding {
				fwd = "1"
			}
			names = []string{"Forwarding", "DefaultTTL"}
			values = []string{fwd, strconv.Itoa(ttl)}
		case "Tcp":
			for _, f := range tcpFixed {
				names, values = append(names, f.name), append(values, f.value)
			}
		}
		l.write(w, &v, names, values)
		if l.prefix == "Icmp" {
			t.writeICMPMsg(w)
		}
	}
}

// WriteNetstat writes /proc/net/netstat. The caller is on no CPU.
func (t *Table) WriteNetstat(w *bytes.Buffer) {
	v := t.Read()
	for i := range lines[netstatLine:] {
		lines[netstatLine+i].write(w, &v, nil, nil)
	}
}

// write writes the two rows of a group, with more columns in front.
func (l *line) write(w *bytes.Buffer, v *[NumIDs]uint64, names, values []string) {
	for i, name := range l.names {
		names = append(names, name)
		values = append(values, strconv.FormatUint(v[int(l.first)+i], 10))
	}
	rows(w, l.prefix, names, values)
}

// rows writes a row of names and one of values.
func rows(w *bytes.Buffer, prefix string, names, values []string) {
	for _, cells := range [...][]string{names, values} {
		w.WriteString(prefix)
		w.WriteByte(':')
		for _, s := range cells {
			w.WriteByte(' ')
			w.WriteString(s)
		}
		w.WriteByte('\n')
	}
}

// writeICMPMsg writes the IcmpMsg rows: only types that were seen, or nothing.
func (t *Table) writeICMPMsg(w *bytes.Buffer) {
	var names, values []string
	for dir, prefix := range [...]string{In: "InType", Out: "OutType"} {
		for typ := range 256 {
			if n := t.ICMPMsgs(dir, uint8(typ)); n > 0 {
				names = append(names, prefix+strconv.Itoa(typ))
				values = append(values, strconv.FormatUint(n, 10))
			}
		}
	}
	if len(names) > 0 {
		rows(w, "IcmpMsg", names, values)
	}
}
