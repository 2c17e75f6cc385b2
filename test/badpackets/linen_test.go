package badpackets

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"linen"
	"linen/drivers/net/testlink"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/procfs"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/why"
)

// virtual is a host of linen's on a manual clock.
type virtual struct {
	clock *linen.ManualClock
	net   *linen.Net
	rtnl  *linen.NetlinkConn
	ports [2]*testlink.Port
	queue []sent
	w     *why.Watcher
	seen  []why.Event // drops
}

func newVirtual(t testing.TB) *virtual {
	t.Helper()
	v := &virtual{clock: linen.NewManualClock()}
	k := linen.New(linen.Config{Seed: 1, Clock: v.clock})
	t.Cleanup(func() { k.Close() })
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	var err error
	v.net, err = k.NewNet("host")
	must(err)
	for i, name := range [...]string{"eth0", "eth1"} {
		v.ports[i], err = testlink.NewPort(v.net.Namespace(), name, func(frame []byte) {
			v.queue = append(v.queue, sent{i, append([]byte(nil), frame...)})
		})
		must(err)
	}
	v.rtnl, err = v.net.Netlink(uapi.NETLINK_ROUTE)
	must(err)
	must(configure(v))
	return v
}

func (v *virtual) ask(m *netlink.Msg) error {
	if err := v.rtnl.Send(m.Bytes()); err != nil {
		return err
	}
	b, err := v.rtnl.Receive(context.Background())
	if err != nil {
		return err
	}
	v.clock.Settle()
	if n, err := ackError(b); err != nil || n != 0 {
		return errors.Join(err, errno.Errno(n))
	}
	return nil
}

func (v *virtual) index(name string) int { return dev.ByName(v.net.Namespace(), name).Ifindex() }

func (v *virtual) sysctl(name, value string) error { return v.net.SetSysctl(name, value) }

func (v *virtual) read(name string) (string, error) {
	b, err := procfs.Of(v.net.Namespace()).Read(name)
	return string(b), err
}

func (v *virtual) send(i int, frame []byte) {
	v.ports[i].Inject(frame)
	v.clock.Settle()
}

func (v *virtual) heard() []sent {
	q := v.queue
	v.queue = nil
	return q
}

func (v *virtual) wait(d time.Duration) {
	v.clock.Advance(d)
	v.clock.Settle()
}

func (v *virtual) watch(bool) error {
	v.w = why.NewWatcher([]why.Node{{Name: "host", Net: v.net.Namespace()}}, why.Filter{}, nil)
	return nil
}

func (v *virtual) drops() (list []string, err error) {
	for _, e := range v.w.Take() {
		if e.Kind == why.KindDrop {
			v.seen = append(v.seen, e)
			list = append(list, e.Reason)
		}
	}
	v.w.Close()
	return list, nil
}

func (v *virtual) close() {}

// virtualSocket is a socket of linen's.
type virtualSocket struct{ s sock.Socket }

var root = sock.Root()

func (v *virtual) socket(typ, proto int) (socket, error) {
	s, err := sock.Create(root, v.net.Namespace(), uapi.AF_INET, typ, proto)
	return virtualSocket{s}, err
}

func sockaddr(a netip.AddrPort) []byte { return uapi.AppendSockaddrIn(nil, a.Addr(), a.Port()) }

func (s virtualSocket) bind(a netip.AddrPort) error { return s.s.Bind(root, sockaddr(a)) }

func (s virtualSocket) connect(a netip.AddrPort) error { return s.s.Connect(root, sockaddr(a)) }

func (s virtualSocket) listen(n int) error { return s.s.Listen(root, n) }

func (s virtualSocket) option(level, name int, val []byte) error {
	if level == uapi.SOL_SOCKET && name == uapi.SO_ATTACH_FILTER { // as run hands programs down: the instructions
		val = append(binary.NativeEndian.AppendUint16(nil, 0x06), 0, 0, 0, 0, 0, 0)
	}
	return s.s.Setsockopt(root, level, name, val)
}

func (s virtualSocket) sendto(to netip.AddrPort, p []byte) error {
	_, err := s.s.Sendmsg(root, &sock.Msg{Data: p, Name: sockaddr(to), Flags: uapi.MSG_DONTWAIT})
	return err
}

func (s virtualSocket) recv() error {
	_, err := s.s.Recvmsg(root, &sock.Msg{Data: make([]byte, 1<<16), Flags: uapi.MSG_DONTWAIT})
	return err
}

func (s virtualSocket) sendmsg(to netip.AddrPort, p, control []byte) error {
	m := &sock.Msg{Data: p, Control: control, Flags: uapi.MSG_DONTWAIT}
	if to.IsValid() {
		m.Name = sockaddr(to)
	}
	_, err := s.s.Sendmsg(root, m)
	return err
}

func (s virtualSocket) recvmsg(p []byte, flags int) (n int, from netip.AddrPort, control []byte, err error) {
	m := &sock.Msg{Data: p, Name: make([]byte, 16), Control: make([]byte, 512), Flags: flags | uapi.MSG_DONTWAIT}
	n, err = s.s.Recvmsg(root, m)
	if m.NameLen != 0 {
		from = addrPort(m.Name)
	}
	return n, from, m.Control[:m.ControlLen], err
}

func (s virtualSocket) get(level, name int, v []byte) (int, error) {
	return s.s.Getsockopt(root, level, name, v)
}

func (s virtualSocket) name() (netip.AddrPort, error) {
	sa, err := s.s.Getsockname()
	return addrPort(sa), err
}

// addrPort reads a sockaddr_in.
func addrPort(sa []byte) netip.AddrPort {
	if len(sa) < 8 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(sa[4:8])), binary.BigEndian.Uint16(sa[2:]))
}
