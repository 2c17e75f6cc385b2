package filter

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/skb"
	"linen/uapi"
)

// Extensions is SO_BPF_EXTENSIONS: the size of the ancillary area
// (SKF_AD_MAX).
const Extensions = 64

// machine is the state of a run.
type machine struct {
	a, x uint32
	m    [uapi.BPF_MEMWORDS]uint32
}

// Run runs p on b, whose data is where the filter's offsets begin, and returns
// what the program does: 0 refuses the packet, n keeps its first n bytes. c is
// the CPU that holds b. Every program ends: jumps go forward.
func (p *Prog) Run(c *kern.CPU, b *skb.Buff) uint32 {
	var s machine
	for pc := 0; pc < len(p.insns); pc++ {
		in := &p.insns[pc]
		switch in.Code & 7 {
		case ld:
			v, ok := s.load(c, b, in)
			if !ok {
				return 0
			}
			s.a = v
		case ldx:
			v, ok := s.loadX(b, in)
			if !ok {
				return 0
			}
			s.x = v
		case st:
			s.m[in.K] = s.a
		case stx:
			s.m[in.K] = s.x
		case alu:
			v, ok := s.compute(in)
			if !ok {
				return 0
			}
			s.a = v
		case jmp:
			pc += s.jump(in)
		case ret:
			if in.Code&0x18 == uapi.BPF_A {
				return s.a
			}
			return in.K
		case mis:
			if in.Code == mis|uapi.BPF_TAX {
				s.x = s.a
			} else {
				s.a = s.x
			}
		}
	}
	return 0
}

// load is a BPF_LD; it fails when it reads outside the packet.
func (s *machine) load(c *kern.CPU, b *skb.Buff, in *Insn) (uint32, bool) {
	switch in.Code & 0xe0 {
	case imm:
		return in.K, true
	case mem:
		return s.m[in.K], true
	case length:
		return uint32(b.Len()), true
	case ind:
		return fetch(b, s.x+in.K, in.Code)
	}
	if in.K >= adOff {
		return s.extra(c, b, in.K-adOff)
	}
	return fetch(b, in.K, in.Code)
}

// loadX is a BPF_LDX.
func (s *machine) loadX(b *skb.Buff, in *Insn) (uint32, bool) {
	switch in.Code & 0xe0 {
	case imm:
		return in.K, true
	case mem:
		return s.m[in.K], true
	case length:
		return uint32(b.Len()), true
	}
	v, ok := fetch(b, in.K, ld|b8|abs)
	return (v & 15) * 4, ok
}

// fetch reads 1, 2 or 4 bytes at an offset from the data, or with the negative
// offsets SKF_NET_OFF and SKF_LL_OFF from the network or link header.
func fetch(b *skb.Buff, off uint32, code uint16) (uint32, bool) {
	size := 4
	switch code & 0x18 {
	case h:
		size = 2
	case b8:
		size = 1
	}
	base := b.Data()
	at := int(int32(off))
	switch {
	case at >= 0:
	case at >= uapi.SKF_NET_OFF:
		base, at = b.Network(), at-uapi.SKF_NET_OFF
	case at >= uapi.SKF_LL_OFF:
		base, at = b.Mac(), at-uapi.SKF_LL_OFF
	default:
		return 0, false
	}
	if at+size <= len(base) {
		return number(base[at:], size), true
	}
	if int32(off) < 0 || at+size > b.Len() {
		return 0, false
	}
	return fetchSlow(b, at, size), true
}

// fetchSlow reads across fragments.
func fetchSlow(b *skb.Buff, at, size int) uint32 {
	var p [4]byte
	b.CopyOut(at, p[:size])
	return number(p[:], size)
}

func number(p []byte, size int) uint32 {
	switch size {
	case 4:
		return binary.BigEndian.Uint32(p)
	case 2:
		return uint32(binary.BigEndian.Uint16(p))
	}
	return uint32(p[0])
}

// compute is a BPF_ALU; it fails on a division by 0.
func (s *machine) compute(in *Insn) (uint32, bool) {
	v := in.K
	if in.Code&x != 0 {
		v = s.x
	}
	switch in.Code & 0xf0 {
	case uapi.BPF_ADD:
		return s.a + v, true
	case uapi.BPF_SUB:
		return s.a - v, true
	case uapi.BPF_MUL:
		return s.a * v, true
	case uapi.BPF_DIV:
		if v == 0 {
			return 0, false
		}
		return s.a / v, true
	case uapi.BPF_MOD:
		if v == 0 {
			return 0, false
		}
		return s.a % v, true
	case uapi.BPF_AND:
		return s.a & v, true
	case uapi.BPF_OR:
		return s.a | v, true
	case uapi.BPF_XOR:
		return s.a ^ v, true
	case uapi.BPF_LSH:
		return s.a << (v & 31), true
	case uapi.BPF_RSH:
		return s.a >> (v & 31), true
	}
	return -s.a, true // BPF_NEG
}

// jump returns how many instructions a BPF_JMP skips.
func (s *machine) jump(in *Insn) int {
	v := in.K
	if in.Code&x != 0 {
		v = s.x
	}
	hit := false
	switch in.Code & 0xf0 {
	case uapi.BPF_JA:
		return int(in.K)
	case uapi.BPF_JEQ:
		hit = s.a == v
	case uapi.BPF_JGT:
		hit = s.a > v
	case uapi.BPF_JGE:
		hit = s.a >= v
	case uapi.BPF_JSET:
		hit = s.a&v != 0
	}
	if hit {
		return int(in.JT)
	}
	return int(in.JF)
}
