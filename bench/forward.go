package main

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"linen"
	"linen/drivers/net/testlink"
	"linen/kern"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/skb"
	"linen/wire"
)

// flows is the number of UDP flows that are forwarded in turn.
const flows = 1024

// batch is how many packets are injected at once.
const batch = 64

// packets returns one packet for each flow, all to 10.2.0.2.
func packets() [][]byte {
	list := make([][]byte, flows)
	for i := range list {
		list[i] = packet(i, 10<<24|2<<16|2)
	}
	return list
}

// packet returns a 64-byte UDP packet (60 bytes and no FCS on Ethernet) from
// 10.1.0.2 and a source port of the flow's.
func packet(flow int, to uint32) []byte {
	p := make([]byte, 50)
	h := (*wire.IPv4Hdr)(p)
	h.SetVerIHL(20)
	h.SetTotLen(len(p))
	h.SetTTL(64)
	h.SetProto(wire.ProtoUDP)
	h.SetSaddr(10<<24 | 1<<16 | 2)
	h.SetDaddr(to)
	u := (*wire.UDPHdr)(p[20:])
	u.SetSource(uint16(1024 + flow))
	u.SetDest(9)
	u.SetLen(len(p) - 20)
	wire.SendCheck4(p[:20])
	return p
}

func forwardSubjects() []subject {
	return []subject{linenForward("linen", 1), gvisorForward(), floorForward()}
}

// A router forwards from a device whose frames are injected to a veth, whose
// other end swallows what arrives.
type router struct {
	k    *linen.Kernel
	net  *linen.Net
	in   *dev.Device
	peer []byte // the link address of 10.2.0.2
}

func newRouter(cpus, outBits int) *router {
	k := linen.New(linen.Config{CPUs: cpus, Seed: 1})
	r := &router{k: k, net: must(k.NewNet("r"))}
	sink := must(k.NewNet("sink"))
	must(testlink.NewPort(r.net.Namespace(), "in0", func([]byte) {}))
	check(r.net.Up("in0"))
	check(k.Link(r.net, "out0", sink, "eth0"))
	check(r.net.AddAddr("in0", netip.MustParsePrefix("10.1.0.1/24")))
	check(r.net.AddAddr("out0", netip.PrefixFrom(netip.MustParseAddr("10.2.0.1"), outBits)))
	check(r.net.SetSysctl("net.ipv4.ip_forward", "1"))
	check(r.net.SetSysctl("net.ipv4.conf.all.rp_filter", "1"))
	peer := dev.ByName(sink.Namespace(), "eth0")
	r.peer = peer.Addr()
	neighbour(r.net, "out0", "10.2.0.2", r.peer)
	peer.SetIngress(func(c *kern.CPU, _ *dev.Device, b *skb.Buff) bool { b.Consume(c); return false })
	r.in = dev.ByName(r.net.Namespace(), "in0")
	return r
}

// forward makes the CPU forward n of the frames, in turn.
func (r *router) forward(cpu, n int, frames [][]byte) {
	for done := 0; done < n; done += batch {
		c := r.k.Engine().EnterCPU(cpu)
		at := done % len(frames) // whose length is a multiple of batch
		for _, f := range frames[at : at+batch] {
			b := skb.From(c, f)
			if ethernet.TypeTrans(c, b, r.in) {
				dev.Rx(c, r.in, b)
			}
		}
		c.Exit()
	}
}

func linenForward(name string, cpus int) subject {
	r := newRouter(cpus, 24)
	frames := framesFor(r.in, packets())
	run := func(cpu, n int) { r.forward(cpu, n, frames) }
	return subject{name: name, run: func(n int) { runOn(cpus, n, run) }, stop: func() { r.k.Close() }}
}

// runOn shares n operations among CPUs, a goroutine each.
func runOn(cpus, n int, run func(cpu, n int)) {
	if cpus == 1 {
		run(0, n)
		return
	}
	done := make(chan struct{})
	for cpu := range cpus {
		go func() { run(cpu, n/cpus); done <- struct{}{} }()
	}
	for range cpus {
		<-done
	}
}

// framesFor puts an Ethernet header in front of each packet.
func framesFor(in *dev.Device, frames [][]byte) [][]byte {
	for i, p := range frames {
		f := make([]byte, 14, 64)
		copy(f, in.Addr())
		copy(f[6:], []byte{2, 0, 0, 0, 0, 9})
		f[12], f[13] = 8, 0
		frames[i] = append(f, p...)
	}
	return frames
}

func twoCPUSubjects() []subject {
	return []subject{linenForward("two CPUs", 2), linenForward("one CPU", 1)}
}

// floorForward is the least that a forwarder in Go can do: copy the packet,
// check its header, look its destination up, decrement the TTL, put it into a
// ring.
func floorForward() subject {
	var table bart.Table[int]
	table.Insert(netip.MustParsePrefix("10.2.0.0/24"), 1)
	list := packets()
	ring := make([][]byte, 256)
	for i := range ring {
		ring[i] = make([]byte, 128)
	}
	at := 0
	return subject{name: "Go floor", run: func(n int) {
		for i := range n {
			buf := ring[at&255][:len(list[0])]
			copy(buf, list[i%flows])
			h := (*wire.IPv4Hdr)(buf)
			if h.Version() != 4 || !wire.VerifyCheck4(buf[:20]) {
				continue
			}
			if _, ok := table.Lookup(h.Dst()); !ok {
				continue
			}
			h.DecTTL()
			at++
		}
	}}
}

func check(err error) {
	if err != nil {
		fatal(err)
	}
}
