package tun_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"linen/drivers/net/tun"
	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// lab is a namespace that has devices only, on a manual clock.
type lab struct {
	testing.TB
	k     *kern.Kernel
	clock *kern.ManualClock
	n     *netns.Net
}

func newLab(t testing.TB) *lab {
	l := &lab{TB: t, clock: kern.NewManualClock()}
	l.k = kern.New(kern.Config{Clock: l.clock, Seed: 1, CPUs: 2})
	t.Cleanup(l.k.Close)
	n, err := netns.New(l.k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(), dev.Pernet(),
		sock.Pernet(), tun.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	l.n = n
	return l
}

func (l *lab) new(name string, tap bool, flags uint32) *tun.File {
	l.Helper()
	f, err := tun.New(l.n, name, tap, flags)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { f.Close() })
	return f
}

func (l *lab) up(f *tun.File) {
	l.Helper()
	l.n.Lock()
	defer l.n.Unlock()
	if err := dev.Open(f.Device()); err != nil {
		l.Fatal(err)
	}
}

// send lets the stack send a packet by f's device.
func (l *lab) send(f *tun.File, proto uint16, data string) {
	c := l.k.Enter(kern.Any)
	b := skb.From(c, []byte(data))
	b.Dev, b.Protocol = f.Device(), proto
	b.SetNetworkHeader(0)
	dev.Xmit(c, b)
	c.Exit()
}

func (l *lab) expect(what string, err, want error) {
	l.Helper()
	if err != want {
		l.Errorf("%s: %v, want %v", what, err, want)
	}
}

func ifreq(name string, flags uint16) []byte {
	p := make([]byte, 40)
	copy(p, name)
	binary.NativeEndian.PutUint16(p[16:], flags)
	return p
}

func number(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// TestPackets: a TUN file carries packets, with and without the 4 bytes in front.
func TestPackets(t *testing.T) { // Documentation/networking/tuntap.rst 3.2; spec 1.15
	l := newLab(t)
	f, g := l.new("a", false, uapi.IFF_NO_PI), l.new("b", false, 0)
	l.up(f)
	l.up(g)
	l.send(f, uapi.ETH_P_IP, "\x45packet")
	l.send(g, uapi.ETH_P_IPV6, "\x60packet")
	p := make([]byte, 100)
	n, err := f.Read(p)
	if err != nil || string(p[:n]) != "\x45packet" {
		t.Errorf("%q, %v", p[:n], err)
	}
	n, err = g.Read(p)
	if err != nil || string(p[:n]) != "\x00\x00\x86\xdd\x60packet" {
		t.Errorf("%q, %v", p[:n], err)
	}
	l.send(g, uapi.ETH_P_IP, "\x45packet")
	n, err = g.Read(p[:8])
	want := append(binary.NativeEndian.AppendUint16(nil, uapi.TUN_PKT_STRIP), "\x08\x00\x45pac"...)
	if err != nil || !bytes.Equal(p[:n], want) {
		t.Errorf("cut: %q, %v", p[:n], err)
	}
	_, err = g.Recvmsg(nil, &sock.Msg{Data: p})
	l.expect("empty", err, errno.EAGAIN)
	var got [][]byte
	var protos []uint16
	for _, proto := range []uint16{uapi.ETH_P_IP, 0x1234} {
		dev.AddPacketType(l.n, &dev.PacketType{Proto: proto, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
			got, protos = append(got, append([]byte(nil), b.Data()...)), append(protos, b.Protocol)
			b.Consume(c)
		}})
	}
	for _, c := range []struct {
		f    *tun.File
		data string
		want error
	}{
		{f, "\x45x", nil}, {f, "", errno.EINVAL}, {f, "\x15", errno.EINVAL}, {g, "\x00\x00\x12\x34any", nil}, {g, "\x00\x00\x08", errno.EINVAL},
		{g, "\x00\x00\x08\x00", errno.EINVAL},
	} {
		_, err := c.f.Write([]byte(c.data))
		l.expect("write "+c.data, err, c.want)
	}
	l.clock.Settle()
	if len(got) != 2 || string(got[0]) != "\x45x" || string(got[1]) != "any" || protos[1] != 0x1234 {
		t.Errorf("received %q of %x", got, protos)
	}
	if s := f.Device().Counters(); s.TxPackets != 1 || s.RxPackets != 1 || s.RxDropped != 2 {
		t.Errorf("%+v", s)
	}
}

