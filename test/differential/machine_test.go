package differential

import (
	"encoding/binary"
	"fmt"

	"linen/net/netlink"
	"linen/uapi"
)

// A machine is a network namespace with three devices that lead nowhere,
// d1 to d3 of interface indexes 2 to 4. It keeps two rtnetlink sockets: one asks, the
// other hears of changes.
type machine interface {
	// ask sends a request and returns every message of the answer.
	ask(m []byte) ([][]byte, error)
	// heard returns the notifications since the last call.
	heard() ([][]byte, error)
	// sysctl sets a value: "net/ipv4/conf/all/rp_filter".
	sysctl(name, value string) error
	// settle waits for what follows a change of a carrier.
	settle() error
	// file reads a file of /proc/net.
	file(name string) (string, error)
	close()
}

// groups are those that heard listens to.
var groups = []int{uapi.RTNLGRP_IPV4_IFADDR, uapi.RTNLGRP_IPV4_ROUTE, uapi.RTNLGRP_IPV4_RULE, uapi.RTNLGRP_NEXTHOP}

// devices is how many there are beside lo.
const devices = 3

// configure sets the devices up but for the last.
func configure(m machine) error {
	for _, s := range [][2]string{
		{"net/ipv4/ip_forward", "1"}, {"net/ipv4/conf/all/rp_filter", "0"}, {"net/ipv4/conf/default/rp_filter", "0"},
		{"net/ipv4/conf/all/ignore_routes_with_linkdown", "0"},
		{"net/ipv4/fib_multipath_hash_seed", "1"}, // every run's flows go the same ways
	} {
		if err := m.sysctl(s[0], s[1]); err != nil {
			return err
		}
	}
	for i := 1; i <= devices; i++ {
		if err := done(m.ask(setLink(uint32(i), true))); err != nil {
			return err
		}
	}
	_, err := m.heard()
	return err
}

// setLink is `ip link set up` or down.
func setLink(index uint32, up bool) []byte {
	m := netlink.NewMsg(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	h := m.Grow(16)
	binary.NativeEndian.PutUint32(h[4:], index)
	if up {
		binary.NativeEndian.PutUint32(h[8:], uapi.IFF_UP)
	}
	binary.NativeEndian.PutUint32(h[12:], uapi.IFF_UP)
	return m.Bytes()
}

// done is the error of an answer.
func done(answer [][]byte, err error) error {
	if err != nil {
		return err
	}
	for _, m := range answer {
		if h := netlink.ParseHeader(m); h.Type == uapi.NLMSG_ERROR {
			if e := int32(binary.NativeEndian.Uint32(m[16:])); e != 0 {
				return fmt.Errorf("%s", text(m))
			}
		}
	}
	return nil
}

// split cuts a datagram into its messages.
func split(p []byte) (list [][]byte) {
	for len(p) >= netlink.HeaderLen {
		n := int(netlink.ParseHeader(p).Len)
		if n < netlink.HeaderLen || n > len(p) {
			break
		}
		list = append(list, p[:n])
		p = p[min(netlink.Align(n), len(p)):]
	}
	return list
}
