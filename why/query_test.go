package why

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseQuery(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"h1 10.2.0.2", "h1: ? > 10.2.0.2, 84 bytes"},
		{"h1 10.2.0.2 from 10.1.0.2", "h1: 10.1.0.2 > 10.2.0.2, 84 bytes"},
		{"r1 10.2.0.2 from 10.1.0.2 iif eth1", "r1: 10.1.0.2 > 10.2.0.2, 84 bytes, received by eth1"},
		{"h1 tcp 10.1.0.2:1234 10.2.0.2:80", "h1: tcp 10.1.0.2:1234 > 10.2.0.2:80, 84 bytes"},
		{"h1 udp 10.2.0.2:53 size 512 df", "h1: udp ?:0 > 10.2.0.2:53, 512 bytes, DF"},
		{"h1 icmp 10.1.0.2 10.2.0.2 ttl 1 tos 0x10 mark 7", "h1: icmp 10.1.0.2 > 10.2.0.2, 84 bytes"},
		{"h1", "no query"},
		{"h1 host 10.0.0.1", "no query"},
		{"h1 udp and drops", "no query"},
		{"h1 10.2.0.2 from nowhere", `error: "nowhere" is not an address`},
		{"h1 10.2.0.2 via", `error: "via": a value is missing, or the word is not known`},
		{"h1 10.2.0.2 size 7", "error: size: an IP packet has at least 20 bytes"},
		{"h1 10.2.0.2 ttl 300", `error: ttl: "300" is not a number of 8 bits`},
		{"h1 10.2.0.2 color red", `error: "color" is not known here`},
	} {
		q, ok, err := ParseQuery(strings.Fields(tt.args))
		got := fmt.Sprintf("%s: %v", q.From, q.Flow)
		switch {
		case !ok:
			got = "no query"
		case err != nil:
			got = "error: " + strings.Split(err.Error(), "\n")[0]
		}
		if got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.args, got, tt.want)
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"h1 10.2.0.2", "h1 tcp 10.1.0.2:1 10.2.0.2:2 size 5", "h1 icmp ::1", "h1 udp 1.2.3.4:99999"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		if q, ok, err := ParseQuery(strings.Fields(s)); ok && err == nil {
			_ = q.Flow.String()
		}
	})
}

func TestHistory(t *testing.T) {
	h := new(History)
	h.NoteCommand("r1", "ip route add 10.2.0.0/24 via 10.1.0.1; ip -4 addr add 10.1.0.1/24 dev eth0", "exec of r1")
	h.NoteCommand("r1", "ip r a default via 10.1.0.9 && /sbin/ip neigh replace 10.1.0.9 lladdr 02:00:00:00:00:01 dev eth0", "exec of r1")
	h.NoteCommand("r1", "sysctl -w net/ipv4/ip_forward=1", "pid 3")
	h.NoteCommand("r1", "echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter", "pid 4")
	h.NoteCommand("r1", "ip rule add from 10.0.0.0/8 table 7 pref 12", "pid 5")
	h.NoteCommand("r1", "ip link set dev eth0 down", "pid 6")
	h.NoteCommand("r1", "ip route show", "pid 6")
	for _, tt := range []struct{ by, want string }{
		{"10.2.0.0/24 via 10.1.0.1 dev eth0 table main", "ip route add 10.2.0.0/24 via 10.1.0.1 (exec of r1)"},
		{"default via 10.1.0.9 dev eth0 table main", "ip r a default via 10.1.0.9 (exec of r1)"},
		{"neigh 10.1.0.9 dev eth0 lladdr 02:00:00:00:00:01 PERMANENT", "/sbin/ip neigh replace 10.1.0.9 lladdr 02:00:00:00:00:01 dev eth0 (exec of r1)"},
		{"net.ipv4.ip_forward=1", "sysctl -w net/ipv4/ip_forward=1 (pid 3)"},
		{"net.ipv4.conf.all.rp_filter=2: no way back", "echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter (pid 4)"},
		{"rule 12: from 10.0.0.0/8 lookup 7", "ip rule add from 10.0.0.0/8 table 7 pref 12 (pid 5)"},
		{"link eth0 of r1 is down", "ip link set dev eth0 down (pid 6)"},
		{"10.3.0.0/24 dev eth0", ""},
		{"default rules", ""},
	} {
		if got := h.setBy("r1", tt.by); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.by, got, tt.want)
		}
	}
	if got := h.setBy("r2", "default via 10.1.0.9"); got != "" {
		t.Errorf("another node: %s", got)
	}
	var none *History
	none.Note("r1", "route default", "x")
	if none.Lookup("r1", "route default") != "" {
		t.Error("a nil History remembers")
	}
}
