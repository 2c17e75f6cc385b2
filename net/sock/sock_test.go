package sock_test

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"linen/kern"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// echo is a socket of a made-up family: what is sent is received again.
type echo struct {
	sock.Sock
	sock.Datagram
	got []byte // bytes that the backlog handled
}

var root = sock.Root()

const family = 44 // AF_XDP, which nobody else registers here

func (e *echo) Bind(*sock.Caller, []byte) error    { return nil }
func (e *echo) Connect(*sock.Caller, []byte) error { return nil }
func (e *echo) Getsockname() ([]byte, error)       { return nil, nil }
func (e *echo) Getpeername() ([]byte, error)       { return nil, errno.ENOTCONN }
func (e *echo) Shutdown(*sock.Caller, int) error   { return nil }
func (e *echo) Poll() sock.Events                  { return e.PollDatagram() }
func (e *echo) Close() error                       { e.End(); return nil }
func (e *echo) Ioctl(_ *sock.Caller, cmd uint32, arg []byte) error {
	_, err := e.DatagramIoctl(cmd, arg)
	return err
}

func (e *echo) Setsockopt(who *sock.Caller, _, name int, val []byte) error {
	e.Lock()
	defer e.Unlock()
	return e.SetSocketOption(who, name, val)
}

func (e *echo) Getsockopt(_ *sock.Caller, _, name int, val []byte) (int, error) {
	return e.GetSocketOption(name, val)
}

func (e *echo) Sendmsg(_ *sock.Caller, m *sock.Msg) (int, error) {
	if !e.SendSpace() {
		return 0, errno.EAGAIN
	}
	c := e.Net().Kernel().Enter(kern.Any)
	defer c.Exit()
	b := skb.From(c, m.Data)
	e.ChargeSend(b)
	if r := e.Receive(c, b); r != 0 {
		b.Drop(c, e.Net(), r)
	}
	return len(m.Data), nil
}

func (e *echo) Recvmsg(_ *sock.Caller, m *sock.Msg) (int, error) {
	m.Reset()
	b, off, err := e.Dequeue(m)
	if err != nil || b == nil {
		return 0, err
	}
	n := b.CopyOut(off, m.Data)
	e.RecvCmsgs(m, b)
	e.Done(b)
	return n, nil
}

// newEcho makes an echo socket on a Kernel with some CPUs.
func newEcho(t testing.TB, cfg kern.Config) *echo {
	k := kern.New(cfg)
	n, err := netns.New(k, skb.Pernet(), mib.Pernet(), sysctl.Pernet(), procfs.Pernet(), sock.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	proto := &sock.Proto{Name: "ECHO", PeekOff: true, Backlog: func(c *kern.CPU, s *sock.Sock, b *skb.Buff) {
		e := s.Self().(*echo)
		e.got = append(e.got, b.Data()...)
		b.Consume(c)
	}}
	sock.AddProto(n, proto)
	sock.Register(n, family, &sock.Family{Name: "ECHO", Create: func(who *sock.Caller, n *netns.Net, typ, protocol int) (sock.Socket, error) {
		e := new(echo)
		e.Init(who, n, e, proto, family, typ, protocol)
		return e, nil
	}})
	s, err := sock.Create(root, n, family, uapi.SOCK_DGRAM|uapi.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); n.Close(); k.Close() })
	return s.(*echo)
}

func TestCreateErrors(t *testing.T) { // socket(2)
	e := newEcho(t, kern.Config{Seed: 1})
	for _, c := range []struct {
		family, typ int
		want        error
	}{
		{family, 1 << 20, errno.EINVAL}, {family, 15, errno.EINVAL}, {-1, 2, errno.EAFNOSUPPORT},
		{46, 2, errno.EAFNOSUPPORT}, {uapi.AF_X25, 2, errno.EAFNOSUPPORT}, {uapi.AF_INET, uapi.SOCK_PACKET, errno.EAFNOSUPPORT},
	} {
		if _, err := sock.Create(root, e.Net(), c.family, c.typ, 0); err != c.want {
			t.Errorf("%d %d: %v, want %v", c.family, c.typ, err, c.want)
		}
	}
}

