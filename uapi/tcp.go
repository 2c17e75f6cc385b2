package uapi

// Options at level SOL_TCP. Source: linux/tcp.h.
const (
	TCP_NODELAY                              = 1
	TCP_MAXSEG                               = 2
	TCP_CORK                                 = 3
	TCP_KEEPIDLE                             = 4
	TCP_KEEPINTVL                            = 5
	TCP_KEEPCNT                              = 6
	TCP_SYNCNT                               = 7
	TCP_LINGER2                              = 8
	TCP_DEFER_ACCEPT                         = 9
	TCP_WINDOW_CLAMP                         = 10
	TCP_INFO                                 = 11
	TCP_QUICKACK                             = 12
	TCP_CONGESTION                           = 13
	TCP_MD5SIG                               = 14
	TCP_THIN_LINEAR_TIMEOUTS                 = 16
	TCP_THIN_DUPACK                          = 17
	TCP_USER_TIMEOUT                         = 18
	TCP_REPAIR                               = 19
	TCP_QUEUE_SEQ                            = 21
	TCP_FASTOPEN                             = 23
	TCP_TIMESTAMP                            = 24
	TCP_NOTSENT_LOWAT                        = 25
	TCP_CC_INFO                              = 26
	TCP_SAVE_SYN                             = 27
	TCP_SAVED_SYN                            = 28
	TCP_FASTOPEN_CONNECT                     = 30
	TCP_ULP                                  = 31
	TCP_MD5SIG_EXT                           = 32
	TCP_FASTOPEN_KEY                         = 33
	TCP_FASTOPEN_NO_COOKIE                   = 34
	TCP_ZEROCOPY_RECEIVE                     = 35
	TCP_INQ                                  = 36
	TCP_TX_DELAY                             = 37
	TCP_RECEIVE_ZEROCOPY_FLAG_TLB_CLEAN_HINT = 0x1
)

// struct tcp_info.tcpi_options. Source: linux/tcp.h.
const (
	TCPI_OPT_TIMESTAMPS = 1
	TCPI_OPT_SACK       = 2
	TCPI_OPT_WSCALE     = 4
	TCPI_OPT_ECN        = 8
	TCPI_OPT_ECN_SEEN   = 16
	TCPI_OPT_SYN_DATA   = 32
)

// Sizes of a segment in bytes. Source: linux/tcp.h.
const (
	TCP_MSS_DEFAULT = 536
	TCP_MSS_DESIRED = 1220
)
