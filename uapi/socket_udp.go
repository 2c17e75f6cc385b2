package uapi

// Option level of UDP. Source: netinet/udp.h.
const (
	SOL_UDP = 17
)
