package sock

// Inherit copies what the socket of an accepted connection has from its
// listener (sk_clone_lock): options, marks, buffers, the filter. The priority
// begins at 0 again.
func (s *Sock) Inherit(from *Sock) {
	const mine = 1<<FlagDead | 1<<FlagListening
	s.flags.Store(from.flags.Load() &^ mine)
	s.UID = from.UID
	s.Mark.Store(from.Mark.Load())
	s.BoundDev.Store(from.BoundDev.Load())
	s.PacingRate.Store(from.PacingRate.Load())
	s.TSFlags.Store(from.TSFlags.Load())
	s.rcvbuf.Store(from.rcvbuf.Load())
	s.sndbuf.Store(from.sndbuf.Load())
	s.rcvlowat.Store(from.rcvlowat.Load())
	s.txrehash = from.txrehash
	if f := from.rare.Load(); f != nil {
		r := s.extra()
		r.rcvTimeo.Store(f.rcvTimeo.Load())
		r.sndTimeo.Store(f.sndTimeo.Load())
		r.opts = f.opts
	}
	s.filter.Store(from.filter.Load())
}
