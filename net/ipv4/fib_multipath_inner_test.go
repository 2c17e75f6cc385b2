package ipv4_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/wire"
)

// ip4 is an IPv4 packet from 192.168.1.SRC.
func ip4(proto, src byte, frag uint16, payload ...byte) []byte {
	p := make([]byte, wire.IPv4HdrLen, 256)
	p[0], p[8], p[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)+len(payload)))
	binary.BigEndian.PutUint16(p[6:], frag)
	copy(p[12:], []byte{192, 168, 1, src, 192, 168, 2, 2})
	return append(p, payload...)
}

// ip6 is an IPv6 packet from fd00::SRC.
func ip6(next, src byte, label uint32, payload ...byte) []byte {
	p := make([]byte, wire.IPv6HdrLen, 256)
	binary.BigEndian.PutUint32(p, 6<<28|label)
	p[5], p[6], p[7] = byte(len(payload)), next, 64
	p[8], p[23], p[24] = 0xfd, src, 0xfd
	return append(p, payload...)
}

// datagram is UDP from a port.
func datagram(sport byte) []byte { return []byte{0, sport, 0, 2, 0, 8, 0, 0} }

// carrier is an outer packet.
func carrier(proto byte, frag uint16, payload ...byte) []byte {
	p := ip4(proto, 1, frag, payload...)
	copy(p[12:], []byte{10, 2, 0, 7, 8, 8, 8, 8})
	return p
}

// gre is a GRE header with what its flags ask for.
func gre(flags, ether uint16, payload ...byte) []byte {
	p := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, flags), ether)
	for _, bit := range []uint16{0x8000, 0x2000, 0x1000, 0x0080} {
		if flags&bit != 0 {
			p = append(p, 0, 0, 0, 0)
		}
	}
	return append(p, payload...)
}

// ethernet is a frame.
func ethernet(ether uint16, payload ...byte) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 12, 200), ether), payload...)
}

