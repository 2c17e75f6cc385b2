package rtnl_test

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"linen/kern"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// A recorded exchange with Linux 6.18, see testdata/record.py of net/netlink.
type exchange struct {
	name    string
	proto   string
	options string
	request []byte
	answers []string // hex
}

func recorded(t *testing.T, file string) (list []exchange) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		w := strings.Fields(s.Text())
		if w[0] == "#" {
			continue
		}
		req, err := hex.DecodeString(w[3])
		if err != nil {
			t.Fatal(err)
		}
		answers := w[4:]
		if answers[0] == "-" {
			answers = nil
		}
		list = append(list, exchange{w[0], w[1], w[2], req, answers})
	}
	return list
}

// Policies of the kernel as far as the recorded requests go.
var routePolicy = netlink.Policy{
	0:                  netlink.StrictFrom(uapi.RTA_DPORT + 1),
	uapi.RTA_DST:       netlink.U32(),
	uapi.RTA_GATEWAY:   netlink.U32(),
	uapi.RTA_METRICS:   netlink.Nested(nil),
	uapi.RTA_FLOW:      netlink.U32(),
	uapi.RTA_IP_PROTO:  netlink.U8(),
	uapi.RTA_DPORT:     netlink.U16(),
	uapi.RTA_NH_ID:     netlink.U32(),
	uapi.RTA_NH_ID + 1: {},
}

var linkPolicy = netlink.Policy{
	uapi.IFLA_ADDRESS:           netlink.Binary(32),
	uapi.IFLA_IFNAME:            netlink.String(15),
	uapi.IFLA_MTU:               netlink.U32(),
	uapi.IFLA_TXQLEN:            netlink.U32(),
	uapi.IFLA_LINKINFO:          netlink.Nested(nil),
	uapi.IFLA_IFALIAS:           netlink.Binary(255),
	uapi.IFLA_EXT_MASK:          netlink.U32(),
	uapi.IFLA_CARRIER:           netlink.U8(),
	uapi.IFLA_GSO_MAX_SEGS:      netlink.U32(),
	uapi.IFLA_TARGET_NETNSID:    netlink.S32(),
	uapi.IFLA_PROTO_DOWN_REASON: netlink.Nested(nil),
}

var addrPolicy = netlink.Policy{uapi.IFA_LOCAL: netlink.U32(), uapi.IFA_PROTO: {}}

