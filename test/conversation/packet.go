package conversation

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"linen/lib/csum"
	"linen/net/netlink"
	"linen/uapi"
	"linen/wire"
)

// The two ends of the cable.
var (
	hostAddr = netip.AddrFrom4([4]byte{192, 0, 2, 1})
	peerAddr = netip.AddrFrom4([4]byte{192, 0, 2, 2})
	peerMAC  = wire.MAC{2, 0, 0, 0, 0, 2}
)

// Ports and the peer's initial sequence number, which wraps soon.
const (
	hostPort = 8080
	peerPort = 7000
	peerISS  = 0xffffe000
)

// A flow is what the peer knows of one connection.
type flow struct {
	hostPort, peerPort uint16
	hostISS            uint32
	known              bool    // hostISS
	win                uint16  // that it said last
	tsval, tsfirst     uint32  // the host's newest, and its first
	cookie             *[]byte // the host's newest of Fast Open, of whatever connection
	last               []byte  // the host's newest packet, for ICMP to quote
}

// route is the request for a route to the peer with the script's metrics. The
// link is the second of its machine, behind lo.
func (s *Script) route() []byte {
	m := netlink.NewMsg(uapi.RTM_NEWROUTE, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE)
	rt := uapi.RtMsg{Family: uapi.AF_INET, DstLen: 32, Table: uapi.RT_TABLE_MAIN, Protocol: uapi.RTPROT_BOOT, Type: uapi.RTN_UNICAST, Scope: uapi.RT_SCOPE_LINK}
	m.Put((&rt).Append(nil))
	peer := peerAddr.As4()
	m.BE32(uapi.RTA_DST, be.Uint32(peer[:]))
	m.U32(uapi.RTA_OIF, 2)
	nest := m.NestOld(uapi.RTA_METRICS)
	for _, v := range s.Metrics {
		m.U32(uint16(v[0]), v[1])
	}
	m.End(nest)
	return m.Bytes()
}

var be = binary.BigEndian

// pattern is the byte at an offset of a stream.
func pattern(off uint32) byte { return byte(off % 251) }

func fill(p []byte, off uint32) {
	for i := range p {
		p[i] = pattern(off + uint32(i))
	}
}

// encode makes the frame of a peer's segment.
func (f *flow) encode(s *Segment, to wire.MAC) ([]byte, error) {
	var opt []byte
	var err error
	for _, o := range s.Options {
		if opt, err = encodeOption(opt, o, f); err != nil {
			return nil, err
		}
	}
	for len(opt)%4 != 0 {
		opt = append(opt, 0)
	}
	if len(opt) > 40 {
		return nil, fmt.Errorf("%d bytes of options", len(opt))
	}
	if s.Win >= 0 {
		f.win = uint16(s.Win)
	}
	hlen := wire.TCPHdrLen + len(opt)
	p := make([]byte, hlen+s.Len)
	h, _ := wire.AsTCP(p)
	h.SetSource(f.peerPort)
	h.SetDest(f.hostPort)
	h.SetSeq(peerISS + s.Seq)
	if s.HasAck {
		h.SetAckSeq(f.hostISS + s.Ack)
	}
	h.SetDataOffFlags(hlen, s.Flags)
	h.SetWindow(f.win)
	if s.Urg >= 0 {
		h.SetUrgPtr(uint16(s.Urg))
	}
	copy(p[wire.TCPHdrLen:], opt)
	at := s.Seq - 1
	if s.Flags&wire.TCPSyn != 0 {
		at++
	}
	fill(p[hlen:], at)
	h.SetCheck(csum.Checksum(append(pseudo(peerAddr, hostAddr, len(p)), p...)))
	return ipFrame(p, 6, max(s.ECN, 0), to), nil
}

func pseudo(src, dst netip.Addr, n int) []byte {
	a, b := src.As4(), dst.As4()
	p := append(a[:], b[:]...)
	return append(p, 0, 6, byte(n>>8), byte(n))
}

