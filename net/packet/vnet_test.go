package packet_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// gsoFrame is an Ethernet frame with a TCP segment or a datagram of n bytes.
func gsoFrame(v6 bool, proto byte, n int) []byte {
	be := binary.BigEndian
	f := append(bytes.Repeat([]byte{0xff}, 6), 2, 0, 0, 0, 0, 1)
	var l4 []byte
	if proto == uapi.IPPROTO_TCP {
		l4 = append([]byte{0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 5 << 4, 16, 0, 100, 0, 0, 0, 0}, make([]byte, n)...)
	} else {
		l4 = append(be.AppendUint16([]byte{0, 1, 0, 2}, uint16(8+n)), make([]byte, 2+n)...)
	}
	if v6 {
		f = append(be.AppendUint16(append(f, 0x86, 0xdd, 0x60, 0, 0, 0), uint16(len(l4))), proto, 64)
		return append(append(f, bytes.Repeat([]byte{1}, 32)...), l4...)
	}
	f = be.AppendUint16(append(f, 8, 0, 0x45, 0), uint16(20+len(l4)))
	return append(append(f, 0, 1, 0x40, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2), l4...)
}

// TestVirtioHeadersAsLinux holds what 6.18 answers to the headers of super-packets.
// Two that it takes and drops on the way out (ENOMEM) are EINVAL here; a packet
// of one segment, too long for the wire, is dropped there (ENOBUFS) and here
// (nobody tells the sender); UFO (type 3), which it takes, is not done.
func TestVirtioHeadersAsLinux(t *testing.T) { // linux/virtio_net.h; spec 1.64
	tcp, short, empty := gsoFrame(false, 6, 3000), gsoFrame(false, 6, 100), gsoFrame(false, 6, 0)
	udp, tcp6 := gsoFrame(false, 17, 3000), gsoFrame(true, 6, 3000)
	const (
		einval = errno.EINVAL
		ok     = errno.Errno(0)
	)
	a, _, _ := hosts.Pair(t)
	s := open(t, a, uapi.SOCK_RAW, 0)
	set(t, s, uapi.PACKET_VNET_HDR, 1)
	for _, c := range []struct {
		name                   string
		flags, typ             byte
		hdr, size, start, offs int
		frame                  []byte
		want                   errno.Errno
	}{
		{"plain", 0, 0, 0, 0, 0, 0, short, ok},
		{"checksum", 1, 0, 54, 0, 34, 16, short, ok},
		{"TCP", 1, 1, 54, 1000, 34, 16, tcp, ok},
		{"TCP, size 0", 1, 1, 54, 0, 34, 16, tcp, einval},
		{"TCP without checksum", 0, 1, 54, 1000, 0, 0, tcp, ok},
		{"TCP, no header length", 1, 1, 0, 1000, 34, 16, tcp, ok},
		{"TCP, header longer than the frame", 1, 1, 65535, 1000, 34, 16, tcp, einval},
		{"TCP, size 65535", 1, 1, 54, 65535, 34, 16, tcp, einval},
		{"TCP, one segment", 1, 1, 54, 3000, 34, 16, tcp, ok}, // ENOBUFS there
		{"TCP, 3000 segments", 1, 1, 54, 1, 34, 16, tcp, ok},
		{"TCP, start past the end", 1, 1, 54, 1000, 4000, 16, tcp, einval},
		{"TCP, start at the end", 1, 1, 54, 1000, len(tcp), 16, tcp, einval},
		{"TCP, offset past the end", 1, 1, 54, 1000, 34, 65000, tcp, einval},
		{"start past the end", 1, 0, 0, 0, 4000, 16, short, einval},
		{"start and offset 65535", 1, 0, 0, 0, 65535, 65535, short, einval},
		{"type 2", 1, 2, 54, 1000, 34, 16, tcp, einval},
		{"type 6", 1, 6, 54, 1000, 34, 16, tcp, einval},
		{"type 127", 1, 0x7f, 54, 1000, 34, 16, tcp, einval},
		{"UDP", 1, 5, 42, 1000, 34, 6, udp, ok},
		{"UDP without checksum", 0, 5, 42, 1000, 0, 0, udp, einval},
		{"UDP, size 0", 1, 5, 42, 0, 34, 6, udp, einval},
		{"UDP, 300 segments", 1, 5, 42, 10, 34, 6, udp, einval},
		{"TCP, ECN", 1, 0x81, 54, 1000, 34, 16, tcp, ok},
		{"UDP, ECN", 1, 0x85, 42, 1000, 34, 6, udp, einval},
		{"none, ECN", 0, 0x80, 54, 1000, 0, 0, short, einval},
		{"TCP of a datagram", 1, 1, 42, 1000, 34, 6, udp, einval},
		{"UDP of a segment", 1, 5, 54, 1000, 34, 16, tcp, einval},
		{"TCPv4 of IPv6", 1, 1, 74, 1000, 54, 16, tcp6, einval}, // ENOMEM there
		{"TCPv6", 1, 4, 74, 1000, 54, 16, tcp6, ok},
		{"TCPv6 of IPv4", 1, 4, 54, 1000, 34, 16, tcp, einval},
		{"another offset", 1, 1, 54, 1000, 34, 6, tcp, einval},
		{"start in the IP header", 1, 1, 54, 1000, 20, 16, tcp, einval}, // ENOMEM there
		{"DATA_VALID", 2, 0, 0, 0, 0, 0, short, ok},
		{"an unknown flag", 0x80, 0, 0, 0, 0, 0, short, ok},
		{"TCP without payload", 1, 1, 54, 1000, 34, 16, empty, ok},
	} {
		h := []byte{c.flags, c.typ}
		for _, v := range []int{c.hdr, c.size, c.start, c.offs} {
			h = binary.NativeEndian.AppendUint16(h, uint16(v))
		}
		_, err := s.Sendmsg(root, &sock.Msg{Data: append(h, c.frame...), Name: on(a, "eth0", 0)})
		if got, _ := err.(errno.Errno); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
