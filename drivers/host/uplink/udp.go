//go:build linux

package uplink

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/ipv4"
	"linen/net/netfilter"
	"linen/net/sock"
	"linen/uapi"
	"linen/wire"
)

// When a flow of datagrams is over: nf_conntrack_udp_timeout, before an answer
// came, and nf_conntrack_udp_timeout_stream.
const (
	udpTimeout       = ktime.T(30 * time.Second)
	udpStreamTimeout = ktime.T(120 * time.Second)
)

// maxParked bounds the datagrams that wait for a flow's sockets.
const maxParked = 16

// datagramMax is more than a datagram can hold.
const datagramMax = 1 << 16

// udpFlow is a pair of sockets, the guest's side connected to the guest, the
// machine's to where the guest's datagrams go.
type udpFlow struct {
	guest    sock.Socket
	host     *net.UDPConn
	over     context.CancelFunc
	last     atomic.Int64 // ktime of the last datagram
	answered atomic.Bool

	ready  bool     // guarded by Uplink.mu: the sockets are there
	parked []packet // until then
	first  packet   // a copy of a datagram's, to answer with ICMP
}

// idleAt is when a quiet flow ends.
func (f *udpFlow) idleAt() ktime.T {
	if f.answered.Load() {
		return ktime.T(f.last.Load()) + udpStreamTimeout
	}
	return ktime.T(f.last.Load()) + udpTimeout
}

// inputUDP lets a datagram of a known flow go on to its socket, and begins one
// for any other.
func (u *Uplink) inputUDP(c *kern.CPU, p packet, key flowKey) netfilter.Verdict {
	to, ok := u.target(uapi.IPPROTO_UDP, key.dst)
	if !ok || ipv4.RouteOf(p.b).Type != uapi.RTN_LOCAL {
		return netfilter.Accept
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	f := u.udp[key]
	switch {
	case f != nil && f.ready:
		return netfilter.Accept
	case f != nil && len(f.parked) < maxParked:
		f.parked = append(f.parked, p)
		return netfilter.Stolen
	case f != nil:
		return netfilter.Drop
	case u.datagrams >= u.cfg.MaxUDP:
		u.stats.Refused++
		return netfilter.Drop
	}
	f = &udpFlow{parked: []packet{p}, first: packet{p.b.Clone(c), p.st}}
	f.last.Store(int64(c.Now()))
	if !u.start(func() { u.flow(f, key, to) }) {
		f.first.b.Consume(c)
		return netfilter.Drop
	}
	u.udp[key] = f
	u.datagrams++
	u.stats.UDP++
	return netfilter.Stolen
}

// flow is the life of a flow that a guest began.
func (u *Uplink) flow(f *udpFlow, key flowKey, to netip.AddrPort) {
	err := u.pair(f, key, to)
	u.mu.Lock()
	f.ready = err == nil
	parked := f.parked
	f.parked = nil
	if err != nil {
		delete(u.udp, key)
	}
	u.mu.Unlock()
	for _, p := range parked {
		if err == nil {
			u.resume(p)
		} else {
			u.refuseDatagram(p, err)
		}
	}
	if err == nil {
		u.pump(f, func(err error) { u.answer(f.first, err) })
		u.mu.Lock()
		delete(u.udp, key)
		u.mu.Unlock()
	}
	u.drop(f.first)
	u.mu.Lock()
	u.datagrams--
	u.mu.Unlock()
}

// pair makes the sockets of a flow.
func (u *Uplink) pair(f *udpFlow, key flowKey, to netip.AddrPort) (err error) {
	if f.host, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to)); err != nil {
		return err
	}
	if f.guest, err = u.datagramSocket(key.src, &key.dst); err != nil {
		f.host.Close()
	}
	return err
}

