package sockdiag

import (
	"bytes"
	"encoding/binary"

	"linen/uapi"
	"linen/uapi/errno"
)

// bytecode is the program of INET_DIAG_REQ_BYTECODE: operations of four bytes
// {code, yes, no}, some with arguments behind them. An operation goes on by yes
// or no bytes; a program that ends exactly at its end takes the socket, one that
// leaves behind it does not.
type bytecode []byte

// opLen is the size of struct inet_diag_bc_op.
const opLen = 4

// Sizes of arguments.
const (
	hostLen   = 8 // struct inet_diag_hostcond without the address
	markLen   = 8 // struct inet_diag_markcond
	cgroupLen = 8
)

// op is the operation at the front of b, which holds one.
func op(b []byte) (code uint8, yes, no int) {
	return b[0], int(b[1]), int(binary.NativeEndian.Uint16(b[2:]))
}

// audit checks that a program only goes forward, to operations or its end
// (inet_diag_bc_audit). Errors: EINVAL, and EPERM for a look at marks without
// CAP_NET_ADMIN.
func (p bytecode) audit(admin bool) error {
	if len(p) < opLen {
		return errno.EINVAL
	}
	for b := p; len(b) > 0; {
		if len(b) < opLen {
			return errno.EINVAL
		}
		code, yes, no := op(b)
		least, err := need(code, b, admin)
		if err != nil {
			return err
		}
		if code != uapi.INET_DIAG_BC_NOP && !p.reachable(len(b), no) {
			return errno.EINVAL
		}
		if yes < least || yes > len(b)+opLen || yes&3 != 0 {
			return errno.EINVAL
		}
		if yes > len(b) {
			return errno.EINVAL
		}
		b = b[yes:]
	}
	return nil
}

// reachable reports whether a jump by no bytes, with rest bytes to the end, is
// to an operation, the end, or just behind it.
func (p bytecode) reachable(rest, no int) bool {
	if no < opLen || no > rest+opLen || no&3 != 0 {
		return false
	}
	if no >= rest {
		return true
	}
	target := rest - no // bytes from there to the end
	for b := p; len(b) >= target && len(b) >= opLen; {
		if len(b) == target {
			return true
		}
		_, yes, _ := op(b)
		if yes < opLen || yes&3 != 0 || yes > len(b) {
			return false
		}
		b = b[yes:]
	}
	return false
}

// need returns the least size of the operation at the front of b.
func need(code uint8, b []byte, admin bool) (int, error) {
	size := opLen
	switch code {
	case uapi.INET_DIAG_BC_NOP, uapi.INET_DIAG_BC_JMP, uapi.INET_DIAG_BC_AUTO:
	case uapi.INET_DIAG_BC_S_GE, uapi.INET_DIAG_BC_S_LE, uapi.INET_DIAG_BC_S_EQ,
		uapi.INET_DIAG_BC_D_GE, uapi.INET_DIAG_BC_D_LE, uapi.INET_DIAG_BC_D_EQ:
		size += opLen // the port is another operation's no
	case uapi.INET_DIAG_BC_DEV_COND:
		size += 4
	case uapi.INET_DIAG_BC_CGROUP_COND:
		size += cgroupLen
	case uapi.INET_DIAG_BC_MARK_COND:
		if !admin {
			return 0, errno.EPERM
		}
		size += markLen
	case uapi.INET_DIAG_BC_S_COND, uapi.INET_DIAG_BC_D_COND:
		if len(b) < opLen+hostLen {
			return 0, errno.EINVAL
		}
		width, ok := addrLen(b[opLen])
		if !ok || int(b[opLen+1]) > 8*width {
			return 0, errno.EINVAL
		}
		size += hostLen + width
	default:
		return 0, errno.EINVAL
	}
	if len(b) < size {
		return 0, errno.EINVAL
	}
	return size, nil
}

// addrLen returns the size of an address in a host condition.
func addrLen(family uint8) (n int, ok bool) {
	switch family {
	case uapi.AF_INET:
		return 4, true
	case uapi.AF_INET6:
		return 16, true
	}
	return 0, family == uapi.AF_UNSPEC
}

// run reports whether an audited program takes the socket (inet_diag_bc_run).
func (p bytecode) run(d *Inet) bool {
	b := []byte(p)
	for len(b) > 0 {
		_, yes, no := op(b)
		if !d.holds(b) {
			yes = no
		}
		if yes > len(b) {
			return false
		}
		b = b[yes:]
	}
	return true
}

// holds reports whether the operation at the front of b goes on by yes.
func (d *Inet) holds(b []byte) bool {
	code, _, _ := op(b)
	arg := b[opLen:]
	port := func() uint16 { return binary.NativeEndian.Uint16(arg[2:]) }
	switch code {
	case uapi.INET_DIAG_BC_NOP:
		return true
	case uapi.INET_DIAG_BC_S_GE:
		return d.ID.SPort >= port()
	case uapi.INET_DIAG_BC_S_LE:
		return d.ID.SPort <= port()
	case uapi.INET_DIAG_BC_S_EQ:
		return d.ID.SPort == port()
	case uapi.INET_DIAG_BC_D_GE:
		return d.ID.DPort >= port()
	case uapi.INET_DIAG_BC_D_LE:
		return d.ID.DPort <= port()
	case uapi.INET_DIAG_BC_D_EQ:
		return d.ID.DPort == port()
	case uapi.INET_DIAG_BC_AUTO:
		return d.Chosen
	case uapi.INET_DIAG_BC_S_COND:
		return hostIs(arg, d.Family, &d.ID.Src, d.ID.SPort)
	case uapi.INET_DIAG_BC_D_COND:
		return hostIs(arg, d.Family, &d.ID.Dst, d.ID.DPort)
	case uapi.INET_DIAG_BC_DEV_COND:
		return d.ID.If == binary.NativeEndian.Uint32(arg)
	case uapi.INET_DIAG_BC_MARK_COND:
		mark, mask := binary.NativeEndian.Uint32(arg), binary.NativeEndian.Uint32(arg[4:])
		return d.Mark&mask == mark
	}
	return false // JMP; CGROUP_COND: there are no cgroups
}

// hostIs is a host condition: family, prefix length, port (-1: any), address.
func hostIs(cond []byte, family uint8, addr *[16]byte, port uint16) bool {
	want, bits := cond[0], int(cond[1])
	if p := int32(binary.NativeEndian.Uint32(cond[4:])); p != -1 && p != int32(port) {
		return false
	}
	width, _ := addrLen(want)
	asked, a := cond[hostLen:hostLen+width], addr[:]
	switch {
	case want == uapi.AF_UNSPEC:
		return true
	case want == uapi.AF_INET && family == uapi.AF_INET6:
		v4, ok := mapped(*addr)
		if !ok {
			return false
		}
		a = v4[:]
	case want != family:
		return false
	}
	return prefixEqual(a[:width], asked, bits)
}

// prefixEqual compares the first bits of two addresses.
func prefixEqual(a, b []byte, bits int) bool {
	whole, rest := bits/8, bits%8
	if !bytes.Equal(a[:whole], b[:whole]) {
		return false
	}
	return rest == 0 || (a[whole]^b[whole])>>(8-rest) == 0
}
