// Package skb is the packet buffer, its drop reasons and its trace points.
//
// A [Buff] is a private head (headroom and headers; a whole MTU-sized packet
// fits in it; recycled per CPU), up to 17 slices of shared, immutable blocks,
// and a list of further Buffs:
//
//	      head                                  fragments        list
//	+----------+--------------------+------+   +----+ +----+   +------+ +------+
//	| headroom | linear data        | room |   | #0 | | #1 |   | Buff | | Buff |
//	+----------+--------------------+------+   +----+ +----+   +------+ +------+
//	0        data                 tail   end
//	           |<---- HeadLen() --->|            |<------ DataLen ------->|
//	           |<------------------------- Len() ------------------------>|
//
// Header writes touch the head only; who writes payload calls Unshare first. A
// clone copies the head and shares the blocks. Passing a *Buff gives it away;
// who was given one ends it with Consume or Drop. Forgetting to costs a
// collection, not a leak; ending one twice is a bug that the skbdebug build
// finds.
//
// Linux files: include/linux/skbuff.h, net/core/skbuff.c,
// include/net/dropreason-core.h. Not done: zero-copy user pages.
package skb

import (
	"linen/kern"
	"linen/lib/ktime"
	"linen/net/netns"
)

// Sizes of a Buff's head, in bytes.
const (
	Headroom = 192  // in front of the data of a new Buff: Ethernet, VLAN, tunnels
	Inline   = 2048 // linear room behind it; longer packets use fragments
	MaxFrags = 17   // net.core.max_skb_frags
)

// A Device is what a Buff knows of a network device; dev.Of gives the real one.
type Device interface {
	Ifindex() int    // its number in its namespace
	Name() string    // its name
	Net() *netns.Net // its namespace
}

// A Dst is the route attached to a Buff; ipv4.RouteOf gives the real one.
type Dst interface {
	Input(c *kern.CPU, b *Buff)  // deliver or forward a received packet
	Output(c *kern.CPU, b *Buff) // send a packet
}

// An Owner is charged for a Buff's TrueSize while the Buff holds a place in
// its queues (skb->destructor).
type Owner interface {
	Uncharge(c *kern.CPU, b *Buff)
}

// A Charger is an Owner that can be charged for packets made of one of its own.
type Charger interface {
	Owner
	Charge(n int) // n bytes of truesize, which may be negative
}

// Packet types (skb->pkt_type), as sll_pkttype shows them.
const (
	PacketHost      = 0 // to us
	PacketBroadcast = 1 // to all
	PacketMulticast = 2 // to a group
	PacketOtherHost = 3 // to somebody else
	PacketOutgoing  = 4 // ours, going out
	PacketLoopback  = 5 // ours, looped back
)

// States of the transport checksum (skb->ip_summed).
const (
	CsumNone        = 0 // verify in software
	CsumUnnecessary = 1 // known to be right
	CsumComplete    = 2 // Csum holds the sum of the data from the network header on
	CsumPartial     = 3 // still to be filled, over CsumStart..end at CsumOffset
)

// GSO types (skb_shared_info->gso_type).
const (
	GSOTCPv4  = 1 << 0
	GSODodgy  = 1 << 1 // came from outside; header not verified
	GSOTCPECN = 1 << 2
	// GSOTCPFixedID says that every segment has the same IPv4 identification.
	GSOTCPFixedID = 1 << 3
	GSOTCPv6      = 1 << 4
	GSOUDPL4      = 1 << 17
)

// A Frag is a slice of a Block.
type Frag struct {
	Block *Block
	Off   uint32
	Len   uint32
}

// Bytes returns the fragment's bytes, which nobody may write while the Block
// is shared.
func (f *Frag) Bytes() []byte { return f.Block.data[f.Off : f.Off+f.Len] }

// Transmit timestamps (skb_shared_info->tx_flags).
const (
	TSTxSoftware = 1 << 0 // when the driver gets it
	TSTxSched    = 1 << 1 // when it comes to the queueing discipline
)

// A TxStamper is a sending socket that wants to hear when packets leave: b is
// as the device sees it, bit the TSTx* that happened. b stays the caller's.
type TxStamper interface {
	TxTimestamp(c *kern.CPU, b *Buff, bit uint8)
}

// TxStamp tells b's socket of bit, if it asked (__skb_tstamp_tx).
func (b *Buff) TxStamp(c *kern.CPU, bit uint8) {
	if b.TSTxFlags&bit != 0 {
		b.txStamp(c, bit)
	}
}

func (b *Buff) txStamp(c *kern.CPU, bit uint8) {
	b.TSTxFlags &^= bit
	if s, ok := b.Sock.(TxStamper); ok {
		s.TxTimestamp(c, b, bit)
	}
}

