package ipv4_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"linen/kern"
	"linen/net/ipv4"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/sysctl"
	"linen/uapi"
)

// replay sends recorded requests and compares answers and notifications with
// the kernel's, byte by byte (testdata/nexthops.py).
func replay(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	clock, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0")
	root := netlink.RootCreds(1)
	mon := newIP(t, n)
	if err := mon.p.Bind(0, 0, root); err != nil {
		t.Fatal(err)
	}
	for _, g := range []int{uapi.RTNLGRP_NEXTHOP, uapi.RTNLGRP_IPV4_ROUTE} {
		if err := mon.p.Join(g, root); err != nil {
			t.Fatal(err)
		}
	}
	clock.Settle()
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		f := strings.Split(line, "|")
		if f[0] == "sysctl" {
			if err := sysctl.Of(n).Set(f[1], f[2]); err != nil {
				t.Error(err)
			}
			continue
		}
		i := newIP(t, n)
		i.p.SetOption(netlink.OptStrict, f[3] == "1", root)
		i.p.SetOption(netlink.OptCapAck, true, root)
		typ, _ := strconv.Atoi(f[1])
		flags, _ := strconv.Atoi(f[2])
		body, err := hex.DecodeString(f[4])
		if err != nil {
			t.Fatal(err)
		}
		m := append(make([]byte, netlink.HeaderLen), body...)
		netlink.Header{Len: uint32(len(m)), Type: uint16(typ), Flags: uint16(flags), Seq: 1}.Put(m)
		if _, err := i.p.Send(m, &netlink.Addr{}, root); err != nil {
			t.Fatal(err)
		}
		settleLinks(clock, typ)
		compareList(t, f[0]+": answers", drainHex(i.p), f[5])
		compareList(t, f[0]+": notifications", drainHex(mon.p), f[6])
		i.p.Close()
	}
}

// settleLinks lets a change of a link have its effects.
func settleLinks(clock *kern.ManualClock, typ int) {
	clock.Settle()
	if typ == uapi.RTM_NEWLINK {
		clock.Advance(2e9)
	}
}

// drainHex returns the messages that a port has, with what differs from run to
// run cleared: port, sequence number, and times.
func drainHex(p *netlink.Port) (list []string) {
	for {
		d, err := p.Recv(1<<16, false)
		if err != nil {
			return list
		}
		for data := d.Data; len(data) >= netlink.HeaderLen; {
			h := netlink.ParseHeader(data)
			m := append([]byte(nil), data[:h.Len]...)
			data = data[min(netlink.Align(int(h.Len)), len(data)):]
			clear(m[8:16])
			if h.Type == uapi.NLMSG_ERROR {
				clear(m[28:36]) // of the request
			}
			clearTimes(h.Type, m)
			list = append(list, hex.EncodeToString(m))
		}
	}
}

// clearTimes clears RTA_CACHEINFO and the idle time of a bucket.
func clearTimes(typ uint16, m []byte) {
	nest := map[uint16]uint16{uapi.RTM_NEWROUTE: uapi.RTA_CACHEINFO, uapi.RTM_NEWNEXTHOPBUCKET: uapi.NHA_RES_BUCKET}[typ]
	if nest == 0 {
		return
	}
	netlink.EachAttr(m[netlink.HeaderLen+headerOf[typ]:], func(a netlink.Attr) bool {
		if a.Type() == nest && nest == uapi.RTA_CACHEINFO {
			clear(a.Bytes())
		} else if a.Type() == nest {
			a.Each(func(b netlink.Attr) bool {
				if b.Type() == uapi.NHA_RES_BUCKET_IDLE_TIME {
					clear(b.Bytes())
				}
				return true
			})
		}
		return true
	})
}

func compareList(t *testing.T, what string, got []string, want string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.ReplaceAll(want, " ", "\n"); g != w {
		t.Errorf("%s\n--- linen\n%s\n--- kernel\n%s", what, g, w)
	}
}

// TestNexthopsAreTheKernels replays testdata/nexthops.txt: every verb of
// `ip nexthop` and what may be wrong with it, groups, resilient groups, routes
// by objects, replacing, removal and devices that go.
func TestNexthopsAreTheKernels(t *testing.T) { replay(t, "testdata/nexthops.txt") }

// change sends a request that replaces or makes what body describes.
func change(t *testing.T, n *netns.Net, typ uint16, body func(m *netlink.Msg)) {
	t.Helper()
	i := newIP(t, n)
	defer i.p.Close()
	m := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE|uapi.NLM_F_REPLACE)
	body(m)
	if _, failed := i.ask(m); failed != "" {
		t.Fatal(failed)
	}
}

// putHop writes the next hop id by a0.
func putHop(id, gw uint32) func(m *netlink.Msg) {
	return func(m *netlink.Msg) {
		m.Grow(8)[0] = uapi.AF_INET
		m.U32(uapi.NHA_ID, id)
		m.U32(uapi.NHA_OIF, 3)
		m.BE32(uapi.NHA_GATEWAY, gw)
	}
}

// putGroup writes the group 10 of the next hops 1, 2 and so on.
func putGroup(weights []uint16, more func(m *netlink.Msg)) func(m *netlink.Msg) {
	return func(m *netlink.Msg) {
		m.Grow(8)
		m.U32(uapi.NHA_ID, 10)
		p := m.Reserve(uapi.NHA_GROUP, 8*len(weights))
		for i, w := range weights {
			p[8*i] = byte(i + 1)
			p[8*i+4], p[8*i+5] = byte(w-1), byte((w-1)>>8)
		}
		if more != nil {
			more(m)
		}
	}
}

