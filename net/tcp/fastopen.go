package tcp

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/lib/ktime"
	"linen/lib/siphash"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
	"linen/uapi/errno"
)

// Bits of net.ipv4.tcp_fastopen (ip-sysctl).
const (
	fastClient         = 1
	fastServer         = 2
	fastClientNoCookie = 4
	fastServerNoCookie = 0x200
	fastListeners      = 0x400 // every listener, with its backlog
)

const (
	maxSynOptions = 40      // TCP options of a SYN with data (MAX_TCP_OPTION_SPACE)
	maxSynData    = 32768   // of one SYN, as 6.18 takes from one page fragment
	fastRstTime   = 60e9    // how long a reset child counts (RFC 7413 §5.1), ns
	maxFastPeers  = 1 << 12 // peers whose cookies are kept
)

// fastOpts are the Fast Open options of a socket.
type fastOpts struct {
	connect  bool      // TCP_FASTOPEN_CONNECT
	noCookie bool      // TCP_FASTOPEN_NO_COOKIE
	keys     *fastKeys // TCP_FASTOPEN_KEY, nil: the namespace's
	deferred bool      // connect was called, the SYN waits for data
	unlearnt bool      // what the SYN-ACK says is not in the cache yet
	from     *Sock     // the listener that counts this child, until its handshake is over
}

// fastQueue is a listener's count of children whose handshake is not over.
type fastQueue struct {
	max     int // TCP_FASTOPEN
	pending atomic.Int32
	mu      sync.Mutex
	rst     []ktime.T // until when children that were reset count
}

// admit reports whether one more child is allowed (tcp_fastopen_queue_check).
func (q *fastQueue) admit(now ktime.T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.rst) > 0 && q.rst[0] <= now {
		q.rst = q.rst[1:]
	}
	return int(q.pending.Load())+len(q.rst) < q.max
}

// left takes a child off, whose handshake ended at now or which was reset.
func (q *fastQueue) left(now ktime.T, reset bool) {
	q.pending.Add(-1)
	if reset {
		q.mu.Lock()
		q.rst = append(q.rst, now+ktime.T(fastRstTime))
		q.mu.Unlock()
	}
}

// A fastPeer is what is known of a server (struct tcp_fastopen_metrics).
type fastPeer struct {
	mss    int
	cookie [16]byte
	n      int  // bytes of cookie
	exp    bool // it came in the experimental form
	tryExp int  // 1: ask in the experimental form next, 2: that failed as well
}

// fastCache is the cookies of servers, by both addresses.
type fastCache struct {
	mu    sync.Mutex
	peers map[[2]uint32]fastPeer
}

func (f *fastCache) get(saddr, daddr uint32) fastPeer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peers[[2]uint32{saddr, daddr}]
}

// forget drops what is known of servers: of daddr alone, from one source or, with
// saddr 0, from any; of all with both 0.
func (f *fastCache) forget(saddr, daddr uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range f.peers {
		if (daddr == 0 || k[1] == daddr) && (saddr == 0 || k[0] == saddr) {
			delete(f.peers, k)
		}
	}
}

// learn keeps what a SYN-ACK said (tcp_fastopen_cache_set). Another server is
// forgotten when there are too many.
func (f *fastCache) learn(saddr, daddr uint32, r *tcb.FastOpen) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.peers == nil {
		f.peers = make(map[[2]uint32]fastPeer)
	}
	at := [2]uint32{saddr, daddr}
	p, known := f.peers[at]
	if !known && len(f.peers) >= maxFastPeers {
		for other := range f.peers {
			delete(f.peers, other)
			break
		}
	}
	p.mss = r.MSS
	switch {
	case len(r.Got) > 0:
		p.n = copy(p.cookie[:], r.Got)
		p.exp, p.tryExp = r.GotExp, 0
	case r.Ask && len(r.Cookie) == 0 && p.n == 0:
		try := 1
		if r.Exp {
			try = 2
		}
		p.tryExp = max(p.tryExp, try)
	}
	f.peers[at] = p
}

// fastCookie says what the SYN to this peer may carry; ready: data
// (tcp_fastopen_cookie_check). rt is the way there, or nil.
func (s *Sock) fastCookie(rt *ipv4.Route) (f *tcb.FastOpen, p fastPeer, ready bool) {
	st := s.st
	p = st.fastPeers.get(s.Saddr.Load(), s.Daddr.Load())
	switch {
	case s.fast.noCookie, st.sys.fastopen.Load()&fastClientNoCookie != 0, routeNoCookie(rt):
		return &tcb.FastOpen{}, p, true
	case p.n > 0:
		return &tcb.FastOpen{Ask: true, Exp: p.exp, Cookie: p.cookie[:p.n]}, p, true
	}
	return &tcb.FastOpen{Ask: true, Exp: p.tryExp == 1}, p, false
}

