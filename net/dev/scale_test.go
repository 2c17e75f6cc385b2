package dev_test

import (
	"strconv"
	"testing"

	"linen/drivers/net/dummy"
	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
)

// BenchmarkTenThousandDevices makes, dumps, brings up and down and deletes
// 10,000 devices of one namespace.
func BenchmarkTenThousandDevices(b *testing.B) {
	const count = 10000
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	defer k.Close()
	n := newNet(b, k)
	for b.Loop() {
		n.Lock()
		for i := range count {
			if _, err := dummy.New(n, "d"+strconv.Itoa(i)); err != nil {
				b.Fatal(err)
			}
		}
		list := dev.List(n)
		for _, d := range list[1:] {
			dev.Open(d)
		}
		n.Unlock()
		if got := len(dumpAll(b, n)); got != count+2 { // lo and NLMSG_DONE
			b.Fatalf("%d messages", got)
		}
		n.Lock()
		for _, d := range list[1:] {
			dev.Unregister(d)
		}
		n.Unlock()
	}
}

// dumpAll returns the messages of a dump of links.
func dumpAll(t testing.TB, n *netns.Net) (all [][]byte) {
	t.Helper()
	p := port(t, n)
	m := netlink.NewMsg(uapi.RTM_GETLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	m.Put((&uapi.IfInfomsg{}).Append(nil))
	if _, err := p.Send(m.Bytes(), nil, netlink.RootCreds(1)); err != nil {
		t.Fatal(err)
	}
	for {
		part := read(p)
		if len(part) == 0 {
			return all
		}
		all = append(all, part...)
	}
}
