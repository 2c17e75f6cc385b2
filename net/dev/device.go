package dev

import (
	"sync/atomic"

	"linen/kern"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
)

// A Device is one network device (struct net_device). Its exported fields are
// filled between New and Register and do not change afterwards; the rest is
// read by methods, from anywhere, and changed by functions that say what they
// need.
type Device struct {
	Ops           Ops        // the driver
	HeaderOps     *HeaderOps // builds link headers; nil when the link has none
	Kind          string     // link kind, IFLA_INFO_KIND; "" when it has none
	Type          uint16     // ARPHRD_*
	AddrLen       int        // bytes of a hardware address
	HardHeaderLen int        // bytes of a link header
	Headroom      int        // further bytes that the driver pushes (needed_headroom)
	MinMTU        int        // smallest MTU, bytes
	MaxMTU        int        // largest MTU, bytes; 0: no limit
	TxQueues      int        // transmit queues
	RxQueues      int        // receive queues
	HWFeatures    Features   // those that ethtool may change
	TSOMaxSize    uint32     // largest super-packet that the driver takes, bytes
	TSOMaxSegs    uint32     // most segments that the driver takes
	NetnsImmut    bool       // it may not leave its namespace (netns_immutable)
	LLTX          bool       // Ops.Xmit may run on several CPUs at once (lltx)
	NoQueue       bool       // no queueing discipline by default (IFF_NO_QUEUE)
	NAPI          bool       // its frames come by a NAPI of its own, so that FeatGRO means something
	Stats         kern.Local[Stats]

	k     *kern.Kernel
	net   atomic.Pointer[netns.Net]
	home  atomic.Pointer[state] // the namespace's, for the data path
	name  atomic.Pointer[string]
	alt   atomic.Pointer[[]string]
	index atomic.Int32

	flags      atomic.Uint32 // IFF_*, without the derived ones
	gflags     atomic.Uint32 // IFF_PROMISC and ALLMULTI as the user wished
	state      atomic.Uint32 // state* bits
	mtu        atomic.Int32
	txqlen     atomic.Int32
	realTx     atomic.Int32 // queues in use, 0: all
	realRx     atomic.Int32
	group      atomic.Int32
	operstate  atomic.Uint32
	linkmode   atomic.Uint32
	features   atomic.Uint64
	wanted     Features // of those that can be changed; the RTNL guards it
	promisc    atomic.Int32
	allmulti   atomic.Int32
	carrierUp  atomic.Uint32
	carrierDn  atomic.Uint32
	gsoMaxSize atomic.Uint32
	gsoMaxSegs atomic.Uint32
	gso4Max    atomic.Uint32
	groMaxSize atomic.Uint32
	gro4Max    atomic.Uint32
	protoDown  atomic.Uint64 // bit 32: down; low 32 bits: reasons
	addrAssign atomic.Uint32 // NET_ADDR_*
	nameAssign atomic.Uint32 // NET_NAME_*

	addr, bcast, perm atomic.Pointer[[]byte]
	alias             atomic.Pointer[string]
	qdisc             atomic.Pointer[queue]
	rxHandler         atomic.Pointer[RxHandler]
	ingress, egress   atomic.Pointer[Classifier]
	vlans             atomic.Pointer[VLANFinder]
	rps               atomic.Pointer[[]*steering] // by receive queue; nil: none steers
	taps, ptypes      ptypeList
	master            atomic.Pointer[Device]
	slots             []slotCell
	lists             addrLists
	links             links

	reg     atomic.Uint32 // reg* state
	watched atomic.Bool   // a link watch is queued
	agreed  []*subscriber // those who agreed to a registration that was refused
	leaving bool          // its namespace or its registration is being left: no AF attributes
	silent  bool          // no notification of its end
	want    int           // the ifindex that rtnetlink was asked for, 0: any
	fresh   bool          // rtnetlink is making it: it will tell of it
}

// States of a registration (reg_state).
const (
	regNone = iota
	regRegistered
	regUnregistering
	regUnregistered
)

// Bits of Device.state (__LINK_STATE_*), and one of our own.
const (
	stateNoCarrier uint32 = 1 << iota
	stateDormant
	stateTesting
	stateRunning   // Ops.Open has succeeded (__LINK_STATE_START)
	stateActivated // has a queueing discipline: was up since its registration
)

// How a hardware address came about, addr_assign_type in sysfs.
const (
	AddrPerm   = 0 // it is the device's own
	AddrRandom = 1 // made up at creation
	AddrStolen = 2 // taken from another device
	AddrSet    = 3 // set by user space
)

// How a name came about, name_assign_type in sysfs.
const (
	nameEnum        = 1 // the kernel counted (a name with %d)
	namePredictable = 2 // always the same: lo
	nameUser        = 3 // user space gave it
	nameRenamed     = 4 // user space changed it
)

// New returns a device of n that is not registered. name may hold one %d, for
// which Register finds the lowest free number.
func New(n *netns.Net, name string, ops Ops) *Device {
	d := &Device{Ops: ops, TxQueues: 1, RxQueues: 1, k: n.Kernel()}
	d.Stats = kern.NewLocal[Stats](d.k)
	d.slots = make([]slotCell, slotCount.Load())
	d.net.Store(n)
	d.home.Store(stateOf(n))
	d.name.Store(&name)
	d.TSOMaxSize, d.TSOMaxSegs = gsoLegacyMaxSize, gsoMaxSegs
	d.gsoMaxSize.Store(gsoLegacyMaxSize)
	d.gso4Max.Store(gsoLegacyMaxSize)
	d.gsoMaxSegs.Store(gsoMaxSegs)
	d.groMaxSize.Store(gsoLegacyMaxSize)
	d.gro4Max.Store(gsoLegacyMaxSize)
	return d
}