// fastSend is sendmsg with MSG_FASTOPEN, or the first one after a connect that
// was put off: the SYN takes data along. It returns how many bytes were taken,
// EINPROGRESS for none (tcp_sendmsg_fastopen).
func (s *Sock) fastSend(name, data []byte) (int, error) {
	if s.st.sys.fastopen.Load()&fastClient == 0 || len(name) >= 2 && binary.NativeEndian.Uint16(name) == uapi.AF_UNSPEC {
		return 0, errno.EOPNOTSUPP
	}
	s.fastData = data
	defer func() { s.fastData = nil }()
	if s.fast.deferred {
		if err := s.sendDeferred(); err != nil {
			return 0, err
		}
		return s.fastTaken()
	}
	switch s.State() {
	case uapi.TCP_CLOSE:
	case uapi.TCP_SYN_SENT, uapi.TCP_SYN_RECV:
		return 0, errno.EALREADY
	default:
		return 0, errno.EISCONN
	}
	if len(name) == 0 {
		return 0, errno.EINVAL
	}
	if s.syn { // the last attempt failed
		s.syn = false
		s.reopen()
		if err := s.TakeError(); err != nil {
			return 0, err
		}
	}
	if err := s.open(name, true); err != errno.EINPROGRESS {
		return 0, err
	}
	s.connected = true
	return s.fastTaken()
}

// fastTaken is what fastSend answers once the SYN is out.
func (s *Sock) fastTaken() (int, error) {
	if f := s.conn.Fast(); f != nil && f.Data > 0 {
		return f.Data, nil
	}
	if len(s.fastData) == 0 && s.State() == uapi.TCP_ESTABLISHED {
		return 0, nil
	}
	return 0, errno.EINPROGRESS
}

// prepareFast decides what the SYN takes along (tcp_send_syn_data).
func (s *Sock) prepareFast(path tcb.Path, rt *ipv4.Route) *tcb.FastOpen {
	f, p, ready := s.fastCookie(rt)
	s.fast.unlearnt = true
	if !ready {
		return f
	}
	room := path.MSS
	if p.mss > 0 {
		room = min(room, p.mss)
	}
	if u := s.tune.UserMSS; u > 0 {
		room = min(room, u)
	}
	n := min(len(s.fastData), max(room-maxSynOptions, 0), maxSynData)
	if n > 0 {
		s.tx.append(s.st.n.Kernel(), s.fastData[:n])
		f.Data, f.Queued = n, n
		s.txBytes.Store(int64(n))
	}
	return f
}

// deferConnect is connect with TCP_FASTOPEN_CONNECT when there is a cookie:
// nothing is sent before the first data (tcp_fastopen_defer_connect).
func (s *Sock) deferConnect() bool {
	if !s.fast.connect {
		return false
	}
	if _, _, ready := s.fastCookie(s.CachedRoute(s.st.n.Kernel().Now())); !ready {
		return false
	}
	s.fast.deferred = true
	s.SetState(uapi.TCP_SYN_SENT)
	return true
}

// sendDeferred sends the SYN that deferConnect held back.
func (s *Sock) sendDeferred() error {
	c := s.st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	rt := s.route(c)
	if rt == nil {
		return errno.EHOSTUNREACH // still put off
	}
	s.fast.deferred = false
	s.sendSyn(c, rt, true)
	return nil
}

// fastDone keeps what the handshake of the side that opened brought.
func (s *Sock) fastDone() {
	s.fast.unlearnt = false
	if f := s.conn.Fast(); f != nil && f.MSS > 0 {
		s.st.fastPeers.learn(s.Saddr.Load(), s.Daddr.Load(), f)
		s.metricsEntry()
	}
}

// tryFast looks at the Fast Open option of a SYN: with a valid cookie the
// connection is made at once and its data are delivered. Else the request may
// have a cookie to hand out (tcp_try_fastopen).
func (s *Sock) tryFast(c *kern.CPU, b *skb.Buff, g *tcb.Segment, r *request) (made bool) {
	st, o := s.st, &g.Opt
	if o.HasFast && len(o.Fast) == 0 {
		st.mib.Inc(c, mib.TCPExtTCPFastOpenCookieReqd)
	}
	mode := st.sys.fastopen.Load()
	if mode&fastServer == 0 || !o.HasFast && g.Len == 0 || s.listen().fast.max == 0 {
		return false
	}
	if !s.listen().fast.admit(c.Now()) {
		st.mib.Inc(c, mib.TCPExtTCPFastOpenListenOverflow)
		return false
	}
	keys := s.keys()
	if keys == nil {
		return false
	}
	match := 0
	switch {
	case g.Len > 0 && (mode&fastServerNoCookie != 0 || routeNoCookie(r.rt)):
		match = 1
	case !o.HasFast:
		return false
	case len(o.Fast) > 0:
		if match = keys.check(r.from, o.Fast); match == 0 {
			st.mib.Inc(c, mib.TCPExtTCPFastOpenPassiveFail)
		}
	}
	if match != 1 && o.HasFast {
		r.cookie, r.cookieExp = keys.cookie(0, r.from), o.FastExp
	}
	if match == 0 {
		return false
	}
	st.mib.Inc(c, mib.TCPExtTCPFastOpenPassive)
	if match == 2 {
		st.mib.Inc(c, mib.TCPExtTCPFastOpenPassiveAltKey)
	}
	s.fastBirth(c, b, g, r)
	return true
}

