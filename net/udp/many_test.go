package udp_test

import (
	"testing"

	"linen/net/mib"
	"linen/net/sock"
	"linen/test/ipwire"
	"linen/uapi"
	"linen/uapi/errno"
)

func TestMulticast(t *testing.T) {
	a, b := pair(t)
	const group, other = 0xe1010101, 0xe1010102 // 225.1.1.1, .2
	var members []sock.Socket
	for range 2 {
		s := b.Socket(t, uapi.SOCK_DGRAM, 0)
		setInt(t, s, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, 1)
		if err := s.Bind(root, addr(0, 9)); err != nil {
			t.Fatal(err)
		}
		members = append(members, s)
	}
	mreq := []byte{225, 1, 1, 1, 10, 0, 0, 2}
	if err := members[0].Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_ADD_MEMBERSHIP, mreq); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name int
		mreq []byte
		want error
	}{
		{uapi.IP_ADD_MEMBERSHIP, mreq, errno.EADDRINUSE},
		{uapi.IP_ADD_MEMBERSHIP, []byte{10, 0, 0, 9, 0, 0, 0, 0}, errno.EINVAL},
		{uapi.IP_ADD_MEMBERSHIP, []byte{225, 1, 1, 2, 9, 9, 9, 9}, errno.ENODEV},
		{uapi.IP_ADD_MEMBERSHIP, mreq[:4], errno.EINVAL},
		{uapi.IP_DROP_MEMBERSHIP, []byte{225, 9, 9, 9, 10, 0, 0, 2}, errno.EADDRNOTAVAIL},
	} {
		if err := members[0].Setsockopt(root, uapi.IPPROTO_IP, c.name, c.mreq); err != c.want {
			t.Errorf("%d %v: %v, want %v", c.name, c.mreq, err, c.want)
		}
	}
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	send(t, cli, addr(group, 9), "all") // IP_MULTICAST_ALL: the other hears it too
	want(t, members[0], "all")
	want(t, members[1], "all")
	setInt(t, members[1], uapi.IPPROTO_IP, uapi.IP_MULTICAST_ALL, 0)
	send(t, cli, addr(group, 9), "members")
	want(t, members[0], "members")
	empty(t, members[1])
	if err := members[0].Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_BLOCK_SOURCE, append(mreq[:8:8], 10, 0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	send(t, cli, addr(group, 9), "blocked")
	empty(t, members[0])
	if n := mib.Of(b.Net).Read()[mib.UDPIgnoredMulti]; n != 1 {
		t.Errorf("IgnoredMulti %d", n)
	}
}

func TestBroadcastReachesEverySocket(t *testing.T) {
	a, b := pair(t)
	var all []sock.Socket
	for range 3 {
		s := b.Socket(t, uapi.SOCK_DGRAM, 0)
		setInt(t, s, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, 1)
		if err := s.Bind(root, addr(0, 9)); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	setInt(t, cli, uapi.SOL_SOCKET, uapi.SO_BROADCAST, 1)
	send(t, cli, addr(ipwire.Broadcast, 9), "x")
	for _, s := range all {
		want(t, s, "x")
	}
}

func TestLastBoundWinsUnicast(t *testing.T) { // spec 11.04
	a, b := pair(t)
	first, second := b.Socket(t, uapi.SOCK_DGRAM, 0), b.Socket(t, uapi.SOCK_DGRAM, 0)
	for _, s := range []sock.Socket{first, second} {
		setInt(t, s, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, 1)
		if err := s.Bind(root, addr(0, 9)); err != nil {
			t.Fatal(err)
		}
	}
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	send(t, cli, addr(ipwire.B, 9), "x")
	want(t, second, "x")
	empty(t, first)
}

func TestReusePortShares(t *testing.T) { // spec 11.05
	a, b := pair(t)
	var group []sock.Socket
	for range 4 {
		s := b.Socket(t, uapi.SOCK_DGRAM, 0)
		setInt(t, s, uapi.SOL_SOCKET, uapi.SO_REUSEPORT, 1)
		if err := s.Bind(root, addr(0, 9)); err != nil {
			t.Fatal(err)
		}
		group = append(group, s)
	}
	for range 100 {
		send(t, a.Socket(t, uapi.SOCK_DGRAM, 0), addr(ipwire.B, 9), "x")
	}
	total := 0
	for i, s := range group {
		n, _ := s.Base().Queued()
		total += n
		if n < 5 {
			t.Errorf("member %d got %d of 100", i, n)
		}
	}
	if total != 100 {
		t.Errorf("total %d", total)
	}
	ret2 := []byte{6, 0, 0, 0, 2, 0, 0, 0} // ret #2
	if err := group[0].Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_ATTACH_REUSEPORT_CBPF, ret2); err != nil {
		t.Fatal(err)
	}
	before, _ := group[2].Base().Queued()
	for range 10 {
		send(t, a.Socket(t, uapi.SOCK_DGRAM, 0), addr(ipwire.B, 9), "x")
	}
	if after, _ := group[2].Base().Queued(); after != before+10 {
		t.Errorf("the program's member got %d of 10", after-before)
	}
}
