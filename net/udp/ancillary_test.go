package udp_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// Bits of SO_TIMESTAMPING by their short names.
const (
	txSW    = uapi.SOF_TIMESTAMPING_TX_SOFTWARE
	txSched = uapi.SOF_TIMESTAMPING_TX_SCHED
	txAck   = uapi.SOF_TIMESTAMPING_TX_ACK
	rxSW    = uapi.SOF_TIMESTAMPING_RX_SOFTWARE
	sw      = uapi.SOF_TIMESTAMPING_SOFTWARE
	optID   = uapi.SOF_TIMESTAMPING_OPT_ID
	optCmsg = uapi.SOF_TIMESTAMPING_OPT_CMSG
	tsOnly  = uapi.SOF_TIMESTAMPING_OPT_TSONLY
	optStat = uapi.SOF_TIMESTAMPING_OPT_STATS
)

// entries reads the error queue: each entry as "bytes: control messages", with
// type and number of sock_extended_err.
func entries(t *testing.T, s sock.Socket) (got []string) {
	t.Helper()
	for {
		data, m, err := recv(s, uapi.MSG_ERRQUEUE)
		if err != nil {
			return got
		}
		text := fmt.Sprintf("%d:", len(data))
		for rest := m.Control[:m.ControlLen]; ; {
			c, r, ok, err := sock.NextCmsg(rest)
			if err != nil || !ok {
				break
			}
			switch rest = r; {
			case c.Level == uapi.SOL_SOCKET:
				text += fmt.Sprint(" stamp", len(c.Data))
			case c.Type == uapi.IP_PKTINFO:
				text += fmt.Sprintf(" pktinfo %d", c.Data[0])
			case c.Type == uapi.IP_RECVERR:
				text += fmt.Sprintf(" err %d/%d type %d id %d", c.Data[0], c.Data[4], c.Data[8], binary.NativeEndian.Uint32(c.Data[12:]))
				if c.Data[16] != 0 {
					text += fmt.Sprint(" from ", c.Data[20:24])
				}
			}
		}
		got = append(got, text)
	}
}

