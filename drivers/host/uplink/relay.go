//go:build linux

package uplink

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"linen/kern"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// chunk is how much a relay moves at a time: large, so that wakes are few, and
// small enough to stay in a core's cache between the two copies.
const chunk = 128 << 10

// chunks are the buffers of relays that are moving something: idle ones hold
// none.
type chunks struct{ pool sync.Pool }

func (p *chunks) get() *[chunk]byte {
	if b, ok := p.pool.Get().(*[chunk]byte); ok {
		return b
	}
	return new([chunk]byte)
}

func (p *chunks) put(b *[chunk]byte) { p.pool.Put(b) }

// stream is the guest's side of a relay.
type stream struct {
	s       sock.Socket
	who     *sock.Caller
	in, out *kern.Waiter
	over    atomic.Bool // aborted: blocked calls return
}

// relay carries a guest's stream and the machine's to each other until both
// have ended.
func (u *Uplink) relay(s sock.Socket, host *net.TCPConn) {
	g := &stream{s: s, who: u.root, in: u.k.Waiter(), out: u.k.Waiter()}
	s.Attach(g.in, uapi.POLLIN|uapi.POLLRDHUP)
	s.Attach(g.out, uapi.POLLOUT)
	var once sync.Once
	broken := func() {
		once.Do(func() {
			u.abort(s)
			reset(host)
			g.over.Store(true)
			g.in.Wake()
			g.out.Wake()
		})
	}
	stop := context.AfterFunc(u.ctx, broken)
	var both sync.WaitGroup
	both.Go(func() {
		if err := u.toHost(host, g); err != nil {
			broken()
		}
	})
	if err := u.toGuest(g, host); err != nil {
		broken()
	}
	both.Wait()
	if stop() { // broken by nobody, or done
		s.Close()
		host.Close()
	} else {
		once.Do(func() {}) // waits for it
	}
	s.Detach(g.in)
	s.Detach(g.out)
	g.in.Free()
	g.out.Free()
}

// toHost carries what the guest sends, and its end.
func (u *Uplink) toHost(host *net.TCPConn, g *stream) error {
	for {
		b := u.chunks.get()
		n, err := g.try(b[:])
		if err == nil && n > 0 {
			_, err = host.Write(b[:n])
		} else if err == nil {
			err = io.EOF
		}
		u.chunks.put(b)
		switch err {
		case nil:
		case errno.EAGAIN:
			g.in.Wait()
		case io.EOF:
			return host.CloseWrite()
		default:
			return err
		}
	}
}

// try receives without waiting.
func (g *stream) try(p []byte) (int, error) {
	if g.over.Load() {
		return 0, net.ErrClosed
	}
	return g.s.Recvmsg(g.who, &sock.Msg{Data: p})
}

// write sends all of p.
func (g *stream) write(p []byte) error {
	m := sock.Msg{Data: p, Flags: uapi.MSG_NOSIGNAL}
	for len(m.Data) > 0 {
		if g.over.Load() {
			return net.ErrClosed
		}
		n, err := g.s.Sendmsg(g.who, &m)
		switch err {
		case nil:
			m.Data = m.Data[n:]
		case errno.EAGAIN:
			g.out.Wait()
		default:
			return err
		}
	}
	return nil
}

// toGuest carries what the machine receives, and its end.
func (u *Uplink) toGuest(g *stream, host *net.TCPConn) error {
	raw, err := host.SyscallConn()
	if err != nil {
		return err
	}
	for {
		b, n, err := u.readHost(raw)
		switch {
		case n > 0:
			err = g.write(b[:n])
		case err == nil:
			err = io.EOF
		}
		if b != nil {
			u.chunks.put(b)
		}
		switch err {
		case nil:
		case io.EOF:
			return g.s.Shutdown(u.root, uapi.SHUT_WR)
		default:
			return err
		}
	}
}

// readHost waits for data and only then takes a buffer for them, which is the
// caller's unless nil.
func (u *Uplink) readHost(raw syscall.RawConn) (b *[chunk]byte, n int, err error) {
	ended := raw.Read(func(fd uintptr) bool {
		b = u.chunks.get()
		for {
			n, err = syscall.Read(int(fd), b[:])
			if err != syscall.EINTR {
				break
			}
		}
		if err != syscall.EAGAIN {
			return true
		}
		u.chunks.put(b)
		b = nil
		return false
	})
	if ended != nil {
		err = ended
	}
	return b, max(n, 0), err
}