// IPControl is what IPv4 notes in a packet between its layers
// (struct inet_skb_parm).
type IPControl struct {
	Flags       uint16 // ipv4.IPSKB_*
	FragMaxSize uint16 // largest fragment a reassembled packet came in
	OptLen      uint8  // bytes of options
	SRR         uint8  // offsets of options from the IP header, or 0
	RR          uint8
	TS          uint8
	RouterAlert uint8
	SRRIsHit    bool // the source route's next hop was this host
	RRNeedAddr  bool
	TSNeedAddr  bool
	TSNeedTime  bool
	IsChanged   bool // options were rewritten: the checksum must follow
	IsStrict    bool
	NextHop     [4]byte // of a source route
	Sdif        int32   // index of the port that it came in by, when Iif is the VRF's; else 0
}

// meta is the part of a Buff that is cleared when it is recycled.
type meta struct {
	data, tail int32 // offsets of the linear data in head
	dataLen    int32 // bytes outside the linear part
	nfrags     uint8
	ended      bool // skbdebug: Consume or Drop was called

	PktType   uint8
	CsumState uint8
	Protocol  uint16 // EtherType, host order
	mac       int32  // header offsets in head; -1: not set
	network   int32
	transport int32
	inner     int32 // inner network header of a tunnel

	Dev       Device    // receiving or sending device
	Dst       Dst       // route, or nil
	owner     Owner     // charged for TrueSize
	Sock      any       // sending or receiving socket (skb->sk)
	Ct        any       // tracked connection (conntrack.Of)
	Sec       any       // IPsec path
	list      []*Buff   // the fragment list
	Tstamp    ktime.T   // arrival (or departure) time, or 0
	TrueSize  int32     // bytes charged to a socket
	Iif       int32     // index of the device it came in by (skb_iif)
	Mark      uint32    // fwmark
	Priority  uint32    // SO_PRIORITY
	Hash      uint32    // flow hash, 0: not computed
	Csum      uint32    // CsumComplete: the sum
	CsumStart int32     // CsumPartial: where the sum begins, offset in head
	CsumOff   uint16    // CsumPartial: where it goes, from CsumStart
	GSOSize   uint16    // payload bytes of a segment, 0: none
	GSOSegs   uint16    // segments
	VLANProto uint16    // 0: no tag
	VLANTCI   uint16    // tag
	Queue     uint16    // queue mapping
	GSOType   uint32    // GSO*
	TSKey     uint32    // the number that a transmit timestamp's report names
	IP        IPControl // IPv4's notes
	CB        [6]uint64 // the current layer's notes

	HashL4     bool  // Hash covers ports
	IgnoreDF   bool  // may be fragmented although DF is set
	NFTrace    bool  // nft trace
	OOOOkay    bool  // may change the queue
	Redirected bool  // by tc or a tunnel; not to be looped
	Offloaded  bool  // the bridge's hardware forwarded it
	TSTxFlags  uint8 // transmit timestamps that the sender asked for: TSTx*
}

// A Buff is one packet. The zero value is not usable; see Alloc.
type Buff struct {
	meta
	head   []byte
	frags  [MaxFrags]Frag
	inline [Headroom + Inline]byte
	_      [48]byte // up to a multiple of a cache line, which is worth 5 % of forwarding
}

// Len returns the packet's length: linear data, fragments and list.
func (b *Buff) Len() int { return int(b.tail-b.data) + int(b.dataLen) }

// HeadLen returns the length of the linear data.
func (b *Buff) HeadLen() int { return int(b.tail - b.data) }

// DataLen returns the length of what is not linear.
func (b *Buff) DataLen() int { return int(b.dataLen) }

// Data returns the linear data.
func (b *Buff) Data() []byte { return b.head[b.data:b.tail:b.tail] }

// Room returns the bytes free in front of the data.
func (b *Buff) Room() int { return int(b.data) }

// TailRoom returns the linear bytes free behind the data.
func (b *Buff) TailRoom() int { return len(b.head) - int(b.tail) }

// Reserve moves the empty data n bytes on, to make headroom.
func (b *Buff) Reserve(n int) {
	if b.tail != b.data || n > b.TailRoom() {
		panic("skb: Reserve on data or past the end")
	}
	b.data += int32(n)
	b.tail = b.data
}

// Put appends n bytes, not cleared, to the linear data and returns them.
func (b *Buff) Put(n int) []byte {
	if b.dataLen != 0 || n < 0 || n > b.TailRoom() {
		panic("skb: Put past the end or behind fragments")
	}
	old := b.tail
	b.tail += int32(n)
	return b.head[old:b.tail:b.tail]
}

// Append adds a copy of p to the linear data.
func (b *Buff) Append(p []byte) { copy(b.Put(len(p)), p) }

