package sockdiag_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"linen/net/inet"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// A row is one socket of an answer.
type row struct {
	uapi.InetDiagMsg
	attrs []int
	data  map[int][]byte
}

// query asks of a protocol; a request without REQUEST flags is a dump.
func query(t *testing.T, h *hosts.Host, who *sock.Caller, typ, flags uint16, q uapi.InetDiagReqV2) (rows []row, result errno.Errno) {
	t.Helper()
	body := q.Append(nil)
	m := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	m = binary.NativeEndian.AppendUint16(m, typ)
	m = binary.NativeEndian.AppendUint16(m, flags|uapi.NLM_F_REQUEST)
	m = append(append(m, make([]byte, 8)...), body...)
	for _, b := range ask(t, h, who, m) {
		for len(b) >= 16 {
			n := int(binary.NativeEndian.Uint32(b))
			switch kind := binary.NativeEndian.Uint16(b[4:]); kind {
			case uapi.NLMSG_ERROR, uapi.NLMSG_DONE:
				result = errno.Errno(-int32(binary.NativeEndian.Uint32(b[16:])))
			default:
				rows = append(rows, parseRow(t, b[16:n]))
			}
			b = b[min((n+3)&^3, len(b)):]
		}
	}
	return rows, result
}

func parseRow(t *testing.T, b []byte) row {
	t.Helper()
	m, ok := uapi.ParseInetDiagMsg(b)
	if !ok {
		t.Fatalf("answer of %d bytes", len(b))
	}
	r := row{InetDiagMsg: m, data: map[int][]byte{}}
	for a := b[uapi.SizeofInetDiagMsg:]; len(a) >= 4; {
		size, typ := int(binary.NativeEndian.Uint16(a)), int(binary.NativeEndian.Uint16(a[2:]))
		r.attrs = append(r.attrs, typ)
		r.data[typ] = a[4:size]
		a = a[min((size+3)&^3, len(a)):]
	}
	return r
}

// dump asks for all sockets of a protocol, with every extension.
func dump(t *testing.T, h *hosts.Host, protocol int, states uint32) []row {
	t.Helper()
	rows, err := query(t, h, root, uapi.SOCK_DIAG_BY_FAMILY, uapi.NLM_F_DUMP, uapi.InetDiagReqV2{
		Family: uapi.AF_INET, Protocol: uint8(protocol), Ext: 255, States: states,
	})
	if err != 0 {
		t.Fatal(err)
	}
	return rows
}

const all = ^uint32(0)

// only returns the one row there must be.
func only(t *testing.T, rows []row) row {
	t.Helper()
	if len(rows) != 1 {
		t.Fatalf("%d sockets: %+v", len(rows), rows)
	}
	return rows[0]
}

func TestADumpOfManyPages(t *testing.T) {
	h := hosts.New(t).Host("a")
	const n = 300
	for i := range n {
		must(t, socket(t, h, uapi.AF_INET, uapi.SOCK_DGRAM, 0).Bind(root, lo(uint16(2000+i))))
	}
	var ports []uint16
	for _, r := range dump(t, h, uapi.IPPROTO_UDP, all) {
		ports = append(ports, r.ID.SPort)
	}
	if len(ports) != n || !slices.IsSorted(ports) || ports[0] != 2000 {
		t.Errorf("%d ports, %v", len(ports), ports)
	}
}

func TestRawSockets(t *testing.T) { // net/ipv4/raw_diag.c: pad is the protocol
	h := hosts.New(t).Host("a")
	any89 := socket(t, h, uapi.AF_INET, uapi.SOCK_RAW, 89)
	conn := socket(t, h, uapi.AF_INET, uapi.SOCK_RAW, uapi.IPPROTO_RAW)
	must(t, conn.Connect(root, lo(0)))
	rows := dump(t, h, uapi.IPPROTO_RAW, all)
	if len(rows) != 2 || rows[0].ID.SPort != 89 || rows[0].State != uapi.TCP_CLOSE || rows[1].ID.SPort != 255 || rows[1].State != uapi.TCP_ESTABLISHED {
		t.Fatalf("%+v", rows)
	}
	if rows[1].data[uapi.INET_DIAG_SOCKOPT][0]&8 == 0 {
		t.Error("hdrincl is not told")
	}
	q := uapi.InetDiagReqV2{Family: uapi.AF_INET, Protocol: uapi.IPPROTO_RAW, Pad: 89, ID: uapi.InetDiagSockID{Cookie: ^uint64(0)}}
	if got, _ := query(t, h, root, uapi.SOCK_DIAG_BY_FAMILY, 0, q); only(t, got).ID.SPort != 89 {
		t.Errorf("exact: %+v", got)
	}
	if _, err := query(t, h, root, uapi.SOCK_DESTROY, uapi.NLM_F_ACK, q); err != 0 {
		t.Errorf("destroy: %v", err)
	}
	if e := any89.Base().PendingError(); e != errno.ECONNABORTED {
		t.Errorf("destroyed: %v", e)
	}
	q.Pad = 90
	if _, err := query(t, h, root, uapi.SOCK_DESTROY, uapi.NLM_F_ACK, q); err != errno.ENOENT {
		t.Errorf("destroy of none: %v", err)
	}
}

