package sock

import (
	"context"

	"linen/kern"
	"linen/lib/ktime"
	"linen/uapi"
	"linen/uapi/errno"
)

// Operations, as the gate of a deterministic Kernel orders them.
const (
	OpSend    = 1 + iota // Sendmsg
	OpRecv               // Recvmsg
	OpAccept             // Accept
	OpConnect            // Connect
)

// Pass goes through the gate of a deterministic Kernel (kern.Kernel.Pass): who
// blocks on s for itself calls it before the operation op and after each wait.
func (s *Sock) Pass(op uint64) {
	s.net.Kernel().Pass(kern.GateKey{Net: s.net.ID(), Object: s.id, Op: op})
}

// wait blocks until one of events is true, ctx is done or the clock reaches
// deadline (0: none).
func wait(ctx context.Context, s Socket, events Events, deadline ktime.T) error {
	if s.Poll()&(events|always) != 0 {
		return nil
	}
	k := s.Base().net.Kernel()
	w := k.Waiter()
	defer w.Free()
	s.Attach(w, events)
	defer s.Detach(w)
	for s.Poll()&(events|always) == 0 {
		if deadline != 0 && k.Now() >= deadline {
			return errno.EAGAIN
		}
		if err := w.WaitContext(ctx, deadline); err != nil {
			return err
		}
	}
	return nil
}

// recvDeadline and sendDeadline turn SO_RCVTIMEO and SO_SNDTIMEO into a time.
func (s *Sock) recvDeadline() ktime.T {
	rcv, _ := s.timeouts()
	return s.deadline(rcv)
}

func (s *Sock) sendDeadline() ktime.T {
	_, snd := s.timeouts()
	return s.deadline(snd)
}

func (s *Sock) deadline(timeo int64) ktime.T {
	if timeo == 0 {
		return 0
	}
	return s.net.Kernel().Now() + ktime.T(timeo)
}

// Recv is Recvmsg that blocks until something comes, SO_RCVTIMEO passes
// (EAGAIN) or ctx is done (its error). MSG_DONTWAIT and MSG_ERRQUEUE never
// block. A stream waits for SO_RCVLOWAT bytes, or with MSG_WAITALL until Data is
// full, unless it ends or fails; what came until then counts.
func Recv(ctx context.Context, s Socket, who *Caller, m *Msg) (int, error) {
	b := s.Base()
	b.Pass(OpRecv)
	deadline := b.recvDeadline()
	const never = uapi.MSG_DONTWAIT | uapi.MSG_ERRQUEUE
	whole, got, least := m.Data, 0, b.receiveAtLeast(m)
	defer func() { m.Data = whole }()
	for {
		n, err := s.Recvmsg(who, m)
		got += max(n, 0)
		switch {
		case err == nil && n > 0 && got < least:
			m.Data = whole[got:]
			continue
		case err == nil:
			return got, nil
		case err == errno.EAGAIN && m.Flags&never == 0 && b.peeksAhead(m):
			return recvArrived(ctx, s, who, m, deadline)
		case err == errno.EAGAIN && m.Flags&never == 0:
			err = wait(ctx, s, uapi.POLLIN|uapi.POLLRDHUP, deadline)
		}
		if err != nil {
			if got > 0 {
				return got, nil
			}
			return n, err
		}
		b.Pass(OpRecv)
	}
}

// peeksAhead reports that m looks behind SO_PEEK_OFF: that something is there
// to read does not mean that it has something to look at.
func (s *Sock) peeksAhead(m *Msg) bool {
	return m.Flags&uapi.MSG_PEEK != 0 && s.peekOff.Load() > 0
}

// recvArrived is Recv that waits for arrivals instead of for POLLIN.
func recvArrived(ctx context.Context, s Socket, who *Caller, m *Msg, deadline ktime.T) (int, error) {
	b := s.Base()
	k := b.net.Kernel()
	w := k.Waiter()
	defer w.Free()
	s.Attach(w, uapi.POLLIN|uapi.POLLRDHUP)
	defer s.Detach(w)
	for {
		n, err := s.Recvmsg(who, m)
		if err != errno.EAGAIN || deadline != 0 && k.Now() >= deadline {
			return n, err
		}
		if err := w.WaitContext(ctx, deadline); err != nil {
			return 0, err
		}
		b.Pass(OpRecv)
	}
}

