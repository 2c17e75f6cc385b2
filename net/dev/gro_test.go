package dev_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"linen/drivers/net/testlink"
	"linen/kern"
	"linen/lib/csum"
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// tcpFlags are the letters of TCP's flags, from the lowest bit on.
const tcpFlags = "FSRPAUEC"

// groFrame is one frame of testdata/gro-6.18.txt; the defaults stand there.
type groFrame struct {
	kind, flags string
	v           map[string]int
}

// parseFrames reads the text of some frames.
func parseFrames(t testing.TB, text string) (frames [][]byte) {
	t.Helper()
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		n := 1
		if i, err := strconv.Atoi(words[0]); err == nil {
			n, words = i, words[1:]
		}
		f := groFrame{words[0], "A", map[string]int{
			"len": 1000, "ack": 1, "win": 100, "id": 1, "df": 1, "ttl": 64, "sport": 1000, "smac": 1, "ts": -1,
		}}
		counts := map[string]bool{}
		for _, w := range words[1:] {
			k, x, _ := strings.Cut(w, "=")
			switch i, err := strconv.Atoi(x); {
			case k == "flags":
				f.flags = x
			case x == "+":
				counts[k] = true
			case err != nil:
				t.Fatal(w, err)
			default:
				f.v[k] = i
			}
		}
		for i := range n {
			if counts["id"] {
				f.v["id"] = i + 1
			}
			if counts["seq"] {
				f.v["seq"] = i * f.v["len"]
			}
			frames = append(frames, f.bytes())
		}
	}
	return frames
}

// transport returns the segment or datagram without its checksum, and where
// that goes.
func (f *groFrame) transport() (l []byte, at int) {
	payload := make([]byte, f.v["len"])
	for i := range payload {
		payload[i] = byte(i)
	}
	be := binary.BigEndian
	l = be.AppendUint16(be.AppendUint16(nil, uint16(f.v["sport"])), 80)
	if strings.HasPrefix(f.kind, "udp") {
		l = be.AppendUint16(l, uint16(8+len(payload)))
		return append(append(l, 0, 0), payload...), 6
	}
	var opt []byte
	if ts := f.v["ts"]; ts >= 0 {
		opt = be.AppendUint32(be.AppendUint32([]byte{1, 1, 8, 10}, uint32(ts)), 9)
	}
	bits := byte(0)
	for _, c := range f.flags {
		bits |= 1 << strings.IndexRune(tcpFlags, c)
	}
	l = be.AppendUint32(be.AppendUint32(l, uint32(f.v["seq"])), uint32(f.v["ack"]))
	l = be.AppendUint16(append(l, byte(20+len(opt))<<2, bits), uint16(f.v["win"]))
	return append(append(append(l, 0, 0, 0, 0), opt...), payload...), 16
}

func (f *groFrame) bytes() []byte {
	l, at := f.transport()
	be, proto := binary.BigEndian, uint8(uapi.IPPROTO_TCP)
	if strings.HasPrefix(f.kind, "udp") {
		proto = uapi.IPPROTO_UDP
	}
	var ip []byte
	var sum uint32
	typ := uint16(uapi.ETH_P_IP)
	if strings.HasSuffix(f.kind, "6") {
		typ = uapi.ETH_P_IPV6
		src, dst := [16]byte{0: 0xfd, 15: 1}, [16]byte{0: 0xfd, 15: 2}
		ip = be.AppendUint32(nil, uint32(6<<28|f.v["tos"]<<20|f.v["label"]))
		ip = append(append(append(be.AppendUint16(ip, uint16(len(l))), proto, byte(f.v["ttl"])), src[:]...), dst[:]...)
		sum = csum.Pseudo6(&src, &dst, proto, len(l))
	} else {
		ip = make([]byte, 20+4*f.v["ipopt"])
		copy(ip, []byte{0x45 + byte(f.v["ipopt"]), byte(f.v["tos"])})
		be.PutUint16(ip[2:], uint16(len(ip)+len(l)))
		be.PutUint16(ip[4:], uint16(f.v["id"]))
		be.PutUint16(ip[6:], uint16(f.v["df"]<<14|f.v["mf"]<<13))
		copy(ip[8:], []byte{byte(f.v["ttl"]), proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0}[:len(ip)-8])
		be.PutUint16(ip[10:], csum.Checksum(ip))
		sum = csum.Pseudo4(0x0a000001, 0x0a000002, proto, len(l))
	}
	if f.v["zero"] == 0 {
		field := csum.Fold(csum.Sum(l, sum))
		be.PutUint16(l[at:], field^uint16(0x55*f.v["bad"]))
	}
	h := frame(ourMAC, typ, append(append(ip, l...), make([]byte, f.v["pad"])...)...)
	h[11] = byte(f.v["smac"])
	return h
}

