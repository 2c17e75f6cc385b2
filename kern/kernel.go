package kern

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"linen/lib/ktime"
)

// Config says how a Kernel is built. The zero value is the default.
type Config struct {
	// CPUs is the number of virtual CPUs; 0 means 1.
	CPUs int
	// Clock is the source of time; nil means the machine's clock.
	Clock Clock
	// Seed, when not 0, seeds all randomness; 0 takes it from crypto/rand.
	Seed uint64
	// Quiesce, when not nil, makes the Kernel deterministic: it returns when
	// every goroutine that uses the Kernel waits (testing/synctest.Wait in a
	// bubble), and calls pass a gate in the order of their keys (see Pass).
	Quiesce func()
}

// A Kernel is one machine: virtual CPUs, a clock, randomness, a work queue.
type Kernel struct {
	clock Clock
	cpus  []*CPU
	next  atomic.Uint32 // where Enter(Any) begins to look
	work  workQueue
	gate  *gate

	rnd struct {
		sync.Mutex
		src *rand.ChaCha8
	}
	keys struct {
		sync.Mutex
		values map[int]any // of Keys
	}
	waiters waiterPool
	closed  atomic.Bool
}

// Any, as the hint of Enter, means that any CPU will do.
const Any = -1

// New builds a Kernel. It starts nothing: goroutines come and go with work.
func New(cfg Config) *Kernel {
	k := &Kernel{clock: cfg.Clock}
	if k.clock == nil {
		k.clock = newRealClock()
	}
	seed := seedOf(cfg.Seed)
	k.rnd.src = rand.NewChaCha8(seed)
	k.keys.values = make(map[int]any)
	if cfg.Quiesce != nil {
		k.gate = newGate(cfg.Quiesce)
	}
	for id := range max(cfg.CPUs, 1) {
		binary.LittleEndian.PutUint64(seed[24:], uint64(id)+1)
		c := &CPU{id: id, k: k, rnd: rand.NewChaCha8(seed)}
		c.timers.init(c)
		k.cpus = append(k.cpus, c)
	}
	k.work.init(k)
	k.clock.attach(k)
	return k
}

// seedOf spreads a seed over ChaCha8's key, or makes one up.
func seedOf(seed uint64) (key [32]byte) {
	if seed == 0 {
		crand.Read(key[:]) // never fails: crypto/rand
		return key
	}
	binary.LittleEndian.PutUint64(key[:], seed)
	return key
}

// Close stops the Kernel's timers and waits for its work queue. Namespaces on
// it must be closed before. Close may be called again.
func (k *Kernel) Close() {
	if k.closed.Swap(true) {
		return
	}
	k.work.close()
	for _, c := range k.cpus {
		c.timers.close()
	}
	k.clock.detach(k)
}

// Enter takes a CPU for the calling goroutine, which must be on none: the CPU
// hint if it is free, else any that is, else it waits for hint. The caller
// leaves it with Exit.
func (k *Kernel) Enter(hint int) *CPU {
	n := len(k.cpus)
	if hint < 0 {
		hint = 0
		if n > 1 {
			hint = int(k.next.Add(1))
		}
	}
	for i := range n {
		if c := k.cpus[(hint+i)%n]; c.mu.TryLock() {
			c.now = k.Now()
			return c
		}
	}
	return k.EnterCPU(hint % n)
}

// EnterCPU takes the CPU id for the calling goroutine, waiting for it.
func (k *Kernel) EnterCPU(id int) *CPU {
	c := k.cpus[id]
	c.mu.Lock()
	c.now = k.Now()
	return c
}

// NumCPU returns the number of virtual CPUs.
func (k *Kernel) NumCPU() int { return len(k.cpus) }

// CPU returns the CPU id without taking it, for ScheduleOn.
func (k *Kernel) CPU(id int) *CPU { return k.cpus[id] }

// Each calls f on every CPU in turn, holding it. It is how per-CPU counters
// are read. The caller must be on no CPU.
func (k *Kernel) Each(f func(c *CPU)) {
	for id := range k.cpus {
		c := k.EnterCPU(id)
		f(c)
		c.Exit()
	}
}

// Synchronize returns when every CPU has passed a quiet point, so that nothing
// on a CPU still uses a snapshot replaced before the call (synchronize_net).
// The caller must be on no CPU.
func (k *Kernel) Synchronize() { k.Each(func(*CPU) {}) }

// Now returns the time since the Kernel's clock began.
func (k *Kernel) Now() ktime.T { return k.clock.Now() }

// Wall returns the time of day at t.
func (k *Kernel) Wall(t ktime.T) time.Time { return k.clock.Wall(t) }

// Uint64 returns a random number from the Kernel's generator.
func (k *Kernel) Uint64() uint64 {
	k.rnd.Lock()
	defer k.rnd.Unlock()
	return k.rnd.src.Uint64()
}

// Uint32 returns a random number from the Kernel's generator.
func (k *Kernel) Uint32() uint32 { return uint32(k.Uint64() >> 32) }

// Read fills b with random bytes from the Kernel's generator; it never fails.
func (k *Kernel) Read(b []byte) (int, error) {
	k.rnd.Lock()
	defer k.rnd.Unlock()
	return k.rnd.src.Read(b)
}
