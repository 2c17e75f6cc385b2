//go:build linux

package supervise

import (
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// State of a stream, as the relay sees it.
type streamState int

const (
	streamIdle       streamState = iota // fresh
	streamConnecting                    // the handshake goes on
	streamListening
	streamOpen  // connected, the relays run
	streamEnded // our end is closed: refused or reset
)

// stream is the relay of a byte stream: what the program writes natively to its
// end goes to the socket, and back.
type stream struct {
	f     *file
	our   atomic.Pointer[os.File] // our end, non-blocking, so that waiting on it costs no thread; nil: see end
	space chan struct{}           // the socket may take more
	data  chan struct{}           // the socket may have something
	over  chan struct{}           // closed at the last close of the program's end
	stuck chan struct{}           // what the program wrote waits for the socket; nobody may look
	done  chan struct{}           // closed when the socket is

	sending sync.Mutex  // the socket is asked to send; before file.mu
	broken  error       // how it failed; under sending
	urgent  atomic.Bool // the program has sent urgent data

	// A piece is on its way from the socket to the program; before file.mu, but
	// for a TryLock.
	carrying sync.Mutex
	rest     []byte // taken from the socket, for the relay to deliver
	restOOB  bool   // it is an urgent byte
	ended    bool   // the socket said what comes instead of data: endErr, or the end
	endErr   error
	cut      bool // the socket is no longer this relay's; under sending and carrying

	// Under file.mu.
	state    streamState
	end      endState
	name     unix.Sockaddr // of a listening end
	filled   int           // bytes in the pair that keep a connecting end unwritable
	shrunk   bool          // its send buffer was made small for that
	offers   int           // connections of ours that say that a connection waits
	kept     []sock.Socket // accepted, but no program got them
	relaying int           // relays that run
	closing  bool          // the program's end is closed
	discard  bool          // data for the program was lost by its close: reset
	shutOut  bool          // the program ended its output
	cause    error         // why the connection ended, until the program is told
	owed     bool          // the program's end has told it, and the program was not
	upEnded  chan struct{}
}

// newStream makes the relay of a new file.
func newStream(f *file) *stream {
	st := &stream{
		f:     f,
		space: make(chan struct{}, 1), data: make(chan struct{}, 1),
		over: make(chan struct{}), upEnded: make(chan struct{}),
		stuck: make(chan struct{}), done: make(chan struct{}),
	}
	if f.our >= 0 {
		st.has(f.our)
	}
	return st
}

// begin runs the relays of an accepted connection, which may have been reset
// already.
func (st *stream) begin() {
	st.f.mu.Lock()
	if st.end == endJoined {
		st.open()
	}
	st.f.mu.Unlock()
}

// ready is told that the socket's readiness may have changed; file.mu is held.
func (st *stream) ready() {
	switch st.state {
	case streamConnecting:
		if st.f.s.Poll()&(uapi.POLLOUT|pollAlways) != 0 && len(st.f.waiting) == 0 {
			st.connected()
		}
	case streamListening:
		st.offer()
	case streamOpen:
		poke(st.space)
		if !st.quick() {
			poke(st.data)
		}
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// maxOffers bounds the announcements of connections. One would do for poll; an
// edge-triggered epoll wants one more for each arrival.
const maxOffers = 64

// offer makes a listener's end readable while a connection waits.
func (st *stream) offer() {
	if st.name == nil || st.f.s.Poll()&uapi.POLLIN == 0 && len(st.kept) == 0 || st.offers >= maxOffers {
		return
	}
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	if unix.Connect(s, st.name) == nil {
		st.offers++
	}
	unix.Close(s)
}

// withdrawOffers takes the announcements back: nothing waits any more.
func (st *stream) withdrawOffers(c *call) {
	c.with(c.intArg(0), func(fd int) error {
		for {
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			if n, err := unix.Poll(p, 0); err != nil || n == 0 {
				return err // else accept would wait
			}
			s, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
			if err != nil {
				return err
			}
			unix.Close(s)
		}
	})
	st.offers = 0
}

// listening has the program's end listen too, and announces connections to it.
func (st *stream) listening(c *call) error {
	f := st.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if st.state == streamListening {
		return nil
	}
	if st.end != endFresh {
		g, err := st.renew(c)
		if err != nil {
			return err
		}
		return g.st.listening(c)
	}
	err := c.with(c.intArg(0), func(fd int) (err error) {
		st.name, err = listenNative(fd)
		return err
	})
	if err != nil {
		return err
	}
	st.state, st.end = streamListening, endListening
	st.offer()
	return nil
}

// accept answers accept(2).
func (st *stream) accept(c *call, flags int) (int64, error) {
	f := st.f
	f.mu.Lock()
	defer f.mu.Unlock()
	try := func() (int64, error) { return 0, st.acceptOne(c, flags) }
	v, err := try()
	if (isEAGAIN(err) || err == errno.EINVAL) && c.target().FilesFull() {
		return 0, unix.EMFILE // looked at first (net/socket.c __sys_accept4_file)
	}
	if !isEAGAIN(err) || c.nonblock(c.intArg(0)) {
		return v, err
	}
	f.park(c, uapi.POLLIN, f.timeout(uapi.SO_RCVTIMEO_NEW), try).foreign = true
	return 0, errAnswered
}

// acceptOne hands a waiting connection over: errAnswered when it did; file.mu
// is held.
func (st *stream) acceptOne(c *call, flags int) error {
	var s sock.Socket
	if len(st.kept) > 0 {
		s, st.kept = st.kept[0], st.kept[1:]
	} else {
		var err error
		if s, err = st.f.s.Accept(c.who()); err != nil {
			return err
		}
	}
	keep := func(s sock.Socket) {
		st.kept = append(st.kept, s)
		st.offer()
	}
	if st.offers > 0 && len(st.kept) == 0 && st.f.s.Poll()&uapi.POLLIN == 0 {
		st.withdrawOffers(c)
	}
	if c.ptr(1) != 0 {
		sa, err := acceptedPeer(s)
		if err == nil {
			err = c.putAddress(sa)
		}
		if err != nil {
			s.Close() // as inet_accept's caller does: the connection is lost
			return err
		}
	}
	if err := c.install(s, flags, keep); err != nil {
		return err
	}
	return errAnswered
}

// acceptedPeer returns the address that accept(2) gives: also that of a
// connection that has ended meanwhile (net/ipv4/af_inet.c inet_getname, peer 2).
func acceptedPeer(s sock.Socket) ([]byte, error) {
	sa, err := s.Getpeername()
	if e, ok := s.(interface {
		Ends() (local, peer netip.AddrPort)
	}); err == errno.ENOTCONN && ok {
		if _, peer := e.Ends(); peer.Addr().Is4() {
			return uapi.AppendSockaddrIn(nil, peer.Addr(), peer.Port()), nil
		}
	}
	return sa, err
}

// shutdown answers shutdown(2). What the program wrote before goes out first:
// the end of its writing reaches the relay through the pair.
func (st *stream) shutdown(c *call, how int) (int64, error) {
	f := st.f
	if how < unix.SHUT_RD || how > unix.SHUT_RDWR {
		return 0, unix.EINVAL
	}
	f.mu.Lock()
	state := st.state
	ended := st.shutOut && isClosed(st.upEnded) // its end of output is sent
	st.shutOut = st.shutOut || state == streamOpen && how != unix.SHUT_RD
	f.mu.Unlock()
	switch {
	case state != streamOpen || ended:
		if err := f.s.Shutdown(c.who(), how); err != nil {
			return 0, err
		}
	case how != unix.SHUT_WR:
		f.s.Shutdown(c.who(), unix.SHUT_RD)
	}
	if state == streamListening && how == unix.SHUT_WR {
		return 0, nil // nothing happens to a listener (net/ipv4/af_inet.c inet_shutdown)
	}
	err := c.with(c.intArg(0), func(fd int) error { return unix.Shutdown(fd, how) })
	if state == streamListening {
		f.mu.Lock()
		st.state = streamIdle
		f.mu.Unlock()
	}
	f.n.host.kick(f)
	return 0, err
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// queued answers SIOCOUTQ: the socket's and the pair's bytes. SIOCINQ is native
// outside the range, where streams are but for a dup2 into it.
func (st *stream) queued(c *call) (int64, error) {
	f := st.f
	return 0, c.doIoctl(uapi.SIOCOUTQ, func(arg []byte) error {
		if err := f.s.Ioctl(c.who(), uapi.SIOCOUTQ, arg); err != nil {
			return err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if st.state != streamOpen {
			return nil
		}
		raw, err := st.our.Load().SyscallConn()
		if err != nil {
			return nil // ended
		}
		raw.Control(func(fd uintptr) {
			if n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err == nil {
				le.PutUint32(arg, le.Uint32(arg)+uint32(n))
			}
		})
		return nil
	})
}

// signal sends the calling thread a signal.
func (c *call) signal(sig unix.Signal) {
	if p, err := c.process(); err == nil {
		unix.Tgkill(p.tgid, int(c.TID), sig)
	}
}
