// Package filter is classic BPF: the verifier and the machine that runs socket
// filters (SO_ATTACH_FILTER) on packets.
//
// Linux files: net/core/filter.c, linux/filter.h, linux/bpf_common.h; man page:
// packet(7) and Documentation/networking/filter.rst. Not done: eBPF.
package filter

import "linen/uapi/errno"

// MaxInsns is the longest program (BPF_MAXINSNS).
const MaxInsns = 4096

// An Insn is one instruction (struct sock_filter).
type Insn struct {
	Code   uint16
	JT, JF uint8
	K      uint32
}

// A Prog is a verified program, immutable.
type Prog struct{ insns []Insn }

// Insns returns the program as it was attached (SO_GET_FILTER); not to be
// written.
func (p *Prog) Insns() []Insn { return p.insns }

// InsnSize is sizeof(struct sock_filter).
const InsnSize = 8

// Len returns the number of instructions.
func (p *Prog) Len() int { return len(p.insns) }

// New verifies insns, which it copies, and returns the program: EINVAL for one
// that the kernel refuses.
func New(insns []Insn) (*Prog, error) {
	if err := verify(insns); err != nil {
		return nil, errno.EINVAL
	}
	return &Prog{append([]Insn(nil), insns...)}, nil
}
