package inet

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// A Cookie is what one send asks of IP: the socket's options, changed by
// control messages (struct ipcm_cookie).
type Cookie struct {
	Addr     uint32 // source, 0: chosen by the route
	OIF      int32
	Options  *ipv4.Options
	TTL      int32 // -1: the socket's
	TOS      int32 // -1: the socket's
	Protocol int32 // IP_PROTOCOL of raw sockets with IP_HDRINCL, 0: none
	Mark     uint32
	Priority uint32
	TSFlags  uint32
	TSKey    uint32 // SCM_TS_OPT_ID
	HasTSKey bool
	GSOSize  uint16 // UDP_SEGMENT
	Confirm  bool   // MSG_CONFIRM
	Probe    bool   // MSG_PROBE: everything but the packet itself
	DontWait bool   // MSG_DONTWAIT
	Corked   bool   // a datagram under construction: it was admitted with its first part
}

// Cork has ck belong to a packet under construction, which keeps the TOS of its
// first part.
func (ck *Cookie) Cork(s *Sock) { ck.TOS, ck.Corked = int32(s.cookieTOS(ck)), true }

// SetFlags notes what the flags of a send (MSG_*) ask of the packet.
func (ck *Cookie) SetFlags(flags int) {
	ck.Confirm, ck.Probe, ck.DontWait = flags&uapi.MSG_CONFIRM != 0, flags&uapi.MSG_PROBE != 0, flags&uapi.MSG_DONTWAIT != 0
}

// NewCookie returns the cookie of s without control messages (ipcm_init_sk).
func (s *Sock) NewCookie() Cookie {
	return Cookie{
		Options: s.ipOptions(), Addr: s.Saddr.Load(), OIF: s.BoundDev.Load(), TTL: -1, TOS: -1,
		Mark: s.Mark.Load(), Priority: s.Priority.Load(), TSFlags: s.TSFlags.Load(),
	}
}

// Confirm tells the neighbour of a send with MSG_CONFIRM that it was heard of.
func (s *Sock) Confirm(c *kern.CPU, rt *ipv4.Route, daddr uint32) {
	if f := s.st.IP.Confirm; f != nil {
		f(c, rt, daddr)
	}
}

// solUDP is SOL_UDP.
const solUDP = uapi.IPPROTO_UDP

// Parse applies the control messages of a send: levels SOL_SOCKET, SOL_IP and,
// with udp, SOL_UDP. Those of other levels are passed over; unknown ones of
// these are EINVAL (ip_cmsg_send, __sock_cmsg_send).
func (ck *Cookie) Parse(s *Sock, who *sock.Caller, control []byte, udp bool) error {
	for {
		c, rest, ok, err := sock.NextCmsg(control)
		if err != nil || !ok {
			return err
		}
		control = rest
		switch c.Level {
		case uapi.SOL_SOCKET:
			err = ck.socketCmsg(s, who, c)
		case uapi.IPPROTO_IP:
			err = ck.ipCmsg(s, c)
		case solUDP:
			if !udp {
				continue
			}
			if c.Type != uapi.UDP_SEGMENT || len(c.Data) != 2 {
				return errno.EINVAL
			}
			ck.GSOSize = binary.NativeEndian.Uint16(c.Data)
		}
		if err != nil {
			return err
		}
	}
}

func (ck *Cookie) socketCmsg(s *Sock, who *sock.Caller, c sock.Cmsg) error {
	switch c.Type {
	case uapi.SO_MARK:
		if !who.Capable(sock.CapNetAdmin) && !who.Capable(sock.CapNetRaw) {
			return errno.EPERM
		}
		if len(c.Data) != 4 {
			return errno.EINVAL
		}
		ck.Mark = binary.NativeEndian.Uint32(c.Data)
	case uapi.SO_PRIORITY:
		if len(c.Data) != 4 {
			return errno.EINVAL
		}
		v := binary.NativeEndian.Uint32(c.Data)
		if v > 6 && !who.Capable(sock.CapNetAdmin) && !who.Capable(sock.CapNetRaw) {
			return errno.EPERM
		}
		ck.Priority = v
	case uapi.SO_TIMESTAMPING, uapi.SO_TIMESTAMPING_NEW:
		const record = uapi.SOF_TIMESTAMPING_TX_HARDWARE | uapi.SOF_TIMESTAMPING_TX_SOFTWARE | uapi.SOF_TIMESTAMPING_TX_SCHED | uapi.SOF_TIMESTAMPING_TX_ACK
		if len(c.Data) != 4 {
			return errno.EINVAL
		}
		v := binary.NativeEndian.Uint32(c.Data)
		if v&^record != 0 {
			return errno.EINVAL
		}
		ck.TSFlags = ck.TSFlags&^record | v
	case uapi.SCM_TS_OPT_ID, uapi.SCM_TXTIME:
		return ck.timeCmsg(s, c)
	case uapi.SCM_RIGHTS, uapi.SCM_CREDENTIALS: // of AF_UNIX: passed over
	default:
		return errno.EINVAL
	}
	return nil
}