func TestDestroyNeedsCapNetAdmin(t *testing.T) { // and so do marks
	h := hosts.New(t).Host("a")
	s := socket(t, h, uapi.AF_INET, uapi.SOCK_DGRAM, 0)
	must(t, s.Bind(root, lo(7)))
	nobody := &sock.Caller{UID: 1000, PID: 5}
	q := uapi.InetDiagReqV2{Family: uapi.AF_INET, Protocol: uapi.IPPROTO_UDP, States: all}
	rows, err := query(t, h, nobody, uapi.SOCK_DIAG_BY_FAMILY, uapi.NLM_F_DUMP, q)
	if r := only(t, rows); err != 0 || r.data[uapi.INET_DIAG_MARK] != nil || r.data[uapi.INET_DIAG_SHUTDOWN] == nil {
		t.Errorf("%v, %+v", err, r)
	}
	q.ID = rows[0].ID
	if _, err := query(t, h, nobody, uapi.SOCK_DESTROY, uapi.NLM_F_ACK, q); err != errno.EPERM {
		t.Errorf("destroy by nobody: %v", err)
	}
	q.ID.Cookie++
	if _, err := query(t, h, root, uapi.SOCK_DESTROY, uapi.NLM_F_ACK, q); err != errno.ENOENT {
		t.Errorf("destroy of another incarnation: %v", err)
	}
	if e := s.Base().PendingError(); e != 0 {
		t.Errorf("pending: %v", e)
	}
}

// connection makes a listener and a connection to it on lo; they come with
// the accepted end.
func connection(t *testing.T, h *hosts.Host) (l, cli, srv sock.Socket) {
	t.Helper()
	stream := func() sock.Socket { return socket(t, h, uapi.AF_INET, uapi.SOCK_STREAM, 0) }
	l, cli = stream(), stream()
	must(t, l.Bind(root, lo(80)))
	must(t, l.Listen(root, 3))
	if err := cli.Connect(root, lo(80)); err != nil && err != errno.EINPROGRESS {
		t.Fatal(err)
	}
	h.Lab.Clock.Settle()
	srv, err := l.Accept(root)
	must(t, err)
	t.Cleanup(func() { srv.Close() })
	return l, cli, srv
}

