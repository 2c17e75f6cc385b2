package sock

// ChargeOption accounts n bytes of option memory, negative ones to give them
// back (sock_kmalloc): false, and nothing is done, when net.core.optmem_max
// would be exceeded. The caller owns s.
func (s *Sock) ChargeOption(n int64) bool {
	if n > 0 && s.optionMemory()+n > Of(s.net).Sysctl.OptmemMax.Load() {
		return false
	}
	s.extra().omem.Add(n)
	return true
}