// ipFrame puts IP and Ethernet headers in front of p.
func ipFrame(p []byte, proto uint8, tos int, to wire.MAC) []byte {
	const link = 14
	b := make([]byte, link+20, link+20+len(p))
	copy(b, to[:])
	copy(b[6:], peerMAC[:])
	b[12] = 8
	b = append(b, p...)
	b[link] = 0x45
	h := (*wire.IPv4Hdr)(b[link : link+20])
	h.SetTOS(uint8(tos))
	h.SetTotLen(20 + len(p))
	h.SetFragOff(wire.IPv4DF)
	h.SetTTL(64)
	h.SetProto(proto)
	h.SetSrc(peerAddr)
	h.SetDst(hostAddr)
	wire.SendCheck4(b[link : link+20])
	return b
}

// icmp makes the frame of an ICMP error about a packet of the host's.
func (f *flow) icmp(u *Unreachable, to wire.MAC) ([]byte, error) {
	if f.last == nil {
		return nil, fmt.Errorf("the host has sent nothing")
	}
	p := append(make([]byte, 8), f.last[:28]...)
	p[0], p[1] = u.Type, u.Code
	be.PutUint16(p[6:], u.MTU)
	if u.HasSeq {
		be.PutUint32(p[8+20+4:], f.hostISS+u.Seq)
	}
	be.PutUint16(p[2:], csum.Checksum(p))
	return ipFrame(p, 1, 0, to), nil
}

// decode reads a packet of the host's, at its IP header, as the peer's flow
// sees it.
func (f *flow) decode(b []byte) (*Segment, error) {
	ip, ok := wire.AsIPv4(b)
	if !ok || ip.IHL() != 20 || ip.TotLen() < 20 || ip.TotLen() > len(b) || !wire.VerifyCheck4(b[:20]) {
		return nil, fmt.Errorf("not an IP packet: %x", b)
	}
	p := b[20:ip.TotLen()]
	h, ok := wire.AsTCP(p)
	if !ok || h.DataOff() < wire.TCPHdrLen || h.DataOff() > len(p) {
		return nil, fmt.Errorf("not a segment: %x", p)
	}
	if csum.Checksum(append(pseudo(hostAddr, peerAddr, len(p)), p...)) != 0 {
		return nil, fmt.Errorf("bad checksum: %x", p)
	}
	s := &Segment{Flags: h.Flags(), Win: int(h.Window()), Urg: int(h.UrgPtr()), TTL: int(ip.TTL()), ID: int(ip.ID()),
		ECN: int(ip.TOS() & 3), DF: ip.DF(), Port: int(h.Source()), Len: len(p) - h.DataOff(), HasOptions: true}
	if s.Flags&wire.TCPSyn != 0 && !f.known {
		f.hostISS, f.known, f.hostPort = h.Seq(), true, h.Source()
	}
	s.Seq = h.Seq() - f.hostISS
	if s.Flags&wire.TCPRst != 0 && h.Seq() == 0 {
		s.Seq = 0
	}
	if s.Flags&wire.TCPAck != 0 {
		s.Ack, s.HasAck = h.AckSeq()-peerISS, true
	}
	f.last = append([]byte(nil), b[:max(28, min(len(b), 60))]...)
	f.readOptions(s, p[wire.TCPHdrLen:h.DataOff()])
	at := s.Seq - 1
	if s.Flags&wire.TCPSyn != 0 {
		at++
	}
	for i, v := range p[h.DataOff():] {
		if v != pattern(at+uint32(i)) {
			return s, fmt.Errorf("%s: byte %d of the stream is not what was written", s, at+uint32(i))
		}
	}
	return s, nil
}

// readOptions lists the options of a host's segment in their normal form.
func (f *flow) readOptions(s *Segment, p []byte) {
	for len(p) > 0 {
		if p[0] < 2 {
			s.Options = append(s.Options, [...]string{"eol", "nop"}[p[0]])
			p = p[1:]
			continue
		}
		if len(p) < 2 || int(p[1]) < 2 || int(p[1]) > len(p) {
			s.Options = append(s.Options, "damaged")
			return
		}
		s.Options = append(s.Options, f.optionText(p[0], p[2:p[1]]))
		p = p[p[1]:]
	}
}

