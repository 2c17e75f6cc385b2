package packet

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/lib/shmem"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/vnethdr"
	"linen/uapi"
	"linen/uapi/errno"
)

// Sizes of the rings' structures (linux/if_packet.h), bytes.
const (
	alignment = 16 // TPACKET_ALIGNMENT
	pageSize  = 4096
	sizeofReq = 16
	sizeofRq3 = 28
	sizeofSLL = uapi.SizeofSockaddrLl
)

// headerSize is the size of struct tpacket_hdr, tpacket2_hdr and tpacket3_hdr;
// a struct sockaddr_ll follows (TPACKET_HDRLEN has both).
var headerSize = [...]int{uapi.TPACKET_V1: 32, uapi.TPACKET_V2: 32, uapi.TPACKET_V3: 48}

func align(n, to int) int { return (n + to - 1) &^ (to - 1) }

// request is struct tpacket_req and tpacket_req3.
type request struct {
	blockSize, blockNr, frameSize, frameNr int
	retire                                 int // milliseconds until a block that is not full is given to the reader
	private                                int // bytes of a block for the reader's use
	features                               uint32
}

// parseRequest reads what PACKET_RX_RING and PACKET_TX_RING are given.
func parseRequest(version int, val []byte) (r request, err error) {
	size := sizeofReq
	if version == uapi.TPACKET_V3 {
		size = sizeofRq3
	}
	if len(val) < size {
		return r, errno.EINVAL
	}
	at := func(i int) int { return int(binary.NativeEndian.Uint32(val[4*i:])) }
	r = request{blockSize: at(0), blockNr: at(1), frameSize: at(2), frameNr: at(3)}
	if version == uapi.TPACKET_V3 {
		r.retire, r.private, r.features = at(4), at(5), uint32(at(6))
	}
	return r, nil
}

// check refuses what packet_set_ring refuses.
func (r *request) check(version, reserve int) error {
	least := headerSize[version] + sizeofSLL + reserve
	switch {
	case r.blockSize <= 0 || r.blockSize > 1<<31-1 || r.blockSize%pageSize != 0:
	case version == uapi.TPACKET_V3 && r.blockSize < blockHead(r.private)+least:
	case r.frameSize < least || r.frameSize%alignment != 0:
	case r.blockSize/r.frameSize == 0:
	case r.blockSize/r.frameSize > (1<<32-1)/r.blockNr:
	case r.blockSize/r.frameSize*r.blockNr != r.frameNr:
	default:
		return nil
	}
	return errno.EINVAL
}

// size is the memory that a ring takes, bytes.
func (r *request) size() int { return r.blockSize * r.blockNr }

// ring is a ring of frames (TPACKET_V1 and V2, and transmission), or of blocks
// of frames (reception with TPACKET_V3).
type ring struct {
	req     request
	version int
	reserve int
	vnet    int // bytes of a virtio header in front of each frame

	mu      sync.Mutex
	stopped bool
	mem     shmem.Memory
	base    int // where the ring begins in mem
	head    int // the frame that is used next
	block   block
}

// rings are a socket's rings and their memory: that of reception first.
type rings struct {
	rx, tx  atomic.Pointer[ring]
	alloc   func(size int) (shmem.Memory, error)
	release func(shmem.Memory)
	mem     shmem.Memory
}

// maxOwnRing is the largest ring in this process's own memory, bytes.
const maxOwnRing = 256 << 20

// SetRingMemory makes the memory of the socket's rings come from alloc (ENOMEM)
// and go to release, instead of being this process's own. The memory holds the
// ring of reception first, then that of transmission, as mmap(2) of the socket
// shows them.
func (s *Sock) SetRingMemory(alloc func(size int) (shmem.Memory, error), release func(shmem.Memory)) {
	s.Lock()
	defer s.Unlock()
	s.rings.alloc, s.rings.release = alloc, release
}

// RingMemory returns the memory of the socket's rings: what mmap(2) shows, all
// of it at once. It is empty without rings.
func (s *Sock) RingMemory() shmem.Memory {
	s.Lock()
	defer s.Unlock()
	return s.rings.mem
}