// TestTransmitTimestampsAsLinux holds what 6.18 reports of two datagrams sent to
// itself, with IP_PKTINFO on.
func TestTransmitTimestampsAsLinux(t *testing.T) { // Documentation/networking/timestamping.rst; spec 11.22
	for _, c := range []struct {
		name  string
		flags int
		want  []string
	}{
		{"TX_SOFTWARE", txSW | sw, []string{"49: stamp48 err 42/4 type 0 id 0", "49: stamp48 err 42/4 type 0 id 0"}},
		{"OPT_ID", txSW | sw | optID, []string{"49: stamp48 err 42/4 type 0 id 0", "49: stamp48 err 42/4 type 0 id 1"}},
		{"OPT_TSONLY", txSW | sw | optID | tsOnly, []string{"0: stamp48 err 42/4 type 0 id 0", "0: stamp48 err 42/4 type 0 id 1"}},
		{"OPT_CMSG", txSW | sw | optCmsg, []string{
			"49: stamp48 pktinfo 1 err 42/4 type 0 id 0 from [127 0 0 1]", "49: stamp48 pktinfo 1 err 42/4 type 0 id 0 from [127 0 0 1]",
		}},
		{"OPT_CMSG and OPT_TSONLY", txSW | sw | optCmsg | tsOnly, []string{"0: stamp48 err 42/4 type 0 id 0", "0: stamp48 err 42/4 type 0 id 0"}},
		{"OPT_STATS", txSW | sw | tsOnly | optStat, []string{"0: stamp48 err 42/4 type 0 id 0", "0: stamp48 err 42/4 type 0 id 0"}},
		{"TX_SCHED", txSW | txSched | sw | optID | tsOnly, []string{
			"0: stamp48 err 42/4 type 1 id 0", "0: stamp48 err 42/4 type 0 id 0", "0: stamp48 err 42/4 type 1 id 1", "0: stamp48 err 42/4 type 0 id 1",
		}},
		{"a filter of received ones changes nothing", txSW | sw | tsOnly | 1<<17, []string{"0: stamp48 err 42/4 type 0 id 0", "0: stamp48 err 42/4 type 0 id 0"}},
		{"not reported", txSW, []string{"49: err 42/4 type 0 id 0", "49: err 42/4 type 0 id 0"}},
		{"received only", rxSW | sw, nil},
		{"TX_ACK is TCP's", txAck | sw | tsOnly, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _, _ := hosts.Pair(t)
			on(t, a, 4000)
			s := on(t, a, 0)
			setInt(t, s, uapi.SOL_SOCKET, uapi.SO_TIMESTAMPING, c.flags)
			setInt(t, s, uapi.IPPROTO_IP, uapi.IP_PKTINFO, 1)
			for range 2 {
				send(t, s, addr(0x7f000001, 4000), "payload")
			}
			if got := entries(t, s); strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// sendCmsg sends one byte with a control message of SOL_SOCKET.
func sendCmsg(s sock.Socket, level, typ int, data []byte) error {
	m := sock.Msg{Control: make([]byte, 64)}
	m.PutCmsg(level, typ, data)
	_, err := s.Sendmsg(root, &sock.Msg{Data: []byte("x"), Name: addr(0x7f000001, 4000), Control: m.Control[:m.ControlLen]})
	return err
}

// TestSendControlMessages holds 6.18's answers.
func TestSendControlMessages(t *testing.T) { // spec 11.22
	u32 := func(v int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(v)) }
	txtime := append(u32(1), u32(0)...) // CLOCK_MONOTONIC
	for _, c := range []struct {
		name       string
		flags, typ int
		txtime     bool
		data       []byte
		want       error
		entries    string
	}{
		{"SCM_TS_OPT_ID", txSW | sw | optID | tsOnly, uapi.SCM_TS_OPT_ID, false, u32(77), nil, "[0: stamp48 err 42/4 type 0 id 77]"},
		{"SCM_TS_OPT_ID, short", txSW | sw | optID | tsOnly, uapi.SCM_TS_OPT_ID, false, []byte{1, 0}, errno.EINVAL, "[]"},
		{"SCM_TS_OPT_ID without OPT_ID", txSW | sw | tsOnly, uapi.SCM_TS_OPT_ID, false, u32(77), errno.EINVAL, "[]"},
		{"flags for one send", sw | optID | tsOnly, uapi.SO_TIMESTAMPING, false, u32(txSW), nil, "[0: stamp48 err 42/4 type 0 id 0]"},
		{"flags that are none", sw | optID | tsOnly, uapi.SO_TIMESTAMPING, false, u32(sw), errno.EINVAL, "[]"},
		{"SCM_TXTIME", 0, uapi.SCM_TXTIME, true, append(u32(1), u32(0)...), nil, "[]"},
		{"SCM_TXTIME in the future is sent now", 0, uapi.SCM_TXTIME, true, append(u32(0), u32(1<<30)...), nil, "[]"},
		{"SCM_TXTIME, short", 0, uapi.SCM_TXTIME, true, u32(1), errno.EINVAL, "[]"},
		{"SCM_TXTIME without SO_TXTIME", 0, uapi.SCM_TXTIME, false, append(u32(1), u32(0)...), errno.EINVAL, "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _, _ := hosts.Pair(t)
			srv, s := on(t, a, 4000), on(t, a, 0)
			setInt(t, s, uapi.SOL_SOCKET, uapi.SO_TIMESTAMPING, c.flags)
			if c.txtime {
				if err := s.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_TXTIME, txtime); err != nil {
					t.Fatal(err)
				}
			}
			if err := sendCmsg(s, uapi.SOL_SOCKET, c.typ, c.data); err != c.want && (err != nil || c.want != nil) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if got := fmt.Sprint(entries(t, s)); got != c.entries {
				t.Errorf("got %s, want %s", got, c.entries)
			}
			if c.want == nil {
				want(t, srv, "x")
			}
			empty(t, srv)
		})
	}
}

