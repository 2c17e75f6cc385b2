package tcp

import (
	"sync/atomic"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/sock"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
	"linen/uapi/errno"
)

// A Sock is a TCP socket: closed, listening or a connection.
type Sock struct {
	inet.Sock
	st   *State
	env  env
	conn *tcb.Conn // machine, used by the owner, or under BHLock while there is none
	// machine is conn's memory.
	machine tcb.Conn
	node    node          // its place among the connections
	bind    binding       // its port
	tune    *tcb.Tunables // shared; see ownTune
	lowat   atomic.Uint32 // tune.NotsentLowat, for poll, which takes no lock

	timer    kern.Timer
	armed    ktime.T                    // for which timer is set
	deferred atomic.Uint32              // what a softirq left for the owner, and throttled, tsqQueued
	events   sock.Events                // to notify when the call on conn is over
	rxDif    atomic.Int32               // device of the last packet
	rxDst    atomic.Pointer[ipv4.Route] // and its route (sk_rx_dst)

	tx      sendQueue
	rx      recvQueue
	rxReady atomic.Int64  // bytes to read
	txBytes atomic.Int64  // bytes written and not acknowledged
	unsent  atomic.Int64  // of these not sent
	noSpace atomic.Bool   // a writer waits
	urgent  atomic.Uint32 // 1: an urgent byte is announced, 2: it is here, 3: it was read
	// urgentNext: the byte at the urgent mark is the next to read.
	urgentNext atomic.Bool
	oob        byte
	connected  bool // connect was told of its success
	closed     bool // by its user
	over       bool // destroyed
	isOrphan   bool // counted in st.orphans
	syn        bool // connect was called
	used       bool // conn is not fresh
	ccChosen   bool // by TCP_CONGESTION
	finRead    bool // the reader was told of the peer's FIN

	feat     features
	fast     fastOpts
	memPages int64                   // counted in st.mem
	fastData []byte                  // of the call that sends the SYN
	md5      atomic.Pointer[md5Keys] // TCP_MD5SIG, or nil
	// synHeaders are what TCP_SAVED_SYN reads.
	synHeaders []byte

	lsn    *listener // nil before the first use
	inList inet.Entry[*Sock]
}

// What a softirq leaves for the owner.
const (
	deferTimer = 1 << iota
	deferMTU
	deferSend
	deferAck
	deferAll = deferTimer | deferMTU | deferSend | deferAck

	// throttled and tsqQueued are bits beside them: the socket waits for a packet
	// of its own to be freed, and it is on a CPU's list of those that go on.
	throttled = deferAll + 1
	tsqQueued = throttled << 1
)

// queued is the memory of the send queue.
func (s *Sock) queued() int64 { n := s.txBytes.Load(); return n + n>>4 }

// begin prepares a call on the connection, on CPU c.
func (s *Sock) begin(c *kern.CPU) {
	s.env.c = c
	s.conn.Use(s.st.settings())
	s.conn.Full = s.noSpace.Load()
}

// finish ends what begin began: memory is given back, the timer is set, state
// changes are acted on, waiters are told.
func (s *Sock) finish(c *kern.CPU) {
	s.trim()
	switch s.conn.State {
	case uapi.TCP_TIME_WAIT:
		s.toTimeWait(c)
	case uapi.TCP_CLOSE:
		if !s.fast.deferred || s.closed {
			s.ended(c)
		}
	}
	s.account(c)
	s.setTimer()
	if ev := s.events; ev != 0 {
		s.events = 0
		s.Notify(c, ev)
	}
	s.env.c = nil
}

// trim gives up what is acknowledged and tells writers of room.
func (s *Sock) trim() {
	unacked, unsent := s.conn.SendQueue()
	s.tx.trim(s.conn.Una())
	n := int64(unacked)
	if s.txBytes.Load() != n {
		s.txBytes.Store(n)
		if s.noSpace.Load() && s.writeable() {
			s.noSpace.Store(false)
			s.events |= uapi.POLLOUT | uapi.POLLWRNORM
		}
	}
	s.unsent.Store(int64(unsent))
}

// writeable is poll's test: a third of the buffer is free
// (sk_stream_is_writeable).
func (s *Sock) writeable() bool {
	q := s.queued()
	return s.SndBuf()-q >= q>>1 && s.belowLowat()
}

