//go:build linux

package supervise

import (
	"slices"

	"golang.org/x/sys/unix"

	"linen/net/sock"
)

// Indices of a set of ids.
const (
	realID = iota
	effective
	saved
	fsID
)

// Capabilities about credentials (linux/capability.h).
const (
	capChown   = 0
	capSetpcap = 8
)

// Bits of PR_SET_SECUREBITS (linux/securebits.h).
const (
	secureNoRoot      = 1 << 0
	secureNoFixup     = 1 << 2
	secureKeepCaps    = 1 << 4
	secureLastBit     = 1 << 7
	secureAmbientBits = 1 << 6 // SECBIT_NO_CAP_AMBIENT_RAISE
)

// cred is a process's credentials (struct cred), emulated: where the node's
// user namespace maps a single id, the host's kernel can hold no others.
// Threads share them, as the C library makes it look.
type cred struct {
	uid, gid    [4]uint32
	groups      []uint32
	permitted   uint64
	effective   uint64
	inheritable uint64
	bounding    uint64
	ambient     uint64
	secure      uint32
}

// rootCred is what a node's first program has.
func rootCred() cred {
	return cred{permitted: sock.AllCaps, effective: sock.AllCaps, bounding: sock.AllCaps}
}

func (c *cred) clone() cred {
	d := *c
	d.groups = slices.Clone(c.groups)
	return d
}

func (c *cred) capable(n int) bool { return c.effective>>n&1 != 0 }

// unchanged is the id -1: leave it.
const unchanged = ^uint32(0)

// setIDs is setresuid and setresgid; fs follows the effective id.
func setIDs(ids *[4]uint32, new [3]uint32, privileged bool) error {
	old := *ids
	for i, id := range new {
		if id == unchanged {
			continue
		}
		if !privileged && id != old[realID] && id != old[effective] && id != old[saved] {
			return unix.EPERM
		}
		ids[i] = id
	}
	ids[fsID] = ids[effective]
	return nil
}

// setre is setreuid and setregid (kernel/sys.c __sys_setreuid).
func setre(ids *[4]uint32, real, eff uint32, privileged bool) error {
	old := *ids
	if real != unchanged && !privileged && real != old[realID] && real != old[effective] {
		return unix.EPERM
	}
	if eff != unchanged && !privileged && eff != old[realID] && eff != old[effective] && eff != old[saved] {
		return unix.EPERM
	}
	if real != unchanged {
		ids[realID] = real
	}
	if eff != unchanged {
		ids[effective] = eff
	}
	if real != unchanged || eff != unchanged && eff != old[realID] {
		ids[saved] = ids[effective]
	}
	ids[fsID] = ids[effective]
	return nil
}

// setOne is setuid and setgid.
func setOne(ids *[4]uint32, id uint32, privileged bool) error {
	switch {
	case privileged:
		*ids = [4]uint32{id, id, id, id}
	case id == ids[realID] || id == ids[saved]:
		ids[effective], ids[fsID] = id, id
	default:
		return unix.EPERM
	}
	return nil
}

// fixup changes the capabilities after a change of user ids (security/commoncap.c
// cap_emulate_setxuid).
func (c *cred) fixup(old [4]uint32) {
	if c.secure&secureNoFixup != 0 {
		return
	}
	was := old[realID] == 0 || old[effective] == 0 || old[saved] == 0
	is := c.uid[realID] == 0 || c.uid[effective] == 0 || c.uid[saved] == 0
	if was && !is {
		if c.secure&secureKeepCaps == 0 {
			c.permitted, c.effective = 0, 0
		}
		c.ambient = 0
	}
	if old[effective] == 0 && c.uid[effective] != 0 {
		c.effective = 0
	}
	if old[effective] != 0 && c.uid[effective] == 0 {
		c.effective = c.permitted
	}
}

// setCaps is capset (security/commoncap.c cap_capset).
func (c *cred) setCaps(eff, perm, inh uint64) error {
	if !c.capable(capSetpcap) && inh&^(c.inheritable|c.permitted) != 0 {
		return unix.EPERM
	}
	if inh&^(c.inheritable|c.bounding) != 0 || perm&^c.permitted != 0 || eff&^perm != 0 {
		return unix.EPERM
	}
	c.effective, c.permitted, c.inheritable = eff, perm, inh
	c.ambient &= perm & inh
	return nil
}

// boundingDrop is PR_CAPBSET_DROP.
func (c *cred) boundingDrop(n uint64) error {
	if n >= 64 || sock.AllCaps>>n&1 == 0 {
		return unix.EINVAL
	}
	if !c.capable(capSetpcap) {
		return unix.EPERM
	}
	c.bounding &^= 1 << n
	return nil
}

// ambientOp is PR_CAP_AMBIENT.
func (c *cred) ambientOp(op int, n uint64) (int64, error) {
	if op == unix.PR_CAP_AMBIENT_CLEAR_ALL {
		if n != 0 {
			return 0, unix.EINVAL
		}
		c.ambient = 0
		return 0, nil
	}
	if n >= 64 || sock.AllCaps>>n&1 == 0 {
		return 0, unix.EINVAL
	}
	switch op {
	case unix.PR_CAP_AMBIENT_IS_SET:
		return int64(c.ambient >> n & 1), nil
	case unix.PR_CAP_AMBIENT_LOWER:
		c.ambient &^= 1 << n
		return 0, nil
	case unix.PR_CAP_AMBIENT_RAISE:
		if c.secure&secureAmbientBits != 0 || c.permitted&c.inheritable>>n&1 == 0 {
			return 0, unix.EPERM
		}
		c.ambient |= 1 << n
		return 0, nil
	}
	return 0, unix.EINVAL
}
