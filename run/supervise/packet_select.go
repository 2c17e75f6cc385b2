//go:build linux

package supervise

import (
	"math/bits"

	"golang.org/x/sys/unix"

	"linen/run/seccomp"
)

// packetHandlers answer what only packet sockets do.
var packetHandlers = map[int32]handler{unix.SYS_MMAP: mmap, unix.SYS_PSELECT6: selectRings}

// selectRings is before a select(2) of descriptors of the range for reading,
// which the kernel executes. A program that reads its ring's last frame makes no
// call, and the byte that announced it lies in the pair a little longer. A select
// that saw it would say that there are frames, and libpcap, which reads on that
// word, waits without end when the byte goes before it looks itself.
func selectRings(c *call) (int64, error) {
	if c.n.ringed.Load() == 0 || c.ptr(1) == 0 {
		return 0, errContinue
	}
	var set [(seccomp.RangeLast + 1 - seccomp.RangeFirst) / 8]byte
	part := set[:min((c.intArg(0)-seccomp.RangeFirst+7)/8, len(set))]
	if err := c.target().Read(c.ptr(1)+seccomp.RangeFirst/8, part); err != nil {
		return 0, errContinue // the kernel says what is wrong
	}
	for i, b := range part {
		for ; b != 0; b &= b - 1 {
			f, err := c.file(seccomp.RangeFirst + 8*i + bits.TrailingZeros8(b))
			if err == nil && f.ring != nil {
				f.ring.settleNow()
			}
		}
	}
	return 0, errContinue
}

// settleNow takes the byte back if the program has read all frames.
func (r *packetRing) settleNow() {
	f := r.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dead && f.head && r.s.HasRing() {
		r.settle()
	}
}