// TestQueueLimit: no more frames wait than tx_queue_len.
func TestQueueLimit(t *testing.T) {
	l := newLab(t)
	f := l.new("a", false, uapi.IFF_NO_PI)
	l.up(f)
	for range 600 {
		l.send(f, uapi.ETH_P_IP, "\x45")
	}
	if n, _ := f.Queued(); n != 500 {
		t.Errorf("%d wait", n)
	}
	if s := f.Device().Counters(); s.TxDropped != 100 {
		t.Errorf("%d dropped", s.TxDropped)
	}
}

// TestFileAndInterface: the interface ends with its last file unless it is
// persistent, and a file outlives its interface.
func TestFileAndInterface(t *testing.T) { // drivers/net/tun.c __tun_detach
	l := newLab(t)
	f := l.new("a", true, uapi.IFF_NO_PI)
	l.up(f)
	d := f.Device()
	if !d.Carrier() || f.Poll()&uapi.POLLERR != 0 {
		t.Error("no carrier")
	}
	g := tun.Open(sock.Root(), l.n)
	l.expect("another file", g.Ioctl(sock.Root(), uapi.TUNSETIFF, ifreq("a", uapi.IFF_TAP)), errno.EBUSY)
	l.expect("persistent", f.Ioctl(sock.Root(), uapi.TUNSETPERSIST, number(1)), nil)
	f.Close()
	if d.Carrier() || !d.Registered() {
		t.Error("a persistent interface without a file")
	}
	l.expect("take over", g.Ioctl(sock.Root(), uapi.TUNSETIFF, ifreq("a", uapi.IFF_TAP)), nil)
	if !d.Carrier() || g.Device() != d {
		t.Error("not taken over")
	}
	l.n.Lock()
	dev.Unregister(d)
	l.n.Unlock()
	_, err := g.Write(make([]byte, 20))
	l.expect("write", err, errno.EBADFD)
	if g.Poll() != uapi.POLLERR {
		t.Errorf("poll %#x", g.Poll())
	}
	l.expect("another interface", g.Ioctl(sock.Root(), uapi.TUNSETIFF, ifreq("b", uapi.IFF_TAP)), nil)
	d = g.Device()
	g.Close()
	if d.Registered() || dev.ByName(l.n, "b") != nil {
		t.Error("the interface is still there")
	}
}

// TestQueues: frames of a device with several queues go to those that are on, a
// connection's to one.
func TestQueues(t *testing.T) {
	l := newLab(t)
	f := l.new("a", false, uapi.IFF_NO_PI|uapi.IFF_MULTI_QUEUE)
	g := tun.Open(sock.Root(), l.n)
	l.expect("second", g.Ioctl(sock.Root(), uapi.TUNSETIFF, ifreq("a", uapi.IFF_TUN|uapi.IFF_MULTI_QUEUE)), nil)
	defer g.Close()
	l.up(f)
	packet := func(i int) string {
		return "\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00" + string([]byte{byte(i)}) + strings.Repeat("\x01", 8)
	}
	for i := range 64 {
		l.send(f, uapi.ETH_P_IP, packet(i&31))
	}
	a, _ := f.Queued()
	b, _ := g.Queued()
	if a == 0 || b == 0 || a%2 != 0 || a+b != 64 {
		t.Errorf("%d and %d", a, b)
	}
	l.expect("off", g.Ioctl(sock.Root(), uapi.TUNSETQUEUE, ifreq("", uapi.IFF_DETACH_QUEUE)), nil)
	for i := range 64 {
		l.send(f, uapi.ETH_P_IP, packet(i&31))
	}
	if n, _ := f.Queued(); n != a+64 {
		t.Errorf("%d of %d", n, a+64)
	}
}