// HasRing reports whether received frames go to a ring.
func (s *Sock) HasRing() bool { return s.rings.rx.Load() != nil }

// setRing does PACKET_RX_RING and PACKET_TX_RING; no blocks end the ring.
func (s *Sock) setRing(at *atomic.Pointer[ring], val []byte) error {
	s.Lock()
	defer s.Unlock()
	req, err := parseRequest(s.version, val)
	if err != nil {
		return err
	}
	old, tx := at.Load(), at == &s.rings.tx
	if req.blockNr == 0 {
		if req.frameNr != 0 {
			return errno.EINVAL
		}
		if old == nil {
			return nil
		}
		return s.replaceRing(at, nil)
	}
	if old != nil {
		return errno.EBUSY
	}
	if err := req.check(s.version, s.reserve); err != nil {
		return err
	}
	if tx && (req.retire != 0 || req.private != 0 || req.features != 0) {
		return errno.EINVAL
	}
	r := &ring{req: req, version: s.version, reserve: s.reserve, vnet: int(s.opt.vnetLen.Load())}
	if s.version == uapi.TPACKET_V3 && !tx {
		r.block.init(s, r)
	}
	return s.replaceRing(at, r)
}

// replaceRing puts r, or none, in place while nothing is received. s is owned.
func (s *Sock) replaceRing(at *atomic.Pointer[ring], r *ring) error {
	rx, tx := s.rings.rx.Load(), s.rings.tx.Load()
	old := at.Load()
	if at == &s.rings.rx {
		rx = r
	} else {
		tx = r
	}
	mem, err := s.ringMemory(rx.size() + tx.size())
	if err != nil {
		return err
	}
	hooked := s.stop()
	old.stop()
	rx.move(mem, 0)
	tx.move(mem, rx.size())
	at.Store(r)
	s.purge()
	s.rings.free()
	s.rings.mem = mem
	if hooked {
		s.hook()
	}
	return nil
}

// purge forgets what waits in the receive queue.
func (s *Sock) purge() {
	for {
		b, _, err := s.Dequeue(&sock.Msg{Flags: sock.MsgSkipErr})
		if err != nil || b == nil {
			return
		}
		s.Done(b)
	}
}

// ringMemory makes memory, zeroed.
func (s *Sock) ringMemory(size int) (shmem.Memory, error) {
	switch {
	case size == 0:
		return shmem.Memory{}, nil
	case s.rings.alloc != nil:
		return s.rings.alloc(size)
	case size > maxOwnRing:
		return shmem.Memory{}, errno.ENOMEM
	}
	return shmem.New(size), nil
}

func (r *rings) free() {
	if r.mem.Len() > 0 && r.release != nil {
		r.release(r.mem)
	}
	r.mem = shmem.Memory{}
}

// close ends the rings of a socket that is closed. s is owned.
func (r *rings) close(*Sock) {
	r.rx.Swap(nil).stop()
	r.tx.Swap(nil).stop()
	r.free()
}

// size returns the memory of a ring that may be nil.
func (r *ring) size() int {
	if r == nil {
		return 0
	}
	return r.req.size()
}

// stop makes nobody touch the memory any more; r may be nil.
func (r *ring) stop() {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.stopped = true
	r.mem = shmem.Memory{}
	r.mu.Unlock()
	r.block.timer.Stop()
}

// move takes the ring, which may be nil, to other memory with what it holds.
func (r *ring) move(mem shmem.Memory, base int) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mem.Len() > 0 {
		copy(mem.Bytes()[base:base+r.size()], r.mem.Bytes()[r.base:])
	}
	r.mem, r.base = mem, base
}

// slot is where a frame goes: offsets of its parts from its header.
type slot struct {
	mac, net, snap int
	now            struct{ sec, nsec uint32 }
	status         uint32
	losing         bool
}

