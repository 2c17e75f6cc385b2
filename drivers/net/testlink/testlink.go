// Package testlink is Ethernet for tests and simulations: a [Port] is a device
// whose other side is Go code that sees and injects frames, a pair is two
// devices on a wire that package impair makes bad. Neither has offloads: every
// frame is complete bytes, with checksums, within the MTU.
//
// It has no counterpart in the kernel; drivers/net/netdevsim is the nearest.
package testlink

import (
	"sync/atomic"

	"linen/drivers/net/internal/delay"
	"linen/kern"
	"linen/lib/impair"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi/errno"
)

// end is the driver of one device.
type end struct {
	// out takes a sent frame, linear and whole.
	out  func(c *kern.CPU, b *skb.Buff)
	peer atomic.Pointer[dev.Device] // of a pair
	line atomic.Pointer[delay.Line] // of a pair
}

func newEnd(n *netns.Net, name string, e *end) *dev.Device {
	d := dev.New(n, name, e)
	ethernet.Setup(d)
	d.LLTX, d.NoQueue, d.NAPI = true, true, true
	ethernet.RandomAddr(d)
	return d
}

// A Port is a device whose wire ends in Go code.
type Port struct {
	// Dev is the device, registered and down.
	Dev *dev.Device
}

// NewPort makes a device of n. Each frame that it sends is given to out, on a
// CPU: out may not block, and frame is only valid until it returns; a nil out
// swallows frames. The caller holds no RTNL.
func NewPort(n *netns.Net, name string, out func(frame []byte)) (*Port, error) {
	e := new(end)
	e.out = func(c *kern.CPU, b *skb.Buff) {
		if out != nil {
			out(b.Data())
		}
		b.Consume(c)
	}
	d := newEnd(n, name, e)
	n.Lock()
	defer n.Unlock()
	return &Port{d}, dev.Register(d)
}

// Inject makes the device receive frames, in order, and returns when the stack
// has processed them. The caller is on no CPU.
func (p *Port) Inject(frames ...[]byte) {
	c := p.Dev.Kernel().Enter(kern.Any)
	for _, f := range frames {
		receive(c, p.Dev, skb.From(c, f))
	}
	c.Exit()
}

// receive takes a frame, whose data begins at its link header, into d.
func receive(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	n := b.Len()
	if ethernet.TypeTrans(c, b, d) && dev.Rx(c, d, b) {
		d.CountRx(c, n)
	}
}

// NewPair makes two devices on one wire, both down: name1 in n1 and name2 in
// n2. cfg says what the wire does in each direction; the second direction's
// randomness differs. The caller holds no RTNL.
func NewPair(n1 *netns.Net, name1 string, n2 *netns.Net, name2 string, cfg impair.Config) (d1, d2 *dev.Device, err error) {
	unlock := netns.LockAll(n1, n2)
	defer unlock()
	e1, e2 := new(end), new(end)
	d1, d2 = newEnd(n1, name1, e1), newEnd(n2, name2, e2)
	back := cfg
	back.Seed++
	e1.wire(d1, d2, cfg)
	e2.wire(d2, d1, back)
	if err := dev.Register(d1); err != nil {
		return nil, nil, err
	}
	if err := dev.Register(d2); err != nil {
		e1.peer.Store(nil)
		dev.Unregister(d1)
		return nil, nil, err
	}
	return d1, d2, nil
}

// wire leads from d to peer.
func (e *end) wire(d, peer *dev.Device, cfg impair.Config) {
	e.peer.Store(peer)
	line := delay.NewLine(d.Kernel(), cfg, func(c *kern.CPU, b *skb.Buff) {
		if o := e.peer.Load(); o != nil {
			b.Scrub(c, true)
			receive(c, o, b)
		} else {
			b.Drop(c, d.Net(), skb.ReasonDevReady)
		}
	})
	e.line.Store(line)
	e.out = func(c *kern.CPU, b *skb.Buff) {
		b.Orphan(c)
		b.Dst = nil
		line.Send(c, d.Net(), b, b.Len())
	}
}

// Impair makes the wire from d to its peer do what cfg says from the next
// frame on. EINVAL when d is not one of a pair.
func Impair(d *dev.Device, cfg impair.Config) error {
	if e, ok := d.Ops.(*end); ok {
		if line := e.line.Load(); line != nil {
			line.SetConfig(cfg)
			return nil
		}
	}
	return errno.EINVAL
}

// Stats returns what the wire from d to its peer did.
func Stats(d *dev.Device) impair.Stats {
	if e, ok := d.Ops.(*end); ok {
		if line := e.line.Load(); line != nil {
			return line.Stats()
		}
	}
	return impair.Stats{}
}

// Open does nothing: the wire is always there.
func (*end) Open(*dev.Device) error { return nil }

// Stop does nothing.
func (*end) Stop(*dev.Device) {}

// SetMAC agrees to a station's address.
func (*end) SetMAC(_ *dev.Device, addr []byte) error { return ethernet.ValidMAC(addr) }

// ChangeCarrier lets user space pull the plug.
func (*end) ChangeCarrier(d *dev.Device, on bool) error {
	if on {
		d.CarrierOn()
	} else {
		d.CarrierOff()
	}
	return nil
}

// Partners returns the other end of a pair, which goes with d.
func (e *end) Partners(*dev.Device) []*dev.Device {
	if peer := e.peer.Load(); peer != nil {
		return []*dev.Device{peer}
	}
	return nil
}

// Detach cuts the wire.
func (e *end) Detach(*dev.Device) {
	e.peer.Store(nil)
	if line := e.line.Load(); line != nil {
		line.Close()
	}
}

// Xmit counts b and puts it on the wire.
func (e *end) Xmit(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	b.Linearize()
	d.CountTx(c, b.Len())
	e.out(c, b)
}
