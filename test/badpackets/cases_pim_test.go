package badpackets

import (
	"time"

	"linen/lib/csum"
	"linen/uapi"
)

// PIM's messages (RFC 7761 §4.9).

// pimCheck is how the checksum of a register message is made.
type pimCheck int

const (
	ofHeader pimCheck = iota // as RFC 7761 says
	ofAll                    // as old senders do
	ofNone
)

// register is a register message of PIM version 2: first byte, second word and
// the packet inside.
func register(first byte, flags uint32, check pimCheck, inner []byte) ip {
	b := append([]byte{first, 0, 0, 0, 0, 0, 0, 0}, inner...)
	be.PutUint32(b[4:], flags)
	switch check {
	case ofHeader:
		be.PutUint16(b[2:], csum.Checksum(b[:min(8, len(b))]))
	case ofAll:
		be.PutUint16(b[2:], csum.Checksum(b))
	default:
		be.PutUint16(b[2:], 0x1234)
	}
	return ip{proto: uapi.IPPROTO_PIM, data: b}
}

// registerV1 is one of version 1, in IGMP.
func registerV1(code byte, group uint32, badSum bool, inner []byte) ip {
	b := append([]byte{0x14, code, 0, 0, 0, 0, 0, 0}, inner...)
	be.PutUint32(b[4:], group)
	return ip{badL4: badSum}.summed(uapi.IPPROTO_IGMP, b)
}