func TestOptionsNeedCapabilities(t *testing.T) { // socket(7), spec 1.40, 11.20
	e := newEcho(t, kern.Config{Seed: 1})
	user := &sock.Caller{UID: 1000}
	raw := &sock.Caller{Caps: 1 << sock.CapNetRaw}
	admin := &sock.Caller{Caps: 1 << sock.CapNetAdmin}
	for _, c := range []struct {
		who     *sock.Caller
		name, v int
		want    error
	}{
		{user, uapi.SO_MARK, 7, errno.EPERM}, {raw, uapi.SO_MARK, 7, nil}, {admin, uapi.SO_MARK, 7, nil},
		{user, uapi.SO_PRIORITY, 6, nil}, {user, uapi.SO_PRIORITY, 7, errno.EPERM}, {admin, uapi.SO_PRIORITY, 7, nil},
		{user, uapi.SO_RCVBUFFORCE, 1 << 24, errno.EPERM}, {admin, uapi.SO_RCVBUFFORCE, 1 << 24, nil},
		{user, uapi.SO_SNDBUFFORCE, 1 << 24, errno.EPERM}, {user, uapi.SO_DEBUG, 1, errno.EACCES},
		{user, uapi.SO_BINDTOIFINDEX, 3, nil}, {user, uapi.SO_BINDTOIFINDEX, 0, errno.EPERM}, {raw, uapi.SO_BINDTOIFINDEX, 0, nil},
		{user, uapi.SO_BUSY_POLL, 50, errno.EPERM}, {user, uapi.SO_PREFER_BUSY_POLL, 1, errno.EPERM},
		{user, uapi.SO_REUSEPORT, 1, errno.EOPNOTSUPP}, // not an inet socket
	} {
		err := e.Setsockopt(c.who, uapi.SOL_SOCKET, c.name, binary.NativeEndian.AppendUint32(nil, uint32(c.v)))
		if err != c.want && !(err == nil && c.want == nil) {
			t.Errorf("option %d = %d: %v, want %v", c.name, c.v, err, c.want)
		}
	}
	if err := e.Setsockopt(user, uapi.SOL_SOCKET, uapi.SO_MARK, []byte{1, 2}); err != errno.EINVAL {
		t.Errorf("a short value: %v", err)
	}
}

func TestTimeouts(t *testing.T) { // SO_RCVTIMEO and its errors
	e := newEcho(t, kern.Config{Seed: 1})
	tv := func(sec, usec int64) []byte {
		return binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, uint64(sec)), uint64(usec))
	}
	for _, c := range []struct {
		val  []byte
		want error
	}{{tv(1, 1e6), errno.EDOM}, {tv(1, -1), errno.EDOM}, {tv(1, 0)[:8], errno.EINVAL}, {tv(-1, 0), nil}, {tv(2, 500000), nil}} {
		if err := e.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_RCVTIMEO, c.val); err != c.want && !(err == nil && c.want == nil) {
			t.Errorf("%v: %v, want %v", c.val, err, c.want)
		}
	}
	val := make([]byte, 16)
	if n, err := e.Getsockopt(root, uapi.SOL_SOCKET, uapi.SO_RCVTIMEO, val); n != 16 || err != nil || string(val) != string(tv(2, 500000)) {
		t.Errorf("%v %v", val, err)
	}
}

func TestBlockingReceive(t *testing.T) { // wakes, time-outs and contexts, on virtual time
	synctest.Test(t, func(t *testing.T) {
		e := newEcho(t, kern.Config{Seed: 1})
		m := &sock.Msg{Data: make([]byte, 8)}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := sock.Recv(ctx, e, root, m); err != context.DeadlineExceeded {
			t.Errorf("context: %v", err)
		}
		if err := e.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_RCVTIMEO, append([]byte{3}, make([]byte, 15)...)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := sock.Recv(context.Background(), e, root, m); err != errno.EAGAIN || time.Since(start) != 3*time.Second {
			t.Errorf("SO_RCVTIMEO: %v after %v", err, time.Since(start))
		}
		go func() {
			time.Sleep(2 * time.Second)
			e.Sendmsg(root, &sock.Msg{Data: []byte("late")})
		}()
		if n, err := sock.Recv(context.Background(), e, root, m); err != nil || string(m.Data[:n]) != "late" {
			t.Errorf("%q %v", m.Data[:n], err)
		}
		m.Flags = uapi.MSG_DONTWAIT
		if _, err := sock.Recv(context.Background(), e, root, m); err != errno.EAGAIN {
			t.Errorf("MSG_DONTWAIT: %v", err)
		}
	})
}

