package abi_test

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"linen"
	"linen/kern"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
)

// TestMalformedNetlinkAsLinux sends requests that were changed here and there,
// as iproute2 never sends them, and compares error numbers and extended
// acknowledgements (text, offset, policy) with those of Linux 6.18
// (testdata/malformed.py recorded them).
func TestMalformedNetlinkAsLinux(t *testing.T) {
	f, err := os.Open("testdata/malformed.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var port *netlink.Port
	fresh, compared := true, 0
	for s := bufio.NewScanner(f); s.Scan(); {
		request, want, _ := strings.Cut(s.Text(), " ")
		if request == "#" {
			continue
		}
		if request == "=" {
			if fresh {
				port = newPort(t)
			}
			fresh = false
			if got := answers(t, port, want); got != "E0:" {
				t.Fatalf("setup: %s", got)
			}
			continue
		}
		fresh = true
		compared++
		got := answers(t, port, request)
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", request, show(got), show(want))
		}
	}
	if compared < 400 {
		t.Errorf("only %d requests", compared)
	}
}

// newPort returns an rtnetlink port of a fresh namespace, with extended acks
// and strict checking.
func newPort(t *testing.T) *netlink.Port {
	t.Helper()
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n, err := netns.New(k, linen.Subsystems()...)
	if err != nil {
		t.Fatal(err)
	}
	root := netlink.RootCreds(1)
	p, err := netlink.Open(n, uapi.NETLINK_ROUTE, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); n.Close(); k.Close() })
	p.Bind(7, 0, root)
	p.SetOption(netlink.OptExtAck, true, root)
	p.SetOption(netlink.OptStrict, true, root)
	return p
}

// answers sends a request and returns what came back, as the recorder writes
// it.
func answers(t *testing.T, p *netlink.Port, request string) string {
	t.Helper()
	data, err := hex.DecodeString(request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Send(data, nil, netlink.RootCreds(1)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for {
		d, err := p.Recv(65536, false)
		if err != nil {
			break
		}
		out = append(out, answer(d.Data))
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, " ")
}

// answer describes one datagram.
func answer(data []byte) string {
	number := func(b []byte) int32 { return -int32(binary.NativeEndian.Uint32(b)) }
	h := netlink.ParseHeader(data)
	if h.Type == uapi.NLMSG_ERROR {
		cut := 36
		if h.Flags&uapi.NLM_F_CAPPED == 0 {
			cut = 20 + netlink.Align(int(binary.NativeEndian.Uint32(data[20:])))
		}
		return fmt.Sprintf("E%d:%x", number(data[16:]), data[cut:])
	}
	s := fmt.Sprintf("D%d", h.Type)
	for len(data) > 0 {
		h := netlink.ParseHeader(data)
		if h.Type == uapi.NLMSG_DONE {
			s += fmt.Sprintf(",DONE%d:%x", number(data[16:]), data[20:h.Len])
		}
		data = data[min(len(data), netlink.Align(int(h.Len))):]
	}
	return s
}

// show adds the texts to answers in hex.
func show(answers string) string {
	for word := range strings.SplitSeq(answers, " ") {
		_, tlvs, _ := strings.Cut(word, ":")
		if b, err := hex.DecodeString(tlvs); err == nil && len(b) > 4 {
			answers += fmt.Sprintf(" %q", b)
		}
	}
	return answers
}
