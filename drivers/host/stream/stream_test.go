package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"linen/drivers/host/port"
	"linen/drivers/net/loopback"
	"linen/kern"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

func newNet(t testing.TB) *netns.Net {
	t.Helper()
	k := kern.New(kern.Config{Seed: 1})
	n, err := netns.New(k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(),
		dev.Pernet(), loopback.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	return n
}

func up(t testing.TB, d *dev.Device) {
	t.Helper()
	d.Net().Lock()
	defer d.Net().Unlock()
	if err := dev.Open(d); err != nil {
		t.Fatal(err)
	}
}

// send makes d send count numbered frames of size bytes.
func send(d *dev.Device, count, size int) {
	for i := range count {
		c := d.Kernel().Enter(kern.Any)
		b := skb.From(c, append(binary.BigEndian.AppendUint32(nil, uint32(i)), make([]byte, size-4)...))
		b.Dev, b.Protocol = d, uapi.ETH_P_802_EX1
		b.SetNetworkHeader(0)
		d.Header(b, uapi.ETH_P_802_EX1, d.Broadcast(), nil)
		dev.Xmit(c, b)
		c.Exit()
	}
}

// arrivals returns a channel of the numbers of the frames that d's namespace
// receives.
func arrivals(n *netns.Net) <-chan int {
	got := make(chan int, 1024)
	dev.AddPacketType(n, &dev.PacketType{Proto: uapi.ETH_P_802_EX1, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
		b.MayPull(4)
		got <- int(binary.BigEndian.Uint32(b.Data()))
		b.Consume(c)
	}})
	return got
}

func wantInOrder(t *testing.T, got <-chan int, count int) {
	t.Helper()
	for i := range count {
		if n := <-got; n != i {
			t.Fatalf("frame %d came, want %d", n, i)
		}
	}
}

// socketPair returns both ends of a UNIX stream connection.
func socketPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestFramesCrossAStreamInOrder(t *testing.T) {
	n1, n2 := newNet(t), newNet(t)
	c1, c2 := socketPair(t)
	p1, err := New(n1, "eth%d", c1)
	if err != nil {
		t.Fatal(err)
	}
	p2, err := New(n2, "eth0", c2)
	if err != nil {
		t.Fatal(err)
	}
	up(t, p1.Dev)
	up(t, p2.Dev)
	got := arrivals(n2)
	send(p1.Dev, 500, 60)
	wantInOrder(t, got, 500)
	if s := p1.Dev.Counters(); s.TxPackets != 500 || s.TxBytes != 500*74 {
		t.Errorf("sent %d packets of %d bytes", s.TxPackets, s.TxBytes)
	}
}

