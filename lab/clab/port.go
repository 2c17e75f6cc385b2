package clab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParsePort reads a published port in the form of docker's -p: "80", "8080:80", "127.0.0.1:8053:53/udp", with ranges
// such as 8000-8003 in place of a port.
func ParsePort(s string) (p Port, ok bool) {
	p.Proto = "tcp"
	rest, proto, has := strings.Cut(s, "/")
	if has {
		p.Proto = proto
	}
	parts := strings.Split(rest, ":")
	p.Container = parts[len(parts)-1]
	if len(parts) > 1 {
		p.Host = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		p.HostIP = strings.Join(parts[:len(parts)-2], ":")
	}
	ok = portRange(p.Container) && (p.Host == "" || portRange(p.Host)) && slices.Contains([]string{"tcp", "udp", "sctp"}, p.Proto)
	return p, ok
}

func portRange(s string) bool {
	for part := range strings.SplitSeq(s, "-") {
		n := 0
		for _, c := range part {
			if c < '0' || c > '9' || n > 65535 {
				return false
			}
			n = n*10 + int(c-'0')
		}
		if part == "" || n > 65535 {
			return false
		}
	}
	return strings.Count(s, "-") <= 1
}

// Ports lists the ports of a range of p, its Host or its Container.
func (p Port) Ports(text string) ([]uint16, error) {
	lo, hi, is := strings.Cut(text, "-")
	if !is {
		hi = lo
	}
	first, err := strconv.ParseUint(lo, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("ports: %q is no port", lo)
	}
	last, err := strconv.ParseUint(hi, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("ports: %q is no port", hi)
	}
	if last < first {
		return nil, fmt.Errorf("ports: %s goes down", text)
	}
	list := make([]uint16, 0, last-first+1)
	for n := first; n <= last; n++ {
		list = append(list, uint16(n))
	}
	return list, nil
}