// Push prepends n bytes, not cleared, and returns them.
func (b *Buff) Push(n int) []byte {
	if n < 0 || n > int(b.data) {
		panic("skb: Push past the head")
	}
	b.data -= int32(n)
	return b.head[b.data : b.data+int32(n) : b.data+int32(n)]
}

// Pull removes n bytes from the front of the linear data. More than is linear
// is a bug of the caller, who asks MayPull first.
func (b *Buff) Pull(n int) {
	if n < 0 || n > int(b.tail-b.data) {
		panic("skb: Pull of more than is linear")
	}
	b.data += int32(n)
}

// MayPull makes the first n bytes linear and reports whether the packet has
// that many (pskb_may_pull).
func (b *Buff) MayPull(n int) bool { return n <= int(b.tail-b.data) || b.mayGather(n) }

func (b *Buff) mayGather(n int) bool {
	if n > b.Len() {
		return false
	}
	b.gather(n)
	return true
}

// Set*Header remember where a header begins: off bytes from the data.

// SetMacHeader notes the link header at off bytes from the data.
func (b *Buff) SetMacHeader(off int) { b.mac = b.data + int32(off) }

// SetNetworkHeader notes the network header at off bytes from the data.
func (b *Buff) SetNetworkHeader(off int) { b.network = b.data + int32(off) }

// SetTransportHeader notes the transport header at off bytes from the data.
func (b *Buff) SetTransportHeader(off int) { b.transport = b.data + int32(off) }

// SetInnerNetworkHeader notes the inner network header at off bytes from the
// data.
func (b *Buff) SetInnerNetworkHeader(off int) { b.inner = b.data + int32(off) }

// MacOff returns the link header's offset from the data (negative once it is
// pulled), and whether it is known.
func (b *Buff) MacOff() (off int, ok bool) { return int(b.mac - b.data), b.mac >= 0 }

// NetworkOff returns the network header's offset from the data.
func (b *Buff) NetworkOff() int { return int(b.network - b.data) }

// TransportOff returns the transport header's offset from the data.
func (b *Buff) TransportOff() int { return int(b.transport - b.data) }

// HasTransport reports whether the transport header's place is known.
func (b *Buff) HasTransport() bool { return b.transport >= 0 }

// Mac returns the linear bytes from the link header on, or nil when there is
// none.
func (b *Buff) Mac() []byte {
	if b.mac < 0 || b.mac > b.tail {
		return nil
	}
	return b.head[b.mac:b.tail:b.tail]
}

// Network returns the linear bytes from the network header on, or nil.
func (b *Buff) Network() []byte {
	if b.network < 0 || b.network > b.tail {
		return nil
	}
	return b.head[b.network:b.tail:b.tail]
}

// Transport returns the linear bytes from the transport header on, or nil.
func (b *Buff) Transport() []byte {
	if b.transport < 0 || b.transport > b.tail {
		return nil
	}
	return b.head[b.transport:b.tail:b.tail]
}

// PushToMac moves the data back to the link header, for taps and for drivers
// that forward a received frame; it reports whether there is one.
func (b *Buff) PushToMac() bool {
	if b.mac < 0 || b.mac > b.data {
		return false
	}
	b.data = b.mac
	return true
}

// SetOwner charges o, which has counted b.TrueSize, until b ends or is
// orphaned.
func (b *Buff) SetOwner(o Owner) { b.owner = o }

// Owner returns who is charged for b, or nil.
func (b *Buff) Owner() Owner { return b.owner }

// Orphan uncharges the owner now (skb_orphan).
func (b *Buff) Orphan(c *kern.CPU) {
	if b.owner != nil || b.Sock != nil {
		b.orphan(c)
	}
}

func (b *Buff) orphan(c *kern.CPU) {
	if o := b.owner; o != nil {
		b.owner = nil
		o.Uncharge(c, b)
	}
	b.Sock = nil
}

// IsGSO reports whether b is a super-packet to be cut into segments.
func (b *Buff) IsGSO() bool { return b.GSOSize != 0 }

// SetPartialCsum asks for the transport checksum over the data from start
// bytes on to be filled in off bytes behind that, when b leaves linen.
func (b *Buff) SetPartialCsum(start, off int) {
	b.CsumState = CsumPartial
	b.CsumStart = b.data + int32(start)
	b.CsumOff = uint16(off)
}

// CsumOffset returns where a partial checksum goes, as an offset from the data,
// and whether that lies inside the packet.
func (b *Buff) CsumOffset() (at int, ok bool) {
	start := int(b.CsumStart - b.data)
	at = start + int(b.CsumOff)
	return at, start >= 0 && at+2 <= b.Len()
}
