package ipv4_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// ip speaks rtnetlink as ip(8) does: enough of its grammar and of its output
// to replay transcripts of the real one (testdata/*.txt).
type ip struct {
	t testing.TB
	n *netns.Net
	p *netlink.Port
}

func newIP(t testing.TB, n *netns.Net) *ip {
	p, err := netlink.Open(n, uapi.NETLINK_ROUTE, netlink.RootCreds(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.SetOption(netlink.OptStrict, true, netlink.RootCreds(1))
	p.SetOption(netlink.OptExtAck, true, netlink.RootCreds(1))
	p.SetOption(netlink.OptCapAck, true, netlink.RootCreds(1))
	return &ip{t, n, p}
}

// run does one command line without "ip" and returns what ip prints.
func (i *ip) run(line string) string {
	w := strings.Fields(line)
	switch w[0] + " " + at(w, 1) {
	case "addr add", "addr del", "addr change", "addr replace":
		return i.addr(w[1], w[2:])
	case "route add", "route append", "route prepend", "route change", "route replace", "route del":
		return i.route(w[1], w[2:])
	case "route get":
		return i.get(w[2:])
	case "route show":
		return i.showRoutes(w[2:])
	case "rule add", "rule del":
		return i.rule(w[1], w[2:])
	case "rule ":
		return i.showRules()
	case "link set":
		return i.link(w[2:])
	case "nexthop add":
		return i.nexthop(w[2:])
	}
	i.t.Fatalf("ip: unknown command %q", line)
	return ""
}

func at(w []string, i int) string {
	if i < len(w) {
		return w[i]
	}
	return ""
}

// verbs maps ip's verbs to NLM_F_* flags.
var verbs = map[string]uint16{
	"add": uapi.NLM_F_CREATE | uapi.NLM_F_EXCL, "append": uapi.NLM_F_CREATE | uapi.NLM_F_APPEND,
	"prepend": uapi.NLM_F_CREATE, "change": uapi.NLM_F_REPLACE,
	"replace": uapi.NLM_F_CREATE | uapi.NLM_F_REPLACE, "del": 0,
}

// ask sends m and returns the answers without the acknowledgement, and ip's
// words for an error.
func (i *ip) ask(m *netlink.Msg) (answers [][]byte, failed string) {
	if _, err := i.p.Send(m.Bytes(), &netlink.Addr{}, netlink.RootCreds(1)); err != nil {
		i.t.Fatal(err)
	}
	for {
		d, err := i.p.Recv(1<<16, false)
		if err != nil {
			return answers, failed
		}
		data := d.Data
		for len(data) >= netlink.HeaderLen {
			h := netlink.ParseHeader(data)
			one := data[:h.Len]
			data = data[netlink.Align(int(h.Len)):]
			switch h.Type {
			case uapi.NLMSG_ERROR, uapi.NLMSG_DONE:
				if e := -int32(binary.NativeEndian.Uint32(one[16:])); e > 0 {
					failed = i.errorText(one, errno.Errno(e))
				}
			default:
				answers = append(answers, one)
			}
		}
	}
}

func (i *ip) errorText(one []byte, e errno.Errno) string {
	off := 20 + 16
	if netlink.ParseHeader(one).Type == uapi.NLMSG_DONE {
		off = 20
	}
	if off < len(one) {
		text := ""
		netlink.EachAttr(one[off:], func(a netlink.Attr) bool {
			if a.Type() == uapi.NLMSGERR_ATTR_MSG {
				text = a.Text()
			}
			return true
		})
		if text != "" {
			return "Error: " + text + "."
		}
	}
	return "RTNETLINK answers: " + e.Error()
}

func (i *ip) index(name string) uint32 {
	if d := dev.ByName(i.n, name); d != nil {
		return uint32(d.Ifindex())
	}
	return 0
}

func (i *ip) name(index uint32) string {
	if d := dev.ByIndex(i.n, int(index)); d != nil {
		return d.Name()
	}
	return fmt.Sprintf("if%d", index)
}

func prefixOf(s string) (netip.Addr, uint8) {
	if s == "default" {
		return netip.IPv4Unspecified(), 0
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Addr(), uint8(p.Bits())
	}
	return netip.MustParseAddr(s), 32
}

func number(s string) uint32 {
	v, _ := strconv.ParseUint(s, 0, 32)
	return uint32(v)
}

func (i *ip) link(w []string) string {
	d := dev.ByName(i.n, w[0])
	i.n.Lock()
	defer i.n.Unlock()
	switch w[1] {
	case "up":
		if err := dev.Open(d); err != nil {
			return err.Error()
		}
	case "down":
		dev.Close(d)
	}
	return ""
}

func (i *ip) addr(verb string, w []string) string {
	flags := map[string]uint16{"add": uapi.NLM_F_CREATE | uapi.NLM_F_EXCL, "change": uapi.NLM_F_REPLACE, "replace": uapi.NLM_F_CREATE | uapi.NLM_F_REPLACE}[verb]
	typ := uint16(uapi.RTM_NEWADDR)
	if verb == "del" {
		typ = uapi.RTM_DELADDR
	}
	m := netlink.NewMsg(typ, flags|uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	h := m.Grow(8)
	a, plen := prefixOf(w[0])
	h[0], h[1] = uapi.AF_INET, plen
	if a.IsLoopback() {
		h[3] = uapi.RT_SCOPE_HOST
	}
	peer := a
	m.Addr(uapi.IFA_LOCAL, a)
	for j := 1; j < len(w); j += 2 {
		switch v := at(w, j+1); w[j] {
		case "dev":
			binary.NativeEndian.PutUint32(m.Bytes()[20:], i.index(v))
		case "scope":
			m.Bytes()[19] = scopes[v]
		case "peer":
			peer, plen = prefixOf(v)
			m.Bytes()[17] = plen
		case "label":
			m.String(uapi.IFA_LABEL, v)
		case "broadcast":
			m.Addr(uapi.IFA_BROADCAST, netip.MustParseAddr(v))
		case "metric":
			m.U32(uapi.IFA_RT_PRIORITY, number(v))
		case "noprefixroute":
			m.U32(uapi.IFA_FLAGS, uapi.IFA_F_NOPREFIXROUTE)
			j--
		}
	}
	m.Addr(uapi.IFA_ADDRESS, peer)
	_, failed := i.ask(m)
	return failed
}

var scopes = map[string]uint8{"global": 0, "link": uapi.RT_SCOPE_LINK, "host": uapi.RT_SCOPE_HOST}
