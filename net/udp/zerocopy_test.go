package udp_test

import (
	"encoding/binary"
	"testing"

	"linen/net/sock"
	"linen/test/ipwire"
	"linen/uapi"
	"linen/uapi/errno"
)

// completion reads one entry of the error queue: the range of sends.
func completion(t *testing.T, s sock.Socket) (lo, hi uint32) {
	t.Helper()
	if s.Poll()&uapi.POLLERR == 0 {
		t.Error("no POLLERR")
	}
	data, m, err := recv(s, uapi.MSG_ERRQUEUE)
	if err != nil || data != "" || m.OutFlags != uapi.MSG_ERRQUEUE || m.NameLen != 0 {
		t.Fatalf("%q %v %#x name %d", data, err, m.OutFlags, m.NameLen)
	}
	c, _, _, _ := sock.NextCmsg(m.Control[:m.ControlLen])
	if c.Level != uapi.IPPROTO_IP || c.Type != uapi.IP_RECVERR || len(c.Data) != 32 {
		t.Fatalf("cmsg %+v", c)
	}
	if e := c.Data; binary.NativeEndian.Uint32(e) != 0 || e[4] != uapi.SO_EE_ORIGIN_ZEROCOPY || e[6] != uapi.SO_EE_CODE_ZEROCOPY_COPIED {
		t.Errorf("sock_extended_err %x", e)
	}
	return binary.NativeEndian.Uint32(c.Data[8:]), binary.NativeEndian.Uint32(c.Data[12:])
}

// TestZerocopyCompletions holds what 6.18 answers over loopback.
func TestZerocopyCompletions(t *testing.T) { // Documentation/networking/msg_zerocopy.rst
	a, b := pair(t)
	b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	s := a.Socket(t, uapi.SOCK_DGRAM, 0)
	zc := func(n, flags int) error {
		_, err := s.Sendmsg(root, &sock.Msg{Data: make([]byte, n), Name: addr(ipwire.B, 9), Flags: flags | uapi.MSG_ZEROCOPY})
		return err
	}
	none := func(when string) {
		t.Helper()
		if _, _, err := recv(s, uapi.MSG_ERRQUEUE); err != errno.EAGAIN {
			t.Errorf("%s: %v, want EAGAIN", when, err)
		}
	}
	want := func(when string, lo, hi uint32) {
		t.Helper()
		if l, h := completion(t, s); l != lo || h != hi {
			t.Errorf("%s: %d-%d, want %d-%d", when, l, h, lo, hi)
		}
		none(when)
	}
	zc(10, 0)
	none("without SO_ZEROCOPY")
	setInt(t, s, uapi.SOL_SOCKET, uapi.SO_ZEROCOPY, 1)
	zc(10, 0)
	want("one", 0, 0)
	for range 3 {
		zc(1000, 0)
	}
	want("three are merged", 1, 3)
	zc(0, 0)
	want("an empty datagram counts", 4, 4)
	send(t, s, addr(ipwire.B, 9), "x")
	none("a plain send")
	if err := zc(65530, 0); err != errno.EMSGSIZE {
		t.Error(err)
	}
	none("a failed send")
	zc(60, 0)
	want("after the failure", 5, 5)
	zc(60, uapi.MSG_MORE)
	none("corked")
	zc(60, 0)
	want("corked and sent", 6, 7)
}

func TestZerocopyOption(t *testing.T) { // answers of 6.18
	a, _ := pair(t)
	for _, c := range []struct {
		proto, v int
		want     error
	}{
		{uapi.IPPROTO_UDP, 0, nil}, {uapi.IPPROTO_UDP, 1, nil}, {uapi.IPPROTO_UDP, 2, errno.EINVAL}, {uapi.IPPROTO_UDP, -1, errno.EINVAL},
		{uapi.IPPROTO_UDPLITE, 1, errno.EOPNOTSUPP}, {uapi.IPPROTO_UDPLITE, 2, errno.EOPNOTSUPP},
	} {
		s := a.Socket(t, uapi.SOCK_DGRAM, c.proto)
		var val [4]byte
		binary.NativeEndian.PutUint32(val[:], uint32(c.v))
		if err := s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_ZEROCOPY, val[:]); err != c.want && (err != nil || c.want != nil) {
			t.Errorf("%d to %d: %v, want %v", c.proto, c.v, err, c.want)
		}
	}
}
