//go:build linux

package supervise

import (
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"linen/lib/shmem"
	"linen/net/packet"
	"linen/uapi"
)

// packetRing is the memory of a packet socket's rings: a memory file that the
// program maps too. The kernel maps no memory of the socket pair that the
// program holds, so at its mmap(2) the memory file takes the place of the
// program's end, and leaves it again at the next call that is trapped.
type packetRing struct {
	f *file
	s *packet.Sock

	mu    sync.Mutex
	memfd int
	key   fileKey // the memory file's
	wd    int32   // its inotify watch
	held  int     // the program's end while it is replaced, else -1
	tid   uint32  // whose mmap it was
	fd    int     // which descriptor

	timer *time.Timer   // looks whether what was announced has been read; file.mu
	wait  time.Duration // until the next look
}

// maxRing is the most memory that a program's rings may take; the memory file
// has holes where nothing was written.
const maxRing = 4 << 30

// How often the supervisor looks whether the program has given the frames back
// that it was told of: there is no call in which it says so.
const (
	firstRingLook = time.Millisecond
	lastRingLook  = 8 * time.Millisecond
)

// watchRings makes the rings of a packet socket come from memory that its
// program can map.
func (f *file) watchRings() {
	s, ok := f.s.(*packet.Sock)
	if !ok {
		return
	}
	f.ring = &packetRing{f: f, s: s, memfd: -1, held: -1}
	s.SetRingMemory(f.ring.alloc, f.ring.release)
}

// alloc makes a memory file. Nobody can shrink it under the supervisor.
func (r *packetRing) alloc(size int) (shmem.Memory, error) {
	if size > maxRing {
		return shmem.Memory{}, unix.ENOMEM
	}
	fd, err := unix.MemfdCreate("packet ring", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return shmem.Memory{}, unix.ENOMEM
	}
	b, err := mapFile(fd, size)
	if err != nil {
		unix.Close(fd)
		return shmem.Memory{}, unix.ENOMEM
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memfd >= 0 { // it was replaced by this one
		unix.Close(r.memfd)
	} else {
		r.f.n.ringed.Add(1)
	}
	r.memfd = fd
	return shmem.Of(b), nil
}

// mapFile gives a memory file its size for good and maps it.
func mapFile(fd, size int) ([]byte, error) {
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, err
	}
	return unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// release unmaps memory that the socket does not touch any more.
func (r *packetRing) release(m shmem.Memory) { unix.Munmap(m.Bytes()) }

// end gives up what is left when the program has closed the socket.
func (r *packetRing) end() {
	if r == nil {
		return
	}
	r.restored()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memfd >= 0 {
		unix.Close(r.memfd)
		r.memfd = -1
		r.f.n.ringed.Add(-1)
	}
}

// mmap answers mmap(2) of a descriptor in the range: only packet sockets with
// rings have memory (net/packet/af_packet.c packet_mmap).
func mmap(c *call) (int64, error) {
	fd := c.intArg(4)
	f, err := c.file(fd)
	if err != nil {
		return 0, err
	}
	if f.ring == nil {
		return 0, unix.ENODEV
	}
	size := uint64(f.ring.s.RingMemory().Len())
	pages := (c.Args[1] + pageSize - 1) &^ (pageSize - 1)
	if size == 0 || pages != size || c.Args[5] != 0 || c.Args[3]&unix.MAP_SHARED == 0 {
		return 0, unix.EINVAL
	}
	if err := f.ring.replace(c, fd); err != nil {
		return 0, err
	}
	return 0, errContinue
}

// pageSize is that of both supported architectures.
const pageSize = 4096

// replace puts the memory file where the program's end is.
func (r *packetRing) replace(c *call, fd int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memfd < 0 || r.held >= 0 {
		return unix.EINVAL
	}
	held, err := c.getFD(fd)
	if err != nil {
		return err
	}
	// A description of its own, so that its last close can be told.
	mem, err := unix.Open("/proc/self/fd/"+strconv.Itoa(r.memfd), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(held)
		return unix.ENOMEM
	}
	defer unix.Close(mem)
	var st unix.Stat_t
	if err = unix.Fstat(mem, &st); err == nil {
		r.wd, err = r.f.n.host.watch(mem, unix.IN_CLOSE, ringClosed{r})
	}
	if err != nil {
		unix.Close(held)
		return unix.ENOMEM
	}
	r.key, r.held, r.tid, r.fd = fileKey{uint64(st.Dev), st.Ino}, held, c.TID, fd
	n := r.f.n
	n.mu.Lock()
	n.files[r.key] = r.f
	n.replaced = append(n.replaced, r)
	n.mu.Unlock()
	n.rings.Add(1)
	if err := c.swapAt(fd, mem); err != nil {
		r.mu.Unlock()
		r.restored()
		r.mu.Lock()
		return err
	}
	return nil
}

// ringClosed hears that a program has neither descriptor nor mapping of the
// memory file left.
type ringClosed struct{ r *packetRing }

// event means: when the file stands in the place of the program's end, that
// is closed.
func (w ringClosed) event(int32, uint32) { w.r.restored() }

// restored ends the time in which the program's end is held here, and reports
// whether it was.
func (r *packetRing) restored() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held < 0 {
		return false
	}
	n := r.f.n
	n.mu.Lock()
	delete(n.files, r.key)
	for i, o := range n.replaced {
		if o == r {
			n.replaced = append(n.replaced[:i:i], n.replaced[i+1:]...)
			break
		}
	}
	n.mu.Unlock()
	n.rings.Add(-1)
	n.host.unwatch(r.wd)
	unix.Close(r.held)
	r.held = -1
	return true
}

