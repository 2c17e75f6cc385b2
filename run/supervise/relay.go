//go:build linux

package supervise

import (
	"errors"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// relayBuffer is what one turn of a relay carries: a super-frame of 64 KiB and
// more, so that segmentation offload has something to do.
const relayBuffer = bufSize

// up carries what the program writes.
func (st *stream) up() {
	st.f.n.guard(func() {
		buf, free := st.f.n.host.buffer(relayBuffer)
		defer free()
		for {
			n, flags, err := st.take(buf)
			if n > 0 && !st.send1(buf[:n], flags) {
				break
			}
			if err == nil {
				st.room()
				continue
			}
			if err == io.EOF && st.outputEnded() {
				st.f.s.Shutdown(sock.Root(), unix.SHUT_WR)
			} else if errors.Is(err, unix.ECONNRESET) {
				st.lost() // closed with data unread
			}
			break // a close is for finish: it may be a reset and not a FIN
		}
	})
	close(st.upEnded)
	st.left()
}

// room tells parked calls that the pair has space, or data.
func (st *stream) room() {
	st.f.mu.Lock()
	waits := len(st.f.waiting) > 0
	st.f.mu.Unlock()
	if waits {
		st.f.n.host.kick(st.f)
	}
}

// send1 sends all of p and reports whether the stream goes on.
func (st *stream) send1(p []byte, flags int) bool {
	m := sock.Msg{Data: p, Flags: flags | uapi.MSG_DONTWAIT | uapi.MSG_NOSIGNAL}
	for len(m.Data) > 0 {
		n, err := st.sendSome(&m)
		st.f.n.host.drain()
		switch {
		case err == nil:
			m.Data = m.Data[n:]
			continue
		case err == errno.EPIPE:
			st.shut(unix.SHUT_RD) // the program's next write fails
			return false
		case !isEAGAIN(err) && err != errno.EINPROGRESS: // a connect that was put off begins (TCP_FASTOPEN_CONNECT)
			poke(st.data) // the other relay tells the program
			return false
		}
		select {
		case <-st.space:
		case st.stuck <- struct{}{}:
		case <-st.f.n.init.Done():
			return false
		}
	}
	return true
}

// sendSome sends once. A socket tells its error once: when it was told here,
// the other relay has to know.
func (st *stream) sendSome(m *sock.Msg) (int, error) {
	st.sending.Lock()
	defer st.sending.Unlock()
	if st.cut {
		return 0, errno.EPIPE
	}
	n, err := st.f.s.Sendmsg(sock.Root(), m)
	if err != nil && err != errno.EPIPE && err != errno.EINPROGRESS && !isEAGAIN(err) {
		st.broken = err
	}
	return n, err
}

// failed is the socket's error that sending met.
func (st *stream) failed() error {
	st.sending.Lock()
	defer st.sending.Unlock()
	return st.broken
}

// down carries what comes for the program.
func (st *stream) down() {
	defer st.left()
	st.f.n.guard(func() {
		buf, free := st.f.n.host.buffer(relayBuffer)
		defer free()
		for {
			n, gone, err := st.carry(buf)
			switch {
			case gone:
				return
			case isEAGAIN(err):
				select {
				case <-st.data:
					continue
				case <-st.over:
					return
				}
			case err == errno.EINTR:
				continue
			case err == nil && n > 0:
			case st.failed() != nil:
				st.reset(st.failed())
				return
			case err == errno.ENOTCONN: // its error was told by SO_ERROR
				st.shut(unix.SHUT_RDWR)
				return
			case err != nil:
				st.reset(err)
				return
			default:
				st.shut(unix.SHUT_WR) // the program reads the end
				// For the stack it was read: ss shows no FIN in Recv-Q any more.
				st.f.s.Recvmsg(sock.Root(), &sock.Msg{Data: make([]byte, 1), Flags: unix.MSG_DONTWAIT | sock.MsgSkipErr})
				st.afterEnd()
				return
			}
			st.f.n.host.drain() // window updates may have woken others
		}
	})
}

// afterEnd waits for a reset after the peer's end of output: from then on the
// program cannot write (net/ipv4/tcp_input.c tcp_reset: EPIPE in CLOSE_WAIT).
func (st *stream) afterEnd() {
	for st.f.s.Poll()&uapi.POLLHUP == 0 {
		select {
		case <-st.data:
		case <-st.over:
			return
		}
	}
	st.shut(unix.SHUT_RD)
}

// shut ends a direction of the pair.
func (st *stream) shut(how int) {
	if raw, err := st.our.Load().SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { unix.Shutdown(int(fd), how) })
	}
	st.f.n.host.kick(st.f) // for parked calls
}

// carry moves what the socket has to the program; gone says that the program
// cannot take it any more.
func (st *stream) carry(buf []byte) (n int, gone bool, err error) {
	st.carrying.Lock()
	defer st.carrying.Unlock()
	if st.cut {
		return 0, true, nil
	}
	if len(st.rest) == 0 {
		if st.ended {
			return 0, false, st.endErr
		}
		m := sock.Msg{Data: buf, Flags: uapi.MSG_DONTWAIT}
		if n, err = st.f.fetch(&m); err != nil || n == 0 {
			return n, false, err
		}
		st.rest, st.restOOB = buf[:n], m.OutFlags&uapi.MSG_OOB != 0
	}
	n, err = st.bring()
	st.rest = nil
	if err != nil {
		st.lost()
		return n, true, nil
	}
	st.room()
	return n, false, nil
}

