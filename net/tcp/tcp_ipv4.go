package tcp

import (
	"linen/kern"
	"linen/lib/csum"
	"linen/net/inet"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
	"linen/wire"
)

// ends are a packet's addresses: s is the sender.
type ends struct {
	saddr, daddr uint32
	sport, dport uint16
	dif          int32
	sdif         int32 // the port of a VRF that it came in by, or 0
}

// onDevice reports whether a socket bound to dev, 0: to none, takes the packet
// (inet_sk_bound_dev_eq): what came in by a VRF is for sockets bound to that or
// to its port, and for others only with tcp_l3mdev_accept.
func (st *State) onDevice(dev int32, e *ends) bool {
	if dev == 0 {
		return e.sdif == 0 || st.sys.l3mdev.Bool()
	}
	return dev == e.dif || e.sdif != 0 && dev == e.sdif
}

// endsOf reads them; b is at the TCP header, which is linear.
func endsOf(b *skb.Buff) (e ends, h *wire.TCPHdr) {
	ip, _ := wire.AsIPv4(b.Network())
	h, _ = wire.AsTCP(b.Data())
	return ends{ip.Saddr(), ip.Daddr(), h.Source(), h.Dest(), b.Iif, b.IP.Sdif}, h
}

// receive takes a packet that IP delivers, at its TCP header (tcp_v4_rcv).
func (st *State) receive(c *kern.CPU, b *skb.Buff) {
	if b.PktType != skb.PacketHost {
		b.Drop(c, st.n, skb.ReasonNotSpecified)
		return
	}
	st.mib.Inc(c, mib.TCPInSegs)
	if !b.MayPull(wire.TCPHdrLen) {
		b.Drop(c, st.n, skb.ReasonHdrTrunc)
		return
	}
	h, _ := wire.AsTCP(b.Data())
	hlen := h.DataOff()
	if hlen < wire.TCPHdrLen {
		st.bad(c, b, skb.ReasonPKTTooSmall)
		return
	}
	if !b.MayPull(hlen) {
		b.Drop(c, st.n, skb.ReasonHdrTrunc)
		return
	}
	e, _ := endsOf(b)
	if b.CsumState != skb.CsumPartial && b.CsumState != skb.CsumUnnecessary {
		if csum.Fold(b.Checksum(0, b.Len(), csum.Pseudo4(e.saddr, e.daddr, uapi.IPPROTO_TCP, b.Len()))) != 0 {
			st.mib.Inc(c, mib.TCPInCsumErrors)
			st.bad(c, b, skb.ReasonTCPCsum)
			return
		}
		b.CsumState = skb.CsumUnnecessary
	}
	st.demux(c, b, e)
}

func (st *State) bad(c *kern.CPU, b *skb.Buff, r skb.Reason) {
	st.mib.Inc(c, mib.TCPInErrs)
	b.Drop(c, st.n, r)
}

// demux finds whose packet it is.
func (st *State) demux(c *kern.CPU, b *skb.Buff, e ends) {
	if s := st.found(b, &e); s != nil {
		s.softirq(c, b)
		return
	}
	v := st.lookup(e)
	switch {
	case v == nil:
		if l := st.lookupListener(c, e, b); l != nil {
			l.softirq(c, b)
			return
		}
		st.nobody(c, b, e)
	case v.tw != nil:
		st.timeWaitInput(c, b, v.tw, e)
	case v.req != nil:
		v.req.l.softirq(c, b)
	default:
		v.s.softirq(c, b)
	}
}

// nobody answers a packet for a closed port.
func (st *State) nobody(c *kern.CPU, b *skb.Buff, e ends) {
	st.sendReset(c, b, nil)
	b.Drop(c, st.n, skb.ReasonNoSocket)
}

// lookup finds a connection by both ends (__inet_lookup_established).
func (st *State) lookup(e ends) *node {
	for n := st.conns.First(st.inet.Hash(e.daddr, e.dport, e.saddr, e.sport)); n != nil; n = n.Next() {
		if v := n.Value; v.raddr == e.saddr && v.laddr == e.daddr && v.rport == e.sport && v.lport == e.dport && st.onDevice(v.dev, &e) {
			return v
		}
	}
	return nil
}

