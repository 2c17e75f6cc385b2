package ipv4

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"

	"linen/net/dev"
	"linen/net/dst"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// Layout of struct ifreq with an address: the name, then a sockaddr_in.
const (
	ifrAddr  = uapi.IFNAMSIZ
	ifreqLen = 40
)

// Ioctl answers the ioctls about a device's addresses (SIOC[GS]IFADDR,
// BRDADDR, DSTADDR, NETMASK, and SIOCSIFFLAGS of an alias) on arg, a struct
// ifreq, which it changes in place (devinet_ioctl). admin says that the caller
// has CAP_NET_ADMIN. ENOTTY means that the request is none of these. The caller
// holds no RTNL.
func Ioctl(n *netns.Net, cmd uint32, arg []byte, admin bool) error {
	set := false
	switch cmd {
	case uapi.SIOCGIFADDR, uapi.SIOCGIFBRDADDR, uapi.SIOCGIFDSTADDR, uapi.SIOCGIFNETMASK:
	case uapi.SIOCSIFADDR, uapi.SIOCSIFBRDADDR, uapi.SIOCSIFDSTADDR, uapi.SIOCSIFNETMASK:
		set = true
	case uapi.SIOCSIFFLAGS:
		return aliasFlags(n, arg, admin)
	default:
		return errno.ENOTTY
	}
	if len(arg) < ifreqLen {
		return errno.EFAULT
	}
	family := binary.NativeEndian.Uint16(arg[ifrAddr:])
	if set {
		if !admin {
			return errno.EPERM
		}
		if family != uapi.AF_INET {
			return errno.EINVAL
		}
	}
	n.Lock()
	defer n.Unlock()
	label := nameOf(arg[:uapi.IFNAMSIZ])
	name, _, alias := strings.Cut(label, ":")
	d := dev.ByName(n, name)
	if d == nil {
		return errno.ENODEV
	}
	in := InDev(d)
	given := binary.BigEndian.Uint32(arg[ifrAddr+4:])
	a := in.labelled(label, given, family == uapi.AF_INET && !set)
	if a == nil && cmd != uapi.SIOCSIFADDR {
		return errno.EADDRNOTAVAIL
	}
	if in == nil {
		return errno.ENOBUFS
	}
	if set {
		if !alias {
			label = d.Name()
		}
		return in.ioctlSet(cmd, a, label, given)
	}
	putAddr(arg[ifrAddr:], map[uint32]uint32{
		uapi.SIOCGIFADDR: a.Local, uapi.SIOCGIFBRDADDR: a.Broadcast,
		uapi.SIOCGIFDSTADDR: a.Address, uapi.SIOCGIFNETMASK: mask(a.PrefixLen),
	}[cmd])
	return nil
}

// aliasFlags is SIOCSIFFLAGS of a label such as eth0:1: an alias that is taken
// down loses its address, the device stays as it is. ENOTTY: the name is a
// device's.
func aliasFlags(n *netns.Net, arg []byte, admin bool) error {
	if len(arg) < ifreqLen {
		return errno.EFAULT
	}
	label := nameOf(arg[:uapi.IFNAMSIZ])
	name, _, alias := strings.Cut(label, ":")
	switch {
	case !alias:
		return errno.ENOTTY
	case !admin:
		return errno.EPERM
	}
	n.Lock()
	defer n.Unlock()
	d := dev.ByName(n, name)
	if d == nil {
		return errno.ENODEV
	}
	in := InDev(d)
	a := in.labelled(label, 0, false)
	if a == nil {
		return errno.EADDRNOTAVAIL
	}
	if binary.NativeEndian.Uint16(arg[ifrAddr:])&uapi.IFF_UP == 0 {
		in.deleteAddr(a, nil)
	}
	return nil
}

