// Package tun is the TUN/TAP device: what the stack sends by it a program reads
// from a file, and what the program writes the device receives. A TUN device
// carries packets, a TAP device Ethernet frames. [Open] is the open of
// /dev/net/tun, [File.Ioctl] its ioctls; [New] does both for Go programs.
//
// Linux files: drivers/net/tun.c, include/uapi/linux/if_tun.h,
// Documentation/networking/tuntap.rst. Spec 1.15, 1.64. Not done: TUNSETLINK,
// eBPF (TUNSETSTEERINGEBPF, TUNSETFILTEREBPF), TUNGETDEVNETNS, UFO, the limit of
// TUNSETSNDBUF (it is kept and told), tags beside the frame (every VLAN tag is in
// it); IFF_NAPI and IFF_NAPI_FRAGS change nothing: every frame comes by the
// backlog.
package tun

import (
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/filter"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// Limits and defaults of a device.
const (
	minMTU    = 68
	maxMTU    = 65535
	tunQueue  = 500 // TUN_READQ_SIZE, packets
	maxQueues = 256 // MAX_TAP_QUEUES
	noID      = -1  // no owner, no group
)

// flagsKept are those of TUNSETIFF that a device remembers (TUN_FEATURES).
const flagsKept = uapi.IFF_NO_PI | uapi.IFF_ONE_QUEUE | uapi.IFF_VNET_HDR | uapi.IFF_MULTI_QUEUE |
	uapi.IFF_NAPI | uapi.IFF_NAPI_FRAGS

// typeMask are the kinds of device.
const typeMask = uapi.IFF_TUN | uapi.IFF_TAP

// userFeatures are the offloads that TUNSETOFFLOAD switches.
const userFeatures = dev.FeatHWCsum | dev.FeatTSO | dev.FeatTSO6 | dev.FeatTSOECN | dev.FeatUDPSegment

// link is the driver of one device (struct tun_struct).
type link struct {
	d       *dev.Device
	flags   atomic.Uint32 // IFF_TUN or IFF_TAP, flagsKept, IFF_PERSIST
	owner   atomic.Int64  // user that may attach, or noID
	group   atomic.Int64  // and group
	hdrSize atomic.Int32  // bytes of the virtio header (TUNSETVNETHDRSZ)
	sndbuf  atomic.Int32  // TUNSETSNDBUF, bytes
	little  atomic.Bool   // TUNSETVNETLE
	offload dev.Features  // what TUNSETOFFLOAD allowed; the RTNL guards it
	filter  atomic.Pointer[filter.Prog]
	accept  atomic.Pointer[txFilter] // TUNSETTXFILTER; nil: all

	mu     sync.Mutex
	all    []*File                 // attached
	queues atomic.Pointer[[]*File] // those of them that take frames
}

// newLink makes a device of n that is not registered, as flags say.
func newLink(n *netns.Net, name string, flags uint32) *link {
	l := new(link)
	d := dev.New(n, name, l)
	d.Kind, l.d = "tun", d
	d.LLTX = true
	if flags&uapi.IFF_TAP != 0 {
		ethernet.Setup(d)
		ethernet.RandomAddr(d)
		d.MaxMTU = maxMTU - d.HardHeaderLen
	} else {
		d.Type = uapi.ARPHRD_NONE
		d.SetInitialFlags(uapi.IFF_POINTOPOINT | uapi.IFF_NOARP | uapi.IFF_MULTICAST)
		d.SetInitialTxQueueLen(tunQueue)
		d.MaxMTU = maxMTU
	}
	d.MinMTU = minMTU
	d.SetInitialMTU(1500)
	if flags&uapi.IFF_MULTI_QUEUE != 0 {
		d.TxQueues, d.RxQueues = maxQueues, maxQueues
	}
	d.HWFeatures = dev.FeatSG | dev.FeatFragList | dev.FeatTSOMangleID | userFeatures
	d.SetInitialFeatures(dev.FeatSG | dev.FeatFragList | dev.FeatGSO | dev.FeatGRO)
	l.flags.Store(flags & (typeMask | flagsKept))
	l.owner.Store(noID)
	l.group.Store(noID)
	l.hdrSize.Store(10)
	l.sndbuf.Store(1<<31 - 1)
	l.queues.Store(new([]*File))
	return l
}

// of returns the driver of d, or nil when d is no such device.
func of(d *dev.Device) *link {
	if d == nil {
		return nil
	}
	l, _ := d.Ops.(*link)
	return l
}

func (l *link) tap() bool { return l.flags.Load()&uapi.IFF_TAP != 0 }

// Open tells writers that they may write.
func (l *link) Open(*dev.Device) error {
	for _, f := range *l.queues.Load() {
		f.Notify(nil, uapi.POLLOUT|uapi.POLLWRNORM)
	}
	return nil
}

// Stop does nothing.
func (*link) Stop(*dev.Device) {}

// SetMAC agrees to a station's address; a TUN device has none.
func (l *link) SetMAC(_ *dev.Device, addr []byte) error {
	if !l.tap() {
		return errno.EOPNOTSUPP
	}
	return ethernet.ValidMAC(addr)
}

// ValidateMAC refuses to bring up a TAP device without a station's address.
func (l *link) ValidateMAC(_ *dev.Device, addr []byte) error {
	if !l.tap() {
		return nil
	}
	return ethernet.ValidMAC(addr)
}

// ChangeCarrier lets user space pull the plug (tun_net_change_carrier).
func (l *link) ChangeCarrier(d *dev.Device, on bool) error {
	if !on {
		d.CarrierOff()
		return nil
	}
	if len(*l.queues.Load()) == 0 {
		return errno.EPERM
	}
	d.CarrierOn()
	return nil
}

// FixFeatures keeps off what the program cannot take (tun_net_fix_features).
func (l *link) FixFeatures(_ *dev.Device, f dev.Features) dev.Features {
	return f &^ (userFeatures &^ l.offload)
}

// Partners returns none: the other side is a file.
func (*link) Partners(*dev.Device) []*dev.Device { return nil }

// Detach leaves the files without a device: reads and writes are EBADFD until
// another TUNSETIFF.
func (l *link) Detach(*dev.Device) {
	l.mu.Lock()
	all := l.all
	l.all = nil
	l.queues.Store(new([]*File))
	l.mu.Unlock()
	for _, f := range all {
		f.link.Store(nil)
		f.off.Store(false)
		f.empty()
		f.Notify(nil, uapi.POLLERR)
	}
}

// Xmit queues b for a reader (tun_net_xmit). What nobody has attached to, does
// not pass the filters or does not fit is dropped.
func (l *link) Xmit(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	queues := *l.queues.Load()
	reason := skb.ReasonNotSpecified
	switch {
	case len(queues) == 0:
		reason = skb.ReasonDevReady
	case !l.accept.Load().takes(b):
		reason = skb.ReasonTapTxfilter
	case !l.passes(c, b):
		reason = skb.ReasonTapFilter
	}
	if reason == skb.ReasonNotSpecified {
		f := queues[0]
		if len(queues) > 1 {
			f = queues[uint64(dev.FlowHash(b))*uint64(len(queues))>>32]
		}
		if n, _ := f.Queued(); n < d.TxQueueLen() {
			b.Orphan(c)
			f.Enqueue(c, b)
			return
		}
		reason = skb.ReasonFullRing
	}
	d.Stats.At(c).TxDropped++
	b.Drop(c, d.Net(), reason)
}

// passes runs TUNATTACHFILTER's program, which may cut b short.
func (l *link) passes(c *kern.CPU, b *skb.Buff) bool {
	p := l.filter.Load()
	if p == nil {
		return true
	}
	n := p.Run(c, b)
	if n != 0 && int64(n) < int64(b.Len()) {
		b.Trim(c, int(n))
	}
	return n != 0
}

// add attaches f; the caller holds the RTNL (tun_attach).
func (l *link) add(f *File) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	multi := l.flags.Load()&uapi.IFF_MULTI_QUEUE != 0
	if !multi && len(*l.queues.Load()) > 0 {
		return errno.EBUSY
	}
	if len(l.all) >= maxQueues {
		return errno.E2BIG
	}
	l.all = append(l.all, f)
	f.off.Store(false)
	f.link.Store(l)
	l.renew()
	return nil
}

// remove takes f off and reports whether it was the last.
func (l *link) remove(f *File) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, o := range l.all {
		if o == f {
			l.all = append(l.all[:i:i], l.all[i+1:]...)
			break
		}
	}
	f.link.Store(nil)
	l.renew()
	return len(l.all) == 0
}

// enable switches f's part in the device on or off (TUNSETQUEUE).
func (l *link) enable(f *File, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.off.Store(!on)
	l.renew()
}

// renew makes queues from all; l.mu is held.
func (l *link) renew() {
	list := make([]*File, 0, len(l.all))
	for _, f := range l.all {
		if !f.off.Load() {
			list = append(list, f)
		}
	}
	l.queues.Store(&list)
}