// lookupListener finds who listens for a packet: at its address before at all
// addresses (__inet_lookup_listener). b, at its TCP header, is for the program of
// a SO_REUSEPORT group, and may be nil.
func (st *State) lookupListener(c *kern.CPU, e ends, b *skb.Buff) *Sock {
	if s := st.listenerAt(c, &e, e.daddr, b); s != nil {
		return s
	}
	return st.listenerAt(c, &e, 0, b)
}

// listenerAt looks among those bound to addr: the best of them, or the choice of
// the first group (inet_lhash2_lookup).
func (st *State) listenerAt(c *kern.CPU, e *ends, addr uint32, b *skb.Buff) (best *Sock) {
	most := 0
	for n := st.listeners.First(uint32(e.dport)); n != nil; n = n.Next() {
		s := n.Value
		d := s.BoundDev.Load()
		if s.RcvAddr.Load() != addr || !st.onDevice(d, e) {
			continue
		}
		score := 1
		if d != 0 {
			score++
		}
		if s.IncomingCPU() == c.ID() {
			score++
		}
		if score <= most {
			continue
		}
		if g := s.Group(); g != nil && s.Has(sock.FlagReusePort) {
			if o := g.Choose(c, st.inet.Hash(e.daddr, e.dport, e.saddr, e.sport), b, headerLen(b)); o != nil {
				return o.Self().(*Sock)
			}
		}
		best, most = s, score
	}
	return best
}

// headerLen is the length of b's TCP header, 0 without a packet.
func headerLen(b *skb.Buff) int {
	if b == nil {
		return 0
	}
	h, _ := wire.AsTCP(b.Data())
	return h.DataOff()
}

// backlogLimit is the truesize that may wait for the owner: the receive buffer
// twice, since what the owner takes from the backlog counts there until all is
// taken, and in the receive queue; and room for acknowledgements of what was sent
// (tcp_add_backlog).
func (s *Sock) backlogLimit() int64 { return 2*s.RcvBuf() + s.SndBuf()/2 + 65536 }

// softirq gives b to s, or leaves it for the owner. b is at its TCP header.
func (s *Sock) softirq(c *kern.CPU, b *skb.Buff) {
	if m := s.MinTTL(); m != 0 {
		if ip, _ := wire.AsIPv4(b.Network()); ip.TTL() < m {
			s.st.mib.Inc(c, mib.TCPExtTCPMinTTLDrop)
			b.Drop(c, s.st.n, skb.ReasonTCPMinttl)
			return
		}
	}
	if !s.authentic(c, b) {
		return
	}
	if s.Filter() != nil {
		keep, ok := s.RunFilter(c, b, wire.TCPHdrLen)
		if !ok {
			b.Drop(c, s.st.n, skb.ReasonSocketFilter)
			return
		}
		if h, _ := wire.AsTCP(b.Data()); keep < b.Len() {
			b.Trim(c, max(keep, h.DataOff()))
		}
	}
	if s.State() != uapi.TCP_LISTEN { // a listener's is what the program asked for
		s.Arrived(c)
	}
	free := s.BHLock()
	s.keepRoute(b)
	if free {
		s.process(c, b)
	} else if !s.AddBacklog(b, s.backlogLimit()) {
		s.BHUnlock()
		s.Dropped()
		s.st.mib.Inc(c, mib.TCPExtTCPBacklogDrop)
		b.Drop(c, s.st.n, skb.ReasonSocketBacklog)
		return
	}
	s.BHUnlock()
}

// backlog is the owner's turn at what softirqs left.
func backlog(c *kern.CPU, base *sock.Sock, b *skb.Buff) {
	s := base.Self().(*Sock)
	s.conn.Backlog(true)
	s.process(c, b)
	if s.conn.Backlog(false) {
		s.deferred.Or(deferAck)
	}
}

// process takes a segment, as owner or under BHLock (tcp_v4_do_rcv).
func (s *Sock) process(c *kern.CPU, b *skb.Buff) {
	if s.State() == uapi.TCP_LISTEN {
		s.listenInput(c, b)
		return
	}
	if s.over || s.State() == uapi.TCP_CLOSE {
		// It closed, or became TIME_WAIT, while the packet waited.
		e, _ := endsOf(b)
		switch v := s.st.lookup(e); {
		case v == nil:
		case v.tw != nil:
			s.st.timeWaitInput(c, b, v.tw, e)
			return
		case v.req != nil && v.req.l != s: // of another listener by now
			v.req.l.softirq(c, b)
			return
		}
		s.st.nobody(c, b, e)
		return
	}
	s.input(c, b)
}

