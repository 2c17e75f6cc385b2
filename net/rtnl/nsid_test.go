package rtnl_test

import (
	"slices"
	"testing"

	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

func newPeer(t *testing.T, n *netns.Net) *netns.Net {
	t.Helper()
	p, err := netns.New(n.Kernel(), netlink.Pernet(), rtnl.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestNSIDAsLinux plays a recorded session of RTM_{NEW,GET,DEL}NSID.
func TestNSIDAsLinux(t *testing.T) {
	n := newNet(t)
	peer := newPeer(t, n)
	root := netlink.RootCreds(1)
	root.FindNet = func(pid, fd int) (*netns.Net, error) {
		switch {
		case fd == 3:
			return peer, nil
		case pid == 20968:
			return n, nil
		case fd >= 0:
			return nil, errno.EBADF
		}
		return nil, errno.ESRCH
	}
	for _, e := range recorded(t, "testdata/nsid.txt") {
		if got := ask(t, n, e, root); !slices.Equal(got, e.answers) {
			t.Errorf("%s:\n got %v\nwant %v", e.name, got, e.answers)
		}
	}
}

func TestNSIDNotifications(t *testing.T) {
	n := newNet(t)
	peer := newPeer(t, n)
	root := netlink.RootCreds(1)
	p, err := netlink.Open(n, uapi.NETLINK_ROUTE, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Join(uapi.RTNLGRP_NSID, root); err != nil {
		t.Fatal(err)
	}
	if id := rtnl.PeerID(n, peer); id != 0 {
		t.Errorf("first id %d", id)
	}
	rtnl.PeerID(n, peer) // known already: silent
	peer.Close()
	for _, want := range []uint16{uapi.RTM_NEWNSID, uapi.RTM_DELNSID} {
		d, err := p.Recv(4096, false)
		if err != nil || netlink.ParseHeader(d.Data).Type != want {
			t.Errorf("%+v, %v, want type %d", d, err, want)
		}
	}
	if d, err := p.Recv(4096, false); err == nil {
		t.Errorf("one too many: %+v", d)
	}
}
