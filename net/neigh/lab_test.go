package neigh_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"linen/drivers/net/loopback"
	"linen/drivers/net/testlink"
	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/neigh"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// lab is a namespace with one device, a0, on a manual clock, a protocol that
// only writes down what it is asked, and a listener to RTNLGRP_NEIGH.
type lab struct {
	t       testing.TB
	clock   *kern.ManualClock
	k       *kern.Kernel
	n       *netns.Net
	port    *testlink.Port
	d       *dev.Device
	tbl     *neigh.Table
	monitor *netlink.Port
	began   ktime.T
	asked   []string // solicitations and unreachable packets, with their times
	frames  [][]byte // what a0 sent
}

// ethHeader is the length of an Ethernet header.
const ethHeader = 14

// macA and macB are neighbours' addresses.
var (
	macA = []byte{2, 0, 0, 0, 0, 0xa}
	macB = []byte{2, 0, 0, 0, 0, 0xb}
	ip1  = uint32(0x0a010001)
)

func newLab(t testing.TB) *lab {
	l := &lab{t: t, clock: kern.NewManualClock()}
	l.k = kern.New(kern.Config{Clock: l.clock, Seed: 1})
	var err error
	l.n, err = netns.New(l.k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(),
		dev.Pernet(), neigh.Pernet(), loopback.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.n.Close(); l.k.Close() })
	l.port, err = testlink.NewPort(l.n, "a0", func(f []byte) { l.frames = append(l.frames, slices.Clone(f)) })
	if err != nil {
		t.Fatal(err)
	}
	l.d = l.port.Dev
	l.tbl = neigh.Of(l.n).V4
	l.tbl.SetOps(neigh.Ops{
		Solicit: func(c *kern.CPU, nb *neigh.Neigh, b *skb.Buff, probes int) {
			how := "broadcast"
			if probes < nb.Parms.Int(neigh.UcastProbes) {
				how = "unicast"
			} else if probes < nb.Parms.Int(neigh.UcastProbes)+nb.Parms.Int(neigh.AppProbes) {
				nb.AskUser(c)
				return
			}
			l.note(c.Now(), how)
		},
		Construct: func(nb *neigh.Neigh) error {
			if nb.Dev.IsLoopback() {
				nb.Key = neigh.Key{}
				nb.Init(uapi.NUD_NOARP, nb.Dev.Addr())
			}
			return nil
		},
		Unreachable:  func(c *kern.CPU, b *skb.Buff) { l.note(c.Now(), "unreachable "+string(b.Data())) },
		MulticastKey: func(k *neigh.Key) bool { return k[0]>>4 == 0xe },
	})
	l.locked(func() { err = dev.Open(l.d) })
	if err != nil {
		t.Fatal(err)
	}
	l.monitor = l.open()
	if err := l.monitor.Join(uapi.RTNLGRP_NEIGH, netlink.RootCreds(1)); err != nil {
		t.Fatal(err)
	}
	l.clock.Settle()
	l.reset()
	return l
}

// reset begins to count time anew and forgets what was noted.
func (l *lab) reset() {
	l.began = l.clock.Now()
	l.asked, l.frames = nil, nil
}

func (l *lab) note(now ktime.T, what string) {
	l.asked = append(l.asked, fmt.Sprintf("%v %s", now.Sub(l.began).Round(time.Millisecond), what))
}

func (l *lab) locked(f func()) {
	l.n.Lock()
	f()
	l.n.Unlock()
	l.clock.Settle()
}

func (l *lab) open() *netlink.Port {
	p, err := netlink.Open(l.n, uapi.NETLINK_ROUTE, netlink.RootCreds(1), nil)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(p.Close)
	p.SetOption(netlink.OptExtAck, true, netlink.RootCreds(1))
	return p
}

// send sends one packet to the address.
func (l *lab) send(ip uint32, payload string) {
	c := l.k.Enter(kern.Any)
	if nb := l.tbl.Lookup4(c, l.d, ip); nb != nil {
		b := skb.From(c, []byte(payload))
		b.Dev, b.Protocol = l.d, uapi.ETH_P_IP
		b.SetNetworkHeader(0)
		nb.Output(c, b)
	}
	c.Exit()
}

// hear updates the entry as a protocol does, on a CPU.
func (l *lab) hear(ip uint32, mac []byte, state uint16, flags neigh.UpdateFlags) error {
	c := l.k.Enter(kern.Any)
	defer c.Exit()
	return l.tbl.Lookup4(c, l.d, ip).Update(c, mac, state, flags, 0)
}

func (l *lab) get(ip uint32) *neigh.Neigh { return l.tbl.Find(l.d, neigh.Key4(ip)) }

// state returns an entry as ip prints it.
func (l *lab) state(ip uint32) string {
	if nb := l.get(ip); nb != nil {
		return neigh.StateName(nb.State())
	}
	return "-"
}

