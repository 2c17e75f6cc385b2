package tcb

import (
	"bytes"
	"io"
	"os"
	"testing"

	"linen/lib/ktime"
	"linen/lib/pcapng"
	"linen/uapi"
	"linen/wire"
)

// packet is a TCP segment of a capture.
type packet struct {
	from uint32
	at   int64
	seg  Segment
}

// capture reads the IPv4 TCP segments of a file.
func capture(t *testing.T, name string) (list []packet) {
	t.Helper()
	data, err := os.ReadFile("../../../../test/golden/" + name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapng.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Data) < 54 || p.Data[12] != 8 || p.Data[13] != 0 || p.Data[23] != uapi.IPPROTO_TCP {
			continue
		}
		ip, _ := wire.AsIPv4(p.Data[14:])
		b := p.Data[14+ip.IHL():]
		h, _ := wire.AsTCP(b)
		g := Segment{Seq: h.Seq(), Ack: h.AckSeq(), Flags: h.Flags() & 0xff, Window: h.Window(), Len: ip.TotLen() - ip.IHL() - h.DataOff()}
		g.Opt.Parse(b[:h.DataOff()], g.Flags&Syn != 0)
		list = append(list, packet{ip.Saddr(), p.Time, g})
	}
}

// TestLinuxSendsUs gives our receiver what Linux's got in a recorded transfer
// with loss: it takes every byte in order and ends where Linux's did.
func TestLinuxSendsUs(t *testing.T) {
	for _, name := range []string{"tcp-basic.pcap", "tcp-sack-loss.pcap", "tcp-ecn.pcap"} {
		list := capture(t, name)
		var syn, answer *packet
		for i := range list {
			switch f := list[i].seg.Flags; {
			case f&(Syn|Ack) == Syn && syn == nil:
				syn = &list[i]
			case f&(Syn|Ack) == Syn|Ack && answer == nil:
				answer = &list[i]
			}
		}
		if syn == nil || answer == nil {
			t.Fatalf("%s: no handshake", name)
		}
		s := newSim(t, 1, link{}, nil)
		e := s.ends[1]
		e.buf = 4 << 20
		s.drop = func(int, *Out) bool { return true }
		start := list[0].at
		now := func(p *packet) ktime.T { return ktime.T(1e9 + p.at - start) }
		e.c.Accept(now(syn), &Request{
			Opening: Opening{ISS: answer.seg.Seq, Path: simPath}, IRS: syn.seg.Seq, MSS: int(syn.seg.Opt.MSS), WS: true, SndWS: syn.seg.Opt.WS, RcvWS: 7,
			TS: true, SACK: true, TSRecent: syn.seg.Opt.TSVal, Window: 65535, Clamp: 4 << 20, RTT: -1,
		})
		e.c.recv.wnd = 4 << 20 // Linux's had grown
		last := syn.seg.Seq
		for i := range list {
			p := &list[i]
			if p.from != syn.from || p.seg.Flags&Syn != 0 {
				continue
			}
			if p.seg.Flags&Rst == 0 && after(p.seg.end(), last) {
				last = p.seg.end()
			}
			g := p.seg
			g.Ack = e.c.send.nxt // what we had to say is not recorded
			g.Opt.TSEcr = 0
			g.Payload = piece{int(g.Seq - syn.seg.Seq - 1), g.Len}
			s.now = now(p)
			e.c.Input(s.now, &g)
			e.got += e.queued
			e.queued = 0
		}
		if e.c.recv.nxt != last || len(e.c.recv.ofo) != 0 {
			t.Errorf("%s: at +%d of +%d, %d out of order", name, e.c.recv.nxt-syn.seg.Seq, last-syn.seg.Seq, len(e.c.recv.ofo))
		}
		if name == "tcp-sack-loss.pcap" && (e.got < 200000 || e.stats[StatOFOQueue] == 0) {
			t.Errorf("%d bytes, %d segments out of order", e.got, e.stats[StatOFOQueue])
		}
	}
}
