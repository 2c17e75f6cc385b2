//go:build linux

package supervise

import (
	"os"

	"golang.org/x/sys/unix"
)

// The versions of struct __user_cap_header_struct (linux/capability.h) and how
// many 32-bit parts each has.
var capVersions = map[uint32]int{
	unix.LINUX_CAPABILITY_VERSION_1: 1,
	unix.LINUX_CAPABILITY_VERSION_2: 2,
	unix.LINUX_CAPABILITY_VERSION_3: 2,
}

// capHeader reads the header: the number of parts and the process id. An
// unknown version is answered with the known one.
func (c *call) capHeader() (parts, pid int, err error) {
	var b [8]byte
	if err := c.target().Read(c.ptr(0), b[:]); err != nil {
		return 0, 0, err
	}
	parts, ok := capVersions[le.Uint32(b[:])]
	if !ok {
		le.PutUint32(b[:], unix.LINUX_CAPABILITY_VERSION_3)
		if err := c.target().Write(c.ptr(0), b[:4]); err != nil {
			return 0, 0, err
		}
		if c.ptr(1) == 0 {
			return 0, 0, nil // a question about the version
		}
		return 0, 0, unix.EINVAL
	}
	return parts, int(int32(le.Uint32(b[4:]))), nil
}

func capget(c *call) (int64, error) {
	if c.n.real {
		return 0, errContinue
	}
	if p, err := c.process(); err == nil && p.nested() {
		return 0, errContinue
	}
	parts, pid, err := c.capHeader()
	if err != nil || parts == 0 {
		return 0, err
	}
	p, err := c.process()
	if err != nil {
		return 0, err
	}
	if pid < 0 {
		return 0, unix.EINVAL
	}
	if pid == 0 {
		pid = int(c.TID)
	} else if p, err = c.n.process(pid); err != nil {
		return 0, unix.ESRCH
	}
	p.mu.Lock()
	p.settle()
	k := p.of(pid).clone()
	p.mu.Unlock()
	var b [24]byte
	for i := range parts {
		shift := 32 * i
		le.PutUint32(b[12*i:], uint32(k.effective>>shift))
		le.PutUint32(b[12*i+4:], uint32(k.permitted>>shift))
		le.PutUint32(b[12*i+8:], uint32(k.inheritable>>shift))
	}
	return 0, c.target().Write(c.ptr(1), b[:12*parts])
}

func capset(c *call) (int64, error) {
	parts, pid, err := c.capHeader()
	if err != nil || parts == 0 {
		return 0, err
	}
	if pid != 0 && pid != int(c.TID) { // kernel/capability.c: its own thread's alone
		return 0, unix.EPERM
	}
	var b [24]byte
	if err := c.target().Read(c.ptr(1), b[:12*parts]); err != nil {
		return 0, err
	}
	var set [3]uint64
	for i := range parts {
		for j := range set {
			set[j] |= uint64(le.Uint32(b[12*i+4*j:])) << (32 * i)
		}
	}
	return c.change(func(k *cred) (int64, error) { return 0, k.setCaps(set[0], set[1], set[2]) })
}

// prctl answers the operations about capabilities; the others continue.
func prctl(c *call) (int64, error) {
	arg := c.Args[1]
	switch c.intArg(0) {
	case unix.PR_CAPBSET_READ:
		return c.look(func(k *cred) (int64, error) {
			if arg > 40 {
				return 0, unix.EINVAL
			}
			return int64(k.bounding >> arg & 1), nil
		})
	case unix.PR_CAPBSET_DROP:
		return c.change(func(k *cred) (int64, error) { return 0, k.boundingDrop(arg) })
	case unix.PR_CAP_AMBIENT:
		return c.change(func(k *cred) (int64, error) { return k.ambientOp(c.intArg(1), c.Args[2]) })
	case unix.PR_GET_KEEPCAPS:
		return c.look(func(k *cred) (int64, error) {
			if k.secure&secureKeepCaps != 0 {
				return 1, nil
			}
			return 0, nil
		})
	case unix.PR_SET_KEEPCAPS:
		return c.change(func(k *cred) (int64, error) {
			if arg > 1 {
				return 0, unix.EINVAL
			}
			k.secure = k.secure&^secureKeepCaps | uint32(arg)*secureKeepCaps
			return 0, nil
		})
	case unix.PR_GET_SECUREBITS:
		return c.look(func(k *cred) (int64, error) { return int64(k.secure), nil })
	case unix.PR_SET_SECUREBITS:
		return c.change(func(k *cred) (int64, error) {
			if arg >= secureLastBit<<1 || !k.capable(capSetpcap) {
				return 0, unix.EPERM
			}
			k.secure = uint32(arg)
			return 0, nil
		})
	case unix.PR_SET_DUMPABLE:
		// An undumpable process could not be answered any more where neither
		// root nor an own user namespace gives the right to look at it.
		if arg == 0 && !c.n.mode.UserNS && os.Geteuid() != 0 {
			return 0, nil
		}
	}
	return 0, errContinue
}