func TestTCPSockets(t *testing.T) { // what ss -tiem shows, in the order of 6.18
	h := hosts.New(t).Host("a")
	_, cli, srv := connection(t, h)
	l := only(t, dump(t, h, uapi.IPPROTO_TCP, 1<<uapi.TCP_LISTEN))
	if l.ID.SPort != 80 || l.RQueue != 0 || l.WQueue != 3 || l.Timer != 0 {
		t.Errorf("listener: %+v", l.InetDiagMsg)
	}
	want := []int{
		uapi.INET_DIAG_SHUTDOWN, uapi.INET_DIAG_TOS, uapi.INET_DIAG_MARK, uapi.INET_DIAG_CLASS_ID,
		uapi.INET_DIAG_SOCKOPT, uapi.INET_DIAG_MEMINFO, uapi.INET_DIAG_SKMEMINFO, uapi.INET_DIAG_INFO, uapi.INET_DIAG_CONG,
	}
	if !slices.Equal(l.attrs, want) {
		t.Errorf("attributes %v, want %v", l.attrs, want)
	}
	if n := len(l.data[uapi.INET_DIAG_INFO]); n != 280 || l.data[uapi.INET_DIAG_SOCKOPT][0]&2 == 0 {
		t.Errorf("tcp_info of %d bytes, options %x", n, l.data[uapi.INET_DIAG_SOCKOPT])
	}
	if _, err := cli.Sendmsg(root, &sock.Msg{Data: make([]byte, 100)}); err != nil {
		t.Fatal(err)
	}
	h.Lab.Clock.Settle()
	rows := dump(t, h, uapi.IPPROTO_TCP, 1<<uapi.TCP_ESTABLISHED)
	if len(rows) != 2 {
		t.Fatalf("%d connections", len(rows))
	}
	for _, r := range rows {
		unread := map[bool]uint32{true: 100, false: 0}[r.ID.SPort == 80]
		if r.RQueue != unread || !slices.Equal(r.attrs, want) {
			t.Errorf("%+v", r.InetDiagMsg)
		}
	}
	// cli closes first: the TIME_WAIT is its.
	srv.Recvmsg(root, &sock.Msg{Data: make([]byte, 200)})
	cli.Close()
	h.Lab.Clock.Settle()
	srv.Close()
	h.Lab.Clock.Settle()
	w := only(t, dump(t, h, uapi.IPPROTO_TCP, 1<<uapi.TCP_TIME_WAIT))
	if w.ID.DPort != 80 || w.Timer != 3 || w.Expires == 0 || w.Expires > 60000 || !slices.Equal(w.attrs, []int{uapi.INET_DIAG_MARK}) {
		t.Errorf("TIME_WAIT: %+v", w)
	}
	q := uapi.InetDiagReqV2{Family: uapi.AF_INET, Protocol: uapi.IPPROTO_TCP, ID: w.ID}
	if _, err := query(t, h, root, uapi.SOCK_DESTROY, uapi.NLM_F_ACK, q); err != 0 {
		t.Errorf("destroy of a TIME_WAIT: %v", err)
	}
	if left := dump(t, h, uapi.IPPROTO_TCP, 1<<uapi.TCP_TIME_WAIT); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

func TestDestroyAConnection(t *testing.T) { // ss -K: ECONNABORTED here, a reset there
	h := hosts.New(t).Host("a")
	l, cli, srv := connection(t, h)
	name, err := cli.Getsockname()
	must(t, err)
	_, a, err := inet.ParseAddr(name)
	must(t, err)
	q := uapi.InetDiagReqV2{Family: uapi.AF_INET, Protocol: uapi.IPPROTO_TCP, ID: uapi.InetDiagSockID{
		SPort: a.Port, DPort: 80, Src: inet.DiagAddr(a.IP), Dst: inet.DiagAddr(a.IP), Cookie: ^uint64(0),
	}}
	if _, err := query(t, h, root, uapi.SOCK_DESTROY, uapi.NLM_F_ACK, q); err != 0 {
		t.Fatal(err)
	}
	h.Lab.Clock.Settle()
	for _, c := range []struct {
		name string
		s    sock.Socket
		want errno.Errno
	}{{"destroyed", cli, errno.ECONNABORTED}, {"its peer", srv, errno.ECONNRESET}} {
		if _, err := c.s.Recvmsg(root, &sock.Msg{Data: make([]byte, 9)}); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	q.ID = uapi.InetDiagSockID{SPort: 80, Src: inet.DiagAddr(a.IP), Cookie: ^uint64(0)}
	if _, err := query(t, h, root, uapi.SOCK_DESTROY, uapi.NLM_F_ACK, q); err != 0 {
		t.Fatal(err)
	}
	if _, err := l.Accept(root); err != errno.EINVAL {
		t.Errorf("accept on the destroyed listener: %v", err)
	}
	if left := dump(t, h, uapi.IPPROTO_TCP, all); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

// FuzzRequest gives sock_diag any bytes: every request is answered, none hurts.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{"", "\x02", "\x10\xff" + string(make([]byte, 18)), "\x11\x00" + string(make([]byte, 18))} {
		f.Add(uint16(uapi.SOCK_DIAG_BY_FAMILY), uint16(uapi.NLM_F_DUMP), []byte(seed))
	}
	q := uapi.InetDiagReqV2{Family: uapi.AF_INET, Protocol: uapi.IPPROTO_UDP, Ext: 255, States: all}
	code := append(q.Append(nil), 12, 0, 1, 0, uapi.INET_DIAG_BC_S_EQ, 8, 12, 0, 0, 0, 0x89, 0x13)
	f.Add(uint16(uapi.SOCK_DIAG_BY_FAMILY), uint16(uapi.NLM_F_DUMP), code)
	f.Add(uint16(uapi.SOCK_DESTROY), uint16(uapi.NLM_F_ACK), q.Append(nil))
	f.Fuzz(func(t *testing.T, typ, flags uint16, body []byte) {
		if len(body) > 4096 {
			return
		}
		h := hosts.New(t).Host("a")
		must(t, socket(t, h, uapi.AF_INET, uapi.SOCK_DGRAM, 0).Bind(root, lo(5001)))
		m := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
		m = binary.NativeEndian.AppendUint16(m, max(typ, uapi.NLMSG_MIN_TYPE))
		m = binary.NativeEndian.AppendUint16(m, flags|uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
		m = append(append(m, make([]byte, 8)...), body...)
		if len(ask(t, h, root, m)) == 0 {
			t.Errorf("type %d flags %#x %x: no answer", typ, flags, body)
		}
	})
}
