//go:build linux

package seccomp

import (
	"golang.org/x/sys/unix"
)

// The descriptor range in which the supervisor places everything that is not a
// byte stream. It ends at 1024 so that select(2) still works with it.
const (
	RangeFirst = 800
	RangeLast  = 1023
)

// Config says which groups of calls a filter notifies beyond the socket calls,
// which it always does. The zero value is right for a node with its own
// namespaces and a FUSE tree.
type Config struct {
	// Credentials notifies set*id, setgroups, get*id, capget, capset and the
	// prctl operations about capabilities: a node whose user namespace maps a
	// single id must emulate them.
	Credentials bool
	// Chown notifies the chown family, for the same reason.
	Chown bool
	// Namespaces notifies unshare, clone and setns when they concern a network
	// or user namespace.
	Namespaces bool
	// Mounts notifies mount, umount2 and fsopen.
	Mounts bool
	// Files notifies the open, stat, access and readlink families: the fallback
	// for nodes without a FUSE tree.
	Files bool
	// Mmap notifies shared, file-backed mmap of descriptors in the range
	// (packet rings, device pages).
	Mmap bool
}

// Filter assembles the program. Calls that no rule looks at are allowed without
// reading their arguments, so the kernel answers them from its action cache
// (kernel/seccomp.c seccomp_cache_check_allow) and they cost nothing.
func Filter(c Config) []unix.SockFilter {
	b := &builder{}
	b.load(offArch)
	b.unless(auditArch, retENOSYS)
	b.load(offNr)
	if x32Bit != 0 {
		b.ifRange(x32Bit, 0xffffffff, retENOSYS)
	}
	b.rangeCalls()
	b.sockets()
	b.match(selectCalls, b.selects)
	b.match(ioUringCalls, func() { b.ret(retENOSYS) })
	b.match(bpfCalls, func() { b.ret(retENOSYS) })
	b.match([]uint32{unix.SYS_IOCTL}, b.ioctl)
	b.optional(c)
	b.ret(unix.SECCOMP_RET_ALLOW)
	return b.prog
}

// rangeCalls stands first because the plain read is the commonest call of all.
func (b *builder) rangeCalls() {
	b.match(rangeIO, func() {
		b.load(argLow(0))
		b.ifRange(RangeFirst, RangeLast, unix.SECCOMP_RET_USER_NOTIF)
		b.ret(unix.SECCOMP_RET_ALLOW)
	})
	// A NULL address on a descriptor outside the range is a stream or a socket
	// of the host's AF_UNIX: both are native. With an address the supervisor
	// must look, because a descriptor may have left the range by dup2; and with
	// flags that a stream's pair does not know as TCP does.
	plain := func(flags uint32) func() {
		return func() {
			b.load(argLow(0))
			b.ifRange(RangeFirst, RangeLast, unix.SECCOMP_RET_USER_NOTIF)
			b.load(argLow(3))
			b.ifSet(flags, unix.SECCOMP_RET_USER_NOTIF)
			b.load(argLow(4))
			b.unless(0, unix.SECCOMP_RET_USER_NOTIF)
			b.load(argHigh(4))
			b.unless(0, unix.SECCOMP_RET_USER_NOTIF)
			b.ret(unix.SECCOMP_RET_ALLOW)
		}
	}
	b.match([]uint32{unix.SYS_SENDTO}, plain(unix.MSG_OOB|unix.MSG_FASTOPEN))
	b.match([]uint32{unix.SYS_RECVFROM}, plain(unix.MSG_TRUNC|unix.MSG_ERRQUEUE))
}

func (b *builder) sockets() {
	b.match([]uint32{unix.SYS_SOCKET, unix.SYS_SOCKETPAIR}, func() {
		b.load(argLow(0))
		b.ifEqual(unix.AF_UNIX, unix.SECCOMP_RET_ALLOW)
		b.ret(unix.SECCOMP_RET_USER_NOTIF)
	})
	b.match(socketCalls, func() { b.ret(unix.SECCOMP_RET_USER_NOTIF) })
}

// selects notifies a select for reading alone that may look at the range: whether
// a packet ring has frames must be true when a program asks. One that looks for
// room to write as well, as the loops of bulk senders do, is not held up.
func (b *builder) selects() {
	b.load(argLow(2))
	b.unless(0, unix.SECCOMP_RET_ALLOW)
	b.load(argHigh(2))
	b.unless(0, unix.SECCOMP_RET_ALLOW)
	b.load(argLow(0))
	b.ifRange(RangeFirst+1, RangeLast+1, unix.SECCOMP_RET_USER_NOTIF)
	b.ret(unix.SECCOMP_RET_ALLOW)
}

// The commands that are answered for every descriptor (asm-generic/ioctls.h).
const (
	fionbio  = 0x5421
	fionclex = 0x5450
	fioclex  = 0x5451
	fioasync = 0x5452
)

