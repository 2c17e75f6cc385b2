package ipv4

import (
	"encoding/binary"
	"sync/atomic"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// icmpState is what ICMP holds in a namespace.
type icmpState struct {
	ignoreAll, ignoreBroadcasts, ignoreBogus, inboundAddr *sysctl.Int
	probe                                                 *sysctl.Int
	ratelimit, ratemask, perSec, burst                    *sysctl.Int

	credit atomic.Int64 // messages that the namespace may still send
	stamp  atomic.Int64 // ktime.T of the latest credit
}

// initICMP makes net/ipv4/icmp_* and registers ICMP.
func (st *state) initICMP() error {
	t, s := sysctl.Of(st.n), &st.path.icmp
	b := func(name string, def int64) *sysctl.Int {
		return t.IntIn("net/ipv4", name, sysctl.Spec{Default: def, Ranged: true, Max: 1, Unit: sysctl.Byte})
	}
	s.ignoreAll = b("icmp_echo_ignore_all", 0)
	s.probe = b("icmp_echo_enable_probe", 0)
	s.ignoreBroadcasts = b("icmp_echo_ignore_broadcasts", 1)
	s.ignoreBogus = b("icmp_ignore_bogus_error_responses", 1)
	s.inboundAddr = b("icmp_errors_use_inbound_ifaddr", 0)
	s.ratelimit = t.Int("net/ipv4/icmp_ratelimit", sysctl.Spec{Default: 1000, Ranged: true, Max: 1<<31 - 1, Unit: sysctl.Milli})
	s.ratemask = t.Int("net/ipv4/icmp_ratemask", sysctl.Spec{Default: icmpRatemask})
	s.perSec = t.Int("net/ipv4/icmp_msgs_per_sec", sysctl.Spec{Default: 1000, Ranged: true, Max: 1<<31 - 1})
	s.burst = t.Int("net/ipv4/icmp_msgs_burst", sysctl.Spec{Default: 50, Ranged: true, Max: 1<<31 - 1})
	st.path.protos[uapi.IPPROTO_ICMP].Store(&Protocol{Recv: icmpRcv, Err: icmpErr})
	return nil
}

// maxICMPType is the largest type that has a meaning here (NR_ICMP_TYPES).
const maxICMPType = 18

// countICMPIn counts a received message.
func (st *state) countICMPIn(c *kern.CPU, typ uint8) {
	st.path.mib.ICMPMsg(mib.In, typ)
	if id := icmpCounter(typ); id != noCounter {
		st.path.mib.Inc(c, mib.ICMPInDestUnreachs+id)
	}
}

// countICMPOut counts a sent message (icmp_out_count).
func (st *state) countICMPOut(c *kern.CPU, typ uint8) {
	if typ == wire.ICMPExtEchoReply {
		typ = wire.ICMPEchoReply // Linux counts it so
	}
	st.path.mib.Inc(c, mib.ICMPOutMsgs)
	st.path.mib.ICMPMsg(mib.Out, typ)
	if id := icmpCounter(typ); id != noCounter {
		st.path.mib.Inc(c, mib.ICMPOutDestUnreachs+id)
	}
}

// icmpCounter returns where a type's counter is behind the first one of its
// direction, or noCounter.
func icmpCounter(typ uint8) mib.ID {
	switch typ {
	case wire.ICMPDestUnreach:
		return 0
	case wire.ICMPTimeExceeded:
		return mib.ICMPInTimeExcds - mib.ICMPInDestUnreachs
	case wire.ICMPParamProb:
		return mib.ICMPInParmProbs - mib.ICMPInDestUnreachs
	case wire.ICMPSourceQuench:
		return mib.ICMPInSrcQuenchs - mib.ICMPInDestUnreachs
	case wire.ICMPRedirect:
		return mib.ICMPInRedirects - mib.ICMPInDestUnreachs
	case wire.ICMPEcho:
		return mib.ICMPInEchos - mib.ICMPInDestUnreachs
	case wire.ICMPEchoReply:
		return mib.ICMPInEchoReps - mib.ICMPInDestUnreachs
	case wire.ICMPTimestamp:
		return mib.ICMPInTimestamps - mib.ICMPInDestUnreachs
	case wire.ICMPTimestampRep:
		return mib.ICMPInTimestampReps - mib.ICMPInDestUnreachs
	case wire.ICMPAddress:
		return mib.ICMPInAddrMasks - mib.ICMPInDestUnreachs
	case wire.ICMPAddressReply:
		return mib.ICMPInAddrMaskReps - mib.ICMPInDestUnreachs
	}
	return noCounter
}

// icmpRcv takes an ICMP message for this host (icmp_rcv).
func icmpRcv(c *kern.CPU, b *skb.Buff) {
	rt := RouteOf(b)
	st := of(b.Dev.Net())
	m := st.path.mib
	m.Inc(c, mib.ICMPInMsgs)
	bad := func(r skb.Reason) {
		m.Inc(c, mib.ICMPInErrors)
		b.Drop(c, st.n, r)
	}
	if b.CsumState != skb.CsumUnnecessary && b.CsumState != skb.CsumPartial && csum.Fold(b.Checksum(0, b.Len(), 0)) != 0 {
		m.Inc(c, mib.ICMPInCsumErrors)
		bad(skb.ReasonICMPCsum)
		return
	}
	if !b.MayPull(wire.ICMPHdrLen) {
		bad(skb.ReasonPKTTooSmall)
		return
	}
	typ := b.Data()[0]
	st.countICMPIn(c, typ)
	switch typ { // RFC 8335
	case wire.ICMPExtEcho:
		st.probe(c, b)
		return
	case wire.ICMPExtEchoReply:
		if f := st.path.pingRecv.Load(); f == nil || !(*f)(c, b) {
			b.Drop(c, st.n, skb.ReasonNoSocket)
		}
		return
	}
	if rt != nil && rt.Flags&(RTCFBroadcast|RTCFMulticast) != 0 && !st.takesFromAll(typ) {
		bad(skb.ReasonInvalidProto)
		return
	}
	if typ > maxICMPType { // RFC 1122 §3.2.2: silently discarded
		bad(skb.ReasonUnhandledProto)
		return
	}
	switch typ {
	case wire.ICMPEcho:
		st.echo(c, b)
	case wire.ICMPTimestamp:
		st.timestamp(c, b)
	case wire.ICMPEchoReply:
		if f := st.path.pingRecv.Load(); f == nil || !(*f)(c, b) {
			b.Drop(c, st.n, skb.ReasonNoSocket)
		}
	case wire.ICMPDestUnreach, wire.ICMPSourceQuench, wire.ICMPTimeExceeded, wire.ICMPParamProb:
		st.icmpUnreach(c, b)
	case wire.ICMPRedirect:
		st.icmpRedirect(c, b)
	default:
		b.Consume(c) // answered by nobody
	}
}

// takesFromAll reports whether a message of type typ to a group or to everybody
// is looked at (RFC 1122 §3.2.2.6, §3.2.2.8).
func (st *state) takesFromAll(typ uint8) bool {
	switch typ {
	case wire.ICMPEcho, wire.ICMPTimestamp:
		return !st.path.icmp.ignoreBroadcasts.Bool()
	case wire.ICMPAddress, wire.ICMPAddressReply:
		return true
	}
	return false
}

// echo answers an echo request with the same packet, turned around (icmp_echo;
// RFC 1122 §3.2.2.6).
func (st *state) echo(c *kern.CPU, b *skb.Buff) {
	if st.path.icmp.ignoreAll.Bool() {
		b.Drop(c, st.n, skb.ReasonICMPIgnored)
		return
	}
	h := (*wire.ICMPHdr)(b.Data())
	old := uint16(h.Type())<<8 | uint16(h.Code())
	h.SetTypeCode(wire.ICMPEchoReply, h.Code())
	h.SetCheck(csum.Update16(h.Check(), old, old&0xff))
	st.icmpReply(c, b)
}

// timestamp answers with the times of receipt and of the answer, which are the
// same here (icmp_timestamp; RFC 792).
func (st *state) timestamp(c *kern.CPU, b *skb.Buff) {
	const size = wire.ICMPHdrLen + 12
	if !b.MayPull(wire.ICMPHdrLen + 4) {
		st.path.mib.Inc(c, mib.ICMPInErrors)
		b.Drop(c, st.n, skb.ReasonPKTTooSmall)
		return
	}
	b.Trim(c, size)
	b.Linearize()
	if short := size - b.Len(); short > 0 {
		b.Put(short)
	}
	p := b.Data()
	now := midnightTime(c)
	binary.BigEndian.PutUint32(p[12:], now)
	binary.BigEndian.PutUint32(p[16:], now)
	h := (*wire.ICMPHdr)(p)
	h.SetTypeCode(wire.ICMPTimestampRep, 0)
	h.SetCheck(0)
	h.SetCheck(csum.Checksum(p))
	st.icmpReply(c, b)
}

// icmpReply sends b, an answer at the ICMP header with its checksum, back to
// where the request in its place came from (icmp_reply). It owns b.
func (st *state) icmpReply(c *kern.CPU, b *skb.Buff) {
	req := (*wire.IPv4Hdr)(b.Network())
	h := (*wire.ICMPHdr)(b.Data())
	typ, code := h.Type(), h.Code()
	s := Send{Dst: req.Saddr(), Proto: uapi.IPPROTO_ICMP, TOS: req.TOS(), TTL: DefaultTTL, PMTU: uapi.IP_PMTUDISC_DONT}
	s.Mark = st.replyMark(b)
	f := Flow{Daddr: s.Dst, Mark: s.Mark, TOS: s.TOS, Proto: uapi.IPPROTO_ICMP, OIF: st.vrfIndex(b)}
	if rt := RouteOf(b); rt != nil && rt.Flags&(RTCFBroadcast|RTCFMulticast|RTCFLocal) == RTCFLocal {
		f.Saddr = req.Daddr()
	}
	if b.IP.OptLen != 0 {
		if s.Options = EchoOptions(st.n, b); s.Options != nil && s.Options.FirstHop != 0 {
			f.Daddr = s.Options.FirstHop
		}
	}
	limited, ok := st.icmpGlobalAllow(c, typ, code, b.Dev)
	if !ok {
		b.Drop(c, st.n, skb.ReasonNotSpecified)
		return
	}
	rt, err := RouteOutput(c, st.n, &f)
	if err != nil || limited && !st.icmpPeerAllow(c, rt, f.Daddr) {
		b.Consume(c)
		return
	}
	s.Route, s.Src = rt, f.Saddr
	turnAround(c, b)
	if len(b.List()) > 0 { // an answer is not in the request's fragments
		b.Linearize()
	}
	if s.Xmit(c, b) != nil {
		st.path.mib.Inc(c, mib.ICMPOutErrors)
	}
}

// replyMark returns the mark of an answer to b (net.ipv4.fwmark_reflect).
func (st *state) replyMark(b *skb.Buff) uint32 {
	if st.path.set.fwmarkReflect.Bool() {
		return b.Mark
	}
	return 0
}

// turnAround makes a received packet one of ours: what it came with goes.
func turnAround(c *kern.CPU, b *skb.Buff) {
	b.Orphan(c)
	b.Dst, b.Ct, b.Sec = nil, nil, nil
	b.PktType = skb.PacketHost
	b.CsumState = skb.CsumNone
	b.Tstamp, b.Iif, b.Hash, b.HashL4 = 0, 0, 0, false
	b.GSOSize, b.GSOType, b.GSOSegs = 0, 0, 0
	b.Queue, b.Redirected, b.NFTrace = 0, false, false
}

// icmpUnreach takes an error about a packet that this host sent (icmp_unreach).
func (st *state) icmpUnreach(c *kern.CPU, b *skb.Buff) {
	h := *(*wire.ICMPHdr)(b.Data())
	e := ICMPErr{Type: h.Type(), Code: h.Code()}
	b.Pull(wire.ICMPHdrLen)
	if !b.MayPull(wire.IPv4HdrLen) || b.Data()[0]&15 < 5 {
		st.path.mib.Inc(c, mib.ICMPInErrors)
		b.Drop(c, st.n, skb.ReasonICMPBad)
		return
	}
	quoted := (*wire.IPv4Hdr)(b.Data())
	switch e.Type {
	case wire.ICMPDestUnreach:
		if e.Code > wire.ICMPPrecCutoff {
			b.Consume(c)
			return
		}
		if e.Code == wire.ICMPFragNeeded {
			mtu, ok := st.believedMTU(&h, quoted.Proto())
			if !ok {
				b.Consume(c)
				return
			}
			e.Info = mtu
		}
	case wire.ICMPParamProb:
		e.Info = h.Rest() >> 24
	case wire.ICMPTimeExceeded:
		if e.Code == wire.ICMPExcFragTime {
			b.Consume(c)
			return
		}
	}
	// RFC 1122 §3.2.2: nobody may answer to a broadcast.
	if !st.path.icmp.ignoreBogus.Bool() && AddrTypeDev(st.n, dev.Of(b), quoted.Daddr()) == uapi.RTN_BROADCAST {
		st.logBogus(b, e.Type, e.Code, quoted.Daddr())
		b.Drop(c, st.n, skb.ReasonICMPBad)
		return
	}
	st.deliverError(c, b, e)
}

// believedMTU returns what "fragmentation needed" says of the path, as far as
// net.ipv4.ip_no_pmtu_disc lets it: 1 does not look, 2 ignores the message, 3
// wants a transport that checks.
func (st *state) believedMTU(h *wire.ICMPHdr, proto uint8) (mtu uint32, ok bool) {
	switch st.path.set.noPMTU.Load() {
	case 0:
		return uint32(h.MTU()), true
	case 2:
		return 0, false
	case 3:
		if p := st.path.protos[proto].Load(); p == nil || !p.ICMPStrict {
			return 0, false
		}
		return uint32(h.MTU()), true
	}
	return 0, true
}

// icmpRedirect takes a redirect (icmp_redirect): the transport whose packet it
// quotes decides.
func (st *state) icmpRedirect(c *kern.CPU, b *skb.Buff) {
	h := *(*wire.ICMPHdr)(b.Data())
	b.Pull(wire.ICMPHdrLen)
	if !b.MayPull(wire.IPv4HdrLen) {
		st.path.mib.Inc(c, mib.ICMPInErrors)
		b.Drop(c, st.n, skb.ReasonPKTTooSmall)
		return
	}
	st.deliverError(c, b, ICMPErr{Type: h.Type(), Code: h.Code(), Info: h.Gateway()})
}

// deliverError gives an error to the raw sockets and to the transport of the
// quoted packet (icmp_socket_deliver). It owns b, which begins at that packet.
func (st *state) deliverError(c *kern.CPU, b *skb.Buff, e ICMPErr) {
	h := (*wire.IPv4Hdr)(b.Data())
	proto, ihl := h.Proto(), h.IHL()
	if !b.MayPull(ihl+8) || ihl < wire.IPv4HdrLen || proto == uapi.IPPROTO_RAW {
		st.path.mib.Inc(c, mib.ICMPInErrors)
		b.Drop(c, st.n, skb.ReasonICMPBad)
		return
	}
	e.Errno, e.Fatal = ICMPErrno(e.Type, e.Code)
	if f := st.path.rawErr.Load(); f != nil {
		(*f)(c, b, proto, e)
	}
	if p := st.path.protos[proto].Load(); p != nil && p.Err != nil {
		p.Err(c, b, e)
	}
	b.Consume(c)
}

// icmpErr is ICMP's own Protocol.Err: errors about echo requests are the ping
// sockets', the others' routes learn at once (icmp_err).
func icmpErr(c *kern.CPU, b *skb.Buff, e ICMPErr) {
	n := b.Dev.Net()
	st := of(n)
	h := (*wire.IPv4Hdr)(b.Data())
	if b.Data()[h.IHL()] != wire.ICMPEchoReply {
		if f := st.path.pingErr.Load(); f != nil {
			(*f)(c, b, e)
		}
		return
	}
	switch {
	case e.Type == wire.ICMPDestUnreach && e.Code == wire.ICMPFragNeeded:
		PMTUFromICMP(c, n, b, int(e.Info))
	case e.Type == wire.ICMPRedirect:
		RedirectFromICMP(c, n, b, e.Info)
	}
}

// ICMPErrno returns the error that a socket is told for an ICMP error, and
// whether it is a hard one, which ends a connection attempt (icmp_err_convert;
// RFC 1122 §4.2.3.9).
func ICMPErrno(typ, code uint8) (e errno.Errno, fatal bool) {
	switch typ {
	case wire.ICMPDestUnreach:
		return unreachErrno(code)
	case wire.ICMPParamProb:
		return errno.EPROTO, true
	}
	return errno.EHOSTUNREACH, false
}

func unreachErrno(code uint8) (e errno.Errno, fatal bool) {
	switch code {
	case wire.ICMPNetUnreach, wire.ICMPNetUnrTOS:
		return errno.ENETUNREACH, false
	case wire.ICMPHostUnreach, wire.ICMPHostUnrTOS:
		return errno.EHOSTUNREACH, false
	case wire.ICMPProtUnreach:
		return errno.ENOPROTOOPT, true
	case wire.ICMPPortUnreach:
		return errno.ECONNREFUSED, true
	case wire.ICMPFragNeeded:
		return errno.EMSGSIZE, false
	case wire.ICMPSrFailed:
		return errno.EOPNOTSUPP, false
	case wire.ICMPNetUnknown, wire.ICMPNetAno:
		return errno.ENETUNREACH, true
	case wire.ICMPHostUnknown:
		return errno.EHOSTDOWN, true
	case wire.ICMPHostIsolated:
		return errno.ENONET, true
	case wire.ICMPHostAno, wire.ICMPPktFiltered, wire.ICMPPrecViolation, wire.ICMPPrecCutoff:
		return errno.EHOSTUNREACH, true
	}
	return errno.EHOSTUNREACH, false
}
