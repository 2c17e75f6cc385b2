package wire

import (
	"bytes"
	"errors"
	"net/netip"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// Short input never makes a view; exact length does.
func TestViewsExistOnlyWhenTheHeaderIsWhole(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		as   func([]byte) bool
	}{
		{"eth", 14, func(b []byte) bool { _, ok := AsEth(b); return ok }},
		{"vlan", 4, func(b []byte) bool { _, ok := AsVLAN(b); return ok }},
		{"arp", 8, func(b []byte) bool { _, ok := AsARP(b); return ok }},
		{"ipv4", 20, func(b []byte) bool { _, ok := AsIPv4(b); return ok }},
		{"ipv6", 40, func(b []byte) bool { _, ok := AsIPv6(b); return ok }},
		{"ext", 8, func(b []byte) bool { _, ok := AsExtHdr(b); return ok }},
		{"frag", 8, func(b []byte) bool { _, ok := AsFragHdr(b); return ok }},
		{"udp", 8, func(b []byte) bool { _, ok := AsUDP(b); return ok }},
		{"tcp", 20, func(b []byte) bool { _, ok := AsTCP(b); return ok }},
		{"icmp", 8, func(b []byte) bool { _, ok := AsICMP(b); return ok }},
		{"icmpv6", 8, func(b []byte) bool { _, ok := AsICMPv6(b); return ok }},
		{"igmp", 8, func(b []byte) bool { _, ok := AsIGMP(b); return ok }},
		{"igmpv3 query", 12, func(b []byte) bool { _, ok := AsIGMPv3Query(b); return ok }},
		{"igmpv3 report", 8, func(b []byte) bool { _, ok := AsIGMPv3Report(b); return ok }},
		{"igmpv3 record", 8, func(b []byte) bool { _, ok := AsIGMPv3Grec(b); return ok }},
	} {
		for n := range 64 {
			if got := c.as(make([]byte, n)); got != (n >= c.n) {
				t.Errorf("%s: %d bytes: %v", c.name, n, got)
			}
		}
	}
}

func TestEthernetAndVLAN(t *testing.T) {
	b := make([]byte, 18)
	h, _ := AsEth(b)
	h.SetDst(BroadcastMAC())
	h.SetSrc(MustParseMAC("02:00:00:00:00:01"))
	h.SetType(EtherTypeVLAN)
	v, _ := AsVLAN(b[14:])
	v.SetTCI(5<<VLANPrioShift | VLANDEI | 100)
	v.SetType(EtherTypeIPv4)
	want := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x81, 0, 0xb0, 100, 8, 0}
	if !bytes.Equal(b, want) {
		t.Errorf("bytes % x", b)
	}
	if h.Src() != MustParseMAC("2:0:0:0:0:1") || !h.Dst().IsBroadcast() || !IsVLANType(h.Type()) {
		t.Error("Ethernet getters")
	}
	if v.ID() != 100 || v.Prio() != 5 || !v.DEI() || v.Type() != 0x800 {
		t.Error("VLAN getters")
	}
}

func TestARP(t *testing.T) {
	b := make([]byte, 28)
	p, ok := NewARPEth(b, 1, ARPRequest)
	if !ok {
		t.Fatal("no room")
	}
	p.SetSender(MustParseMAC("02:00:00:00:00:01"), 0x0a000001)
	p.SetTarget(MAC{}, 0x0a000002)
	want := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2}
	if !bytes.Equal(b, want) {
		t.Errorf("bytes % x", b)
	}
	q, ok := AsARPEth(b)
	if !ok || q.Op() != ARPRequest || q.SenderIP() != netip.MustParseAddr("10.0.0.1") || q.Daddr() != 0x0a000002 ||
		q.Hdr().Len() != 28 || q.Hdr().HType() != 1 || q.Hdr().PType() != EtherTypeIPv4 {
		t.Error("getters")
	}
	b[4] = 20 // InfiniBand
	if _, ok := AsARPEth(b); ok {
		t.Error("took hardware addresses of 20 bytes")
	}
}