// toRing puts b, of which the filter keeps the first keep bytes, into the ring
// (tpacket_rcv). It owns b.
func (s *Sock) toRing(c *kern.CPU, r *ring, b *skb.Buff, n *note, keep int) {
	at := slot{snap: keep, status: n.status, losing: s.stat.drops.Load() != 0}
	hdr := headerSize[r.version] + sizeofSLL
	if s.Type() == uapi.SOCK_DGRAM {
		at.net = align(hdr, alignment) + 16 + r.reserve
		at.mac = at.net
	} else {
		mac := max(b.NetworkOff(), 0)
		at.net = align(hdr+max(mac, 16), alignment) + r.reserve + r.vnet
		at.mac = at.net - mac
	}
	stamp := b.Tstamp
	if stamp == 0 {
		stamp = c.Now()
	} else {
		at.status |= uapi.TP_STATUS_TS_SOFTWARE
	}
	t := s.st.n.Kernel().Wall(stamp)
	at.now.sec, at.now.nsec = uint32(t.Unix()), uint32(t.Nanosecond())

	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		b.Consume(c)
		return
	}
	var ok, wake bool
	if r.version == uapi.TPACKET_V3 {
		ok, wake = r.block.put(c, b, n, at)
	} else {
		ok = r.put(b, n, at)
		wake = ok
	}
	r.mu.Unlock()
	if !ok {
		s.lose(c, b)
	} else {
		s.stat.packets.Add(1)
		b.Consume(c)
	}
	if wake {
		s.Notify(c, uapi.POLLIN|uapi.POLLRDNORM)
	}
}

// frame returns the offset in mem of frame number i.
func (r *ring) frame(i int) int {
	per := r.req.blockSize / r.req.frameSize
	return r.base + i/per*r.req.blockSize + i%per*r.req.frameSize
}

// put fills the next frame of TPACKET_V1 or V2; false when it is the reader's.
// mu is held.
func (r *ring) put(b *skb.Buff, n *note, at slot) bool {
	off := r.frame(r.head)
	if r.mem.Load(off) != uapi.TP_STATUS_KERNEL {
		return false
	}
	if at.mac+at.snap > r.req.frameSize {
		at.snap = max(r.req.frameSize-at.mac, 0)
	}
	r.head = (r.head + 1) % r.req.frameNr
	if at.losing {
		at.status |= uapi.TP_STATUS_LOSING
	}
	p := r.mem.Bytes()[off : off+r.req.frameSize]
	e := binary.NativeEndian
	h := p
	if r.version == uapi.TPACKET_V1 { // the status is a long
		e.PutUint32(p[4:], 0)
		h = p[4:]
	}
	e.PutUint32(h[4:], n.size)
	e.PutUint32(h[8:], uint32(at.snap))
	e.PutUint16(h[12:], uint16(at.mac))
	e.PutUint16(h[14:], uint16(at.net))
	e.PutUint32(h[16:], at.now.sec)
	if r.version == uapi.TPACKET_V1 {
		e.PutUint32(h[20:], at.now.nsec/1000)
	} else {
		e.PutUint32(h[20:], at.now.nsec)
		e.PutUint16(h[24:], b.VLANTCI)
		e.PutUint16(h[26:], b.VLANProto)
		clear(h[28:32])
	}
	r.fill(p, b, n, &at)
	r.mem.Store(off, at.status)
	return true
}

// fill writes address and data of a frame that begins at p.
func (r *ring) fill(p []byte, b *skb.Buff, n *note, at *slot) {
	n.sockaddr((*[sizeofSLL]byte)(p[headerSize[r.version]:]))
	if r.vnet > 0 && at.mac-r.vnet >= 0 && at.mac <= len(p) {
		vnethdr.Put(p[at.mac-r.vnet:at.mac], b)
	}
	if at.snap > 0 {
		b.CopyOut(0, p[at.mac:at.mac+at.snap])
	}
}

// ready reports whether the frame or block before the next one is the
// reader's.
func (r *ring) ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return false
	}
	if r.version == uapi.TPACKET_V3 {
		return r.block.ready()
	}
	last := (r.head + r.req.frameNr - 1) % r.req.frameNr
	return r.mem.Load(r.frame(last)) != uapi.TP_STATUS_KERNEL
}
