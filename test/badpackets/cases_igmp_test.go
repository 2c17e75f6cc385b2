package badpackets

import (
	"time"

	"linen/uapi"
)

// answerCases: which queries a member answers, and which reports spare it the
// answer (RFC 2236 §3, RFC 3376 §4.1, §5.2). Answers are due in 0.1 s.
func answerCases() (list []testCase) {
	setup := []step{
		sysctl("net.ipv4.conf.eth0.igmpv3_unsolicited_report_interval", "1"), sysctl("net.ipv4.conf.eth0.igmpv2_unsolicited_report_interval", "1"),
		open(uapi.SOCK_DGRAM, 0, "0.0.0.0:9", ""), member("239.5.5.5"), wait(30 * time.Millisecond),
	}
	due := wait(160 * time.Millisecond)
	alert := []byte{148, 4, 0, 0}
	// query has n bytes: version 1 (code 0) or 2 with 8, 3 with 12 and more.
	query := func(n int, code byte, group string, p ip, more ...byte) ip {
		b := make([]byte, max(n, 12))
		b[0], b[1] = 0x11, code
		be.PutUint32(b[4:], num(group))
		b = append(b[:n], more...)
		if p.dst == "" {
			p.dst = "224.0.0.1"
		}
		if p.ttl == 0 {
			p.ttl = 1
		}
		if p.opts == nil {
			p.opts = alert
		}
		return p.summed(uapi.IPPROTO_IGMP, b)
	}
	none, group := "0.0.0.0", "239.5.5.5"
	add := func(name string, steps ...step) {
		list = append(list, testCase{name: "IGMP answer: " + name, setup: setup, steps: append(steps, due, shows("igmp", 1))})
	}
	for _, v := range []struct {
		name string
		n    int
	}{{"version 2", 8}, {"version 3", 12}} {
		n := v.n
		add(v.name, rx(query(n, 1, none, ip{})))
		add(v.name+", the group", rx(query(n, 1, group, ip{dst: group})))
		add(v.name+", another group", rx(query(n, 1, "239.5.5.6", ip{})))
		add(v.name+", the group to all systems", rx(query(n, 1, group, ip{})))
		add(v.name+", all groups to the group", rx(query(n, 1, none, ip{dst: group})))
		add(v.name+", to the host", rx(query(n, 1, none, ip{dst: "10.0.0.1"})))
		add(v.name+", to another host", rx(query(n, 1, none, ip{dst: "10.0.0.9"})))
		add(v.name+", to a group that nobody joined", rx(query(n, 1, none, ip{dst: "239.5.5.6"})))
		add(v.name+", TTL 64", rx(query(n, 1, none, ip{ttl: 64})))
		add(v.name+", without alert", rx(query(n, 1, none, ip{opts: []byte{1, 1, 1, 1}})))
		add(v.name+", checksum off", rx(query(n, 1, none, ip{badL4: true})))
		add(v.name+", from 0.0.0.0", rx(query(n, 1, none, ip{src: "0.0.0.0"})))
		add(v.name+", from another network", rx(query(n, 1, none, ip{src: "192.0.2.1"})))
		add(v.name+", a group that is none", rx(query(n, 1, "10.1.1.1", ip{})))
		add(v.name+", in fragments", rx(query(n, 1, none, ip{}).fragment(0, 8, n > 8), query(n, 1, none, ip{}).fragment(8*(n/12), n-8*(n/12), false)))
	}
	for _, n := range []int{0, 1, 7, 9, 11} {
		add("of "+hexByte(byte(n))+" bytes", rx(query(n, 1, none, ip{})))
	}
	add("version 3, a source", rx(query(12, 1, group, ip{}, 10, 0, 0, 9)))
	add("version 3, more behind it", rx(query(12, 1, none, ip{}, 10, 0, 0, 9)))
	sources := func(n byte, more ...byte) ip {
		b := []byte{0x11, 1, 0, 0, 239, 5, 5, 5, 0, 0, 0, n}
		return ip{dst: group, ttl: 1, opts: alert}.summed(uapi.IPPROTO_IGMP, append(b, more...))
	}
	add("version 3, 1 source", rx(sources(1, 10, 0, 0, 9)))
	add("version 3, 2 sources in 1", rx(sources(2, 10, 0, 0, 9)))
	add("version 3, 0 sources in 1", rx(sources(0, 10, 0, 0, 9)))
	sourceOf := func(option int, a byte) step { // struct ip_mreq_source
		return func(r *run) error {
			return r.socks[0].option(uapi.IPPROTO_IP, option, []byte{239, 5, 5, 5, 10, 0, 0, 1, 10, 0, 0, a})
		}
	}
	for _, c := range []struct {
		name string
		join []step
	}{
		{"excludes 9", []step{sourceOf(uapi.IP_BLOCK_SOURCE, 9)}}, {"excludes 9 and 8", []step{sourceOf(uapi.IP_BLOCK_SOURCE, 9), sourceOf(uapi.IP_BLOCK_SOURCE, 8)}},
		{"includes 9", []step{option(uapi.IPPROTO_IP, uapi.IP_DROP_MEMBERSHIP, []byte{239, 5, 5, 5, 10, 0, 0, 1}), sourceOf(uapi.IP_ADD_SOURCE_MEMBERSHIP, 9)}},
		{"includes 9 and 8", []step{option(uapi.IPPROTO_IP, uapi.IP_DROP_MEMBERSHIP, []byte{239, 5, 5, 5, 10, 0, 0, 1}), sourceOf(uapi.IP_ADD_SOURCE_MEMBERSHIP, 9), sourceOf(uapi.IP_ADD_SOURCE_MEMBERSHIP, 8)}},
	} {
		for _, q := range []struct {
			name string
			rx   step
		}{
			{"9", rx(sources(1, 10, 0, 0, 9))}, {"7", rx(sources(1, 10, 0, 0, 7))}, {"9 and 8", rx(sources(2, 10, 0, 0, 9, 10, 0, 0, 8))}, {"9 and 7", rx(sources(2, 10, 0, 0, 9, 10, 0, 0, 7))},
			{"9, then 8", rx(sources(1, 10, 0, 0, 9), sources(1, 10, 0, 0, 8))}, {"9, then all", rx(sources(1, 10, 0, 0, 9), query(12, 1, group, ip{dst: group}))}, {"all, then 9", rx(query(12, 1, group, ip{dst: group}), sources(1, 10, 0, 0, 9))},
		} {
			list = append(list, testCase{name: "IGMP answer: " + c.name + ", asked for " + q.name, setup: with(setup, append(c.join, wait(60*time.Millisecond))...), steps: []step{q.rx, due}})
		}
	}
	report := func(typ byte, g string, p ip) ip {
		b := make([]byte, 8)
		b[0] = typ
		be.PutUint32(b[4:], num(g))
		p.ttl = 1
		if p.dst == "" {
			p.dst = g
		}
		return p.summed(uapi.IPPROTO_IGMP, b)
	}
	asked := rx(query(8, 2, none, ip{}))
	add("another's report of version 2", asked, rx(report(0x16, group, ip{opts: alert})))
	add("another's report of version 1", asked, rx(report(0x12, group, ip{})))
	add("another's report, checksum off", asked, rx(report(0x16, group, ip{badL4: true})), wait(100*time.Millisecond))
	add("another's report of another group", asked, rx(report(0x16, "239.5.5.6", ip{})), wait(100*time.Millisecond))
	add("another's report to the host", asked, rx(report(0x16, group, ip{dst: "10.0.0.1"})), wait(100*time.Millisecond))
	add("another's leave", asked, rx(report(0x17, group, ip{dst: "224.0.0.2"})), wait(100*time.Millisecond))
	add("force_igmp_version 3, version 2", sysctl("net.ipv4.conf.eth0.force_igmp_version", "3"), rx(query(8, 1, none, ip{})))
	add("force_igmp_version 2, version 3", sysctl("net.ipv4.conf.eth0.force_igmp_version", "2"), rx(query(12, 1, none, ip{})))
	return list
}