func TestIPv4(t *testing.T) {
	b := make([]byte, 24)
	h, _ := AsIPv4(b)
	h.SetVerIHL(24)
	h.SetTOS(0x10)
	h.SetTotLen(84)
	h.SetID(0x1234)
	h.SetFragOff(IPv4DF | 3)
	h.SetTTL(64)
	h.SetProto(ProtoICMP)
	h.SetSrc(netip.MustParseAddr("10.0.0.1"))
	h.SetDaddr(0xc0000201)
	SendCheck4(b)
	if !VerifyCheck4(b) {
		t.Error("checksum does not verify")
	}
	if h.Version() != 4 || h.IHL() != 24 || h.TotLen() != 84 || h.Offset() != 24 || !h.DF() || h.MF() || !h.IsFragment() ||
		h.Saddr() != 0x0a000001 || h.Dst() != netip.MustParseAddr("192.0.2.1") || h.TTL() != 64 || h.ID() != 0x1234 {
		t.Error("getters")
	}
	for range 64 { // every step of the incremental update
		h.DecTTL()
		if !VerifyCheck4(b) {
			t.Fatalf("ttl %d: checksum %#x", h.TTL(), h.Check())
		}
	}
	if VerifyCheck4(b[:23]) {
		t.Error("verified a header that is cut")
	}
}

// Every checksum value survives a TTL decrement with a sum that verifies.
func TestDecTTLForEveryChecksum(t *testing.T) {
	b := make([]byte, 20)
	h, _ := AsIPv4(b)
	h.SetVerIHL(20)
	h.SetProto(17)
	for id := range 1 << 16 {
		h.SetTTL(uint8(id) | 1)
		h.SetID(uint16(id))
		SendCheck4(b)
		h.DecTTL()
		if !VerifyCheck4(b) {
			t.Fatalf("id %#x", id)
		}
	}
}

func TestIPv6(t *testing.T) {
	b := make([]byte, 48)
	h, _ := AsIPv6(b)
	h.SetVerFlow(0xab, 0xcdef1)
	h.SetPayloadLen(8)
	h.SetNextHdr(ProtoFragment)
	h.SetHopLimit(255)
	h.SetSrc(netip.MustParseAddr("fe80::1"))
	h.SetDst(netip.MustParseAddr("ff02::1"))
	if h.Version() != 6 || h.TrafficClass() != 0xab || h.FlowLabel() != 0xcdef1 || h.PayloadLen() != 8 ||
		h.Src() != netip.MustParseAddr("fe80::1") || !h.Dst().IsMulticast() || h.HopLimit() != 255 || !IsExtHdr(h.NextHdr()) {
		t.Error("getters")
	}
	f, _ := AsFragHdr(b[40:])
	f.Set(ProtoUDP, 1448, true, 0xdeadbeef)
	if f.NextHdr() != ProtoUDP || f.Offset() != 1448 || !f.MF() || f.ID() != 0xdeadbeef {
		t.Error("fragment header")
	}
	e, _ := AsExtHdr([]byte{ProtoTCP, 1, 4, 2, 0, 0, 0, 0})
	if e.Len() != 16 || e.RoutingType() != 4 || e.SegmentsLeft() != 2 || e.NextHdr() != ProtoTCP {
		t.Error("extension header")
	}
}

func TestTransports(t *testing.T) {
	u, _ := AsUDP(make([]byte, 8))
	u.SetSource(53)
	u.SetDest(40000)
	u.SetLen(8)
	u.SetCheck(0xffff)
	if *u != (UDPHdr{0, 53, 0x9c, 0x40, 0, 8, 0xff, 0xff}) || u.Source() != 53 || u.Dest() != 40000 || u.Len() != 8 {
		t.Errorf("UDP % x", u[:])
	}
	h, _ := AsTCP(make([]byte, 20))
	h.SetSource(1)
	h.SetDest(2)
	h.SetSeq(0x01020304)
	h.SetAckSeq(0x05060708)
	h.SetDataOffFlags(32, TCPSyn|TCPAE)
	h.SetWindow(65535)
	if h.DataOff() != 32 || h.Flags() != TCPSyn|TCPAE || h.Seq() != 0x01020304 || h.AckSeq() != 0x05060708 || h.Window() != 65535 {
		t.Errorf("TCP % x", h[:])
	}
	i, _ := AsICMP(make([]byte, 8))
	i.SetTypeCode(ICMPDestUnreach, ICMPFragNeeded)
	i.SetRest(1400)
	if i.MTU() != 1400 || i.ID() != 0 || !ICMPIsError(i.Type()) || ICMPIsError(ICMPEcho) || i.Code() != 4 {
		t.Error("ICMP")
	}
}

