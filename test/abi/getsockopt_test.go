package abi

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"linen/net/inet"
	"linen/net/ping"
	"linen/net/raw"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/net/udp"
	"linen/test/ipwire"
	"linen/uapi"
	"linen/uapi/errno"
)

// hosts are two hosts with every datagram protocol, on which all may ping.
func hosts(t *testing.T) (a, b *ipwire.Host) {
	a, b, _ = ipwire.Pair(t, udp.Pernet(), ping.Pernet(), raw.Pernet())
	for _, h := range []*ipwire.Host{a, b} {
		if err := sysctl.Of(h.Net).Set("net/ipv4/ping_group_range", "0 2147483647"); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

// lines returns the fields of each line of a table.
func lines(t *testing.T, name string) [][]string {
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all [][]string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if !strings.HasPrefix(sc.Text(), "#") {
			all = append(all, strings.Split(sc.Text(), " "))
		}
	}
	return all
}

// name returns an error as Python names it.
func name(err error) string {
	switch e, ok := err.(errno.Errno); {
	case !ok:
		return fmt.Sprint(err)
	case e == errno.EOPNOTSUPP:
		return "ENOTSUP"
	default:
		return e.Name()
	}
}

// notBuilt are options whose subsystems linen does not have: level and number.
var notBuilt = map[[2]int]string{
	{uapi.IPPROTO_IP, 64}: "IPT_SO_GET_INFO of ip_tables",
	{uapi.IPPROTO_IP, 65}: "IPT_SO_GET_ENTRIES of ip_tables",
}

func TestGetsockoptOfFreshSockets(t *testing.T) {
	a, _ := hosts(t)
	sockets := map[string]sock.Socket{
		"udp":     a.Socket(t, uapi.SOCK_DGRAM, 0),
		"udplite": a.Socket(t, uapi.SOCK_DGRAM, uapi.IPPROTO_UDPLITE),
		"raw":     a.Socket(t, uapi.SOCK_RAW, uapi.IPPROTO_ICMP),
		"ping":    a.Socket(t, uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP),
	}
	for _, f := range lines(t, "getsockopt-6.18.txt") {
		s := sockets[f[0]]
		level, _ := strconv.Atoi(f[1])
		option, _ := strconv.Atoi(f[2])
		if notBuilt[[2]int{level, option}] != "" {
			continue
		}
		size := 256
		if level == uapi.SOL_SOCKET && option == uapi.SO_MAX_PACING_RATE {
			size = 4
		}
		val := make([]byte, size)
		n, err := s.Getsockopt(sock.Root(), level, option, val)
		got := ""
		if err != nil {
			got = name(err)
		} else {
			got = hex.EncodeToString(val[:n])
		}
		if want := f[3]; got != want {
			t.Errorf("%s level %d option %d: %s, want %s", f[0], level, option, got, want)
		}
	}
}

func TestSetsockopt(t *testing.T) {
	a, _ := hosts(t)
	for _, f := range lines(t, "setsockopt-6.18.txt") {
		s := a.Socket(t, uapi.SOCK_DGRAM, 0)
		if f[0] == "raw" {
			s = a.Socket(t, uapi.SOCK_RAW, uapi.IPPROTO_ICMP)
		}
		level, _ := strconv.Atoi(f[1])
		option, _ := strconv.Atoi(f[2])
		v, _ := strconv.Atoi(f[3])
		if differs(level, option, v) {
			continue
		}
		got := ""
		if err := s.Setsockopt(sock.Root(), level, option, binary.NativeEndian.AppendUint32(nil, uint32(v))); err != nil {
			got = name(err)
		} else {
			val := make([]byte, 4)
			if _, err := s.Getsockopt(sock.Root(), level, option, val); err != nil {
				got = "ok," + name(err)
			} else {
				got = strconv.Itoa(int(int32(binary.NativeEndian.Uint32(val))))
			}
		}
		if want := f[4]; got != want {
			t.Errorf("%s level %d option %d = %d: %s, want %s", f[0], level, option, v, got, want)
		}
		s.Close()
	}
}

// differs names the cases where linen is meant to answer otherwise.
func differs(level, option, v int) bool {
	if level != uapi.SOL_SOCKET {
		return false
	}
	switch option {
	case uapi.SO_ATTACH_BPF, uapi.SO_ATTACH_REUSEPORT_EBPF:
		return true // EBADF is the supervisor's, who knows the descriptors
	}
	return false
}

func TestBindConflicts(t *testing.T) { // spec 11.04
	for _, f := range lines(t, "bind-6.18.txt") {
		a, _ := hosts(t)
		var err error
		for i := range 2 {
			s := a.Socket(t, uapi.SOCK_DGRAM, 0)
			for at, option := range map[int]int{2: uapi.SO_REUSEADDR, 4: uapi.SO_REUSEPORT} {
				v, _ := strconv.Atoi(f[at+i])
				if err := s.Setsockopt(sock.Root(), uapi.SOL_SOCKET, option, []byte{byte(v), 0, 0, 0}); err != nil {
					t.Fatal(err)
				}
			}
			p := netip.AddrPortFrom(netip.MustParseAddr(f[i]), 4000)
			err = s.Bind(sock.Root(), inet.FromAddrPort(p).Bytes())
		}
		got := "ok"
		if err != nil {
			got = name(err)
		}
		if got != f[6] {
			t.Errorf("%v: %s", f, got)
		}
	}
}
