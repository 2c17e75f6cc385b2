package tcp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"

	"linen/lib/ktime"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
)

// infoSize is sizeof(struct tcp_info) of Linux 6.18.
const infoSize = 280

// info writes struct tcp_info (tcp_get_info; linux/tcp.h).
func (s *Sock) info(val []byte) int {
	var p [infoSize]byte
	i := s.conn.Info(s.st.n.Kernel().Now())
	le := binary.NativeEndian
	state := uint8(s.State())
	p[0], p[1], p[2], p[3], p[4] = state, i.CA, i.Retransmits, i.Probes, i.Backoff
	for bit, on := range []bool{i.TS, i.SACK, i.WS, i.ECN, i.ECNSeen} {
		if on {
			p[5] |= 1 << bit
		}
	}
	p[6] = i.SndWS&15 | i.RcvWS<<4
	more, fail := s.fastInfo()
	p[5] |= more
	p[7] = uint8(number(i.AppLimited)) | fail<<1
	us := func(d time.Duration) uint32 { return uint32(d / time.Microsecond) }
	ms := func(d time.Duration) uint32 { return uint32(d / time.Millisecond) }
	words := []uint32{
		us(i.RTO), us(i.ATO), uint32(i.SndMSS), uint32(i.RcvMSS), i.Unacked, i.Sacked, i.Lost, i.RetransOut, 0,
		ms(i.LastSent), 0, ms(i.LastRecv), ms(i.LastAck), uint32(i.PMTU), i.RcvSsthresh, i.RTT, i.RTTVar, i.SndSsthresh,
		i.SndCwnd, uint32(i.AdvMSS), i.Reordering, i.RcvRTT, i.RcvSpace, i.Retrans,
	}
	if state == uapi.TCP_LISTEN { // there is no connection to tell of
		words = []uint32{4: uint32(len(s.listen().queue)), 5: uint32(s.listen().backlog), 18: i.SndCwnd, 20: i.Reordering, 23: 0}
		p[7] = 0
		i = tcb.Info{PacingRate: s.PacingRate.Load()}
	}
	for n, v := range words {
		le.PutUint32(p[8+4*n:], v)
	}
	le.PutUint64(p[104:], i.PacingRate)
	le.PutUint64(p[112:], s.PacingRate.Load())
	le.PutUint64(p[120:], i.BytesAcked)
	le.PutUint64(p[128:], i.BytesReceived)
	for n, v := range []uint32{i.SegsOut, i.SegsIn, i.NotSent, i.MinRTT, i.DataSegsIn, i.DataSegsOut} {
		le.PutUint32(p[136+4*n:], v)
	}
	le.PutUint64(p[160:], i.DeliveryRate)
	for n, d := range []time.Duration{i.Busy, i.WindowLimited, i.BufferLimited} {
		le.PutUint64(p[168+8*n:], uint64(d/time.Microsecond))
	}
	for n, v := range []uint32{i.Delivered, i.DeliveredCE} {
		le.PutUint32(p[192+4*n:], v)
	}
	le.PutUint64(p[200:], i.BytesSent)
	le.PutUint64(p[208:], i.BytesRetrans)
	for n, v := range []uint32{i.DSACKs, i.ReorderSeen, i.OOOPackets, i.SndWnd, i.RcvWnd} {
		le.PutUint32(p[216+4*n:], v)
	}
	le.PutUint16(p[240:], uint16(i.RTOs))
	le.PutUint16(p[242:], uint16(i.RTORecoveries))
	le.PutUint32(p[244:], ms(i.RTOTime))
	le.PutUint32(p[248:], i.ReceivedCE)
	for n, v := range []uint32{i.BytesE1, i.BytesE0, i.BytesCE} {
		le.PutUint32(p[264+4*n:], v)
	}
	return copy(val, p[:])
}

