package uapi

// Generic netlink family of linux/tcp_metrics.h.
const (
	TCP_METRICS_GENL_NAME    = "tcp_metrics"
	TCP_METRICS_GENL_VERSION = 0x1
)

// Metrics, as the attributes inside TCP_METRICS_ATTR_VALS: each is its number
// plus one.
const (
	TCP_METRIC_RTT = iota // milliseconds, 8 times
	TCP_METRIC_RTTVAR
	TCP_METRIC_SSTHRESH
	TCP_METRIC_CWND
	TCP_METRIC_REORDERING
	TCP_METRIC_RTT_US    // 8 times
	TCP_METRIC_RTTVAR_US // 4 times
)

// Attributes of the family tcp_metrics.
const (
	TCP_METRICS_ATTR_ADDR_IPV4         = 1
	TCP_METRICS_ATTR_ADDR_IPV6         = 2
	TCP_METRICS_ATTR_AGE               = 3 // milliseconds
	TCP_METRICS_ATTR_TW_TSVAL          = 4
	TCP_METRICS_ATTR_TW_TS_STAMP       = 5
	TCP_METRICS_ATTR_VALS              = 6
	TCP_METRICS_ATTR_FOPEN_MSS         = 7
	TCP_METRICS_ATTR_FOPEN_SYN_DROPS   = 8
	TCP_METRICS_ATTR_FOPEN_SYN_DROP_TS = 9
	TCP_METRICS_ATTR_FOPEN_COOKIE      = 10
	TCP_METRICS_ATTR_SADDR_IPV4        = 11
	TCP_METRICS_ATTR_SADDR_IPV6        = 12
	TCP_METRICS_ATTR_PAD               = 13
	TCP_METRICS_ATTR_MAX               = 13
)

// Commands of the family tcp_metrics.
const (
	TCP_METRICS_CMD_GET = 1
	TCP_METRICS_CMD_DEL = 2
)