// input gives a segment to the connection's machine.
func (s *Sock) input(c *kern.CPU, b *skb.Buff) {
	var g tcb.Segment
	parse(b, &g)
	hlen := int(b.Data()[12]>>4) * 4
	b.SetTransportHeader(0)
	b.Pull(hlen)
	s.env.measure(b, g.Len)
	if s.st.n.Tracing.Load() {
		skb.Trace(c, s.st.n, b, skb.Event{Point: skb.PointSocket, Verdict: "received", By: "TCP"})
	}
	s.begin(c)
	v := s.conn.Input(c.Now(), &g)
	if v.Reset {
		b.Push(hlen)
		s.st.sendReset(c, b, s)
		b.Pull(hlen)
	}
	switch {
	case v.Kept:
	case v.Why == tcb.OK:
		b.Consume(c)
	default:
		if v.Why == tcb.Reset {
			b.Consume(c)
		} else {
			b.Drop(c, s.st.n, reasonOf[v.Why])
		}
	}
	s.finish(c)
}

// parse reads the segment at b's TCP header; b stays there.
func parse(b *skb.Buff, g *tcb.Segment) {
	h, _ := wire.AsTCP(b.Data())
	hlen := h.DataOff()
	g.Seq, g.Ack, g.Flags = h.Seq(), h.AckSeq(), h.Flags()&0xff
	g.Window, g.Urg = h.Window(), h.UrgPtr()
	g.Len = b.Len() - hlen
	g.MSS = int(b.GSOSize)
	g.Opt.Parse(b.Data()[:hlen], g.Flags&tcb.Syn != 0)
	if ip, ok := wire.AsIPv4(b.Network()); ok {
		g.ECN = ip.TOS() & 3
	}
	g.Payload = b
}

// sendReset answers b, at its TCP header, with a RST (tcp_v4_send_reset; RFC
// 9293 §3.5.2). s may be nil.
func (st *State) sendReset(c *kern.CPU, b *skb.Buff, s *Sock) {
	e, h := endsOf(b)
	if h.Flags()&wire.TCPRst != 0 {
		return
	}
	if rt := ipv4.RouteOf(b); s == nil && rt != nil && rt.Type != uapi.RTN_LOCAL {
		return
	}
	n := uint32(b.Len() - h.DataOff())
	if h.Flags()&wire.TCPSyn != 0 {
		n++
	}
	if h.Flags()&wire.TCPFin != 0 {
		n++
	}
	key, ok := st.resetKey(c, b, e, s)
	if !ok {
		return
	}
	a := answer{ends: e, flags: wire.TCPRst, opts: ipv4.EchoOptions(st.n, b)}
	a.signAnswer(key)
	if h.Flags()&wire.TCPAck != 0 {
		a.seq = h.AckSeq()
	} else {
		a.flags |= wire.TCPAck
		a.ack = h.Seq() + n
	}
	st.mib.Inc(c, mib.TCPOutRsts)
	if s != nil {
		a.mark, a.tos = s.Mark.Load(), s.TOS()
	}
	st.reply(c, &a)
}

// An answer is a segment that no connection sends.
type answer struct {
	ends     // of the packet that is answered
	seq, ack uint32
	flags    uint16
	window   uint16
	tos      uint8
	mark     uint32
	opt      [40]byte
	optLen   int
	key      *md5Key // signs it; the room is in opt
	opts     *ipv4.Options
}

// reply sends an answer (ip_send_unicast_reply).
func (st *State) reply(c *kern.CPU, a *answer) {
	f := ipv4.Flow{
		Saddr: a.daddr, Daddr: a.saddr, Proto: uapi.IPPROTO_TCP, SPort: a.dport, DPort: a.sport, Mark: a.mark, TOS: a.tos,
		Flags: ipv4.FlowAnySrc,
	}
	if a.opts != nil && a.opts.FirstHop != 0 {
		f.Daddr = a.opts.FirstHop
	}
	if a.sdif != 0 {
		f.OIF = int(a.dif) // the VRF's table has the way back
	}
	rt, err := st.inet.IP.RouteOutput(c, st.n, &f)
	if err != nil {
		return
	}
	st.replyBy(c, a, rt)
}