// tunnelled are packets with something counted up inside, and how many of two next
// hops 64 of them took on Linux 6.18.
var tunnelled = []struct {
	name   string
	policy string
	fields string
	packet func(i byte) []byte
	want   int
}{
	{"IPIP: source", "2", "7", func(i byte) []byte { return carrier(4, 0, ip4(17, i, 0, datagram(1)...)...) }, 2},
	{"IPIP: port", "2", "7", func(i byte) []byte { return carrier(4, 0, ip4(17, 1, 0, datagram(i)...)...) }, 1},
	{"IPIP: protocol", "2", "7", func(i byte) []byte { return carrier(4, 0, ip4(i+100, 1, 0, datagram(1)...)...) }, 1},
	{"IPIP: first fragment", "2", "7", func(i byte) []byte { return carrier(4, 0x2000, ip4(17, i, 0, datagram(1)...)...) }, 1},
	{"IPIP: later fragment", "2", "7", func(i byte) []byte { return carrier(4, 9, ip4(17, i, 0, datagram(1)...)...) }, 1},
	{"IPIP: too short", "2", "7", func(i byte) []byte { return carrier(4, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 0, 0, i) }, 1},
	{"no tunnel", "2", "7", func(i byte) []byte { return carrier(17, 0, datagram(i)...) }, 1},
	{"GRE: source", "2", "7", func(i byte) []byte { return carrier(47, 0, gre(0, 0x800, ip4(17, i, 0, datagram(1)...)...)...) }, 2},
	{"GRE: port", "2", "7", func(i byte) []byte { return carrier(47, 0, gre(0, 0x800, ip4(17, 1, 0, datagram(i)...)...)...) }, 1},
	{"GRE: checksum, key, number", "2", "7", func(i byte) []byte {
		return carrier(47, 0, gre(0xb000, 0x800, ip4(17, i, 0, datagram(1)...)...)...)
	}, 2},
	{"GRE: routing", "2", "7", func(i byte) []byte { return carrier(47, 0, gre(0x4000, 0x800, ip4(17, i, 0, datagram(1)...)...)...) }, 1},
	{"GRE: version 2", "2", "7", func(i byte) []byte { return carrier(47, 0, gre(2, 0x800, ip4(17, i, 0, datagram(1)...)...)...) }, 1},
	{"GRE: another protocol", "2", "7", func(i byte) []byte { return carrier(47, 0, gre(0, 0x1234, ip4(17, i, 0, datagram(1)...)...)...) }, 1},
	{"GRE: Ethernet", "2", "7", func(i byte) []byte {
		return carrier(47, 0, gre(0, 0x6558, ethernet(0x800, ip4(17, i, 0, datagram(1)...)...)...)...)
	}, 2},
	{"GRE: Ethernet, VLAN", "2", "7", func(i byte) []byte {
		return carrier(47, 0, gre(0, 0x6558, ethernet(0x8100, append([]byte{0, 5, 8, 0}, ip4(17, i, 0, datagram(1)...)...)...)...)...)
	}, 2},
	{"GRE: VLAN's number", "2", "7", func(i byte) []byte {
		return carrier(47, 0, gre(0, 0x6558, ethernet(0x8100, append([]byte{0, i, 8, 0}, ip4(17, 1, 0, datagram(1)...)...)...)...)...)
	}, 1},
	{"GRE: IPv6", "2", "7", func(i byte) []byte { return carrier(47, 0, gre(0, 0x86dd, ip6(17, i, 0, datagram(1)...)...)...) }, 2},
	{"GRE: fragment", "2", "7", func(i byte) []byte { return carrier(47, 0x2000, gre(0, 0x800, ip4(17, i, 0, datagram(1)...)...)...) }, 1},
	{"PPTP", "2", "7", func(i byte) []byte {
		return carrier(47, 0, gre(0x2001, 0x880b, append([]byte{255, 3, 0, 0x21}, ip4(17, i, 0, datagram(1)...)...)...)...)
	}, 2},
	{"PPTP: numbers", "2", "7", func(i byte) []byte {
		return carrier(47, 0, gre(0x3081, 0x880b, append([]byte{255, 3, 0, 0x21}, ip4(17, i, 0, datagram(1)...)...)...)...)
	}, 2},
	{"6in4: source", "2", "7", func(i byte) []byte { return carrier(41, 0, ip6(17, i, 0, datagram(1)...)...) }, 2},
	{"6in4: label", "2", "7", func(i byte) []byte { return carrier(41, 0, ip6(17, 1, uint32(i), datagram(1)...)...) }, 2},
	{"6in4: protocol", "2", "7", func(i byte) []byte { return carrier(41, 0, ip6(i+100, 1, 0, datagram(1)...)...) }, 2},
	{"6in4: port", "2", "7", func(i byte) []byte { return carrier(41, 0, ip6(17, 1, 0, datagram(i)...)...) }, 1},
	{"6in4: options", "2", "7", func(i byte) []byte {
		return carrier(41, 0, ip6(0, i, 0, append([]byte{17, 0, 0, 0, 0, 0, 0, 0}, datagram(1)...)...)...)
	}, 2},
	{"nested: the innermost source", "2", "7", func(i byte) []byte { return carrier(4, 0, ip4(4, 1, 0, ip4(17, i, 0, datagram(1)...)...)...) }, 2},
	{"nested: the middle's source", "2", "7", func(i byte) []byte { return carrier(4, 0, ip4(4, i, 0, ip4(17, 1, 0, datagram(1)...)...)...) }, 1},
	{"nested: a fragment in the middle", "2", "7", func(i byte) []byte {
		return carrier(4, 0, ip4(4, 1, 0x2000, ip4(17, i, 0, datagram(1)...)...)...)
	}, 1},
	{"nested: IPv6 in GRE", "2", "7", func(i byte) []byte {
		return carrier(4, 0, ip4(47, 1, 0, gre(0, 0x86dd, ip6(17, i, 0, datagram(1)...)...)...)...)
	}, 2},
	{"IPIP: source", "3", "64", func(i byte) []byte { return carrier(4, 0, ip4(17, i, 0, datagram(1)...)...) }, 2},
	{"IPIP: source not asked for", "3", "1", func(i byte) []byte { return carrier(4, 0, ip4(17, i, 0, datagram(1)...)...) }, 1},
	{"IPIP: source port", "3", "1024", func(i byte) []byte { return carrier(4, 0, ip4(17, 1, 0, datagram(i)...)...) }, 2},
	{"IPIP: source port of a fragment", "3", "1024", func(i byte) []byte { return carrier(4, 0, ip4(17, 1, 0x2000, datagram(i)...)...) }, 1},
	{"IPIP: protocol", "3", "256", func(i byte) []byte { return carrier(4, 0, ip4(i+100, 1, 0, datagram(1)...)...) }, 2},
	{"GRE: source", "3", "64", func(i byte) []byte { return carrier(47, 0, gre(0, 0x800, ip4(17, i, 0, datagram(1)...)...)...) }, 2},
	{"GRE: source not asked for", "3", "128", func(i byte) []byte { return carrier(47, 0, gre(0, 0x800, ip4(17, i, 0, datagram(1)...)...)...) }, 1},
	{"GRE: source port", "3", "1024", func(i byte) []byte { return carrier(47, 0, gre(0, 0x800, ip4(17, 1, 0, datagram(i)...)...)...) }, 2},
	{"GRE: the outer ports", "3", "48", func(i byte) []byte { return carrier(47, 0, gre(0, 0x800, ip4(17, 1, 0, datagram(i)...)...)...) }, 1},
	{"6in4: source", "3", "64", func(i byte) []byte { return carrier(41, 0, ip6(17, i, 0, datagram(1)...)...) }, 2},
	{"6in4: label", "3", "512", func(i byte) []byte { return carrier(41, 0, ip6(17, 1, uint32(i), datagram(1)...)...) }, 2},
	{"6in4: label not asked for", "3", "64", func(i byte) []byte { return carrier(41, 0, ip6(17, 1, uint32(i), datagram(1)...)...) }, 1},
	{"6in4: source port behind options", "3", "1024", func(i byte) []byte {
		return carrier(41, 0, ip6(60, 1, 0, append([]byte{17, 0, 0, 0, 0, 0, 0, 0}, datagram(i)...)...)...)
	}, 2},
	{"6in4: source port of a fragment", "3", "1024", func(i byte) []byte {
		return carrier(41, 0, ip6(44, 1, 0, append([]byte{17, 0, 0, 1, 0, 0, 0, 0}, datagram(i)...)...)...)
	}, 1},
	{"nested: source port", "3", "1024", func(i byte) []byte {
		return carrier(4, 0, ip4(47, 1, 0, gre(0, 0x86dd, ip6(17, 1, 0, datagram(i)...)...)...)...)
	}, 2},
	{"nested: the middle's source", "3", "64", func(i byte) []byte { return carrier(4, 0, ip4(4, i, 0, ip4(17, 1, 0, datagram(1)...)...)...) }, 1},
	{"nested: a fragment in the middle", "3", "64", func(i byte) []byte {
		return carrier(4, 0, ip4(4, 1, 0x2000, ip4(17, i, 0, datagram(1)...)...)...)
	}, 1},
	{"no tunnel: an inner source", "3", "64", func(i byte) []byte { return carrier(17, 0, datagram(i)...) }, 1},
}

