package skb

import (
	"bytes"
	"testing"

	"linen/kern"
	"linen/lib/csum"
	"linen/net/netns"
)

// bench gives a CPU to a test.
func onCPU(t testing.TB) *kern.CPU {
	k := kern.New(kern.Config{Seed: 1})
	c := k.Enter(kern.Any)
	t.Cleanup(func() {
		c.Exit()
		if n := BlocksInUse(k); n != 0 {
			t.Errorf("%d blocks left in use", n)
		}
		k.Close()
	})
	return c
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}

// scattered builds a packet of head linear bytes, fragments and a list.
func scattered(c *kern.CPU, p []byte, head int, parts ...int) *Buff {
	b := From(c, p[:head])
	p = p[head:]
	for i, n := range parts {
		if i%3 == 2 || len(b.List()) > 0 {
			b.AddList(From(c, p[:n]))
		} else {
			blk := NewBlock(c.Kernel())
			copy(blk.Data()[10:], p[:n])
			b.AddFrag(Frag{blk, 10, uint32(n)})
		}
		p = p[n:]
	}
	return b
}

func content(b *Buff) []byte {
	p := make([]byte, b.Len())
	if n := b.CopyOut(0, p); n != len(p) {
		panic("CopyOut is short")
	}
	return p
}

func TestPushPullPut(t *testing.T) {
	c := onCPU(t)
	b := Alloc(c, 100)
	defer b.Consume(c)
	b.Append([]byte("payload"))
	copy(b.Push(4), "head")
	if string(b.Data()) != "headpayload" || b.Len() != 11 {
		t.Errorf("%q", b.Data())
	}
	b.Pull(4)
	b.SetNetworkHeader(0)
	b.SetMacHeader(-4)
	if string(b.Mac()) != "headpayload" || string(b.Network()) != "payload" {
		t.Errorf("mac %q network %q", b.Mac(), b.Network())
	}
	if !b.PushToMac() || b.HeadLen() != 11 {
		t.Error("PushToMac")
	}
}

func TestUnderflowPanics(t *testing.T) { // spec 1.28: must panic, never corrupt
	c := onCPU(t)
	for name, f := range map[string]func(b *Buff){
		"push":    func(b *Buff) { b.Push(Headroom + 1) },
		"pull":    func(b *Buff) { b.Pull(8) },
		"put":     func(b *Buff) { b.Put(Inline) },
		"reserve": func(b *Buff) { b.Reserve(1) },
		"unshare": func(b *Buff) { b.Unshare(5, 5) },
		"pullany": func(b *Buff) { b.PullAny(c, 8) },
	} {
		func() {
			b := From(c, []byte("1234567"))
			defer b.Consume(c)
			defer func() {
				if recover() == nil {
					t.Errorf("%s past the end did not panic", name)
				}
			}()
			f(b)
		}()
	}
}

func TestScatteredAgainstASlice(t *testing.T) {
	c := onCPU(t)
	p := pattern(3000)
	make_ := func() *Buff { return scattered(c, p, 500, 300, 701, 299, 1200) }
	for _, n := range []int{0, 1, 499, 500, 501, 800, 1500, 1501, 1800, 2999, 3000} {
		b := make_()
		if !b.MayPull(n) || b.HeadLen() < n || !bytes.Equal(content(b), p) {
			t.Fatalf("MayPull(%d)", n)
		}
		b.Consume(c)
		b = make_()
		b.PullAny(c, n)
		if !bytes.Equal(content(b), p[n:]) {
			t.Fatalf("PullAny(%d): %d left", n, b.Len())
		}
		b.Consume(c)
		b = make_()
		b.Trim(c, n)
		if b.Len() != n || !bytes.Equal(content(b), p[:n]) {
			t.Fatalf("Trim(%d): %d left", n, b.Len())
		}
		b.Consume(c)
		b = make_()
		if got, want := csum.Fold(b.Checksum(n, len(p)-n, 0)), csum.Checksum(p[n:]); got != want {
			t.Fatalf("Checksum(%d) = %x, want %x", n, got, want)
		}
		if b.MayPull(3001) {
			t.Fatal("MayPull of more than there is")
		}
		b.Consume(c)
	}
}

