// Package port is what the devices share whose other side is a file of the
// host: a reader that takes what the host sends into the stack, in batches, and
// a writer with a bounded queue. Package tap and package stream are such
// devices; a [Wire] of one's own makes another.
//
// Nothing that runs on a virtual CPU touches the host: a frame that the stack
// sends is copied to the queue and written by a goroutine of the port's, and
// one that does not fit is dropped (skb.ReasonFullRing), as by tun_net_xmit.
// A wire that ends takes the carrier with it. The goroutines end before the
// device's unregistration returns.
//
// Linux files: drivers/net/tun.c is the nearest. Not done: offloads (every
// frame is whole, with its checksums), several queues.
package port

import (
	"errors"
	"io"
	"sync"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi/errno"
)

// A Wire is the host's side of a port. Receive and Send are called from one
// goroutine each. Close ends both; it is called once.
type Wire interface {
	// Receive waits for a frame and adds to b what is there without waiting
	// again. After an error, io.EOF at the wire's end, it is not called again.
	Receive(b *Batch) error
	// Send writes the frames of b. A frame that the host refuses is counted by
	// Refuse; an error says that the wire has ended.
	Send(b *Batch) error
	Close() error
}

// Limits of a port.
const (
	// MaxFrame is the longest frame, in bytes: a TAP's MTU may be 65521.
	MaxFrame = 65535
	// maxBatch bounds the frames that enter the stack at one go.
	maxBatch = 64
	// maxQueue bounds the frames that wait to be written (tx_queue_len).
	maxQueue = 1000
	// maxQueueBytes bounds their bytes.
	maxQueueBytes = 1 << 20
)

// Port is one device of this kind.
type Port struct {
	// Dev is the device: registered, down, with carrier.
	Dev  *dev.Device
	wire Wire
	done sync.WaitGroup

	mu      sync.Mutex // guards what follows
	pending *Batch     // sent by the stack, not yet taken by the writer
	closed  bool
	wake    *kern.Waiter
	err     error // why the wire ended
}

// New makes an Ethernet device of n called name, or the first free name of a
// pattern such as "eth%d", with a random address, and begins to read w, which
// is the port's from then on, also after an error. The caller holds no RTNL.
func New(n *netns.Net, name string, w Wire) (*Port, error) {
	p := &Port{wire: w, pending: NewBatch(), wake: n.Kernel().Waiter()}
	d := dev.New(n, name, (*driver)(p))
	ethernet.Setup(d)
	d.MaxMTU = MaxFrame - d.HardHeaderLen
	d.LLTX, d.NoQueue, d.NAPI = true, true, true
	d.SetInitialFeatures(dev.FeatGRO)
	ethernet.RandomAddr(d)
	p.Dev = d
	n.Lock()
	err := dev.Register(d)
	n.Unlock()
	if err != nil {
		p.wake.Free()
		return nil, errors.Join(err, w.Close())
	}
	p.done.Go(p.read)
	p.done.Go(p.write)
	return p, nil
}

// Close unregisters the device and ends the wire. It may be called again, and
// after the namespace has closed. The caller holds no RTNL.
func (p *Port) Close() {
	unlock := dev.LockWith(p.Dev)
	defer unlock()
	if p.Dev.Registered() {
		dev.Unregister(p.Dev)
	}
}

// Err returns why the wire ended: nil while it works and when Close ended it,
// io.EOF when the other side hung up.
func (p *Port) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// fail notes the end of the wire.
func (p *Port) fail(err error) {
	p.mu.Lock()
	first := !p.closed && p.err == nil
	if first {
		p.err = err
	}
	p.mu.Unlock()
	if first {
		p.Dev.CarrierOff()
		p.wake.Wake()
	}
}

// read takes batches from the wire into the stack.
func (p *Port) read() {
	k := p.Dev.Kernel()
	b := NewBatch()
	for {
		b.reset()
		err := p.wire.Receive(b)
		if b.Len() > 0 {
			c := k.Enter(kern.Any)
			for frame := range b.All() {
				p.receive(c, frame)
			}
			c.Exit()
		}
		if err != nil {
			p.fail(err)
			return
		}
	}
}

// receive takes one frame into the device.
func (p *Port) receive(c *kern.CPU, frame []byte) {
	d := p.Dev
	if !d.IsUp() || !d.Carrier() {
		d.Stats.At(c).RxDropped++
		return
	}
	if b := skb.From(c, frame); ethernet.TypeTrans(c, b, d) && dev.Rx(c, d, b) {
		d.CountRx(c, len(frame))
	}
}

// write gives the wire what the stack sends.
func (p *Port) write() {
	b := NewBatch()
	for p.take(&b) {
		err := p.wire.Send(b)
		if b.refused > 0 {
			c := p.Dev.Kernel().Enter(kern.Any)
			p.Dev.Stats.At(c).TxErrors += uint64(b.refused)
			c.Exit()
		}
		if err != nil {
			p.fail(err)
			return
		}
	}
}

// take waits for frames and swaps them for the empty *b; false is the end.
func (p *Port) take(b **Batch) bool {
	(*b).reset()
	for {
		p.mu.Lock()
		if p.closed || p.err != nil {
			p.mu.Unlock()
			return false
		}
		if p.pending.Len() > 0 {
			p.pending, *b = *b, p.pending
			p.mu.Unlock()
			return true
		}
		p.mu.Unlock()
		p.wake.Wait()
	}
}

// queue copies b's bytes for the writer and reports whether they fit, and
// whether the writer has to be woken.
func (p *Port) queue(b *skb.Buff) (fits, wake bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.pending
	if p.closed || p.err != nil || q.Len() >= maxQueue || len(q.buf)+b.Len() > maxQueueBytes {
		return false, false
	}
	wake = q.Len() == 0
	b.CopyOut(0, q.grow(b.Len()))
	return true, wake
}

// driver is the Port as its device sees it.
type driver Port

// Open does nothing: the wire is always there.
func (*driver) Open(*dev.Device) error { return nil }

// Stop does nothing.
func (*driver) Stop(*dev.Device) {}

// SetMAC agrees to a station's address.
func (*driver) SetMAC(_ *dev.Device, addr []byte) error { return ethernet.ValidMAC(addr) }

// ChangeCarrier lets user space pull the plug, and put it back while the wire
// works.
func (p *driver) ChangeCarrier(d *dev.Device, on bool) error {
	if !on {
		d.CarrierOff()
		return nil
	}
	if (*Port)(p).Err() != nil {
		return errno.ENOLINK
	}
	d.CarrierOn()
	return nil
}

// Partners returns none: the other side is no device of ours.
func (*driver) Partners(*dev.Device) []*dev.Device { return nil }

// Detach ends the wire and waits for the goroutines; they need no RTNL.
func (p *driver) Detach(*dev.Device) {
	p.mu.Lock()
	ended := p.closed
	p.closed = true
	p.mu.Unlock()
	if ended {
		return
	}
	err := p.wire.Close()
	p.wake.Wake()
	p.done.Wait()
	p.wake.Free()
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		p.mu.Lock()
		p.err = errors.Join(p.err, err)
		p.mu.Unlock()
	}
}

// Xmit queues b for the writer.
func (p *driver) Xmit(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	n := b.Len()
	fits, wake := (*Port)(p).queue(b)
	switch {
	case n > MaxFrame || !fits:
		d.Stats.At(c).TxDropped++
		b.Drop(c, d.Net(), skb.ReasonFullRing)
		return
	case wake:
		c.Wake(p.wake)
	}
	d.CountTx(c, n)
	b.Consume(c)
}
