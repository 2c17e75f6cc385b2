package dev_test

import (
	"bufio"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
)

// FuzzLinkRequest sends arbitrary messages to the handlers of links; the seeds
// are the requests that were recorded.
func FuzzLinkRequest(f *testing.F) {
	file, err := os.Open("testdata/links.txt")
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if b, err := hex.DecodeString(strings.Fields(s.Text())[2]); err == nil {
			f.Add(b)
		}
	}
	clock := kern.NewManualClock()
	k := kern.New(kern.Config{Clock: clock, Seed: 1})
	n, other := newNet(f, k), newNet(f, k)
	root := netlink.RootCreds(1)
	root.FindNet = func(pid, fd int) (*netns.Net, error) { return other, nil }
	p, mon := port(f, n), port(f, n, uapi.RTNLGRP_LINK)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 20 || len(b) > 4096 {
			return
		}
		p.Send(b, nil, root)
		clock.Settle()
		read(p)
		read(mon)
		for _, o := range []*netns.Net{n, other} {
			for list := dev.List(o); len(list) > 10; list = dev.List(o) {
				unlock := dev.LockWith(list[len(list)-1])
				dev.Unregister(list[len(list)-1])
				unlock()
			}
		}
	})
}

// FuzzIoctl asks arbitrary device ioctls.
func FuzzIoctl(f *testing.F) {
	for cmd := uint32(uapi.SIOCGIFNAME); cmd <= uapi.SIOCGIFMAP+1; cmd++ {
		f.Add(cmd, append([]byte("lo"), make([]byte, 38)...))
	}
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n := newNet(f, k)
	f.Fuzz(func(t *testing.T, cmd uint32, ifr []byte) {
		if len(ifr) <= 64 {
			dev.Ioctl(n, cmd, ifr, true)
		}
	})
}
