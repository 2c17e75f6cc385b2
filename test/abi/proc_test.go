package abi

import (
	"strings"
	"testing"

	"linen/net/procfs"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// protocols is what Linux 6.18 shows of the protocols here, with one PING, one
// RAW and two UDP sockets.
const protocols = `protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha uh gp em
UDP-Lite  1344      0       0   NI       0   yes  kernel      y  y  y  n  y  y  y  n  y  y  y  y  n  n  y  y  y  n
PING      1016      1      -1   NI       0   yes  kernel      y  y  y  n  n  y  n  n  y  y  y  y  y  y  n  y  y  n
RAW       1152      1      -1   NI       0   yes  kernel      y  y  y  n  y  y  y  n  y  y  y  y  y  y  y  y  n  n
UDP       1344      2       0   NI       0   yes  kernel      y  y  y  n  y  y  y  n  y  y  y  y  n  n  y  y  y  n
`

func TestProcProtocols(t *testing.T) {
	a, _ := hosts(t)
	a.Socket(t, uapi.SOCK_DGRAM, 0)
	a.Socket(t, uapi.SOCK_DGRAM, 0)
	a.Socket(t, uapi.SOCK_RAW, 89)
	a.Socket(t, uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP)
	text, err := procfs.Of(a.Net).Read("protocols")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, l := range strings.Split(string(text), "\n") {
		lines[l] = true
	}
	for _, want := range strings.Split(protocols, "\n") {
		if !lines[want] {
			t.Errorf("missing %q in\n%s", want, text)
		}
	}
}

func TestSocketErrors(t *testing.T) { // socket(2); spec 11.02, observed on 6.18
	a, _ := hosts(t)
	user := &sock.Caller{UID: 1000, GID: 1000}
	for _, c := range []struct {
		who         *sock.Caller
		family, typ int
		protocol    int
		want        error
	}{
		{sock.Root(), 63, uapi.SOCK_DGRAM, 0, errno.EAFNOSUPPORT},
		{sock.Root(), uapi.AF_INET, uapi.SOCK_DGRAM, uapi.IPPROTO_TCP, errno.EPROTONOSUPPORT},
		{sock.Root(), uapi.AF_INET, uapi.SOCK_SEQPACKET, 0, errno.ESOCKTNOSUPPORT},
		{sock.Root(), uapi.AF_INET, uapi.SOCK_DCCP, 33, errno.ESOCKTNOSUPPORT},
		{sock.Root(), uapi.AF_INET, uapi.SOCK_RAW, 0, errno.EPROTONOSUPPORT},
		{sock.Root(), uapi.AF_INET, uapi.SOCK_RAW, 263, errno.EINVAL},
		{sock.Root(), uapi.AF_INET, uapi.SOCK_DGRAM, -1, errno.EINVAL},
		{sock.Root(), uapi.AF_INET, 11, 0, errno.EINVAL},
		{user, uapi.AF_INET, uapi.SOCK_RAW, uapi.IPPROTO_ICMP, errno.EPERM},
		{user, uapi.AF_INET, uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP, nil},
	} {
		s, err := sock.Create(c.who, a.Net, c.family, c.typ, c.protocol)
		if err != c.want && !(err == nil && c.want == nil) {
			t.Errorf("socket(%d, %d, %d): %v, want %v", c.family, c.typ, c.protocol, err, c.want)
		}
		if s != nil {
			s.Close()
		}
	}
}