// Limits of super-packets.
const (
	GSOMaxSize       = 8 * 65535 // the most that a software device takes, bytes (GSO_MAX_SIZE)
	gsoLegacyMaxSize = 65536     // GSO_LEGACY_MAX_SIZE, GRO_LEGACY_MAX_SIZE
	gsoMaxSegs       = 65535     // GSO_MAX_SEGS
)

// Of returns the device of b, or nil.
func Of(b *skb.Buff) *Device {
	d, _ := b.Dev.(*Device)
	return d
}

// Name returns the device's name.
func (d *Device) Name() string { return *d.name.Load() }

// String returns the device's name.
func (d *Device) String() string { return d.Name() }

// Ifindex returns the device's number in its namespace.
func (d *Device) Ifindex() int { return int(d.index.Load()) }

// HardwareType returns Type, for readers below this package (ARPHRD_*).
func (d *Device) HardwareType() uint16 { return d.Type }

// Net returns the namespace that d is in.
func (d *Device) Net() *netns.Net { return d.net.Load() }

// Kernel returns the Kernel that d lives on.
func (d *Device) Kernel() *kern.Kernel { return d.k }

// MTU returns the largest packet without link header, in bytes.
func (d *Device) MTU() int { return int(d.mtu.Load()) }

// TxQueueLen returns the length of the queueing discipline's queue, packets.
func (d *Device) TxQueueLen() int { return int(d.txqlen.Load()) }

// Group returns the group that `ip link set group` put d into.
func (d *Device) Group() int { return int(d.group.Load()) }

// Alias returns the text of IFLA_IFALIAS.
func (d *Device) Alias() string {
	if p := d.alias.Load(); p != nil {
		return *p
	}
	return ""
}

// AltNames returns the alternative names; the caller does not change them.
func (d *Device) AltNames() []string {
	if p := d.alt.Load(); p != nil {
		return *p
	}
	return nil
}

// Addr returns the hardware address, which nobody writes.
func (d *Device) Addr() []byte { return loadBytes(&d.addr) }

// Broadcast returns the link's broadcast address, which nobody writes.
func (d *Device) Broadcast() []byte { return loadBytes(&d.bcast) }

// PermAddr returns the address that the device was born with, or nil.
func (d *Device) PermAddr() []byte { return loadBytes(&d.perm) }

func loadBytes(p *atomic.Pointer[[]byte]) []byte {
	if b := p.Load(); b != nil {
		return *b
	}
	return nil
}

func storeBytes(p *atomic.Pointer[[]byte], b []byte) {
	b = append([]byte(nil), b...)
	p.Store(&b)
}

// Features returns the offloads that are switched on.
func (d *Device) Features() Features { return Features(d.features.Load()) }

// Promiscuity returns how many want all frames (IFLA_PROMISCUITY).
func (d *Device) Promiscuity() int { return int(d.promisc.Load()) }

// AllMulti returns how many want all multicast frames (IFLA_ALLMULTI).
func (d *Device) AllMulti() int { return int(d.allmulti.Load()) }

// Master returns the device that d is a port of, or nil.
func (d *Device) Master() *Device { return d.master.Load() }

// Registered reports whether d is in its namespace's table and not on its way
// out.
func (d *Device) Registered() bool { return d.reg.Load() == regRegistered }

// IsLoopback reports whether d is a loopback device.
func (d *Device) IsLoopback() bool { return d.flags.Load()&uapi.IFF_LOOPBACK != 0 }

// IsUp reports whether d was brought up (IFF_UP).
func (d *Device) IsUp() bool { return d.flags.Load()&uapi.IFF_UP != 0 }

// Running reports whether the driver runs d (netif_running).
func (d *Device) Running() bool { return d.state.Load()&stateRunning != 0 }

// Carrier reports whether the link is there (netif_carrier_ok).
func (d *Device) Carrier() bool { return d.state.Load()&stateNoCarrier == 0 }

// OperState returns the operational state, IF_OPER_* (RFC 2863).
func (d *Device) OperState() int { return int(d.operstate.Load()) }

// LinkMode returns IF_LINK_MODE_*.
func (d *Device) LinkMode() int { return int(d.linkmode.Load()) }

// GSOMaxSize returns the largest super-packet for IPv6 and others, bytes.
func (d *Device) GSOMaxSize() int { return int(d.gsoMaxSize.Load()) }

// GSOMaxSegs returns the most segments of a super-packet.
func (d *Device) GSOMaxSegs() int { return int(d.gsoMaxSegs.Load()) }

// GSOIPv4MaxSize returns the largest super-packet for IPv4, bytes.
func (d *Device) GSOIPv4MaxSize() int { return int(d.gso4Max.Load()) }

// LinkHeadroom returns the bytes that a packet needs in front of its network
// header (LL_RESERVED_SPACE).
func (d *Device) LinkHeadroom() int { return (d.HardHeaderLen+d.Headroom)&^15 + 16 }
