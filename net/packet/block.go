package packet

import (
	"encoding/binary"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/skb"
	"linen/uapi"
)

// struct tpacket_block_desc: offsets of its fields, and its size.
const (
	descPrivate = 4
	descStatus  = 8
	descNum     = 12
	descFirst   = 16
	descLen     = 20
	descSeq     = 24
	descTSFirst = 32
	descTSLast  = 40
	sizeofDesc  = 48
	descVersion = 2 // what version says of TPACKET_V3
)

// fillHash is TP_FT_REQ_FILL_RXHASH.
const fillHash = 1

// defaultRetire is how long a block is open when the reader says 0 and the
// link's speed is not known (DEFAULT_PRB_RETIRE_TOV).
const defaultRetire = 8 * time.Millisecond

// blockHead is what stands in a block before its first frame
// (BLK_PLUS_PRIV), bytes.
func blockHead(private int) int { return sizeofDesc + align(private, 8) }

// block is the state of a ring of blocks (struct tpacket_kbdq_core). The
// ring's mu guards it.
type block struct {
	r      *ring
	s      *Sock
	cur    int  // the active block
	open   bool // it is being filled
	frozen bool // it was the reader's when its turn came
	at     int  // where its next frame goes
	last   int  // its last frame, 0: none
	num    int
	seq    uint64
	stamp  [2]uint32 // of the last frame
	until  ktime.T   // when it is given to the reader though not full
	timer  kern.Timer
	retire time.Duration
}

func (k *block) init(s *Sock, r *ring) {
	k.r, k.s = r, s
	k.retire = time.Duration(r.req.retire) * time.Millisecond
	if k.retire == 0 {
		k.retire = defaultRetire
	}
	k.timer.Init(s.st.n.Kernel(), k.expire)
}

func (k *block) off(i int) int { return k.r.base + i*k.r.req.blockSize }

func (k *block) status(i int) uint32 { return k.r.mem.Load(k.off(i) + descStatus) }

func (k *block) bytes() []byte {
	off := k.off(k.cur)
	return k.r.mem.Bytes()[off : off+k.r.req.blockSize]
}

// ready reports whether the block before the active one is the reader's.
func (k *block) ready() bool {
	nr := k.r.req.blockNr
	return k.status((k.cur+nr-1)%nr) != uapi.TP_STATUS_KERNEL
}

// begin opens the active block; false when it is still the reader's: the queue
// is frozen then.
func (k *block) begin(now [2]uint32) bool {
	if k.status(k.cur) != uapi.TP_STATUS_KERNEL {
		if !k.frozen {
			k.frozen = true
			k.s.stat.freezes.Add(1)
		}
		return false
	}
	k.frozen, k.open = false, true
	k.at, k.last, k.num = blockHead(k.r.req.private), 0, 0
	k.seq++
	p, e := k.bytes(), binary.NativeEndian
	e.PutUint32(p, descVersion)
	e.PutUint32(p[descPrivate:], sizeofDesc)
	e.PutUint32(p[descNum:], 0)
	e.PutUint32(p[descFirst:], uint32(k.at))
	e.PutUint64(p[descSeq:], k.seq)
	e.PutUint32(p[descTSFirst:], now[0])
	e.PutUint32(p[descTSFirst+4:], now[1])
	return true
}

// end gives the active block to the reader and goes on to the next.
func (k *block) end(status uint32) {
	p, e := k.bytes(), binary.NativeEndian
	if k.last != 0 {
		e.PutUint32(p[k.last:], 0) // tp_next_offset
	}
	e.PutUint32(p[descNum:], uint32(k.num))
	e.PutUint32(p[descLen:], uint32(k.at))
	e.PutUint32(p[descTSLast:], k.stamp[0])
	e.PutUint32(p[descTSLast+4:], k.stamp[1])
	if k.s.stat.drops.Load() != 0 {
		status |= uapi.TP_STATUS_LOSING
	}
	k.r.mem.Store(k.off(k.cur)+descStatus, uapi.TP_STATUS_USER|status)
	k.open = false
	k.cur = (k.cur + 1) % k.r.req.blockNr
}

// put adds a frame; false when there is no room. wake says that a block became
// the reader's.
func (k *block) put(c *kern.CPU, b *skb.Buff, n *note, at slot) (ok, wake bool) {
	room := k.r.req.blockSize - blockHead(k.r.req.private)
	if at.mac > room {
		at.mac, at.snap = room, 0
	}
	at.snap = min(at.snap, room-at.mac)
	size := align(at.mac+at.snap, 8)
	now := [2]uint32{at.now.sec, at.now.nsec}
	if k.open && k.at+size > k.r.req.blockSize {
		k.end(0)
		wake = true
	}
	if !k.open && !k.begin(now) {
		return false, wake
	}
	if k.num == 0 {
		k.until = c.Now().Add(k.retire)
		k.timer.Set(k.until)
	}
	p, e := k.bytes()[k.at:], binary.NativeEndian
	e.PutUint32(p[0:], uint32(size))
	e.PutUint32(p[4:], now[0])
	e.PutUint32(p[8:], now[1])
	e.PutUint32(p[12:], uint32(at.snap))
	e.PutUint32(p[16:], n.size)
	e.PutUint32(p[20:], at.status)
	e.PutUint16(p[24:], uint16(at.mac))
	e.PutUint16(p[26:], uint16(at.net))
	hash := uint32(0)
	if k.r.req.features&fillHash != 0 {
		hash = b.Hash
	}
	e.PutUint32(p[28:], hash)
	e.PutUint32(p[32:], uint32(b.VLANTCI))
	e.PutUint16(p[36:], b.VLANProto)
	clear(p[38:headerSize[uapi.TPACKET_V3]])
	k.r.fill(p, b, n, &at)
	k.last, k.stamp = k.at, now
	k.at += size
	k.num++
	return true, wake
}

// expire is the timer: a block that is old enough is given to the reader.
func (k *block) expire(c *kern.CPU) {
	k.r.mu.Lock()
	wake := false
	switch {
	case k.r.stopped || !k.open || k.num == 0:
	case c.Now() < k.until:
		k.timer.Set(k.until) // a younger block than the one that armed it
	default:
		k.end(uapi.TP_STATUS_BLK_TMO)
		wake = true
	}
	k.r.mu.Unlock()
	if wake {
		k.s.Notify(c, uapi.POLLIN|uapi.POLLRDNORM)
	}
}