// restoreRings puts back the program's end where a memory file took its place:
// the mmap is over when its thread makes another call. Another thread's call on
// the descriptor comes too early only when the program does not wait for its
// own mmap.
func (c *call) restoreRings() {
	c.n.mu.Lock()
	list := append([]*packetRing(nil), c.n.replaced...)
	c.n.mu.Unlock()
	for _, r := range list {
		r.mu.Lock()
		if r.held < 0 || r.tid != c.TID && !(c.intArg(0) == r.fd && c.sameFile(r.fd, r.key)) {
			r.mu.Unlock()
			continue
		}
		var err error
		if c.sameFile(r.fd, r.key) { // else the program has put something else there
			err = c.swapAt(r.fd, r.held)
		}
		r.mu.Unlock()
		if err == nil {
			r.restored()
		}
	}
}

// sameFile reports whether the caller's descriptor is that file.
func (c *call) sameFile(fd int, key fileKey) bool {
	id, err := c.target().File(fd)
	return err == nil && fileKey{id.Dev, id.Ino} == key
}

// pushRing announces frames in the ring by a byte in the pair. It reports
// whether frames come by a ring, and not as messages. file.mu is held.
func (f *file) pushRing() bool {
	if f.ring == nil || !f.ring.s.HasRing() {
		return false
	}
	if f.s.Poll()&uapi.POLLIN == 0 {
		return true
	}
	if f.head = unix.Send(f.our, []byte{0}, unix.MSG_DONTWAIT) == nil; f.head {
		f.ring.lookIn(firstRingLook)
	}
	return true
}

func (r *packetRing) lookIn(d time.Duration) {
	r.wait = d
	if r.timer == nil {
		r.timer = time.AfterFunc(d, r.look)
		return
	}
	r.timer.Reset(d)
}

// look takes the byte back when the program has read the frames.
func (r *packetRing) look() {
	f := r.f
	f.n.guard(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.dead || !f.head {
			return
		}
		if !r.settle() {
			r.lookIn(min(2*r.wait, lastRingLook))
		}
	})
}

// settle takes the byte back unless there are frames. file.mu is held, and head
// is set.
func (r *packetRing) settle() bool {
	f := r.f
	if f.s.Poll()&uapi.POLLIN != 0 {
		return false
	}
	err := f.theirs(func(fd int) error {
		_, _, err := unix.Recvfrom(fd, nil, unix.MSG_DONTWAIT)
		return err
	})
	if err != nil && err != unix.EAGAIN {
		return false
	}
	f.head = false
	f.show()
	return true
}