func (st *State) replyBy(c *kern.CPU, a *answer, rt *ipv4.Route) {
	b := skb.Alloc(c, emitRoom)
	hlen := wire.TCPHdrLen + a.optLen
	h := (*wire.TCPHdr)(b.Put(hlen))
	copy(b.Data()[wire.TCPHdrLen:], a.opt[:a.optLen])
	h.SetSource(a.dport)
	h.SetDest(a.sport)
	h.SetSeq(a.seq)
	h.SetAckSeq(a.ack)
	h.SetDataOffFlags(hlen, a.flags)
	h.SetWindow(a.window)
	h.SetUrgPtr(0)
	if a.key != nil {
		st.sign(b, a.daddr, a.saddr, a.key)
	}
	h.SetCheck(csum.Fold16(csum.Pseudo4(a.daddr, a.saddr, uapi.IPPROTO_TCP, hlen)))
	b.SetPartialCsum(0, 16)
	send := ipv4.Send{
		Route: rt, Src: a.daddr, Dst: a.saddr, Proto: uapi.IPPROTO_TCP, TOS: a.tos, TTL: ipv4.DefaultTTL,
		PMTU: uapi.IP_PMTUDISC_DO, Mark: a.mark, Options: a.opts,
	}
	st.mib.Inc(c, mib.TCPOutSegs)
	send.Xmit(c, b)
}

// fail gives a connection the ICMP error about a segment of its own: b is at
// the IP header of that segment (tcp_v4_err).
func (st *State) fail(c *kern.CPU, b *skb.Buff, e inet.ICMPErr) {
	ip, ok := wire.AsIPv4(b.Data())
	if !ok || b.HeadLen() < ip.IHL()+8 {
		return
	}
	p := b.Data()[ip.IHL():]
	port := func(i int) uint16 { return uint16(p[i])<<8 | uint16(p[i+1]) }
	seq := uint32(port(4))<<16 | uint32(port(6))
	v := st.lookup(ends{saddr: ip.Daddr(), daddr: ip.Saddr(), sport: port(2), dport: port(0), dif: b.Iif, sdif: b.IP.Sdif})
	if v == nil {
		st.mib.Inc(c, mib.ICMPInErrors)
		return
	}
	if v.tw != nil {
		return
	}
	if v.req != nil {
		v.req.icmpError(c, e, seq)
		return
	}
	v.s.icmpError(c, b, e, seq)
}

// icmpError is an ICMP error about a segment with the number seq.
func (s *Sock) icmpError(c *kern.CPU, b *skb.Buff, e inet.ICMPErr, seq uint32) {
	free := s.BHLock()
	defer s.BHUnlock()
	tooBig := e.Type == wire.ICMPDestUnreach && e.Code == wire.ICMPFragNeeded
	if !free && !tooBig {
		s.st.mib.Inc(c, mib.TCPExtLockDroppedIcmps)
	}
	if s.over || s.State() == uapi.TCP_CLOSE {
		return
	}
	if free && !s.conn.InWindow(seq) { // a guess, or long past: RFC 5927 §4
		s.st.mib.Inc(c, mib.TCPExtOutOfWindowIcmps)
		return
	}
	if e.Type == wire.ICMPRedirect || tooBig {
		if f := s.Inet().IP.Learn; f != nil {
			f(c, s.st.n, b, e)
		}
		s.CacheRoute(nil)
		if tooBig && s.PMTUDisc() != uapi.IP_PMTUDISC_DONT {
			if free {
				s.mtuReduced(c)
			} else {
				s.deferred.Or(deferMTU)
			}
		}
		return
	}
	if e.Type == wire.ICMPSourceQuench {
		return
	}
	err, _ := ipv4.ICMPErrno(e.Type, e.Code)
	if !free {
		s.SetSoftError(err)
		return
	}
	s.begin(c)
	switch {
	case s.conn.ICMPError(c.Now(), err, seq, true):
	case s.ownError():
		s.SetError(c, err)
	default:
		s.SetSoftError(err)
	}
	s.finish(c)
}

// mtuReduced adapts to a path that takes less (tcp_v4_mtu_reduced).
func (s *Sock) mtuReduced(c *kern.CPU) {
	rt := s.route(c)
	if rt == nil || s.State() == uapi.TCP_LISTEN {
		return
	}
	s.begin(c)
	s.conn.SetPath(c.Now(), s.path(rt), true)
	s.finish(c)
}
