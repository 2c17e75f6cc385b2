package uapi

// SizeofLinkStats is the size of struct rtnl_link_stats in bytes.
const SizeofLinkStats = 96

// AppendStats32 appends the counters as struct rtnl_link_stats (IFLA_STATS):
// the same ones, cut to 32 bits, but for the last.
func (m *LinkStats64) AppendStats32(b []byte) []byte {
	wide := m.Append(make([]byte, 0, SizeofLinkStats64))
	b, p := grow(b, SizeofLinkStats)
	for i := 0; i < SizeofLinkStats; i += 4 {
		host.PutUint32(p[i:], uint32(host.Uint64(wide[2*i:])))
	}
	return b
}
