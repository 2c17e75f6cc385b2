//go:build linux

package uplink

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"linen/kern"
	"linen/lib/csum"
	"linen/lib/ktime"
	"linen/net/netfilter"
	"linen/uapi"
	"linen/wire"
)

// echoTimeout is when a quiet ping is over (nf_conntrack_icmp_timeout).
const echoTimeout = ktime.T(30 * time.Second)

// echoKey names a guest's ping: source, destination, identifier.
type echoKey struct {
	src, dst uint32
	id       uint16
}

// echoFlow is a guest's ping and the machine's ping socket for it.
type echoFlow struct {
	requests chan packet
	over     context.CancelFunc // guarded by Uplink.mu
	last     atomic.Int64

	mu     sync.Mutex // guards newest
	newest packet     // the last request, for ICMP to quote
}

// CanPing returns why this process has no ping sockets, or nil
// (net.ipv4.ping_group_range).
func CanPing() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	return unix.Close(fd)
}

// inputEcho sends a guest's echo request on, if it is not for the gateway.
func (u *Uplink) inputEcho(c *kern.CPU, p packet, key echoKey) netfilter.Verdict {
	if _, ok := u.target(uapi.IPPROTO_ICMP, end{addr: key.dst}); !ok {
		return netfilter.Accept
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	f := u.echo[key]
	if f == nil {
		if len(u.echo) >= u.cfg.MaxEcho {
			u.stats.Refused++
			return netfilter.Drop
		}
		f = &echoFlow{requests: make(chan packet, maxParked)}
		var ctx context.Context
		ctx, f.over = context.WithCancel(u.ctx)
		if !u.start(func() { u.ping(ctx, f, key) }) {
			f.over()
			return netfilter.Drop
		}
		u.echo[key] = f
		u.stats.Echo++
		u.sweep.Wake()
	}
	f.last.Store(int64(c.Now()))
	select {
	case f.requests <- p:
		return netfilter.Stolen
	default:
		return netfilter.Drop
	}
}

// idleEcho ends pings that are quiet.
func (u *Uplink) idleEcho(now ktime.T) (next ktime.T) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, f := range u.echo {
		switch at := ktime.T(f.last.Load()) + echoTimeout; {
		case now >= at:
			f.over()
		case next == 0 || at < next:
			next = at
		}
	}
	return next
}

// ping is the life of a guest's ping.
func (u *Uplink) ping(ctx context.Context, f *echoFlow, key echoKey) {
	host, err := pingSocket()
	if err == nil {
		u.pings(ctx, f, key, host)
	} // else its requests are lost
	u.mu.Lock()
	delete(u.echo, key)
	u.mu.Unlock()
	f.over()
	for {
		select {
		case p := <-f.requests:
			u.drop(p)
		default:
			return
		}
	}
}

// pings carries requests and answers until ctx ends.
func (u *Uplink) pings(ctx context.Context, f *echoFlow, key echoKey, host *os.File) {
	stop := context.AfterFunc(ctx, func() { host.Close() })
	defer stop()
	back := make(chan struct{})
	go func() { // ends before pings does
		defer close(back)
		u.pong(ctx, host, f, key)
	}()
	to := unix.SockaddrInet4{Addr: addrOf(key.dst).As4()}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case p := <-f.requests:
			message := echoOf(p)
			f.mu.Lock()
			old := f.newest
			f.newest = p
			f.mu.Unlock()
			if old.b != nil {
				u.drop(old)
			}
			if err := sendTo(host, message, &to); err != nil {
				u.answerPing(f, err)
			}
		}
	}
	host.Close()
	<-back
	if f.newest.b != nil {
		u.drop(f.newest)
	}
}

// answerPing tells a guest what became of its last request.
func (u *Uplink) answerPing(f *echoFlow, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.newest.b != nil {
		u.answer(f.newest, err)
	}
}

// pingSocket returns a ping socket of the machine.
func pingSocket() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_ICMP)
	if err != nil {
		return nil, err
	}
	// Errors that ICMP tells come back by the next call.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "ping"), nil
}

// sendTo sends by a socket whose calls do not wait.
func sendTo(host *os.File, p []byte, to unix.Sockaddr) error {
	raw, err := host.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := raw.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), p, 0, to)
		return sent != unix.EAGAIN
	}); err != nil {
		return err
	}
	return sent
}

// echoOf returns the ICMP message of a request.
func echoOf(p packet) []byte {
	h, _ := wire.AsIPv4(p.b.Data())
	m := make([]byte, p.b.Len()-h.IHL())
	p.b.CopyOut(h.IHL(), m)
	return m
}

// pong gives the guest the answers, with its own identifier in place of the
// machine's, and the errors.
func (u *Uplink) pong(ctx context.Context, host *os.File, f *echoFlow, key echoKey) {
	buf := make([]byte, datagramMax)
	for ctx.Err() == nil {
		const room = wire.IPv4HdrLen
		n, err := host.Read(buf[room:])
		if err != nil {
			if ctx.Err() == nil {
				u.answerPing(f, err)
			}
			continue
		}
		icmp, ok := wire.AsICMP(buf[room : room+n])
		if !ok || icmp.Type() != wire.ICMPEchoReply {
			continue
		}
		icmp.SetID(key.id)
		icmp.SetCheck(0)
		icmp.SetCheck(csum.Checksum(buf[room : room+n]))
		u.sendICMP(buf[:room+n], key.dst, key.src)
	}
}
