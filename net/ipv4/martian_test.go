package ipv4_test

import (
	"strings"
	"testing"
	"time"

	"linen/net/klog"
	"linen/net/netns"
	"linen/wire"
)

// lines returns what n's log holds.
func (w *world) lines(n *netns.Net) (list []string) {
	for _, m := range klog.Messages(n) {
		list = append(list, m.Text)
	}
	return list
}

// TestMartiansAreLogged: with log_martians the kernel log names impossible
// addresses. Texts as on Linux 6.18, seen in its dmesg.
func TestMartiansAreLogged(t *testing.T) {
	w := newWorld(t)
	packet := func(src, dst uint32) { w.inject(device(w.b, "b0"), echoTo(src, dst), 0) }
	packet(0x7f000001, addrB)
	if got := w.lines(w.b); len(got) != 0 {
		t.Fatalf("logged without log_martians: %q", got)
	}
	w.set(w.b, "net/ipv4/conf/b0/log_martians", "1")
	const header = "ll header: 00000000: 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
	for _, c := range []struct {
		name     string
		src, dst uint32
		want     []string
	}{
		{"loopback source", 0x7f000001, addrB, []string{"IPv4: martian source 10.0.1.1 from 127.0.0.1, on dev b0", header}},
		{"group as source", 0xe0000001, addrB, []string{"IPv4: martian source 10.0.1.1 from 224.0.0.1, on dev b0", header}},
		{"broadcast as source", 0xffffffff, addrB, []string{"IPv4: martian source 10.0.1.1 from 255.255.255.255, on dev b0", header}},
		{"own address", addrB, addrB, []string{"IPv4: martian source 10.0.1.1 from 10.0.1.1, on dev b0", header}},
		{"loopback destination", addrA, 0x7f000009, []string{"IPv4: martian destination 127.0.0.9 from 10.0.0.1, dev b0"}},
		{"own address, to all", addrB, 0xffffffff, []string{"IPv4: martian source 255.255.255.255 from 10.0.1.1, on dev b0", header}},
		{"to a group", 0x7f000001, 0xe0000001, nil},
		{"net 0 is an ordinary one", 0x00010203, addrB, nil},
	} {
		before := len(w.lines(w.b))
		packet(c.src, c.dst)
		if got := w.lines(w.b)[before:]; strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// echoTo returns an echo request.
func echoTo(src, dst uint32) []byte { return icmp(src, dst, wire.ICMPEcho, 0, 0, make([]byte, 8)) }

// TestKernelLogIsLimited: ten messages in five seconds, then how many there
// would have been.
func TestKernelLogIsLimited(t *testing.T) {
	w := newWorld(t)
	w.set(w.b, "net/ipv4/conf/all/log_martians", "1")
	w.clock.Advance(10 * time.Second)
	for range 15 {
		w.inject(device(w.b, "b0"), echoTo(addrA, 0x7f000009), 0)
	}
	if got := len(w.lines(w.b)); got != 10 {
		t.Fatalf("%d messages, want 10", got)
	}
	w.clock.Advance(6 * time.Second)
	w.inject(device(w.b, "b0"), echoTo(addrA, 0x7f000009), 0)
	got := w.lines(w.b)[10:]
	want := []string{"net_ratelimit: 5 callbacks suppressed", "IPv4: martian destination 127.0.0.9 from 10.0.0.1, dev b0"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestBogusErrorsAreLogged: an ICMP error about a packet to a broadcast goes to
// nobody, and into the log unless it is to be ignored.
func TestBogusErrorsAreLogged(t *testing.T) {
	for ignore, want := range map[string]string{
		"1": "", "0": "icmp: 10.0.1.2 sent an invalid ICMP type 3, code 3 error to a broadcast: 10.0.1.255 on b0",
	} {
		w := newWorld(t)
		w.set(w.b, "net/ipv4/icmp_ignore_bogus_error_responses", ignore)
		w.inject(device(w.b, "b0"), icmp(addrRB, addrB, 3, 3, 0, udp(addrB, 0x0a0001ff, 64)), 0)
		if got := strings.Join(w.lines(w.b), "|"); got != want {
			t.Errorf("ignore %s: %q, want %q", ignore, got, want)
		}
	}
}
