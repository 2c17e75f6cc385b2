package linen

import (
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"sync"

	"linen/net/dev"
	"linen/net/klog"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// A Net is one network namespace: a host or a router with its own devices,
// addresses, routes, rules, neighbours, sockets and sysctls.
type Net struct {
	kernel *Kernel
	ns     *netns.Net
	name   string
	root   *sock.Caller // who the Go API is: root
	on     []byte       // an option's value 1, never written
	calls  sync.Pool    // of *call
}

// Name returns the name that NewNet was given.
func (n *Net) Name() string { return n.name }

// Namespace returns the Net as the packages of this module know it.
func (n *Net) Namespace() *netns.Net { return n.ns }

// Close ends the namespace: its devices (and the other ends of its links), its
// sockets, everything. It may be called again.
func (n *Net) Close() error {
	n.kernel.forget(n)
	n.ns.Close()
	return nil
}

// Up brings an interface up: `ip link set DEV up`.
func (n *Net) Up(dev string) error { return n.setFlags(dev, uapi.IFF_UP, uapi.IFF_UP) }

// Down brings an interface down: `ip link set DEV down`.
func (n *Net) Down(dev string) error { return n.setFlags(dev, 0, uapi.IFF_UP) }

func (n *Net) setFlags(dev string, flags, mask uint32) error {
	m := netlink.NewMsg(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Put((&uapi.IfInfomsg{Flags: flags, Change: mask}).Append(nil))
	m.String(uapi.IFLA_IFNAME, dev)
	return n.request("set link "+dev, m)
}

// AddAddr gives an interface an address with its prefix length: `ip addr add
// PREFIX dev DEV`. The broadcast address is set as with `brd +` where the
// prefix has one.
func (n *Net) AddAddr(dev string, p netip.Prefix) error {
	index, err := n.index(dev)
	if err != nil {
		return opError("add address", err)
	}
	m := netlink.NewMsg(uapi.RTM_NEWADDR, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE|uapi.NLM_F_EXCL)
	m.Put((&uapi.IfAddrmsg{Family: familyOf(p.Addr()), Prefixlen: uint8(p.Bits()), Index: uint32(index)}).Append(nil))
	m.Addr(uapi.IFA_LOCAL, p.Addr())
	m.Addr(uapi.IFA_ADDRESS, p.Addr())
	if brd, ok := broadcastOf(p); ok {
		m.Addr(uapi.IFA_BROADCAST, brd)
	}
	return n.request("add address "+p.String()+" dev "+dev, m)
}

// broadcastOf returns the last address of an IPv4 prefix that has one to
// spare.
func broadcastOf(p netip.Prefix) (netip.Addr, bool) {
	if !p.Addr().Is4() || p.Bits() > 30 || p.Addr().IsLoopback() {
		return netip.Addr{}, false
	}
	a := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		a[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(a), true
}

// A Route is a route for AddRoute. The zero fields are as if `ip route add`
// were given without them.
type Route struct {
	Dst    netip.Prefix // the destination; the zero Prefix is "default"
	Via    netip.Addr   // the gateway
	Dev    string       // the interface
	Src    netip.Addr   // the preferred source
	Metric int          // lower wins
	Table  int          // routing table; 0: main
}

// AddRoute adds a route: `ip route add DST via VIA dev DEV ...`.
func (n *Net) AddRoute(r Route) error {
	if !r.Dst.IsValid() {
		r.Dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	h := uapi.RtMsg{Family: familyOf(r.Dst.Addr()), DstLen: uint8(r.Dst.Bits()), Table: uapi.RT_TABLE_MAIN,
		Protocol: uapi.RTPROT_BOOT, Type: uapi.RTN_UNICAST}
	if !r.Via.IsValid() {
		h.Scope = uapi.RT_SCOPE_LINK
	}
	m := netlink.NewMsg(uapi.RTM_NEWROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE|uapi.NLM_F_EXCL)
	m.Put((&h).Append(nil))
	if r.Dst.Bits() > 0 {
		m.Addr(uapi.RTA_DST, r.Dst.Masked().Addr())
	}
	if r.Via.IsValid() {
		m.Addr(uapi.RTA_GATEWAY, r.Via)
	}
	if r.Src.IsValid() {
		m.Addr(uapi.RTA_PREFSRC, r.Src)
	}
	if r.Metric != 0 {
		m.U32(uapi.RTA_PRIORITY, uint32(r.Metric))
	}
	if r.Table != 0 {
		m.U32(uapi.RTA_TABLE, uint32(r.Table))
	}
	if r.Dev != "" {
		index, err := n.index(r.Dev)
		if err != nil {
			return opError("add route", err)
		}
		m.U32(uapi.RTA_OIF, uint32(index))
	}
	return n.request("add route "+r.Dst.String(), m)
}

func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return uapi.AF_INET
	}
	return uapi.AF_INET6
}

// index returns the number of the interface called name.
func (n *Net) index(name string) (int, error) {
	if d := dev.ByName(n.ns, name); d != nil {
		return d.Ifindex(), nil
	}
	return 0, errno.ENODEV
}

// Sysctl returns a setting by its dotted name or its path below /proc/sys,
// without the newline: n.Sysctl("net.ipv4.ip_forward"). The error is
// fs.ErrNotExist when there is no such setting.
func (n *Net) Sysctl(name string) (string, error) {
	v, err := sysctl.Of(n.ns).Get(sysctlPath(name))
	if err != nil {
		return "", &fs.PathError{Op: "sysctl", Path: name, Err: err}
	}
	return strings.TrimSuffix(v, "\n"), nil
}

// SetSysctl writes a setting: n.SetSysctl("net.ipv4.ip_forward", "1").
func (n *Net) SetSysctl(name, value string) error {
	if err := sysctl.Of(n.ns).Set(sysctlPath(name), value); err != nil {
		return &fs.PathError{Op: "sysctl -w", Path: name, Err: err}
	}
	return nil
}

// sysctlPath turns "net.ipv4.conf.eth0/1.forwarding" into a path as sysctl(8)
// does: the first separator decides, and the other one stands for itself.
func sysctlPath(name string) string {
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
		swap := strings.NewReplacer(".", "/", "/", ".")
		return swap.Replace(name)
	}
	return name
}

// Drops returns how many packets the Net dropped, by the kernel's name of the
// reason, such as "NO_SOCKET".
func (n *Net) Drops() map[string]uint64 {
	drops := make(map[string]uint64)
	for r, count := range skb.Drops(n.ns) {
		if count > 0 {
			drops[skb.Reason(r).String()] = count
		}
	}
	return drops
}

// A KernelMessage is one entry of a Net's kernel log.
type KernelMessage = klog.Message

// KernelLog returns the last 256 messages that the Net's stack had for people,
// the oldest first: what dmesg(1) shows on Linux, such as packets with
// impossible addresses when net.ipv4.conf.all.log_martians is set.
func (n *Net) KernelLog() []KernelMessage { return klog.Messages(n.ns) }

// An OpError is a configuration step that failed: what it was and why. Err
// holds the errno, for errors.Is; Msg is the extended acknowledgement, if any.
type OpError struct {
	Op  string
	Msg string
	Err error
}

// Error returns what failed and why.
func (e *OpError) Error() string {
	if e.Msg != "" {
		return "linen: " + e.Op + ": " + e.Msg + ": " + e.Err.Error()
	}
	return "linen: " + e.Op + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *OpError) Unwrap() error { return e.Err }

func opError(op string, err error) error {
	if err == nil {
		return nil
	}
	e := &OpError{Op: op, Err: err}
	if ack := (*NetlinkError)(nil); errors.As(err, &ack) {
		e.Err, e.Msg = ack.Errno, ack.Msg
	}
	return e
}
