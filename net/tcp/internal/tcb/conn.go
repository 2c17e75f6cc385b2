package tcb

import (
	"time"

	"linen/lib/ktime"
	"linen/uapi"
	"linen/uapi/errno"
)

// An Env is whom a Conn works for.
type Env interface {
	// Emit sends a segment.
	Emit(o Out)
	// Deliver gives back a payload whose n bytes from skip on are the next of
	// the stream; the handle is the caller's again.
	Deliver(p any, skip, n int)
	// Keep tells that a payload was taken, to be delivered or discarded later.
	Keep(p any)
	// Room reports whether memory allows to take a payload.
	Room(p any) bool
	// Collapse makes room among what was delivered and not read.
	Collapse()
	// Pressure reports that memory is short in the whole namespace.
	Pressure() bool
	// Discard gives back a payload that was kept and is of no more use.
	Discard(p any, r Reason)
	// Space returns the bytes of window that the receive buffer has free, and
	// has in all.
	Space() (free, full int)
	// Count adds n to a counter.
	Count(s Stat, n int)
	// Failed tells that the connection ended with an error.
	Failed(e errno.Errno)
	// Changed tells that the state changed from old.
	Changed(old uint8)
	// Urgent tells that the peer's urgent pointer moved.
	Urgent()
	// Learned tells a sign of life from the peer (dst_confirm).
	Learned()
	// MayChallenge asks whether another challenge ACK may leave (tcp_challenge_ack_limit).
	MayChallenge() bool
	// Held returns the truesize of the connection's packets in queues and devices
	// below (sk_wmem_alloc).
	Held() int
	// Throttle asks for Resume when one of these is freed, and returns whether
	// that was asked before.
	Throttle() (before bool)
	// Suspect tells that the path may be broken (dst_negative_advice).
	Suspect()
}

// Settings are what is common to the connections of a namespace; immutable.
type Settings struct {
	Timestamps, SACK, DSACK, WindowScaling bool
	ECN                                    int // tcp_ecn
	ECNFallback                            bool
	SynRetries, SynLinear, SynackRetries   int
	Retries1, Retries2, OrphanRetries      int
	FinTimeout                             time.Duration
	KeepTime, KeepIntvl                    time.Duration
	KeepProbes                             int
	RTOMin, RTOMax                         time.Duration
	Reordering, MaxReordering              int
	FRTO, SlowStartAfterIdle, TLP, RACK    bool
	RmemMax                                int
	InvalidRatelimit                       time.Duration
	MinSndMSS                              int
	// Path MTU discovery without ICMP: tcp_mtu_probing, tcp_base_mss and so on.
	MTUProbing, BaseMSS, MTUProbeFloor, MTUProbeThreshold int
	MTUProbeInterval                                      time.Duration
	PacingSS, PacingCA                                    int // tcp_pacing_*_ratio, percent
	MinTSO, TSORTTLog                                     int // tcp_min_tso_segs, tcp_tso_rtt_log
	MinRTTWindow                                          time.Duration
	CompDelay, CompSlack                                  time.Duration // tcp_comp_sack_*
	CompAcks                                              int
	StdUrg, SignedWindows, ThinLinear, ShrinkWindow       bool // tcp_stdurg, tcp_workaround_signed_windows, tcp_thin_linear_timeouts, tcp_shrink_window
	LimitOutput                                           int  // tcp_limit_output_bytes
	RetransCollapse, BacklogAckDefer                      bool // tcp_retrans_collapse, tcp_backlog_ack_defer
	Autocorking                                           bool // tcp_autocorking
	Pingpong, AppWin                                      int  // tcp_pingpong_thresh, tcp_app_win
}

// Congestion avoidance states (TCP_CA_*).
const (
	caOpen = iota
	caDisorder
	caCWR
	caRecovery
	caLoss
)

// Kinds of the retransmission timer (ICSK_TIME_*).
const (
	timerNone = iota
	timerRTO
	timerProbe
	timerTLP
	timerReorder
)

// Fixed numbers.
const (
	atoMin       = 40 * time.Millisecond  // TCP_ATO_MIN
	delackMax    = 200 * time.Millisecond // TCP_DELACK_MAX
	initialRTO   = time.Second            // RFC 6298 §2.1
	fallbackRTO  = 3 * time.Second        // a SYN was lost, and no sample: RFC 6298 §5.7
	infinite     = 0x7fffffff             // ssthresh at first
	initCwnd     = 10                     // RFC 6928
	initQuick    = 16                     // TCP_MAX_QUICKACKS
	timeoutMin   = 2 * time.Millisecond   // TCP_TIMEOUT_MIN
	defaultMSS   = 536                    // RFC 9293 §3.7.1
	timestampLen = 12
)

// A Conn is one connection.
type Conn struct {
	env Env
	set *Settings

	State   uint8 // uapi.TCP_*
	Orphan  bool  // the socket is closed
	RcvShut bool  // the reader has shut down
	Full    bool  // a writer waits for room in the send buffer
	rcvWS   uint8
	sndWS   uint8
	synWS   uint8 // that our SYN offered
	sackOK  bool
	tsOK    bool
	wsOK    bool
	ecnOK   bool
	kind    uint8 // of rtx
	ackPend uint8
	// inBacklog: the owner works off segments that came while it had the socket.
	inBacklog bool

	send  sender
	recv  receiver
	rtt   rtt
	ca    congestionState
	rec   recovery
	keep  keepalive
	stamp stamps

	pace   pacer
	comp   *compressor // nil before the first acknowledgement that waits
	seed   Seed
	chrono chrono

	rtx    ktime.T
	delack ktime.T
	keepAt ktime.T // keepalive or FIN_WAIT2
	now    ktime.T // of the current call

	fill     Counters
	troubles *Troubles // nil: none yet

	mtu     *mtuProbe // nil while tcp_mtu_probing does not search
	fast    *FastOpen // of the side that opened, or nil
	passive *FastOpen // of the side that accepted
}