// show writes /proc/net/tcp (tcp4_seq_show).
func (st *State) show(w *bytes.Buffer) {
	const width = 149
	fmt.Fprintf(w, "%-*s\n", width, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode")
	n := 0
	line := func(l proc) {
		start := w.Len()
		l.write(w, n)
		n++
		for w.Len()-start < width {
			w.WriteByte(' ')
		}
		w.WriteByte('\n')
	}
	st.listeners.All(func(s *Sock) bool { line(s.procLine()); return true })
	now := st.n.Kernel().Now()
	st.conns.All(func(v *node) bool {
		switch {
		case v.s != nil:
			line(v.s.procLine())
		case v.tw != nil:
			line(proc{node: v, state: uapi.TCP_TIME_WAIT, timer: 3, when: v.tw.timer.Expires() - now, tail: "0 3 0000000000000000"})
		case v.req != nil:
			line(proc{node: v, state: uapi.TCP_SYN_RECV, timer: 1, when: v.req.timer.Expires() - now, retrans: v.req.retries, uid: v.req.l.UID, tail: "0 0 0000000000000000"})
		}
		return true
	})
}

// proc is a line of /proc/net/tcp.
type proc struct {
	node    *node
	state   uint32
	tx, rx  int64
	timer   uint8
	when    ktime.T
	retrans int
	uid     uint32
	probes  int
	tail    string
}

func (l proc) write(w *bytes.Buffer, slot int) {
	le := bits.ReverseBytes32
	when := max(int64(l.when)/int64(10*time.Millisecond), 0)
	fmt.Fprintf(w, "%4d: %08X:%04X %08X:%04X %02X %08X:%08X %02X:%08X %08X %5d %8d %s", slot, le(l.node.laddr), l.node.lport, le(l.node.raddr), l.node.rport,
		l.state, l.tx, l.rx, l.timer, when, l.retrans, l.uid, l.probes, l.tail)
}

// unread is the receive queue as ss and /proc/net/tcp show it: the peer's FIN
// counts until a read has met it. The caller holds the lock.
func (s *Sock) unread() int64 {
	n := s.rxReady.Load()
	if s.conn.GotFin() && !s.finRead {
		n++
	}
	return n
}

// procLine describes a socket.
func (s *Sock) procLine() proc {
	v := node{laddr: s.RcvAddr.Load(), raddr: s.Daddr.Load(), lport: uint16(s.Num.Load()), rport: uint16(s.Dport.Load())}
	l := proc{node: &v, state: s.State(), uid: s.UID, tx: s.txBytes.Load()}
	var i tcb.Info
	if l.state == uapi.TCP_LISTEN {
		l.rx = int64(s.listen().ready.Load())
		l.tail = fmt.Sprintf("%d 1 %016x %d %d %d %d %d", s.INode(), 0, 100, 0, 0, 10, 0)
		return l
	}
	now := s.st.n.Kernel().Now()
	s.Lock()
	i = s.conn.Info(now)
	l.rx = s.unread()
	s.Unlock()
	l.timer, l.when, l.retrans, l.probes = i.Timer, i.Expires-now, int(i.Retransmits), int(i.Probes)
	ssthresh := int64(-1)
	if i.SndSsthresh < 0x7fffffff {
		ssthresh = int64(i.SndSsthresh)
	}
	l.tail = fmt.Sprintf("%d %d %016x %d %d %d %d %d", s.INode(), 1, 0, i.RTO/(10*time.Millisecond), i.ATO/(10*time.Millisecond),
		i.Quick<<1|uint32(number(i.Pingpong)), i.SndCwnd, ssthresh)
	return l
}

// sockstat is the rest of TCP's line in /proc/net/sockstat.
func (st *State) sockstat() string {
	return fmt.Sprintf("orphan %d tw %d alloc %d mem %d", st.mem.orphans.Load(), st.waits.Load(), st.base.InUse(), st.pages())
}

// hashed counts the listeners and connections; a socket that is neither, and a
// TIME_WAIT, is none.
func (st *State) hashed() (n int64) {
	st.listeners.All(func(*Sock) bool { n++; return true })
	st.conns.All(func(v *node) bool {
		if v.s != nil {
			n++
		}
		return true
	})
	return n
}

// pages is the memory of all queues, in pages (sk_memory_allocated).
func (st *State) pages() int64 {
	n := int64(0)
	st.conns.All(func(v *node) bool {
		if v.s != nil {
			n += v.s.RmemAlloc() + v.s.queued()
		}
		return true
	})
	return (n + 4095) / 4096
}
