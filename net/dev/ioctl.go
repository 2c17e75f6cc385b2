package dev

import (
	"bytes"
	"encoding/binary"
	"strings"

	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// IfreqLen is the size of struct ifreq on 64-bit machines, bytes.
const IfreqLen = 40

// ifreq is a struct ifreq: a name, then what the request is about.
type ifreq []byte

func (r ifreq) name() string {
	name, _, _ := bytes.Cut(r[:uapi.IFNAMSIZ-1], []byte{0})
	s, _, _ := strings.Cut(string(name), ":") // an alias means its device
	return s
}

func (r ifreq) setName(s string) {
	clear(r[:uapi.IFNAMSIZ])
	copy(r[:uapi.IFNAMSIZ-1], s)
}

func (r ifreq) data() []byte   { return r[uapi.IFNAMSIZ:] }
func (r ifreq) value() int     { return int(int32(binary.NativeEndian.Uint32(r.data()))) }
func (r ifreq) setValue(v int) { binary.NativeEndian.PutUint32(r.data(), uint32(v)) }
func (r ifreq) short() uint16  { return binary.NativeEndian.Uint16(r.data()) }
func (r ifreq) setShort(v uint16) {
	binary.NativeEndian.PutUint16(r.data(), v)
}

// Ioctl answers a device ioctl (SIOC*IF*) on ifr, a struct ifreq, which it
// changes in place (dev_ioctl). admin says that the caller has CAP_NET_ADMIN.
// ENOTTY means that the request is not one of this package: those about
// addresses are ipv4's. The caller holds no RTNL.
func Ioctl(n *netns.Net, cmd uint32, ifr []byte, admin bool) error {
	if len(ifr) < IfreqLen {
		return errno.EFAULT
	}
	r := ifreq(ifr[:IfreqLen])
	if admin && cmd != uapi.SIOCGIFNAME {
		autoload(n, r.name())
	}
	switch cmd {
	case uapi.SIOCGIFNAME:
		d := ByIndex(n, r.value())
		if d == nil {
			return errno.ENODEV
		}
		r.setName(d.Name())
		return nil
	case uapi.SIOCGIFFLAGS, uapi.SIOCGIFMETRIC, uapi.SIOCGIFMTU, uapi.SIOCGIFHWADDR, uapi.SIOCGIFSLAVE,
		uapi.SIOCGIFMAP, uapi.SIOCGIFINDEX, uapi.SIOCGIFTXQLEN:
		d := ByName(n, r.name())
		if d == nil {
			return errno.ENODEV
		}
		return ioctlGet(d, cmd, r)
	case uapi.SIOCSIFFLAGS, uapi.SIOCSIFMETRIC, uapi.SIOCSIFMTU, uapi.SIOCSIFHWADDR, uapi.SIOCSIFSLAVE,
		uapi.SIOCADDMULTI, uapi.SIOCDELMULTI, uapi.SIOCSIFHWBROADCAST, uapi.SIOCSIFTXQLEN,
		uapi.SIOCSIFMAP, uapi.SIOCSIFNAME:
		if !admin {
			return errno.EPERM
		}
		n.Lock()
		defer n.Unlock()
		d := ByName(n, r.name())
		if d == nil {
			return errno.ENODEV
		}
		return ioctlSet(d, cmd, r)
	case uapi.SIOCGIFMEM, uapi.SIOCSIFMEM, uapi.SIOCSIFLINK:
		return errno.EINVAL
	}
	if cmd >= uapi.SIOCDEVPRIVATE && cmd <= uapi.SIOCDEVPRIVATE+15 {
		return privateIoctl(n, cmd, r, ifr[IfreqLen:], admin)
	}
	return errno.ENOTTY
}

// privateIoctl does a driver's own request; mem is what ifr_data points to
// (dev_siocdevprivate). Tunnels' are the only ones there are.
func privateIoctl(n *netns.Net, cmd uint32, r ifreq, mem []byte, admin bool) error {
	p, given := uapi.ParseIPTunnelParm(mem)
	d, f, unlock, err := lockTunnels(n, r.name(), &p)
	defer unlock()
	switch {
	case err != nil:
		return err
	case !given:
		return errno.EFAULT
	}
	if err := f.TunnelCtl(d, cmd, &p, admin); err != nil {
		return err
	}
	p.Append(mem[:0])
	return nil
}

// lockTunnels finds the tunnel's device called name, and takes the RTNLs that a
// request to it needs, and always n's.
func lockTunnels(n *netns.Net, name string, p *uapi.IPTunnelParm) (d *Device, f Tunneller, unlock func(), err error) {
	nets := []*netns.Net{n}
	for {
		unlock = netns.LockAll(nets...)
		if d = ByName(n, name); d == nil {
			return nil, nil, unlock, errno.ENODEV
		}
		var ok bool
		if f, ok = d.Ops.(Tunneller); !ok {
			return d, nil, unlock, errno.EOPNOTSUPP
		}
		stable := true
		for _, o := range f.TunnelNets(d, p) {
			if !contains(nets, o) {
				nets, stable = append(nets, o), false
			}
		}
		if stable {
			return d, f, unlock, nil
		}
		unlock()
	}
}

// SetAutoload has load make the device called name when somebody asks for it by
// that name and there is none, at the init of its driver (dev_load: the module
// "netdev-NAME"). load is called with the RTNL held.
func SetAutoload(n *netns.Net, name string, load func()) {
	s := stateOf(n)
	s.loads = append(s.loads, autoloader{name, load})
}

// autoloader makes a device at its first use.
type autoloader struct {
	name string
	load func()
}

// Autoload returns the device called name, made if there is somebody to make it,
// or nil. The caller holds the RTNL.
func Autoload(n *netns.Net, name string) *Device {
	for _, a := range stateOf(n).loads {
		if a.name == name && ByName(n, name) == nil {
			a.load()
		}
	}
	return ByName(n, name)
}

// autoload does so for the ioctl of a privileged program.
func autoload(n *netns.Net, name string) {
	for _, a := range stateOf(n).loads {
		if a.name == name && ByName(n, name) == nil {
			n.Lock()
			Autoload(n, name)
			n.Unlock()
		}
	}
}

// ioctlGet reads (dev_ifsioc_locked).
func ioctlGet(d *Device, cmd uint32, r ifreq) error {
	switch cmd {
	case uapi.SIOCGIFFLAGS:
		r.setShort(uint16(d.Flags()))
	case uapi.SIOCGIFMETRIC:
		r.setValue(0) // always, in the kernel too
	case uapi.SIOCGIFMTU:
		r.setValue(d.MTU())
	case uapi.SIOCGIFHWADDR:
		clear(r.data()[:16])
		r.setShort(d.Type)
		copy(r.data()[2:16], d.Addr())
	case uapi.SIOCGIFMAP:
		clear(r.data())
	case uapi.SIOCGIFINDEX:
		r.setValue(d.Ifindex())
	case uapi.SIOCGIFTXQLEN:
		r.setValue(d.TxQueueLen())
	default: // SIOCGIFSLAVE
		return errno.EINVAL
	}
	return nil
}

// ioctlSet changes; the RTNL is held (dev_ifsioc).
func ioctlSet(d *Device, cmd uint32, r ifreq) error {
	switch cmd {
	case uapi.SIOCSIFFLAGS:
		return ChangeFlags(d, uint32(r.short()))
	case uapi.SIOCSIFMTU:
		return ChangeMTU(d, r.value())
	case uapi.SIOCSIFHWADDR:
		if r.short() != d.Type {
			return errno.EINVAL
		}
		return SetAddr(d, r.data()[2:16])
	case uapi.SIOCSIFHWBROADCAST:
		if r.short() != d.Type {
			return errno.EINVAL
		}
		return SetBroadcast(d, r.data()[2:16])
	case uapi.SIOCADDMULTI, uapi.SIOCDELMULTI:
		if r.short() != uapi.AF_UNSPEC || d.AddrLen == 0 {
			return errno.EINVAL
		}
		addr := r.data()[2 : 2+min(d.AddrLen, 14)]
		if cmd == uapi.SIOCADDMULTI {
			return d.listAdd(&d.lists.mc, addr, true)
		}
		return d.listDel(&d.lists.mc, addr, true)
	case uapi.SIOCSIFTXQLEN:
		if r.value() < 0 {
			return errno.EINVAL
		}
		return ChangeTxQueueLen(d, r.value())
	case uapi.SIOCSIFNAME:
		name, _, _ := bytes.Cut(r.data()[:uapi.IFNAMSIZ-1], []byte{0})
		return Rename(d, string(name))
	}
	return errno.EOPNOTSUPP // SIOCSIFMETRIC, SIOCSIFMAP, SIOCSIFSLAVE
}