// stamps is the state of the timestamp option.
type stamps struct {
	offset     uint32
	recent     uint32
	recentAt   ktime.T
	lastAckOff ktime.T // of a challenge ACK or of an ACK out of window
}

// Tunables are the options of one socket.
type Tunables struct {
	NoDelay, Cork  bool
	Keepalive      bool
	KeepIdle       time.Duration // 0: the namespace's
	KeepIntvl      time.Duration
	KeepCnt        int
	SynCnt         int
	UserTimeout    time.Duration
	Linger2        time.Duration // <0: none, 0: the namespace's
	RTOMin, RTOMax time.Duration
	DelackMax      time.Duration
	UserMSS        int
	WindowClamp    int
	ThinLinear     bool
	NotsentLowat   uint32
	Signed         bool // segments carry an MD5 signature
	RcvLowat       int
}

type keepalive struct {
	probes int
	t      *Tunables
}

// Path is what the route says.
type Path struct {
	MSS      int           // MTU - 40
	IPOpt    int           // bytes of IP options in every packet (icsk_ext_hdr_len)
	AdvMSS   int           // to announce
	GSOMax   int           // bytes of a super-segment, headers included
	InitCwnd int           // 0: 10
	InitRwnd int           // packets, 0: as the buffer
	RTOMin   time.Duration // locked in the route, 0: none
	// Window is the largest to announce; QuickAck acknowledges every segment.
	Window   int
	QuickAck bool
}

// route is what is kept of a Path.
type route struct {
	gsoMax   uint32
	rtoMin   uint32 // microseconds
	mss      uint16
	advMSS   uint16
	initCwnd uint16
	ipOpt    uint8
	quickAck bool
}

// keep returns what is needed after the connection began.
func (p *Path) keep() route {
	const most = 1<<16 - 1
	return route{
		gsoMax: uint32(p.GSOMax), rtoMin: uint32(p.RTOMin / time.Microsecond),
		mss: uint16(min(p.MSS, most)), ipOpt: uint8(p.IPOpt), advMSS: uint16(min(p.AdvMSS, most)), initCwnd: uint16(min(p.InitCwnd, most)), quickAck: p.QuickAck,
	}
}

// New returns a closed connection that works for env.
func New(env Env, set *Settings) *Conn {
	c := new(Conn)
	c.Init(env, set, new(Tunables))
	return c
}

// Init makes c a closed connection that works for env; t are the socket's
// options (see Tune).
func (c *Conn) Init(env Env, set *Settings, t *Tunables) {
	*c = Conn{env: env, set: set, State: uapi.TCP_CLOSE}
	c.keep.t = t
	c.rtt.init(c)
	c.ca.init()
	c.pace.init()
	c.rec.reordering = uint32(set.Reordering)
	c.recv.ato = 0
	c.send.mss = defaultMSS
	c.send.appLimited, c.send.limitedUsed = 1, true // until something is delivered
}

// Use replaces the settings: sysctls act on connections that are there.
func (c *Conn) Use(set *Settings) { c.set = set }

// Tune replaces the socket's options, which change no more: sockets share them.
func (c *Conn) Tune(t *Tunables) {
	c.keep.t = t
	c.rtt.bound(c)
}

// Tunables returns the socket's options.
func (c *Conn) Tunables() Tunables { return *c.keep.t }

func (c *Conn) setState(s uint8) {
	old := c.State
	c.State = s
	if old == s {
		return
	}
	if s == uapi.TCP_CLOSE && (old == uapi.TCP_ESTABLISHED || old == uapi.TCP_CLOSE_WAIT) {
		c.env.Count(StatEstabResets, 1)
	}
	c.env.Changed(old)
}

// fail ends the connection with an error.
func (c *Conn) fail(e errno.Errno) {
	c.env.Failed(e)
	c.done()
}

// done closes: no timer runs, nothing is kept.
func (c *Conn) done() {
	c.stopTimers()
	c.purgeOfo(Closed)
	if c.State == uapi.TCP_SYN_SENT || c.State == uapi.TCP_SYN_RECV {
		c.env.Count(StatAttemptFails, 1)
	}
	c.setState(uapi.TCP_CLOSE)
}

// Destroy gives everything up without a word to anybody.
func (c *Conn) Destroy() {
	c.stopTimers()
	c.purgeOfo(Closed)
	c.setState(uapi.TCP_CLOSE)
}

// Next returns when Timer is to be called, 0 for never.
func (c *Conn) Next() ktime.T {
	t := c.rtx
	if c.delack != 0 && (t == 0 || c.delack < t) {
		t = c.delack
	}
	if c.keepAt != 0 && (t == 0 || c.keepAt < t) {
		t = c.keepAt
	}
	if c.pace.timer != 0 && (t == 0 || c.pace.timer < t) {
		t = c.pace.timer
	}
	if c.comp != nil && c.comp.timer != 0 && (t == 0 || c.comp.timer < t) {
		t = c.comp.timer
	}
	return t
}

// tsNow is the timestamp clock: milliseconds.
func (c *Conn) tsNow() uint32 { return uint32(c.now/ktime.T(time.Millisecond)) + c.stamp.offset }

// synced reports a state of a synchronised connection.
func (c *Conn) synced() bool {
	return c.State != uapi.TCP_CLOSE && c.State != uapi.TCP_LISTEN && c.State != uapi.TCP_SYN_SENT
}
