//go:build linux

package supervise

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/run/seccomp"
	"linen/uapi"
)

// fileKey names the program's end of a pair by its inode in sockfs.
type fileKey struct{ dev, ino uint64 }

// pollAlways ends any wait.
const pollAlways = sock.Events(uapi.POLLERR | uapi.POLLHUP)

// file is an open file description of a program that linen stands behind: one
// socket and our end of the pair.
type file struct {
	n      *Node
	s      sock.Socket
	key    fileKey
	our    int  // our end; -1 when it is the relay's
	stream bool // a byte stream: relayed, not trapped
	dirty  atomic.Bool
	held   atomic.Bool  // counted by spaces.hold
	wd     atomic.Int32 // the watch for its close
	relays sync.WaitGroup

	mu      sync.Mutex
	waiting []*parked
	back    []*datagram // received, but the caller was gone: the next one's
	head    bool        // a copy of the queue's head lies in the pair
	raised  bool        // POLLERR is raised on the program's end
	dead    bool        // the program has closed it
	st      *stream     // of streams
	ring    *packetRing // of packet sockets

	// Where the program's end was seen last, to find it again when no call is
	// at hand; and the datagrams that go to the front of back.
	seen struct {
		sync.Mutex
		p        *process
		fd       int
		returned []*datagram
	}
}

// datagram is one received message.
type datagram struct {
	data, name, control []byte
	nameLen, flags      int
	length              int // real length
}

// newFile enters theirs, the program's end of a pair, into the table. theirs
// stays the caller's to close; our is taken over, also on failure.
func (n *Node) newFile(s sock.Socket, our, theirs int, isStream bool) (*file, error) {
	f := &file{n: n, s: s, our: our, stream: isStream}
	if isStream {
		f.st = newStream(f)
	}
	f.watchRings()
	if err := n.enter(f, theirs); err != nil {
		f.closeOur()
		return nil, err
	}
	return f, nil
}

func (n *Node) enter(f *file, theirs int) error {
	var st unix.Stat_t
	if err := unix.Fstat(theirs, &st); err != nil {
		return err
	}
	f.key = fileKey{uint64(st.Dev), st.Ino}
	f.s.Base().SetINode(st.Ino)
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return unix.ESRCH
	}
	n.files[f.key] = f
	n.mu.Unlock()
	wd, err := n.host.watch(theirs, unix.IN_CLOSE, f)
	if err != nil {
		n.mu.Lock()
		delete(n.files, f.key)
		n.mu.Unlock()
		return err
	}
	f.wd.Store(wd)
	return nil
}

// closeOur closes our end.
func (f *file) closeOur() {
	if f.stream {
		f.st.our.Load().Close()
		return
	}
	f.n.host.unpoll(f.our)
	unix.Close(f.our)
}

// seenAt remembers a descriptor of the file.
func (f *file) seenAt(c *call, fd int) {
	p, err := c.process()
	if err != nil {
		return
	}
	f.seen.Lock()
	f.seen.p, f.seen.fd = p, fd
	f.seen.Unlock()
}

// pump does what a change of the socket's readiness asks for.
func (f *file) pump() {
	f.n.guard(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.dead {
			f.retry()
		}
		switch {
		case f.stream:
			f.st.ready() // a closed one may still have something to carry
		case !f.dead:
			f.show()
		}
	})
}

// event is the close of the program's end.
func (f *file) event(wd int32, _ uint32) {
	f.wd.Store(wd)
	if f.gone() && f.stream {
		f.st.settled()
	}
}

// gone is the last close of the program's end; first tells that nobody knew.
func (f *file) gone() (first bool) {
	f.n.guard(func() {
		f.n.mu.Lock()
		delete(f.n.files, f.key)
		f.n.mu.Unlock()
		f.n.host.unwatch(f.wd.Load())
		f.mu.Lock()
		if f.dead {
			f.mu.Unlock()
			return
		}
		f.dead, first = true, true
		for _, p := range append([]*parked(nil), f.waiting...) {
			p.take() // its thread holds no reference: the kernel gives it EBADF next time
			p.c.finish(0, unix.EBADF)
		}
		f.mu.Unlock()
		if f.stream {
			f.st.closed()
			f.n.spaces.ending.Go(func() {
				f.relays.Wait() // what was sent before is on its way
				f.letGo()
			})
			return
		}
		f.s.Watch(nil)
		f.native()
		f.closeOur()
		f.s.Close()
		f.ring.end()
		f.letGo()
	})
	f.n.host.drain()
	return first
}

// letGo gives up the file's hold on its network namespace.
func (f *file) letGo() {
	if f.held.Swap(false) {
		f.n.spaces.release(f.s.Base().Net())
	}
}

// cut ends the relays of a file whose node is closed, even when a process of
// another node has the program's end.
func (f *file) cut() {
	if f.stream {
		f.st.our.Load().SetDeadline(time.Unix(1, 0))
	}
}

// timeout reads SO_RCVTIMEO or SO_SNDTIMEO; 0: none.
func (f *file) timeout(option int) time.Duration {
	var b [16]byte
	n, err := f.s.Getsockopt(sock.Root(), uapi.SOL_SOCKET, option, b[:])
	if err != nil || n != len(b) {
		return 0
	}
	sec, usec := le.Uint64(b[:]), le.Uint64(b[8:])
	if sec > uint64(maxTimeout/time.Second) {
		return maxTimeout
	}
	return time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond
}

// maxTimeout is longer than anybody waits.
const maxTimeout = 1000 * time.Hour

// placed is where a new descriptor goes.
type placed struct {
	source  int
	inRange bool
	cloexec bool
}

// place installs a descriptor as the call's answer: in the range where it
// should be and can be, else at the lowest number.
func (c *call) place(p placed) error {
	c.n.create.Lock() // two calls of one process must not choose one number
	defer c.n.create.Unlock()
	if p.inRange {
		t := c.target()
		for at := seccomp.RangeFirst; at <= seccomp.RangeLast; at++ {
			if _, err := t.File(at); err != unix.EBADF {
				continue
			}
			_, err := c.n.l.Inject(c.ID, seccomp.AddFD{Source: p.source, At: at, Cloexec: p.cloexec, Send: true})
			if err == unix.EBADF {
				break // beyond RLIMIT_NOFILE
			}
			return err
		}
	}
	_, err := c.n.l.Inject(c.ID, seccomp.AddFD{Source: p.source, At: -1, Cloexec: p.cloexec, Send: true})
	return err
}

// placeStream is place for a stream, whose relays begin, and closes source when it
// could. It does so before the caller goes on, so that the caller's close is the
// last and those of several streams are heard of in their order. Where a signal
// may end the wait for the answer, the descriptor and the answer are one request:
// no connection shall be lost.
func (c *call) placeStream(f *file, source int, cloexec bool) error {
	if !c.n.mode.Killable {
		err := c.place(placed{source: source, cloexec: cloexec})
		if err == nil {
			unix.Close(source)
			f.st.begin()
		}
		return err
	}
	c.n.create.Lock()
	fd, err := c.n.l.Inject(c.ID, seccomp.AddFD{Source: source, At: -1, Cloexec: cloexec})
	c.n.create.Unlock()
	if err != nil {
		return err
	}
	unix.Close(source)
	f.st.begin()
	c.n.l.Reply(c.ID, int64(fd), 0) // ENOENT: the caller is killed, and its descriptors are closed
	return nil
}
