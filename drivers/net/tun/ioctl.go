package tun

import (
	"bytes"
	"encoding/binary"

	"linen/net/dev"
	"linen/net/netns"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// ne is the byte order of ioctl arguments.
var ne = binary.NativeEndian

// An Arg says what the third argument of an ioctl is.
type Arg uint8

// The kinds of argument.
const (
	ArgNone    Arg = iota // not looked at
	ArgNumber             // the number itself; Ioctl has it in 4 bytes
	ArgInt                // a pointer to an int
	ArgIfreq              // a pointer to a struct ifreq, 40 bytes
	ArgFilter             // a pointer to a struct sock_fprog; Ioctl has the instructions
	ArgAddress            // a pointer to a struct tun_filter: 4 bytes and 6 more an address
)

// sizeofIfreq is sizeof(struct ifreq); the flags stand behind the name.
const (
	sizeofIfreq = 40
	nameLen     = 16 // IFNAMSIZ
)

// features are what TUNGETFEATURES tells.
const features = typeMask | flagsKept | uapi.IFF_NO_CARRIER

// command is one line of the table of ioctls.
type command struct {
	arg Arg
	do  func(l *link, who *sock.Caller, arg []byte) error
}

// commandOf returns the line of an ioctl of an attached file; the functions run
// under the RTNL.
func commandOf(cmd uint32) (command, bool) {
	switch cmd {
	case uapi.TUNSETNOCSUM, uapi.TUNSETDEBUG: // of no effect
		return command{ArgNumber, func(*link, *sock.Caller, []byte) error { return nil }}, true
	case uapi.TUNSETPERSIST:
		return command{ArgNumber, (*link).setPersist}, true
	case uapi.TUNSETOWNER:
		return command{ArgNumber, func(l *link, _ *sock.Caller, arg []byte) error { return setID(&l.owner, arg) }}, true
	case uapi.TUNSETGROUP:
		return command{ArgNumber, func(l *link, _ *sock.Caller, arg []byte) error { return setID(&l.group, arg) }}, true
	case uapi.TUNSETOFFLOAD:
		return command{ArgNumber, (*link).setOffload}, true
	case uapi.TUNSETCARRIER:
		return command{ArgInt, func(l *link, _ *sock.Caller, arg []byte) error { return l.ChangeCarrier(l.d, ne.Uint32(arg) != 0) }}, true
	case uapi.TUNSETTXFILTER:
		return command{ArgAddress, (*link).setTxFilter}, true
	case uapi.TUNATTACHFILTER:
		return command{ArgFilter, (*link).attachFilter}, true
	case uapi.TUNDETACHFILTER:
		return command{ArgNone, (*link).detachFilter}, true
	case uapi.SIOCGIFHWADDR:
		return command{ArgIfreq, (*link).getAddr}, true
	case uapi.SIOCSIFHWADDR:
		return command{ArgIfreq, (*link).setAddr}, true
	}
	return numberOf(cmd)
}

// numberOf is commandOf for the settings that are numbers.
func numberOf(cmd uint32) (command, bool) {
	get := func(f func(l *link) int32) command {
		return command{ArgInt, func(l *link, _ *sock.Caller, arg []byte) error {
			ne.PutUint32(arg, uint32(f(l)))
			return nil
		}}
	}
	set := func(f func(l *link, v int32) error) command {
		return command{ArgInt, func(l *link, _ *sock.Caller, arg []byte) error { return f(l, int32(ne.Uint32(arg))) }}
	}
	switch cmd {
	case uapi.TUNGETSNDBUF:
		return get(func(l *link) int32 { return l.sndbuf.Load() }), true
	case uapi.TUNSETSNDBUF:
		return set(func(l *link, v int32) error {
			if v <= 0 {
				return errno.EINVAL
			}
			l.sndbuf.Store(v)
			return nil
		}), true
	case uapi.TUNGETVNETHDRSZ:
		return get(func(l *link) int32 { return l.hdrSize.Load() }), true
	case uapi.TUNSETVNETHDRSZ:
		return set(func(l *link, v int32) error {
			if v < 10 {
				return errno.EINVAL
			}
			l.hdrSize.Store(min(v, maxHdrSize))
			return nil
		}), true
	case uapi.TUNGETVNETLE:
		return get(func(l *link) int32 {
			if l.little.Load() {
				return 1
			}
			return 0
		}), true
	case uapi.TUNSETVNETLE:
		return set(func(l *link, v int32) error { l.little.Store(v != 0); return nil }), true
	}
	return command{}, false
}

// maxHdrSize bounds TUNSETVNETHDRSZ: no frame of a larger header fits a read.
const maxHdrSize = 1 << 16

// ArgOf tells what the third argument of cmd is.
func ArgOf(cmd uint32) Arg {
	switch cmd {
	case uapi.TUNSETIFF, uapi.TUNSETQUEUE, uapi.TUNGETIFF:
		return ArgIfreq
	case uapi.TUNGETFEATURES, uapi.TUNSETIFINDEX:
		return ArgInt
	}
	c, _ := commandOf(cmd)
	return c.arg
}

// argLen is how long arg must be at least.
func argLen(a Arg) int {
	switch a {
	case ArgIfreq:
		return sizeofIfreq
	case ArgNumber, ArgInt, ArgAddress:
		return 4
	}
	return 0
}

// Ioctl does one of the ioctls of linux/if_tun.h on arg, which is in and out and
// as ArgOf says (__tun_chr_ioctl). EBADFD without an interface, EINVAL for
// another command, EPERM without CAP_NET_ADMIN or ownership.
func (f *File) Ioctl(who *sock.Caller, cmd uint32, arg []byte) error {
	if len(arg) < argLen(ArgOf(cmd)) {
		return errno.EFAULT
	}
	switch cmd {
	case uapi.TUNGETFEATURES:
		ne.PutUint32(arg, features)
		return nil
	case uapi.TUNSETIFF:
		return f.setIff(who, arg)
	case uapi.TUNSETQUEUE:
		return f.setQueue(who, ne.Uint16(arg[nameLen:]))
	}
	f.setup.Lock()
	defer f.setup.Unlock()
	l := f.link.Load()
	if cmd == uapi.TUNSETIFINDEX {
		return f.setIndex(l, int32(ne.Uint32(arg)))
	}
	if l == nil {
		return errno.EBADFD
	}
	if cmd == uapi.TUNGETIFF {
		f.getIff(l, arg)
		return nil
	}
	c, ok := commandOf(cmd)
	if !ok {
		return errno.EINVAL
	}
	unlock := dev.LockWith(l.d)
	defer unlock()
	if f.link.Load() != l {
		return errno.EBADFD
	}
	return c.do(l, who, arg)
}

func (f *File) setIndex(l *link, v int32) error {
	switch {
	case l != nil:
		return errno.EPERM
	case v < 0:
		return errno.EINVAL
	}
	f.index.Store(v)
	return nil
}

// setIff is TUNSETIFF.
func (f *File) setIff(who *sock.Caller, ifr []byte) error {
	name, _, _ := bytes.Cut(ifr[:nameLen-1], []byte{0})
	l, err := f.attach(who, string(name), uint32(ne.Uint16(ifr[nameLen:])))
	if err != nil {
		return err
	}
	clear(ifr[:nameLen])
	copy(ifr, l.d.Name())
	return nil
}

// attach makes an interface or takes one over (tun_set_iff).
func (f *File) attach(who *sock.Caller, name string, flags uint32) (*link, error) {
	f.setup.Lock()
	defer f.setup.Unlock()
	if f.link.Load() != nil {
		return nil, errno.EEXIST
	}
	n := f.Net()
	n.Lock()
	defer n.Unlock()
	if flags&uapi.IFF_NAPI_FRAGS != 0 {
		if !who.Capable(sock.CapNetAdmin) {
			return nil, errno.EPERM
		}
		if flags&uapi.IFF_NAPI == 0 || flags&typeMask != uapi.IFF_TAP {
			return nil, errno.EINVAL
		}
	}
	d := dev.ByName(n, name)
	if d == nil || name == "" {
		return f.create(who, n, name, flags)
	}
	l := of(d)
	switch {
	case flags&uapi.IFF_TUN_EXCL != 0:
		return nil, errno.EBUSY
	case l == nil || !sameType(flags, l.flags.Load()):
		return nil, errno.EINVAL
	case (flags^l.flags.Load())&uapi.IFF_MULTI_QUEUE != 0:
		return nil, errno.EINVAL
	case !l.allows(who):
		return nil, errno.EPERM
	}
	if err := l.add(f); err != nil {
		return nil, err
	}
	l.flags.Store(l.flags.Load()&^flagsKept | flags&flagsKept)
	f.begin(l, flags)
	return l, nil
}

// sameType: IFF_TUN wins over IFF_TAP for a device to be made, and what exists
// is compared by bit.
func sameType(flags, have uint32) bool {
	switch {
	case flags&uapi.IFF_TUN != 0:
		return have&uapi.IFF_TUN != 0
	case flags&uapi.IFF_TAP != 0:
		return have&uapi.IFF_TAP != 0
	}
	return false
}

// create makes a new interface of n; the caller holds the RTNL.
func (f *File) create(who *sock.Caller, n *netns.Net, name string, flags uint32) (*link, error) {
	if !who.Capable(sock.CapNetAdmin) {
		return nil, errno.EPERM
	}
	switch {
	case flags&uapi.IFF_TUN != 0:
		flags &^= uapi.IFF_TAP
		if name == "" {
			name = "tun%d"
		}
	case flags&uapi.IFF_TAP == 0:
		return nil, errno.EINVAL
	case name == "":
		name = "tap%d"
	}
	l := newLink(n, name, flags)
	if err := l.add(f); err != nil {
		return nil, err
	}
	if err := dev.RegisterIndex(l.d, int(f.index.Load())); err != nil {
		l.remove(f)
		return nil, err
	}
	// They are wanted, and come when TUNSETOFFLOAD allows them.
	if err := dev.ChangeFeatures(l.d, userFeatures, userFeatures); err != nil {
		return nil, err
	}
	f.begin(l, flags)
	return l, nil
}

// begin lets frames flow.
func (f *File) begin(l *link, flags uint32) {
	if flags&uapi.IFF_NO_CARRIER != 0 {
		l.d.CarrierOff()
	} else {
		l.d.CarrierOn()
	}
	f.Notify(nil, uapi.POLLOUT|uapi.POLLWRNORM)
}

// allows reports whether who may attach to the interface (tun_not_capable).
func (l *link) allows(who *sock.Caller) bool {
	if who.Capable(sock.CapNetAdmin) {
		return true
	}
	owner, group := l.owner.Load(), l.group.Load()
	return (owner == noID || who != nil && int64(who.UID) == owner) && (group == noID || who.InGroup(uint32(group), uint32(group)))
}

// setQueue is TUNSETQUEUE: it switches the file's part in a device with several
// queues on or off (tun_set_queue).
func (f *File) setQueue(who *sock.Caller, flags uint16) error {
	f.setup.Lock()
	defer f.setup.Unlock()
	l := f.link.Load()
	on := flags&uapi.IFF_ATTACH_QUEUE != 0
	if l == nil || !on && flags&uapi.IFF_DETACH_QUEUE == 0 {
		return errno.EINVAL
	}
	unlock := dev.LockWith(l.d)
	defer unlock()
	switch {
	case f.link.Load() != l:
		return errno.EINVAL
	case on != f.off.Load():
		return errno.EINVAL
	case !on && l.flags.Load()&uapi.IFF_MULTI_QUEUE == 0:
		return errno.EINVAL
	case on && !l.allows(who):
		return errno.EPERM
	}
	l.enable(f, on)
	if !on {
		f.empty()
	}
	return nil
}
