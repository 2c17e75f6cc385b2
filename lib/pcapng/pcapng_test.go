package pcapng

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// sample writes one of every block.
func sample(t testing.TB) (file []byte, packets []Packet) {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, Section{OS: "Linux", App: "linen", Comment: "a lossy link"})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []Interface{
		{Name: "h1:eth0", Description: "host 1", LinkType: LinkEthernet, MAC: []byte{2, 0, 0, 0, 0, 1}},
		{Name: "h2:tun0", LinkType: LinkRaw, SnapLen: 4},
	} {
		if _, err := w.AddInterface(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteNames([]Name{{netip.MustParseAddr("10.0.0.1"), []string{"h1", "host1"}}, {netip.MustParseAddr("fe80::1"), []string{"r1"}}}); err != nil {
		t.Fatal(err)
	}
	packets = []Packet{
		{Interface: 0, Time: 1700000000123456789, Data: []byte{1, 2, 3, 4, 5}, OrigLen: 5, Flags: uint32(Inbound)},
		{Interface: 1, Time: 1, Data: []byte{0x45, 0, 0}, OrigLen: 1500, Flags: uint32(Outbound), Drops: 7, Comments: []string{"dropped: NO_SOCKET", "two"}},
		{Interface: 0, Time: 1 << 40, Data: []byte{}, OrigLen: 60},
	}
	for _, p := range packets {
		if err := w.WritePacket(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteStats(1, Stats{Time: 99, Start: 1, End: 98, Received: 10, Dropped: 2}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), packets
}

func readAll(r io.Reader) (*Reader, []Packet, error) {
	pr, err := NewReader(r)
	if err != nil {
		return nil, nil, err
	}
	var list []Packet
	for {
		p, err := pr.Next()
		if err == io.EOF {
			return pr, list, nil
		}
		if err != nil {
			return pr, list, err
		}
		list = append(list, p)
	}
}

func TestRoundTrip(t *testing.T) {
	file, want := sample(t)
	r, got, err := readAll(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if want[i].Data == nil {
			want[i].Data = []byte{}
		}
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("packet %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
	if got[0].Dir() != Inbound || got[1].Dir() != Outbound {
		t.Error("direction")
	}
	if i := r.Interfaces(); len(i) != 2 || i[0].Name != "h1:eth0" || i[0].Description != "host 1" || i[1].LinkType != LinkRaw || i[0].MAC[5] != 1 {
		t.Errorf("interfaces %+v", i)
	}
	if n := r.Names(); len(n) != 2 || n[0].Names[1] != "host1" || n[1].Addr != netip.MustParseAddr("fe80::1") {
		t.Errorf("names %+v", n)
	}
	if s := r.Section(); s.App != "linen" || s.Comment != "a lossy link" {
		t.Errorf("section %+v", s)
	}
}

func TestSnapLenCutsTheDataOnly(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, Section{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddInterface(Interface{SnapLen: 4, LinkType: LinkEthernet}); err != nil {
		t.Fatal(err)
	}
	if err := w.WritePacket(Packet{Data: make([]byte, 100)}); err != nil {
		t.Fatal(err)
	}
	if err := w.WritePacket(Packet{Interface: 1}); !errors.Is(err, ErrInterface) {
		t.Errorf("unknown interface: %v", err)
	}
	_, got, err := readAll(&b)
	if err != nil || len(got) != 1 || len(got[0].Data) != 4 || got[0].OrigLen != 100 {
		t.Errorf("%+v %v", got, err)
	}
}

func classic(order binary.AppendByteOrder, magic uint32) []byte {
	b := order.AppendUint32(nil, magic)
	b = append(b, make([]byte, 12)...)
	b = order.AppendUint32(b, 65535)
	b = order.AppendUint32(b, LinkEthernet)
	for _, v := range []uint32{1700000000, 5, 3, 60} {
		b = order.AppendUint32(b, v)
	}
	return append(b, 7, 8, 9)
}

func TestClassicPcap(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		ns   int64
	}{
		{"little-endian microseconds", classic(binary.LittleEndian, 0xa1b2c3d4), 5000},
		{"big-endian microseconds", classic(binary.BigEndian, 0xa1b2c3d4), 5000},
		{"little-endian nanoseconds", classic(binary.LittleEndian, 0xa1b23c4d), 5},
	} {
		r, got, err := readAll(bytes.NewReader(c.b))
		want := []Packet{{Time: 1700000000e9 + c.ns, Data: []byte{7, 8, 9}, OrigLen: 60}}
		if err != nil || !reflect.DeepEqual(got, want) || r.Interfaces()[0].LinkType != LinkEthernet {
			t.Errorf("%s: %+v %v", c.name, got, err)
		}
		if _, _, err := readAll(bytes.NewReader(c.b[:len(c.b)-1])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s, cut: %v", c.name, err)
		}
	}
}

func TestTimeResolutions(t *testing.T) {
	for _, c := range []struct {
		resol byte
		t     uint64
		want  int64
		ok    bool
	}{
		{6, 1500000, 1500000000, true},
		{9, 1500000000, 1500000000, true},
		{0, 3, 3000000000, true},
		{0x80 | 1, 3, 1500000000, true},
		{0x80 | 32, 1<<32 + 1<<31, 1500000000, true},
		{0x80 | 63, 1 << 62, 500000000, true},
		{20, 0, 0, false},
		{0xff, 0, 0, false},
	} {
		n, ok := resolution(c.resol)
		if ok != c.ok {
			t.Errorf("resolution %#x: %v", c.resol, ok)
		}
		i := iface{perSecond: n}
		if ok && i.nanoseconds(uint32(c.t>>32), uint32(c.t)) != c.want {
			t.Errorf("resolution %#x: got %d", c.resol, i.nanoseconds(uint32(c.t>>32), uint32(c.t)))
		}
	}
}

func TestEveryTruncationIsAnErrorOrShorter(t *testing.T) {
	file, want := sample(t)
	for n := range file {
		_, got, err := readAll(bytes.NewReader(file[:n]))
		if len(got) > len(want) || err == nil && n > 0 && len(got) == len(want) && n < len(file)-100 {
			t.Fatalf("%d bytes: %d packets, %v", n, len(got), err)
		}
	}
}

func TestReadsRealCaptures(t *testing.T) {
	files, err := filepath.Glob("../../test/golden/*.pcap*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := readAll(f)
		f.Close()
		if err != nil || len(got) == 0 {
			t.Errorf("%s: %d packets, %v", name, len(got), err)
		}
	}
}

func FuzzReader(f *testing.F) {
	file, _ := sample(f)
	f.Add(file)
	f.Add(classic(binary.LittleEndian, 0xa1b2c3d4))
	f.Add(classic(binary.BigEndian, 0xa1b23c4d))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, got, _ := readAll(bytes.NewReader(b))
		total := 0
		for _, p := range got {
			total += len(p.Data)
		}
		if total > len(b) {
			t.Fatalf("%d bytes of packets in a file of %d", total, len(b))
		}
	})
}