// tiocOutq is SIOCOUTQ. SIOCINQ (FIONREAD) is not asked about outside the range:
// what the pair holds is what a native read gets at once.
const tiocOutq = 0x5411

// ioctl notifies by command, whatever the descriptor: SIOC* on a native
// AF_UNIX socket asks about interfaces too. Only the low 16 bits (type and
// number) of the encoded commands are looked at: size and direction differ.
func (b *builder) ioctl() {
	b.load(argLow(1))
	for _, cmd := range []uint32{fionbio, fioasync, fioclex, fionclex} {
		b.ifEqual(cmd, unix.SECCOMP_RET_ALLOW)
	}
	b.ifEqual(tiocOutq, unix.SECCOMP_RET_USER_NOTIF)
	b.ifRange(0x8900, 0x89ff, unix.SECCOMP_RET_USER_NOTIF) // SIOC*
	b.ifRange(0x8b00, 0x8bff, unix.SECCOMP_RET_USER_NOTIF) // SIOC[GS]IW*, wireless extensions
	b.and(0xffff)
	b.ifRange(0x54c8, 0x54e5, unix.SECCOMP_RET_USER_NOTIF) // TUN*, TAP*: _IOC('T', 200..229)
	b.ifRange(0x7437, 0x745f, unix.SECCOMP_RET_USER_NOTIF) // PPPIOC*
	b.ifRange(0x48c8, 0x48ff, unix.SECCOMP_RET_USER_NOTIF) // HCI*: _IOC('H', 200..)
	b.load(argLow(0))
	b.ifRange(RangeFirst, RangeLast, unix.SECCOMP_RET_USER_NOTIF)
	b.ret(unix.SECCOMP_RET_ALLOW)
}

func (b *builder) optional(c Config) {
	notify := func() { b.ret(unix.SECCOMP_RET_USER_NOTIF) }
	if c.Credentials {
		b.match(credentialCalls, notify)
		b.match([]uint32{unix.SYS_PRCTL}, b.prctl)
	}
	if c.Chown {
		b.match(chownCalls, notify)
	}
	if c.Namespaces {
		// setns may name a namespace of any kind: only the supervisor can tell.
		b.match([]uint32{unix.SYS_SETNS}, notify)
		// clone3 has its flags in memory, out of the filter's sight.
		b.match([]uint32{unix.SYS_UNSHARE, unix.SYS_CLONE}, func() {
			b.load(argLow(0))
			b.ifSet(unix.CLONE_NEWNET|unix.CLONE_NEWUSER, unix.SECCOMP_RET_USER_NOTIF)
			b.ret(unix.SECCOMP_RET_ALLOW)
		})
	}
	if c.Mounts {
		b.match([]uint32{unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_FSOPEN}, notify)
	}
	if c.Files {
		b.match(fileCalls, notify)
	} else {
		b.devices()
	}
	if c.Mmap {
		b.match([]uint32{unix.SYS_MMAP}, b.mmap)
	}
}

// devices notifies the opens that may be of a character device of the network:
// for reading and writing, of a file that is there. openat2 has its flags in
// memory.
func (b *builder) devices() {
	const mask = unix.O_ACCMODE | unix.O_CREAT | unix.O_DIRECTORY | unix.O_PATH
	at := func(flags uint32) func() {
		return func() {
			b.load(argLow(flags))
			b.and(mask)
			b.ifEqual(unix.O_RDWR, unix.SECCOMP_RET_USER_NOTIF)
			b.ret(unix.SECCOMP_RET_ALLOW)
		}
	}
	b.match([]uint32{unix.SYS_OPENAT}, at(2))
	b.match(legacyOpenCalls, at(1))
	b.match([]uint32{unix.SYS_OPENAT2}, func() { b.ret(unix.SECCOMP_RET_USER_NOTIF) })
}

// prctl notifies what concerns capabilities and access by the supervisor.
func (b *builder) prctl() {
	b.load(argLow(0))
	for _, op := range []uint32{
		unix.PR_SET_DUMPABLE, unix.PR_GET_KEEPCAPS, unix.PR_SET_KEEPCAPS,
		unix.PR_CAPBSET_READ, unix.PR_CAPBSET_DROP, unix.PR_CAP_AMBIENT,
		unix.PR_GET_SECUREBITS, unix.PR_SET_SECUREBITS,
	} {
		b.ifEqual(op, unix.SECCOMP_RET_USER_NOTIF)
	}
	b.ret(unix.SECCOMP_RET_ALLOW)
}

func (b *builder) mmap() {
	b.load(argLow(3))
	b.ifSet(unix.MAP_ANONYMOUS, unix.SECCOMP_RET_ALLOW)
	b.load(argLow(4))
	b.ifRange(RangeFirst, RangeLast, unix.SECCOMP_RET_USER_NOTIF)
	b.ret(unix.SECCOMP_RET_ALLOW)
}
