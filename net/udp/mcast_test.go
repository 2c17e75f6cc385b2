package udp_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"linen/net/dev"
	"linen/net/inet"
	"linen/net/procfs"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// groupReq is struct group_req or, with a source, struct group_source_req.
func groupReq(index int, group uint32, source ...uint32) []byte {
	b := binary.NativeEndian.AppendUint64(nil, uint64(index))
	for _, ip := range append([]uint32{group}, source...) {
		b = append(b, inet.Addr{IP: ip}.Bytes()...)
		b = append(b, make([]byte, 128-16)...)
	}
	return b
}

// sourceReq is struct ip_mreq_source.
func sourceReq(group, ifaddr, source uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, group)
	b = binary.BigEndian.AppendUint32(b, ifaddr)
	return binary.BigEndian.AppendUint32(b, source)
}

// TestMulticastSourceFilters: RFC 3678's calls answer as 6.18 does, filter what
// a socket hears, and show in /proc/net/igmp and mcfilter.
func TestMulticastSourceFilters(t *testing.T) {
	ha, hb, _ := hosts.Pair(t)
	const group, other = 0xe1010103, 0xe1010104
	a, b := ip4(ha), ip4(hb)
	s, cli := on(t, hb, 9), on(t, ha, 0)
	eth0 := dev.ByName(ha.Namespace(), "eth0").Ifindex()
	if err := cli.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_MULTICAST_IF, binary.NativeEndian.AppendUint32(make([]byte, 8), uint32(eth0))); err != nil {
		t.Fatal(err)
	}
	hears := func(what string, g uint32, want bool) {
		t.Helper()
		send(t, cli, addr(g, 9), "x")
		if _, _, err := recv(s, 0); (err == nil) != want {
			t.Errorf("%s: heard %v", what, err == nil)
		}
	}
	index := dev.ByName(hb.Namespace(), "eth0").Ifindex()
	for _, c := range []struct {
		what  string
		name  int
		val   []byte
		want  error
		group uint32 // sent to afterwards; 0: nothing
		heard bool
	}{
		{"a source of no group", uapi.IP_DROP_SOURCE_MEMBERSHIP, sourceReq(group, b, a), errno.EINVAL, 0, false},
		{"join a source", uapi.IP_ADD_SOURCE_MEMBERSHIP, sourceReq(group, b, a), nil, group, true},
		{"again", uapi.IP_ADD_SOURCE_MEMBERSHIP, sourceReq(group, b, a), errno.EADDRNOTAVAIL, group, true},
		{"block in an include filter", uapi.IP_BLOCK_SOURCE, sourceReq(group, b, a), errno.EINVAL, group, true},
		{"another source", uapi.MCAST_JOIN_SOURCE_GROUP, groupReq(index, group, 7), nil, group, true},
		{"leave the first", uapi.IP_DROP_SOURCE_MEMBERSHIP, sourceReq(group, b, a), nil, group, false},
		{"leave it again", uapi.IP_DROP_SOURCE_MEMBERSHIP, sourceReq(group, b, a), errno.EADDRNOTAVAIL, 0, false},
		{"leave the last", uapi.MCAST_LEAVE_SOURCE_GROUP, groupReq(index, group, 7), nil, 0, false},
		{"join any source", uapi.MCAST_JOIN_GROUP, groupReq(index, other), nil, other, true},
		{"join again", uapi.MCAST_JOIN_GROUP, groupReq(index, other), errno.EADDRINUSE, 0, false},
		{"block", uapi.MCAST_BLOCK_SOURCE, groupReq(index, other, a), nil, other, false},
		{"unblock", uapi.MCAST_UNBLOCK_SOURCE, groupReq(index, other, a), nil, other, true},
		{"unblock again", uapi.MCAST_UNBLOCK_SOURCE, groupReq(index, other, a), errno.EADDRNOTAVAIL, 0, false},
		{"no device", uapi.MCAST_JOIN_GROUP, groupReq(99, group), errno.ENODEV, 0, false},
		{"no group", uapi.MCAST_JOIN_GROUP, groupReq(index, a), errno.EINVAL, 0, false},
		{"short", uapi.MCAST_JOIN_GROUP, groupReq(index, other)[:20], errno.EINVAL, 0, false},
	} {
		if err := s.Setsockopt(root, uapi.IPPROTO_IP, c.name, c.val); err != c.want {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
		if c.group != 0 {
			hears(c.what, c.group, c.heard)
		}
	}
	if err := s.Setsockopt(root, uapi.IPPROTO_IP, uapi.MCAST_BLOCK_SOURCE, groupReq(index, other, a)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"igmp":     "\t\t\t\t040101E1     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n",
		"mcfilter": fmt.Sprintf("  %d   eth0 0xe1010104 0x%08x      0      1\n", index, a),
	} {
		text, err := procfs.Of(hb.Namespace()).Read(name)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("/proc/net/%s: %v\n%s\nwant\n%s", name, err, text, want)
		}
	}
}

// ip4 returns a host's address.
func ip4(h *hosts.Host) uint32 {
	b := h.Addr().As4()
	return binary.BigEndian.Uint32(b[:])
}