func newNet(t *testing.T) *netns.Net {
	t.Helper()
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n, err := netns.New(k, netlink.Pernet(), rtnl.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	return n
}

// register installs handlers that check as the kernel's do and change nothing.
func register(n *netns.Net) {
	t := rtnl.Of(n)
	t.Handle(uapi.RTM_NEWROUTE, uapi.AF_INET, rtnl.Handler{Do: func(r *netlink.Request) error {
		if err := r.Validate(12, routePolicy, netlink.Liberal); err != nil {
			return err
		}
		return errno.ENODEV
	}})
	t.Handle(uapi.RTM_SETLINK, uapi.AF_UNSPEC, rtnl.Handler{Do: func(r *netlink.Request) error {
		_, err := r.Parse(16, linkPolicy, netlink.Liberal)
		return err
	}})
	t.Handle(uapi.RTM_DELLINK, uapi.AF_UNSPEC, rtnl.Handler{Do: func(*netlink.Request) error { return nil }})
	t.Handle(uapi.RTM_GETADDR, uapi.AF_INET, rtnl.Handler{SplitDone: true, Dump: func(d *netlink.Dump) error {
		r := d.Request
		if !r.Strict {
			return nil
		}
		if _, err := r.Body(8); err != nil {
			return netlink.Errorf(errno.EINVAL, "ipv4: Invalid header for address dump request")
		}
		if p := r.Payload(); p[1]|p[2]|p[3] != 0 {
			return netlink.Errorf(errno.EINVAL, "ipv4: Invalid values in header for address dump request")
		}
		_, err := r.Parse(8, addrPolicy, netlink.Strict)
		return err
	}})
}

// ask sends a request as the recorder did and returns the answers in hex.
func ask(t *testing.T, n *netns.Net, e exchange, root *netlink.Creds) (answers []string) {
	t.Helper()
	p, err := netlink.Open(n, uapi.NETLINK_ROUTE, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Bind(0x55667788, 0, root); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]netlink.Option{
		"cap": netlink.OptCapAck, "ext": netlink.OptExtAck, "strict": netlink.OptStrict,
	} {
		if slices.Contains(strings.Split(e.options, "+"), name) {
			p.SetOption(o, true, root)
		}
	}
	if _, err := p.Send(e.request, nil, root); err != nil {
		t.Fatal(err)
	}
	for {
		d, err := p.Recv(65536, false)
		if err != nil {
			return answers
		}
		answers = append(answers, hex.EncodeToString(d.Data))
	}
}

// TestAnswersAsLinux compares acknowledgements and errors, byte for byte, with
// what Linux 6.18 answered.
func TestAnswersAsLinux(t *testing.T) {
	n := newNet(t)
	register(n)
	// Device semantics: package dev's.
	skip := []string{"link-proto-down-reason", "link-proto-down-reason-unknown"}
	seen := 0
	for _, e := range recorded(t, "../netlink/testdata/acks.txt") {
		if e.proto != "0" || slices.Contains(skip, e.name) {
			continue
		}
		seen++
		if got := ask(t, n, e, netlink.RootCreds(1)); !slices.Equal(got, e.answers) {
			t.Errorf("%s:\n got %v\nwant %v", e.name, got, e.answers)
		}
	}
	if seen < 40 {
		t.Errorf("only %d exchanges", seen)
	}
}

func request(typ, flags uint16, body ...byte) []byte {
	b := make([]byte, 16, 16+len(body))
	netlink.Header{Len: uint32(16 + len(body)), Type: typ, Flags: flags, Seq: 7}.Put(b)
	return append(b, body...)
}

func TestModifyingNeedsCapNetAdmin(t *testing.T) {
	n := newNet(t)
	nobody := &netlink.Creds{UID: 1000, PID: 5}
	p, err := netlink.Open(n, uapi.NETLINK_ROUTE, nobody, nil)
	if err != nil {
		t.Fatal(err)
	}
	for typ := uint16(uapi.RTM_BASE); typ <= uapi.RTM_GETTUNNEL; typ++ {
		want := errno.EPERM
		switch {
		case typ == uapi.RTM_GETNSID:
			want = errno.EINVAL // served; it names no namespace
		case typ&3 == 2: // GET
			want = errno.EOPNOTSUPP
		}
		if got := errorOf(t, p, request(typ, uapi.NLM_F_REQUEST, 0, 0, 0, 0), nobody); got != want {
			t.Errorf("type %d: %v, want %v", typ, got, want)
		}
	}
	// A descriptor that root passes on lends no power, nor does one that root
	// got from nobody.
	if got := errorOf(t, p, request(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST, 0), netlink.RootCreds(1)); got != errno.EPERM {
		t.Errorf("root through nobody's socket: %v", got)
	}
}

// errorOf sends a request and returns the error that answers it.
func errorOf(t *testing.T, p *netlink.Port, req []byte, who *netlink.Creds) errno.Errno {
	t.Helper()
	if _, err := p.Send(req, nil, who); err != nil {
		t.Fatal(err)
	}
	d, err := p.Recv(65536, false)
	if err != nil {
		t.Fatal(err)
	}
	if h := netlink.ParseHeader(d.Data); h.Type != uapi.NLMSG_ERROR {
		t.Fatalf("answer of type %d", h.Type)
	}
	return errno.Errno(-int32(binary.NativeEndian.Uint32(d.Data[16:])))
}

func TestFamilyFallsBackToUnspec(t *testing.T) {
	n := newNet(t)
	var dumped, done []uint8
	h := func(tag uint8) rtnl.Handler {
		return rtnl.Handler{
			Do:   func(*netlink.Request) error { done = append(done, tag); return nil },
			Dump: func(*netlink.Dump) error { dumped = append(dumped, tag); return nil },
		}
	}
	rtnl.Of(n).Handle(uapi.RTM_GETROUTE, uapi.AF_UNSPEC, h(0))
	rtnl.Of(n).Handle(uapi.RTM_GETROUTE, uapi.AF_INET, h(2))
	root := netlink.RootCreds(1)
	p, err := netlink.Open(n, uapi.NETLINK_ROUTE, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range []byte{0, 2, 77} {
		for _, flags := range []uint16{uapi.NLM_F_REQUEST, uapi.NLM_F_REQUEST | uapi.NLM_F_DUMP} {
			if _, err := p.Send(request(uapi.RTM_GETROUTE, flags, family), nil, root); err != nil {
				t.Fatal(err)
			}
			for {
				if _, err := p.Recv(65536, false); err != nil {
					break
				}
			}
		}
	}
	if want := []uint8{0, 2, 0}; !slices.Equal(dumped, want) || !slices.Equal(done, want) {
		t.Errorf("dumped by %v, done by %v, want %v", dumped, done, want)
	}
}

func TestHandlersHoldTheRTNL(t *testing.T) {
	n := newNet(t)
	other, err := netns.New(n.Kernel(), netlink.Pernet(), rtnl.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ran := 0
	check := func(*netlink.Request) error { n.MustHold(); other.MustHold(); ran++; return nil }
	rtnl.Of(n).Handle(uapi.RTM_NEWLINK, 0, rtnl.Handler{Do: check, Nets: func(*netlink.Request) ([]*netns.Net, error) {
		return []*netns.Net{other, n}, nil
	}})
	rtnl.Of(n).Handle(uapi.RTM_GETLINK, 0, rtnl.Handler{Dump: func(d *netlink.Dump) error { n.MustHold(); ran++; return nil }})
	root := netlink.RootCreds(1)
	p, err := netlink.Open(n, uapi.NETLINK_ROUTE, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Send(request(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST, 0), nil, root)
	p.Send(request(uapi.RTM_GETLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP, 0), nil, root)
	if ran != 2 {
		t.Errorf("%d handlers ran, want 2", ran)
	}
}

func TestNotifyEchoAndPort(t *testing.T) {
	n := newNet(t)
	root := netlink.RootCreds(1)
	rtnl.Of(n).Handle(uapi.RTM_NEWLINK, 0, rtnl.Handler{Do: func(r *netlink.Request) error {
		if !rtnl.Listening(n, uapi.RTNLGRP_LINK, r) {
			t.Error("nobody listens")
		}
		rtnl.Notify(n, uapi.RTNLGRP_LINK, netlink.NewMsg(uapi.RTM_NEWLINK, 0), r)
		return nil
	}})
	open := func(id uint32, groups uint32) *netlink.Port {
		p, err := netlink.Open(n, uapi.NETLINK_ROUTE, root, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Bind(id, groups, root); err != nil {
			t.Fatal(err)
		}
		return p
	}
	asker, listener := open(10, 1), open(20, 1)
	for _, echo := range []uint16{0, uapi.NLM_F_ECHO} {
		asker.Send(request(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|echo, 0), nil, root)
		for _, p := range []*netlink.Port{asker, listener} {
			d, err := p.Recv(4096, false)
			if err != nil {
				t.Fatalf("port %d, echo %#x: %v", p.ID(), echo, err)
			}
			if h := netlink.ParseHeader(d.Data); h.Port != 10 || h.Seq != 7 {
				t.Errorf("port %d: from port %d seq %d, want 10 and 7", p.ID(), h.Port, h.Seq)
			}
			if wantGroup := map[bool]int{true: 0, false: 1}[p == asker && echo != 0]; d.Group != wantGroup {
				t.Errorf("port %d echo %#x: group %d, want %d", p.ID(), echo, d.Group, wantGroup)
			}
			if _, err := p.Recv(4096, false); err == nil {
				t.Errorf("port %d got it twice", p.ID())
			}
		}
	}
}