func (s *Sock) belowLowat() bool {
	low := int64(s.lowat.Load())
	if low == 0 {
		low = s.st.sys.notsentLowat.Load()
	}
	return s.unsent.Load() < low
}

// Sendmsg implements sock.Socket (tcp_sendmsg).
func (s *Sock) Sendmsg(who *sock.Caller, m *sock.Msg) (int, error) {
	s.Lock()
	defer s.Unlock()
	if m.Flags&uapi.MSG_FASTOPEN != 0 || s.fast.deferred {
		return s.fastSend(m.Name, m.Data)
	}
	if err := s.sendable(); err != nil {
		return 0, err
	}
	if len(m.Control) > 0 {
		ck := s.NewCookie()
		if err := ck.Parse(&s.Sock, who, m.Control, false); err != nil {
			return 0, err
		}
	}
	n, err := s.write(m)
	if n > 0 && s.WantsZerocopy(m.Flags) {
		s.CompleteZerocopy(1)
	}
	return n, err
}

// sendable says why nothing can be sent: EAGAIN while connecting.
func (s *Sock) sendable() error {
	if err := s.TakeError(); err != nil {
		return err
	}
	if s.Shut()&sock.SendShutdown != 0 {
		return errno.EPIPE
	}
	switch s.State() {
	case uapi.TCP_ESTABLISHED, uapi.TCP_CLOSE_WAIT:
		return nil
	case uapi.TCP_SYN_SENT, uapi.TCP_SYN_RECV:
		if _, pending := s.conn.FastChild(); pending {
			return nil // before the handshake is over: RFC 7413 §4.2.2
		}
		s.noSpace.Store(true)
		return errno.EAGAIN
	}
	return errno.EPIPE
}

// write copies what fits and sends what may be sent.
func (s *Sock) write(m *sock.Msg) (int, error) {
	room := s.SndBuf() - s.queued()
	if room <= 0 || !s.belowLowat() && len(m.Data) > 0 {
		s.noSpace.Store(true)
		if room = s.SndBuf() - s.queued(); room <= 0 {
			return 0, errno.EAGAIN
		}
	}
	if q := s.queued(); !s.mayGrow(q, s.st.sys.wmem.Load(0)) {
		s.noSpace.Store(true)
		return 0, errno.EAGAIN
	}
	n := int(min(int64(len(m.Data)), max(room, 1)))
	if n == 0 {
		return 0, nil
	}
	k := s.st.n.Kernel()
	s.tx.append(k, m.Data[:n]) // copied while on no CPU
	if n < len(m.Data) {
		s.noSpace.Store(true)
	}
	c := k.Enter(kern.Any)
	s.begin(c)
	if m.Flags&uapi.MSG_OOB != 0 && n == len(m.Data) {
		s.conn.WriteUrgentAfter(n)
	}
	s.conn.Write(c.Now(), n, m.Flags&uapi.MSG_MORE != 0)
	s.finish(c)
	c.Exit()
	return n, nil
}

// Recvmsg implements sock.Socket (tcp_recvmsg).
func (s *Sock) Recvmsg(_ *sock.Caller, m *sock.Msg) (int, error) {
	m.Reset()
	if m.Flags&uapi.MSG_ERRQUEUE != 0 {
		return s.RecvError(m)
	}
	s.Lock()
	defer s.Unlock()
	if s.State() == uapi.TCP_LISTEN {
		return 0, errno.ENOTCONN
	}
	if m.Flags&uapi.MSG_OOB != 0 {
		return s.recvUrgent(m)
	}
	n := s.read(m)
	var err error
	if n == 0 {
		err = s.nothing(m)
	}
	if err == nil && s.feat.inq {
		s.putInq(m)
	}
	if err == nil && m.Flags&uapi.MSG_PEEK == 0 && s.rxReady.Load() == 0 && s.conn.GotFin() {
		s.finRead = true
	}
	return n, err
}

