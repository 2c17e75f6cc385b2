package afnetlink_test

import (
	"context"
	"testing"
	"testing/synctest"

	"linen/kern"
	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

func TestBlockingRecvWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kern.New(kern.Config{Seed: 1})
		t.Cleanup(k.Close)
		n := newNet(t, k)
		root := sock.Root()
		s := create(t, n, root, uapi.NETLINK_ROUTE)
		if err := s.Bind(root, addr(0, 1)); err != nil {
			t.Fatal(err)
		}
		watched := 0
		s.Watch(func() { watched++ })
		got := make(chan error)
		go func() {
			m := sock.Msg{Data: make([]byte, 64)}
			_, err := sock.Recv(context.Background(), s, root, &m)
			got <- err
		}()
		synctest.Wait()
		n.Lock() // as a change would
		rtnl.Notify(n, uapi.RTNLGRP_LINK, netlink.NewMsg(uapi.RTM_NEWLINK, 0), nil)
		n.Unlock()
		if err := <-got; err != nil {
			t.Error(err)
		}
		// And from a softirq.
		go func() {
			m := sock.Msg{Data: make([]byte, 64)}
			_, err := sock.Recv(context.Background(), s, root, &m)
			got <- err
		}()
		synctest.Wait()
		c := k.Enter(kern.Any)
		rtnl.NotifyOn(c, n, uapi.RTNLGRP_LINK, netlink.NewMsg(uapi.RTM_NEWLINK, 0))
		c.Exit()
		if err := <-got; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if watched == 0 {
			t.Error("the watcher was not called")
		}
	})
}

// TestFilter attaches "ret #0" and "ret #20" to a netlink socket.
func TestFilter(t *testing.T) {
	n := newNet(t, newKernel(t))
	root := sock.Root()
	s := create(t, n, root, uapi.NETLINK_ROUTE)
	s.Bind(root, addr(0, 1))
	for _, keep := range []byte{0, 20} {
		ret := []byte{6, 0, 0, 0, keep, 0, 0, 0}
		if err := s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_ATTACH_FILTER, ret); err != nil {
			t.Fatal(err)
		}
		m := netlink.NewMsg(uapi.RTM_NEWLINK, 0)
		m.Grow(16)
		rtnl.Notify(n, uapi.RTNLGRP_LINK, m, nil)
		got, err := s.Recvmsg(root, &sock.Msg{Data: make([]byte, 64)})
		if keep == 0 && err != errno.EAGAIN || keep != 0 && (got != int(keep) || err != nil) {
			t.Errorf("filter keeps %d: %d, %v", keep, got, err)
		}
	}
}

func TestOverrunIsToldByPollAndError(t *testing.T) {
	n := newNet(t, newKernel(t))
	root := sock.Root()
	s := create(t, n, root, uapi.NETLINK_ROUTE)
	s.Bind(root, addr(0, 1))
	if err := s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_RCVBUF, []byte{0, 8, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		rtnl.Notify(n, uapi.RTNLGRP_LINK, netlink.NewMsg(uapi.RTM_NEWLINK, 0), nil)
	}
	if e := s.Poll(); e&uapi.POLLERR == 0 || e&uapi.POLLIN == 0 {
		t.Errorf("events %#x", e)
	}
	m := sock.Msg{Data: make([]byte, 64), Flags: sock.MsgSkipErr}
	if _, err := s.Recvmsg(root, &m); err != nil {
		t.Errorf("past the error: %v", err)
	}
	m.Flags = 0
	if _, err := s.Recvmsg(root, &m); err != errno.ENOBUFS {
		t.Errorf("%v, want ENOBUFS", err)
	}
	if s.Poll()&uapi.POLLERR != 0 {
		t.Error("the error is still there")
	}
}
