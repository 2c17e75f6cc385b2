package why

import (
	"net/netip"
	"strings"
	"testing"
)

func event(proto, src, dst string, sport, dport uint16) *Event {
	return &Event{Node: "r1", Device: "eth1", Kind: KindStep, Point: "route",
		Packet: &Packet{Proto: proto, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), SPort: sport, DPort: dport}}
}

func TestFilterMatches(t *testing.T) {
	udp := event("udp", "10.0.0.1", "10.2.0.9", 1000, 53)
	icmp := event("icmp", "10.2.0.9", "10.0.0.1", 0, 0)
	drop := event("udp", "10.0.0.1", "10.2.0.9", 1000, 53)
	drop.Kind, drop.Reason = KindDrop, "NO_SOCKET"
	bare := &Event{Node: "r1", Kind: KindStep}
	for _, tt := range []struct {
		filter string
		want   string // of udp, icmp, drop, bare
	}{
		{"", "1111"},
		{"udp", "1010"},
		{"host 10.0.0.1", "1110"},
		{"src 10.0.0.1", "1010"},
		{"src host 10.0.0.1", "1010"},
		{"dst 10.0.0.1", "0100"},
		{"host 10.2.0.0/16", "1110"},
		{"port 53", "1010"},
		{"src port 53", "0000"},
		{"dst port 53", "1010"},
		{"drops", "0010"},
		{"reason no_socket", "0010"},
		{"reason SKB_DROP_REASON_NO_SOCKET", "0010"},
		{"not udp", "0101"},
		{"!udp && !icmp", "0001"},
		{"udp and not drops or icmp", "1100"},
		{"icmp or (udp and drops)", "0110"},
		{"not (udp or icmp)", "0001"},
		{"node r1 and dev eth1", "1110"},
		{"point route", "1110"},
		{"port 0", "0000"},
	} {
		f, err := ParseFilter(tt.filter)
		if err != nil {
			t.Errorf("%q: %v", tt.filter, err)
			continue
		}
		got := ""
		for _, e := range []*Event{udp, icmp, drop, bare} {
			if f.Match(e) {
				got += "1"
			} else {
				got += "0"
			}
		}
		if got != tt.want {
			t.Errorf("%q takes %s, want %s", tt.filter, got, tt.want)
		}
	}
}

func TestFilterErrorsPointAtTheWord(t *testing.T) {
	for _, tt := range []struct {
		filter string
		pos    int
		msg    string
	}{
		{"host", 4, "expected an address"},
		{"host 10.0.0.300", 5, `"10.0.0.300" is not an address`},
		{"udp and prt 53", 8, `"prt" is no part of a filter`},
		{"port 70000", 5, "a port is a number"},
		{"reason NOPE", 7, `there is no drop reason "NOPE"`},
		{"(udp or icmp", 12, "expected )"},
		{"udp icmp", 4, "expected and, or, or the end"},
		{"udp and", 7, "the filter ends too early"},
		{strings.Repeat("(", 80) + "udp", 65, "nested too deeply"},
	} {
		_, err := ParseFilter(tt.filter)
		e, ok := err.(*FilterError)
		if !ok {
			t.Errorf("%q: %v", tt.filter, err)
			continue
		}
		if e.Pos != tt.pos || !strings.HasPrefix(e.Msg, tt.msg) {
			t.Errorf("%q: %d %q, want %d %q", tt.filter, e.Pos, e.Msg, tt.pos, tt.msg)
		}
	}
}

func TestFilterErrorHasACaret(t *testing.T) {
	_, err := ParseFilter("udp and prot 53")
	want := "  udp and prot 53\n          ^"
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got\n%v\nwant the end\n%s", err, want)
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"", "host 10.0.0.1 and not (tcp or port 80)", "reason NO_SOCKET", "src net", "((((", "! ! drops", "host ::1/64", "a\x00b", "&"} {
		f.Add(s)
	}
	e := event("udp", "10.0.0.1", "10.2.0.9", 1000, 53)
	f.Fuzz(func(t *testing.T, s string) {
		flt, err := ParseFilter(s)
		if err != nil {
			if fe := err.(*FilterError); fe.Pos < 0 || fe.Pos > len(fe.Text) {
				t.Fatalf("%q: caret at %d", s, fe.Pos)
			}
			return
		}
		flt.Match(e)
		flt.Match(&Event{})
	})
}
