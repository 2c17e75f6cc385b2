//go:build linux

package uplink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"linen/net/sock"
	"linen/uapi"
)

// A Forward is a port of the machine that leads behind the gateway.
type Forward struct {
	Proto string         // "tcp" or "udp"
	Host  netip.AddrPort // where the machine listens; port 0: any free one
	To    netip.AddrPort // an IPv4 address that the namespace has a route to
}

// connectTime is how long a guest may take to accept a forwarded connection.
const connectTime = 30 * time.Second

// Forward opens a port of the machine until the uplink closes and returns its
// address.
func (u *Uplink) Forward(f Forward) (netip.AddrPort, error) {
	if !f.To.Addr().Is4() {
		return netip.AddrPort{}, fmt.Errorf("uplink: forward to %s: not an IPv4 address", f.To)
	}
	switch f.Proto {
	case "tcp":
		return u.forwardTCP(f)
	case "udp":
		return u.forwardUDP(f)
	}
	return netip.AddrPort{}, fmt.Errorf("uplink: forward of %q: neither tcp nor udp", f.Proto)
}

// enter is start for who does not hold mu.
func (u *Uplink) enter(f func()) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.start(f)
}

func endOf(a netip.AddrPort) end {
	return end{binary.BigEndian.Uint32(a.Addr().AsSlice()), a.Port()}
}

func (u *Uplink) forwardTCP(f Forward) (netip.AddrPort, error) {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(f.Host))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("uplink: %w", err)
	}
	ok := u.enter(func() {
		stop := context.AfterFunc(u.ctx, func() { l.Close() })
		defer stop()
		for {
			c, err := l.AcceptTCP()
			switch {
			case err == nil:
				u.forwarded(c, f.To)
			case errors.Is(err, net.ErrClosed):
				return
			case !u.pause(): // such as EMFILE
				return
			}
		}
	})
	if !ok {
		l.Close()
		return netip.AddrPort{}, net.ErrClosed
	}
	return l.Addr().(*net.TCPAddr).AddrPort(), nil
}

// pause waits a moment and reports whether the uplink is still there.
func (u *Uplink) pause() bool {
	ctx, cancel := context.WithTimeout(u.ctx, 10*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	return u.ctx.Err() == nil
}

// forwarded connects one connection of the machine's to the guest.
func (u *Uplink) forwarded(c *net.TCPConn, to netip.AddrPort) {
	u.mu.Lock()
	ok := u.streams < u.cfg.MaxTCP && u.start(func() { u.connect(c, to) })
	if ok {
		u.streams++
		u.stats.TCP++
	} else {
		u.stats.Refused++
	}
	u.mu.Unlock()
	if !ok {
		reset(c)
	}
}

func (u *Uplink) connect(c *net.TCPConn, to netip.AddrPort) {
	defer func() {
		u.mu.Lock()
		u.streams--
		u.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(u.ctx, connectTime)
	defer cancel()
	s, err := sock.Create(u.root, u.n, uapi.AF_INET, uapi.SOCK_STREAM, 0)
	if err != nil {
		reset(c)
		return
	}
	if err := sock.Connect(ctx, s, u.root, uapi.AppendSockaddr(nil, to, 0)); err != nil {
		s.Close()
		reset(c)
		return
	}
	u.relay(s, c)
}

func (u *Uplink) forwardUDP(f Forward) (netip.AddrPort, error) {
	l, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(f.Host))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("uplink: %w", err)
	}
	port := &udpPort{u: u, host: l, to: endOf(f.To), clients: make(map[netip.AddrPort]*udpFlow)}
	if !u.enter(port.serve) {
		l.Close()
		return netip.AddrPort{}, net.ErrClosed
	}
	return l.LocalAddr().(*net.UDPAddr).AddrPort(), nil
}

// udpPort is a forwarded port of datagrams: each client of the machine's is a
// flow.
type udpPort struct {
	u    *Uplink
	host *net.UDPConn
	to   end

	mu      sync.Mutex // guards clients
	clients map[netip.AddrPort]*udpFlow
}

// serve carries the machine's datagrams to the guest until the uplink closes.
func (p *udpPort) serve() {
	stop := context.AfterFunc(p.u.ctx, func() { p.host.Close() })
	defer stop()
	buf := make([]byte, datagramMax)
	for {
		n, from, err := p.host.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // what ICMP told of an answer
		}
		if f := p.client(from); f != nil {
			f.last.Store(int64(p.u.k.Now()))
			_, err = f.guest.Sendmsg(p.u.root, &sock.Msg{Data: buf[:n]})
			if err == nil || errors.Is(err, syscall.EAGAIN) {
				continue
			}
			// The error was of an earlier one: once more.
			_, _ = f.guest.Sendmsg(p.u.root, &sock.Msg{Data: buf[:n]})
		}
	}
}

// client returns the flow of a client, begun if need be; nil: there are too
// many.
func (p *udpPort) client(from netip.AddrPort) *udpFlow {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.clients[from]; f != nil {
		return f
	}
	u := p.u
	s, err := u.datagramSocket(p.to, nil)
	if err != nil {
		return nil
	}
	f := &udpFlow{guest: s, ready: true}
	key := flowKey{src: p.to} // as what the guest answers comes
	if e, is := s.(ends); is {
		local, _ := e.Ends()
		key.dst = endOf(local)
	}
	f.last.Store(int64(u.k.Now()))
	u.mu.Lock()
	ok := u.datagrams < u.cfg.MaxUDP && u.start(func() { p.answers(f, key, from) })
	if ok {
		u.udp[key] = f
		u.datagrams++
		u.stats.UDP++
	} else {
		u.stats.Refused++
	}
	u.mu.Unlock()
	if !ok {
		s.Close()
		return nil
	}
	p.clients[from] = f
	return f
}

// answers carries what the guest answers one client, until the flow is idle.
func (p *udpPort) answers(f *udpFlow, key flowKey, client netip.AddrPort) {
	u := p.u
	ctx, cancel := context.WithCancel(u.ctx)
	u.carry(f, cancel)
	for {
		buf, n, err := u.datagram(ctx, f)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			f.answered.Store(true)
			_, _ = p.host.WriteToUDPAddrPort(buf[:n], client) // lost like any datagram
			u.chunks.put(buf)
		}
	}
	cancel()
	p.mu.Lock()
	delete(p.clients, client)
	p.mu.Unlock()
	u.uncarry(f)
	f.guest.Close()
	u.mu.Lock()
	delete(u.udp, key)
	u.datagrams--
	u.mu.Unlock()
}