func TestTxtimeOption(t *testing.T) { // answers of 6.18; spec 11.22
	a, _, _ := hosts.Pair(t)
	user := &sock.Caller{UID: 1000}
	set := func(who *sock.Caller, clock, flags int) error {
		v := binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, uint32(clock)), uint32(flags))
		return on(t, a, 0).Setsockopt(who, uapi.SOL_SOCKET, uapi.SO_TXTIME, v)
	}
	for _, c := range []struct {
		who          *sock.Caller
		clock, flags int
		want         error
	}{
		{root, 0, 0, nil}, {root, 1, 3, nil}, {root, 11, 1, nil}, {root, 7, 0, errno.EINVAL}, {root, 99, 0, errno.EINVAL}, {root, 1, 4, errno.EINVAL},
		{user, 0, 0, errno.EPERM}, {user, 1, 0, nil}, {user, 7, 0, errno.EPERM}, {user, 11, 0, errno.EPERM},
	} {
		if err := set(c.who, c.clock, c.flags); err != c.want && (err != nil || c.want != nil) {
			t.Errorf("uid %d, clock %d, flags %d: %v, want %v", c.who.UID, c.clock, c.flags, err, c.want)
		}
	}
	if err := on(t, a, 0).Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_TXTIME, []byte{1, 0, 0, 0}); err != errno.EINVAL {
		t.Errorf("short: %v", err)
	}
}

// TestTransparent holds 6.18's answers: what TPROXY's users do.
func TestTransparent(t *testing.T) { // ip(7) IP_TRANSPARENT, IP_RECVORIGDSTADDR; spec 4.42
	const far = 0x09090909
	a, _, _ := hosts.Pair(t)
	srv, s := on(t, a, 4000), on(t, a, 0)
	setInt(t, srv, uapi.IPPROTO_IP, uapi.IP_RECVORIGDSTADDR, 1)
	if err := s.Bind(root, addr(far, 5)); err != errno.EADDRNOTAVAIL {
		t.Errorf("plain: %v", err)
	}
	if err := s.Setsockopt(&sock.Caller{UID: 1000}, uapi.IPPROTO_IP, uapi.IP_TRANSPARENT, []byte{1, 0, 0, 0}); err != errno.EPERM {
		t.Errorf("a user: %v", err)
	}
	setInt(t, s, uapi.IPPROTO_IP, uapi.IP_TRANSPARENT, 1)
	if err := s.Bind(root, addr(far, 5)); err != nil {
		t.Fatal(err)
	}
	send(t, s, addr(0x7f000001, 4000), "hi")
	m := want(t, srv, "hi")
	if string(m.Name[:m.NameLen]) != string(addr(far, 5)) {
		t.Errorf("from %x", m.Name[:m.NameLen])
	}
	if c, _, ok, _ := sock.NextCmsg(m.Control[:m.ControlLen]); !ok || c.Type != uapi.IP_ORIGDSTADDR || string(c.Data) != string(addr(0x7f000001, 4000)) {
		t.Errorf("%+v", c)
	}
	info := []byte{0, 0, 0, 0, 9, 9, 9, 8, 0, 0, 0, 0}
	other := on(t, a, 0)
	if err := sendCmsg(other, uapi.IPPROTO_IP, uapi.IP_PKTINFO, info); err != errno.ENETUNREACH {
		t.Errorf("a foreign source by IP_PKTINFO: %v", err)
	}
	setInt(t, other, uapi.IPPROTO_IP, uapi.IP_TRANSPARENT, 1)
	if err := sendCmsg(other, uapi.IPPROTO_IP, uapi.IP_PKTINFO, info); err != nil {
		t.Errorf("with IP_TRANSPARENT: %v", err)
	}
	if m := want(t, srv, "x"); string(m.Name[4:8]) != "\x09\x09\x09\x08" {
		t.Errorf("from %x", m.Name)
	}
}

// TestReceiveTimestampFilter holds 6.18's answers: SOF_TIMESTAMPING_OPT_RX_FILTER
// hides stamps that others asked for.
func TestReceiveTimestampFilter(t *testing.T) { // spec 11.22
	const optRxFilter = 1 << 17
	a, _, _ := hosts.Pair(t)
	srv, cli := on(t, a, 4000), on(t, a, 0)
	for flags, stamped := range map[int]bool{sw: true, rxSW: false, rxSW | sw: true, sw | optRxFilter: false, rxSW | sw | optRxFilter: true} {
		setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_TIMESTAMPING, flags)
		send(t, cli, addr(0x7f000001, 4000), "x")
		m := want(t, srv, "x")
		if got := m.ControlLen != 0; got != stamped {
			t.Errorf("%#x: stamped %v, want %v", flags, got, stamped)
		}
	}
}
