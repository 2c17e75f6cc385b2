package uapi

// Option level of TCP. Source: netinet/tcp.h.
const (
	SOL_TCP = 6
)

// States of a TCP connection, tcpi_state and st in /proc/net. Source: netinet/tcp.h.
const (
	TCP_ESTABLISHED = 1
	TCP_SYN_SENT    = 2
	TCP_SYN_RECV    = 3
	TCP_FIN_WAIT1   = 4
	TCP_FIN_WAIT2   = 5
	TCP_TIME_WAIT   = 6
	TCP_CLOSE       = 7
	TCP_CLOSE_WAIT  = 8
	TCP_LAST_ACK    = 9
	TCP_LISTEN      = 10
	TCP_CLOSING     = 11
)

// TCP_REPAIR. Source: netinet/tcp.h.
const (
	TCP_REPAIR_QUEUE     = 20
	TCP_REPAIR_OPTIONS   = 22
	TCP_REPAIR_WINDOW    = 29
	TCP_REPAIR_ON        = 1
	TCP_REPAIR_OFF       = 0
	TCP_REPAIR_OFF_NO_WP = -1
)