// pimCases: which register messages a rendezvous point takes packets from.
func pimCases() (list []testCase) {
	base := with(mrouted, open(uapi.SOCK_RAW, uapi.IPPROTO_PIM, "", ""), registers, routes("10.0.7.7", "239.1.1.1", 2, 0, 1))
	on := with(base, by(0, setIP(uapi.MRT_PIM, 1)))
	add := func(name string, setup []step, p ip) {
		list = append(list, testCase{name: "PIM: " + name, setup: setup, steps: []step{rx(p), shows("ip_mr_vif", 1), interfaceRx("pimreg"), by(1, hears), toDaemon}})
	}
	inside := func(change func(p *ip)) []byte {
		p := ip{src: "10.0.7.7", dst: "239.1.1.1"}.udp(1, 9, seq(8))
		if change != nil {
			change(&p)
		}
		return p.bytes()
	}
	inner := inside(nil)
	add("register", on, register(0x21, 0, ofHeader, inner))
	add("register, checksum of all", on, register(0x21, 0, ofAll, inner))
	add("register, checksum of nothing", on, register(0x21, 0, ofNone, inner))
	add("register, border", on, register(0x21, 0x80000000, ofHeader, inner))
	add("register, null", on, register(0x21, 0x40000000, ofHeader, inner))
	add("register, null and border", on, register(0x21, 0xc0000000, ofHeader, inner))
	add("register, reserved flags", on, register(0x21, 0x3fffffff, ofHeader, inner))
	add("register, reserved byte", on, func() ip { p := register(0x21, 0, ofHeader, inner); p.data[1] = 1; p.data[3]--; return p }())
	add("register, checksum in another's sum", on, func() ip { p := register(0x21, 0, ofHeader, inner); p.data[1] = 1; return p }())
	for _, first := range []byte{0x01, 0x11, 0x20, 0x22, 0x31, 0x2f} {
		add("first byte "+hexByte(first), on, register(first, 0, ofHeader, inner))
	}
	add("register without MRT_PIM", base, register(0x21, 0, ofHeader, inner))
	add("register without the device", with(on, by(0, option(uapi.IPPROTO_IP, uapi.MRT_DEL_VIF, (&uapi.Vifctl{Vifi: 2}).Append(nil)))), register(0x21, 0, ofHeader, inner))
	add("register without a daemon", []step{mrouted[0], daemonSocket, open(uapi.SOCK_RAW, uapi.IPPROTO_PIM, "", "")}, register(0x21, 0, ofHeader, inner))
	add("register of no bytes", on, ip{proto: uapi.IPPROTO_PIM})
	add("register of 8 bytes", on, register(0x21, 0, ofHeader, nil))
	for _, n := range []int{1, 19, 20, 27} {
		add("register with "+hexByte(byte(n))+" bytes inside", on, register(0x21, 0, ofHeader, inner[:n]))
	}
	add("register, more behind it", on, register(0x21, 0, ofHeader, append(inner[:len(inner):len(inner)], 1, 2, 3)))
	add("register, to all PIM routers", on, func() ip { p := register(0x21, 0, ofHeader, inner); p.dst = "224.0.0.13"; return p }())
	for _, c := range []struct {
		name   string
		change func(p *ip)
	}{
		{"unicast", func(p *ip) { p.dst = "10.0.1.2" }}, {"this host's", func(p *ip) { p.dst = "10.0.0.1" }}, {"broadcast", func(p *ip) { p.dst = "255.255.255.255" }}, {"a link-local group", func(p *ip) { p.dst = "224.0.0.50" }},
		{"length 0", func(p *ip) { p.totLen = -1 }}, {"length too great", func(p *ip) { p.totLen = 37 }}, {"length too small", func(p *ip) { p.totLen = 24 }}, {"a bad checksum", func(p *ip) { p.badSum = true }}, {"version 6", func(p *ip) { p.first = 0x65 }}, {"a short header", func(p *ip) { p.first = 0x44 }},
		{"TTL 1", func(p *ip) { p.ttl = 1 }}, {"another group", func(p *ip) { p.dst = "239.1.1.2" }}, {"a register in it", func(p *ip) { *p = register(0x21, 0, ofHeader, inner); p.src, p.dst = "10.0.7.7", "239.1.1.1" }}, {"this host as its source", func(p *ip) { p.src = "10.0.0.1" }},
		{"DF", func(p *ip) { p.frag = df }},
	} {
		add("register of a packet with "+c.name, on, register(0x21, 0, ofHeader, inside(c.change)))
	}
	add("register in fragments", on, ip{}) // replaced below: two packets
	big := register(0x21, 0, ofHeader, inner)
	list[len(list)-1].steps[0] = rx(big.fragment(0, 16, true), big.fragment(16, len(big.data)-16, false))
	hello := ip{dst: "224.0.0.13", ttl: 1}.summed(uapi.IPPROTO_PIM, []byte{0x20, 0, 0, 0, 0, 1, 0, 2, 0, 105})
	add("hello", on, hello)
	add("hello to a member", with(on, routerGroups...), hello)
	add("version 1", on, registerV1(1, 0x10000000, false, inner))
	add("version 1, a wrong checksum", on, registerV1(1, 0x10000000, true, inner))
	add("version 1, code 0", on, registerV1(0, 0x10000000, false, inner))
	add("version 1, code 2", on, registerV1(2, 0x10000000, false, inner))
	add("version 1, group 0", on, registerV1(1, 0, false, inner))
	add("version 1, group 0x20000000", on, registerV1(1, 0x20000000, false, inner))
	add("version 1, short", on, registerV1(1, 0x10000000, false, inner[:19]))
	add("version 1, a packet that is no group's", on, registerV1(1, 0x10000000, false, inside(func(p *ip) { p.dst = "10.0.1.2" })))
	add("version 1 without MRT_PIM", base, registerV1(1, 0x10000000, false, inner))
	add("version 1 without the device", with(mrouted, open(uapi.SOCK_RAW, uapi.IPPROTO_PIM, "", ""), by(0, setIP(uapi.MRT_PIM, 1))), registerV1(1, 0x10000000, false, inner))
	return append(list, querierCases()...)
}

func hexByte(b byte) string {
	const d = "0123456789abcdef"
	return "0x" + string([]byte{d[b>>4], d[b&15]})
}

