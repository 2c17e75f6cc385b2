package skb

import (
	"sync"
	"sync/atomic"

	"linen/kern"
)

// Sizes of the recycling of Buffs and Blocks.
const (
	stackMax  = 1024    // free Buffs a CPU keeps
	magazine  = 512     // Buffs exchanged with the depot at once
	chunk     = 64      // Buffs allocated at once
	depotMax  = 64      // magazines the depot keeps
	BlockSize = 1 << 16 // bytes of a Block
	blockMax  = 256     // free Blocks a Kernel keeps (16 MiB)
)

// cpuPool is a CPU's stack of free Buffs.
type cpuPool struct{ free []*Buff }

// depot is a Kernel's store of free Buffs and Blocks.
type depot struct {
	mu        sync.Mutex
	magazines [][]*Buff
	blockMu   sync.Mutex
	blocks    []*Block
	live      atomic.Int64 // Blocks in use, for tests
}

var (
	poolKey  = kern.NewCPUKey[cpuPool]()
	depotKey = kern.NewKey[depot]()
)

func depotOf(k *kern.Kernel) *depot {
	return depotKey.Of(k, func(*kern.Kernel) *depot { return new(depot) })
}

// Alloc returns an empty Buff with Headroom in front and room for size linear
// bytes.
func Alloc(c *kern.CPU, size int) *Buff {
	b := get(c)
	b.head = b.inline[:]
	if size > Inline {
		b.head = make([]byte, Headroom+size)
	}
	b.data, b.tail = Headroom, Headroom
	b.mac, b.network, b.transport, b.inner = -1, -1, -1, -1
	b.TrueSize = TrueSize(size)
	return b
}

// From returns a Buff that holds a copy of p.
func From(c *kern.CPU, p []byte) *Buff {
	b := Alloc(c, len(p))
	b.Append(p)
	return b
}

// Sizes that TrueSize is made of: what a packet costs on a 64-bit kernel.
const (
	structSize = 256 // sizeof(struct sk_buff), aligned
	sharedSize = 320 // sizeof(struct skb_shared_info), aligned
	smallHead  = 576 // SKB_SMALL_HEAD_CACHE_SIZE
)

// TrueSize returns the bytes that the kernel charges to a socket for a packet
// with size linear bytes (SKB_TRUESIZE of its head).
func TrueSize(size int) int32 {
	head := size + sharedSize
	if head <= smallHead {
		return structSize + smallHead
	}
	n := 1024
	for n < head {
		n *= 2
	}
	return int32(structSize + n)
}

// get takes a cleared Buff from c's stack.
func get(c *kern.CPU) *Buff {
	p := poolKey.Of(c)
	if p == nil {
		p = new(cpuPool)
		poolKey.Set(c, p)
	}
	if len(p.free) == 0 {
		p.refill(c)
	}
	n := len(p.free) - 1
	b := p.free[n]
	p.free = p.free[:n]
	b.meta = meta{}
	return b
}

// refill takes a magazine from the depot, or makes a chunk of new Buffs.
func (p *cpuPool) refill(c *kern.CPU) {
	d := depotOf(c.Kernel())
	d.mu.Lock()
	if n := len(d.magazines); n > 0 {
		m := d.magazines[n-1]
		d.magazines = d.magazines[:n-1]
		d.mu.Unlock()
		p.free = append(p.free, m...)
		return
	}
	d.mu.Unlock()
	buffs := make([]Buff, chunk)
	for i := range buffs {
		p.free = append(p.free, &buffs[i])
	}
}

// put returns b to c's stack.
func put(c *kern.CPU, b *Buff) {
	p := poolKey.Of(c)
	if p == nil {
		p = new(cpuPool)
		poolKey.Set(c, p)
	}
	if len(p.free) >= stackMax {
		m := append(make([]*Buff, 0, magazine), p.free[stackMax-magazine:]...)
		p.free = p.free[:stackMax-magazine]
		d := depotOf(c.Kernel())
		d.mu.Lock()
		if len(d.magazines) < depotMax {
			d.magazines = append(d.magazines, m)
		}
		d.mu.Unlock()
	}
	p.free = append(p.free, b)
}

// release ends b: it uncharges its owner, gives up its blocks and its list,
// and recycles it. With a nil c the Buff itself is left to the collector.
func (b *Buff) release(c *kern.CPU) {
	b.markEnded()
	if b.owner != nil {
		o := b.owner
		b.owner = nil
		o.Uncharge(c, b)
	}
	if b.nfrags > 0 || len(b.list) > 0 {
		b.dropTail(c, 0, 0)
	}
	if len(b.head) != len(b.inline) {
		b.head = nil
	}
	if c != nil && !debug {
		put(c, b)
	}
}

// A Block is 64 KiB of payload that several Buffs may share. It is written
// only while it has one holder.
type Block struct {
	data []byte
	refs atomic.Int32
	home *depot
}

// NewBlock returns a Block of k's with one holder: the caller. Its bytes are
// not cleared. The caller may be on a CPU or not.
func NewBlock(k *kern.Kernel) *Block {
	d := depotOf(k)
	d.live.Add(1)
	d.blockMu.Lock()
	if n := len(d.blocks); n > 0 {
		b := d.blocks[n-1]
		d.blocks = d.blocks[:n-1]
		d.blockMu.Unlock()
		b.refs.Store(1)
		return b
	}
	d.blockMu.Unlock()
	b := &Block{data: make([]byte, BlockSize), home: d}
	b.refs.Store(1)
	return b
}

// Data returns the Block's bytes, for its only holder to fill.
func (b *Block) Data() []byte { return b.data }

// Hold adds a holder and returns b, to be passed on in a Frag.
func (b *Block) Hold() *Block {
	b.refs.Add(1)
	return b
}

// Release gives up the caller's hold.
func (b *Block) Release() { b.put() }

// put gives up one hold; the last recycles the Block.
func (b *Block) put() {
	if b.refs.Add(-1) > 0 {
		return
	}
	d := b.home
	d.live.Add(-1)
	d.blockMu.Lock()
	if len(d.blocks) < blockMax {
		d.blocks = append(d.blocks, b)
	}
	d.blockMu.Unlock()
}

// BlocksInUse returns how many Blocks of k have holders, for tests of what is
// left behind.
func BlocksInUse(k *kern.Kernel) int { return int(depotOf(k).live.Load()) }

// Clone returns a packet with a copy of b's head and metadata that shares its
// blocks. The owner stays b's (skb_clone).
func (b *Buff) Clone(c *kern.CPU) *Buff {
	o := get(c)
	o.meta = b.meta
	o.owner, o.list = nil, nil
	o.head = o.inline[:]
	if len(b.head) > len(o.inline) {
		o.head = make([]byte, len(b.head))
	}
	from := b.data
	if b.mac >= 0 && b.mac < from {
		from = b.mac
	}
	if b.network >= 0 && b.network < from {
		from = b.network
	}
	copy(o.head[from:b.tail], b.head[from:b.tail])
	for i := range b.frags[:b.nfrags] {
		o.frags[i] = b.frags[i]
		o.frags[i].Block.refs.Add(1)
	}
	for _, l := range b.list {
		o.list = append(o.list, l.Clone(c))
	}
	return o
}

// Copy returns a linear packet with b's bytes and metadata that shares nothing
// (skb_copy).
func (b *Buff) Copy(c *kern.CPU) *Buff {
	o := b.Clone(c)
	o.Linearize()
	return o
}

// Consume ends b, which was used (consume_skb).
func (b *Buff) Consume(c *kern.CPU) { b.release(c) }
