package filter

import (
	"linen/uapi"
	"linen/uapi/errno"
)

// Classes, sizes, modes and sources of a code.
const (
	ld, ldx, st, stx   = uapi.BPF_LD, uapi.BPF_LDX, uapi.BPF_ST, uapi.BPF_STX
	alu, jmp, ret, mis = uapi.BPF_ALU, uapi.BPF_JMP, uapi.BPF_RET, uapi.BPF_MISC
	w, h, b8           = uapi.BPF_W, uapi.BPF_H, uapi.BPF_B
	imm, abs, ind      = uapi.BPF_IMM, uapi.BPF_ABS, uapi.BPF_IND
	mem, length, msh   = uapi.BPF_MEM, uapi.BPF_LEN, uapi.BPF_MSH
	k, x               = uapi.BPF_K, uapi.BPF_X
)

// adOff is SKF_AD_OFF as the unsigned number in an instruction.
const adOff = 1<<32 + uapi.SKF_AD_OFF

// allowed reports whether the kernel knows a code (chk_code_allowed).
func allowed(code uint16) bool {
	switch code {
	case ld | w | abs, ld | h | abs, ld | b8 | abs, ld | w | ind, ld | h | ind, ld | b8 | ind,
		ld | w | length, ldx | w | length, ldx | b8 | msh, ld | imm, ldx | imm, ld | mem, ldx | mem, st, stx,
		mis | uapi.BPF_TAX, mis | uapi.BPF_TXA, ret | k, ret | uapi.BPF_A, jmp | uapi.BPF_JA, alu | uapi.BPF_NEG:
		return true
	}
	switch code &^ x {
	case alu | uapi.BPF_ADD, alu | uapi.BPF_SUB, alu | uapi.BPF_MUL, alu | uapi.BPF_DIV, alu | uapi.BPF_MOD,
		alu | uapi.BPF_AND, alu | uapi.BPF_OR, alu | uapi.BPF_XOR, alu | uapi.BPF_LSH, alu | uapi.BPF_RSH,
		jmp | uapi.BPF_JEQ, jmp | uapi.BPF_JGT, jmp | uapi.BPF_JGE, jmp | uapi.BPF_JSET:
		return true
	}
	return false
}

// verify refuses what bpf_check_classic refuses: unknown codes, jumps out of
// the program, division by a constant 0, shifts by 32 or more, scratch words
// out of range or read before they are written, no RET at the end.
func verify(p []Insn) error {
	if len(p) == 0 || len(p) > MaxInsns {
		return errno.EINVAL
	}
	for pc, in := range p {
		if !allowed(in.Code) || !valid(in, pc, len(p)) {
			return errno.EINVAL
		}
	}
	switch p[len(p)-1].Code {
	case ret | k, ret | uapi.BPF_A:
		return scratch(p)
	}
	return errno.EINVAL
}

// valid checks the operands of one instruction at pc of n.
func valid(in Insn, pc, n int) bool {
	switch in.Code {
	case alu | uapi.BPF_DIV | k, alu | uapi.BPF_MOD | k:
		return in.K != 0
	case alu | uapi.BPF_LSH | k, alu | uapi.BPF_RSH | k:
		return in.K < 32
	case ld | mem, ldx | mem, st, stx:
		return in.K < uapi.BPF_MEMWORDS
	case jmp | uapi.BPF_JA:
		return in.K < uint32(n-pc-1) // so a jump is always forward
	case ld | w | abs, ld | h | abs, ld | b8 | abs:
		return in.K < adOff || ancillary(in.K)
	}
	if in.Code&7 == jmp {
		return pc+int(in.JT)+1 < n && pc+int(in.JF)+1 < n
	}
	return true
}

// ancillary reports whether a load from offset off reads packet metadata.
func ancillary(off uint32) bool {
	n := off - adOff
	return off >= adOff && n <= uapi.SKF_AD_VLAN_TPID && n%4 == 0
}

// scratch refuses programs that read a scratch word which is not written on
// every path to the read (check_load_and_stores). Jumps go forward, so one
// pass does it.
func scratch(p []Insn) error {
	written := make([]uint16, len(p)) // words that are surely written on entry
	for i := range written {
		written[i] = 0xffff
	}
	now := uint16(0)
	for pc, in := range p {
		now &= written[pc]
		switch in.Code {
		case st, stx:
			now |= 1 << in.K
		case ld | mem, ldx | mem:
			if now>>in.K&1 == 0 {
				return errno.EINVAL
			}
		case jmp | uapi.BPF_JA:
			written[pc+1+int(in.K)] &= now
			now = 0xffff
		default:
			if in.Code&7 == jmp {
				written[pc+1+int(in.JT)] &= now
				written[pc+1+int(in.JF)] &= now
				now = 0xffff
			}
		}
	}
	return nil
}