// nameOf returns the text of a name field.
func nameOf(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

// putAddr writes a struct sockaddr_in.
func putAddr(b []byte, addr uint32) {
	clear(b[:16])
	binary.NativeEndian.PutUint16(b, uapi.AF_INET)
	binary.BigEndian.PutUint32(b[4:], addr)
}

// labelled returns the first address with a label, the one that is addr if
// that is asked for and there; nil when there is none.
func (in *InDevice) labelled(label string, addr uint32, match bool) *IfAddr {
	if in == nil {
		return nil
	}
	var first *IfAddr
	for _, a := range in.Addrs() {
		if a.Label != label {
			continue
		}
		if match && a.Local == addr {
			return a
		}
		if first == nil {
			first = a
		}
	}
	return first
}

// classLen returns the prefix length of an address's class, -1 when it cannot
// be a host's (inet_abc_len; RFC 791 §3.2).
func classLen(a uint32) int {
	switch {
	case a == 0 || a == addrBroadcast:
		return 0
	case a>>31 == 0:
		return 8
	case a>>30 == 2:
		return 16
	case a>>29 == 6:
		return 24
	case a>>28 == 0xf:
		return 32
	}
	return -1
}

// ioctlSet gives the device the address a changed as cmd asks: the old one
// goes and the new one comes.
func (in *InDevice) ioctlSet(cmd uint32, old *IfAddr, label string, v uint32) error {
	now := in.st.n.Kernel().Now()
	a := IfAddr{Label: label}
	if old != nil {
		a = *old
	}
	switch cmd {
	case uapi.SIOCSIFADDR:
		plen := classLen(v)
		if plen < 0 {
			return errno.EINVAL
		}
		if old != nil && old.Local == v {
			return nil
		}
		a.Local, a.Address, a.Broadcast, a.Scope, a.PrefixLen = v, v, 0, uapi.RT_SCOPE_UNIVERSE, 32
		if in.dev.Flags()&uapi.IFF_POINTOPOINT == 0 {
			a.PrefixLen = uint8(plen)
			if in.dev.Flags()&uapi.IFF_BROADCAST != 0 && plen < 31 {
				a.Broadcast = v | ^mask(a.PrefixLen)
			}
		}
	case uapi.SIOCSIFBRDADDR:
		if a.Broadcast == v {
			return nil
		}
		a.Broadcast = v
	case uapi.SIOCSIFDSTADDR:
		if a.Address == v {
			return nil
		}
		if classLen(v) < 0 {
			return errno.EINVAL
		}
		a.Address = v
	case uapi.SIOCSIFNETMASK:
		plen := bits.OnesCount32(v)
		if v != mask(uint8(plen)) {
			return errno.EINVAL
		}
		if a.PrefixLen == uint8(plen) {
			return nil
		}
		was := mask(a.PrefixLen)
		a.PrefixLen = uint8(plen)
		if in.dev.Flags()&uapi.IFF_BROADCAST != 0 && plen < 31 && a.Broadcast == a.Local|^was {
			a.Broadcast = a.Local | ^v
		}
	}
	if old != nil {
		in.deleteAddr(old, nil)
	}
	in.setForever()
	if isLoopback(a.Local) {
		a.Scope = uapi.RT_SCOPE_HOST
	}
	a.setLifetimes(lifeForever, lifeForever, now)
	err := in.insertAddr(&a, nil)
	if cmd == uapi.SIOCSIFNETMASK {
		return nil // an address that exists with the new mask swallows this one, and nobody hears
	}
	return err
}

// IfConf returns the struct ifreqs that SIOCGIFCONF lists: one for each
// address (inet_gifconf).
func IfConf(n *netns.Net) []byte {
	var all []byte
	for _, d := range dev.List(n) {
		in := InDev(d)
		if in == nil {
			continue
		}
		for _, a := range in.Addrs() {
			var r [ifreqLen]byte
			copy(r[:uapi.IFNAMSIZ-1], a.Label)
			putAddr(r[ifrAddr:], a.Local)
			all = append(all, r[:]...)
		}
	}
	return all
}

// Offsets in struct rtentry on 64-bit machines (linux/route.h).
const (
	rtDst     = 8
	rtGateway = 24
	rtGenmask = 40
	rtFlags   = 56
	rtMetric  = 80
	rtMTU     = 96
	rtWindow  = 104
	rtIRTT    = 112

	// RouteEntryLen is the size of struct rtentry in bytes.
	RouteEntryLen = 120
)

// RouteIoctl adds (SIOCADDRT) or deletes (SIOCDELRT) the route of a struct
// rtentry; device is the name that its rt_dev points to, or "" (ip_rt_ioctl).
func RouteIoctl(n *netns.Net, cmd uint32, rt []byte, device string, admin bool) error {
	if cmd != uapi.SIOCADDRT && cmd != uapi.SIOCDELRT {
		return errno.ENOTTY
	}
	if !admin {
		return errno.EPERM
	}
	if len(rt) < RouteEntryLen {
		return errno.EFAULT
	}
	st := of(n)
	n.Lock()
	defer n.Unlock()
	cfg, err := st.routeEntry(cmd, rt, device)
	if err != nil {
		return err
	}
	if cmd == uapi.SIOCDELRT {
		return st.deleteRoute(cfg, nil)
	}
	return st.insertRoute(cfg, nil)
}

// routeEntry turns a struct rtentry into a configuration
// (rtentry_to_fib_config).
func (st *state) routeEntry(cmd uint32, rt []byte, device string) (*routeConfig, error) {
	family := func(at int) uint16 { return binary.NativeEndian.Uint16(rt[at:]) }
	addr := func(at int) uint32 { return binary.BigEndian.Uint32(rt[at+4:]) }
	if family(rtDst) != uapi.AF_INET {
		return nil, errno.EAFNOSUPPORT
	}
	cfg := &routeConfig{dst: addr(rtDst), plen: 32, table: uapi.RT_TABLE_MAIN}
	flags := binary.NativeEndian.Uint16(rt[rtFlags:])
	if flags&uapi.RTF_HOST == 0 {
		m := addr(rtGenmask)
		if family(rtGenmask) != uapi.AF_INET && (m != 0 || family(rtGenmask) != 0) {
			return nil, errno.EAFNOSUPPORT
		}
		cfg.plen = uint8(bits.OnesCount32(m))
		if m != mask(cfg.plen) || cfg.dst&^m != 0 {
			return nil, errno.EINVAL
		}
	}
	if cmd == uapi.SIOCADDRT {
		cfg.nlFlags, cfg.proto = uapi.NLM_F_CREATE, uapi.RTPROT_BOOT
	}
	if m := binary.NativeEndian.Uint16(rt[rtMetric:]); m != 0 {
		cfg.priority = uint32(m) - 1
	}
	if flags&uapi.RTF_REJECT != 0 {
		cfg.scope, cfg.typ = uapi.RT_SCOPE_HOST, uapi.RTN_UNREACHABLE
		return cfg, nil
	}
	cfg.scope = uapi.RT_SCOPE_NOWHERE
	hop := hopConfig{weight: 1}
	if device != "" {
		if err := st.entryDevice(cfg, &hop, device); err != nil {
			return nil, err
		}
	}
	if gw := addr(rtGateway); family(rtGateway) == uapi.AF_INET && gw != 0 {
		hop.gwFamily, hop.gw = uapi.AF_INET, gw
		if flags&uapi.RTF_GATEWAY != 0 && st.addrType(gw, nil, nil) == uapi.RTN_UNICAST {
			cfg.scope = uapi.RT_SCOPE_UNIVERSE
		}
	}
	if hop.oif != 0 || hop.gwFamily != 0 {
		cfg.hops = []hopConfig{hop}
	}
	if cmd == uapi.SIOCDELRT {
		return cfg, nil
	}
	if flags&uapi.RTF_GATEWAY != 0 && hop.gwFamily == 0 {
		return nil, errno.EINVAL
	}
	if cfg.scope == uapi.RT_SCOPE_NOWHERE {
		cfg.scope = uapi.RT_SCOPE_LINK
	}
	cfg.typ = uapi.RTN_UNICAST
	cfg.metrics = entryMetrics(rt, flags)
	return cfg, nil
}

// entryDevice looks the route's device up; a name with a colon is an address's
// label, which makes that the preferred source.
func (st *state) entryDevice(cfg *routeConfig, hop *hopConfig, label string) error {
	name, _, alias := strings.Cut(label, ":")
	d := dev.ByName(st.n, name)
	if d == nil {
		return errno.ENODEV
	}
	hop.oif = d.Ifindex()
	if alias {
		a := InDev(d).labelled(label, 0, false)
		if a == nil {
			return errno.ENODEV
		}
		cfg.prefsrc = a.Local
	}
	return nil
}

// entryMetrics returns the metrics of a struct rtentry, or nil.
func entryMetrics(rt []byte, flags uint16) *dst.Metrics {
	m := new(dst.Metrics)
	if flags&uapi.RTF_MTU != 0 {
		m.Set(uapi.RTAX_ADVMSS, uint32(binary.NativeEndian.Uint64(rt[rtMTU:]))-40)
	}
	if flags&uapi.RTF_WINDOW != 0 {
		m.Set(uapi.RTAX_WINDOW, uint32(binary.NativeEndian.Uint64(rt[rtWindow:])))
	}
	if flags&uapi.RTF_IRTT != 0 {
		m.Set(uapi.RTAX_RTT, uint32(binary.NativeEndian.Uint16(rt[rtIRTT:]))<<3)
	}
	if m.Empty() {
		return nil
	}
	return m
}
