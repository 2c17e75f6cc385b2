package ipv4_test

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"linen/net/netlink"
	"linen/net/sysctl"
	"linen/uapi"
)

// headerOf gives the length of the family header by message type.
var headerOf = map[uint16]int{
	uapi.RTM_NEWADDR: 8, uapi.RTM_DELADDR: 8, uapi.RTM_NEWROUTE: 12, uapi.RTM_DELROUTE: 12,
	uapi.RTM_NEWRULE: 12, uapi.RTM_DELRULE: 12, uapi.RTM_NEWNETCONF: 4, uapi.RTM_DELNETCONF: 4,
	uapi.RTM_NEWNEXTHOPBUCKET: 8,
}

// masked returns a message in hex without what differs from run to run: port,
// sequence number, times.
func masked(msg []byte) string {
	m := append([]byte(nil), msg...)
	clear(m[8:16])
	typ := binary.NativeEndian.Uint16(m[4:])
	for o := 16 + headerOf[typ]; o+4 <= len(m); {
		n, attr := int(binary.NativeEndian.Uint16(m[o:])), binary.NativeEndian.Uint16(m[o+2:])
		if n < 4 {
			break
		}
		if typ <= uapi.RTM_DELADDR && attr == uapi.IFA_CACHEINFO {
			clear(m[o+12 : o+20])
		}
		o += netlink.Align(n)
	}
	return hex.EncodeToString(m)
}

// TestMessagesAreTheKernels compares notifications and dumps byte by byte with
// those of Linux 6.18 (testdata/*.msgs, recorded by messages.py).
func TestMessagesAreTheKernels(t *testing.T) {
	for _, file := range []string{"messages", "addresses"} {
		t.Run(file, func(t *testing.T) { compareMessages(t, "testdata/"+file+".msgs") })
	}
}

func compareMessages(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	clock, n := newHost(t)
	i, mon := newIP(t, n), newIP(t, n)
	root := netlink.RootCreds(1)
	if err := mon.p.Bind(0, 0, root); err != nil {
		t.Fatal(err)
	}
	for _, g := range []int{uapi.RTNLGRP_IPV4_IFADDR, uapi.RTNLGRP_IPV4_ROUTE, uapi.RTNLGRP_IPV4_RULE, uapi.RTNLGRP_IPV4_NETCONF} {
		if err := mon.p.Join(g, root); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range strings.Split("\n"+string(text), "\n$ ")[1:] {
		line, want, _ := strings.Cut(step, "\n")
		var got []string
		switch what, dump := strings.CutPrefix(line, "dump "); {
		case dump:
			got = i.dump(what)
		case strings.HasPrefix(line, "sysctl"):
			key, value, _ := strings.Cut(strings.TrimPrefix(line, "sysctl -qw "), "=")
			sysctl.Of(n).Set(strings.ReplaceAll(key, ".", "/"), value)
		default:
			i.run(line)
		}
		clock.Settle()
		for {
			d, err := mon.p.Recv(1<<16, false)
			if err != nil {
				break
			}
			got = append(got, masked(d.Data))
		}
		if g := strings.Join(got, "\n"); g != strings.TrimSpace(want) {
			t.Errorf("%s\n--- linen\n%s\n--- kernel\n%s", line, g, want)
		}
	}
}

// dump returns the messages of a dump, without NETLINK_GET_STRICT_CHK.
func (i *ip) dump(what string) (list []string) {
	typ := map[string]uint16{"addr": uapi.RTM_GETADDR, "route": uapi.RTM_GETROUTE, "rule": uapi.RTM_GETRULE, "netconf": uapi.RTM_GETNETCONF}[what]
	length := map[string]int{"addr": 8, "route": 12, "rule": 12, "netconf": 1}[what]
	i.p.SetOption(netlink.OptStrict, false, netlink.RootCreds(1))
	m := netlink.NewMsg(typ, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	m.Grow(length)[0] = uapi.AF_INET
	answers, _ := i.ask(m)
	for _, a := range answers {
		list = append(list, masked(a))
	}
	return list
}
