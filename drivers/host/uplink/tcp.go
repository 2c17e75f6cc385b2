//go:build linux

package uplink

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/netfilter"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// tcpFlow is a connection that the guest has asked for and does not have yet.
type tcpFlow struct {
	host *net.TCPConn // nil while the machine connects
	ends ktime.T      // when the guest should have finished the handshake
}

// handshakeTime is how long a guest may take to finish a handshake:
// tcp_synack_retries' 63 s.
const handshakeTime = ktime.T(63 * time.Second)

// ends is a socket that knows its addresses, also when they are of the past.
type ends interface {
	Ends() (local, peer netip.AddrPort)
}

// listener accepts what the guest opens to one address, for as long as flows
// are on their way to it.
type listener struct {
	s    sock.Socket
	wait *kern.Waiter
	uses int // flows in tcp
}

// inputTCP keeps a guest's SYN back until the machine is connected.
func (u *Uplink) inputTCP(c *kern.CPU, p packet, key flowKey, flags uint16) netfilter.Verdict {
	if flags&(wire.TCPSyn|wire.TCPAck|wire.TCPRst) != wire.TCPSyn {
		return netfilter.Accept
	}
	to, ok := u.target(uapi.IPPROTO_TCP, key.dst)
	if !ok {
		return netfilter.Accept
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if f := u.tcp[key]; f != nil {
		if f.host != nil {
			return netfilter.Accept // for the listener
		}
		p.b.Consume(c) // a SYN again, while the first one waits
		return netfilter.Stolen
	}
	if u.streams >= u.cfg.MaxTCP {
		u.stats.Refused++
		return netfilter.Drop
	}
	f := &tcpFlow{}
	if !u.start(func() { u.dial(p, key, f, to) }) {
		return netfilter.Drop
	}
	u.tcp[key] = f
	u.streams++
	u.stats.TCP++
	return netfilter.Stolen
}

// dial connects the machine, then lets the SYN go on.
func (u *Uplink) dial(p packet, key flowKey, f *tcpFlow, to netip.AddrPort) {
	d := net.Dialer{Timeout: u.cfg.DialTimeout}
	conn, err := d.DialContext(u.ctx, "tcp4", to.String())
	if err != nil {
		u.mu.Lock()
		delete(u.tcp, key)
		u.streams--
		u.mu.Unlock()
		u.refuse(p, err)
		return
	}
	host := conn.(*net.TCPConn)
	if err := u.listen(key.dst); err != nil {
		reset(host)
		u.mu.Lock()
		delete(u.tcp, key)
		u.streams--
		u.mu.Unlock()
		u.drop(p)
		return
	}
	u.mu.Lock()
	f.host, f.ends = host, u.k.Now()+handshakeTime
	u.mu.Unlock()
	if u.ctx.Err() != nil { // the sweeper may be gone
		u.lapsed(0, true)
	}
	u.sweep.Wake()
	u.resume(p)
}

// refuse answers a SYN as the machine was answered: by a reset, which is the
// stack's where nobody listens, by an ICMP message, or by silence.
func (u *Uplink) refuse(p packet, err error) {
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) {
		u.resume(p)
		return
	}
	u.answer(p, err)
	u.drop(p)
}

// listen makes the listener of an address, or uses it once more.
func (u *Uplink) listen(at end) error {
	u.listening.Lock()
	defer u.listening.Unlock()
	if l := u.listeners[at]; l != nil {
		l.uses++
		return nil
	}
	s, err := sock.Create(u.root, u.n, uapi.AF_INET, uapi.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	if err = u.bind(s, at); err == nil {
		err = s.Listen(u.root, 1<<16)
	}
	if err != nil {
		s.Close()
		return err
	}
	l := &listener{s: s, wait: u.k.Waiter(), uses: 1}
	s.Attach(l.wait, uapi.POLLIN)
	u.listeners[at] = l
	u.tasks.Go(func() { u.accept(l, at) }) // the caller is a task, so nobody has waited for all yet
	return nil
}

// unlisten gives back a use of a listener.
func (u *Uplink) unlisten(at end) {
	u.listening.Lock()
	defer u.listening.Unlock()
	if l := u.listeners[at]; l != nil {
		if l.uses--; l.uses == 0 {
			l.wait.Wake()
		}
	}
}

// bind gives a socket an address that need not be the namespace's.
func (u *Uplink) bind(s sock.Socket, at end) error {
	on := binary.NativeEndian.AppendUint32(nil, 1)
	if err := s.Setsockopt(u.root, uapi.IPPROTO_IP, uapi.IP_TRANSPARENT, on); err != nil {
		return err
	}
	if err := s.Setsockopt(u.root, uapi.SOL_SOCKET, uapi.SO_REUSEADDR, on); err != nil {
		return err
	}
	return s.Bind(u.root, uapi.AppendSockaddr(nil, at.addrPort(), 0))
}

// accept takes connections until no more flow is on its way.
func (u *Uplink) accept(l *listener, at end) {
	for {
		s, err := l.s.Accept(u.root)
		if err == nil {
			u.accepted(s, at)
			continue
		}
		u.listening.Lock()
		over := l.uses == 0 || err != errno.EAGAIN
		if over {
			delete(u.listeners, at)
		}
		u.listening.Unlock()
		if over {
			break
		}
		l.wait.Wait()
	}
	l.s.Detach(l.wait)
	l.wait.Free()
	l.s.Close()
}

// accepted joins a guest's connection with the machine's.
func (u *Uplink) accepted(s sock.Socket, at end) {
	key := flowKey{dst: at}
	// Not Getpeername: a guest may have reset what it has just opened.
	if e, is := s.(ends); is {
		if _, peer := e.Ends(); peer.Addr().Is4() {
			key.src = endOf(peer)
		}
	}
	u.mu.Lock()
	f := u.tcp[key]
	if f == nil || f.host == nil {
		u.mu.Unlock()
		u.abort(s)
		return
	}
	delete(u.tcp, key)
	ok := u.start(func() { u.relayed(s, f.host) })
	u.mu.Unlock()
	u.unlisten(at)
	if !ok {
		reset(f.host)
		u.abort(s)
	}
}

// relayed is a relay that counts.
func (u *Uplink) relayed(s sock.Socket, host *net.TCPConn) {
	u.relay(s, host)
	u.mu.Lock()
	u.streams--
	u.mu.Unlock()
}

// lapsed ends the flows that a guest gave up, or all of them, and returns when
// the next one would.
func (u *Uplink) lapsed(now ktime.T, all bool) (next ktime.T) {
	var over []end
	u.mu.Lock()
	for key, f := range u.tcp {
		switch {
		case f.host == nil: // the dialer ends it
		case all || now >= f.ends:
			reset(f.host)
			delete(u.tcp, key)
			u.streams--
			over = append(over, key.dst)
		case next == 0 || f.ends < next:
			next = f.ends
		}
	}
	u.mu.Unlock()
	for _, at := range over {
		u.unlisten(at)
	}
	return next
}

// abort closes a guest's stream with a reset.
func (u *Uplink) abort(s sock.Socket) {
	linger := binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 1), 0)
	_ = s.Setsockopt(u.root, uapi.SOL_SOCKET, uapi.SO_LINGER, linger) // a stream takes it
	s.Close()
}

// reset closes the machine's stream with a reset.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // else it ends with a FIN
	c.Close()
}