func TestIGMP(t *testing.T) {
	q, _ := AsIGMPv3Query(make([]byte, 12))
	q.Hdr().SetTypeCode(IGMPQuery, 100)
	q.Hdr().SetGroup(0xe0000001)
	q.SetRest(true, 2, 125, 3)
	if !q.Suppress() || q.QRV() != 2 || q.QQIC() != 125 || q.NSrcs() != 3 || q.Hdr().GroupAddr() != netip.MustParseAddr("224.0.0.1") {
		t.Error("query")
	}
	g, _ := AsIGMPv3Grec(make([]byte, 8))
	g.Set(IGMPChangeToExclude, 2, 0xe0000009)
	if g.Type() != 4 || g.NSrcs() != 2 || g.Len() != 16 || g.Group() != 0xe0000009 {
		t.Error("record")
	}
	r, _ := AsIGMPv3Report(make([]byte, 8))
	r.Set(7)
	if r.NGrec() != 7 || r[0] != IGMPv3Report {
		t.Error("report")
	}
	for c, want := range map[uint8]int{0: 0, 127: 127, 128: 128, 0x8f: 248, 0xff: 31744} {
		if got := IGMPCode(c); got != want {
			t.Errorf("IGMPCode(%#x) = %d want %d", c, got, want)
		}
	}
}

// Views and setters stay free of bounds checks and allocations: the compiler
// is asked for the ones it leaves in.
func TestNoBoundsChecksInViews(t *testing.T) {
	goCmd, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command on this machine to ask")
	}
	out, err := exec.Command(goCmd, "build", "-gcflags=-d=ssa/check_bce/debug=1", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	slicers := []string{"option.go", "mac.go", "ipv4_option.go", "autogenerated", "#"}
lines:
	for line := range strings.Lines(string(out)) {
		for _, s := range slicers {
			if strings.Contains(line, s) {
				continue lines
			}
		}
		if strings.Contains(line, "IPv4Options") || strings.Contains(line, "ipv4.go") && strings.Contains(line, "IsSliceInBounds") {
			continue // b[20:n:n] of the options
		}
		t.Error(strings.TrimSpace(line))
	}
}