func TestTheOthersHangUpIsCarrierLoss(t *testing.T) {
	n := newNet(t)
	c1, c2 := socketPair(t)
	p, err := New(n, "eth0", c1)
	if err != nil {
		t.Fatal(err)
	}
	up(t, p.Dev)
	down := make(chan bool, 16)
	if _, err := dev.Notifiers(n).Add(0, func(e *dev.Event) error {
		if e.Dev == p.Dev && e.Type == dev.EventChange {
			down <- !p.Dev.Carrier()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c2.Close()
	for off := range down {
		if off {
			break
		}
	}
	if !errors.Is(p.Err(), io.EOF) {
		t.Errorf("the wire ended with %v, want EOF", p.Err())
	}
	p.Close()
	p.Close() // again
	if dev.ByName(n, "eth0") != nil {
		t.Error("the device is still there")
	}
}

func TestTheNamespacesEndIsTheWires(t *testing.T) {
	n := newNet(t)
	c1, c2 := socketPair(t)
	p, err := New(n, "eth0", c1)
	if err != nil {
		t.Fatal(err)
	}
	up(t, p.Dev)
	n.Close()
	if _, err := io.Copy(io.Discard, c2); err != nil { // to its end
		t.Error(err)
	}
	p.Close()
	if p.Err() != nil {
		t.Errorf("the wire ended with %v", p.Err())
	}
}

func TestALengthThatMakesNoSenseEndsTheWire(t *testing.T) {
	n := newNet(t)
	c1, c2 := socketPair(t)
	p, err := New(n, "eth0", c1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := c2.Write([]byte{0, 1, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for p.Dev.Carrier() { // goes with the wire
		runtime.Gosched()
	}
	if !errors.Is(p.Err(), ErrFrame) {
		t.Error(p.Err())
	}
	n.Lock()
	defer n.Unlock()
	if err := p.Dev.Ops.(dev.CarrierChanger).ChangeCarrier(p.Dev, true); !errors.Is(err, errno.ENOLINK) {
		t.Errorf("plugging in a wire that has ended: %v", err)
	}
}

func TestDatagrams(t *testing.T) {
	n1, n2 := newNet(t), newNet(t)
	var ports [2]*port.Port
	dir := t.TempDir()
	addr := [2]*net.UnixAddr{{Name: filepath.Join(dir, "0"), Net: "unixgram"}, {Name: filepath.Join(dir, "1"), Net: "unixgram"}}
	var conns [2]*net.UnixConn
	for i := range conns {
		var err error
		if conns[i], err = net.ListenUnixgram("unixgram", addr[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range []*netns.Net{n1, n2} {
		var err error
		if ports[i], err = NewDatagram(n, "eth0", conns[i], addr[1-i]); err != nil {
			t.Fatal(err)
		}
		up(t, ports[i].Dev)
	}
	got := arrivals(n2)
	send(ports[0].Dev, 200, 1400)
	wantInOrder(t, got, 200)
}

func TestAFullQueueDropsAndCounts(t *testing.T) {
	n := newNet(t)
	c1, c2 := net.Pipe() // nobody reads: the writer blocks at its first frame
	p, err := New(n, "eth0", c1)
	if err != nil {
		t.Fatal(err)
	}
	up(t, p.Dev)
	send(p.Dev, 5000, 60)
	if drops := skb.Drops(n)[skb.ReasonFullRing]; drops < 2000 || p.Dev.Counters().TxDropped != drops {
		t.Errorf("%d dropped for a full ring, tx_dropped %d", drops, p.Dev.Counters().TxDropped)
	}
	p.Close()
	c2.Close()
}

// loop is a connection whose read side is given and whose writes are kept.
type loop struct {
	io.Reader
	bytes.Buffer
	mu sync.Mutex
}

func (l *loop) Read(p []byte) (int, error) { return l.Reader.Read(p) }
func (l *loop) Close() error               { return nil }

func (l *loop) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// FuzzFraming reads any bytes as a stream: it must give exactly the frames
// that a plain reading gives, and writing them must give them back.
func FuzzFraming(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 1, 9})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 0, 0, 0, 3, 1})
	f.Add([]byte{0, 1, 0, 0, 1})
	f.Add(append([]byte{0, 0, 0xff, 0xff}, make([]byte, 0xffff)...))
	f.Fuzz(func(t *testing.T, p []byte) {
		want, whole := frames(p)
		w := newWire(&loop{Reader: bytes.NewReader(p)})
		var got [][]byte
		var err error
		for err == nil {
			b := port.NewBatch()
			err = w.Receive(b)
			for frame := range b.All() {
				got = append(got, bytes.Clone(frame))
			}
		}
		if (err == io.EOF) != whole {
			t.Fatalf("ended with %v", err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d frames, want %d", len(got), len(want))
		}
		b := port.NewBatch()
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("frame %d is %x, want %x", i, got[i], want[i])
			}
			b.Commit(copy(b.Room(), got[i]))
		}
		out := &loop{Reader: bytes.NewReader(nil)}
		if err := newWire(out).Send(b); err != nil {
			t.Fatal(err)
		}
		if again, ok := frames(out.Bytes()); !ok || len(again) != len(want) {
			t.Fatalf("written, %d frames are there, %v", len(again), ok)
		}
	})
}

// frames cuts p plainly; whole is whether nothing was left or wrong.
func frames(p []byte) (list [][]byte, whole bool) {
	for len(p) >= 4 {
		n := binary.BigEndian.Uint32(p)
		if n > port.MaxFrame || uint64(len(p)) < 4+uint64(n) {
			return list, false
		}
		if n > 0 {
			list = append(list, p[4:4+n])
		}
		p = p[4+n:]
	}
	return list, len(p) == 0
}
