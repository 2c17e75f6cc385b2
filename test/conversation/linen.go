package conversation

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"linen"
	"linen/drivers/net/testlink"
	"linen/lib/ktime"
	"linen/net/inet"
	"linen/net/procfs"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// packet is one that the host sent.
type packet struct {
	data []byte
	at   time.Duration
}

// virtual is a host of linen's on a manual clock.
type virtual struct {
	clock  *linen.ManualClock
	kernel *linen.Kernel
	net    *linen.Net
	port   *testlink.Port
	queue  []packet
	asked  bool // by ARP for the peer
}

// seed makes every run the same.
const seed = 1

// newVirtual returns linen's host.
func newVirtual(t testing.TB, mtu int) (*virtual, error) {
	v := &virtual{clock: linen.NewManualClock()}
	v.kernel = linen.New(linen.Config{Seed: seed, Clock: v.clock})
	t.Cleanup(v.close)
	var err error
	if v.net, err = v.kernel.NewNet("host"); err != nil {
		return nil, err
	}
	if v.port, err = testlink.NewPort(v.net.Namespace(), "eth0", v.heard); err != nil {
		return nil, err
	}
	prefix := netip.PrefixFrom(hostAddr, 24)
	for _, f := range []func() error{
		func() error { return v.net.SetMTU("eth0", mtu) },
		func() error { return v.net.AddAddr("eth0", prefix) },
		func() error { return v.net.Up("lo") }, func() error { return v.net.Up("eth0") },
	} {
		if err := f(); err != nil {
			return nil, err
		}
	}
	v.clock.Settle()
	return v, nil
}

// heard takes a frame of the host's; it is on a CPU.
func (v *virtual) heard(frame []byte) {
	switch {
	case isARPRequest(frame):
		v.asked = true
	case isIPv4(frame):
		v.queue = append(v.queue, packet{append([]byte(nil), frame[14:]...), v.now()})
	}
}

func isIPv4(frame []byte) bool { return len(frame) > 34 && frame[12] == 8 && frame[13] == 0 }

// isARPRequest says that the host asks for the peer's address (RFC 826).
func isARPRequest(frame []byte) bool {
	peer := peerAddr.As4()
	return len(frame) >= 42 && frame[12] == 8 && frame[13] == 6 && frame[21] == 1 && [4]byte(frame[38:42]) == peer
}

// arpReply is the answer.
func arpReply(to wire.MAC) []byte {
	host, peer := hostAddr.As4(), peerAddr.As4()
	b := append(append([]byte(nil), to[:]...), peerMAC[:]...)
	b = append(b, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2)
	b = append(append(b, peerMAC[:]...), peer[:]...)
	return append(append(b, to[:]...), host[:]...)
}

// settle runs what is due now.
func (v *virtual) settle() {
	v.clock.Settle()
	for v.asked {
		v.asked = false
		v.port.Inject(arpReply(v.mac()))
		v.clock.Settle()
	}
}

func (v *virtual) sysctl(name, value string) error { return v.net.SetSysctl(name, value) }

func (v *virtual) configure(msg []byte) error {
	c, err := v.net.Netlink(uapi.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Send(msg); err != nil {
		return err
	}
	answer, err := c.Receive(context.Background())
	if err != nil {
		return err
	}
	return acknowledged(answer)
}

// acknowledged reads an NLMSG_ERROR, behind its header.
func acknowledged(answer []byte) error {
	if e := -int32(le.Uint32(answer[16:])); e != 0 {
		return errno.Errno(e)
	}
	return nil
}

func (v *virtual) read(name string) (string, error) {
	b, err := procfs.Of(v.net.Namespace()).Read(name)
	return string(b), err
}

func (v *virtual) mac() wire.MAC { return wire.MAC(v.port.Dev.Addr()) }

func (v *virtual) now() time.Duration { return time.Duration(v.clock.Now() - ktime.T(time.Second)) }

// flight is how long a segment of the peer's is on its way, as on a wire.
const flight = 100 * time.Microsecond

func (v *virtual) send(frame []byte) {
	v.clock.Advance(flight)
	v.port.Inject(frame)
	v.settle()
}

func (v *virtual) next(until time.Duration) ([]byte, time.Duration, bool) {
	v.settle()
	for n := 0; len(v.queue) == 0; n++ {
		left := until - v.now()
		if left <= 0 {
			return nil, 0, false
		}
		step := flight
		if n > 100 {
			step = time.Millisecond
		}
		v.clock.Advance(min(left, step))
		v.settle()
	}
	p := v.queue[0]
	v.queue = v.queue[1:]
	return p.data, p.at, true
}

func (v *virtual) close() { v.kernel.Close() }

// virtualSocket is a socket of linen's.
type virtualSocket struct{ s sock.Socket }

var root = sock.Root()

func (v *virtual) socket() (socket, error) {
	s, err := sock.Create(root, v.net.Namespace(), uapi.AF_INET, uapi.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	return virtualSocket{s}, nil
}

// sockaddr is a struct sockaddr_in.
func sockaddr(a netip.Addr, port int) []byte {
	return inet.FromAddrPort(netip.AddrPortFrom(a, uint16(port))).Bytes()
}

func (s virtualSocket) bind(port int) error { return s.s.Bind(root, sockaddr(hostAddr, port)) }

func (s virtualSocket) connect(port int) error { return s.s.Connect(root, sockaddr(peerAddr, port)) }

func (s virtualSocket) listen(backlog int) error { return s.s.Listen(root, backlog) }

func (s virtualSocket) accept() (socket, error) {
	c, err := s.s.Accept(root)
	if err != nil {
		return nil, err
	}
	return virtualSocket{c}, nil
}

func (s virtualSocket) write(p []byte, flags, to int) (int, error) {
	m := &sock.Msg{Data: p, Flags: flags}
	if to != 0 {
		m.Name = sockaddr(peerAddr, to)
	}
	return s.s.Sendmsg(root, m)
}

func (s virtualSocket) recv(p []byte, flags int) (int, error) {
	return s.s.Recvmsg(root, &sock.Msg{Data: p, Flags: flags})
}

func (s virtualSocket) shutdown(how int) error { return s.s.Shutdown(root, how) }

func (s virtualSocket) setOption(level, name int, v []byte) error {
	return s.s.Setsockopt(root, level, name, v)
}

func (s virtualSocket) option(level, name int, v []byte) (int, error) {
	return s.s.Getsockopt(root, level, name, v)
}

func (s virtualSocket) ioctl(cmd int) (int, error) {
	var v [4]byte
	err := s.s.Ioctl(root, uint32(cmd), v[:])
	return int(int32(le.Uint32(v[:]))), err
}

func (s virtualSocket) poll() int { return int(s.s.Poll()) }

func (s virtualSocket) close() { _ = s.s.Close() } // a stream's does not fail