// receiveAtLeast is how many bytes a stream's Recv waits for
// (sock_rcvlowat).
func (s *Sock) receiveAtLeast(m *Msg) int {
	switch {
	case s.typ != uapi.SOCK_STREAM || m.Flags&(uapi.MSG_DONTWAIT|uapi.MSG_ERRQUEUE|uapi.MSG_PEEK|uapi.MSG_OOB) != 0:
		return 0
	case m.Flags&uapi.MSG_WAITALL != 0:
		return len(m.Data)
	}
	return min(s.RcvLowat(), len(m.Data))
}

// Send is Sendmsg that blocks until everything is taken, SO_SNDTIMEO passes or
// ctx is done. A stream that took a part returns the part.
func Send(ctx context.Context, s Socket, who *Caller, m *Msg) (int, error) {
	b := s.Base()
	b.Pass(OpSend)
	deadline := b.sendDeadline()
	whole, sent, flags := m.Data, 0, m.Flags
	defer func() { m.Data, m.Flags = whole, flags }()
	for {
		n, err := s.Sendmsg(who, m)
		sent += max(n, 0)
		if m.Flags&uapi.MSG_FASTOPEN != 0 && m.Flags&uapi.MSG_DONTWAIT == 0 && (n > 0 || err == errno.EINPROGRESS) {
			m.Flags &^= uapi.MSG_FASTOPEN
			if err = handshake(ctx, s, deadline); err != nil {
				return 0, err // whatever the SYN took: nobody has it
			}
			b.Pass(OpSend)
			if sent == len(whole) {
				return sent, nil
			}
			m.Data = whole[sent:]
			continue
		}
		if err == nil && sent < len(whole) && b.typ == uapi.SOCK_STREAM && m.Flags&uapi.MSG_DONTWAIT == 0 {
			m.Data = whole[sent:]
			m.Flags &^= uapi.MSG_ZEROCOPY // one call has one completion
			continue
		}
		if err == errno.EAGAIN && m.Flags&uapi.MSG_DONTWAIT == 0 {
			if err = wait(ctx, s, uapi.POLLOUT, deadline); err == nil {
				b.Pass(OpSend)
				continue
			}
		}
		if sent > 0 {
			return sent, nil
		}
		return n, err
	}
}

// handshake waits for the end of a handshake that MSG_FASTOPEN began
// (inet_wait_for_connect).
func handshake(ctx context.Context, s Socket, deadline ktime.T) error {
	if err := wait(ctx, s, uapi.POLLOUT, deadline); err != nil {
		if err == errno.EAGAIN {
			return errno.EINPROGRESS
		}
		return err
	}
	return s.Base().TakeError()
}

// Accept is Socket.Accept that blocks until a connection comes, SO_RCVTIMEO
// passes or ctx is done.
func Accept(ctx context.Context, s Socket, who *Caller) (Socket, error) {
	b := s.Base()
	b.Pass(OpAccept)
	deadline := b.recvDeadline()
	for {
		a, err := s.Accept(who)
		if err != errno.EAGAIN {
			return a, err
		}
		if err := wait(ctx, s, uapi.POLLIN, deadline); err != nil {
			return nil, err
		}
		b.Pass(OpAccept)
	}
}

// Connect is Socket.Connect that blocks until the handshake has ended.
// EINPROGRESS means that SO_SNDTIMEO passed.
func Connect(ctx context.Context, s Socket, who *Caller, sa []byte) error {
	b := s.Base()
	b.Pass(OpConnect)
	err := s.Connect(who, sa)
	if err != errno.EINPROGRESS && err != errno.EALREADY {
		return err
	}
	if werr := wait(ctx, s, uapi.POLLOUT, b.sendDeadline()); werr != nil {
		if werr == errno.EAGAIN {
			return err // as connect(2) with SO_SNDTIMEO
		}
		return werr
	}
	b.Pass(OpConnect)
	if err := b.TakeError(); err != nil {
		return err
	}
	return s.Connect(who, sa)
}