func TestNoAllocations(t *testing.T) {
	b := make([]byte, 60)
	b[0], b[12] = 0x4f, 0xf0
	b[20], b[21] = IPOptRR, 39
	n := testing.AllocsPerRun(100, func() {
		h, _ := AsIPv4(b)
		_ = h.Src()
		h.SetDst(h.Src())
		it := IPv4Options(b)
		for it.Next() {
			_ = it.Data()
		}
		it = TCPOptions(b)
		for it.Next() {
			_ = it.Data()
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOptionWalk(t *testing.T) {
	type opt struct {
		Kind uint8
		Off  int
		Data string
	}
	for _, c := range []struct {
		name string
		b    []byte
		want []opt
		err  error
	}{
		{"none", nil, nil, nil},
		{"nop nop timestamp", []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, []opt{{8, 2, "\x00\x00\x00\x01\x00\x00\x00\x02"}}, nil},
		{"end stops", []byte{4, 2, 0, 3}, []opt{{4, 0, ""}}, nil},
		{"length below 2", []byte{4, 2, 3, 1}, []opt{{4, 0, ""}}, ErrOption},
		{"length past the end", []byte{3, 4, 7}, nil, ErrOption},
		{"no length byte", []byte{1, 2}, nil, ErrOption},
	} {
		it := OptionIter{b: c.b}
		var got []opt
		for it.Next() {
			got = append(got, opt{it.Kind(), it.Offset(), string(it.Data())})
		}
		if !reflect.DeepEqual(got, c.want) || !errors.Is(it.Err(), c.err) {
			t.Errorf("%s: got %v %v", c.name, got, it.Err())
		}
	}
}

func TestRecordRouteAndTimestamp(t *testing.T) {
	o, ok := AsRouteOption([]byte{IPOptRR, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0})
	if !ok || o.Slots() != 2 {
		t.Fatal("RR")
	}
	if !o.Record(1) || o.Pointer() != 8 || !o.Record(2) || !o.Full() || o.Record(3) || o.Addr(1) != 2 {
		t.Errorf("RR % x", []byte(o))
	}
	if _, ok := AsRouteOption([]byte{IPOptRR, 4, 4, 0}); ok {
		t.Error("took room of one byte")
	}
	s, _ := AsRouteOption([]byte{IPOptLSRR, 7, 4, 10, 0, 0, 9})
	if a, ok := s.Next(); !ok || a != 0x0a000009 {
		t.Error("LSRR next")
	}
	ts, _ := AsTimestampOption([]byte{IPOptTS, 12, 5, IPOptTSAddr, 0, 0, 0, 0, 0, 0, 0, 0})
	if !ts.Record(0x0a000001, 1000) || ts.Pointer() != 13 || ts.Record(1, 1) || !ts.AddOverflow() || ts.Overflow() != 1 {
		t.Errorf("TS % x", []byte(ts))
	}
	ps, _ := AsTimestampOption([]byte{IPOptTS, 12, 5, IPOptTSPrespec, 10, 0, 0, 1, 0, 0, 0, 0})
	if ps.Record(0x0a000002, 5) || !ps.Record(0x0a000001, 5) {
		t.Error("prespecified")
	}
	if v, ok := RouterAlert([]byte{IPOptRA, 4, 0, 0}); !ok || v != 0 {
		t.Error("router alert")
	}
}

func TestMAC(t *testing.T) {
	for _, s := range []string{"", "1:2:3:4:5", "1:2:3:4:5:6:7", "1:2:3:4:5:g", "001:2:3:4:5:6", "1:2-3:4:5:6", "1:2:3:4:5:6 ", "1:2:3:4:5:", "::::::"} {
		if m, err := ParseMAC(s); err == nil {
			t.Errorf("%q gave %v", s, m)
		}
	}
	m := MustParseMAC("02-AB-cd-0-00-ff")
	if m.String() != "02:ab:cd:00:00:ff" || !m.IsLocal() || !m.IsValid() || m.IsMulticast() {
		t.Error(m)
	}
	if got := m.Inc().String(); got != "02:ab:cd:00:01:00" {
		t.Errorf("Inc: %s", got)
	}
	if MulticastMAC4(0xe0800001).String() != "01:00:5e:00:00:01" {
		t.Error("multicast map")
	}
	if !MustParseMAC("01:80:c2:00:00:0e").IsLinkLocal() || MustParseMAC("01:80:c2:00:00:10").IsLinkLocal() {
		t.Error("link local")
	}
}

func FuzzParseMAC(f *testing.F) {
	for _, s := range []string{"02:00:00:00:00:01", "2-0-0-0-0-1", ":::::", "02:00:00:00:00:0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMAC(s)
		if err != nil {
			return
		}
		if n, err := ParseMAC(m.String()); err != nil || n != m {
			t.Fatalf("%q: %v does not parse back", s, m)
		}
	})
}

func FuzzOptions(f *testing.F) {
	f.Add([]byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2})
	f.Add([]byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{131, 7, 255, 1, 2, 3, 4, 0})
	f.Fuzz(func(t *testing.T, opts []byte) {
		b := append(make([]byte, 20), opts...)
		b[0], b[12] = 0x4f, 0xf0
		for _, it := range []OptionIter{IPv4Options(b), TCPOptions(b), {b: opts}} {
			end := 0
			for it.Next() {
				if it.Offset() < end || len(it.Raw()) < 2 || it.Offset()+len(it.Raw()) > len(it.b) {
					t.Fatalf("option at %d, %d bytes, after %d", it.Offset(), len(it.Raw()), end)
				}
				end = it.Offset() + len(it.Raw())
				raw := bytes.Clone(it.Raw())
				if o, ok := AsRouteOption(raw); ok {
					o.Next()
					o.Record(1)
				}
				if o, ok := AsTimestampOption(raw); ok {
					o.Record(1, 2)
				}
				RouterAlert(raw)
			}
		}
	})
}