func TestCloneSharesPayloadNotTheHead(t *testing.T) { // spec 1.29
	c := onCPU(t)
	p := pattern(2000)
	b := scattered(c, p, 100, 1000, 900)
	b.Mark, b.Priority, b.Protocol, b.CB[3] = 7, 3, 0x800, 42
	b.SetNetworkHeader(0)
	o := b.Clone(c)
	b.Data()[8]-- // the TTL
	if !bytes.Equal(content(o), p) {
		t.Error("the clone saw a header rewrite")
	}
	if o.Mark != 7 || o.Priority != 3 || o.Protocol != 0x800 || o.CB[3] != 42 || o.NetworkOff() != 0 {
		t.Error("metadata lost")
	}
	if &o.Frags()[0].Bytes()[0] != &b.Frags()[0].Bytes()[0] {
		t.Error("payload was copied")
	}
	o.Unshare(150, 1)[0] ^= 0xff
	b.Data()[8]++
	if !bytes.Equal(content(b), p) {
		t.Error("a write after Unshare reached the original")
	}
	b.Consume(c)
	o.Consume(c)
}

func TestGrowKeepsPulledHeaders(t *testing.T) {
	c := onCPU(t)
	b := From(c, []byte("ethernetIPHEADERpayload"))
	defer b.Consume(c)
	b.SetMacHeader(0)
	b.Pull(8)
	b.SetNetworkHeader(0)
	b.Pull(8)
	b.SetTransportHeader(0)
	b.Cow(1000)
	if string(b.Mac()) != "ethernetIPHEADERpayload" || string(b.Network()) != "IPHEADERpayload" || string(b.Transport()) != "payload" {
		t.Errorf("%q %q %q", b.Mac(), b.Network(), b.Transport())
	}
	if b.Room() < 1000 {
		t.Errorf("room %d", b.Room())
	}
}

func TestCompleteCsum(t *testing.T) { // RFC 1071, RFC 768: 0 is sent as ffff
	c := onCPU(t)
	p := pattern(1501)
	b := scattered(c, p, 60, 700, 741)
	defer b.Consume(c)
	d := b.Data()
	d[26], d[27] = 0, 0 // the field holds the pseudo header's sum; here none
	b.SetPartialCsum(20, 6)
	b.CompleteCsum()
	if b.CsumState != CsumNone || csum.Fold(b.Checksum(20, b.Len()-20, 0)) != 0 {
		t.Errorf("checksum does not verify")
	}
}

type owner struct{ charged int32 }

func (o *owner) Uncharge(_ *kern.CPU, b *Buff) { o.charged -= b.TrueSize }

func TestOwnerIsUnchargedOnce(t *testing.T) {
	c := onCPU(t)
	b := From(c, []byte("x"))
	o := &owner{b.TrueSize}
	b.SetOwner(o)
	cl := b.Clone(c)
	cl.Consume(c)
	if o.charged != b.TrueSize {
		t.Error("ending a clone uncharged the original's owner")
	}
	b.Orphan(c)
	b.Consume(c)
	if o.charged != 0 {
		t.Errorf("%d still charged", o.charged)
	}
}

func TestTrueSize(t *testing.T) { // observed on 6.18: SO_MEMINFO after one datagram
	for size, want := range map[int]int32{0: 832, 256: 832, 257: 1280, 704: 1280, 705: 2304, 1728: 2304, 3776: 4352, 9059: 16640} {
		if got := TrueSize(size); got != want {
			t.Errorf("TrueSize(%d) = %d, want %d", size, got, want)
		}
	}
}