// querierCases: what IGMP the daemon hears (RFC 3376 §6, RFC 2113).
func querierCases() (list []testCase) {
	alert := []byte{148, 4, 0, 0}
	report := func(typ byte, dst, group string, opts []byte, bad bool) ip {
		b := make([]byte, 8)
		b[0] = typ
		be.PutUint32(b[4:], num(group))
		return ip{dst: dst, ttl: 1, opts: opts, badL4: bad}.summed(uapi.IPPROTO_IGMP, b)
	}
	v3 := func(dst string, opts []byte) ip {
		b := []byte{0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 1, 239, 5, 5, 5, 10, 0, 0, 9}
		return ip{dst: dst, ttl: 1, opts: opts}.summed(uapi.IPPROTO_IGMP, b)
	}
	for _, c := range []struct {
		name string
		p    ip
	}{
		{"report of version 1", report(0x12, "239.5.5.5", "239.5.5.5", nil, false)}, {"report of version 2", report(0x16, "239.5.5.5", "239.5.5.5", alert, false)}, {"report of version 2 without alert", report(0x16, "239.5.5.5", "239.5.5.5", nil, false)},
		{"report, checksum off", report(0x16, "239.5.5.5", "239.5.5.5", alert, true)}, {"report, checksum off, without alert", report(0x16, "239.5.5.5", "239.5.5.5", nil, true)}, {"report of version 3", v3("224.0.0.22", alert)},
		{"report of version 3 to another group", v3("239.5.5.5", alert)}, {"leave", report(0x17, "224.0.0.2", "239.5.5.5", alert, false)}, {"leave to the group", report(0x17, "239.5.5.5", "239.5.5.5", alert, false)}, {"report of a link-local group", report(0x16, "224.0.0.77", "224.0.0.77", alert, false)},
		{"query", report(0x11, "224.0.0.1", "0.0.0.0", alert, false)}, {"query of a group", report(0x11, "239.5.5.5", "239.5.5.5", alert, false)}, {"query to the router", report(0x11, "10.0.0.1", "239.5.5.5", alert, false)}, {"report to the router", report(0x16, "10.0.0.1", "239.5.5.5", alert, false)},
		{"report to another host", report(0x16, "10.0.1.2", "239.5.5.5", alert, false)}, {"trace", report(0x1f, "224.0.0.2", "239.5.5.5", alert, false)}, {"DVMRP to its group", report(0x13, "224.0.0.4", "0.0.0.0", nil, false)},
		{"UDP with alert", ip{dst: "239.1.1.1", opts: alert}.udp(1, 9, seq(8))}, {"a fragment with alert", report(0x16, "239.5.5.5", "239.5.5.5", alert, false).fragment(0, 8, true)}, {"report from 0.0.0.0", func() ip {
			p := report(0x16, "239.5.5.5", "239.5.5.5", alert, false)
			p.src = "0.0.0.0"
			return p
		}()},
	} {
		add := func(name string, setup []step) {
			list = append(list, testCase{name: "querier: " + c.name + name, setup: setup, steps: []step{rx(c.p), toDaemon}})
		}
		add("", with(mrouted, routes("10.0.0.2", "239.5.5.5", 0, 0, 1), routes("10.0.0.2", "239.1.1.1", 0, 0, 1)))
		add(", in its groups", with(mrouted, routerGroups...))
		add(", without a VIF", mrouted[:3])
		add(", no daemon", with(mrouted[:2], routerGroups...))
	}
	return list
}

// routerGroups are those that a querier joins.
var routerGroups = []step{
	sysctl("net.ipv4.conf.eth0.igmpv3_unsolicited_report_interval", "1"), sysctl("net.ipv4.igmp_link_local_mcast_reports", "0"),
	by(0, member("224.0.0.2")), by(0, member("224.0.0.22")), by(0, member("224.0.0.4")), by(0, member("224.0.0.13")), wait(20 * time.Millisecond), toDaemon,
}

// interfaceRx notes what an interface has received.
func interfaceRx(dev string) step {
	return func(r *run) error {
		n, err := counters(r.m)
		for _, c := range []string{"rx_packets", "rx_errors", "rx_dropped"} {
			if v := n[dev+"."+c]; v != 0 {
				r.said = append(r.said, dev+" "+c)
			}
		}
		return err
	}
}
