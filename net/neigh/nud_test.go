package neigh_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"linen/net/neigh"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
)

// reach is longer than any reachable_time: 1.5 × base_reachable_time.
const reach = 46 * time.Second

func TestResolution(t *testing.T) { // RFC 4861 §7.2.2
	l := newLab(t)
	l.send(ip1, "one")
	l.want(ip1, "INCOMPLETE")
	l.send(ip1, "two")
	l.clock.Advance(1500 * time.Millisecond)
	l.wantAsked("0s broadcast", "1s broadcast")
	l.wantEvents()
	l.hear(ip1, macA, uapi.NUD_REACHABLE, neigh.Override)
	l.want(ip1, "REACHABLE")
	if got := l.payloads(); strings.Join(got, " ") != "one two" {
		t.Errorf("sent %q", got)
	}
	l.wantEvents("10.1.0.1 lladdr 02:00:00:00:00:0a REACHABLE")
}

func TestResolutionFails(t *testing.T) {
	l := newLab(t)
	l.send(ip1, "one")
	l.clock.Advance(2999 * time.Millisecond)
	l.want(ip1, "INCOMPLETE")
	l.clock.Advance(time.Millisecond)
	l.want(ip1, "FAILED")
	l.wantAsked("0s broadcast", "1s broadcast", "2s broadcast", "3s unreachable one")
	l.wantEvents("10.1.0.1 FAILED")
	if d := skb.Drops(l.n); d[skb.ReasonNeighFailed] != 1 {
		t.Errorf("drops %v", d[skb.ReasonNeighFailed])
	}
	l.reset()
	l.send(ip1, "again") // begins anew
	l.want(ip1, "INCOMPLETE")
	l.wantAsked("0s broadcast")
}

func TestNoProbesFailAtOnce(t *testing.T) {
	l := newLab(t)
	sysctl.Of(l.n).Set("net/ipv4/neigh/a0/mcast_solicit", "0")
	l.send(ip1, "one")
	l.want(ip1, "FAILED")
	if d := skb.Drops(l.n); d[skb.ReasonNeighFailed] != 1 {
		t.Errorf("drops %v", d[skb.ReasonNeighFailed])
	}
}

func TestReachableBecomesStale(t *testing.T) {
	l := newLab(t)
	l.hear(ip1, macA, uapi.NUD_REACHABLE, neigh.Override)
	l.clock.Advance(14 * time.Second)
	l.want(ip1, "REACHABLE")
	l.clock.Advance(reach - 14*time.Second)
	l.want(ip1, "STALE")
	l.wantEvents("10.1.0.1 lladdr 02:00:00:00:00:0a REACHABLE", "10.1.0.1 lladdr 02:00:00:00:00:0a STALE")
}

func TestConfirmationKeepsReachable(t *testing.T) { // TCP's progress, MSG_CONFIRM
	l := newLab(t)
	l.hear(ip1, macA, uapi.NUD_REACHABLE, neigh.Override)
	l.events()
	for range 20 {
		l.clock.Advance(10 * time.Second)
		l.get(ip1).Confirm(l.clock.Now())
	}
	l.want(ip1, "REACHABLE")
	l.wantEvents()
}

func TestUsedReachableGoesToDelay(t *testing.T) {
	l := newLab(t)
	l.hear(ip1, macA, uapi.NUD_REACHABLE, neigh.Override)
	l.events()
	for range 60 { // data keep flowing, nobody confirms
		l.clock.Advance(time.Second)
		l.get(ip1).Use()
		if l.state(ip1) != "REACHABLE" {
			break
		}
	}
	l.want(ip1, "DELAY")
	l.wantEvents()
}

// stale returns a lab whose entry ip1 is STALE, its clock at 0.
func stale(t *testing.T) *lab {
	l := newLab(t)
	l.hear(ip1, macA, uapi.NUD_STALE, neigh.Override)
	l.events()
	l.reset()
	return l
}

func TestStaleIsProbedWhenUsed(t *testing.T) { // RFC 4861 §7.3.3
	l := stale(t)
	l.clock.Advance(20 * time.Second)
	l.want(ip1, "STALE") // unused: nothing happens
	l.reset()
	l.send(ip1, "data")
	l.want(ip1, "DELAY")
	if got := l.payloads(); len(got) != 1 {
		t.Errorf("a stale address is used: sent %q", got)
	}
	l.clock.Advance(4999 * time.Millisecond)
	l.want(ip1, "DELAY")
	l.wantAsked()
	l.clock.Advance(2001 * time.Millisecond)
	l.want(ip1, "PROBE")
	l.wantAsked("5s unicast", "6s unicast", "7s unicast")
	l.send(ip1, "while probing")
	l.clock.Advance(time.Second)
	l.want(ip1, "FAILED")
	l.wantAsked()
	l.wantEvents("10.1.0.1 lladdr 02:00:00:00:00:0a PROBE", "10.1.0.1 FAILED")
	if got := l.payloads(); len(got) != 1 {
		t.Errorf("sent %q", got)
	}
}

func TestProbeAnswered(t *testing.T) {
	l := stale(t)
	l.send(ip1, "data")
	l.clock.Advance(5500 * time.Millisecond)
	l.hear(ip1, macA, uapi.NUD_REACHABLE, 0)
	l.want(ip1, "REACHABLE")
	l.wantAsked("5s unicast")
	l.wantEvents("10.1.0.1 lladdr 02:00:00:00:00:0a PROBE", "10.1.0.1 lladdr 02:00:00:00:00:0a REACHABLE")
}

