package raw_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"linen/kern"
	"linen/net/dev"
	"linen/net/skb"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// experimental is a protocol number for tests (RFC 3692).
const experimental = 253

// A part is a send, or an option that is set before it.
type part struct {
	data  string
	flags int
	to    string // "": nowhere
	cmsg  []byte
	err   errno.Errno
	tos   int // 0: not set
	ttl   int
	hdr   int // IP_HDRINCL: 1 on, -1 off
	opts  string
}

const (
	lo1  = "127.0.0.1"
	lo2  = "127.0.0.2"
	more = uapi.MSG_MORE
)

// own is a packet with its header.
func own(data string) string {
	p := make([]byte, 20, 64)
	p[0], p[8], p[9] = 0x45, 64, experimental
	copy(p[12:], []byte{127, 0, 0, 1, 127, 0, 0, 1})
	return string(append(p, data...))
}

func cmsgs(list ...[2]int) (b []byte) {
	for _, c := range list {
		b = binary.NativeEndian.AppendUint64(b, 20)
		b = binary.NativeEndian.AppendUint32(b, uapi.SOL_IP)
		b = binary.NativeEndian.AppendUint32(b, uint32(c[0]))
		b = binary.NativeEndian.AppendUint64(b, uint64(c[1]))
	}
	return b
}

// TestMoreParts: sends with MSG_MORE make one packet, as recorded from 6.18: the
// route, the options, TOS and control messages are the first part's, TTL and
// addresses those of the end.
func TestMoreParts(t *testing.T) {
	long := func(b string, n int) string { return strings.Repeat(b, n) }
	for _, c := range []struct {
		rule  string
		mtu   int
		parts []part
		want  []string // "to tos ttl length offset options data"
	}{
		{"two parts", 0, []part{{data: "aaa", flags: more, to: lo1}, {data: "bbb", to: lo1}}, []string{"127.0.0.1 0 64 26 0 [] aaabbb"}},
		{"another address", 0, []part{{data: "aaa", flags: more, to: lo1}, {data: "bb", flags: more, to: lo2}, {data: "c", to: lo2}},
			[]string{"127.0.0.2 0 64 26 0 [] aaabbc"}},
		{"an empty first part", 0, []part{{flags: more, to: lo1}, {data: "bb", to: lo1}}, []string{"127.0.0.1 0 64 22 0 [] bb"}},
		{"an empty last part", 0, []part{{data: "aa", flags: more, to: lo1}, {to: lo1}}, []string{"127.0.0.1 0 64 22 0 [] aa"}},
		{"no address: what is pending stays", 0, []part{{data: "aa", flags: more, to: lo1}, {data: "b", err: errno.EDESTADDRREQ}, {data: "c", to: lo1}},
			[]string{"127.0.0.1 0 64 23 0 [] aac"}},
		{"no route: what is pending stays", 0, []part{{data: "aa", flags: more, to: lo1}, {data: "b", to: "10.1.1.1", err: errno.ENETUNREACH},
			{data: "c", to: lo1}}, []string{"127.0.0.1 0 64 23 0 [] aac"}},
		{"options of the socket in between", 0, []part{{data: "aa", flags: more, to: lo1, tos: 8}, {data: "b", to: lo1, tos: 16, ttl: 9}},
			[]string{"127.0.0.1 8 9 23 0 [] aab"}},
		{"control messages", 0, []part{{data: "aa", flags: more, to: lo1, cmsg: cmsgs([2]int{uapi.IP_TTL, 33}, [2]int{uapi.IP_TOS, 4})},
			{data: "bb", to: lo1, cmsg: cmsgs([2]int{uapi.IP_TTL, 44})}}, []string{"127.0.0.1 4 33 24 0 [] aabb"}},
		{"control messages of a later part", 0, []part{{data: "aa", flags: more, to: lo1}, {data: "bb", to: lo1, cmsg: cmsgs([2]int{uapi.IP_TTL, 44})}},
			[]string{"127.0.0.1 0 64 24 0 [] aabb"}},
		{"IP options", 0, []part{{data: "aa", flags: more, to: lo1, opts: "\x07\x07\x04\x00\x00\x00\x00\x00"}, {data: "bb", to: lo1, opts: "-"}},
			[]string{"127.0.0.1 0 64 32 0 [7 7 8 127 0 0 1 0] aabb"}},
		{"too long together: nothing is left", 0, []part{{data: long("a", 40000), flags: more, to: lo1},
			{data: long("b", 30000), flags: more, to: lo1, err: errno.EMSGSIZE}, {data: "c", to: lo1}}, []string{"127.0.0.1 0 64 21 0 [] c"}},
		{"a header of one's own is a packet", 0, []part{{data: "aa", flags: more, to: lo1}, {data: own("bb"), flags: more, to: lo1, hdr: 1},
			{data: "c", to: lo1, hdr: -1}}, []string{"127.0.0.1 0 64 22 0 [] bb", "127.0.0.1 0 64 23 0 [] aac"}},
		{"a probe sends what is pending", 0, []part{{data: "aa", flags: more, to: lo1}, {data: "b", flags: uapi.MSG_PROBE, to: lo1}, {data: "c", to: lo1}},
			[]string{"127.0.0.1 0 64 22 0 [] aa", "127.0.0.1 0 64 21 0 [] c"}},
		{"fragments", 1500, []part{{data: long("a", 1000), flags: more, to: lo1}, {data: long("a", 1000), flags: more, to: lo1}, {data: long("a", 10), to: lo1}},
			[]string{"127.0.0.1 0 64 1500 0 [] " + long("a", 1480), "127.0.0.1 0 64 550 1480 [] " + long("a", 530)}},
		{"closed: nothing is sent", 0, []part{{data: "aa", flags: more, to: lo1}}, nil},
	} {
		h := hosts.New(t).Host("h")
		if c.mtu != 0 {
			if err := h.SetMTU("lo", c.mtu); err != nil {
				t.Fatal(err)
			}
		}
		got := packets(h)
		s := on(t, h, uapi.SOCK_RAW, experimental)
		for _, p := range c.parts {
			p.send(t, c.rule, s)
		}
		s.Close()
		h.Lab.Clock.Settle()
		if !slices.Equal(*got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.rule, *got, c.want)
		}
	}
}

