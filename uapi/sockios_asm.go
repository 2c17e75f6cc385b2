package uapi

// Socket ioctls that came from BSD. Source: asm-generic/sockios.h.
const (
	FIOSETOWN        = 0x8901
	SIOCSPGRP        = 0x8902
	FIOGETOWN        = 0x8903
	SIOCGPGRP        = 0x8904
	SIOCATMARK       = 0x8905
	SIOCGSTAMP_OLD   = 0x8906
	SIOCGSTAMPNS_OLD = 0x8907
)
