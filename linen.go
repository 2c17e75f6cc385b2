// Package linen is Linux networking in user space: hosts and routers as Go
// values, configured through netlink and used through net.Conn.
//
//	k := linen.New(linen.Config{})
//	defer k.Close()
//	a, _ := k.NewNet("a")
//	b, _ := k.NewNet("b")
//	k.Link(a, "eth0", b, "eth0")
//	a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24"))
//	b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24"))
//	pc, _ := b.ListenPacket(ctx, "udp", "10.0.0.2:7")
//	conn, _ := a.Dial(ctx, "udp", "10.0.0.2:7")
//
// A [Kernel] is one machine, a [Net] one network namespace on it: a host or a
// router. Nothing here needs privileges, and nothing reaches the network of
// the host. Everything works inside a testing/synctest bubble, where time is
// the bubble's, as long as the Kernel is made and closed inside. A bubble's
// clock stands still while one of its goroutines waits for a sync.Mutex: code
// that writes under a mutex (HTTP/2 does) needs a buffer into which its writes
// fit, see SetWriteBuffer.
//
// The methods that change a Net send the netlink messages that ip(8) would
// send; there is no second way in. What they do not cover, Netlink does.
//
// Only this package, wire and uapi carry a promise of compatibility.
package linen

import (
	"fmt"
	"sync"

	"linen/kern"
	"linen/net/netns"
	"linen/net/sock"
)

// Config says how a Kernel is built. The zero value is a good default.
type Config struct {
	// CPUs is the number of virtual CPUs; 0 means 1. A flow stays on the CPU
	// by which it entered.
	CPUs int
	// Seed, when not 0, makes every random choice repeatable; 0 takes
	// randomness from crypto/rand.
	Seed uint64
	// Clock is the source of time; nil means the machine's, or a synctest
	// bubble's. See NewManualClock.
	Clock Clock
	// Quiesce makes the Kernel deterministic: calls from several goroutines
	// are let in one at a time, in the order of namespace and socket, whenever
	// Quiesce (testing/synctest.Wait in a bubble) says that all wait.
	Quiesce func()
}

// A Clock is a source of time for Kernels.
type Clock = kern.Clock

// A ManualClock stands still until its Advance moves it.
type ManualClock = kern.ManualClock

// NewManualClock returns a ManualClock. Several Kernels may share it.
func NewManualClock() *ManualClock { return kern.NewManualClock() }

// A Kernel is one machine: virtual CPUs, a clock, and the Nets on them. Two
// Kernels in one process share nothing.
type Kernel struct {
	k  *kern.Kernel
	mu sync.Mutex
	// nets are those that are open, in the order they were made.
	nets []*Net
}

// New returns a Kernel without Nets.
func New(cfg Config) *Kernel {
	return &Kernel{k: kern.New(kern.Config{CPUs: cfg.CPUs, Seed: cfg.Seed, Clock: cfg.Clock, Quiesce: cfg.Quiesce})}
}

// Engine returns the Kernel's engine, for the packages of this module that
// build on the stack itself.
func (k *Kernel) Engine() *kern.Kernel { return k.k }

// NewNet makes a host: the first namespace of a machine of Linux, with a lo that
// is down. name is for people; it need not be unique.
func (k *Kernel) NewNet(name string) (*Net, error) {
	return k.add(name, func(subs ...netns.Subsys) (*netns.Net, error) { return netns.New(k.k, subs...) })
}

// NewChild makes a further namespace of the host, as `ip netns add` does in n:
// what a machine has once, such as net.ipv4.tcp_mem, is the first namespace's.
func (n *Net) NewChild(name string) (*Net, error) {
	return n.kernel.add(name, func(subs ...netns.Subsys) (*netns.Net, error) { return netns.NewChild(n.ns, subs...) })
}

// add makes a Net and enters it.
func (k *Kernel) add(name string, build func(...netns.Subsys) (*netns.Net, error)) (*Net, error) {
	ns, err := build(Subsystems()...)
	if err != nil {
		return nil, fmt.Errorf("linen: %w", err)
	}
	n := &Net{kernel: k, ns: ns, name: name, root: sock.Root(), on: int32Value(1)}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.nets = append(k.nets, n)
	return n, nil
}

// Close closes the Nets that are open, and the Kernel. It may be called again.
func (k *Kernel) Close() error {
	k.mu.Lock()
	nets := k.nets
	k.nets = nil
	k.mu.Unlock()
	for _, n := range nets {
		n.ns.Close()
	}
	k.k.Close()
	return nil
}

// forget takes n out of the Kernel's list.
func (k *Kernel) forget(n *Net) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, o := range k.nets {
		if o == n {
			k.nets = append(k.nets[:i:i], k.nets[i+1:]...)
			return
		}
	}
}