// timeCmsg applies the messages that need an option of the socket.
func (ck *Cookie) timeCmsg(s *Sock, c sock.Cmsg) error {
	switch {
	case c.Type == uapi.SCM_TXTIME:
		// Only the disciplines etf and fq heed the time; any other sends at once.
		if !s.Has(sock.FlagTxtime) || len(c.Data) != 8 {
			return errno.EINVAL
		}
	case s.Type() == uapi.SOCK_STREAM || s.TSFlags.Load()&uapi.SOF_TIMESTAMPING_OPT_ID == 0 || len(c.Data) != 4:
		return errno.EINVAL
	default:
		ck.TSKey, ck.HasTSKey = binary.NativeEndian.Uint32(c.Data), true
	}
	return nil
}

func (ck *Cookie) ipCmsg(s *Sock, c sock.Cmsg) error {
	v := 0
	if len(c.Data) >= 4 {
		v, _ = sock.Int(c.Data)
	}
	switch c.Type {
	case uapi.IP_RETOPTS:
		opts, err := ipv4.CompileOptions(s.Net(), c.Data[:min(len(c.Data), 40)])
		ck.Options = opts
		return err
	case uapi.IP_PKTINFO:
		if len(c.Data) != 12 { // struct in_pktinfo
			return errno.EINVAL
		}
		if v != 0 {
			ck.OIF = int32(v)
		}
		ck.Addr = binary.BigEndian.Uint32(c.Data[4:])
	case uapi.IP_TTL:
		if len(c.Data) != 4 || v < 1 || v > 255 {
			return errno.EINVAL
		}
		ck.TTL = int32(v)
	case uapi.IP_TOS:
		switch len(c.Data) {
		case 4:
		case 1:
			v = int(c.Data[0])
		default:
			return errno.EINVAL
		}
		if v < 0 || v > 255 {
			return errno.EINVAL
		}
		ck.TOS = int32(v)
	case uapi.IP_PROTOCOL:
		if len(c.Data) != 4 || v < 1 || v > 255 {
			return errno.EINVAL
		}
		ck.Protocol = int32(v)
	default:
		return errno.EINVAL
	}
	return nil
}

// pktinfoNote is the word of skb.CB with interface and spec_dst for IP_PKTINFO.
const pktinfoNote = 4

// Note writes down what control messages will need once b is queued, when its
// route and device are gone (ipv4_pktinfo_prepare).
func (s *Sock) Note(b *skb.Buff, saddr, daddr uint32) {
	index := int32(0)
	if b.Dev != nil {
		index = int32(b.Dev.Ifindex())
	}
	if b.Iif != 0 {
		index = b.Iif
	}
	spec := daddr
	if d := dev.Of(b); d != nil && s.Is(CmsgPktinfo) {
		if rt := ipv4.RouteOf(b); rt != nil && rt.Flags&(ipv4.RTCFBroadcast|ipv4.RTCFMulticast) != 0 {
			spec = ipv4.SelectSource(d, saddr, uapi.RT_SCOPE_LINK)
		}
	}
	b.CB[pktinfoNote] = uint64(uint32(index)) | uint64(spec)<<32
}

