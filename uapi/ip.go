package uapi

// Entries of IFLA_INET_CONF: attribute n is entry n, counted from 1. Source: linux/ip.h.
const (
	IPV4_DEVCONF_FORWARDING                         = 1
	IPV4_DEVCONF_MC_FORWARDING                      = 2
	IPV4_DEVCONF_PROXY_ARP                          = 3
	IPV4_DEVCONF_ACCEPT_REDIRECTS                   = 4
	IPV4_DEVCONF_SECURE_REDIRECTS                   = 5
	IPV4_DEVCONF_SEND_REDIRECTS                     = 6
	IPV4_DEVCONF_SHARED_MEDIA                       = 7
	IPV4_DEVCONF_RP_FILTER                          = 8
	IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE                = 9
	IPV4_DEVCONF_BOOTP_RELAY                        = 10
	IPV4_DEVCONF_LOG_MARTIANS                       = 11
	IPV4_DEVCONF_TAG                                = 12
	IPV4_DEVCONF_ARPFILTER                          = 13
	IPV4_DEVCONF_MEDIUM_ID                          = 14
	IPV4_DEVCONF_NOXFRM                             = 15
	IPV4_DEVCONF_NOPOLICY                           = 16
	IPV4_DEVCONF_FORCE_IGMP_VERSION                 = 17
	IPV4_DEVCONF_ARP_ANNOUNCE                       = 18
	IPV4_DEVCONF_ARP_IGNORE                         = 19
	IPV4_DEVCONF_PROMOTE_SECONDARIES                = 20
	IPV4_DEVCONF_ARP_ACCEPT                         = 21
	IPV4_DEVCONF_ARP_NOTIFY                         = 22
	IPV4_DEVCONF_ACCEPT_LOCAL                       = 23
	IPV4_DEVCONF_SRC_VMARK                          = 24
	IPV4_DEVCONF_PROXY_ARP_PVLAN                    = 25
	IPV4_DEVCONF_ROUTE_LOCALNET                     = 26
	IPV4_DEVCONF_IGMPV2_UNSOLICITED_REPORT_INTERVAL = 27
	IPV4_DEVCONF_IGMPV3_UNSOLICITED_REPORT_INTERVAL = 28
	IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN        = 29
	IPV4_DEVCONF_DROP_UNICAST_IN_L2_MULTICAST       = 30
	IPV4_DEVCONF_DROP_GRATUITOUS_ARP                = 31
	IPV4_DEVCONF_BC_FORWARDING                      = 32
	IPV4_DEVCONF_ARP_EVICT_NOCARRIER                = 33
)

// Type of service. Source: linux/ip.h.
const (
	IPTOS_TOS_MASK             = 0x1e
	IPTOS_LOWDELAY             = 0x10
	IPTOS_THROUGHPUT           = 0x8
	IPTOS_RELIABILITY          = 0x4
	IPTOS_MINCOST              = 0x2
	IPTOS_PREC_MASK            = 0xe0
	IPTOS_PREC_NETCONTROL      = 0xe0
	IPTOS_PREC_INTERNETCONTROL = 0xc0
	IPTOS_PREC_CRITIC_ECP      = 0xa0
	IPTOS_PREC_FLASHOVERRIDE   = 0x80
	IPTOS_PREC_FLASH           = 0x60
	IPTOS_PREC_IMMEDIATE       = 0x40
	IPTOS_PREC_PRIORITY        = 0x20
	IPTOS_PREC_ROUTINE         = 0x0
)

// Version and lives. Source: linux/ip.h.
const (
	IPVERSION = 4
	MAXTTL    = 255
	IPDEFTTL  = 64
)

// IPv4 options. Source: linux/ip.h.
const (
	IPOPT_COPY         = 0x80
	IPOPT_CLASS_MASK   = 0x60
	IPOPT_NUMBER_MASK  = 0x1f
	IPOPT_CONTROL      = 0x0
	IPOPT_RESERVED1    = 0x20
	IPOPT_MEASUREMENT  = 0x40
	IPOPT_RESERVED2    = 0x60
	IPOPT_END          = 0
	IPOPT_NOOP         = 1
	IPOPT_SEC          = 130
	IPOPT_LSRR         = 131
	IPOPT_TIMESTAMP    = 68
	IPOPT_CIPSO        = 134
	IPOPT_RR           = 7
	IPOPT_SID          = 136
	IPOPT_SSRR         = 137
	IPOPT_RA           = 148
	IPOPT_OPTVAL       = 0
	IPOPT_OLEN         = 1
	IPOPT_OFFSET       = 2
	IPOPT_MINOFF       = 4
	IPOPT_NOP          = 1
	IPOPT_EOL          = 0
	IPOPT_TS           = 68
	IPOPT_TS_TSONLY    = 0
	IPOPT_TS_TSANDADDR = 1
	IPOPT_TS_PRESPEC   = 3
)
