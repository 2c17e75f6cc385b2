package results

import (
	"strings"
	"testing"
)

const stream = `{"Action":"run","Package":"linen/net/ipv4","Test":"TestA"}
{"Action":"pass","Package":"linen/net/ipv4","Test":"TestA"}
{"Action":"run","Package":"linen/net/ipv4","Test":"TestB"}
{"Action":"output","Package":"linen/net/ipv4","Test":"TestB","Output":"    b_test.go:7: no ip here\n"}
{"Action":"output","Package":"linen/net/ipv4","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"linen/net/ipv4","Test":"TestB"}
{"Action":"fail","Package":"linen/net/ipv4","Test":"TestC"}
not an event
{"Action":"run","Package":"linen/net/ipv4","Test":"TestC"}
{"Action":"pass","Package":"linen/net/ipv4","Test":"TestC"}
{"Action":"pass","Package":"linen/net/ipv4"}
{"Action":"run","Package":"linen/net/udp","Test":"TestHangs"}
{"Action":"fail","Package":"linen/net/udp"}
{"Action":"fail","Package":"linen/net/raw"}
`

func read(t *testing.T) *Set {
	t.Helper()
	s := New()
	if err := s.Read(strings.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFind(t *testing.T) {
	s := read(t)
	for _, c := range []struct {
		name string
		want Outcome
	}{
		{"TestA", Pass},
		{"net/ipv4.TestA", Pass},
		{"net/udp.TestA", ""},
		{"TestB", Skip},
		{"TestC", Pass},
		{"TestHangs", Fail},
		{"TestNowhere", ""},
	} {
		if o, ok := s.Find(c.name); o != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, want %q", c.name, o, c.want)
		}
	}
}

func TestSkipReasonAndFlaky(t *testing.T) {
	for _, test := range read(t).Tests() {
		if test.Name == "TestB" && test.Reason != "b_test.go:7: no ip here" {
			t.Errorf("reason %q", test.Reason)
		}
		if test.Flaky != (test.Name == "TestC") {
			t.Errorf("%s: flaky %v", test.Name, test.Flaky)
		}
	}
}

func TestBrokenPackages(t *testing.T) {
	got := read(t).BrokenPackages()
	if len(got) != 1 || got[0] != "linen/net/raw" {
		t.Errorf("%v, want the one that does not build", got)
	}
}
