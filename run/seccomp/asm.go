//go:build linux

package seccomp

import "golang.org/x/sys/unix"

// Offsets in struct seccomp_data (include/uapi/linux/seccomp.h). A classic BPF
// load is 32 bits wide; both supported architectures are little-endian.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

func argLow(i uint32) uint32  { return offArgs + 8*i }
func argHigh(i uint32) uint32 { return offArgs + 8*i + 4 }

// retENOSYS refuses a call as a kernel without it does.
const retENOSYS = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)

// builder appends instructions. Every conditional jump stays inside the rule
// that it belongs to, so the 8-bit offsets of classic BPF never overflow: a
// rule holds at most maxMatch calls.
type builder struct {
	prog []unix.SockFilter
}

// maxMatch bounds the calls of one match group: the first jump of the group
// reaches over all the others and one `ja`.
const maxMatch = 250

func (b *builder) emit(code uint16, jt, jf uint8, k uint32) {
	b.prog = append(b.prog, unix.SockFilter{Code: code, Jt: jt, Jf: jf, K: k})
}

func (b *builder) load(off uint32) { b.emit(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, off) }
func (b *builder) and(mask uint32) { b.emit(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, 0, 0, mask) }
func (b *builder) ret(v uint32)    { b.emit(unix.BPF_RET|unix.BPF_K, 0, 0, v) }

// ifEqual returns v when the accumulator is k.
func (b *builder) ifEqual(k, v uint32) {
	b.emit(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, 0, 1, k)
	b.ret(v)
}

// unless returns v when the accumulator is not k.
func (b *builder) unless(k, v uint32) {
	b.emit(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, 1, 0, k)
	b.ret(v)
}

// ifSet returns v when the accumulator has a bit of mask.
func (b *builder) ifSet(mask, v uint32) {
	b.emit(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K, 0, 1, mask)
	b.ret(v)
}

// ifRange returns v when lo <= accumulator <= hi, unsigned.
func (b *builder) ifRange(lo, hi, v uint32) {
	b.emit(unix.BPF_JMP|unix.BPF_JGE|unix.BPF_K, 0, 2, lo)
	b.emit(unix.BPF_JMP|unix.BPF_JGT|unix.BPF_K, 1, 0, hi)
	b.ret(v)
}

// match runs body when the accumulator, which must hold the system-call number,
// is one of nrs. The body must return on every path: it may overwrite the
// accumulator, which the code behind it still needs.
func (b *builder) match(nrs []uint32, body func()) {
	if len(nrs) == 0 {
		return
	}
	if len(nrs) > maxMatch {
		panic("seccomp: too many calls in one rule")
	}
	for i, nr := range nrs {
		b.emit(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, uint8(len(nrs)-i), 0, nr)
	}
	skip := len(b.prog)
	b.emit(unix.BPF_JMP|unix.BPF_JA, 0, 0, 0)
	body()
	b.prog[skip].K = uint32(len(b.prog) - skip - 1)
}
