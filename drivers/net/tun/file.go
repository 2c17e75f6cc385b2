package tun

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/vnethdr"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// A File is an open /dev/net/tun (struct tun_file). It answers as a socket does
// whose Sendmsg is write(2) and whose Recvmsg is read(2), one frame a call; the
// calls of sockets are ENOTSOCK. Its namespace is where its devices are made.
type File struct {
	sock.Sock
	sock.Datagram
	setup sync.Mutex           // one change of the attachment at a time; outside the RTNL
	link  atomic.Pointer[link] // nil: not attached
	off   atomic.Bool          // TUNSETQUEUE has switched it off
	index atomic.Int32         // TUNSETIFINDEX: for the device to be made, 0: any
}

// Open opens the device in n: a File without an interface.
func Open(who *sock.Caller, n *netns.Net) *File {
	f := new(File)
	f.Init(who, n, f, nil, uapi.AF_UNSPEC, uapi.SOCK_RAW, 0)
	return f
}

// New makes an interface of n called name, or the first free name of a pattern
// such as "tun%d", and returns its file: a TAP device when tap is set. flags are
// further ones of TUNSETIFF, IFF_NO_PI among them. The interface ends with the
// file.
func New(n *netns.Net, name string, tap bool, flags uint32) (*File, error) {
	flags |= uapi.IFF_TUN
	if tap {
		flags ^= typeMask
	}
	f := Open(sock.Root(), n)
	if _, err := f.attach(sock.Root(), name, flags); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Device returns the interface, or nil while there is none.
func (f *File) Device() *dev.Device {
	if l := f.link.Load(); l != nil {
		return l.d
	}
	return nil
}

// Read waits for a frame and reads it into p, which cuts it. EBADFD when the
// interface is gone.
func (f *File) Read(p []byte) (int, error) {
	return sock.Recv(context.Background(), f, sock.Root(), &sock.Msg{Data: p})
}

// Write sends one frame into the stack. EIO while the interface is down, EINVAL
// for what is no frame.
func (f *File) Write(p []byte) (int, error) { return f.Sendmsg(nil, &sock.Msg{Data: p}) }

// Sendmsg is write(2) (tun_get_user).
func (f *File) Sendmsg(_ *sock.Caller, m *sock.Msg) (int, error) {
	l := f.link.Load()
	if l == nil {
		return 0, errno.EBADFD
	}
	in, err := l.parse(m.Data)
	c := l.d.Kernel().Enter(int(f.Cookie()))
	defer c.Exit()
	if err == nil {
		err = l.receive(c, in)
	} else if in.alien {
		l.d.Stats.At(c).RxDropped++
	}
	if err != nil {
		return 0, err
	}
	return len(m.Data), nil
}

// Recvmsg is read(2) (tun_do_read).
func (f *File) Recvmsg(_ *sock.Caller, m *sock.Msg) (int, error) {
	l := f.link.Load()
	if l == nil {
		return 0, errno.EBADFD
	}
	b, _, err := f.Dequeue(m)
	if err != nil || b == nil {
		return 0, errno.EAGAIN
	}
	n, err := l.put(m.Data, b)
	if m.Flags&uapi.MSG_PEEK == 0 && err == nil {
		size := b.Len()
		c := l.d.Kernel().Enter(int(f.Cookie()))
		l.d.CountTx(c, size)
		c.Exit()
	}
	f.Done(b)
	return n, err
}

// Poll implements sock.Socket (tun_chr_poll).
func (f *File) Poll() sock.Events {
	l := f.link.Load()
	if l == nil {
		return uapi.POLLERR
	}
	ev := f.PollDatagram()
	if !l.d.IsUp() {
		ev &^= uapi.POLLOUT | uapi.POLLWRNORM | uapi.POLLWRBAND
	}
	return ev
}

// Close implements sock.Socket: the interface ends with its last file, unless
// it is persistent.
func (f *File) Close() error {
	f.setup.Lock()
	defer f.setup.Unlock()
	if l := f.link.Load(); l != nil {
		unlock := dev.LockWith(l.d)
		if f.link.Load() == l && l.remove(f) {
			l.d.CarrierOff()
			if l.flags.Load()&uapi.IFF_PERSIST == 0 && l.d.Registered() {
				dev.Unregister(l.d)
			}
		}
		unlock()
	}
	f.End()
	return nil
}

// empty drops what waits to be read.
func (f *File) empty() {
	for {
		b, _, err := f.Dequeue(&sock.Msg{Flags: uapi.MSG_DONTWAIT | sock.MsgSkipErr})
		if err != nil || b == nil {
			return
		}
		f.Done(b)
	}
}

// incoming is a written frame without what stood in front.
type incoming struct {
	data  []byte
	proto uint16 // of a TUN device's packet
	hdr   vnethdr.Header
	alien bool // neither IPv4 nor IPv6: an error that is counted
}

// sizeofPI is sizeof(struct tun_pi): flags, and the protocol in network order.
const sizeofPI = 4

// parse takes the headers off what a program wrote.
func (l *link) parse(p []byte) (in incoming, err error) {
	flags := l.flags.Load()
	if flags&uapi.IFF_NO_PI == 0 {
		if len(p) < sizeofPI {
			return in, errno.EINVAL
		}
		in.proto = binary.BigEndian.Uint16(p[2:])
		p = p[sizeofPI:]
	}
	if flags&uapi.IFF_VNET_HDR != 0 {
		n := int(l.hdrSize.Load())
		if len(p) < n {
			return in, errno.EINVAL
		}
		if in.hdr, err = vnethdr.Parse(p, n); err != nil {
			return in, err
		}
		p = p[n:]
	}
	in.data = p
	if flags&uapi.IFF_TAP != 0 {
		if len(p) < wire.EthHdrLen {
			return in, errno.EINVAL
		}
		return in, nil
	}
	if flags&uapi.IFF_NO_PI != 0 {
		version := uint8(0)
		if len(p) > 0 {
			version = p[0] >> 4
		}
		switch version {
		case 4:
			in.proto = uapi.ETH_P_IP
		case 6:
			in.proto = uapi.ETH_P_IPV6
		default:
			in.alien = true
			return in, errno.EINVAL
		}
	}
	return in, nil
}

// receive gives a frame to the stack.
func (l *link) receive(c *kern.CPU, in incoming) error {
	d := l.d
	if len(in.data) == 0 {
		return errno.EINVAL
	}
	b := skb.From(c, in.data)
	b.Dev = d
	b.SetMacHeader(0)
	if l.tap() {
		b.Protocol = binary.BigEndian.Uint16(in.data[12:])
		b.SetNetworkHeader(wire.EthHdrLen)
	} else {
		b.Protocol = in.proto
		b.SetNetworkHeader(0)
	}
	if !in.hdr.Apply(b) {
		d.Stats.At(c).RxErrors++
		b.Drop(c, d.Net(), skb.ReasonDevHdr)
		return errno.EINVAL
	}
	if !d.IsUp() {
		d.Stats.At(c).RxDropped++
		b.Drop(c, d.Net(), skb.ReasonDevReady)
		return errno.EIO
	}
	if l.tap() && !ethernet.TypeTrans(c, b, d) {
		return errno.EINVAL // it has counted and dropped it
	}
	if dev.Rx(c, d, b) {
		d.CountRx(c, len(in.data))
	}
	return nil
}

// put writes b, with what stands in front, to p and returns the bytes
// (tun_put_user).
func (l *link) put(p []byte, b *skb.Buff) (int, error) {
	flags := l.flags.Load()
	n, hdr := 0, 0
	if flags&uapi.IFF_VNET_HDR != 0 {
		hdr = int(l.hdrSize.Load())
	}
	if flags&uapi.IFF_NO_PI == 0 {
		if len(p) < sizeofPI {
			return 0, errno.EINVAL
		}
		clear(p[:sizeofPI])
		if len(p)-sizeofPI < b.Len()+hdr { // struct tun_pi's flags are in the machine's order
			binary.NativeEndian.PutUint16(p, uapi.TUN_PKT_STRIP)
		}
		binary.BigEndian.PutUint16(p[2:], b.Protocol)
		n = sizeofPI
	}
	if hdr > 0 {
		if len(p)-n < hdr {
			return 0, errno.EINVAL
		}
		vnethdr.Put(p[n:n+hdr], b)
		n += hdr
	}
	return n + b.CopyOut(0, p[n:n+min(len(p)-n, b.Len())]), nil
}
