package inet

import (
	"bytes"
	"encoding/binary"

	"linen/net/dev"
	"linen/net/ethtool"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// sizeofIfconf is the size of struct ifconf: a length and, at 8, a pointer.
const sizeofIfconf = 16

// networkIoctl tries the layers in turn. The caller has followed the pointers
// of an argument: what they point to stands behind it.
func networkIoctl(n *netns.Net, who *sock.Caller, cmd uint32, arg []byte) error {
	admin := who.Capable(sock.CapNetAdmin)
	switch cmd {
	case uapi.SIOCGIFCONF:
		return ifConf(n, arg)
	case uapi.SIOCSARP, uapi.SIOCGARP, uapi.SIOCDARP:
		return ipv4.ArpIoctl(n, cmd, arg, admin)
	case uapi.SIOCADDRT, uapi.SIOCDELRT:
		rt := arg[:min(len(arg), ipv4.RouteEntryLen)]
		device, _, _ := bytes.Cut(arg[len(rt):], []byte{0})
		return ipv4.RouteIoctl(n, cmd, rt, string(device), admin)
	case uapi.SIOCETHTOOL:
		return ethtoolIoctl(n, arg, admin)
	}
	err := ipv4.Ioctl(n, cmd, arg, admin)
	if err == errno.ENOTTY {
		err = dev.Ioctl(n, cmd, arg, admin)
	}
	return err
}

// ifConf answers SIOCGIFCONF (net/core/dev_ioctl.c dev_ifconf): whole struct
// ifreqs into the room behind the struct ifconf, or with a NULL buffer the
// length of them all.
func ifConf(n *netns.Net, arg []byte) error {
	if len(arg) < sizeofIfconf {
		return errno.EFAULT
	}
	all := ipv4.IfConf(n)
	size := len(all)
	if binary.NativeEndian.Uint64(arg[8:]) != 0 {
		const sizeofIfreq = 40
		room := arg[sizeofIfconf:]
		size = copy(room[:len(room)/sizeofIfreq*sizeofIfreq], all)
	}
	binary.NativeEndian.PutUint32(arg, uint32(size))
	return nil
}

// ethtoolIoctl answers SIOCETHTOOL: behind the struct ifreq stands the memory
// that ifr_data points to, with ethtool.Room bytes; instead of the pointer the
// caller then finds how many of them are the answer.
func ethtoolIoctl(n *netns.Net, arg []byte, admin bool) error {
	const sizeofIfreq = 40
	if len(arg) < sizeofIfreq {
		return errno.EFAULT
	}
	got, err := ethtool.Ioctl(n, ethtool.DeviceName(arg), arg[sizeofIfreq:], admin)
	binary.NativeEndian.PutUint64(arg[uapi.IFNAMSIZ:], uint64(got))
	return err
}
