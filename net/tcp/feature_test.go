package tcp_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// getBytes reads an option with a buffer of n bytes.
func getBytes(s sock.Socket, name, n int) ([]byte, error) {
	val := make([]byte, n)
	n, err := s.Getsockopt(root, uapi.IPPROTO_TCP, name, val)
	return val[:n], err
}

// setErr sets an int option of level TCP and returns what that answers.
func setErr(s sock.Socket, name, v int) error {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(int32(v)))
	return s.Setsockopt(root, uapi.IPPROTO_TCP, name, b[:])
}

// TestOptionRanges compares with what 6.18 answered to each value.
func TestOptionRanges(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	for _, c := range []struct {
		name, v int
		want    error
	}{
		{uapi.TCP_SAVE_SYN, -1, errno.EINVAL}, {uapi.TCP_SAVE_SYN, 0, nil}, {uapi.TCP_SAVE_SYN, 1, nil}, {uapi.TCP_SAVE_SYN, 2, nil}, {uapi.TCP_SAVE_SYN, 3, errno.EINVAL},
		{uapi.TCP_SAVED_SYN, 1, errno.ENOPROTOOPT},
		{uapi.TCP_INQ, -1, errno.EINVAL}, {uapi.TCP_INQ, 0, nil}, {uapi.TCP_INQ, 1, nil}, {uapi.TCP_INQ, 2, errno.EINVAL},
		{uapi.TCP_NOTSENT_LOWAT, 0, nil}, {uapi.TCP_NOTSENT_LOWAT, -1, nil}, {uapi.TCP_NOTSENT_LOWAT, 16384, nil},
	} {
		s := stream(t, a)
		old := 0
		if c.name != uapi.TCP_SAVED_SYN {
			old = getInt(t, s, uapi.IPPROTO_TCP, c.name)
		}
		err := setErr(s, c.name, c.v)
		if err != c.want {
			t.Errorf("option %d = %d: %v, want %v", c.name, c.v, err, c.want)
		}
		want := old
		if err == nil {
			want = c.v
		}
		if c.name != uapi.TCP_SAVED_SYN && getInt(t, s, uapi.IPPROTO_TCP, c.name) != want {
			t.Errorf("option %d after %d: %d", c.name, c.v, getInt(t, s, uapi.IPPROTO_TCP, c.name))
		}
	}
}

func TestSavedSyn(t *testing.T) { // spec 11.84; lengths as on 6.18: 60 bytes, and 14 of Ethernet
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 10)
	for mode, link := range []int{-1, 0, 14} {
		setInt(t, l, uapi.IPPROTO_TCP, uapi.TCP_SAVE_SYN, mode)
		cli, err := connect(t, a, b, 80)
		must(t, err)
		srv := accept(t, l)
		if got := getInt(t, srv, uapi.IPPROTO_TCP, uapi.TCP_SAVE_SYN); got != mode {
			t.Errorf("mode %d: the child has %d", mode, got)
		}
		if p, err := getBytes(cli, uapi.TCP_SAVED_SYN, 200); len(p) != 0 || err != nil {
			t.Errorf("mode %d: the client has %x, %v", mode, p, err)
		}
		if _, err := getBytes(srv, uapi.TCP_SAVED_SYN, 10); mode > 0 && err != errno.EINVAL {
			t.Errorf("mode %d: a short buffer: %v", mode, err)
		}
		p, err := getBytes(srv, uapi.TCP_SAVED_SYN, 200)
		must(t, err)
		if mode == 0 {
			if len(p) != 0 {
				t.Errorf("saved unasked: %x", p)
			}
			continue
		}
		if len(p) != link+60 || link > 0 && !bytes.Equal(p[12:14], []byte{8, 0}) {
			t.Fatalf("mode %d: %x", mode, p)
		}
		ip, _ := wire.AsIPv4(p[link:])
		h, _ := wire.AsTCP(p[link+20:])
		if ip.TotLen() != 60 || h.Flags() != wire.TCPSyn || h.Dest() != 80 {
			t.Errorf("mode %d: %x", mode, p)
		}
		if p, _ := getBytes(srv, uapi.TCP_SAVED_SYN, 200); len(p) != 0 {
			t.Error("it is given away once")
		}
	}
}

func TestInq(t *testing.T) { // tcp(7); every line was observed on 6.18
	_, _, _, cli, srv := conn(t)
	setInt(t, srv, uapi.IPPROTO_TCP, uapi.TCP_INQ, 1)
	send(t, cli, "0123456789", 0)
	for _, c := range []struct {
		n, control, flags int
		shut              bool
		want              string
		inq, out          int
	}{
		{n: 4, control: 64, want: "0123", inq: 6},
		{n: 2, control: 64, flags: uapi.MSG_PEEK, want: "45", inq: 6},
		{n: 5, control: 10, want: "45678", inq: -1, out: uapi.MSG_CTRUNC},
		{n: 20, control: 64, shut: true, want: "9", inq: 1},
		{n: 20, control: 64, want: "", inq: 1},
	} {
		if c.shut {
			must(t, cli.Shutdown(root, uapi.SHUT_WR))
		}
		m := sock.Msg{Data: make([]byte, c.n), Control: make([]byte, c.control), Flags: c.flags}
		n, err := srv.Recvmsg(root, &m)
		must(t, err)
		inq := -1
		if cm, _, ok, _ := sock.NextCmsg(m.Control[:m.ControlLen]); ok && cm.Level == uapi.IPPROTO_TCP && cm.Type == uapi.TCP_INQ {
			inq = int(binary.NativeEndian.Uint32(cm.Data))
		}
		if string(m.Data[:n]) != c.want || inq != c.inq || m.OutFlags != c.out {
			t.Errorf("%q: inq %d flags %#x; want %+v", m.Data[:n], inq, m.OutFlags, c)
		}
	}
}

func TestNotsentLowat(t *testing.T) { // tcp(7), TCP_NOTSENT_LOWAT: poll looks at what is not sent
	a, b, link := hosts.Pair(t)
	l := listen(t, b, 80, 10)
	cli, err := connect(t, a, b, 80)
	must(t, err)
	accept(t, l)
	link.Drop(true)
	setInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_NOTSENT_LOWAT, 4096)
	send(t, cli, string(make([]byte, 14480)), 0) // the first window: sent, though not acknowledged
	if cli.Poll()&uapi.POLLOUT == 0 {
		t.Error("not writeable although nothing is unsent")
	}
	send(t, cli, string(make([]byte, 4096)), 0)
	if cli.Poll()&uapi.POLLOUT != 0 {
		t.Error("writeable with 4096 bytes unsent")
	}
	setInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_NOTSENT_LOWAT, 4097)
	if cli.Poll()&uapi.POLLOUT == 0 {
		t.Error("not writeable below the limit")
	}
}
