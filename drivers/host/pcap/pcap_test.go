package pcap_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"linen/drivers/host/pcap"
	"linen/drivers/net/loopback"
	"linen/drivers/net/testlink"
	"linen/kern"
	"linen/lib/pcapng"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
)

// newPort makes a namespace with a device, up, that nobody answers.
func newPort(t *testing.T) *testlink.Port {
	t.Helper()
	k := kern.New(kern.Config{Seed: 1})
	n, err := netns.New(k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(),
		dev.Pernet(), loopback.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	p, err := testlink.NewPort(n, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	n.Lock()
	defer n.Unlock()
	if err := dev.Open(p.Dev); err != nil {
		t.Fatal(err)
	}
	return p
}

// frame is a broadcast of an EtherType that nobody wants, with a number.
func frame(i int) []byte {
	f := bytes.Repeat([]byte{0xff}, 6)
	f = append(f, 2, 0, 0, 0, 0, 9)
	f = binary.BigEndian.AppendUint16(f, uapi.ETH_P_802_EX1)
	return append(binary.BigEndian.AppendUint32(f, uint32(i)), make([]byte, 42)...)
}

func send(d *dev.Device, data []byte) {
	c := d.Kernel().Enter(kern.Any)
	b := skb.From(c, data)
	b.Dev, b.Protocol = d, uapi.ETH_P_802_EX1
	b.SetNetworkHeader(14)
	dev.Xmit(c, b)
	c.Exit()
}

// read returns a capture's interfaces and packets.
func read(t *testing.T, data []byte) (faces []pcapng.Interface, packets []pcapng.Packet) {
	t.Helper()
	r, err := pcapng.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Interfaces(), packets
		}
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, p)
	}
}

func TestBothDirectionsAndDropsAreRecorded(t *testing.T) {
	p := newPort(t)
	n := p.Dev.Net()
	var out bytes.Buffer
	rec, err := pcap.NewRecorder(&out, pcap.Config{}, pcap.Source{Name: "n:eth0", Dev: p.Dev, Net: n}, pcap.Source{Name: "n:drops", Net: n})
	if err != nil {
		t.Fatal(err)
	}
	p.Inject(frame(1))
	send(p.Dev, frame(2))
	p.Inject(frame(4)[:10]) // too short for a link header
	if err := errors.Join(rec.Close(), rec.Close()); err != nil {
		t.Fatal(err)
	}
	p.Inject(frame(3)) // nobody records any more
	faces, packets := read(t, out.Bytes())
	if len(faces) != 2 || faces[0].Name != "n:eth0" || faces[1].Name != "n:drops" || faces[1].LinkType != pcapng.LinkSLL2 {
		t.Errorf("interfaces %+v", faces)
	}
	if len(packets) != 3 {
		t.Fatalf("%d packets, want 3", len(packets))
	}
	for _, q := range packets {
		switch {
		case q.Interface == 1:
			if len(q.Comments) != 1 || !strings.HasPrefix(q.Comments[0], "PKT_TOO_SMALL: ") || !bytes.Equal(q.Data[20:], frame(4)[:10]) {
				t.Errorf("the drop: %q, %x", q.Comments, q.Data)
			}
		case q.Dir() == pcapng.Inbound:
			if !bytes.Equal(q.Data, frame(1)) {
				t.Errorf("received: %x", q.Data)
			}
		case !bytes.Equal(q.Data, frame(2)):
			t.Errorf("sent: %x", q.Data)
		}
	}
}

func TestFilterSnapLenAndLimit(t *testing.T) {
	p := newPort(t)
	var out bytes.Buffer
	even := func(f *pcap.Frame) bool { return f.Packet[3]%2 == 0 && f.Proto == uapi.ETH_P_802_EX1 && f.Len == 46 }
	rec, err := pcap.NewRecorder(&out, pcap.Config{SnapLen: 20, Filter: even, Limit: 3},
		pcap.Source{Name: "n:eth0", Dev: p.Dev, Net: p.Dev.Net()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		p.Inject(frame(i))
	}
	<-rec.Done() // by itself
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	_, packets := read(t, out.Bytes())
	if len(packets) != 3 {
		t.Fatalf("%d packets, want 3", len(packets))
	}
	for i, q := range packets {
		if q.OrigLen != 60 || !bytes.Equal(q.Data, frame(2 * i)[:20]) {
			t.Errorf("packet %d: %d bytes of %d: %x", i, len(q.Data), q.OrigLen, q.Data)
		}
	}
}

// stalled is a file that is not written until it is let go.
type stalled struct {
	bytes.Buffer
	begun, let chan struct{}
	writes     int
}

func (s *stalled) Write(p []byte) (int, error) {
	if s.writes++; s.writes == 3 { // behind the section and the interface
		close(s.begun)
		<-s.let
	}
	return s.Buffer.Write(p)
}

func TestLossesAreCounted(t *testing.T) {
	p := newPort(t)
	out := &stalled{begun: make(chan struct{}), let: make(chan struct{})}
	rec, err := pcap.NewRecorder(out, pcap.Config{}, pcap.Source{Name: "n:eth0", Dev: p.Dev, Net: p.Dev.Net()})
	if err != nil {
		t.Fatal(err)
	}
	p.Inject(frame(0))
	<-out.begun
	const sent = 200
	big := append(frame(1), make([]byte, 1<<16)...)
	for range sent {
		p.Inject(big)
	}
	close(out.let)
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	_, packets := read(t, out.Bytes())
	told := 0
	for _, q := range packets {
		told += int(q.Drops)
	}
	if told == 0 || len(packets)+told != sent+1 {
		t.Errorf("%d packets, %d told to be lost, of %d", len(packets), told, sent+1)
	}
}

func TestAFileThatCannotBeWrittenEndsIt(t *testing.T) {
	p := newPort(t)
	r, w := io.Pipe()
	go func() {
		_, _ = io.ReadFull(r, make([]byte, 100)) // the beginning
		r.Close()
	}()
	rec, err := pcap.NewRecorder(w, pcap.Config{}, pcap.Source{Name: "n:eth0", Dev: p.Dev, Net: p.Dev.Net()})
	if err == nil {
		p.Inject(frame(1))
		<-rec.Done()
		err = rec.Close()
	}
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v, want a closed pipe", err)
	}
}

func TestReplay(t *testing.T) {
	from, to := newPort(t), newPort(t)
	var out bytes.Buffer
	rec, err := pcap.NewRecorder(&out, pcap.Config{}, pcap.Source{Name: "n:eth0", Dev: from.Dev, Net: from.Dev.Net()},
		pcap.Source{Name: "n:drops", Net: from.Dev.Net()}) // which are no frames
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		from.Inject(frame(i))
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	var got []uint32
	dev.AddPacketType(to.Dev.Net(), &dev.PacketType{Proto: uapi.ETH_P_802_EX1, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
		got = append(got, binary.BigEndian.Uint32(b.Data()))
		b.Consume(c)
	}})
	n, err := pcap.Replay(context.Background(), to.Dev, &out)
	if err != nil || n != 100 || len(got) != 100 || got[99] != 99 {
		t.Errorf("%d frames, %v: %v", n, err, got)
	}
}
