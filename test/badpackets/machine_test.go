package badpackets

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"linen/net/netlink"
	"linen/uapi"
	"linen/wire"
)

// A machine is the host that packets are shown to: lo, eth0 and eth1, whose
// wires end in the test.
type machine interface {
	// ask sends a request of rtnetlink and waits for its acknowledgement.
	ask(m *netlink.Msg) error
	// index is an interface's.
	index(name string) int
	// sysctl sets net.ipv4.ip_forward and the like.
	sysctl(name, value string) error
	// read returns /proc/net/NAME.
	read(name string) (string, error)
	// socket makes a socket of AF_INET.
	socket(typ, proto int) (socket, error)
	// send gives an interface a frame.
	send(dev int, frame []byte)
	// heard returns the frames that were sent since it was last called.
	heard() []sent
	// wait lets time pass.
	wait(d time.Duration)
	// watch begins to note drops; waits says that timers will make some.
	watch(waits bool) error
	// drops returns the reasons of those since, in no order.
	drops() ([]string, error)
	// monitor makes a socket of rtnetlink, which is in multicast groups.
	monitor(groups ...int) (monitor, error)
	// close ends it.
	close()
}

// A socket is one of the machine's.
type socket interface {
	bind(to netip.AddrPort) error
	connect(to netip.AddrPort) error
	listen(backlog int) error
	option(level, name int, v []byte) error
	sendto(to netip.AddrPort, p []byte) error
	recv() error // one message, without waiting
	close() error

	// sendmsg sends p with control messages, to the peer if to is the zero AddrPort.
	sendmsg(to netip.AddrPort, p, control []byte) error
	// recvmsg receives up to len(p) bytes, and the control messages.
	recvmsg(p []byte, flags int) (n int, from netip.AddrPort, control []byte, err error)
	// get reads an option of at most len(v) bytes.
	get(level, name int, v []byte) (int, error)
	// name is the own address.
	name() (netip.AddrPort, error)
}

// sent is a frame of the machine's.
type sent struct {
	dev   int
	frame []byte
}

// The link addresses: the machine's, and those of the neighbours that it knows.
var (
	hostMAC = [2]wire.MAC{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 1, 1}}
	peerMAC = [2]wire.MAC{{2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 1, 2}}
	gateMAC = wire.MAC{2, 0, 0, 0, 0, 3}
)

const (
	request = uapi.NLM_F_REQUEST | uapi.NLM_F_ACK
	create  = request | uapi.NLM_F_CREATE
)

// configure gives the machine its addresses and neighbours: 10.0.N.1/24 on
// ethN, and 10.0.N.2 there; 10.0.0.3 is another router on eth0.
func configure(m machine) error {
	if err := m.ask(linkMsg(m.index("lo"), nil, 0)); err != nil {
		return err
	}
	for i, name := range [...]string{"eth0", "eth1"} {
		dev, host := m.index(name), [4]byte{10, 0, byte(i), 1}
		peer := [4]byte{10, 0, byte(i), 2}
		list := []*netlink.Msg{linkMsg(dev, hostMAC[i][:], 0), linkMsg(dev, nil, 1500), addrMsg(dev, host, 24), neighMsg(dev, peer, peerMAC[i])}
		if i == 0 {
			list = append(list, neighMsg(dev, [4]byte{10, 0, 0, 3}, gateMAC))
		}
		for _, msg := range list {
			if err := m.ask(msg); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// linkMsg sets an interface's address while it is down, or sets it up.
func linkMsg(dev int, mac []byte, mtu uint32) *netlink.Msg {
	m := netlink.NewMsg(uapi.RTM_NEWLINK, request)
	hdr := uapi.IfInfomsg{Index: int32(dev)}
	if mac == nil {
		hdr.Flags, hdr.Change = uapi.IFF_UP, uapi.IFF_UP
	}
	m.Put(hdr.Append(nil))
	if mac != nil {
		m.Attr(uapi.IFLA_ADDRESS, mac)
	}
	if mtu != 0 {
		m.U32(uapi.IFLA_MTU, mtu)
	}
	return m
}

func addrMsg(dev int, a [4]byte, bits uint8) *netlink.Msg {
	m := netlink.NewMsg(uapi.RTM_NEWADDR, create)
	m.Put((&uapi.IfAddrmsg{Family: uapi.AF_INET, Prefixlen: bits, Index: uint32(dev)}).Append(nil))
	m.Attr(uapi.IFA_LOCAL, a[:])
	m.Attr(uapi.IFA_ADDRESS, a[:])
	a[3] = 255
	m.Attr(uapi.IFA_BROADCAST, a[:])
	return m
}

func neighMsg(dev int, a [4]byte, mac wire.MAC) *netlink.Msg {
	m := netlink.NewMsg(uapi.RTM_NEWNEIGH, create|uapi.NLM_F_REPLACE)
	m.Put((&uapi.NdMsg{Family: uapi.AF_INET, Ifindex: int32(dev), State: uapi.NUD_PERMANENT}).Append(nil))
	m.Attr(uapi.NDA_DST, a[:])
	m.Attr(uapi.NDA_LLADDR, mac[:])
	return m
}

// routeMsg is `ip route add TYPE DST via GATEWAY`; "" is no gateway.
func routeMsg(typ uint8, dst, via string) *netlink.Msg {
	p := netip.MustParsePrefix(dst)
	m := netlink.NewMsg(uapi.RTM_NEWROUTE, create)
	hdr := uapi.RtMsg{Family: uapi.AF_INET, DstLen: uint8(p.Bits()), Table: uapi.RT_TABLE_MAIN, Protocol: uapi.RTPROT_BOOT, Type: typ}
	m.Put(hdr.Append(nil))
	m.Addr(uapi.RTA_DST, p.Addr())
	if via != "" {
		m.Addr(uapi.RTA_GATEWAY, netip.MustParseAddr(via))
	}
	return m
}

// ackError returns what an answer of netlink says: 0, or an errno.
func ackError(b []byte) (int, error) {
	if len(b) < 20 || binary.NativeEndian.Uint16(b[4:]) != uapi.NLMSG_ERROR {
		return 0, fmt.Errorf("no acknowledgement: %x", b)
	}
	return int(-int32(binary.NativeEndian.Uint32(b[16:]))), nil
}
