package dev_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"linen/drivers/net/dummy"
	"linen/drivers/net/loopback"
	"linen/drivers/net/veth"
	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
)

// lab is a Kernel on a manual clock with namespaces that have devices only.
type lab struct {
	t     *testing.T
	clock *kern.ManualClock
	k     *kern.Kernel
}

func newLab(t *testing.T, cpus int) *lab {
	l := &lab{t: t, clock: kern.NewManualClock()}
	l.k = kern.New(kern.Config{Clock: l.clock, Seed: 1, CPUs: cpus})
	t.Cleanup(l.k.Close)
	return l
}

func (l *lab) net() *netns.Net {
	l.t.Helper()
	return newNet(l.t, l.k)
}

// newNet makes a namespace that the end of the test closes.
func newNet(t testing.TB, k *kern.Kernel) *netns.Net {
	t.Helper()
	n, err := netns.New(k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(),
		dev.Pernet(), veth.Pernet(), dummy.Pernet(), loopback.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// port opens a netlink port of root's, a member of the groups.
func port(t testing.TB, n *netns.Net, groups ...int) *netlink.Port {
	t.Helper()
	root := netlink.RootCreds(1)
	p, err := netlink.Open(n, uapi.NETLINK_ROUTE, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Bind(0, 0, root); err != nil {
		t.Fatal(err)
	}
	p.SetOption(netlink.OptExtAck, true, root)
	for _, g := range groups {
		if err := p.Join(g, root); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// read takes all messages that wait at p.
func read(p *netlink.Port) (list [][]byte) {
	for {
		d, err := p.Recv(65536, false)
		if err != nil {
			return list
		}
		for b := d.Data; len(b) >= 16; {
			n := int(binary.NativeEndian.Uint32(b))
			list = append(list, b[:n])
			b = b[min(netlink.Align(n), len(b)):]
		}
	}
}

// describe writes a message as text without what differs from run to run:
// ports, random addresses, and the attributes of address families.
func describe(m []byte) string {
	var w strings.Builder
	h := netlink.ParseHeader(m)
	fmt.Fprintf(&w, "type %d flags %#x seq %d", h.Type, h.Flags, h.Seq)
	body := m[16:]
	if h.Type != uapi.RTM_NEWLINK && h.Type != uapi.RTM_DELLINK {
		body = append([]byte(nil), body...)
		if h.Type == uapi.NLMSG_ERROR && len(body) >= 20 {
			clear(body[16:20]) // the request's port
		}
		fmt.Fprintf(&w, " %x", body)
		return w.String()
	}
	i, _ := uapi.ParseIfInfomsg(body)
	fmt.Fprintf(&w, " index %d flags %#x change %#x arphrd %d", i.Index, i.Flags, i.Change, i.Type)
	for b := body[16:]; len(b) >= 4; {
		n, typ := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if typ == uapi.IFLA_ADDRESS && n == 10 && b[4] != 0 && !bytes.HasPrefix(b[4:], []byte{2, 0, 0, 0, 0}) {
			fmt.Fprintf(&w, "\n    a random address")
		} else if typ != uapi.IFLA_AF_SPEC {
			fmt.Fprintf(&w, "\n    %d(%d): %x", typ&0x3fff, typ>>14, b[4:n])
		}
		b = b[min(netlink.Align(n), len(b)):]
	}
	return w.String()
}

func describeAll(list [][]byte) string {
	var w strings.Builder
	for _, m := range list {
		fmt.Fprintf(&w, "%s\n", describe(m))
	}
	return w.String()
}

func unhex(t *testing.T, words []string) (list [][]byte) {
	for _, w := range words {
		b, err := hex.DecodeString(w)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

// TestLinksAsLinux replays what testdata/record.py asked a Linux 6.18, and
// compares answers and notifications.
func TestLinksAsLinux(t *testing.T) {
	f, err := os.Open("testdata/links.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := newLab(t, 2)
	n := l.net()
	root, other := netlink.RootCreds(1), l.net()
	root.FindNet = func(pid, fd int) (*netns.Net, error) { return other, nil }
	mon, mon2 := port(t, n, uapi.RTNLGRP_LINK), port(t, other, uapi.RTNLGRP_LINK)
	asks := map[string]*netlink.Port{"-": port(t, n), "strict": port(t, n)}
	asks["strict"].SetOption(netlink.OptStrict, true, root)
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		w := strings.Fields(s.Text())
		parts := strings.SplitN(strings.Join(w[3:], " "), "|", 3)
		p := asks[w[1]]
		if _, err := p.Send(unhex(t, w[2:3])[0], nil, root); err != nil {
			t.Fatalf("%s: %v", w[0], err)
		}
		l.clock.Settle()
		for _, c := range []struct {
			what      string
			got, want string
		}{
			{"answers", describeAll(read(p)), describeAll(unhex(t, strings.Fields(parts[0])))},
			{"notifications there", describeAll(read(mon2)), describeAll(unhex(t, strings.Fields(parts[2])))},
			{"notifications", describeAll(read(mon)), describeAll(unhex(t, strings.Fields(parts[1])))},
		} {
			if c.got != c.want {
				t.Errorf("%s, %s: %s", w[0], c.what, diff(c.got, c.want))
			}
		}
	}
}

// diff lists the lines that one text has and the other has not.
func diff(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	var out strings.Builder
	for i := range max(len(g), len(w)) {
		a, b := "", ""
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			fmt.Fprintf(&out, "\n  got  %s\n  want %s", a, b)
		}
	}
	return out.String()
}