// putRouteTo10 writes 10.9.0.0/24 by the group 10.
func putRouteTo10(m *netlink.Msg) {
	copy(m.Grow(12), []byte{uapi.AF_INET, 24, 0, 0, uapi.RT_TABLE_MAIN, uapi.RTPROT_STATIC, 0, uapi.RTN_UNICAST})
	m.BE32(uapi.RTA_DST, 0x0a090000)
	m.U32(uapi.RTA_NH_ID, 10)
}

// TestResilientGroupKeepsBusyFlows: when weights change, buckets in use stay
// until idle_timer is over, and programs are told of those that move then
// (nexthop-group-resilient.rst).
func TestResilientGroupKeepsBusyFlows(t *testing.T) {
	clock, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0")
	resilient := func(m *netlink.Msg) {
		m.U16(uapi.NHA_GROUP_TYPE, uapi.NEXTHOP_GRP_TYPE_RES)
		nest := m.Nest(uapi.NHA_RES_GROUP)
		m.U16(uapi.NHA_RES_GROUP_BUCKETS, 4)
		m.U32(uapi.NHA_RES_GROUP_IDLE_TIMER, 1000) // 10 s
		m.End(nest)
	}
	change(t, n, uapi.RTM_NEWNEXTHOP, putHop(1, 0x0a010003))
	change(t, n, uapi.RTM_NEWNEXTHOP, putHop(2, 0x0a010004))
	change(t, n, uapi.RTM_NEWNEXTHOP, putGroup([]uint16{3, 1}, resilient))
	change(t, n, uapi.RTM_NEWROUTE, putRouteTo10)
	paths := func() (s string) {
		for b := range uint32(4) {
			rt, err := ipv4.RouteOutput(nil, n, &ipv4.Flow{Daddr: 0x0a090001, Hash: (b + 4) << 1})
			if err != nil {
				t.Fatal(err)
			}
			s += fmt.Sprint(rt.Gateway & 0xff)
		}
		return s
	}
	clock.Advance(time.Second)
	if got := paths(); got != "4333" { // all are in use now
		t.Errorf("buckets lead to %s", got)
	}
	mon := newIP(t, n)
	if err := mon.p.Join(uapi.RTNLGRP_NEXTHOP, netlink.RootCreds(1)); err != nil {
		t.Fatal(err)
	}
	change(t, n, uapi.RTM_NEWNEXTHOP, putGroup([]uint16{1, 1}, resilient))
	clock.Settle()
	drainHex(mon.p)
	if got := paths(); got != "4333" {
		t.Errorf("busy buckets moved: %s", got)
	}
	clock.Advance(11 * time.Second)
	if got := len(drainHex(mon.p)); got != 1 {
		t.Errorf("told of %d buckets", got)
	}
	if got := paths(); got != "4433" {
		t.Errorf("after idle_timer buckets lead to %s", got)
	}
}

// TestGroupWeights: flows spread over a group by its 16-bit weights, its
// statistics count them, and a next hop whose neighbour failed is passed over.
func TestGroupWeights(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0")
	change(t, n, uapi.RTM_NEWNEXTHOP, putHop(1, 0x0a010003))
	change(t, n, uapi.RTM_NEWNEXTHOP, putHop(2, 0x0a010004))
	change(t, n, uapi.RTM_NEWNEXTHOP, putGroup([]uint16{1000, 3000}, nil))
	change(t, n, uapi.RTM_NEWROUTE, putRouteTo10)
	spread := func() (first int) {
		for i := range uint32(4000) {
			rt, err := ipv4.RouteOutput(nil, n, &ipv4.Flow{Daddr: 0x0a090001, Hash: i*1073741 + 1})
			if err != nil {
				t.Fatal(err)
			}
			if rt.Gateway == 0x0a010003 {
				first++
			}
		}
		return first
	}
	if got := spread(); got < 980 || got > 1020 {
		t.Errorf("%d of 4000 flows by the next hop with a quarter of the weight", got)
	}
	i := newIP(t, n)
	m := netlink.NewMsg(uapi.RTM_GETNEXTHOP, uapi.NLM_F_REQUEST)
	m.Grow(8)
	m.U32(uapi.NHA_ID, 10)
	m.U32(uapi.NHA_OP_FLAGS, uapi.NHA_OP_FLAG_DUMP_STATS)
	answers, failed := i.ask(m)
	if len(answers) != 1 {
		t.Fatal(failed)
	}
	total := uint32(0)
	netlink.EachAttr(answers[0][24:], func(a netlink.Attr) bool {
		if a.Type() == uapi.NHA_GROUP_STATS {
			a.Each(func(e netlink.Attr) bool {
				e.Each(func(v netlink.Attr) bool {
					if v.Type() == uapi.NHA_GROUP_STATS_ENTRY_PACKETS {
						total += v.U32()
					}
					return true
				})
				return true
			})
		}
		return true
	})
	if total != 4000 {
		t.Errorf("statistics count %d packets of 4000", total)
	}
	change(t, n, uapi.RTM_NEWNEIGH, func(m *netlink.Msg) {
		h := m.Grow(12)
		h[0], h[4], h[8] = uapi.AF_INET, 3, uapi.NUD_FAILED
		m.BE32(uapi.NDA_DST, 0x0a010003)
	})
	if got := spread(); got != 0 {
		t.Errorf("%d flows by the next hop whose neighbour failed", got)
	}
}
