package udp_test

import (
	"fmt"
	"testing"

	"linen/net/sock"
	"linen/test/ipwire"
	"linen/uapi"
)

// TestIncomingCPU: SO_INCOMING_CPU of a UDP socket is what was set, and of a
// connected one the CPU that took the last datagram; as on 6.18 (spec 11.16).
func TestIncomingCPU(t *testing.T) {
	a, b := pair(t)
	cli, s := a.Socket(t, uapi.SOCK_DGRAM, 0), b.Socket(t, uapi.SOCK_DGRAM, 0)
	for sk, port := range map[sock.Socket]uint16{cli: 8, s: 9} {
		if err := sk.Bind(root, addr(0, port)); err != nil {
			t.Fatal(err)
		}
	}
	cpu := func() int { return getInt(t, s, uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU) }
	send(t, cli, addr(ipwire.B, 9), "x")
	want(t, s, "x")
	if got := cpu(); got != -1 {
		t.Errorf("not connected: %d", got)
	}
	setInt(t, s, uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU, 77)
	send(t, cli, addr(ipwire.B, 9), "x")
	want(t, s, "x")
	if got := cpu(); got != 77 {
		t.Errorf("set: %d", got)
	}
	if err := s.Connect(root, addr(ipwire.A, 8)); err != nil {
		t.Fatal(err)
	}
	send(t, cli, addr(ipwire.B, 9), "x")
	want(t, s, "x")
	if got := cpu(); got < 0 || got == 77 {
		t.Errorf("connected: %d", got)
	}
}

// TestMemberOfTheCPU: of a SO_REUSEPORT group those whose SO_INCOMING_CPU is the
// packet's CPU get it, whenever that was set, but a program goes first; without
// SO_REUSEPORT it is among sockets that share a port by SO_REUSEADDR (socket(7);
// all as on 6.18, spec 11.05).
func TestMemberOfTheCPU(t *testing.T) {
	a, b := pair(t)
	probe := b.Socket(t, uapi.SOCK_DGRAM, 0)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	send(t, cli, addr(ipwire.B, 7), "x") // has a port now
	sa, _ := cli.Getsockname()
	if err := probe.Bind(root, addr(0, 9)); err != nil {
		t.Fatal(err)
	}
	if err := probe.Connect(root, addr(ipwire.A, uint16(sa[2])<<8|uint16(sa[3]))); err != nil {
		t.Fatal(err)
	}
	send(t, cli, addr(ipwire.B, 9), "x")
	want(t, probe, "x")
	cpu := getInt(t, probe, uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU)
	const none = -2
	for _, c := range []struct {
		name   string
		share  int
		cpus   [3]int // none: not set
		prog   int
		gets   string // of 60 datagrams; * is some
		before bool   // bind
	}{
		{"one", uapi.SO_REUSEPORT, [3]int{none, cpu, none}, none, "[0 60 0]", false},
		{"one, before bind", uapi.SO_REUSEPORT, [3]int{none, none, cpu}, none, "[0 0 60]", true},
		{"two", uapi.SO_REUSEPORT, [3]int{cpu, cpu, none}, none, "[* * 0]", false},
		{"others", uapi.SO_REUSEPORT, [3]int{none, cpu + 1, cpu + 1}, none, "[* * *]", false},
		{"program", uapi.SO_REUSEPORT, [3]int{cpu, none, none}, 2, "[0 0 60]", false},
		{"program without a choice", uapi.SO_REUSEPORT, [3]int{cpu, none, none}, 9, "[60 0 0]", false},
		{"the oldest", uapi.SO_REUSEADDR, [3]int{cpu, none, none}, none, "[60 0 0]", false},
		{"none", uapi.SO_REUSEADDR, [3]int{none, none, none}, none, "[0 0 60]", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []sock.Socket
			for i := range c.cpus {
				s := b.Socket(t, uapi.SOCK_DGRAM, 0)
				setInt(t, s, uapi.SOL_SOCKET, c.share, 1)
				if c.before && c.cpus[i] != none {
					setInt(t, s, uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU, c.cpus[i])
				}
				if err := s.Bind(root, addr(0, 10)); err != nil {
					t.Fatal(err)
				}
				if !c.before && c.cpus[i] != none {
					setInt(t, s, uapi.SOL_SOCKET, uapi.SO_INCOMING_CPU, c.cpus[i])
				}
				all = append(all, s)
			}
			if c.prog != none {
				if err := all[1].Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_ATTACH_REUSEPORT_CBPF, []byte{6, 0, 0, 0, byte(c.prog), 0, 0, 0}); err != nil {
					t.Fatal(err)
				}
			}
			for range 60 {
				o := a.Socket(t, uapi.SOCK_DGRAM, 0)
				send(t, o, addr(ipwire.B, 10), "x")
				o.Close()
			}
			var got []string
			for _, s := range all {
				n, _ := s.Base().Queued()
				got = append(got, fmt.Sprint(n))
				if n != 0 && n != 60 {
					got[len(got)-1] = "*"
				}
				s.Close()
			}
			if fmt.Sprint(got) != c.gets {
				t.Errorf("%v, want %s", got, c.gets)
			}
		})
	}
}
