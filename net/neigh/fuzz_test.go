package neigh_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"linen/kern"
	"linen/net/neigh"
	"linen/net/netlink"
	"linen/uapi"
)

// FuzzRequests sends any bytes as RTM_*NEIGH and RTM_*NEIGHTBL, from the
// requests that were recorded on: nothing may break, and every answer is a
// well-formed message.
func FuzzRequests(f *testing.F) {
	text, err := os.ReadFile("testdata/requests.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if req, ok := strings.CutPrefix(line, "> "); ok {
			raw, err := hex.DecodeString(strings.TrimPrefix(req, "strict "))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw[4], raw[5], raw[6], raw[16:])
		}
	}
	f.Fuzz(func(t *testing.T, typ, flagsHigh, flagsLow byte, body []byte) {
		l := newLab(t)
		types := []uint16{uapi.RTM_NEWNEIGH, uapi.RTM_DELNEIGH, uapi.RTM_GETNEIGH, uapi.RTM_GETNEIGHTBL, uapi.RTM_SETNEIGHTBL}
		m := netlink.NewMsg(types[int(typ)%len(types)], uint16(flagsLow)|uint16(flagsHigh)<<8|uapi.NLM_F_REQUEST)
		m.Put(body[:min(len(body), 4096)])
		p := l.open()
		p.SetOption(netlink.OptStrict, flagsHigh&0x80 != 0, netlink.RootCreds(1))
		answers, _ := l.ask(p, m)
		for _, a := range answers {
			if h := netlink.ParseHeader(a); int(h.Len) != len(a) {
				t.Errorf("an answer of %d bytes says %d", len(a), h.Len)
			}
		}
		l.clock.Settle()
	})
}

func TestWatch(t *testing.T) { // NETEVENT_NEIGH_UPDATE
	l := newLab(t)
	var seen []string
	l.tbl.Watch(func(c *kern.CPU, nb *neigh.Neigh) { seen = append(seen, nb.String()) })
	l.hear(ip1, macA, uapi.NUD_REACHABLE, neigh.Override)
	l.hear(ip1, macB, uapi.NUD_REACHABLE, neigh.Override)
	want := "10.1.0.1 dev a0 lladdr 02:00:00:00:00:0a REACHABLE, 10.1.0.1 dev a0 lladdr 02:00:00:00:00:0b REACHABLE"
	if got := strings.Join(seen, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
