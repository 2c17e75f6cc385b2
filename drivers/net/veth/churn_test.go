package veth_test

import (
	"sync"
	"testing"

	"linen/drivers/net/veth"
	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
)

// TestChangesUnderTraffic adds, renames, moves and deletes devices of two
// namespaces while frames flow and links are dumped: nothing may deadlock, and
// in the end only lo is left.
func TestChangesUnderTraffic(t *testing.T) {
	k := kern.New(kern.Config{CPUs: 3})
	defer k.Close()
	l := &lab{t: t, k: k}
	nets := [2]*netns.Net{l.net(), l.net()}
	const rounds = 100
	var wg sync.WaitGroup
	run := func(f func(i int)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range rounds {
				f(i)
			}
		}()
	}
	a, b, err := veth.NewPair(nets[0], "a0", nets[1], "b0")
	if err != nil {
		t.Fatal(err)
	}
	up(t, a, b)
	dev.AddPacketType(nets[1], &dev.PacketType{Proto: uapi.ETH_P_IP, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) { b.Consume(c) }})
	for range 2 {
		run(func(int) { send(a, b, []byte("frame")) })
	}
	for who := range 2 {
		run(func(i int) {
			x, _, err := veth.NewPair(nets[who], "x%d", nets[1-who], "y%d")
			if err != nil {
				t.Error(err)
				return
			}
			up(t, x)
			unlock := dev.LockWith(x, nets[0], nets[1])
			dev.Rename(x, "r%d")
			if err := dev.Move(x, nets[i%2], "m%d", 0); err != nil {
				t.Error(err)
			}
			unlock()
			unlock = dev.LockWith(x)
			dev.Unregister(x)
			unlock()
		})
	}
	run(func(i int) {
		n := nets[i%2]
		n.Lock()
		for _, d := range []*dev.Device{a, b} {
			if d.Net() == n {
				dev.Close(d)
				dev.Open(d)
			}
		}
		n.Unlock()
	})
	run(func(i int) {
		p, err := netlink.Open(nets[i%2], uapi.NETLINK_ROUTE, netlink.RootCreds(1), nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer p.Close()
		m := netlink.NewMsg(uapi.RTM_GETLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
		m.Put((&uapi.IfInfomsg{}).Append(nil))
		p.Send(m.Bytes(), nil, netlink.RootCreds(1))
		for {
			if _, err := p.Recv(1<<16, false); err != nil {
				return
			}
		}
	})
	wg.Wait()
	unlock := dev.LockWith(a)
	dev.Unregister(a)
	unlock()
	k.Flush()
	for _, n := range nets {
		if list := dev.List(n); len(list) != 1 {
			t.Errorf("left: %v", list)
		}
	}
}
