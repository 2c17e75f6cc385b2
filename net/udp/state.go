package udp

import (
	"bytes"
	"strconv"
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/net/inet"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
)

// counters are the MIB counters of UDP or UDP-Lite.
type counters struct {
	in, noPorts, inErrors, out, rcvbuf, sndbuf, csum, ignored, mem mib.ID
}

// State is a namespace's UDP and UDP-Lite.
type State struct {
	udp, lite proto
	rmemMin   *sysctl.Int // udp_rmem_min, bytes
	wmemMin   *sysctl.Int // udp_wmem_min
	mem       *sysctl.List
	l3mdev    *sysctl.Int // udp_l3mdev_accept
	child     *sysctl.Int // udp_child_hash_entries
}

// proto is one of the two protocols: they share everything but numbers and
// the meaning of a field.
type proto struct {
	n      *netns.Net
	inet   *inet.State
	number uint8
	lite   bool
	ids    counters
	base   sock.Proto

	bind  sync.Mutex        // of choosing ports
	ports inet.Table[*Sock] // by local port: every bound socket
	addrs inet.Table[*Sock] // by local address and port
	conns inet.Table[*Sock] // by both ends: the connected ones
	slots uint32            // buckets of each at most, which /proc shows ports by

	merging atomic.Int32         // sockets with UDP_GRO
	encaps  [8]func(*Sock) Encap // by UDP_ENCAP's number; filled while the namespace is built
}

var key = netns.NewKey[State]("udp")

// Of returns n's UDP.
func Of(n *netns.Net) *State { return key.Of(n) }

// Sizes of the hash tables (udp_table_init, udp_pernet_table_alloc).
const (
	bytesPerBucket = 2 << 20 // of memory
	leastBuckets   = 128
	mostBuckets    = 64 << 10
)

// Pernet makes a namespace's UDP.
func Pernet() netns.Subsys { return netns.Bind(key, initNet, nil) }

func initNet(n *netns.Net) (*State, error) {
	st := new(State)
	err := st.udp.init(n, "UDP", uapi.IPPROTO_UDP, counters{
		mib.UDPInDatagrams, mib.UDPNoPorts, mib.UDPInErrors, mib.UDPOutDatagrams, mib.UDPRcvbufErrors,
		mib.UDPSndbufErrors, mib.UDPInCsumErrors, mib.UDPIgnoredMulti, mib.UDPMemErrors,
	})
	if err != nil {
		return nil, err
	}
	err = st.lite.init(n, "UDP-Lite", uapi.IPPROTO_UDPLITE, counters{
		mib.UDPLiteInDatagrams, mib.UDPLiteNoPorts, mib.UDPLiteInErrors, mib.UDPLiteOutDatagrams, mib.UDPLiteRcvbufErrors,
		mib.UDPLiteSndbufErrors, mib.UDPLiteInCsumErrors, mib.UDPLiteIgnoredMulti, mib.UDPLiteMemErrors,
	})
	if err != nil {
		return nil, err
	}
	st.registerSysctls(sysctl.Of(n))
	st.registerTables(n, sysctl.Of(n))
	if f := st.udp.inet.IP.SetUDPGRO; f != nil {
		f(n, st.udp.wantsGRO)
	}
	if f := st.udp.inet.IP.SetEarlyDemux; f != nil {
		f(n, st.udp.number, st.udp.demux)
	}
	t := procfs.Of(n)
	t.File("udp", st.udp.show)
	t.File("udplite", st.lite.show)
	return st, nil
}

func (st *State) registerSysctls(t *sysctl.Tree) {
	least := sysctl.Spec{Default: 4096, Min: 1, Max: 1<<31 - 1, Ranged: true}
	st.rmemMin = t.Int("net/ipv4/udp_rmem_min", least)
	st.wmemMin = t.Int("net/ipv4/udp_wmem_min", least)
	st.mem = t.List64("net/ipv4/udp_mem", sysctl.Spec{Unit: sysctl.Long, Scope: sysctl.OfMachine}, inet.MemoryLimits(8), nil)
	flag := sysctl.Spec{Unit: sysctl.Byte, Max: 1, Ranged: true}
	st.l3mdev = t.Int("net/ipv4/udp_l3mdev_accept", flag)
}