func TestDelayConfirmed(t *testing.T) {
	l := stale(t)
	l.send(ip1, "data")
	l.clock.Advance(2 * time.Second)
	l.get(ip1).Confirm(l.clock.Now())
	l.clock.Advance(3 * time.Second)
	l.want(ip1, "REACHABLE")
	l.wantAsked()
	l.wantEvents("10.1.0.1 lladdr 02:00:00:00:00:0a REACHABLE")
}

func TestMcastResolicit(t *testing.T) {
	l := stale(t)
	sysctl.Of(l.n).Set("net/ipv4/neigh/a0/mcast_resolicit", "2")
	l.send(ip1, "data")
	l.clock.Advance(11 * time.Second)
	l.want(ip1, "FAILED")
	l.wantAsked("5s unicast", "6s unicast", "7s unicast", "8s broadcast", "9s broadcast")
}

func TestAppSolicit(t *testing.T) { // a program is asked first
	l := newLab(t)
	sysctl.Of(l.n).Set("net/ipv4/neigh/a0/app_solicit", "1")
	l.send(ip1, "data")
	l.wantEvents("miss 10.1.0.1 INCOMPLETE")
	l.wantAsked()
	l.clock.Advance(time.Second)
	l.wantAsked("1s broadcast")
}

func TestRetransTimer(t *testing.T) {
	l := newLab(t)
	sysctl.Of(l.n).Set("net/ipv4/neigh/a0/retrans_time_ms", "0") // the least is 10 ms
	l.send(ip1, "data")
	l.clock.Advance(30 * time.Millisecond)
	l.wantAsked("0s broadcast", "10ms broadcast", "20ms broadcast", "30ms unreachable data")
}

func TestQueueKeepsTheNewest(t *testing.T) { // unres_qlen_bytes
	l := newLab(t)
	for i := range 300 {
		l.send(ip1, fmt.Sprint(i))
	}
	l.hear(ip1, macA, uapi.NUD_REACHABLE, neigh.Override)
	fit := 212992 / int(skb.TrueSize(1))
	got := l.payloads()
	if len(got) != fit || got[0] != fmt.Sprint(300-fit) || got[fit-1] != "299" {
		t.Errorf("%d packets, %s to %s; want the newest %d", len(got), got[0], got[len(got)-1], fit)
	}
	if d := skb.Drops(l.n)[skb.ReasonNeighQueuefull]; d != uint64(300-fit) || l.tbl.Stats.UnresDiscards.Load() != d {
		t.Errorf("dropped %d, counted %d", d, l.tbl.Stats.UnresDiscards.Load())
	}
}

func TestAddressChanges(t *testing.T) {
	for _, c := range []struct {
		name       string
		old        uint16
		mac        []byte
		state      uint16
		flags      neigh.UpdateFlags
		want, addr string
	}{
		{"another address without override is ignored", uapi.NUD_REACHABLE, macB, uapi.NUD_REACHABLE, 0, "REACHABLE", "0a"},
		{"another address with override", uapi.NUD_REACHABLE, macB, uapi.NUD_STALE, neigh.Override, "STALE", "0b"},
		{"weak override makes it stale", uapi.NUD_REACHABLE, macB, uapi.NUD_REACHABLE, neigh.WeakOverride, "STALE", "0a"},
		{"weak override of a stale one is ignored", uapi.NUD_STALE, macB, uapi.NUD_REACHABLE, neigh.WeakOverride, "STALE", "0a"},
		{"the same address, stale, changes nothing", uapi.NUD_REACHABLE, macA, uapi.NUD_STALE, neigh.Override, "REACHABLE", "0a"},
		{"the same address, reachable", uapi.NUD_STALE, macA, uapi.NUD_REACHABLE, 0, "REACHABLE", "0a"},
		{"administrators may make it stale", uapi.NUD_REACHABLE, macA, uapi.NUD_STALE, neigh.Override | neigh.Admin, "STALE", "0a"},
		{"no address: the old one", uapi.NUD_STALE, nil, uapi.NUD_REACHABLE, neigh.Override, "REACHABLE", "0a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			l.hear(ip1, macA, c.old, neigh.Override)
			if err := l.hear(ip1, c.mac, c.state, c.flags); err != nil {
				t.Fatal(err)
			}
			l.want(ip1, c.want)
			if s := l.get(ip1).String(); !strings.Contains(s, "02:00:00:00:00:"+c.addr) {
				t.Errorf("%s, want address %s", s, c.addr)
			}
		})
	}
}

func TestPermanentIsNotTheProtocols(t *testing.T) { // 7.74
	l := newLab(t)
	if err := l.hear(ip1, macA, uapi.NUD_PERMANENT, neigh.Admin|neigh.Override); err != nil {
		t.Fatal(err)
	}
	if err := l.hear(ip1, macB, uapi.NUD_REACHABLE, neigh.Override); err == nil {
		t.Error("a protocol changed it")
	}
	l.clock.Advance(time.Hour)
	l.want(ip1, "PERMANENT")
}

func TestHeaderFollowsTheAddress(t *testing.T) {
	l := newLab(t)
	l.hear(ip1, macA, uapi.NUD_REACHABLE, neigh.Override)
	l.send(ip1, "x")
	l.hear(ip1, macB, uapi.NUD_REACHABLE, neigh.Override)
	l.send(ip1, "y")
	for i, mac := range [][]byte{macA, macB} {
		if f := l.frames[i]; string(f[:6]) != string(mac) || string(f[6:12]) != string(l.d.Addr()) || f[12] != 8 {
			t.Errorf("frame %d: % x", i, f)
		}
	}
}