func TestDropIsCountedAndReported(t *testing.T) {
	k := kern.New(kern.Config{})
	defer k.Close()
	n, err := netns.New(k, Pernet())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var seen sink
	cancel := Observe(n, &seen)
	c := k.Enter(kern.Any)
	From(c, []byte("x")).Drop(c, n, ReasonNoSocket)
	if !n.Tracing.Load() {
		t.Error("not tracing")
	}
	Trace(c, n, nil, Event{Point: PointRoute})
	c.Exit()
	cancel()
	if n.Tracing.Load() {
		t.Error("still tracing")
	}
	c = k.Enter(kern.Any)
	From(c, []byte("x")).Drop(c, n, ReasonNoSocket)
	c.Exit()
	if by := Drops(n); by[ReasonNoSocket] != 2 {
		t.Errorf("%d drops counted", by[ReasonNoSocket])
	}
	if len(seen.drops) != 1 || seen.drops[0] != ReasonNoSocket || len(seen.events) != 1 {
		t.Errorf("reported %+v", seen)
	}
}

type sink struct {
	drops  []Reason
	events []Event
}

func (s *sink) Drop(_ *kern.CPU, _ *netns.Net, _ *Buff, r Reason) { s.drops = append(s.drops, r) }

func (s *sink) Trace(_ *kern.CPU, _ *netns.Net, _ *Buff, e Event) { s.events = append(s.events, e) }

func TestReasonNames(t *testing.T) {
	for r := range NumReasons {
		if got, ok := ParseReason(r.String()); !ok || got != r || r.Explain() == "" {
			t.Errorf("%d: %q", r, r)
		}
	}
	if ReasonNeighQueuefull.String() != "NEIGH_QUEUEFULL" || NumReasons.String() != "UNKNOWN" {
		t.Error("names moved")
	}
}

func TestAllocAndConsumeDoNotAllocate(t *testing.T) {
	if debug {
		t.Skip("the skbdebug build does not recycle")
	}
	c := onCPU(t)
	blk := NewBlock(c.Kernel())
	if n := testing.AllocsPerRun(2000, func() {
		b := Alloc(c, 1500)
		b.Put(1500)
		b.AddFrag(Frag{blk.Hold(), 0, 100})
		o := b.Clone(c)
		o.Consume(c)
		b.Consume(c)
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	blk.Release()
}

func TestRecyclingThroughTheDepot(t *testing.T) {
	c := onCPU(t)
	for range 3 {
		var held []*Buff
		for range 3 * stackMax {
			held = append(held, From(c, []byte{1}))
		}
		for _, b := range held {
			b.Consume(c)
		}
	}
}

// FuzzBuff runs random operations beside a plain slice.
func FuzzBuff(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7}, uint16(100), uint16(900))
	f.Add([]byte{5, 4, 3, 5, 4, 3, 0, 0}, uint16(1), uint16(3))
	f.Fuzz(func(t *testing.T, ops []byte, head, frag uint16) {
		c := onCPU(t)
		head, frag = head%1500, frag%2000
		model := pattern(int(head) + 2*int(frag))
		b := scattered(c, model, int(head), int(frag), int(frag))
		for i, op := range ops[:min(len(ops), 64)] {
			n := 0
			if len(model) > 0 {
				n = (int(op)*31 + i*17) % (len(model) + 1)
			}
			switch op % 6 {
			case 0:
				b.PullAny(c, n)
				model = model[n:]
			case 1:
				b.Trim(c, n)
				model = model[:n]
			case 2:
				b.MayPull(n)
			case 3:
				o := b.Clone(c)
				b.Consume(c)
				b = o
			case 4:
				b.Cow(n)
			case 5:
				copy(b.Push(min(b.Room(), 3)), "abc")
				model = append([]byte("abc")[:min(3, b.Len()-len(model))], model...)
			}
			if !bytes.Equal(content(b), model) {
				t.Fatalf("after operation %d (%d): %d bytes, want %d", i, op%6, b.Len(), len(model))
			}
		}
		b.Consume(c)
	})
}

func BenchmarkAllocConsume(b *testing.B) {
	c := onCPU(b)
	for b.Loop() {
		Alloc(c, 100).Consume(c)
	}
}