// quickPiece is what a pump carries itself: more is worth a switch to the relay,
// and its processor.
const quickPiece = 16 << 10

// quick moves a small piece without waking the relay, and reports whether that
// was all. file.mu is held.
func (st *stream) quick() bool {
	if !st.carrying.TryLock() {
		return false
	}
	defer st.carrying.Unlock()
	if len(st.rest) > 0 || st.ended || st.cut {
		return false
	}
	buf, free := st.f.n.host.buffer(quickPiece)
	defer free()
	m := sock.Msg{Data: buf, Flags: uapi.MSG_DONTWAIT}
	n, err := st.f.fetch(&m)
	switch {
	case isEAGAIN(err):
		return true
	case err != nil || n == 0:
		st.ended, st.endErr = true, err // it tells an error once
		return false
	}
	flags := m.OutFlags & uapi.MSG_OOB
	if put := st.put(buf[:n], flags); put < n {
		st.rest, st.restOOB = append([]byte(nil), buf[put:n]...), flags != 0
		return false
	}
	if len(st.f.waiting) > 0 {
		st.f.n.host.kick(st.f)
	}
	return st.f.s.Poll()&(uapi.POLLIN|pollAlways) == 0 // else there is more, or the end
}

// put writes what the pair takes at once.
func (st *stream) put(p []byte, flags int) (n int) {
	raw, err := st.our.Load().SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) {
		n, err = unix.SendmsgN(int(fd), p, nil, nil, flags|unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
	return max(n, 0)
}

// outputEnded reports whether the program ended its output by shutdown(2).
func (st *stream) outputEnded() bool {
	st.f.mu.Lock()
	defer st.f.mu.Unlock()
	return st.shutOut
}

// leftUnread reports whether the program closed its end with data unread: the
// kernel tells our end then. Nobody may have looked since.
func (st *stream) leftUnread() (unread bool) {
	raw, err := st.our.Load().SyscallConn()
	if err != nil {
		return false
	}
	raw.Control(func(fd uintptr) {
		v, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		unread = err == nil && v == int(unix.ECONNRESET)
	})
	return unread
}

// lost notes that the program closed with data unread: the peer gets a reset
// (RFC 9293 §3.6.1).
func (st *stream) lost() {
	st.f.mu.Lock()
	st.discard = true
	st.f.mu.Unlock()
}

// reset shows the program that the connection has ended by an error: it reads
// what came before, then ECONNRESET, which the kernel reports when our end leaves
// with a byte unread. Calls that are answered here tell the cause.
func (st *stream) reset(cause error) {
	st.our.Load().SetReadDeadline(time.Unix(1, 0))
	<-st.upEnded
	st.f.mu.Lock()
	defer st.f.mu.Unlock()
	if st.closing || st.state != streamOpen {
		return
	}
	st.f.theirs(func(fd int) error {
		return unix.Send(fd, []byte{0}, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
	st.state, st.cause = streamEnded, cause
	st.our.Load().Close()
	st.f.n.host.kick(st.f)
}

// left is the end of a relay.
func (st *stream) left() {
	st.f.mu.Lock()
	st.relaying--
	end := st.relaying == 0 && st.closing
	st.f.mu.Unlock()
	if end {
		st.finish()
	}
}

// closed is the last close of the program's end. What it wrote is still
// carried; then the socket is closed.
func (st *stream) closed() {
	st.f.mu.Lock()
	st.closing = true
	end := st.relaying == 0
	st.f.mu.Unlock()
	close(st.over)
	if end {
		st.finish()
	}
}

// finish closes the socket, which resets the connection by itself when the
// socket has data that nobody read.
func (st *stream) finish() {
	f := st.f
	f.mu.Lock()
	discard, kept := st.discard || st.leftUnread(), st.kept
	st.kept = nil
	f.mu.Unlock()
	f.s.Watch(nil)
	if discard {
		var linger [8]byte // struct linger: on, 0 seconds: close resets
		le.PutUint32(linger[:], 1)
		f.s.Setsockopt(sock.Root(), uapi.SOL_SOCKET, uapi.SO_LINGER, linger[:])
	}
	f.s.Close()
	for _, s := range kept {
		s.Close()
	}
	st.our.Load().Close()
	close(st.done)
	f.n.host.drain()
}

// settled waits after the last close of the program's end until the socket is
// closed too, or has to wait for its peer: a program that closes two sockets
// ends the connections in that order, and then finds a port in TIME_WAIT.
func (st *stream) settled() {
	select {
	case <-st.done:
	case <-st.stuck:
	case <-st.f.n.init.Done():
	}
}

// abandon ends the relay of a file that no program got; its socket lives on.
func (st *stream) abandon() {
	st.our.Load().SetDeadline(time.Unix(1, 0))
	close(st.over)
	st.f.relays.Wait()
	st.our.Load().Close()
}
