package uapi

// sock_extended_err.ee_origin and codes. Source: linux/errqueue.h.
const (
	SO_EE_ORIGIN_NONE               = 0
	SO_EE_ORIGIN_LOCAL              = 1
	SO_EE_ORIGIN_ICMP               = 2
	SO_EE_ORIGIN_ICMP6              = 3
	SO_EE_ORIGIN_TXSTATUS           = 4
	SO_EE_ORIGIN_ZEROCOPY           = 5
	SO_EE_ORIGIN_TXTIME             = 6
	SO_EE_ORIGIN_TIMESTAMPING       = 4
	SO_EE_CODE_ZEROCOPY_COPIED      = 1
	SO_EE_CODE_TXTIME_INVALID_PARAM = 1
	SO_EE_CODE_TXTIME_MISSED        = 2
	SO_EE_RFC4884_FLAG_INVALID      = 1
)

// ee_info of a timestamp report. Source: linux/errqueue.h.
const (
	SCM_TSTAMP_SND   = 0
	SCM_TSTAMP_SCHED = 1
	SCM_TSTAMP_ACK   = 2
)
