package inet

// Inherit copies the options of a listener to the socket of a connection that
// it accepted (inet_csk_clone_lock).
func (s *Sock) Inherit(from *Sock) {
	s.Sock.Inherit(&from.Sock)
	s.flags.Store(from.flags.Load())
	s.tos.Store(from.tos.Load())
	s.ttl.Store(from.ttl.Load())
	s.mcTTL.Store(from.mcTTL.Load())
	s.mcIndex.Store(from.mcIndex.Load())
	s.mcAddr.Store(from.mcAddr.Load())
	s.ucIndex.Store(from.ucIndex.Load())
	s.pmtudisc.Store(from.pmtudisc.Load())
	s.minTTL.Store(from.minTTL.Load())
	s.ports.Store(from.ports.Load())
}
