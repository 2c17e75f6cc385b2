//go:build linux

package seccomp

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Limits on what one call may make the supervisor read, from the kernel's own.
const (
	MaxIovecs   = 1024 // UIO_MAXIOV, include/uapi/linux/uio.h
	MaxSockaddr = 128  // sizeof(struct sockaddr_storage)
	MaxControl  = 20480
	MaxPath     = 4096 // PATH_MAX with its NUL
	maxRW       = 0x7ffff000
)

// Read fills p from the target's memory at addr. EFAULT when any byte is
// missing, as copy_from_user.
func (t Target) Read(addr uint64, p []byte) error {
	return t.vm(addr, p, unix.ProcessVMReadv)
}

// Write copies p to the target's memory at addr; EFAULT as for Read, and then a
// part may have been written.
func (t Target) Write(addr uint64, p []byte) error {
	return t.vm(addr, p, unix.ProcessVMWritev)
}

type vmCall func(pid int, local []unix.Iovec, remote []unix.RemoteIovec, flags uint) (int, error)

func (t Target) vm(addr uint64, p []byte, call vmCall) error {
	if len(p) == 0 {
		return nil
	}
	local := unix.Iovec{Base: &p[0]}
	local.SetLen(len(p))
	n, err := call(t.TID, []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(addr), Len: len(p)}}, 0)
	if err != nil {
		return err
	}
	if n != len(p) {
		return unix.EFAULT
	}
	return nil
}

// CString reads a NUL-terminated string of at most max bytes without its NUL:
// ENAMETOOLONG when it is longer, as getname.
func (t Target) CString(addr uint64, max int) (string, error) {
	const page = 4096
	var out []byte
	var buf [page]byte
	for len(out) <= max {
		// Never across a page: the next one may be missing behind the NUL.
		n := int(page - addr%page)
		if err := t.Read(addr, buf[:n]); err != nil {
			return "", err
		}
		if i := bytes.IndexByte(buf[:n], 0); i >= 0 {
			out = append(out, buf[:i]...)
			break
		}
		out = append(out, buf[:n]...)
		addr += uint64(n)
	}
	if len(out) > max {
		return "", unix.ENAMETOOLONG
	}
	return string(out), nil
}

// Sockaddr reads a socket address of n bytes: EINVAL when n is out of bounds,
// as move_addr_to_kernel (net/socket.c).
func (t Target) Sockaddr(addr uint64, n int) ([]byte, error) {
	if n < 0 || n > MaxSockaddr {
		return nil, unix.EINVAL
	}
	p := make([]byte, n)
	return p, t.Read(addr, p)
}

// PutSockaddr answers a (sockaddr, socklen_t *) pair: as much of sa as fits the
// caller's length, and the full length in its place (move_addr_to_user). A NULL
// address stores nothing.
func (t Target) PutSockaddr(addr, lenAddr uint64, sa []byte) error {
	if addr == 0 {
		return nil
	}
	var b [4]byte
	if err := t.Read(lenAddr, b[:]); err != nil {
		return err
	}
	n := int32(binary.NativeEndian.Uint32(b[:]))
	if n < 0 {
		return unix.EINVAL
	}
	if err := t.Write(addr, sa[:min(int(n), len(sa))]); err != nil {
		return err
	}
	binary.NativeEndian.PutUint32(b[:], uint32(len(sa)))
	return t.Write(lenAddr, b[:])
}

// Iovec is one piece of the target's memory.
type Iovec struct {
	Base uint64
	Len  uint64
}

// User reports whether the piece lies where a program's memory can be
// (access_ok): the kernel refuses others before it does anything.
func (v Iovec) User() bool { return v.Len <= userMemory && v.Base <= userMemory-v.Len }

// Iovecs reads an array of n struct iovec. EMSGSIZE above UIO_MAXIOV (EINVAL
// for readv and writev is the caller's to make), EINVAL when a length is
// negative, EFAULT when a piece is no program's; the total is cut to
// MAX_RW_COUNT as in lib/iov_iter.c.
func (t Target) Iovecs(addr uint64, n uint64) ([]Iovec, error) {
	if n > MaxIovecs {
		return nil, unix.EMSGSIZE
	}
	raw := make([]byte, 16*n)
	if err := t.Read(addr, raw); err != nil {
		return nil, err
	}
	out := make([]Iovec, n)
	total := uint64(0)
	for i := range out {
		v := Iovec{
			Base: binary.NativeEndian.Uint64(raw[16*i:]),
			Len:  binary.NativeEndian.Uint64(raw[16*i+8:]),
		}
		if int64(v.Len) < 0 {
			return nil, unix.EINVAL
		}
		if !v.User() {
			return nil, unix.EFAULT
		}
		v.Len = min(v.Len, maxRW-total)
		total += v.Len
		out[i] = v
	}
	return out, nil
}

// IovLen returns the sum of the lengths.
func IovLen(iov []Iovec) (n uint64) {
	for _, v := range iov {
		n += v.Len
	}
	return n
}

// Gather reads at most limit bytes from the pieces, in order.
func (t Target) Gather(iov []Iovec, limit int) ([]byte, error) {
	p := make([]byte, min(IovLen(iov), uint64(limit)))
	rest := p
	for _, v := range iov {
		n := min(v.Len, uint64(len(rest)))
		if err := t.Read(v.Base, rest[:n]); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return p, nil
}

// Scatter writes p over the pieces and returns how much fitted.
func (t Target) Scatter(iov []Iovec, p []byte) (int, error) {
	done := 0
	for _, v := range iov {
		n := int(min(v.Len, uint64(len(p)-done)))
		if err := t.Write(v.Base, p[done:done+n]); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// Msghdr is struct user_msghdr (include/linux/socket.h) of a 64-bit program.
type Msghdr struct {
	Name       uint64
	Namelen    int32
	Iov        uint64
	Iovlen     uint64
	Control    uint64
	Controllen uint64
	Flags      int32
}

// The size of struct user_msghdr and of struct mmsghdr around it, and the
// offsets of the fields that recvmsg writes back.
const (
	SizeofMsghdr  = 56
	SizeofMmsghdr = 64
	offNamelen    = 8
	offControllen = 40
	offMsgFlags   = 48
)

// Msghdr reads the header at addr.
func (t Target) Msghdr(addr uint64) (Msghdr, error) {
	var b [SizeofMsghdr]byte
	if err := t.Read(addr, b[:]); err != nil {
		return Msghdr{}, err
	}
	e := binary.NativeEndian
	return Msghdr{
		Name: e.Uint64(b[0:]), Namelen: int32(e.Uint32(b[offNamelen:])),
		Iov: e.Uint64(b[16:]), Iovlen: e.Uint64(b[24:]),
		Control: e.Uint64(b[32:]), Controllen: e.Uint64(b[offControllen:]),
		Flags: int32(e.Uint32(b[offMsgFlags:])),
	}, nil
}

// PutMsghdr writes the results of recvmsg into the header at addr: the length
// of the name (when the caller gave room for one), of the control data, and
// the flags.
func (t Target) PutMsghdr(addr uint64, h Msghdr) error {
	e := binary.NativeEndian
	var b [8]byte
	if h.Name != 0 {
		e.PutUint32(b[:], uint32(h.Namelen))
		if err := t.Write(addr+offNamelen, b[:4]); err != nil {
			return err
		}
	}
	e.PutUint64(b[:], h.Controllen)
	if err := t.Write(addr+offControllen, b[:]); err != nil {
		return err
	}
	e.PutUint32(b[:], uint32(h.Flags))
	return t.Write(addr+offMsgFlags, b[:4])
}
