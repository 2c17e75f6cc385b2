//go:build linux

package supervise

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/uapi"
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
	our   *os.File      // our end, non-blocking, so that waiting on it costs no thread
	space chan struct{} // the socket may take more
	data  chan struct{} // the socket may have something
	over  chan struct{} // closed at the last close of the program's end
	stuck chan struct{} // what the program wrote waits for the socket; nobody may look
	done  chan struct{} // closed when the socket is

	sending sync.Mutex // the socket is asked to send; before file.mu
	broken  bool       // it failed; under sending

	// A piece is on its way from the socket to the program; before file.mu, but
	// for a TryLock.
	carrying sync.Mutex
	rest     []byte // taken from the socket, for the relay to deliver
	ended    bool   // the socket said what comes instead of data: endErr, or the end
	endErr   error
	cut      bool // the socket is no longer this relay's; under sending and carrying

	// Under file.mu.
	state    streamState
	filled   int           // bytes in the pair that keep a connecting end unwritable
	shrunk   bool          // its send buffer was made small for that
	bytes    int           // bytes in the pair that say that a connection waits
	kept     []sock.Socket // accepted, but no program got them
	relaying int           // relays that run
	closing  bool          // the program's end is closed
	discard  bool          // data for the program was lost by its close: reset
	shutOut  bool          // the program ended its output
	upEnded  chan struct{}
}

// newStreamPair makes the pair of a stream.
func newStreamPair(nonblock bool) (our, theirs int, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, err
	}
	if err = unix.SetNonblock(p[0], true); err == nil && nonblock {
		err = unix.SetNonblock(p[1], true)
	}
	if err != nil {
		unix.Close(p[0])
		unix.Close(p[1])
		return -1, -1, err
	}
	return p[0], p[1], nil
}

// newStream makes the relay of a new file.
func newStream(f *file) *stream {
	return &stream{
		f: f, our: os.NewFile(uintptr(f.our), "stream"),
		space: make(chan struct{}, 1), data: make(chan struct{}, 1),
		over: make(chan struct{}), upEnded: make(chan struct{}),
		stuck: make(chan struct{}), done: make(chan struct{}),
	}
}

// begin runs the relays of an accepted connection.
func (st *stream) begin() {
	if _, err := st.f.s.Getpeername(); err == nil {
		st.f.mu.Lock()
		st.open()
		st.f.mu.Unlock()
	}
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

// maxOffers bounds the bytes that announce connections. One would do for
// poll; an edge-triggered epoll wants one more for each arrival.
const maxOffers = 64

// offer makes a listener's end readable while a connection waits.
func (st *stream) offer() {
	if st.f.s.Poll()&uapi.POLLIN == 0 && len(st.kept) == 0 || st.bytes >= maxOffers {
		return
	}
	if unix.Send(st.f.our, []byte{0}, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) == nil {
		st.bytes++
	}
}

// listening begins to announce connections.
func (st *stream) listening() {
	st.f.mu.Lock()
	defer st.f.mu.Unlock()
	if st.state == streamIdle { // else its pair has ended
		st.state = streamListening
	}
	st.offer()
}

// accept answers accept(2).
func (st *stream) accept(c *call, flags int) (int64, error) {
	f := st.f
	f.mu.Lock()
	defer f.mu.Unlock()
	try := func() (int64, error) { return 0, st.acceptOne(c, flags) }
	v, err := try()
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
	if st.bytes > 0 && len(st.kept) == 0 && st.f.s.Poll()&uapi.POLLIN == 0 {
		c.with(c.intArg(0), func(fd int) error {
			var b [maxOffers]byte
			_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT)
			return err
		})
		st.bytes = 0
	}
	if c.ptr(1) != 0 {
		sa, err := s.Getpeername()
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

// shutdown answers shutdown(2). What the program wrote before goes out first:
// the end of its writing reaches the relay through the pair.
func (st *stream) shutdown(c *call, how int) (int64, error) {
	f := st.f
	if how < unix.SHUT_RD || how > unix.SHUT_RDWR {
		return 0, unix.EINVAL
	}
	f.mu.Lock()
	state := st.state
	st.shutOut = st.shutOut || state == streamOpen && how != unix.SHUT_RD
	f.mu.Unlock()
	if state != streamOpen {
		if err := f.s.Shutdown(c.who(), how); err != nil {
			return 0, err
		}
	} else if how != unix.SHUT_WR {
		f.s.Shutdown(c.who(), unix.SHUT_RD)
	}
	err := c.with(c.intArg(0), func(fd int) error { return unix.Shutdown(fd, how) })
	f.n.host.kick(f)
	return 0, err
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
		raw, err := st.our.SyscallConn()
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

// recvfrom answers recvfrom(2) with an address: a stream gives none.
func (st *stream) recvfrom(c *call) (int64, error) {
	if c.intArg(3)&uapi.MSG_ERRQUEUE != 0 {
		return 0, unix.EAGAIN
	}
	return 0, errContinue
}

// signal sends the calling thread a signal.
func (c *call) signal(sig unix.Signal) {
	if p, err := c.process(); err == nil {
		unix.Tgkill(p.tgid, int(c.TID), sig)
	}
}