// nothing is what an empty queue answers.
func (s *Sock) nothing(m *sock.Msg) error {
	if len(m.Data) == 0 && s.rxReady.Load() > 0 {
		return nil
	}
	if s.conn.GotFin() { // before a pending error, as Linux
		return nil
	}
	if m.Flags&sock.MsgSkipErr == 0 {
		if err := s.TakeError(); err != nil {
			return err
		}
	}
	switch {
	case s.Shut()&sock.RcvShutdown != 0:
		return nil
	case s.State() == uapi.TCP_CLOSE:
		return errno.ENOTCONN // never connected, or the error was told
	}
	return errno.EAGAIN
}

// read copies what there is, up to an urgent mark, and tells the peer of the
// room.
func (s *Sock) read(m *sock.Msg) int {
	if off, moves := s.PeekOffset(); moves && m.Flags&uapi.MSG_PEEK != 0 && m.Flags&sock.MsgSkipErr == 0 {
		return s.peekAt(m.Data, off)
	}
	peek := m.Flags&uapi.MSG_PEEK != 0
	dst := m.Data
	if int64(len(dst)) > s.rxReady.Load() {
		dst = dst[:s.rxReady.Load()]
	}
	limit, skipOne := s.urgentLimit(len(dst))
	if len(dst) == 0 && !skipOne {
		return 0
	}
	dst = dst[:min(len(dst), limit)]
	n := len(dst)
	if m.Flags&uapi.MSG_TRUNC == 0 || peek {
		n = s.rx.copy(dst, peekSkip(skipOne))
	}
	if peek {
		return n
	}
	take := n
	if skipOne {
		take++
	}
	s.MovePeekOffset(-n)
	c := s.st.n.Kernel().Enter(kern.Any)
	s.consume(c, take)
	c.Exit()
	return n
}

// peekAt is MSG_PEEK with SO_PEEK_OFF: it shows what is behind off, without the
// urgent byte's rules but that it ends there.
func (s *Sock) peekAt(dst []byte, off int) int {
	most, skipOne := s.urgentLimit(off + len(dst))
	have := min(int(s.rxReady.Load())-peekSkip(skipOne), most) - off
	if have <= 0 {
		return 0
	}
	n := s.rx.copy(dst[:min(len(dst), have)], off+peekSkip(skipOne))
	s.MovePeekOffset(n)
	return n
}

func peekSkip(one bool) int {
	if one {
		return 1
	}
	return 0
}

// consume takes n bytes off the queue.
func (s *Sock) consume(c *kern.CPU, n int) {
	s.begin(c)
	s.rx.consume(c, n)
	left := s.rxReady.Add(int64(-n))
	s.adjust(s.conn.Read(c.Now(), n))
	if s.conn.AfterRead(n, left == 0) {
		s.conn.AckNow(c.Now())
	}
	s.noteUrgent()
	s.finish(c)
}

// adjust grows the receive buffer to what the reader takes in a round trip
// (tcp_rcv_space_adjust).
func (s *Sock) adjust(perRTT int) {
	if perRTT == 0 || !s.st.sys.moderate.Bool() || s.Has(sock.FlagRcvBufLock) {
		return
	}
	want := min(s.env.forWindow(int64(perRTT)), s.st.sys.rmem.Load(2))
	if want > s.RcvBuf() {
		s.SetRcvBuf(want)
		s.conn.Widen(int(s.env.window(want)))
	}
}

// Poll implements sock.Socket (tcp_poll).
func (s *Sock) Poll() sock.Events {
	state := s.State()
	if state == uapi.TCP_LISTEN {
		if s.listen().ready.Load() > 0 {
			return uapi.POLLIN | uapi.POLLRDNORM
		}
		return 0
	}
	var ev sock.Events
	shut := s.Shut()
	if shut == sock.ShutdownMask || state == uapi.TCP_CLOSE {
		ev |= uapi.POLLHUP
	}
	if shut&sock.RcvShutdown != 0 {
		ev |= uapi.POLLIN | uapi.POLLRDNORM | uapi.POLLRDHUP
	}
	if s.fast.deferred && state == uapi.TCP_SYN_SENT {
		ev |= uapi.POLLOUT | uapi.POLLWRNORM
	}
	if state != uapi.TCP_SYN_SENT && (state != uapi.TCP_SYN_RECV || s.fast.from != nil) {
		if s.rxReady.Load() >= s.readTarget() {
			ev |= uapi.POLLIN | uapi.POLLRDNORM
		}
		if shut&sock.SendShutdown != 0 {
			ev |= uapi.POLLOUT | uapi.POLLWRNORM
		} else if s.writeable() {
			ev |= uapi.POLLOUT | uapi.POLLWRNORM
		} else {
			s.noSpace.Store(true)
			if s.writeable() {
				ev |= uapi.POLLOUT | uapi.POLLWRNORM
			}
		}
		if s.urgent.Load() == 2 {
			ev |= uapi.POLLPRI
		}
	}
	return ev | s.errorEvents()
}