// registerTables sizes the tables of UDP, of a child as udp_child_hash_entries of
// its maker has it (udp_set_table). What a child has in common with the first
// namespace on Linux, here of the same size, shows below zero.
func (st *State) registerTables(n *netns.Net, t *sysctl.Tree) {
	st.child = t.Int("net/ipv4/udp_child_hash_entries", sysctl.Spec{Unit: sysctl.Unsigned, Max: mostBuckets, Ranged: true})
	size := inet.TableSize(bytesPerBucket, 1, mostBuckets)
	shown := size
	if t.Child() {
		shown = -size
	}
	st.lite.limit(size)
	if m := n.Maker(); m != nil && Of(m) != nil {
		if own := Of(m).child.Load(); own != 0 {
			size = inet.RoundUp(max(int(own), leastBuckets))
			shown = size
		}
	}
	st.udp.limit(size)
	t.Func("net/ipv4/udp_hash_entries", func() string { return strconv.Itoa(shown) }, nil)
	inet.LogTable(n, "UDP", size)
	inet.LogTable(n, "UDP-Lite", size)
}

// limit bounds the tables' buckets.
func (p *proto) limit(buckets int) {
	p.slots = uint32(buckets)
	p.ports.Bound(buckets)
	p.addrs.Bound(buckets)
	p.conns.Bound(buckets)
}

func (p *proto) init(n *netns.Net, name string, number int, ids counters) error {
	p.n, p.inet, p.number, p.lite, p.ids = n, inet.Of(n), uint8(number), number == uapi.IPPROTO_UDPLITE, ids
	p.base = sock.Proto{
		Name: name, Size: 1344, Memory: p.pages, CountMem: true, Has: "yyynyyynyyyynnyyyn", PeekOff: true,
		Rehash: func(s *sock.Sock) {
			if u, ok := s.Self().(*Sock); ok {
				u.rehash()
			}
		},
	}
	if !p.lite {
		p.base.Sockstat = func() string { return "mem " + strconv.FormatInt(p.pages(), 10) }
	}
	sock.AddProto(n, &p.base)
	inet.RegisterProto(n, &inet.ProtoSW{Type: uapi.SOCK_DGRAM, Protocol: number, Create: func(who *sock.Caller, n *netns.Net, protocol int) (sock.Socket, error) {
		return p.create(who, n, protocol), nil
	}})
	p.registerDiag()
	return p.inet.IP.AddProtocol(n, p.number, p.receive, p.fail)
}

func (p *proto) create(who *sock.Caller, n *netns.Net, protocol int) *Sock {
	s := &Sock{p: p}
	s.InitInet(who, n, s, &p.base, uapi.SOCK_DGRAM, protocol)
	return s
}

// pageSize is what udp_mem counts in, bytes.
const pageSize = 4096

// pages returns the memory of the receive queues, in pages.
func (p *proto) pages() int64 { return (p.base.Used() + pageSize - 1) / pageSize }

// mayQueue reports whether udp_mem lets s, which has rmem bytes queued, have
// more (udp_rmem_schedule): below the first limit everybody may; above it only
// who has less than udp_rmem_min; above the last nobody (udp(7)).
func (p *proto) mayQueue(rmem, more int64) bool {
	st := Of(p.n)
	pages := (p.base.Used() + more + pageSize - 1) / pageSize
	if pages <= st.mem.Load(0) {
		return true
	}
	return pages <= st.mem.Load(2) && rmem < st.rmemMin.Load()
}

// show writes /proc/net/udp or udplite, in the order of the kernel's buckets.
func (p *proto) show(w *bytes.Buffer) {
	const width = 127
	inet.ProcHead(w, "   ", width)
	for _, s := range p.bound() {
		s.ProcLine(w, int(s.slot()), width)
	}
}

// slot is the bucket that /proc shows: the port among udp_hash_entries.
func (s *Sock) slot() uint32 { return s.Num.Load() % s.p.slots }

// count counts one of p's events.
func (p *proto) count(c *kern.CPU, id mib.ID) { mib.Inc(c, p.n, id) }

// drop ends b for a reason, counted in InErrors.
func (p *proto) drop(c *kern.CPU, b *skb.Buff, r skb.Reason) {
	p.count(c, p.ids.inErrors)
	b.Drop(c, p.n, r)
}