// fastBirth makes the connection of a SYN with a valid cookie and takes b.
func (s *Sock) fastBirth(c *kern.CPU, b *skb.Buff, g *tcb.Segment, r *request) {
	st := s.st
	a := s.fastChild(c, r)
	a.Opened(b.Iif, b.Network()[8], b.Network()[1])
	hlen := int(b.Data()[12]>>4) * 4
	b.SetTransportHeader(0)
	b.Pull(hlen)
	a.env.measure(b, g.Len)
	a.begin(c)
	if !a.conn.AcceptFast(c.Now(), &r.q, g, r.cookie, r.cookieExp) {
		b.Consume(c)
	}
	a.finish(c)
	a.BHUnlock()
	st.mib.Inc(c, mib.TCPPassiveOpens)
	s.listen().queue = append(s.listen().queue, a)
	s.listen().ready.Add(1)
	s.Notify(c, uapi.POLLIN|uapi.POLLRDNORM)
}

// fastChild makes the socket and enters it; it is returned under its BHLock.
func (s *Sock) fastChild(c *kern.CPU, r *request) *Sock {
	st := s.st
	a := s.child(r.from)
	a.synHeaders = r.syn
	r.passOn(a)
	a.IPID.Store(c.Uint32())
	a.CacheRoute(r.rt)
	a.tx.start(r.q.ISS + 1)
	a.fast.from = s
	s.listen().fast.pending.Add(1)
	a.BHLock() // it is nobody's yet
	st.bind.Lock()
	a.bind = a.bindingOf(r.from.dport)
	st.ports.Insert(&a.bind.entry, uint32(r.from.dport), &a.bind)
	a.enter()
	st.bind.Unlock()
	return a
}

// fastChanged is the part of a state change that concerns Fast Open.
func (s *Sock) fastChanged(now ktime.T, old, state uint8) {
	if s.fast.unlearnt && old == uapi.TCP_SYN_SENT && state != uapi.TCP_CLOSE {
		s.fastDone()
	}
	if l := s.fast.from; l != nil && old == uapi.TCP_SYN_RECV {
		l.listen().fast.left(now, state == uapi.TCP_CLOSE)
		s.fast.from = nil
	}
}

// fastAnyListener gives a fresh listener a queue when the namespace says so for
// all of them (inet_listen).
func (s *Sock) fastAnyListener() {
	mode := s.st.sys.fastopen.Load()
	if mode&fastListeners != 0 && mode&fastServer != 0 && s.listen().fast.max == 0 {
		s.listen().fast.max = s.listen().backlog
		s.st.initFastKeys()
	}
}

// fastKeys are the secrets of cookies: the present one, and maybe the one
// before it.
type fastKeys struct {
	raw  [32]byte
	n    int // 16 or 32
	keys [2]siphash.Key
}

func newFastKeys(raw []byte) *fastKeys {
	k := new(fastKeys)
	k.n = copy(k.raw[:], raw)
	for i := range k.n / 16 {
		k.keys[i] = siphash.KeyFrom([16]byte(k.raw[16*i:]))
	}
	return k
}

// cookie makes the cookie of a client: 8 bytes, a hash of both addresses.
func (k *fastKeys) cookie(i int, e ends) []byte {
	var p [8]byte
	binary.BigEndian.PutUint32(p[:], e.saddr)
	binary.BigEndian.PutUint32(p[4:], e.daddr)
	return binary.LittleEndian.AppendUint64(nil, siphash.Sum24(k.keys[i], p[:]))
}

// check says which key made a cookie: 1, 2, or 0 for none.
func (k *fastKeys) check(e ends, cookie []byte) int {
	for i := range k.n / 16 {
		if string(k.cookie(i, e)) == string(cookie) {
			return i + 1
		}
	}
	return 0
}

// keys are the listener's own, or the namespace's.
func (s *Sock) keys() *fastKeys {
	if s.fast.keys != nil {
		return s.fast.keys
	}
	return s.st.fastKeys.Load()
}

// initFastKeys draws a key when there is none (tcp_fastopen_init_key_once).
func (st *State) initFastKeys() {
	if st.fastKeys.Load() != nil {
		return
	}
	var raw [16]byte
	k := st.n.Kernel()
	binary.LittleEndian.PutUint64(raw[:], k.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], k.Uint64())
	st.fastKeys.CompareAndSwap(nil, newFastKeys(raw[:]))
}
