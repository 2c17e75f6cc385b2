//go:build linux

package supervise

import (
	"fmt"
	"log/slog"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"linen/run/seccomp"
)

// Host is what all nodes of one process share: an inotify instance that tells
// when a program's end of a pair is closed (a user has only 128 of them), an
// epoll that watches our ends, and the parked calls.
type Host struct {
	log     *slog.Logger
	epoll   int
	inotify int
	stop    int           // an eventfd
	work    chan struct{} // tells pumping of dirty files
	reading sync.Mutex    // one goroutine at a time reads and does inotify's events
	parking *parking
	wg      sync.WaitGroup
	bufs    sync.Pool // *[]byte of bufSize

	mu      sync.Mutex
	polled  map[int32]func()  // by our descriptor
	watches map[int32]watched // by inotify watch
	dirty   []*file
	nodes   map[int]*Node // by the PID of their init
	closed  bool
}

// NewHost starts the shared parts. log may be nil.
func NewHost(log *slog.Logger) (*Host, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &Host{
		log: log, epoll: -1, inotify: -1, stop: -1, work: make(chan struct{}, 1),
		polled: map[int32]func(){}, watches: map[int32]watched{}, nodes: map[int]*Node{},
	}
	if err := h.open(); err != nil {
		h.closeAll()
		return nil, fmt.Errorf("supervise: %w", err)
	}
	h.parking = newParking()
	h.wg.Go(h.loop)
	h.wg.Go(h.pumping)
	h.wg.Go(h.parking.loop)
	return h, nil
}

func (h *Host) open() (err error) {
	if h.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if h.inotify, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
		return err
	}
	if h.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return err
	}
	if err = h.poll(h.inotify, unix.EPOLLIN, h.happenings); err != nil {
		return err
	}
	return h.poll(h.stop, unix.EPOLLIN, nil)
}

func (h *Host) closeAll() {
	for _, fd := range []int{h.epoll, h.inotify, h.stop} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// Close ends the shared parts; every node has been closed before.
func (h *Host) Close() {
	h.mu.Lock()
	done := h.closed
	h.closed = true
	h.mu.Unlock()
	if done {
		return
	}
	unix.Write(h.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	close(h.work)
	h.parking.close()
	h.wg.Wait()
	h.closeAll()
}

// nodeOf returns the node whose program a process is, or nil.
func (h *Host) nodeOf(pid int) *Node {
	for pid > 1 {
		h.mu.Lock()
		n := h.nodes[pid]
		h.mu.Unlock()
		if n != nil {
			return n
		}
		st, err := seccomp.Target{TID: pid}.Status()
		if err != nil {
			return nil
		}
		pid = st.PPID
	}
	return nil
}

// poll calls f on the host's goroutine when an event of fd comes, until unpoll.
func (h *Host) poll(fd int, events uint32, f func()) error {
	h.mu.Lock()
	h.polled[int32(fd)] = f
	h.mu.Unlock()
	err := unix.EpollCtl(h.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	if err != nil {
		h.unpoll(fd)
	}
	return err
}

// unpoll comes before fd is closed. A call of its function may be under way.
func (h *Host) unpoll(fd int) {
	h.mu.Lock()
	delete(h.polled, int32(fd))
	h.mu.Unlock()
	unix.EpollCtl(h.epoll, unix.EPOLL_CTL_DEL, fd, nil) // ENOENT: it was not added
}

func (h *Host) loop() {
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(h.epoll, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			h.log.Error("epoll", "error", err)
			return
		}
		for _, e := range events[:n] {
			if int(e.Fd) == h.stop {
				return
			}
			h.mu.Lock()
			f := h.polled[e.Fd]
			h.mu.Unlock()
			if f != nil {
				f()
			}
		}
	}
}

// watched hears of the events of a file: it was closed for the last time, or
// written to.
type watched interface {
	event(wd int32, mask uint32)
}

// watch makes w hear of what happens to the open file fd.
func (h *Host) watch(fd int, mask uint32, w watched) (wd int32, err error) {
	h.mu.Lock() // no event is read before the watch is in the table
	defer h.mu.Unlock()
	d, err := unix.InotifyAddWatch(h.inotify, fmt.Sprintf("/proc/self/fd/%d", fd), mask)
	if err != nil {
		return 0, err
	}
	h.watches[int32(d)] = w
	return int32(d), nil
}

// unwatch ends a watch. Until then it keeps the inode, also of a socket that
// everybody has closed.
func (h *Host) unwatch(wd int32) {
	h.mu.Lock()
	delete(h.watches, wd)
	h.mu.Unlock()
	unix.InotifyRmWatch(h.inotify, uint32(wd))
}

// happenings reads the events of watched files.
func (h *Host) happenings() {
	h.reading.Lock()
	defer h.reading.Unlock()
	var buf [16 * (unix.SizeofInotifyEvent + unix.NAME_MAX + 1)]byte
	for {
		n, err := unix.Read(h.inotify, buf[:])
		if err != nil || n <= 0 {
			return // EAGAIN
		}
		for p := buf[:n]; len(p) >= unix.SizeofInotifyEvent; {
			e := (*unix.InotifyEvent)(unsafe.Pointer(&p[0]))
			p = p[unix.SizeofInotifyEvent+int(e.Len):]
			h.mu.Lock()
			w := h.watches[e.Wd]
			if e.Mask&unix.IN_IGNORED != 0 {
				delete(h.watches, e.Wd)
				w = nil
			}
			h.mu.Unlock()
			if w != nil {
				w.event(e.Wd, e.Mask)
			}
		}
	}
}

// kick has f pumped soon: by whoever drains next. It may be called anywhere.
func (h *Host) kick(f *file) {
	if f.dirty.Swap(true) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.dirty = append(h.dirty, f)
	select {
	case h.work <- struct{}{}:
	default:
	}
}

// drain pumps the dirty files. The caller holds no lock.
func (h *Host) drain() {
	for {
		h.mu.Lock()
		list := h.dirty
		h.dirty = nil
		h.mu.Unlock()
		if len(list) == 0 {
			return
		}
		for _, f := range list {
			f.dirty.Store(false)
			f.pump()
		}
	}
}

func (h *Host) pumping() {
	for range h.work {
		h.drain()
	}
}

// bufSize holds every datagram and the usual pages of a dump.
const bufSize = 1 << 17

// buffer returns n bytes, not zeroed, and a function to give them back.
func (h *Host) buffer(n int) ([]byte, func()) {
	if n > bufSize {
		return make([]byte, n), func() {}
	}
	p, _ := h.bufs.Get().(*[]byte)
	if p == nil {
		b := make([]byte, bufSize)
		p = &b
	}
	return (*p)[:n], func() { h.bufs.Put(p) }
}
