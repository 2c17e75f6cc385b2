package ipv4_test

import (
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"linen/net/ipv4"
	"linen/net/netlink"
	"linen/uapi"
)

// FuzzRequests gives IPv4's rtnetlink handlers arbitrary bodies: they must not
// panic, and what they then list must be well-formed. The seeds are the
// kernel's own messages, whose bodies are requests too.
func FuzzRequests(f *testing.F) {
	text, err := os.ReadFile("testdata/messages.msgs")
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if msg, err := hex.DecodeString(line); err == nil && len(msg) > netlink.HeaderLen {
			f.Add(msg[4], msg[netlink.HeaderLen:])
		}
	}
	types := []uint16{
		uapi.RTM_NEWADDR, uapi.RTM_DELADDR, uapi.RTM_NEWROUTE, uapi.RTM_DELROUTE, uapi.RTM_GETROUTE,
		uapi.RTM_NEWRULE, uapi.RTM_DELRULE, uapi.RTM_GETNETCONF,
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		_, n := newHost(t)
		i := newIP(t, n)
		i.run("addr add 10.1.0.2/24 dev a0")
		for _, flags := range []uint16{0, uapi.NLM_F_CREATE, uapi.NLM_F_REPLACE, uapi.NLM_F_CREATE | uapi.NLM_F_APPEND} {
			typ := uint16(kind)
			if typ < uapi.RTM_NEWADDR || typ > uapi.RTM_DELNETCONF {
				typ = types[int(kind)%len(types)]
			}
			m := netlink.NewMsg(typ, flags|uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
			m.Put(body)
			i.ask(m)
		}
		for _, what := range []string{"addr", "route", "rule", "netconf"} {
			i.dump(what)
		}
		i.run("link set a0 down")
		i.run("link set a0 up")
	})
}

// FuzzNexthops does the same for next hop objects, where there are two, a
// group of them and a route by it. The seeds are what the kernel was asked.
func FuzzNexthops(f *testing.F) {
	text, err := os.ReadFile("testdata/nexthops.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if w := strings.Split(line, "|"); len(w) == 7 {
			typ, _ := strconv.Atoi(w[1])
			if body, err := hex.DecodeString(w[4]); err == nil && typ >= uapi.RTM_NEWNEXTHOP {
				f.Add(uint8(typ), body)
			}
		}
	}
	types := []uint16{
		uapi.RTM_NEWNEXTHOP, uapi.RTM_DELNEXTHOP, uapi.RTM_GETNEXTHOP, uapi.RTM_GETNEXTHOPBUCKET,
		uapi.RTM_NEWROUTE, uapi.RTM_DELROUTE,
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		clock, n := newHost(t)
		i := newIP(t, n)
		i.run("addr add 10.1.0.2/24 dev a0")
		change(t, n, uapi.RTM_NEWNEXTHOP, putHop(1, 0x0a010003))
		change(t, n, uapi.RTM_NEWNEXTHOP, putHop(2, 0x0a010004))
		change(t, n, uapi.RTM_NEWNEXTHOP, putGroup([]uint16{1, 2}, nil))
		change(t, n, uapi.RTM_NEWROUTE, putRouteTo10)
		typ := uint16(kind)
		if !slices.Contains(types, typ) {
			typ = types[int(kind)%len(types)]
		}
		for _, flags := range []uint16{0, uapi.NLM_F_CREATE, uapi.NLM_F_CREATE | uapi.NLM_F_REPLACE, uapi.NLM_F_DUMP} {
			m := netlink.NewMsg(typ, flags|uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
			m.Put(body)
			i.ask(m)
		}
		i.dump("route")
		ipv4.RouteOutput(nil, n, &ipv4.Flow{Daddr: 0x0a090001})
		i.run("link set a0 down")
		clock.Settle()
	})
}