// TestFilters: TUNSETTXFILTER and TUNATTACHFILTER keep frames from the reader.
func TestFilters(t *testing.T) {
	l := newLab(t)
	f := l.new("a", true, uapi.IFF_NO_PI)
	l.up(f)
	frame := func(dst string) string { return dst + "\x02\x00\x00\x00\x00\x01\x08\x00data" }
	const one, two, group = "\x02\x00\x00\x00\x00\x09", "\x02\x00\x00\x00\x00\x08", "\x01\x00\x5e\x00\x00\x01"
	taken := func(dst string) bool {
		before := f.Device().Counters().TxDropped
		l.send(f, uapi.ETH_P_IP, frame(dst))
		return f.Device().Counters().TxDropped == before
	}
	check := func(what string, a, b, c bool) {
		t.Helper()
		if x, y, z := taken(one), taken(two), taken(group); x != a || y != b || z != c {
			t.Errorf("%s: %v %v %v", what, x, y, z)
		}
	}
	check("none", true, true, true)
	l.expect("address", f.Ioctl(sock.Root(), uapi.TUNSETTXFILTER, []byte("\x00\x00\x01\x00"+one)), nil)
	check("address", true, false, false)
	l.expect("all groups", f.Ioctl(sock.Root(), uapi.TUNSETTXFILTER, []byte("\x01\x00\x01\x00"+one)), nil)
	check("all groups", true, false, true)
	l.expect("cut", f.Ioctl(sock.Root(), uapi.TUNSETTXFILTER, []byte("\x01\x00\x02\x00"+one)), errno.EFAULT)
	l.expect("off", f.Ioctl(sock.Root(), uapi.TUNSETTXFILTER, make([]byte, 4)), nil)
	refuse := []byte{6, 0, 0, 0, 0, 0, 0, 0} // ret #0
	l.expect("program", f.Ioctl(sock.Root(), uapi.TUNATTACHFILTER, refuse), nil)
	check("program", false, false, false)
	l.expect("no program", f.Ioctl(sock.Root(), uapi.TUNATTACHFILTER, nil), errno.EINVAL)
	l.expect("detach", f.Ioctl(sock.Root(), uapi.TUNDETACHFILTER, nil), nil)
	check("none", true, true, true)
}

// TestPermissions: CAP_NET_ADMIN makes interfaces, their owner and group attach.
func TestPermissions(t *testing.T) { // tun_not_capable
	l := newLab(t)
	f := l.new("a", false, uapi.IFF_MULTI_QUEUE)
	attach := func(who *sock.Caller, name string) error {
		g := tun.Open(who, l.n)
		defer g.Close()
		return g.Ioctl(who, uapi.TUNSETIFF, ifreq(name, uapi.IFF_TUN|uapi.IFF_MULTI_QUEUE))
	}
	user, member := &sock.Caller{UID: 7, GID: 7}, &sock.Caller{UID: 7, GID: 7, Groups: []uint32{9}}
	l.expect("new", attach(user, "b"), errno.EPERM)
	l.expect("nobody's", attach(user, "a"), nil)
	l.expect("owner", f.Ioctl(sock.Root(), uapi.TUNSETOWNER, number(8)), nil)
	l.expect("another's", attach(user, "a"), errno.EPERM)
	l.expect("root", attach(sock.Root(), "a"), nil)
	l.expect("owner", f.Ioctl(sock.Root(), uapi.TUNSETOWNER, number(7)), nil)
	l.expect("its own", attach(user, "a"), nil)
	l.expect("group", f.Ioctl(sock.Root(), uapi.TUNSETGROUP, number(9)), nil)
	l.expect("not of the group", attach(user, "a"), errno.EPERM)
	l.expect("of the group", attach(member, "a"), nil)
}

// TestSuperPackets: with TUNSETOFFLOAD a reader with virtio headers gets them whole,
// and what it writes with one is one.
func TestSuperPackets(t *testing.T) { // linux/virtio_net.h
	l := newLab(t)
	f := l.new("a", false, uapi.IFF_NO_PI|uapi.IFF_VNET_HDR)
	l.up(f)
	l.expect("offload", f.Ioctl(sock.Root(), uapi.TUNSETOFFLOAD, number(uapi.TUN_F_CSUM|uapi.TUN_F_TSO4)), nil)
	p := superPacket()
	var got []int
	dev.AddPacketType(l.n, &dev.PacketType{Proto: uapi.ETH_P_IP, Recv: func(c *kern.CPU, b *skb.Buff, _, d *dev.Device) {
		got = append(got, int(b.GSOSize), int(b.GSOSegs))
		o := b.Clone(c)
		o.Dev = f.Device()
		dev.Xmit(c, o)
		b.Consume(c)
	}})
	if _, err := f.Write(p); err != nil {
		t.Fatal(err)
	}
	l.clock.Settle()
	back := make([]byte, len(p)+10)
	n, err := f.Read(back)
	if err != nil || n != len(p) || !bytes.Equal(back[10:n], p[10:]) || len(got) != 2 || got[0] != 1000 || got[1] != 3 {
		t.Fatalf("%v: %d of %d bytes, %v", err, n, len(p), got)
	}
	if !bytes.Equal(back[:2], p[:2]) || !bytes.Equal(back[4:10], p[4:10]) {
		t.Errorf("header % x, want % x", back[:10], p[:10])
	}
}