func (f *flow) optionText(kind byte, v []byte) string {
	switch {
	case kind == wire.TCPOptMSS && len(v) == 2:
		return fmt.Sprint("mss ", be.Uint16(v))
	case kind == wire.TCPOptWScale && len(v) == 1:
		return fmt.Sprint("wscale ", v[0])
	case kind == wire.TCPOptSACKPerm && len(v) == 0:
		return "sackok"
	case kind == wire.TCPOptTimestamp && len(v) == 8:
		if f.tsval = be.Uint32(v); f.tsfirst == 0 {
			f.tsfirst = f.tsval
		}
		return fmt.Sprint("ts ", f.tsval, " ", be.Uint32(v[4:]))
	case kind == wire.TCPOptSACK && len(v)%8 == 0:
		t := "sack"
		for ; len(v) > 0; v = v[8:] {
			t += fmt.Sprintf(" %d-%d", int32(be.Uint32(v)-peerISS), int32(be.Uint32(v[4:])-peerISS))
		}
		return t
	case kind == wire.TCPOptFastopen && len(v) == 0:
		return "tfo"
	case kind == wire.TCPOptFastopen:
		if f.cookie != nil {
			*f.cookie = append([]byte(nil), v...)
		}
		return "tfo " + hex.EncodeToString(v)
	}
	return strings.TrimSpace(fmt.Sprintf("opt %d %x", kind, v))
}

// encodeOption appends an option that a script names.
func encodeOption(b []byte, text string, f *flow) ([]byte, error) {
	w := strings.Fields(text)
	if len(w) == 0 {
		return nil, fmt.Errorf("an empty option")
	}
	bad := fmt.Errorf("no option %q", text)
	var nums []uint64
	for _, v := range w[1:] {
		if n, err := strconv.ParseUint(v, 10, 32); err == nil {
			nums = append(nums, n)
		}
	}
	plain := len(nums) == len(w)-1
	switch {
	case w[0] == "nop" && len(w) == 1:
		return append(b, 1), nil
	case w[0] == "eol" && len(w) == 1:
		return append(b, 0), nil
	case w[0] == "sackok" && len(w) == 1:
		return append(b, wire.TCPOptSACKPerm, 2), nil
	case w[0] == "mss" && len(nums) == 1 && plain && nums[0] < 1<<16:
		return append(b, wire.TCPOptMSS, 4, byte(nums[0]>>8), byte(nums[0])), nil
	case w[0] == "wscale" && len(nums) == 1 && plain && nums[0] < 256:
		return append(b, wire.TCPOptWScale, 3, byte(nums[0])), nil
	case w[0] == "ts" && len(w) == 3 && len(nums) > 0:
		b = be.AppendUint32(append(b, wire.TCPOptTimestamp, 10), uint32(nums[0]))
		if len(nums) == 2 {
			return be.AppendUint32(b, uint32(nums[1])), nil
		}
		switch w[2] {
		case "=":
			return be.AppendUint32(b, f.tsval), nil
		case "first":
			return be.AppendUint32(b, f.tsfirst), nil
		}
	case w[0] == "sack" && len(w) > 1 && len(w) < 6:
		return f.encodeSACK(b, w[1:])
	case w[0] == "tfo" && len(w) == 2 && w[1] == "=":
		if f.cookie == nil {
			return b, nil
		}
		return append(append(b, wire.TCPOptFastopen, byte(2+len(*f.cookie))), *f.cookie...), nil
	case w[0] == "tfo" && len(w) < 3:
		v, err := hex.DecodeString(strings.Join(w[1:], ""))
		return append(append(b, wire.TCPOptFastopen, byte(2+len(v))), v...), err
	case w[0] == "opt" && (len(w) == 2 || len(w) == 3):
		kind, err := strconv.ParseUint(w[1], 10, 8)
		v, err2 := hex.DecodeString(strings.Join(w[2:], ""))
		if err == nil && err2 == nil && len(v) <= 38 {
			return append(append(b, byte(kind), byte(2+len(v))), v...), nil
		}
	}
	return nil, bad
}

// encodeSACK appends blocks of the host's numbers.
func (f *flow) encodeSACK(b []byte, blocks []string) ([]byte, error) {
	b = append(b, wire.TCPOptSACK, byte(2+8*len(blocks)))
	for _, v := range blocks {
		from, to, ok := strings.Cut(v, "-")
		l, err := number(from)
		r, err2 := number(to)
		if !ok || err != nil || err2 != nil {
			return nil, fmt.Errorf("%q is no SACK block", v)
		}
		b = be.AppendUint32(be.AppendUint32(b, f.hostISS+l), f.hostISS+r)
	}
	return b, nil
}
