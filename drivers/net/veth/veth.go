// Package veth is the virtual Ethernet pair: what one end sends the other
// receives, usually in another namespace. Nothing is copied, no checksum
// computed and no super-packet cut on the way. [Impair] makes the wire bad.
//
// Linux files: drivers/net/veth.c. Man page: veth(4). Not done: XDP and the
// NAPI mode that it needs.
package veth

import (
	"sync"
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

// Limits of the MTU, bytes.
const (
	minMTU = 68    // ETH_MIN_MTU
	maxMTU = 65535 // ETH_MAX_MTU
)

// features are the offloads of an end, which ethtool may all change
// (VETH_FEATURES).
const features = dev.FeatSG | dev.FeatFragList | dev.FeatHWCsum | dev.FeatRxCsum | dev.FeatHighDMA |
	dev.FeatVLANTx | dev.FeatVLANRx | dev.FeatGSOSoftware

// end is the driver of one end.
type end struct {
	peer atomic.Pointer[dev.Device]
	line atomic.Pointer[delay.Line] // what the wire does to sent frames, or nil
	pair *pair
	up   bool // guarded by pair
}

// pair is what both ends share.
type pair struct{ sync.Mutex }

// setup fills an end that is not registered.
func setup(d *dev.Device) {
	ethernet.Setup(d)
	d.Ops = new(end)
	d.LLTX, d.NoQueue, d.NAPI = true, true, true
	d.MinMTU, d.MaxMTU = minMTU, maxMTU
	d.TSOMaxSize = dev.GSOMaxSize
	d.TxQueues, d.RxQueues = d.Kernel().NumCPU(), d.Kernel().NumCPU()
	d.SetInitialQueues(1, 1) // veth_init_queues
	d.HWFeatures = features
	d.SetInitialFeatures(features | dev.FeatGSO)
	ethernet.RandomAddr(d)
}

// NewPair makes a pair, both down: one end called name1 in n1, the other
// name2 in n2, which may be n1 too. The caller holds no RTNL.
func NewPair(n1 *netns.Net, name1 string, n2 *netns.Net, name2 string) (d1, d2 *dev.Device, err error) {
	unlock := netns.LockAll(n1, n2)
	defer unlock()
	d1, d2 = newEnd(n1, name1), newEnd(n2, name2)
	if err := dev.Register(d1); err != nil {
		return nil, nil, err
	}
	d1.CarrierOff()
	if err := dev.Register(d2); err != nil {
		dev.Unregister(d1)
		return nil, nil, err
	}
	d2.CarrierOff()
	join(d1, d2)
	return d1, d2, nil
}

func newEnd(n *netns.Net, name string) *dev.Device {
	d := dev.New(n, name, nil)
	d.Kind = "veth"
	setup(d)
	return d
}

// join makes two registered ends a pair.
func join(d1, d2 *dev.Device) {
	e1, e2 := d1.Ops.(*end), d2.Ops.(*end)
	e1.pair = new(pair)
	e2.pair = e1.pair
	e1.peer.Store(d2)
	e2.peer.Store(d1)
}

// Peer returns the other end of d, or nil when d is no veth or is going.
func Peer(d *dev.Device) *dev.Device {
	if e, ok := d.Ops.(*end); ok {
		return e.peer.Load()
	}
	return nil
}

// Impair makes the wire from d to its peer do what cfg says, from the next
// frame on; the zero Config makes it perfect again. EINVAL when d is no veth.
func Impair(d *dev.Device, cfg impair.Config) error {
	e, ok := d.Ops.(*end)
	if !ok {
		return errno.EINVAL
	}
	var line *delay.Line
	if cfg != (impair.Config{}) {
		line = delay.NewLine(d.Kernel(), cfg, func(c *kern.CPU, b *skb.Buff) { e.forward(c, d, b) })
	}
	if old := e.line.Swap(line); old != nil {
		old.Close()
	}
	return nil
}

// Open raises both carriers when the other end is up (veth_open).
func (e *end) Open(d *dev.Device) error {
	peer := e.peer.Load()
	if peer == nil {
		return errno.ENOTCONN
	}
	e.pair.Lock()
	defer e.pair.Unlock()
	e.up = true
	if peer.Ops.(*end).up {
		d.CarrierOn()
		peer.CarrierOn()
	}
	return nil
}

// Stop lowers both carriers (veth_close).
func (e *end) Stop(d *dev.Device) {
	if e.pair == nil {
		return
	}
	e.pair.Lock()
	defer e.pair.Unlock()
	e.up = false
	d.CarrierOff()
	if peer := e.peer.Load(); peer != nil {
		peer.CarrierOff()
	}
}

// Partners returns the other end, which goes with d.
func (e *end) Partners(*dev.Device) []*dev.Device {
	if peer := e.peer.Load(); peer != nil {
		return []*dev.Device{peer}
	}
	return nil
}

// Detach cuts the wire: d is being unregistered.
func (e *end) Detach(*dev.Device) {
	e.peer.Store(nil)
	if line := e.line.Swap(nil); line != nil {
		line.Close()
	}
}

// Iflink returns the other end's index and namespace.
func (e *end) Iflink(*dev.Device) (int, *netns.Net) {
	if peer := e.peer.Load(); peer != nil {
		return peer.Ifindex(), peer.Net()
	}
	return 0, nil
}

// SetMAC agrees to a station's address.
func (*end) SetMAC(_ *dev.Device, addr []byte) error { return ethernet.ValidMAC(addr) }

// Xmit gives b to the other end (veth_xmit). What a bad wire loses was sent.
func (e *end) Xmit(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	n := b.Len()
	if line := e.line.Load(); line != nil {
		d.CountTx(c, n)
		b.Orphan(c)
		b.Dst = nil
		line.Send(c, d.Net(), b, n)
		return
	}
	if e.forward(c, d, b) {
		d.CountTx(c, n)
	} else {
		d.Stats.At(c).TxDropped++
	}
}

// forward moves b, sent by d, to the backlog of the CPU as received by the
// other end (dev_forward_skb), and reports whether that has taken it.
func (e *end) forward(c *kern.CPU, d *dev.Device, b *skb.Buff) bool {
	peer, n := e.peer.Load(), b.Len()
	if peer == nil {
		b.Drop(c, d.Net(), skb.ReasonDevReady)
		return false
	}
	reason := skb.ReasonNotSpecified
	switch {
	case !peer.IsUp():
		reason = skb.ReasonDevReady
	case !b.IsGSO() && n > peer.MTU()+peer.HardHeaderLen+vlanLen:
		reason = skb.ReasonPKTTooBig
	}
	if reason != skb.ReasonNotSpecified {
		peer.Stats.At(c).RxDropped++
		b.Drop(c, d.Net(), reason)
		return false
	}
	b.Scrub(c, peer.Net() != d.Net())
	if !ethernet.TypeTrans(c, b, peer) || !dev.Rx(c, peer, b) {
		return false
	}
	peer.CountRx(c, n)
	return true
}

// vlanLen is the room for a tag that a frame may have beyond the MTU.
const vlanLen = 4
