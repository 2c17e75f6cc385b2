package inet

// Inherit copies the options of a listener to the socket of a connection that
// it accepted (inet_csk_clone_lock).
func (s *Sock) Inherit(from *Sock) {
	s.Sock.Inherit(&from.Sock)
	s.flags.Store(from.flags.Load())
	s.tos.Store(from.tos.Load())
	s.ttl.Store(from.ttl.Load())
	s.pmtudisc.Store(from.pmtudisc.Load())
	if f := from.rare.Load(); f != nil {
		r := s.extra()
		r.mcTTL.Store(f.mcTTL.Load())
		r.mcIndex.Store(f.mcIndex.Load())
		r.mcAddr.Store(f.mcAddr.Load())
		r.ucIndex.Store(f.ucIndex.Load())
		r.minTTL.Store(f.minTTL.Load())
		r.ports.Store(f.ports.Load())
	}
}