func (s *Sock) errorEvents() (ev sock.Events) {
	if s.PendingError() != 0 || s.PollDatagram()&uapi.POLLERR != 0 {
		ev = uapi.POLLERR
	}
	return ev
}

// recvUrgent is MSG_OOB: EINVAL without urgent data, EAGAIN before it is here.
func (s *Sock) recvUrgent(m *sock.Msg) (int, error) {
	switch {
	case s.Has(sock.FlagOOBInline) || s.urgent.Load()%3 == 0:
		return 0, errno.EINVAL
	case s.urgent.Load() == 1:
		return 0, errno.EAGAIN
	}
	if m.Flags&uapi.MSG_PEEK == 0 {
		s.urgent.Store(3)
	}
	m.OutFlags |= uapi.MSG_OOB
	if len(m.Data) == 0 {
		m.OutFlags |= uapi.MSG_TRUNC
		return 0, nil
	}
	m.Data[0] = s.oob
	return 1, nil
}

// urgentLimit says how far a read goes in front of the urgent byte; skip: the
// urgent byte is next and not part of the stream.
func (s *Sock) urgentLimit(n int) (limit int, skip bool) {
	seq, ok := s.conn.UrgentSeq()
	if !ok {
		return n, false
	}
	off := int(int32(seq - s.conn.Copied()))
	switch {
	case off < 0, off == 0 && s.Has(sock.FlagOOBInline):
		return n, false
	case off == 0 && s.rxReady.Load() > 0:
		return max(min(n, int(s.rxReady.Load())-1), 0), true
	case off == 0:
		return 0, false
	}
	return off, false
}

// readTarget is how many bytes make the socket readable: one more than
// SO_RCVLOWAT when the next one is urgent and not part of the stream.
func (s *Sock) readTarget() int64 {
	target := int64(s.RcvLowat())
	if s.urgentNext.Load() && !s.Has(sock.FlagOOBInline) {
		target++
	}
	return target
}

// noteUrgent keeps what Poll wants to know of the urgent mark.
func (s *Sock) noteUrgent() {
	seq, ok := s.conn.UrgentSeq()
	s.urgentNext.Store(ok && seq == s.conn.Copied())
}

// readable is SIOCINQ: what can be read, up to an urgent mark (tcp_inq).
func (s *Sock) readable() int {
	s.Lock()
	defer s.Unlock()
	n := int(s.rxReady.Load())
	if seq, ok := s.conn.UrgentSeq(); ok && !s.Has(sock.FlagOOBInline) {
		if off := int(int32(seq - s.conn.Copied())); off >= 0 && off < n {
			return off
		}
	}
	return n
}

// Ioctl implements sock.Socket: SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK.
func (s *Sock) Ioctl(who *sock.Caller, cmd uint32, arg []byte) error {
	v := 0
	switch cmd {
	case uapi.SIOCINQ:
		if s.State() == uapi.TCP_LISTEN {
			return errno.EINVAL
		}
		v = s.readable()
	case uapi.SIOCOUTQ, uapi.SIOCOUTQNSD:
		if s.State() == uapi.TCP_LISTEN {
			return errno.EINVAL
		}
		if v = int(s.txBytes.Load()); cmd == uapi.SIOCOUTQNSD {
			v = int(s.unsent.Load())
		}
	case uapi.SIOCATMARK:
		s.Lock()
		if seq, ok := s.conn.UrgentSeq(); ok && seq == s.conn.Copied() {
			v = 1
		}
		s.Unlock()
	default:
		if done, err := s.SocketIoctl(cmd, arg); done {
			return err
		}
		return s.NetIoctl(who, cmd, arg)
	}
	_, err := sock.PutInt(arg, v)
	return err
}

var (
	_ sock.Socket = (*Sock)(nil)
	_ tcb.Env     = (*env)(nil)
)