// send does what the part says.
func (p *part) send(t *testing.T, rule string, s sock.Socket) {
	t.Helper()
	for name, v := range map[int]int{uapi.IP_TOS: p.tos, uapi.IP_TTL: p.ttl, uapi.IP_HDRINCL: p.hdr} {
		if v != 0 {
			set(t, s, uapi.SOL_IP, name, max(v, 0))
		}
	}
	if p.opts != "" {
		if err := s.Setsockopt(root, uapi.SOL_IP, uapi.IP_OPTIONS, []byte(strings.TrimPrefix(p.opts, "-"))); err != nil {
			t.Fatal(err)
		}
	}
	m := &sock.Msg{Data: []byte(p.data), Control: p.cmsg, Flags: p.flags}
	if p.to != "" {
		m.Name = sa(netip.MustParseAddr(p.to), 0)
	}
	n, err := s.Sendmsg(root, m)
	if p.err != 0 {
		if err != p.err {
			t.Errorf("%s: %d bytes, %v, want %v", rule, n, err, p.err)
		}
	} else if err != nil || n != len(p.data) {
		t.Errorf("%s: %d of %d bytes, %v", rule, n, len(p.data), err)
	}
}

// packets notes what comes in by lo.
func packets(h *hosts.Host) *[]string {
	list, n := new([]string), h.Namespace()
	dev.AddTap(n, dev.ByName(n, "lo"), &dev.PacketType{Proto: uapi.ETH_P_ALL, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
		p := make([]byte, b.Len())
		b.CopyOut(0, p)
		if ip, ok := wire.AsIPv4(p); ok && ip.Proto() == experimental && b.PktType == skb.PacketHost {
			*list = append(*list, fmt.Sprintf("%v %d %d %d %d %v %s", ip.Dst(), ip.TOS(), ip.TTL(), ip.TotLen(), ip.Offset(), p[20:ip.IHL()], p[ip.IHL():]))
		}
		b.Consume(c)
	}})
	return list
}
