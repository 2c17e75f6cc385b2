package sock

import (
	"encoding/binary"

	"linen/uapi"
	"linen/uapi/errno"
)

// OnUrgent sets who sends SIGURG: f gets the owner that FIOSETOWN, SIOCSPGRP or
// SetFileOwner named, a process or a group with its sign changed. It is called
// under the socket's lock, on a CPU, and must not block; nil ends it.
func (s *Sock) OnUrgent(f func(owner int)) {
	if f == nil {
		s.extra().sigurg.Store(nil)
		return
	}
	s.extra().sigurg.Store(&f)
}

// SetFileOwner is fcntl(F_SETOWN): who hears of urgent data.
func (s *Sock) SetFileOwner(owner int) { s.extra().fown.Store(int32(owner)) }

// FileOwner is fcntl(F_GETOWN), 0 for nobody.
func (s *Sock) FileOwner() int {
	if r := s.rare.Load(); r != nil {
		return int(r.fown.Load())
	}
	return 0
}

// SignalUrgent tells the owner, if there is one, of urgent data (sk_send_sigurg).
// Protocols call it.
func (s *Sock) SignalUrgent() {
	r := s.rare.Load()
	if r == nil {
		return
	}
	if f, who := r.sigurg.Load(), r.fown.Load(); f != nil && who != 0 {
		(*f)(int(who))
	}
}

// ownerIoctl does FIOSETOWN, SIOCSPGRP, FIOGETOWN and SIOCGPGRP. Whether the
// process is there is for the caller to know.
func (s *Sock) ownerIoctl(cmd uint32, arg []byte) error {
	if cmd == uapi.FIOGETOWN || cmd == uapi.SIOCGPGRP {
		_, err := PutInt(arg, s.FileOwner())
		return err
	}
	if len(arg) < 4 {
		return errno.EFAULT
	}
	s.extra().fown.Store(int32(binary.NativeEndian.Uint32(arg)))
	return nil
}
