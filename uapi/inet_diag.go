package uapi

// Message types from before sock_diag. Source: linux/inet_diag.h.
const (
	TCPDIAG_GETSOCK       = 18
	DCCPDIAG_GETSOCK      = 19
	INET_DIAG_GETSOCK_MAX = 24
)

// Attributes of an inet_diag request. Source: linux/inet_diag.h.
const (
	INET_DIAG_REQ_NONE            = 0
	INET_DIAG_REQ_BYTECODE        = 1
	INET_DIAG_REQ_SK_BPF_STORAGES = 2
	INET_DIAG_REQ_PROTOCOL        = 3
)

// Operations of INET_DIAG_REQ_BYTECODE. Source: linux/inet_diag.h.
const (
	INET_DIAG_BC_NOP         = 0
	INET_DIAG_BC_JMP         = 1
	INET_DIAG_BC_S_GE        = 2
	INET_DIAG_BC_S_LE        = 3
	INET_DIAG_BC_D_GE        = 4
	INET_DIAG_BC_D_LE        = 5
	INET_DIAG_BC_AUTO        = 6
	INET_DIAG_BC_S_COND      = 7
	INET_DIAG_BC_D_COND      = 8
	INET_DIAG_BC_DEV_COND    = 9
	INET_DIAG_BC_MARK_COND   = 10
	INET_DIAG_BC_S_EQ        = 11
	INET_DIAG_BC_D_EQ        = 12
	INET_DIAG_BC_CGROUP_COND = 13
)

// Attributes of an inet_diag answer; 1 to 8 are asked for by bit n-1 of
// idiag_ext. Source: linux/inet_diag.h.
const (
	INET_DIAG_NONE            = 0
	INET_DIAG_MEMINFO         = 1
	INET_DIAG_INFO            = 2
	INET_DIAG_VEGASINFO       = 3
	INET_DIAG_CONG            = 4
	INET_DIAG_TOS             = 5
	INET_DIAG_TCLASS          = 6
	INET_DIAG_SKMEMINFO       = 7
	INET_DIAG_SHUTDOWN        = 8
	INET_DIAG_DCTCPINFO       = 9
	INET_DIAG_PROTOCOL        = 10
	INET_DIAG_SKV6ONLY        = 11
	INET_DIAG_LOCALS          = 12
	INET_DIAG_PEERS           = 13
	INET_DIAG_PAD             = 14
	INET_DIAG_MARK            = 15
	INET_DIAG_BBRINFO         = 16
	INET_DIAG_CLASS_ID        = 17
	INET_DIAG_MD5SIG          = 18
	INET_DIAG_ULP_INFO        = 19
	INET_DIAG_SK_BPF_STORAGES = 20
	INET_DIAG_CGROUP_ID       = 21
	INET_DIAG_SOCKOPT         = 22
)
