package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"linen"
	"linen/net/sock"
	"linen/uapi"
)

// manySockets is how many sockets the row of large tables makes.
const manySockets = 1_000_000

// millionSubjects fill the tables of one Net with bound datagram sockets, and
// send to one of them at random: first those of 1000, then of all.
func millionSubjects() []subject {
	k := linen.New(linen.Config{Seed: 1})
	n := must(k.NewNet("a"))
	check(n.Up("lo"))
	who, ns := sock.Root(), n.Namespace()
	open := func() sock.Socket { return must(sock.Create(who, ns, uapi.AF_INET, uapi.SOCK_DGRAM, 0)) }
	var all []sock.Socket
	var held int64
	fill := func(count int) {
		before := inUse()
		for i := range count {
			s := open()
			check(s.Bind(who, millionAddr(i)))
			all = append(all, s)
		}
		held = (inUse() - before) / int64(count)
	}
	from := open()
	var p [8]byte
	send := func(limit int) func(int) {
		r := rand.New(rand.NewPCG(1, 1))
		return func(n int) {
			m := &sock.Msg{}
			for range n {
				to := r.IntN(min(limit, len(all)))
				m.Data, m.Name = p[:], millionAddr(to)
				must(from.Sendmsg(who, m))
				m.Name = nil
				must(all[to].Recvmsg(who, m))
			}
		}
	}
	return []subject{
		{name: "make", run: fill, count: manySockets, turns: 1, note: func() string { return fmt.Sprintf("%d B a socket", held) }},
		{name: "send, 1000", run: send(1000), count: 300_000},
		{name: "send, 1M", run: send(manySockets), count: 300_000, stop: func() { k.Close() }},
	}
}

// millionAddr is the i-th of many addresses and ports of lo.
func millionAddr(i int) []byte {
	const ports = 50_000
	a := netip.AddrFrom4([4]byte{127, 1, byte(i / ports >> 8), byte(i / ports)})
	return uapi.AppendSockaddr(nil, netip.AddrPortFrom(a, uint16(1024+i%ports)), 0)
}
