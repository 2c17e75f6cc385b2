package conversation

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"linen/lib/pcapng"
	"linen/wire"
)

// recorded is a segment of a golden capture, numbers relative.
type recorded struct {
	at     time.Duration
	client bool
	s      *Segment
}

// recording reads the IPv4 connection of a capture that test/golden keeps:
// 192.0.2.1 connects to 192.0.2.2, at which it was taken. Every packet must
// decode, with right checksums.
func recording(t *testing.T, name string) (list []recorded) {
	t.Helper()
	data, err := os.ReadFile("../golden/" + name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapng.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	server := &flow{} // decodes what the server says; its peer's numbers begin at peerISS there
	var clientISS, serverISS uint32
	var began int64
	for {
		p, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if !isIPv4(p.Data) || p.Data[14+9] != 6 {
			continue
		}
		b := slices.Clone(p.Data[14:])
		ip, _ := wire.AsIPv4(b)
		h, _ := wire.AsTCP(b[20:])
		if h == nil || !wire.VerifyCheck4(b[:20]) {
			t.Fatalf("%s: not a segment: %x", name, b)
		}
		client := ip.Src() == hostAddr
		switch {
		case client && h.Flags()&wire.TCPSyn != 0:
			clientISS, began = h.Seq(), p.Time
		case h.Flags()&wire.TCPSyn != 0:
			serverISS = h.Seq()
		}
		s, err := server.decode(mirrored(b, ip, h, client, clientISS))
		if s == nil || err != nil && !strings.Contains(err.Error(), "of the stream is not") {
			t.Fatalf("%s: %v", name, err)
		}
		if client {
			s.Seq, s.Ack = h.Seq()-clientISS, h.AckSeq()-serverISS
		} else {
			s.Seq = h.Seq() - serverISS
		}
		list = append(list, recorded{time.Duration(p.Time - began), client, s})
	}
}

// mirrored makes a captured packet one of the host's of this package's
// scripts, whose peer's numbers begin at peerISS. The checksum stays as right
// or wrong as it was: the sum of the addresses does not change by their order,
// and that of the acknowledgement is put right.
func mirrored(b []byte, ip *wire.IPv4Hdr, h *wire.TCPHdr, client bool, clientISS uint32) []byte {
	if !client {
		ip.SetSrc(hostAddr)
		ip.SetDst(peerAddr)
		shift := uint32(peerISS) - clientISS
		rewrite := func(at int) {
			old := be.Uint32(b[at:])
			be.PutUint32(b[at:], old+shift)
			h.SetCheck(sumUpdate(h.Check(), old, old+shift))
		}
		if h.Flags()&wire.TCPAck != 0 {
			rewrite(20 + 8)
		}
		for at, end := 40, 20+h.DataOff(); at+1 < end; {
			switch {
			case b[at] < 2:
				at++
				continue
			case b[at] == wire.TCPOptSACK:
				for i := at + 2; i < at+int(b[at+1]); i += 4 {
					rewrite(i)
				}
			}
			at += max(int(b[at+1]), 2)
		}
	}
	return b
}

// sumUpdate is RFC 1624's equation 3 for 32 bits.
func sumUpdate(check uint16, old, now uint32) uint16 {
	sum := uint32(^check) + uint32(^uint16(old>>16)) + uint32(^uint16(old)) + now>>16 + now&0xffff
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// TestGoldenTransfers lets a recorded client talk to linen, which must say what
// Linux said: the same data and flags, and the same holes by SACK.
func TestGoldenTransfers(t *testing.T) {
	for _, name := range []string{"tcp-basic.pcap", "tcp-sack-loss.pcap", "tcp-ecn.pcap"} {
		t.Run(name, func(t *testing.T) {
			list := recording(t, name)
			want := shapeOf(list)
			got := shapeOf(replay(t, list))
			if len(want.said) == 0 || strings.Join(got.said, "\n") != strings.Join(want.said, "\n") {
				t.Errorf("linen said\n%s\nLinux said\n%s", strings.Join(got.said, "\n"), strings.Join(want.said, "\n"))
			}
			if !slices.Equal(got.holes, want.holes) {
				t.Errorf("linen told of holes at %v, Linux at %v", got.holes, want.holes)
			}
			if got.ack != want.ack || got.echoes != want.echoes {
				t.Errorf("linen's last acknowledgement is %d, ECE at %v; Linux's %d, %v", got.ack, got.echoes, want.ack, want.echoes)
			}
		})
	}
}

// shape is what does not change with time in what a server says.
type shape struct {
	said   []string  // all but bare acknowledgements
	holes  []uint32  // acknowledgements that came with SACK blocks
	echoes [2]uint32 // the first and the last acknowledgement with ECE
	ack    uint32
}

func shapeOf(list []recorded) (v shape) {
	for _, r := range list {
		s := r.s
		if r.client || s.Flags&wire.TCPRst != 0 {
			continue
		}
		if v.ack = max(v.ack, s.Ack); s.Flags&(wire.TCPSyn|wire.TCPFin) != 0 || s.Len > 0 {
			b := *s
			b.HasAck, b.Flags = false, b.Flags&^wire.TCPEce
			if s.Flags&wire.TCPSyn != 0 {
				b.Flags = s.Flags
			}
			b.Win, b.TTL, b.ID, b.Port, b.ECN, b.Urg, b.HasOptions = -1, s.TTL, -1, 0, -1, -1, false
			if text := b.String(); !slices.Contains(v.said, text) { // once, if it was sent again
				v.said = append(v.said, text)
			}
		}
		for _, o := range s.Options {
			if strings.HasPrefix(o, "sack ") && !slices.Contains(v.holes, s.Ack) && !strings.HasPrefix(o, "sack -") && !duplicateOnly(o, s.Ack) {
				v.holes = append(v.holes, s.Ack)
			}
		}
		if s.Flags&(wire.TCPEce|wire.TCPSyn) == wire.TCPEce {
			if v.echoes[0] == 0 {
				v.echoes[0] = s.Ack
			}
			v.echoes[1] = s.Ack
		}
	}
	return v
}

// duplicateOnly says that an option's only block is of what was acknowledged.
func duplicateOnly(o string, ack uint32) bool {
	w := strings.Fields(o)
	from, _, _ := strings.Cut(w[1], "-")
	n, err := number(from)
	return err == nil && len(w) == 2 && n < ack
}

// replay plays the client to a server on linen: it reads all, and answers the
// end of the stream with as many bytes as the recorded one and its own end.
func replay(t *testing.T, list []recorded) (out []recorded) {
	t.Helper()
	m, err := newVirtual(t, 1500)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(list, func(r recorded) bool { return r.s.ECN > 0 }) {
		if err := m.sysctl("net.ipv4.tcp_ecn", "1"); err != nil {
			t.Fatal(err)
		}
	}
	l, err := m.socket()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.bind(hostPort); err != nil {
		t.Fatal(err)
	}
	if err := l.listen(1); err != nil {
		t.Fatal(err)
	}
	f := &flow{hostPort: hostPort, peerPort: peerPort}
	var server responder
	for _, r := range list {
		if !r.client {
			server.size = max(server.size, r.s.Len)
		}
	}
	hear := func(until time.Duration) {
		for {
			p, at, ok := m.next(until)
			if !ok {
				return
			}
			if p[9] != 6 {
				continue
			}
			s, err := f.decode(p)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, recorded{at, false, s})
		}
	}
	for _, r := range list {
		if !r.client {
			continue
		}
		hear(max(r.at, m.now()))
		s := *r.s
		s.Urg = -1
		s.Options = nil
		for _, o := range r.s.Options {
			if w := strings.Fields(o); w[0] == "ts" && f.known {
				o = "ts " + w[1] + " ="
			}
			if !strings.HasPrefix(o, "sack ") {
				s.Options = append(s.Options, o)
			}
		}
		frame, err := f.encode(&s, m.mac())
		if err != nil {
			t.Fatal(err)
		}
		m.send(frame)
		server.serve(t, l)
	}
	hear(m.now() + time.Second)
	return out
}

// responder is the program at the server: it reads all, answers the end, and
// closes.
type responder struct {
	conn   socket
	size   int // of the answer
	closed bool
}

func (r *responder) serve(t *testing.T, l socket) {
	if r.conn == nil {
		c, err := l.accept()
		if err != nil {
			return
		}
		r.conn = c
	}
	buf := make([]byte, 1<<16)
	for !r.closed {
		n, err := r.conn.recv(buf, 0)
		if err != nil {
			return
		}
		if n > 0 {
			continue
		}
		answer := make([]byte, r.size)
		fill(answer, 0)
		if _, err := r.conn.write(answer, 0, 0); err != nil {
			t.Error(err)
		}
		r.conn.close()
		r.closed = true
	}
}