// twoWays is a router with two next hops and hash policies set.
func twoWays(t testing.TB) *netns.Net {
	_, n := newHost(t)
	script(t, n, "link set a1p up", "link set a1 up", "addr add 10.1.0.2/24 dev a0", "addr add 10.2.0.2/24 dev a1",
		"route add default nexthop via 10.1.0.1 nexthop via 10.1.0.9")
	tree := sysctl.Of(n)
	tree.Set("net/ipv4/ip_forward", "1")
	tree.Set("net/ipv4/fib_multipath_hash_seed", "77")
	return n
}

// wayOf returns the next hop that a packet takes.
func wayOf(t testing.TB, n *netns.Net, p []byte) netip.Addr {
	var gateway uint32
	onCPU(n, func(k *kern.CPU) {
		b := skb.Alloc(k, len(p))
		copy(b.Put(len(p)), p)
		b.Dev, b.Protocol = dev.ByName(n, "a1"), uapi.ETH_P_IP
		b.SetNetworkHeader(0)
		if reason := ipv4.RouteInput(k, n, b, num("8.8.8.8"), num("10.2.0.7"), 0, dev.ByName(n, "a1")); reason != 0 {
			t.Fatal(reason)
		}
		gateway = ipv4.RouteOf(b).Gateway
		b.Consume(k)
	})
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, gateway)))
}

// TestMultipathHashOfInnerHeaders: policies 2 and 3 look into the packets of
// tunnels as Linux does.
func TestMultipathHashOfInnerHeaders(t *testing.T) {
	n := twoWays(t)
	for _, c := range tunnelled {
		sysctl.Of(n).Set("net/ipv4/fib_multipath_hash_policy", c.policy)
		sysctl.Of(n).Set("net/ipv4/fib_multipath_hash_fields", c.fields)
		seen := map[netip.Addr]bool{}
		for i := range byte(64) {
			seen[wayOf(t, n, c.packet(i+1))] = true
		}
		if len(seen) != c.want {
			t.Errorf("policy %s, fields %s, %s: %d next hops, want %d", c.policy, c.fields, c.name, len(seen), c.want)
		}
	}
}

// FuzzInnerHeaders: whatever a tunnel carries, it has one way.
func FuzzInnerHeaders(f *testing.F) {
	for _, c := range tunnelled {
		f.Add(c.packet(1))
	}
	n := twoWays(f)
	f.Fuzz(func(t *testing.T, p []byte) {
		p = append(carrier(0, 0), p...)
		copy(p, p[wire.IPv4HdrLen:])
		p[0] = 0x45
		for _, policy := range []string{"2", "3"} {
			sysctl.Of(n).Set("net/ipv4/fib_multipath_hash_policy", policy)
			sysctl.Of(n).Set("net/ipv4/fib_multipath_hash_fields", "4095")
			if one := wayOf(t, n, p); one != wayOf(t, n, p) {
				t.Fatal("two ways")
			}
		}
	})
}
