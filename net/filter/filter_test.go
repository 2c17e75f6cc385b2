package filter

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// loopback is the device that the recorded packets came in by.
type loopback struct{}

func (loopback) Ifindex() int         { return 1 }
func (loopback) Name() string         { return "lo" }
func (loopback) Net() *netns.Net      { return nil }
func (loopback) HardwareType() uint16 { return uapi.ARPHRD_LOOPBACK }

// datagram is the packet of record.py as the kernel's filter sees it: 64 bytes
// from 127.0.0.1:5000 to :4000, the data at the UDP header, the checksum still
// partial.
func datagram(c *kern.CPU) *skb.Buff {
	const front = 14 + 20
	b := skb.Alloc(c, 256)
	p := b.Put(front + 8 + 64)
	clear(p)
	p[12] = 8
	ip, _ := wire.AsIPv4(append(p[14:14:front], 0x45)[:20])
	ip.SetTotLen(92)
	ip.SetFragOff(wire.IPv4DF)
	ip.SetTTL(64)
	ip.SetProto(uapi.IPPROTO_UDP)
	ip.SetSaddr(0x7f000001)
	ip.SetDaddr(0x7f000001)
	wire.SendCheck4(p[14:front])
	h := p[front:]
	binary.BigEndian.PutUint16(h, 5000)
	binary.BigEndian.PutUint16(h[2:], 4000)
	binary.BigEndian.PutUint16(h[4:], 72)
	binary.BigEndian.PutUint16(h[6:], csum.Fold16(csum.Pseudo4(0x7f000001, 0x7f000001, uapi.IPPROTO_UDP, 72)))
	for i := range 64 {
		h[8+i] = byte(i)
	}
	b.SetMacHeader(0)
	b.SetNetworkHeader(14)
	b.SetTransportHeader(front)
	b.Pull(front)
	b.Dev, b.Protocol = loopback{}, uapi.ETH_P_IP
	return b
}

// parse reads instructions of 8 bytes.
func parse(p []byte) []Insn {
	insns := make([]Insn, 0, len(p)/8)
	for ; len(p) >= 8; p = p[8:] {
		insns = append(insns, Insn{binary.LittleEndian.Uint16(p), p[2], p[3], binary.LittleEndian.Uint32(p[4:])})
	}
	return insns
}

// outcome is what record.py writes of a program.
func outcome(c *kern.CPU, insns []Insn) string {
	p, err := New(insns)
	if err != nil {
		return "EINVAL"
	}
	b := datagram(c)
	defer b.Consume(c)
	n := p.Run(c, b)
	if n == 0 {
		return "-1"
	}
	return fmt.Sprint(max(int(min(n, 72)), 8) - 8) // UDP keeps its header
}

func onCPU(t testing.TB) *kern.CPU {
	k := kern.New(kern.Config{Seed: 1})
	c := k.Enter(kern.Any)
	t.Cleanup(func() { c.Exit(); k.Close() })
	return c
}

func TestProgramsAsOnLinux(t *testing.T) {
	c := onCPU(t)
	f, err := os.Open("testdata/linux-6.18.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		text, want, _ := strings.Cut(sc.Text(), " ")
		prog, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(c, parse(prog)); got != want {
			t.Errorf("%s: %s, want %s\n%s", text, got, want, list(parse(prog)))
		}
	}
}

// list shows a program, for a failed test.
func list(insns []Insn) string {
	var s strings.Builder
	for i, in := range insns {
		fmt.Fprintf(&s, "\t%d: code %#02x jt %d jf %d k %#x\n", i, in.Code, in.JT, in.JF, in.K)
	}
	return s.String()
}

func TestLongestProgram(t *testing.T) {
	for _, c := range []struct {
		n  int
		ok bool
	}{{MaxInsns, true}, {MaxInsns + 1, false}, {0, false}} {
		p := make([]Insn, c.n)
		for i := range p {
			p[i] = Insn{Code: ret | k}
		}
		if _, err := New(p); (err == nil) != c.ok {
			t.Errorf("%d instructions: %v", c.n, err)
		}
	}
}

func TestLoadsCrossFragments(t *testing.T) {
	kn := kern.New(kern.Config{Seed: 1})
	defer kn.Close()
	c := kn.Enter(kern.Any)
	defer c.Exit()
	b := skb.From(c, []byte{1, 2})
	block := skb.NewBlock(kn)
	copy(block.Data(), []byte{3, 4})
	b.AddFrag(skb.Frag{Block: block, Len: 2})
	p, err := New([]Insn{{Code: ld | w | abs}, {Code: ret | uapi.BPF_A}})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Run(c, b); got != 0x01020304 {
		t.Errorf("%#x", got)
	}
	b.Consume(c)
}

func TestRunAllocatesNothing(t *testing.T) {
	c := onCPU(t)
	b := datagram(c)
	p, err := New([]Insn{{Code: ld | h | abs, K: 2}, {jmp | uapi.BPF_JEQ, 0, 1, 4000}, {Code: ret | k, K: 100}, {Code: ret | k}})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { p.Run(c, b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	b.Consume(c)
}

func FuzzProgram(f *testing.F) {
	f.Add([]byte{0x30, 0, 0, 0, 8, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0})
	f.Add([]byte{0x28, 0, 0, 0, 0x34, 0xf0, 0xff, 0xff, 0x16, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x81, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x16, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x20, 0, 0, 0, 0x0c, 0xf0, 0xff, 0xff, 0x16, 0, 0, 0, 0, 0, 0, 0})
	c := onCPU(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		outcome(c, parse(data[:min(len(data), 64*InsnSize)]))
	})
}
