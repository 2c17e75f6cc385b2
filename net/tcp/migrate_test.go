package tcp_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"linen/lib/impair"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
)

// shared makes a listener with SO_REUSEPORT.
func shared(t testing.TB, h *hosts.Host, ip netip.Addr, backlog int) sock.Socket {
	t.Helper()
	s := stream(t, h)
	setInt(t, s, uapi.SOL_SOCKET, uapi.SO_REUSEPORT, 1)
	must(t, s.Bind(root, at(ip, 80)))
	must(t, s.Listen(root, backlog))
	return s
}

// acceptAll takes what is there.
func acceptAll(l sock.Socket) (out []sock.Socket) {
	for {
		s, err := l.Accept(root)
		if err != nil {
			return out
		}
		out = append(out, s)
	}
}

func migrated(t testing.TB, h *hosts.Host) string {
	return fmt.Sprint(count(t, h, "TCPMigrateReqSuccess"), count(t, h, "TCPMigrateReqFailure"))
}

// TestMigrateQueue: connections that a closed listener had not accepted go to
// another of its SO_REUSEPORT group, with their data and past its limit, if
// tcp_migrate_req says so; all cases as on 6.18 (spec 11.05, 11.07).
func TestMigrateQueue(t *testing.T) {
	for _, c := range []struct {
		name, on, counts string
		accepted, reset  int
	}{
		{"two", "0", "0 0", 0, 8}, {"two", "1", "8 0", 8, 0}, {"one", "1", "0 8", 0, 8}, {"not shared", "1", "0 0", 0, 8},
		{"shutdown", "1", "8 0", 8, 0}, {"backlog 2", "1", "8 0", 8, 0}, {"another address", "1", "0 8", 0, 8}, {"three", "1", "8 0", 8, 0},
	} {
		t.Run(c.name+c.on, func(t *testing.T) {
			a, b, _ := hosts.Pair(t)
			must(t, b.SetSysctl("net.ipv4.tcp_migrate_req", c.on))
			var old sock.Socket
			if c.name == "not shared" {
				old = listen(t, b, 80, 10)
			} else {
				old = shared(t, b, b.Addr(), 10)
			}
			var clients, others []sock.Socket
			for range 8 {
				cli, err := connect(t, a, b, 80)
				must(t, err)
				send(t, cli, "hello", 0)
				clients = append(clients, cli)
			}
			switch c.name {
			case "two", "shutdown":
				others = append(others, shared(t, b, b.Addr(), 10))
			case "three":
				others = append(others, shared(t, b, b.Addr(), 10), shared(t, b, b.Addr(), 10))
			case "backlog 2":
				others = append(others, shared(t, b, b.Addr(), 2))
			case "another address":
				others = append(others, shared(t, b, anyAddr, 10))
			}
			if c.name == "shutdown" {
				must(t, old.Shutdown(root, uapi.SHUT_RDWR))
			} else {
				must(t, old.Close())
			}
			a.Lab.Clock.Settle()
			accepted := 0
			for _, o := range others {
				if got := acceptAll(o); len(got) > 0 {
					accepted += len(got)
					for _, s := range got {
						want(t, s, "hello")
						s.Close()
					}
				} else if c.name == "three" {
					t.Error("one got none")
				}
			}
			reset := 0
			for _, s := range clients {
				if soError(t, s) != nil {
					reset++
				}
			}
			if got := migrated(t, b); accepted != c.accepted || reset != c.reset || got != c.counts {
				t.Errorf("%d accepted, %d reset, counters %s", accepted, reset, got)
			}
		})
	}
}

// TestMigrateRequest: a handshake under way ends at the other listener.
func TestMigrateRequest(t *testing.T) {
	for on, counts := range map[string]string{"0": "0 0", "1": "3 0"} {
		a, b, link := hosts.Pair(t)
		must(t, b.SetSysctl("net.ipv4.tcp_migrate_req", on))
		a.MustPing(b.Addr())
		link.Impair(impair.Config{Delay: 100 * time.Millisecond})
		old := shared(t, b, anyAddr, 10)
		var clients []sock.Socket
		for range 3 {
			cli, err := connect(t, a, b, 80)
			must(t, err)
			clients = append(clients, cli)
		}
		a.Lab.Advance(150 * time.Millisecond) // the SYNs came, their answers did not
		other := shared(t, b, anyAddr, 10)
		must(t, old.Close())
		a.Lab.Advance(time.Second)
		wanted := 3
		if on == "0" {
			wanted = 0
		}
		got := acceptAll(other)
		if len(got) != wanted || migrated(t, b) != counts {
			t.Errorf("tcp_migrate_req %s: %d accepted, counters %s", on, len(got), migrated(t, b))
		}
		for _, s := range got {
			s.Close()
		}
		for _, s := range clients {
			if up := s.Base().State() == uapi.TCP_ESTABLISHED || s.Base().State() == uapi.TCP_CLOSE_WAIT; up != (on == "1") {
				t.Errorf("tcp_migrate_req %s: a client is in state %d", on, s.Base().State())
			}
			s.Close()
		}
		a.Lab.Advance(2 * time.Minute)
	}
}
