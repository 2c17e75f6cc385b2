package why_test

import (
	"encoding/binary"
	"time"

	"linen/net/dev"
	"linen/net/sock"
	"linen/uapi"
)

// daemon makes r a router of multicast: VIF 0 is eth0 with the threshold 1,
// VIF 1 eth1 with 8; (10.1.0.2, 239.1.1.1) goes from VIF 0 to 1.
func (x *world) daemon() {
	x.t.Helper()
	s := x.socket(x.r, uapi.SOCK_RAW, uapi.IPPROTO_IGMP, "")
	set := func(name int, v []byte) { x.must(s.Setsockopt(sock.Root(), uapi.IPPROTO_IP, name, v)) }
	set(uapi.MRT_INIT, binary.NativeEndian.AppendUint32(nil, 1))
	for i, name := range []string{"eth0", "eth1"} {
		v := uapi.Vifctl{Vifi: uint16(i), Flags: uapi.VIFF_USE_IFINDEX, Threshold: uint8(1 + 7*i)}
		v.SetIndex(dev.ByName(x.r.Namespace(), name).Ifindex())
		set(uapi.MRT_ADD_VIF, v.Append(nil))
	}
	m := uapi.Mfcctl{Origin: [4]byte{10, 1, 0, 2}, Group: [4]byte{239, 1, 1, 1}}
	m.TTLs[1] = 8
	set(uapi.MRT_ADD_MFC, m.Append(nil))
}

func multicastCases() []lossCase {
	toGroup := func(p packet) packet {
		p.dst, p.mac = "239.1.1.1", "01:00:5e:01:01:01"
		return p
	}
	other := packet{dst: "239.1.1.2", mac: "01:00:5e:01:01:02"}
	return []lossCase{
		{name: "TTL below the VIF's threshold", setup: (*world).daemon, live: from(toGroup(packet{ttl: 5})), reason: "TTL_EXPIRED",
			by: "its TTL is 5: below the threshold of every VIF of (10.1.0.2, 239.1.1.1)", change: "IP_MULTICAST_TTL"},
		{name: "wrong VIF", setup: (*world).daemon, live: func(x *world) { x.inject(x.b, "eth0", toGroup(packet{src: "10.1.0.2", proto: uapi.IPPROTO_UDP})) },
			reason: "MCAST_WRONG_VIF", by: "the entry of (10.1.0.2, 239.1.1.1)|another VIF than eth1", change: "the unicast route back to 10.1.0.2"},
		{name: "no multicast route in time", setup: (*world).daemon, live: func(x *world) { from(other)(x); x.advance(12 * time.Second) },
			reason: "MCAST_NO_DAEMON", by: "no entry of `ip mroute` for (10.1.0.2, 239.1.1.2)", change: "routing daemon on r"},
		{name: "too many wait for a multicast route", setup: (*world).daemon, live: func(x *world) {
			for range 6 {
				from(other)(x)
			}
		}, reason: "MCAST_QUEUE", by: "wait for an entry of (10.1.0.2, 239.1.1.2)", change: "routing daemon on r"},
	}
}

// segmentCases are what listeners and reassembly refuse; test/badpackets has a
// case for each reason.
func segmentCases() []lossCase {
	return []lossCase{
		{name: "fragments overlap", live: func(x *world) {
			p := packet{dst: "10.1.0.1", frag: 0x2000, payload: 56}
			from(p)(x)
			p.frag = 0x2000 | 4
			from(p)(x)
		}, reason: "FRAG_OVERLAP", by: "overlaps another fragment", change: "sender"},
		{name: "fragment twice", live: func(x *world) {
			p := packet{dst: "10.1.0.1", frag: 0x2000, payload: 56}
			from(p)(x)
			from(p)(x)
		}, reason: "DUP_FRAG", by: "the same bytes of the packet came before", change: "sender"},
	}
}
