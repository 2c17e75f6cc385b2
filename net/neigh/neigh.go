// Package neigh is the neighbour core: the tables that map a next hop on a
// device to its link address, with neighbour unreachability detection.
//
// The output path asks the table of its family for (device, next hop) with
// Lookup4, which is one lock-free hash look-up, and gives the packet to the
// entry's Output: a cached link header is pushed while the entry is valid,
// otherwise the packet waits in the entry's queue while its protocol (ARP,
// neighbour discovery) solicits.
//
//	        use            delay_first_probe_time       ucast_solicit
//	STALE ------> DELAY ---------------------> PROBE ----------------> FAILED
//	  ^             |                            |
//	  | reachable_time      confirmation         |      mcast_solicit
//	  +--------- REACHABLE <---------------------+<--- INCOMPLETE -----> FAILED
//
// Linux files: net/core/neighbour.c, include/net/neighbour.h. RFCs: 826, 1122
// §2.3.2, 4861 §7.3.
package neigh

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// Groups of states.
const (
	InTimer   = uapi.NUD_INCOMPLETE | uapi.NUD_REACHABLE | uapi.NUD_DELAY | uapi.NUD_PROBE // a timer runs
	Valid     = uapi.NUD_PERMANENT | uapi.NUD_NOARP | uapi.NUD_REACHABLE | uapi.NUD_PROBE | uapi.NUD_STALE | uapi.NUD_DELAY
	Connected = uapi.NUD_PERMANENT | uapi.NUD_NOARP | uapi.NUD_REACHABLE // send without a second look
)

// A Key is a next hop: an address of the table's family, in network order,
// then zeroes.
type Key [16]byte

// A Neigh is one neighbour: a next hop on a device.
type Neigh struct {
	Table *Table
	Dev   *dev.Device
	Key   Key
	Parms *Parms

	state     atomic.Uint32          // NUD_*
	flags     atomic.Uint32          // NTF_*, the extended ones shifted by 16
	hh        atomic.Pointer[[]byte] // cached link header
	ha        atomic.Pointer[[]byte] // hardware address, valid in the Valid states
	confirmed atomic.Int64           // ktime.T of the last proof of reachability
	used      atomic.Int64           // ktime.T of the last use that asked
	updated   atomic.Int64           // ktime.T of the last change
	probes    atomic.Int32           // solicitations sent since the state began

	mu         sync.Mutex // guards the state's changes and what follows
	timer      kern.Timer
	queue      []*skb.Buff // wait for resolution, oldest first
	queueBytes int         // their true sizes
	dead       bool        // not in the table any more
	counted    bool        // against the gc thresholds
	Type       uint8       // RTN_*: what kind of address the key is; set by Construct
	Protocol   uint8       // RTPROT_* of who made it
}

// State returns the entry's NUD_* state.
func (nb *Neigh) State() uint16 { return uint16(nb.state.Load()) }

// Flags returns the NTF_* flags; the extended ones are shifted by 16 bits.
func (nb *Neigh) Flags() uint32 { return nb.flags.Load() }

// Addr returns the hardware address, which nobody writes; it means something
// in the Valid states only.
func (nb *Neigh) Addr() []byte {
	if p := nb.ha.Load(); p != nil {
		return *p
	}
	return nil
}

// Probes returns how many solicitations were sent in this state.
func (nb *Neigh) Probes() int { return int(nb.probes.Load()) }

// Confirmed returns when the neighbour was last known to be reachable.
func (nb *Neigh) Confirmed() ktime.T { return ktime.T(nb.confirmed.Load()) }

// Used returns when the entry was last asked for.
func (nb *Neigh) Used() ktime.T { return ktime.T(nb.used.Load()) }

// Updated returns when the entry last changed.
func (nb *Neigh) Updated() ktime.T { return ktime.T(nb.updated.Load()) }

// Confirm notes a proof of reachability from an upper layer: TCP's progress,
// MSG_CONFIRM (neigh_confirm).
func (nb *Neigh) Confirm(now ktime.T) {
	if nb.confirmed.Load() != int64(now) {
		nb.confirmed.Store(int64(now))
	}
}

// IP4 returns the key as an IPv4 address in host order.
func (nb *Neigh) IP4() uint32 { return nb.Key.IP4() }

// IP4 returns the IPv4 address in k, in host order.
func (k *Key) IP4() uint32 {
	return uint32(k[0])<<24 | uint32(k[1])<<16 | uint32(k[2])<<8 | uint32(k[3])
}

// Key4 returns the key of an IPv4 address in host order.
func Key4(a uint32) Key {
	return Key{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}
}

// Output sends b, whose data begin at the network header, to the neighbour, or
// lets it wait for the resolution. It owns b.
func (nb *Neigh) Output(c *kern.CPU, b *skb.Buff) {
	if nb.Table.n.Tracing.Load() {
		nb.trace(c, b)
	}
	if nb.state.Load()&Connected != 0 {
		if hh := nb.hh.Load(); hh != nil {
			b.Cow(len(*hh))
			if p := b.Push(len(*hh)); len(p) == wire.EthHdrLen && len(*hh) == len(p) {
				*(*[wire.EthHdrLen]byte)(p) = [wire.EthHdrLen]byte(*hh) // no call of memmove
			} else {
				copy(p, *hh)
			}
			dev.Xmit(c, b)
			return
		}
	}
	nb.resolveOutput(c, b)
}

// resolveOutput is Output without a cached header (neigh_resolve_output).
func (nb *Neigh) resolveOutput(c *kern.CPU, b *skb.Buff) {
	if nb.Send(c, b) {
		return // it waits, or was dropped
	}
	b.Cow(nb.Dev.HardHeaderLen)
	if hh := nb.hh.Load(); hh != nil {
		copy(b.Push(len(*hh)), *hh)
	} else if !nb.Dev.Header(b, nb.Table.EtherType, nb.Addr(), nil) {
		b.Drop(c, nb.Table.n, skb.ReasonNeighHhFillfail)
		return
	}
	dev.Xmit(c, b)
}

// ipOf returns a key of the table as an address.
func (t *Table) ipOf(k Key) netip.Addr {
	if t.KeyLen == 4 {
		return netip.AddrFrom4([4]byte(k[:4]))
	}
	return netip.AddrFrom16(k)
}

// setAddr stores a new hardware address and the header that goes with it.
func (nb *Neigh) setAddr(ha []byte) {
	ha = append([]byte(nil), ha...)
	nb.ha.Store(&ha)
	nb.hh.Store(nil)
	if h := nb.Dev.HeaderCache(nb.Table.EtherType, ha); h != nil {
		nb.hh.Store(&h)
	}
}