// superPacket is a TCP segment of 3000 bytes behind its virtio header.
func superPacket() []byte {
	ne, be := binary.NativeEndian, binary.BigEndian
	p := []byte{1, uapi.IFF_TUN, 40, 0, 0, 0, 0, 0, 0, 0}
	p[1] = 1 // VIRTIO_NET_HDR_GSO_TCPV4
	ne.PutUint16(p[2:], 40)
	ne.PutUint16(p[4:], 1000)
	ne.PutUint16(p[6:], 20)
	ne.PutUint16(p[8:], 16)
	ip := make([]byte, 40+3000)
	ip[0], ip[8], ip[9], ip[32] = 0x45, 64, 6, 5<<4
	be.PutUint16(ip[2:], uint16(len(ip)))
	return append(p, ip...)
}

// FuzzFile: whatever ioctls, writes and reads a program makes, the file answers
// and the stack stands.
func FuzzFile(f *testing.F) {
	f.Add(uint32(uapi.TUNSETIFF), ifreq("x", uapi.IFF_TUN), []byte("\x45abc"), uint16(uapi.IFF_TUN))
	f.Add(uint32(uapi.TUNSETTXFILTER), []byte("\x00\x00\x01\x00\x02\x00\x00\x00\x00\x09"), make([]byte, 20), uint16(uapi.IFF_TAP))
	f.Add(uint32(uapi.TUNATTACHFILTER), []byte{6, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 60), uint16(uapi.IFF_TAP|uapi.IFF_NO_PI))
	f.Add(uint32(uapi.TUNSETVNETHDRSZ), number(12), superPacket(), uint16(uapi.IFF_TUN|uapi.IFF_VNET_HDR|uapi.IFF_NO_PI))
	f.Add(uint32(uapi.TUNSETQUEUE), ifreq("", uapi.IFF_DETACH_QUEUE), []byte{}, uint16(uapi.IFF_TUN|uapi.IFF_MULTI_QUEUE))
	f.Add(uint32(uapi.TUNSETOFFLOAD), number(7), superPacket(), uint16(uapi.IFF_TUN|uapi.IFF_VNET_HDR|uapi.IFF_NO_PI))
	l := newLab(f)
	f.Fuzz(func(t *testing.T, cmd uint32, arg, data []byte, flags uint16) {
		if len(arg) > 1<<12 || len(data) > 1<<16 {
			return
		}
		file := tun.Open(sock.Root(), l.n)
		defer file.Close()
		ioctl := func() error { return file.Ioctl(sock.Root(), cmd, append([]byte(nil), arg...)) }
		ioctl()
		if file.Device() == nil && file.Ioctl(sock.Root(), uapi.TUNSETIFF, ifreq("f%d", flags)) != nil {
			return
		}
		lab{TB: t, n: l.n}.openUp(file)
		for range 2 {
			n, err := file.Write(data)
			if err == nil && n != len(data) {
				t.Errorf("wrote %d of %d", n, len(data))
			}
			if file.Device() != nil && len(data) >= 20 {
				l.send(file, uapi.ETH_P_IP, string(data))
			}
			out := make([]byte, len(data)+64)
			if n, err := file.Recvmsg(nil, &sock.Msg{Data: out}); err == nil && n > len(out) {
				t.Errorf("read %d", n)
			}
			ioctl()
		}
		l.clock.Settle()
		file.Ioctl(sock.Root(), uapi.TUNSETPERSIST, number(0))
	})
}

func (l lab) openUp(f *tun.File) {
	l.n.Lock()
	defer l.n.Unlock()
	if d := f.Device(); d != nil {
		dev.Open(d) // a TAP device with a wild address stays down
	}
}
