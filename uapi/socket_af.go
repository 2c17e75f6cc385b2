package uapi

// Address families. Source: sys/socket.h.
const (
	AF_UNSPEC     = 0
	AF_LOCAL      = 1
	AF_UNIX       = 1
	AF_FILE       = 1
	AF_INET       = 2
	AF_AX25       = 3
	AF_IPX        = 4
	AF_APPLETALK  = 5
	AF_NETROM     = 6
	AF_BRIDGE     = 7
	AF_ATMPVC     = 8
	AF_X25        = 9
	AF_INET6      = 10
	AF_ROSE       = 11
	AF_DECnet     = 12
	AF_NETBEUI    = 13
	AF_SECURITY   = 14
	AF_KEY        = 15
	AF_NETLINK    = 16
	AF_ROUTE      = 16
	AF_PACKET     = 17
	AF_ASH        = 18
	AF_ECONET     = 19
	AF_ATMSVC     = 20
	AF_RDS        = 21
	AF_SNA        = 22
	AF_IRDA       = 23
	AF_PPPOX      = 24
	AF_WANPIPE    = 25
	AF_LLC        = 26
	AF_IB         = 27
	AF_MPLS       = 28
	AF_CAN        = 29
	AF_TIPC       = 30
	AF_BLUETOOTH  = 31
	AF_IUCV       = 32
	AF_RXRPC      = 33
	AF_ISDN       = 34
	AF_PHONET     = 35
	AF_IEEE802154 = 36
	AF_CAIF       = 37
	AF_ALG        = 38
	AF_NFC        = 39
	AF_VSOCK      = 40
	AF_KCM        = 41
	AF_QIPCRTR    = 42
	AF_SMC        = 43
	AF_XDP        = 44
	AF_MCTP       = 45
)

// Socket types, and the flags that may be or'ed in. Source: sys/socket.h.
const (
	SOCK_STREAM    = 1
	SOCK_DGRAM     = 2
	SOCK_RAW       = 3
	SOCK_RDM       = 4
	SOCK_SEQPACKET = 5
	SOCK_DCCP      = 6
	SOCK_PACKET    = 10
	SOCK_CLOEXEC   = 524288
	SOCK_NONBLOCK  = 2048
)

// Option levels. Source: sys/socket.h.
const (
	SOL_RAW       = 255
	SOL_DECNET    = 261
	SOL_X25       = 262
	SOL_PACKET    = 263
	SOL_ATM       = 264
	SOL_AAL       = 265
	SOL_IRDA      = 266
	SOL_NETBEUI   = 267
	SOL_LLC       = 268
	SOL_DCCP      = 269
	SOL_NETLINK   = 270
	SOL_TIPC      = 271
	SOL_RXRPC     = 272
	SOL_PPPOL2TP  = 273
	SOL_BLUETOOTH = 274
	SOL_PNPIPE    = 275
	SOL_RDS       = 276
	SOL_IUCV      = 277
	SOL_CAIF      = 278
	SOL_ALG       = 279
	SOL_NFC       = 280
	SOL_KCM       = 281
	SOL_TLS       = 282
	SOL_XDP       = 283
	SOL_MPTCP     = 284
	SOL_MCTP      = 285
	SOL_SMC       = 286
)

// Flags of send and recv. Source: sys/socket.h.
const (
	MSG_OOB          = 0x1
	MSG_PEEK         = 0x2
	MSG_DONTROUTE    = 0x4
	MSG_TRYHARD      = 4
	MSG_CTRUNC       = 0x8
	MSG_PROXY        = 0x10
	MSG_PROBE        = 0x10
	MSG_TRUNC        = 0x20
	MSG_DONTWAIT     = 0x40
	MSG_EOR          = 0x80
	MSG_WAITALL      = 0x100
	MSG_FIN          = 0x200
	MSG_SYN          = 0x400
	MSG_CONFIRM      = 0x800
	MSG_RST          = 0x1000
	MSG_ERRQUEUE     = 0x2000
	MSG_NOSIGNAL     = 0x4000
	MSG_MORE         = 0x8000
	MSG_WAITFORONE   = 0x10000
	MSG_BATCH        = 0x40000
	MSG_ZEROCOPY     = 0x4000000
	MSG_FASTOPEN     = 0x20000000
	MSG_CMSG_CLOEXEC = 0x40000000
)

// Control messages at level SOL_SOCKET. Source: sys/socket.h.
const (
	SCM_RIGHTS      = 0x1
	SCM_CREDENTIALS = 0x2
)

// How to shut down. Source: sys/socket.h.
const (
	SHUT_RD   = 0
	SHUT_WR   = 1
	SHUT_RDWR = 2
)

// The default backlog. Source: sys/socket.h.
const (
	SOMAXCONN = 4096
)