// want checks the entry's state.
func (l *lab) want(ip uint32, state string) {
	l.t.Helper()
	if got := l.state(ip); got != state {
		l.t.Errorf("at %v: state %s, want %s", l.clock.Now().Sub(l.began), got, state)
	}
}

// wantAsked checks, and forgets, what the protocol was asked.
func (l *lab) wantAsked(want ...string) {
	l.t.Helper()
	if got := strings.Join(l.asked, ", "); got != strings.Join(want, ", ") {
		l.t.Errorf("protocol:\n got %s\nwant %s", got, strings.Join(want, ", "))
	}
	l.asked = nil
}

// payloads returns, and forgets, the packets that a0 sent.
func (l *lab) payloads() (list []string) {
	for _, f := range l.frames {
		list = append(list, string(f[ethHeader:]))
	}
	l.frames = nil
	return list
}

// events returns the notifications so far, as ip monitor prints them.
func (l *lab) events() string {
	var list []string
	for {
		d, err := l.monitor.Recv(1<<16, false)
		if err != nil {
			return strings.Join(list, "\n")
		}
		list = append(list, show(d.Data))
	}
}

// show prints an RTM_*NEIGH message.
func show(data []byte) string {
	h := netlink.ParseHeader(data)
	m, _ := uapi.ParseNdMsg(data[netlink.HeaderLen:])
	s, ll, ext := "", "", ""
	netlink.EachAttr(data[netlink.HeaderLen+uapi.SizeofNdMsg:], func(a netlink.Attr) bool {
		switch a.Type() {
		case uapi.NDA_DST:
			s = a.Addr().String()
		case uapi.NDA_LLADDR:
			ll = " lladdr " + wire.MAC(a.Bytes()).String()
		case uapi.NDA_FLAGS_EXT:
			ext = fmt.Sprintf(" ext %d", a.U32())
		}
		return true
	})
	s += ll
	for _, f := range []struct {
		bit  uint8
		name string
	}{{uapi.NTF_PROXY, "proxy"}, {uapi.NTF_EXT_LEARNED, "extern_learn"}, {uapi.NTF_ROUTER, "router"}} {
		if m.Flags&f.bit != 0 {
			s += " " + f.name
		}
	}
	s += ext + " " + neigh.StateName(m.State)
	switch h.Type {
	case uapi.RTM_DELNEIGH:
		s = "Deleted " + s
	case uapi.RTM_GETNEIGH:
		s = "miss " + s
	}
	return s
}

func (l *lab) wantEvents(want ...string) {
	l.t.Helper()
	if got := l.events(); got != strings.Join(want, "\n") {
		l.t.Errorf("events:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

// ask sends a request and returns the answers and the error with its text.
func (l *lab) ask(p *netlink.Port, m *netlink.Msg) (answers [][]byte, failed string) {
	return l.askRaw(p, m.Bytes())
}

func (l *lab) askRaw(p *netlink.Port, data []byte) (answers [][]byte, failed string) {
	l.t.Helper()
	if _, err := p.Send(data, &netlink.Addr{}, netlink.RootCreds(1)); err != nil {
		l.t.Fatal(err)
	}
	for {
		d, err := p.Recv(1<<16, false)
		if err != nil {
			return answers, failed
		}
		for data := d.Data; len(data) >= netlink.HeaderLen; {
			h := netlink.ParseHeader(data)
			one := data[:h.Len]
			data = data[min(netlink.Align(int(h.Len)), len(data)):]
			if h.Type != uapi.NLMSG_ERROR && h.Type != uapi.NLMSG_DONE {
				answers = append(answers, one)
				continue
			}
			if e := -int32(binary.NativeEndian.Uint32(one[16:])); e > 0 {
				failed = errorText(h, one, errno.Errno(e))
			}
		}
	}
}

// errorText returns an error with its extended acknowledgement.
func errorText(h netlink.Header, one []byte, e errno.Errno) string {
	text, off := fmt.Sprintf("%d", -int(e)), 20
	if h.Type == uapi.NLMSG_ERROR {
		off = 20 + netlink.Align(int(binary.NativeEndian.Uint32(one[20:])))
		if h.Flags&uapi.NLM_F_CAPPED != 0 {
			off = 36
		}
	}
	if h.Flags&uapi.NLM_F_ACK_TLVS == 0 || off >= len(one) {
		return text
	}
	netlink.EachAttr(one[off:], func(a netlink.Attr) bool {
		switch a.Type() {
		case uapi.NLMSGERR_ATTR_MSG:
			text += fmt.Sprintf(" %q", a.Text())
		case uapi.NLMSGERR_ATTR_OFFS:
			text += fmt.Sprintf(" off=%d", a.U32())
		case uapi.NLMSGERR_ATTR_MISS_TYPE:
			text += fmt.Sprintf(" misstype=%d", a.U32())
		}
		return true
	})
	return text
}
