package udp_test

import (
	"encoding/binary"
	"sync"
	"testing"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/mib"
	"linen/net/raw"
	"linen/net/sock"
	"linen/net/udp"
	"linen/test/ipwire"
	"linen/uapi"
	"linen/uapi/errno"
)

// packet is an IPv4 packet from A to B with a UDP header; sum is the checksum
// field, -1 for the right one.
func packet(data string, sum int) []byte {
	n := 8 + len(data)
	p := make([]byte, 20+n)
	p[0], p[8], p[9] = 0x45, 64, uapi.IPPROTO_UDP
	binary.BigEndian.PutUint32(p[12:], ipwire.A)
	binary.BigEndian.PutUint32(p[16:], ipwire.B)
	h := p[20:]
	binary.BigEndian.PutUint16(h, 5)
	binary.BigEndian.PutUint16(h[2:], 9)
	binary.BigEndian.PutUint16(h[4:], uint16(n))
	copy(h[8:], data)
	if sum < 0 {
		sum = int(csum.Fold(csum.Sum(h, csum.Pseudo4(ipwire.A, ipwire.B, uapi.IPPROTO_UDP, n))))
	}
	binary.BigEndian.PutUint16(h[6:], uint16(sum))
	return p
}

func TestChecksums(t *testing.T) { // RFC 768; spec 11.33
	a, b, _ := ipwire.Pair(t, udp.Pernet(), raw.Pernet())
	out, in := a.Socket(t, uapi.SOCK_RAW, uapi.IPPROTO_RAW), b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	inject := func(p []byte) {
		t.Helper()
		if _, err := out.Sendmsg(root, &sock.Msg{Data: p, Name: addr(ipwire.B, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	inject(packet("right", -1))
	want(t, in, "right")
	inject(packet("none", 0))
	want(t, in, "none")
	inject(packet("wrong", 0x1234))
	empty(t, in)
	short, long := packet("short", 0), packet("padded", 0)
	binary.BigEndian.PutUint16(short[24:], 7)
	inject(short)
	binary.BigEndian.PutUint16(long[24:], 11) // what is behind it is no part of it
	inject(long)
	want(t, in, "pad")
	empty(t, in)
	if m := mib.Of(b.Net).Read(); m[mib.UDPInCsumErrors] != 1 || m[mib.UDPInErrors] != 2 || m[mib.UDPInDatagrams] != 3 {
		t.Errorf("InCsumErrors %d InErrors %d InDatagrams %d", m[mib.UDPInCsumErrors], m[mib.UDPInErrors], m[mib.UDPInDatagrams])
	}
}

func TestNoCheckSendsNoChecksum(t *testing.T) { // SO_NO_CHECK
	a, b, _ := ipwire.Pair(t, udp.Pernet(), raw.Pernet())
	spy, cli := b.Socket(t, uapi.SOCK_RAW, uapi.IPPROTO_UDP), a.Socket(t, uapi.SOCK_DGRAM, 0)
	for _, off := range []int{0, 1} {
		setInt(t, cli, uapi.SOL_SOCKET, uapi.SO_NO_CHECK, off)
		send(t, cli, addr(ipwire.B, 9), "x")
		got, _, err := recv(spy, 0)
		if err != nil || (binary.BigEndian.Uint16([]byte(got)[26:]) == 0) != (off == 1) {
			t.Errorf("SO_NO_CHECK %d: %x %v", off, got, err)
		}
	}
}

func TestUDPLiteCoverage(t *testing.T) { // RFC 3828; spec 11.40
	a, b := pair(t)
	in, out := b.Bound(t, uapi.SOCK_DGRAM, uapi.IPPROTO_UDPLITE, 0, 9), a.Socket(t, uapi.SOCK_DGRAM, uapi.IPPROTO_UDPLITE)
	const sendCov, recvCov = 10, 11
	setInt(t, out, uapi.IPPROTO_UDPLITE, sendCov, 3)
	if got := getInt(t, out, uapi.IPPROTO_UDPLITE, sendCov); got != 8 {
		t.Errorf("the least coverage is %d, want the header's 8", got)
	}
	setInt(t, out, uapi.IPPROTO_UDPLITE, sendCov, 12)
	send(t, out, addr(ipwire.B, 9), "partly covered")
	want(t, in, "partly covered")
	setInt(t, in, uapi.IPPROTO_UDPLITE, recvCov, 20)
	send(t, out, addr(ipwire.B, 9), "partly covered")
	empty(t, in)
	setInt(t, out, uapi.IPPROTO_UDPLITE, sendCov, 0)
	send(t, out, addr(ipwire.B, 9), "covered")
	want(t, in, "covered")
	if m := mib.Of(b.Net).Read(); m[mib.UDPLiteInDatagrams] != 2 || m[mib.UDPLiteInErrors] != 1 {
		t.Errorf("InDatagrams %d InErrors %d", m[mib.UDPLiteInDatagrams], m[mib.UDPLiteInErrors])
	}
}

func TestShutdown(t *testing.T) { // shutdown(2); spec 11.23
	a, _ := pair(t)
	s := a.Socket(t, uapi.SOCK_DGRAM, 0)
	if err := s.Shutdown(root, uapi.SHUT_WR); err != errno.ENOTCONN {
		t.Errorf("unconnected: %v", err)
	}
	s = a.Socket(t, uapi.SOCK_DGRAM, 0)
	if err := s.Connect(root, addr(ipwire.B, 9)); err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(root, 3); err != errno.EINVAL {
		t.Errorf("how 3: %v", err)
	}
	if err := s.Shutdown(root, uapi.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sendmsg(root, &sock.Msg{}); err != errno.EPIPE {
		t.Errorf("send: %v", err)
	}
	if n, err := s.Recvmsg(root, &sock.Msg{}); n != 0 || err != nil {
		t.Errorf("recv: %d %v", n, err)
	}
	const all = uapi.POLLIN | uapi.POLLHUP | uapi.POLLRDHUP
	if s.Poll()&all != all {
		t.Errorf("poll %#x", s.Poll())
	}
}

// TestSocketsComeAndGoUnderTraffic binds, rehashes and closes sockets on two
// CPUs while datagrams look for them.
func TestSocketsComeAndGoUnderTraffic(t *testing.T) {
	k := kern.New(kern.Config{Seed: 1, CPUs: 2})
	t.Cleanup(k.Close)
	a, _ := ipwire.On(t, k, udp.Pernet())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 150 {
				s := a.Socket(t, uapi.SOCK_DGRAM, 0)
				s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_REUSEPORT, []byte{1, 0, 0, 0})
				s.Bind(root, addr(0, 9))
				s.Watch(func() { s.Poll() })
				s.Connect(root, addr(ipwire.Loopback, 9))
				s.Sendmsg(root, &sock.Msg{Data: []byte("x"), Name: addr(ipwire.Loopback, 9)})
				s.Connect(root, make([]byte, 16))
				recv(s, uapi.MSG_PEEK)
				recv(s, 0)
				s.Close()
			}
		})
	}
	wg.Wait()
	if n := a.Net.Kernel().Timers(); n != 0 {
		t.Errorf("%d timers", n)
	}
}
