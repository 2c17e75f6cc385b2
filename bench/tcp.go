package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"

	"linen"
	"linen/net/dev"
)

// piece is what one operation of a bulk row moves.
const piece = 64 << 10

// A tcpStack opens connections from one host to another.
type tcpStack struct {
	name   string
	listen func() net.Listener
	dial   func() net.Conn
	stop   func()
}

// pair is one connection.
func (s tcpStack) pair(l net.Listener) (client, server net.Conn) {
	client = s.dial()
	return client, must(l.Accept())
}

// linenTCP is two Nets on a cable. off are the offloads that its ends lack.
func linenTCP(off dev.Features) tcpStack {
	k := linen.New(linen.Config{Seed: 1})
	a, b := must(k.NewNet("a")), must(k.NewNet("b"))
	check(k.Link(a, "eth0", b, "eth0"))
	check(a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))
	check(b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")))
	if off != 0 {
		for _, n := range []*linen.Net{a, b} {
			ns := n.Namespace()
			ns.Lock()
			check(dev.ChangeFeatures(dev.ByName(ns, "eth0"), dev.FeatGRO, off|dev.FeatGRO))
			ns.Unlock()
		}
	}
	ctx := context.Background()
	return tcpStack{
		name:   "linen",
		listen: func() net.Listener { return must(b.Listen(ctx, "tcp", "10.0.0.2:80")) },
		dial:   func() net.Conn { return must(a.Dial(ctx, "tcp", "10.0.0.2:80")) },
		stop:   func() { k.Close() },
	}
}

// kernelTCP is this machine's loopback through package net.
func kernelTCP() tcpStack {
	var l net.Listener
	return tcpStack{
		name:   "the kernel",
		listen: func() net.Listener { l = must(net.Listen("tcp", "127.0.0.1:0")); return l },
		dial:   func() net.Conn { return must(net.Dial("tcp", l.Addr().String())) },
		stop:   func() { l.Close() },
	}
}

// bulkSubjects move pieces one way, from one goroutine to another.
func bulkSubjects(off dev.Features, gvisor tcpStack, kernel bool) []subject {
	stacks := []tcpStack{linenTCP(off), gvisor}
	if kernel {
		stacks = append(stacks, kernelTCP())
	}
	var all []subject
	for _, s := range stacks {
		client, server := s.pair(s.listen())
		all = append(all, subject{name: s.name, bytes: piece, stop: s.stop, run: func(n int) { bulk(client, server, n) }})
	}
	return all
}

func bulk(from, to net.Conn, n int) {
	go func() {
		p := make([]byte, piece)
		for range n {
			must(from.Write(p))
		}
	}()
	p := make([]byte, piece)
	for range n {
		must(io.ReadFull(to, p))
	}
}

// Super-frames, checksums left to the link; cut to 1500 bytes, with checksums
// left to the link and without.
func superSubjects() []subject { return bulkSubjects(0, gvisorTCP(true, true), true) }
func cutSubjects() []subject   { return bulkSubjects(dev.FeatAllTSO, gvisorTCP(false, true), false) }
func summedSubjects() []subject {
	return bulkSubjects(dev.FeatAllTSO|dev.FeatHWCsum, gvisorTCP(false, false), false)
}

// tripSubjects send a byte there and back, over one of so many connections
// after the other, on one goroutine.
func tripSubjects(connections int) []subject {
	var all []subject
	for _, s := range []tcpStack{linenTCP(0), gvisorTCP(false, true), kernelTCP()} {
		l := s.listen()
		var pairs [][2]net.Conn
		for range connections {
			client, server := s.pair(l)
			pairs = append(pairs, [2]net.Conn{client, server})
		}
		all = append(all, subject{name: s.name, stop: s.stop, run: func(n int) {
			var p [1]byte
			for i := range n {
				c := pairs[i%connections]
				must(c[0].Write(p[:]))
				must(c[1].Read(p[:]))
				must(c[1].Write(p[:]))
				must(c[0].Read(p[:]))
			}
		}})
	}
	return all
}

// connectSubjects open and close connections. The server closes first, so that
// TIME_WAIT does not hold the client's ports.
func connectSubjects() []subject {
	var all []subject
	for _, s := range []tcpStack{linenTCP(0), gvisorTCP(false, true), kernelTCP()} {
		l := s.listen()
		all = append(all, subject{name: s.name, stop: s.stop, count: 5000, run: func(n int) {
			for range n {
				client, server := s.pair(l)
				check(server.Close())
				check(client.Close())
			}
		}})
	}
	return all
}

// idleConnections is how many connections the row of idle endpoints opens.
const idleConnections = 10_000

// idleSubjects open connections and say what an end holds; an operation is an
// endpoint.
func idleSubjects() []subject {
	var all []subject
	for _, s := range []tcpStack{linenTCP(0), gvisorTCP(false, true)} {
		l := s.listen()
		var each int64
		all = append(all, subject{
			name: s.name, stop: s.stop, count: idleConnections, turns: 1,
			run: func(n int) { each = idle(s, l, n) },
			note: func() string {
				return fmt.Sprintf("%d B of heap and stacks an idle endpoint", each)
			},
		})
	}
	return all
}

// idle opens n connections, and returns what one of their ends holds.
func idle(s tcpStack, l net.Listener, n int) int64 {
	all := make([][2]net.Conn, n)
	before := inUse()
	for i := range all {
		all[i][0], all[i][1] = s.pair(l)
	}
	each := (inUse() - before) / int64(2*n)
	for _, c := range all {
		check(c[1].Close())
		check(c[0].Close())
	}
	return each
}

// inUse is the heap and the stacks after a collection.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