// datagramSocket returns a socket connected to a guest, bound to from unless
// that is nil.
func (u *Uplink) datagramSocket(to end, from *end) (sock.Socket, error) {
	s, err := sock.Create(u.root, u.n, uapi.AF_INET, uapi.SOCK_DGRAM, 0)
	if err != nil {
		return nil, err
	}
	if from != nil {
		err = u.bind(s, *from)
	}
	if err == nil {
		err = s.Connect(u.root, uapi.AppendSockaddr(nil, to.addrPort(), 0))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// refuseDatagram answers a datagram that the machine could not send.
func (u *Uplink) refuseDatagram(p packet, err error) {
	u.answer(p, err)
	u.drop(p)
}

// answer tells the sender of p what the machine was told, if anything.
func (u *Uplink) answer(p packet, err error) {
	var code uint8
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		code = wire.ICMPPortUnreach
	case errors.Is(err, syscall.ENETUNREACH):
		code = wire.ICMPNetUnreach
	case errors.Is(err, syscall.EHOSTUNREACH):
		code = wire.ICMPHostUnreach
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		code = wire.ICMPPktFiltered
	default:
		return
	}
	u.unreachable(p, code)
}

// pump carries datagrams both ways until the flow is closed. refused hears
// what the machine was told of one.
func (u *Uplink) pump(f *udpFlow, refused func(error)) {
	ctx, cancel := context.WithCancel(u.ctx)
	defer cancel()
	u.carry(f, cancel)
	defer u.uncarry(f)
	stop := context.AfterFunc(ctx, func() { f.host.Close() })
	defer stop()
	back := make(chan struct{})
	go func() { // ends before pump does
		defer close(back)
		u.datagramsToGuest(f, refused)
		cancel()
	}()
	for {
		buf, n, err := u.datagram(ctx, f)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			continue // what ICMP told of an answer
		}
		if _, err := f.host.Write(buf[:n]); err != nil {
			refused(err)
		}
		u.chunks.put(buf)
	}
	f.host.Close()
	<-back
	f.guest.Close()
}

// carry makes the sweeper end an idle flow by over.
func (u *Uplink) carry(f *udpFlow, over context.CancelFunc) {
	u.mu.Lock()
	f.over = over
	u.pumps[f] = struct{}{}
	u.mu.Unlock()
	u.sweep.Wake()
}

// uncarry undoes carry.
func (u *Uplink) uncarry(f *udpFlow) {
	u.mu.Lock()
	delete(u.pumps, f)
	u.mu.Unlock()
}

// datagram waits for a guest's datagram and only then takes a buffer, which is
// the caller's when there is no error. An error is ctx's, or what ICMP told.
func (u *Uplink) datagram(ctx context.Context, f *udpFlow) (buf *[chunk]byte, n int, err error) {
	if _, err := sock.Recv(ctx, f.guest, u.root, &sock.Msg{Flags: uapi.MSG_PEEK}); err != nil {
		return nil, 0, err
	}
	buf = u.chunks.get()
	if n, err = f.guest.Recvmsg(u.root, &sock.Msg{Data: buf[:]}); err != nil {
		u.chunks.put(buf)
		return nil, 0, err
	}
	f.last.Store(int64(u.k.Now()))
	return buf, n, nil
}

// datagramsToGuest carries answers until the machine's socket is closed.
func (u *Uplink) datagramsToGuest(f *udpFlow, refused func(error)) {
	raw, err := f.host.SyscallConn()
	if err != nil {
		return
	}
	for {
		buf, n, err := u.readHost(raw)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		f.last.Store(int64(u.k.Now()))
		if err == nil {
			f.answered.Store(true)
			// A guest that refuses is heard of by the next call, whose
			// datagram it costs; nothing is sent twice.
			_, _ = f.guest.Sendmsg(u.root, &sock.Msg{Data: buf[:n]})
		} else {
			refused(err)
		}
		if buf != nil {
			u.chunks.put(buf)
		}
	}
}

// idle ends the flows that are quiet, and returns when the next one would be.
func (u *Uplink) idle(now ktime.T) (next ktime.T) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for f := range u.pumps {
		switch at := f.idleAt(); {
		case now >= at:
			f.over()
		case next == 0 || at < next:
			next = at
		}
	}
	return next
}
