package conversation

import (
	"strings"
	"testing"
)

func TestNotationErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing said", "s = socket()", "what it is about"},
		{"an unknown flag", "about x\npeer SYM 0", "no flag"},
		{"a segment without its number", "about x\npeer ACK", "want: FLAGS NUMBER"},
		{"a number that is none", "about x\npeer ACK one", "is no number"},
		{"an attribute without a value", "about x\npeer ACK 1 ack", "needs a value"},
		{"an unknown attribute", "about x\npeer ACK 1 size 7", "is unknown"},
		{"an unknown option", "about x\npeer SYN 0 [mass 9]", "no option"},
		{"an empty option", "about x\npeer SYN 0 [mss 9,]", "follows a comma"},
		{"options that do not end", "about x\npeer SYN 0 [mss 9", "end with ]"},
		{"a value that only a host's may leave open", "about x\npeer SYN 0 [ts * 0]", "no option"},
		{"a time for the peer", "about x\npeer +4ms ACK 1", "no flag"},
		{"a wait without unit", "about x\nwait 50", "no duration"},
		{"an unknown call", "about x\ns.open()", "no method"},
		{"a call with too much", "about x\ns.listen(1, 2)", "takes 1 to 1"},
		{"an unknown option of a socket", "about x\ns.set(TCP_FAST, 1)", "no option"},
		{"a socket without a name", "about x\nsocket()", "needs a name"},
		{"a name for nothing", "about x\nn = s.close()", "needs a name"},
		{"an unknown flag of a call", "about x\ns.write(5, urgent)", "no flag"},
		{"a setting too late", "about x\ns = socket()\nsysctl net.ipv4.tcp_sack 0", "in front of all"},
		{"a path as a setting", "about x\nsysctl ../../etc 0/", "in front of all"},
		{"an unknown metric", "about x\nmetric speed 7", "want: metric"},
		{"an unknown ICMP error", "about x\npeer icmp no-route", "no ICMP error"},
		{"a connection that is none", "about x\npeer.0 ACK 1", "no connection"},
	} {
		if _, err := Parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestSegmentsReadAsWritten: what is printed of a segment parses to the same.
func TestSegmentsReadAsWritten(t *testing.T) {
	for name, text := range scripts(t) {
		s := parse(t, text)
		for _, st := range s.Steps {
			if st.Kind != Peer && st.Kind != Host {
				continue
			}
			var again Segment
			if err := again.parse(strings.Fields(spaced(st.Segment.String())), true); err != nil || again.String() != st.Segment.String() {
				t.Errorf("%s line %d: %s becomes %s, %v", name, st.Line, st.Segment.String(), again.String(), err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range scripts(f) {
		f.Add(text)
	}
	f.Add("about x\npeer.7 icmp frag-needed mtu 9 seq -1\nhost +1s - -5+9000 [opt 254 f989, sack 1-2]")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		for _, st := range s.Steps {
			if st.Kind == Peer {
				_, _ = (&flow{}).encode(&st.Segment, peerMAC) // too many options are an error, nothing panics
			}
		}
	})
}

// FuzzDecode: what a host sends may be anything.
func FuzzDecode(f *testing.F) {
	seg := Segment{Flags: 0x12, Win: 100, ECN: -1, Urg: -1, Options: []string{"mss 1460", "nop", "sack 1-2"}}
	frame, err := (&flow{}).encode(&seg, peerMAC)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame[14:])
	f.Fuzz(func(_ *testing.T, b []byte) {
		fl := &flow{}
		if s, err := fl.decode(b); err == nil {
			_ = s.brief().String()
		}
	})
}
