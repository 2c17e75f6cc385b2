//go:build linux

package supervise

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"linen/net/sock"
)

// credentialHandlers answer the calls about credentials.
var credentialHandlers = map[int32]handler{
	unix.SYS_GETUID:    id(func(c *cred) uint32 { return c.uid[realID] }),
	unix.SYS_GETEUID:   id(func(c *cred) uint32 { return c.uid[effective] }),
	unix.SYS_GETGID:    id(func(c *cred) uint32 { return c.gid[realID] }),
	unix.SYS_GETEGID:   id(func(c *cred) uint32 { return c.gid[effective] }),
	unix.SYS_GETRESUID: ids(func(c *cred) [4]uint32 { return c.uid }),
	unix.SYS_GETRESGID: ids(func(c *cred) [4]uint32 { return c.gid }),
	unix.SYS_GETGROUPS: getgroups,
	unix.SYS_SETGROUPS: setgroups,
	unix.SYS_SETUID: setUser(func(c *call, k *cred, privileged bool) error {
		return setOne(&k.uid, uint32(c.Args[0]), privileged)
	}),
	unix.SYS_SETREUID: setUser(func(c *call, k *cred, privileged bool) error {
		return setre(&k.uid, uint32(c.Args[0]), uint32(c.Args[1]), privileged)
	}),
	unix.SYS_SETRESUID: setUser(func(c *call, k *cred, privileged bool) error {
		return setIDs(&k.uid, c.three(), privileged)
	}),
	unix.SYS_SETGID: setGroup(func(c *call, k *cred, privileged bool) error {
		return setOne(&k.gid, uint32(c.Args[0]), privileged)
	}),
	unix.SYS_SETREGID: setGroup(func(c *call, k *cred, privileged bool) error {
		return setre(&k.gid, uint32(c.Args[0]), uint32(c.Args[1]), privileged)
	}),
	unix.SYS_SETRESGID: setGroup(func(c *call, k *cred, privileged bool) error {
		return setIDs(&k.gid, c.three(), privileged)
	}),
	unix.SYS_SETFSUID: setFS(sock.CapSetuid, func(c *cred) *[4]uint32 { return &c.uid }),
	unix.SYS_SETFSGID: setFS(sock.CapSetgid, func(c *cred) *[4]uint32 { return &c.gid }),
	unix.SYS_CAPGET:   capget,
	unix.SYS_CAPSET:   capset,
	unix.SYS_PRCTL:    prctl,
	unix.SYS_FCHOWN:   chown(1),
	unix.SYS_FCHOWNAT: chown(2),
}

func (c *call) three() [3]uint32 {
	return [3]uint32{uint32(c.Args[0]), uint32(c.Args[1]), uint32(c.Args[2])}
}

// look reads the caller's credentials. Where set*id happen for real the host's
// kernel knows better.
func (c *call) look(f func(k *cred) (int64, error)) (int64, error) {
	if c.n.real {
		return 0, errContinue
	}
	p, err := c.process()
	if err != nil {
		return 0, err
	}
	if p.nested() {
		return 0, errContinue
	}
	p.mu.Lock()
	p.settle()
	k := p.of(int(c.TID)).clone()
	p.mu.Unlock()
	return f(&k)
}

// change changes the caller's credentials, all or nothing, and has the kernel
// do the same where it can.
func (c *call) change(f func(k *cred) (int64, error)) (int64, error) {
	p, err := c.process()
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.userNS() != 0 {
		return 0, errContinue
	}
	p.settle()
	k := p.of(int(c.TID)).clone()
	v, err := f(&k)
	if err != nil {
		return 0, err
	}
	p.set(int(c.TID), k)
	if c.n.real {
		return 0, errContinue
	}
	return v, nil
}

func id(get func(*cred) uint32) handler {
	return func(c *call) (int64, error) {
		return c.look(func(k *cred) (int64, error) { return int64(get(k)), nil })
	}
}

func ids(get func(*cred) [4]uint32) handler {
	return func(c *call) (int64, error) {
		return c.look(func(k *cred) (int64, error) {
			for i, id := range get(k) {
				if i == fsID {
					break
				}
				var b [4]byte
				le.PutUint32(b[:], id)
				if err := c.target().Write(c.ptr(i), b[:]); err != nil {
					return 0, err
				}
			}
			return 0, nil
		})
	}
}

func setUser(set func(c *call, k *cred, privileged bool) error) handler {
	return func(c *call) (int64, error) {
		return c.change(func(k *cred) (int64, error) {
			old := k.uid
			if err := set(c, k, k.capable(sock.CapSetuid)); err != nil {
				return 0, err
			}
			k.fixup(old)
			return 0, nil
		})
	}
}

func setGroup(set func(c *call, k *cred, privileged bool) error) handler {
	return func(c *call) (int64, error) {
		return c.change(func(k *cred) (int64, error) {
			return 0, set(c, k, k.capable(sock.CapSetgid))
		})
	}
}

// setFS is setfsuid and setfsgid, which return the old id and no error.
func setFS(capability int, get func(*cred) *[4]uint32) handler {
	return func(c *call) (int64, error) {
		return c.change(func(k *cred) (int64, error) {
			v, new := get(k), uint32(c.Args[0])
			old := v[fsID]
			if k.capable(capability) || slices.Contains(v[:], new) {
				v[fsID] = new
			}
			return int64(old), nil
		})
	}
}

func getgroups(c *call) (int64, error) {
	return c.look(func(k *cred) (int64, error) {
		size := c.intArg(0)
		if size < 0 || size != 0 && size < len(k.groups) {
			return 0, unix.EINVAL
		}
		if size == 0 {
			return int64(len(k.groups)), nil
		}
		b := make([]byte, 4*len(k.groups))
		for i, g := range k.groups {
			le.PutUint32(b[4*i:], g)
		}
		return int64(len(k.groups)), c.target().Write(c.ptr(1), b)
	})
}

// maxGroups is NGROUPS_MAX.
const maxGroups = 65536

func setgroups(c *call) (int64, error) {
	return c.change(func(k *cred) (int64, error) {
		if !k.capable(sock.CapSetgid) {
			return 0, unix.EPERM
		}
		size := c.intArg(0)
		if size < 0 || size > maxGroups {
			return 0, unix.EINVAL
		}
		b := make([]byte, 4*size)
		if err := c.target().Read(c.ptr(1), b); err != nil {
			return 0, err
		}
		k.groups = make([]uint32, size)
		for i := range k.groups {
			k.groups[i] = le.Uint32(b[4*i:])
		}
		slices.Sort(k.groups)
		return 0, nil
	})
}

// chown answers the chown family where one id is mapped: a change to other ids
// than the mapped one changes nothing, but succeeds for who may. at is the
// argument with the user id.
func chown(at int) handler {
	return func(c *call) (int64, error) {
		if c.n.real {
			return 0, errContinue
		}
		if own(c.Args[at], os.Geteuid()) && own(c.Args[at+1], os.Getegid()) {
			return 0, errContinue
		}
		return c.look(func(k *cred) (int64, error) {
			if !k.capable(capChown) {
				return 0, unix.EPERM
			}
			return 0, nil
		})
	}
}

// own reports an id that the host's kernel can set: none, or the mapped one.
func own(arg uint64, host int) bool { return uint32(arg) == unchanged || arg == 0 && host == 0 }