// RecvIPCmsgs adds the control messages of level IP (ip_cmsg_recv_offset); b's
// network and transport headers are at hand.
func (s *Sock) RecvIPCmsgs(m *sock.Msg, b *skb.Buff) {
	if s.flags.Load()&cmsgFlags == 0 {
		return
	}
	ip := b.Network()
	if len(ip) < 20 {
		return
	}
	if s.Is(CmsgPktinfo) {
		var p [12]byte
		binary.NativeEndian.PutUint32(p[:], uint32(b.CB[pktinfoNote]))
		binary.BigEndian.PutUint32(p[4:], uint32(b.CB[pktinfoNote]>>32))
		copy(p[8:], ip[16:20])
		m.PutCmsg(uapi.IPPROTO_IP, uapi.IP_PKTINFO, p[:])
	}
	if s.Is(CmsgTTL) {
		m.PutCmsg32(uapi.IPPROTO_IP, uapi.IP_TTL, uint32(ip[8]))
	}
	if s.Is(CmsgTOS) {
		m.PutCmsg(uapi.IPPROTO_IP, uapi.IP_TOS, ip[1:2])
	}
	if opts := ipv4.ReceivedOptions(b); opts != nil {
		if s.Is(CmsgRecvOpts) {
			m.PutCmsg(uapi.IPPROTO_IP, uapi.IP_RECVOPTS, opts)
		}
		if s.Is(CmsgRetOpts) {
			m.PutCmsg(uapi.IPPROTO_IP, uapi.IP_RETOPTS, ipv4.EchoOptions(s.Net(), b).Bytes())
		}
	}
	if s.Is(CmsgOrigDst) {
		if port, ok := origPort(b); ok {
			sa := Addr{IP: binary.BigEndian.Uint32(ip[16:]), Port: port}.Sockaddr()
			m.PutCmsg(uapi.IPPROTO_IP, uapi.IP_ORIGDSTADDR, sa[:])
		}
	}
	if s.Is(CmsgChecksum) && b.CsumState == skb.CsumComplete {
		m.PutCmsg32(uapi.IPPROTO_IP, uapi.IP_CHECKSUM, b.Csum)
	}
	if s.Is(CmsgFragSize) && b.IP.FragMaxSize != 0 {
		m.PutCmsg32(uapi.IPPROTO_IP, uapi.IP_RECVFRAGSIZE, uint32(b.IP.FragMaxSize))
	}
}

// origPort is IP_ORIGDSTADDR's port: what stands in the place of one in b's
// transport header, whatever the protocol has there.
func origPort(b *skb.Buff) (port uint16, ok bool) {
	if !b.HasTransport() {
		return 0, false
	}
	if p := b.Transport(); len(p) >= 4 { // the head, which may lie before the data
		return binary.BigEndian.Uint16(p[2:]), true
	}
	var ports [4]byte
	if off := b.TransportOff(); off < 0 || b.CopyOut(off, ports[:]) < len(ports) {
		return 0, false
	}
	return binary.BigEndian.Uint16(ports[2:]), true
}

// SendFlow fills a route key for a send of protocol with a cookie
// (flowi4_init_output).
func (s *Sock) SendFlow(ck *Cookie, daddr uint32, sport, dport uint16) ipv4.Flow {
	f := ipv4.Flow{
		OIF: int(ck.OIF), Mark: ck.Mark, UID: s.UID, Saddr: ck.Addr, Daddr: daddr,
		TOS: s.cookieTOS(ck), Proto: uint8(s.Protocol()), SPort: sport, DPort: dport,
	}
	if s.Is(Transparent) || s.Is(HdrIncl) {
		f.Flags |= ipv4.FlowAnySrc
	}
	if s.Has(sock.FlagDontRoute) {
		f.Scope = uapi.RT_SCOPE_LINK
	}
	return f
}

func (s *Sock) cookieTOS(ck *Cookie) uint8 {
	if ck.TOS >= 0 {
		return uint8(ck.TOS)
	}
	return s.TOS()
}

// HeaderFor fills the header of a packet that leaves by rt.
func (s *Sock) HeaderFor(ck *Cookie, rt *ipv4.Route, saddr, daddr uint32, proto uint8) Header {
	h := Header{
		Saddr: saddr, Daddr: daddr, Proto: proto, TOS: s.cookieTOS(ck), PMTUDisc: uint8(s.PMTUDisc()),
		Options: ck.Options, NoLoop: !s.Is(McLoop), Mark: ck.Mark, Priority: ck.Priority,
		GSOSize: ck.GSOSize, Sock: s,
	}
	switch {
	case ck.TTL > 0:
		h.TTL = uint8(ck.TTL)
	case rt != nil && rt.Type == uapi.RTN_MULTICAST:
		h.TTL = uint8(s.multicastTTL())
		h.NoTTL = h.TTL == 0
	default:
		h.TTL = s.TTL()
	}
	return h
}

// Multicast fills device and source of a send to a group, when control
// messages did not say them.
func (s *Sock) Multicast(ck *Cookie) {
	index, addr := s.multicastIF()
	if ck.OIF == 0 {
		ck.OIF = index
	}
	if ck.Addr == 0 {
		ck.Addr = addr
	}
}

// UnicastIF fills the device of a unicast send from IP_UNICAST_IF.
func (s *Sock) UnicastIF(ck *Cookie) {
	if ck.OIF == 0 {
		ck.OIF = s.unicastIF()
	}
}

// Prepare copies the socket's marks to a packet.
func (s *Sock) Prepare(c *kern.CPU, b *skb.Buff, ck *Cookie) {
	b.Mark, b.Priority = ck.Mark, ck.Priority
	s.TxFlags(b, ck.TSFlags, ck.TSKey, ck.HasTSKey)
}
