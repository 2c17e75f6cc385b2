package tcp

import (
	"linen/kern"
	"linen/net/sock"
	"linen/uapi"
)

// setTimer keeps the socket's timer at or before the time that the machine
// asks for: early is fine, it looks again.
func (s *Sock) setTimer() {
	next := s.conn.Next()
	switch {
	case next == 0:
		if s.armed != 0 && s.conn.State == uapi.TCP_CLOSE {
			s.timer.Stop()
			s.armed = 0
		}
	case s.armed == 0 || next < s.armed:
		s.armed = next
		s.timer.Set(next)
	}
}

// sockTimer is a Sock as the Handler of its timer.
type sockTimer Sock

// Fire implements kern.Handler.
func (t *sockTimer) Fire(c *kern.CPU) { (*Sock)(t).fire(c) }

func (s *Sock) fire(c *kern.CPU) {
	if s.BHLock() {
		s.runTimer(c)
	} else {
		s.deferred.Or(deferTimer)
	}
	s.BHUnlock()
}

func (s *Sock) runTimer(c *kern.CPU) {
	s.armed = 0
	if s.over || s.State() == uapi.TCP_LISTEN {
		return
	}
	s.begin(c)
	s.conn.Timer(c.Now())
	s.finish(c)
}

// needRelease and release run what was left while the socket had an owner
// (tcp_release_cb).
func needRelease(b *sock.Sock) bool { return b.Self().(*Sock).deferred.Load()&deferAll != 0 }

func release(c *kern.CPU, b *sock.Sock) {
	s := b.Self().(*Sock)
	what := s.deferred.And(^uint32(deferAll))
	if what&deferTimer != 0 {
		s.runTimer(c)
	}
	if what&deferMTU != 0 && !s.over && s.State() != uapi.TCP_CLOSE {
		s.mtuReduced(c)
	}
	if what&deferSend != 0 {
		s.goOn(c)
	}
	if what&deferAck != 0 && !s.over && s.State() != uapi.TCP_CLOSE {
		s.begin(c)
		s.conn.SendDeferred(c.Now())
		s.finish(c)
	}
}
