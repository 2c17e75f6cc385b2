package udp_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"linen/net/mib"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/test/ipwire"
	"linen/uapi"
	"linen/uapi/errno"
)

// TestReceivedOptionsAndFragments: IP_RECVOPTS brings a packet's options,
// IP_RETOPTS those that an answer would have, IP_RECVFRAGSIZE the largest
// fragment of one that came in pieces. Recorded from Linux 6.18.
func TestReceivedOptionsAndFragments(t *testing.T) { // ip(7); spec 4.17, 4.41
	a, b, _ := hosts.Pair(t)
	srv := on(t, b, 9)
	for _, o := range []int{uapi.IP_RECVOPTS, uapi.IP_RETOPTS, uapi.IP_RECVFRAGSIZE} {
		setInt(t, srv, uapi.IPPROTO_IP, o, 1)
	}
	type cmsg struct {
		typ  int
		data string
	}
	for _, c := range []struct {
		name, options string
		size          int
		want          []cmsg
	}{
		{"two fragments", "", 3000, []cmsg{{uapi.IP_RECVFRAGSIZE, "dc050000"}}},
		{"whole", "", 10, nil},
		{"router alert", "9404000001", 5, []cmsg{{uapi.IP_RECVOPTS, "9404000001000000"}, {uapi.IP_RETOPTS, ""}}},
		{"record route", "07070400000000", 5, []cmsg{{uapi.IP_RECVOPTS, "0707080a00000100"}, {uapi.IP_RETOPTS, "0707080a00000100"}}},
		{"record route and no operation", "0707040000000001", 5, []cmsg{{uapi.IP_RECVOPTS, "0707080a00000101"}, {uapi.IP_RETOPTS, "0707080a00000100"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cli := on(t, a, 0)
			options, _ := hex.DecodeString(c.options)
			if err := cli.Setsockopt(root, uapi.IPPROTO_IP, uapi.IP_OPTIONS, options); err != nil {
				t.Fatal(err)
			}
			send(t, cli, addr(ipwire.B, 9), strings.Repeat("x", c.size))
			m := &sock.Msg{Data: make([]byte, 4000), Control: make([]byte, 200)}
			if n, err := sock.Recv(t.Context(), srv, root, m); err != nil || n != c.size {
				t.Fatalf("received %d, %v", n, err)
			}
			var got []cmsg
			for rest := m.Control[:m.ControlLen]; ; {
				cm, r, more, err := sock.NextCmsg(rest)
				if err != nil || !more {
					break
				}
				rest, got = r, append(got, cmsg{cm.Type, hex.EncodeToString(cm.Data)})
			}
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%v, want %v", got[i], c.want[i])
				}
			}
		})
	}
}

// TestProbeSendsNothing: MSG_PROBE does all but the sending: the port, the
// route; the size does not matter. As on Linux 6.18.
func TestProbeSendsNothing(t *testing.T) { // send(2); spec 4.24
	a, b := pair(t)
	srv := b.Bound(t, uapi.SOCK_DGRAM, 0, 0, 9)
	cli := a.Socket(t, uapi.SOCK_DGRAM, 0)
	for _, c := range []struct {
		name string
		to   [4]byte
		size int
		err  error
	}{
		{"a way there is", [4]byte{10, 0, 0, 2}, 3, nil},
		{"too long to be sent", [4]byte{10, 0, 0, 2}, 65530, nil},
		{"no route", [4]byte{99, 9, 9, 9}, 3, errno.ENETUNREACH},
	} {
		to := append([]byte{uapi.AF_INET, 0, 0, 9}, append(c.to[:], make([]byte, 8)...)...)
		n, err := cli.Sendmsg(root, &sock.Msg{Data: make([]byte, c.size), Name: to, Flags: uapi.MSG_PROBE})
		if err != c.err || err == nil && n != c.size {
			t.Errorf("%s: %d, %v", c.name, n, err)
		}
	}
	if _, _, err := recv(srv, 0); err != errno.EAGAIN {
		t.Errorf("received after MSG_PROBE: %v", err)
	}
	if m := mib.Of(a.Net).Read(); m[mib.UDPOutDatagrams] != 0 {
		t.Errorf("%d datagrams counted", m[mib.UDPOutDatagrams])
	}
}