// packetText is a received packet as the recording shows it.
func packetText(b *skb.Buff) string {
	b.Linearize()
	p, id, n := b.Data(), 0, 40
	proto, end := p[6], 40+int(binary.BigEndian.Uint16(p[4:]))
	if p[0]>>4 == 4 {
		n, proto, id = int(p[0]&15)*4, p[9], int(binary.BigEndian.Uint16(p[4:]))
		end = int(binary.BigEndian.Uint16(p[2:]))
	}
	l := p[n:end]
	if proto == uapi.IPPROTO_UDP {
		return fmt.Sprintf("len=%d gso=%d id=%d", len(l)-8, b.GSOSize, id)
	}
	flags := ""
	for i, c := range tcpFlags {
		if l[13]>>i&1 != 0 {
			flags += string(c)
		}
	}
	return fmt.Sprintf("len=%d gso=%d flags=%s id=%d", len(l)-int(l[12]>>4)*4, b.GSOSize, flags, id)
}

// groNet is a namespace on a kernel of its own.
func groNet(t testing.TB) *netns.Net {
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	t.Cleanup(k.Close)
	return newNet(t, k)
}

// groPort is a device with GRO; got is told of each packet that goes up.
func groPort(t testing.TB, n *netns.Net, got func(c *kern.CPU, b *skb.Buff)) *testlink.Port {
	p, err := testlink.NewPort(n, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	n.Lock()
	defer n.Unlock()
	for _, err := range []error{
		dev.SetAddr(p.Dev, ourMAC[:]), dev.Open(p.Dev), dev.ChangeFeatures(p.Dev, dev.FeatGRO, dev.FeatGRO),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, proto := range []uint16{uapi.ETH_P_IP, uapi.ETH_P_IPV6} {
		dev.AddPacketType(n, &dev.PacketType{Proto: proto, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) { got(c, b) }})
	}
	return p
}

// TestGROAsLinux holds what 6.18 merges and what it does not.
func TestGROAsLinux(t *testing.T) { // spec 1.34, 11.86
	text, err := os.ReadFile("testdata/gro-6.18.txt")
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "\n\n") {
		name, in, out, says, forward := "", "", "", dev.UDPNobody, dev.Features(0)
		for l := range strings.SplitSeq(strings.TrimSpace(part), "\n") {
			switch word, rest, _ := strings.Cut(l, " "); word {
			case "case":
				name = rest
			case "in":
				in = rest
			case "out":
				out = rest
			case "sock":
				says = map[string]dev.UDPGRO{"plain": dev.UDPPlain, "gro": dev.UDPMerging}[rest]
			case "forwarding":
				forward = dev.FeatGROUDPForward
			}
		}
		if name == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			n := groNet(t)
			var got []string
			p := groPort(t, n, func(c *kern.CPU, b *skb.Buff) { got = append(got, packetText(b)); b.Consume(c) })
			locked(n, func() { must(t, dev.ChangeFeatures(p.Dev, forward, dev.FeatGROUDPForward)) })
			dev.SetUDPGRO(n, func(*kern.CPU, *skb.Buff, int) dev.UDPGRO { return says })
			p.Inject(parseFrames(t, in)...)
			if s := strings.Join(got, "; "); s != out {
				t.Errorf("got  %s\nwant %s", s, out)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestGROIsUndoneByGSO: what was merged and is sent on leaves as the very frames
// that came.
func TestGROIsUndoneByGSO(t *testing.T) { // spec 1.34
	for _, in := range []string{
		"tcp seq=0 id=1; tcp seq=1000 id=2; tcp seq=2000 flags=PA len=77 id=3",
		"3 tcp seq=+ id=9",
		"tcp seq=0 df=0 id=9 ts=5; tcp seq=1000 df=0 id=9 ts=5",
		"40 tcp seq=+ len=1400 id=+",
		"tcp6 seq=0; tcp6 seq=1000; tcp6 seq=2000 len=1 flags=FA",
		"udp id=1; udp id=2; udp id=3 len=5",
		"3 udp id=7",
		"tcp seq=0 flags=CA id=1; tcp seq=1000 id=2; tcp seq=2000 id=3",
	} {
		n := groNet(t)
		dev.SetUDPGRO(n, func(*kern.CPU, *skb.Buff, int) dev.UDPGRO { return dev.UDPMerging })
		out, sent := newPort(t, n, "out0")
		packets := 0
		p := groPort(t, n, func(c *kern.CPU, b *skb.Buff) {
			packets++
			b.PushToMac()
			b.Dev = out.Dev
			dev.Xmit(c, b)
		})
		frames := parseFrames(t, in)
		p.Inject(frames...)
		if packets >= len(frames) {
			t.Errorf("%s: nothing was merged", in)
		}
		if len(*sent) != len(frames) {
			t.Fatalf("%s: %d frames, want %d", in, len(*sent), len(frames))
		}
		for i := range frames {
			if !bytes.Equal((*sent)[i], frames[i]) {
				t.Errorf("%s: frame %d\n%x\nwant\n%x", in, i, (*sent)[i][:60], frames[i][:60])
			}
		}
	}
}

// TestGROOfTaggedFrames: the tag is taken off in front of GRO, and frames of two
// VLANs are not of one flow.
func TestGROOfTaggedFrames(t *testing.T) { // spec 1.34, 1.38
	n := groNet(t)
	var got []string
	p := groPort(t, n, func(_ *kern.CPU, b *skb.Buff) {})
	p.Dev.SetVLANs(func(d *dev.Device, b *skb.Buff) *dev.Device {
		got = append(got, fmt.Sprintf("%d %x/%d: %d", b.Len(), b.VLANProto, b.VLANTCI&0xfff, b.GSOSegs))
		return nil
	})
	var frames [][]byte
	for i, f := range parseFrames(t, "4 tcp seq=+ id=+") {
		tag := []byte{0x81, 0, 0, byte(7 + i/2)}
		frames = append(frames, append(append(bytes.Clone(f[:12]), tag...), f[12:]...))
	}
	p.Inject(frames...)
	if s := strings.Join(got, ", "); s != "2040 8100/7: 2, 2040 8100/8: 2" {
		t.Error(s)
	}
}

func TestGROKeepsAtMost64Datagrams(t *testing.T) { // UDP_GRO_CNT_MAX, and one poll
	n := groNet(t)
	dev.SetUDPGRO(n, func(*kern.CPU, *skb.Buff, int) dev.UDPGRO { return dev.UDPMerging })
	var got []string
	p := groPort(t, n, func(c *kern.CPU, b *skb.Buff) { got = append(got, packetText(b)); b.Consume(c) })
	p.Inject(parseFrames(t, "100 udp len=10 id=+")...)
	if s := strings.Join(got, "; "); s != "len=640 gso=10 id=1; len=360 gso=10 id=65" {
		t.Error(s)
	}
}

func TestGROOfAClosingDevice(t *testing.T) { // what is held goes with it
	n := groNet(t)
	p := groPort(t, n, func(c *kern.CPU, b *skb.Buff) { b.Consume(c) })
	p.Inject(parseFrames(t, "9 tcp seq=+ id=+")...)
	locked(n, func() { dev.Unregister(p.Dev) })
	if got := p.Dev.Registered(); got {
		t.Error("still registered")
	}
}

// groBatch are 64 frames of four flows, for one poll.
func groBatch(t testing.TB) [][]byte {
	var frames [][]byte
	for i := range 16 {
		for flow := range 4 {
			frames = append(frames, parseFrames(t, fmt.Sprintf("tcp sport=%d seq=%d len=1400 id=%d", 1000+flow, i*1400, i))...)
		}
	}
	return frames
}

func TestGROAllocatesNothing(t *testing.T) {
	n := groNet(t)
	p := groPort(t, n, func(c *kern.CPU, b *skb.Buff) { b.Consume(c) })
	frames := groBatch(t)
	if allocs := testing.AllocsPerRun(100, func() { p.Inject(frames[:32]...) }); allocs >= 1 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkGRO64(b *testing.B) {
	n := groNet(b)
	p := groPort(b, n, func(c *kern.CPU, b *skb.Buff) { b.Consume(c) })
	frames := groBatch(b)
	b.SetBytes(64 * 1400)
	b.ReportAllocs()
	for b.Loop() {
		p.Inject(frames...)
	}
}

func FuzzGRO(f *testing.F) {
	for _, in := range []string{"tcp seq=0 id=1; tcp seq=1000 id=2", "tcp6; tcp6 seq=1000", "udp id=1; udp id=2", "tcp ipopt=1", "tcp len=1 pad=5"} {
		var all []byte
		for _, p := range parseFrames(f, in) {
			all = append(binary.BigEndian.AppendUint16(all, uint16(len(p))), p...)
		}
		f.Add(all)
	}
	n, out := groNet(f), 0
	dev.SetUDPGRO(n, func(*kern.CPU, *skb.Buff, int) dev.UDPGRO { return dev.UDPMerging })
	p := groPort(f, n, func(c *kern.CPU, b *skb.Buff) { out += max(1, int(b.GSOSegs)); b.Consume(c) })
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		in := 0
		out = 0
		var frames [][]byte
		for len(data) > 2 {
			l := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			if f := data[2 : 2+l]; l >= wire.EthHdrLen && bytes.Equal(f[:6], ourMAC[:]) && (f[12] == 8 && f[13] == 0 || f[12] == 0x86 && f[13] == 0xdd) {
				frames, in = append(frames, f), in+1
			}
			data = data[2+l:]
		}
		p.Inject(frames...)
		if in != out {
			t.Errorf("%d frames in, %d segments out", in, out)
		}
	})
}
