package netlink_test

import (
	"encoding/binary"
	"testing"

	"linen/kern"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// proto is the protocol that the tests register.
const proto = 30

func newNet(t testing.TB, p netlink.Proto) *netns.Net {
	t.Helper()
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n, err := netns.New(k, netlink.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	netlink.Register(n, proto, p)
	return n
}

func open(t testing.TB, n *netns.Net, id, groups uint32) *netlink.Port {
	t.Helper()
	root := netlink.RootCreds(1)
	p, err := netlink.Open(n, proto, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Bind(id, groups, root); err != nil {
		t.Fatal(err)
	}
	return p
}

func request(typ, flags uint16, body ...byte) []byte {
	b := make([]byte, 16, 16+len(body))
	netlink.Header{Len: uint32(16 + len(body)), Type: typ, Flags: flags, Seq: 7}.Put(b)
	return append(b, body...)
}

// each splits a datagram into its messages.
func each(t *testing.T, data []byte, f func(h netlink.Header, body []byte)) {
	t.Helper()
	for len(data) > 0 {
		h := netlink.ParseHeader(data)
		if h.Len < 16 || int(h.Len) > len(data) {
			t.Fatalf("message of %d bytes in %d", h.Len, len(data))
		}
		f(h, data[16:h.Len])
		data = data[min(netlink.Align(int(h.Len)), len(data)):]
	}
}

// table is what the tests dump: rows of size bytes.
type table struct {
	rows, size int
	gen        uint32
	split      bool
	end        error
	calls      int
}

func (s *table) request(r *netlink.Request) error {
	return r.StartDump(func(d *netlink.Dump) error {
		s.calls++
		d.Generation(s.gen)
		i, _ := d.State.(int)
		for ; i < s.rows; i++ {
			if !d.Put(100, 0, func(m *netlink.Msg) { m.Reserve(1, s.size); m.U32(2, uint32(i)) }) {
				d.State = i
				return netlink.More
			}
		}
		return s.end
	}, s.split)
}

// read reads a dump to its end with a buffer of size bytes.
func read(t *testing.T, p *netlink.Port, size int, page func(n int)) (rows, pages int, intr bool, result int32) {
	t.Helper()
	for {
		d, err := p.Recv(size, false)
		if err != nil {
			t.Fatalf("after %d rows in %d pages: %v", rows, pages, err)
		}
		pages++
		done := false
		each(t, d.Data, func(h netlink.Header, body []byte) {
			intr = intr || h.Flags&uapi.NLM_F_DUMP_INTR != 0
			if h.Flags&uapi.NLM_F_MULTI == 0 || h.Seq != 7 || h.Port != p.ID() {
				t.Errorf("header %+v", h)
			}
			if h.Type == uapi.NLMSG_DONE {
				done, result = true, int32(binary.NativeEndian.Uint32(body))
				return
			}
			if got := binary.NativeEndian.Uint32(body[len(body)-4:]); int(got) != rows {
				t.Fatalf("row %d, want %d", got, rows)
			}
			rows++
		})
		if done {
			return rows, pages, intr, result
		}
		if page != nil {
			page(len(d.Data))
		}
	}
}

func TestDumpInPages(t *testing.T) {
	s := &table{rows: 10000, size: 60, gen: 1}
	n := newNet(t, netlink.Proto{Request: s.request})
	p := open(t, n, 5, 0)
	root := netlink.RootCreds(1)
	if _, err := p.Send(request(50, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP), nil, root); err != nil {
		t.Fatal(err)
	}
	if s.calls != 1 {
		t.Errorf("%d pages made before anybody read", s.calls)
	}
	// A second one has to wait; the first goes on.
	p.Send(request(50, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP), nil, root)
	first, err := p.Recv(32768, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Data) > 4096 {
		t.Errorf("the first page has %d bytes", len(first.Data))
	}
	largest := 0
	busy := false
	rows, pages, intr, result := 0, 0, false, int32(1)
	for result == 1 {
		d, err := p.Recv(32768, false)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		largest = max(largest, len(d.Data))
		each(t, d.Data, func(h netlink.Header, body []byte) {
			switch h.Type {
			case uapi.NLMSG_ERROR:
				busy = errno.Errno(-int32(binary.NativeEndian.Uint32(body))) == errno.EBUSY
			case uapi.NLMSG_DONE:
				result = int32(binary.NativeEndian.Uint32(body))
			default:
				rows++
			}
		})
	}
	if rows != 10000 || intr || result != 0 || !busy {
		t.Errorf("%d rows, interrupted %v, result %d, busy %v", rows, intr, result, busy)
	}
	if largest >= 32768 || largest < 30000 || pages > 30 {
		t.Errorf("%d pages, largest %d bytes", pages, largest)
	}
	if p.Info().Dump || p.Info().Rmem != 0 {
		t.Errorf("left behind: %+v", p.Info())
	}
}

func TestDumpInterrupted(t *testing.T) {
	s := &table{rows: 1000, size: 60, gen: 1}
	n := newNet(t, netlink.Proto{Request: s.request})
	p := open(t, n, 5, 0)
	p.Send(request(50, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP), nil, netlink.RootCreds(1))
	_, _, intr, _ := read(t, p, 4096, func(int) { s.gen = 2 })
	if !intr {
		t.Error("NLM_F_DUMP_INTR is missing")
	}
}

func TestDumpEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		s      table
		pages  int
		result int32
	}{
		{"done in the last page", table{rows: 3, size: 8}, 1, 0},
		{"done by itself", table{rows: 3, size: 8, split: true}, 2, 0},
		{"empty", table{split: true}, 1, 0},
		{"error", table{rows: 2, size: 8, split: true, end: netlink.Errorf(errno.ENOENT, "no table")}, 1, -2},
		{"one message larger than a page", table{rows: 2, size: 9000}, 3, 0},
	} {
		n := newNet(t, netlink.Proto{Request: c.s.request})
		p := open(t, n, 5, 0)
		p.Send(request(50, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP), nil, netlink.RootCreds(1))
		rows, pages, _, result := read(t, p, 4096, nil)
		if rows != c.s.rows || pages != c.pages || result != c.result {
			t.Errorf("%s: %d rows, %d pages, result %d; want %d, %d, %d",
				c.name, rows, pages, result, c.s.rows, c.pages, c.result)
		}
	}
}

func TestReaderWithoutRoomLearnsOfIt(t *testing.T) {
	n := newNet(t, netlink.Proto{})
	slow, quick, quiet := open(t, n, 1, 1), open(t, n, 2, 1), open(t, n, 3, 1)
	quiet.SetOption(netlink.OptNoENOBUFS, true, netlink.RootCreds(1))
	for _, p := range []*netlink.Port{slow, quiet} {
		p.SetBuffer(4096)
	}
	const total = 1000
	for range total {
		netlink.Notify(nil, n, proto, 1, netlink.NewMsg(50, 0), nil)
		if _, err := quick.Recv(100, false); err != nil {
			t.Fatalf("the quick reader: %v", err)
		}
	}
	if i := slow.Info(); i.Rmem > 2*4096 || i.Drops < total-20 {
		t.Errorf("the slow reader: %+v", i)
	}
	if _, err := slow.Recv(100, false); err != errno.ENOBUFS {
		t.Errorf("first: %v, want ENOBUFS", err)
	}
	got := 0
	for {
		if _, err := slow.Recv(100, false); err != nil {
			if err != errno.EAGAIN {
				t.Errorf("then: %v", err)
			}
			break
		}
		got++
	}
	if got == 0 || got+int(slow.Info().Drops) != total {
		t.Errorf("%d received, %d lost of %d", got, slow.Info().Drops, total)
	}
	netlink.Notify(nil, n, proto, 1, netlink.NewMsg(50, 0), nil)
	if _, err := slow.Recv(100, false); err != nil {
		t.Errorf("after draining: %v", err)
	}
	if _, err := quiet.Recv(100, false); err != nil {
		t.Errorf("with NETLINK_NO_ENOBUFS: %v", err)
	}
}

func TestGroups(t *testing.T) {
	n := newNet(t, netlink.Proto{Groups: 40})
	p := open(t, n, 1, 0)
	nobody := &netlink.Creds{}
	root := netlink.RootCreds(1)
	if err := p.Join(3, nobody); err != errno.EPERM {
		t.Errorf("join without CAP_NET_ADMIN: %v", err)
	}
	for _, g := range []int{1, 32, 33, 40} {
		if err := p.Join(g, root); err != nil {
			t.Errorf("join %d: %v", g, err)
		}
		netlink.Notify(nil, n, proto, g, netlink.NewMsg(50, 0), nil)
		if d, err := p.Recv(100, false); err != nil || d.Group != g {
			t.Errorf("group %d: %+v, %v", g, d, err)
		}
	}
	if p.GroupsMask() != 1<<31|1 {
		t.Errorf("mask %#x", p.GroupsMask())
	}
	p.Bind(1, 2, root) // sets 1..32 anew, keeps the others
	for g, want := range map[int]bool{1: false, 2: true, 32: false, 33: true} {
		if got := netlink.Listening(n, proto, g); got != want {
			t.Errorf("listening to %d: %v", g, got)
		}
	}
	p.Leave(33, root)
	p.Close()
	if netlink.Listening(n, proto, 2) || netlink.Listening(n, proto, 33) || netlink.Listening(n, proto, 40) {
		t.Error("a closed port is still a member")
	}
}

func TestClosedMidDump(t *testing.T) {
	s := &table{rows: 100000, size: 60}
	n := newNet(t, netlink.Proto{Request: s.request})
	p := open(t, n, 5, 0)
	p.Send(request(50, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP), nil, netlink.RootCreds(1))
	p.Recv(4096, false)
	p.Close()
	if i := p.Info(); i.Dump || i.Rmem != 0 {
		t.Errorf("left behind: %+v", i)
	}
	if _, err := p.Send(request(50, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP), nil, netlink.RootCreds(1)); err != errno.EBADF {
		t.Error(err)
	}
	if i := p.Info(); i.Rmem != 0 {
		t.Errorf("a closed port took %+v", i)
	}
}

func TestWarningOnSuccess(t *testing.T) {
	n := newNet(t, netlink.Proto{Request: func(r *netlink.Request) error {
		r.Warn("old %s", "flag")
		r.Cookie([]byte{1, 2, 3})
		return nil
	}})
	p := open(t, n, 5, 0)
	root := netlink.RootCreds(1)
	p.SetOption(netlink.OptExtAck, true, root)
	p.Send(request(50, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK), nil, root)
	d, err := p.Recv(4096, false)
	if err != nil {
		t.Fatal(err)
	}
	h := netlink.ParseHeader(d.Data)
	want := "\x0d\x00\x01\x00old flag\x00\x00\x00\x00\x07\x00\x03\x00\x01\x02\x03\x00"
	if h.Flags != uapi.NLM_F_CAPPED|uapi.NLM_F_ACK_TLVS || string(d.Data[36:]) != want {
		t.Errorf("flags %#x, %q", h.Flags, d.Data[36:])
	}
}

func TestMissingAttribute(t *testing.T) {
	n := newNet(t, netlink.Proto{Request: func(r *netlink.Request) error {
		a, err := r.Parse(0, netlink.Policy{3: netlink.Nested(nil)}, netlink.Full)
		if err != nil {
			return err
		}
		return netlink.Missing(a.Get(3), 9)
	}})
	p := open(t, n, 5, 0)
	root := netlink.RootCreds(1)
	p.SetOption(netlink.OptExtAck, true, root)
	p.SetOption(netlink.OptCapAck, true, root)
	p.Send(request(50, uapi.NLM_F_REQUEST, 4, 0, 3, 0x80), nil, root)
	d, err := p.Recv(4096, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\x08\x00\x05\x00\x09\x00\x00\x00\x08\x00\x06\x00\x10\x00\x00\x00"; string(d.Data[36:]) != want {
		t.Errorf("%q", d.Data[36:])
	}
}