func TestPeekOffset(t *testing.T) { // SO_PEEK_OFF, socket(7)
	e := newEcho(t, kern.Config{Seed: 1})
	for _, s := range []string{"abcdef", "ghi"} {
		if _, err := e.Sendmsg(root, &sock.Msg{Data: []byte(s)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Setsockopt(root, uapi.SOL_SOCKET, uapi.SO_PEEK_OFF, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	m := &sock.Msg{Data: make([]byte, 4), Flags: uapi.MSG_PEEK}
	for _, want := range []string{"abcd", "ef", "ghi"} {
		if n, err := e.Recvmsg(root, m); err != nil || string(m.Data[:n]) != want {
			t.Errorf("%q %v, want %q", m.Data[:n], err, want)
		}
	}
	if _, err := e.Recvmsg(root, m); err != errno.EAGAIN {
		t.Errorf("past the end: %v", err)
	}
}

func TestErrorsAreToldOnce(t *testing.T) { // spec 11.13
	e := newEcho(t, kern.Config{Seed: 1})
	e.SetError(nil, errno.ECONNRESET)
	if e.Poll()&uapi.POLLERR == 0 {
		t.Errorf("poll %#x", e.Poll())
	}
	var v [4]byte
	for _, want := range []byte{byte(errno.ECONNRESET), 0} {
		if _, err := e.Getsockopt(root, uapi.SOL_SOCKET, uapi.SO_ERROR, v[:]); err != nil || v[0] != want {
			t.Errorf("SO_ERROR %v %v, want %d", v, err, want)
		}
	}
	if _, err := e.Recvmsg(root, &sock.Msg{}); err != errno.EAGAIN {
		t.Errorf("recv: %v", err)
	}
}

func TestBacklogWaitsForTheOwner(t *testing.T) { // lock_sock, sk_add_backlog
	e := newEcho(t, kern.Config{Seed: 1})
	e.Lock()
	c := e.Net().Kernel().Enter(kern.Any)
	for i := range 4 {
		free := e.BHLock()
		b := skb.From(c, []byte{byte('a' + i)})
		limit := 3 * int64(b.TrueSize)
		if free || e.AddBacklog(b, limit-1) != (i < 3) {
			t.Errorf("packet %d: free %v", i, free)
		}
		e.BHUnlock()
		if i == 3 {
			b.Consume(c)
		}
	}
	c.Exit()
	if len(e.got) != 0 || e.BacklogLen() == 0 {
		t.Errorf("got %q, backlog %d bytes while owned", e.got, e.BacklogLen())
	}
	e.Unlock()
	if string(e.got) != "abc" || e.BacklogLen() != 0 {
		t.Errorf("got %q, backlog %d", e.got, e.BacklogLen())
	}
}

func TestOneOwnerAtATime(t *testing.T) {
	e := newEcho(t, kern.Config{Seed: 1, CPUs: 2})
	var wg sync.WaitGroup
	count := 0
	for range 8 {
		wg.Go(func() {
			for range 200 {
				e.Lock()
				count++
				e.Unlock()
			}
		})
	}
	wg.Wait()
	if count != 1600 {
		t.Errorf("count %d", count)
	}
}

func TestManySendersAndReaders(t *testing.T) {
	e := newEcho(t, kern.Config{Seed: 1, CPUs: 2})
	const each, workers = 300, 4
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for range workers {
		wg.Go(func() {
			for range each {
				if _, err := sock.Send(context.Background(), e, root, &sock.Msg{Data: []byte("x")}); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			m := &sock.Msg{Data: make([]byte, 8)}
			for {
				mu.Lock()
				done := got+int(e.Drops()) >= each*workers
				mu.Unlock()
				if done {
					return
				}
				if _, err := e.Recvmsg(root, m); err == nil {
					mu.Lock()
					got++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if e.RmemAlloc() != 0 || e.WmemAlloc() != 0 {
		t.Errorf("rmem %d wmem %d", e.RmemAlloc(), e.WmemAlloc())
	}
}

func TestControlMessageLayout(t *testing.T) { // cmsg(3)
	m := &sock.Msg{Control: make([]byte, 16+4+4+16+1)}
	m.PutCmsg32(1, 2, 3)
	m.PutCmsg(4, 5, []byte("ab"))
	if m.OutFlags != uapi.MSG_CTRUNC || m.ControlLen != len(m.Control) {
		t.Errorf("flags %#x, %d bytes", m.OutFlags, m.ControlLen)
	}
	c, rest, ok, err := sock.NextCmsg(m.Control)
	if !ok || err != nil || c.Level != 1 || c.Type != 2 || len(c.Data) != 4 || c.Data[0] != 3 {
		t.Errorf("%+v %v %v", c, ok, err)
	}
	if c, _, ok, err = sock.NextCmsg(rest); !ok || err != nil || string(c.Data) != "a" {
		t.Errorf("%+v %v %v", c, ok, err)
	}
}

func FuzzNextCmsg(f *testing.F) {
	f.Add([]byte{20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 2, 3, 4})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		for rest := p; ; {
			_, r, ok, err := sock.NextCmsg(rest)
			if !ok || err != nil {
				return
			}
			if len(r) >= len(rest) {
				t.Fatal("no progress")
			}
			rest = r
		}
	})
}
