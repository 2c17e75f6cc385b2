package ipv4_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"linen/kern"
	"linen/net/dev"
	"linen/net/mib"
	"linen/net/neigh"
	"linen/net/skb"
	"linen/uapi"
)

func TestARPResolves(t *testing.T) { // RFC 826
	l := newARPLab(t)
	l.send("10.1.0.2", "10.1.0.1")
	l.wantSent("e0 00:02 > all: who-has 10.1.0.1 tell 10.1.0.2")
	l.wantEntry("10.1.0.1", "INCOMPLETE")
	l.receive(reply("10.1.0.1", peer))
	l.wantEntry("10.1.0.1", "00:01 REACHABLE")
	if fmt.Sprint(l.data) != fmt.Sprint([]string{peer.String()}) {
		t.Errorf("data went to %v", l.data)
	}
}

func TestARPRequestBytes(t *testing.T) { // 42 bytes, target address zero
	l := newARPLab(t)
	var raw []byte
	remove := dev.AddTap(l.n, l.e0.Dev, &dev.PacketType{Proto: uapi.ETH_P_ALL, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
		raw = append(raw, b.Data()...)
		b.Consume(c)
	}})
	defer remove()
	l.send("10.1.0.2", "10.1.0.1")
	const want = "ffffffffffff" + "020000000002" + "0806" + "0001" + "0800" + "06" + "04" + "0001" +
		"020000000002" + "0a010002" + "000000000000" + "0a010001"
	if fmt.Sprintf("%x", raw) != want {
		t.Errorf("got  %x\nwant %s", raw, want)
	}
}

func TestARPProbesAreUnicast(t *testing.T) {
	l := newARPLab(t)
	l.receive(request("10.1.0.1", peer, "10.1.0.2"))
	l.wantSent("e0 00:02 > 00:01: 10.1.0.2 is-at 00:02")
	l.wantEntry("10.1.0.1", "00:01 STALE")
	l.send("10.1.0.2", "10.1.0.1")
	l.wantEntry("10.1.0.1", "00:01 DELAY")
	l.clock.Advance(5 * time.Second)
	l.wantSent("e0 00:02 > 00:01: who-has 10.1.0.1 tell 10.1.0.2")
	l.receive(reply("10.1.0.1", peer))
	l.wantEntry("10.1.0.1", "00:01 REACHABLE")
}

func TestARPFailureIsHostUnreachable(t *testing.T) { // 7.03
	l := newARPLab(t)
	l.send("10.1.0.2", "10.1.0.77")
	l.send("10.1.0.2", "10.1.0.77")
	l.clock.Advance(2999 * time.Millisecond)
	if n := mib.Of(l.n).Read()[mib.ICMPOutDestUnreachs]; n != 0 {
		t.Errorf("%d ICMP errors before its time", n)
	}
	l.clock.Advance(time.Millisecond)
	l.wantEntry("10.1.0.77", "FAILED")
	counters := mib.Of(l.n).Read()
	if out, in := counters[mib.ICMPOutDestUnreachs], counters[mib.ICMPInDestUnreachs]; out != 2 || in != 2 {
		t.Errorf("host unreachable: %d sent, %d received by this host; want 2 of both", out, in)
	}
}

func TestARPAnnounce(t *testing.T) {
	for _, c := range []struct{ level, src, want string }{
		{"0", "10.1.0.2", "10.1.0.2"}, {"0", "10.9.0.1", "10.9.0.1"}, {"0", "10.1.0.3", "10.1.0.3"},
		{"1", "10.9.0.1", "10.1.0.2"}, {"1", "10.1.0.3", "10.1.0.3"},
		{"2", "10.9.0.1", "10.1.0.2"}, {"2", "10.1.0.3", "10.1.0.2"},
	} {
		l := newARPLab(t)
		l.ip.run("addr add 10.9.0.1/32 dev lo")
		l.ip.run("addr add 10.1.0.3/24 dev e0")
		l.set("conf/e0/arp_announce", c.level)
		l.sent = nil
		l.send(c.src, "10.1.0.1")
		l.wantSent("e0 00:02 > all: who-has 10.1.0.1 tell " + c.want)
	}
}

func TestARPIgnore(t *testing.T) {
	const e0, e1, far = "10.1.0.2", "10.2.0.2", "10.9.0.1" // of e0, of e1, of scope host on lo
	for _, c := range []struct {
		level, from, target string
		answered            bool
	}{
		{"0", "10.1.0.1", e0, true}, {"0", "10.1.0.1", e1, true}, {"0", "10.1.0.1", far, true},
		{"1", "10.1.0.1", e0, true}, {"1", "10.1.0.1", e1, false},
		{"2", "10.1.0.1", e0, true}, {"2", "10.3.0.1", e0, false}, {"2", "10.1.0.1", e1, false},
		{"3", "10.1.0.1", e0, true}, {"3", "10.1.0.1", e1, true}, {"3", "10.1.0.1", far, false},
		{"4", "10.1.0.1", e1, true}, {"8", "10.1.0.1", e0, false},
	} {
		l := newARPLab(t)
		l.ip.run("addr add 10.9.0.1/32 dev lo scope host")
		l.ip.run("route add 10.3.0.0/24 dev e0")
		l.set("conf/all/arp_ignore", c.level)
		l.sent = nil
		l.receive(request(c.from, peer, c.target))
		if got := len(l.sent) == 1; got != c.answered {
			t.Errorf("arp_ignore=%s, %s asks for %s: answered %v", c.level, c.from, c.target, got)
		}
	}
}

func TestARPFilter(t *testing.T) {
	l := newARPLab(t)
	l.set("conf/e0/arp_filter", "1")
	l.receive(request("10.2.0.9", peer, "10.1.0.2")) // the way back is e1
	l.wantSent()
	if n := mib.Of(l.n).Read()[mib.TCPExtArpFilter]; n != 1 {
		t.Errorf("ArpFilter %d", n)
	}
	l.receive(request("10.1.0.1", peer, "10.1.0.2"))
	l.wantSent("e0 00:02 > 00:01: 10.1.0.2 is-at 00:02")
}

// TestARPLearns was compared with Linux 6.18, frame by frame; so were the
// tables of arp_ignore, of the proxies and of nonsense.
func TestARPLearns(t *testing.T) { // 7.33
	gratuitous := arp{op: uapi.ARPOP_REQUEST, sha: other, spa: "10.1.0.1", tpa: "10.1.0.1"}
	gratuitousReply := arp{op: uapi.ARPOP_REPLY, sha: other, spa: "10.1.0.1", tha: other, tpa: "10.1.0.1", dst: bcast}
	for _, c := range []struct {
		name   string
		known  bool   // 10.1.0.1 is at peer, REACHABLE for 2 s
		accept string // arp_accept
		in     arp
		want   string
	}{
		{"a request for us makes an entry", false, "0", request("10.1.0.1", peer, "10.1.0.2"), "00:01 STALE"},
		{"a request for another does not", false, "0", request("10.1.0.1", peer, "10.1.0.9"), ""},
		{"... but updates", true, "0", request("10.1.0.1", other, "10.1.0.9"), "00:03 STALE"},
		{"a reply nobody asked for makes none", false, "0", reply("10.1.0.1", peer), ""},
		{"... with arp_accept it does", false, "1", reply("10.1.0.1", peer), "00:01 REACHABLE"},
		{"a broadcast reply proves nothing", true, "0", arp{op: uapi.ARPOP_REPLY, sha: other, spa: "10.1.0.1", tpa: "10.1.0.2", dst: bcast}, "00:03 STALE"},
		{"gratuitous, unknown", false, "0", gratuitous, ""},
		{"gratuitous, arp_accept", false, "1", gratuitous, "00:03 STALE"},
		{"gratuitous, arp_accept in the subnet", false, "2", gratuitous, "00:03 STALE"},
		{"gratuitous, known", true, "0", gratuitous, "00:03 STALE"},
		{"gratuitous reply, known", true, "0", gratuitousReply, "00:03 STALE"},
		{"off the subnet, too", false, "0", request("10.1.0.1", peer, "10.2.0.2"), "00:01 STALE"},
		{"even a broadcast address is believed", false, "0", request("10.1.0.1", bcast, "10.1.0.2"), "all STALE"},
		{"a request that we do not answer teaches nothing", false, "0", request("10.1.0.1", peer, "10.9.9.9"), ""},
		{"a probe teaches nothing", false, "1", request("0.0.0.0", peer, "10.1.0.2"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newARPLab(t)
			if c.known {
				l.send("10.1.0.2", "10.1.0.1")
				l.receive(reply("10.1.0.1", peer))
				l.clock.Advance(2 * time.Second)
			}
			l.set("conf/e0/arp_accept", c.accept)
			l.receive(c.in)
			l.wantEntry("10.1.0.1", c.want)
		})
	}
}

func TestARPAcceptsOnlyTheSubnet(t *testing.T) {
	l := newARPLab(t)
	l.set("conf/e0/arp_accept", "2")
	l.receive(request("10.5.0.1", peer, "10.5.0.1"))
	l.wantEntry("10.5.0.1", "")
}

func TestARPLockTime(t *testing.T) { // the first of several answers counts, for a second
	l := newARPLab(t)
	l.send("10.1.0.2", "10.1.0.1")
	l.receive(reply("10.1.0.1", peer), reply("10.1.0.1", other))
	l.wantEntry("10.1.0.1", "00:01 REACHABLE")
	l.clock.Advance(time.Second)
	l.receive(reply("10.1.0.1", other))
	l.wantEntry("10.1.0.1", "00:01 REACHABLE")
	l.clock.Advance(time.Millisecond)
	l.receive(reply("10.1.0.1", other))
	l.wantEntry("10.1.0.1", "00:03 REACHABLE")
}

func TestARPProbeIsAnswered(t *testing.T) { // RFC 5227 §2.1.1
	l := newARPLab(t)
	l.receive(request("0.0.0.0", peer, "10.1.0.2"))
	l.wantSent("e0 00:02 > 00:01: 10.1.0.2 is-at 00:02")
	l.receive(request("0.0.0.0", peer, "10.1.0.9"))
	l.wantSent()
}

func TestARPAnnouncesItself(t *testing.T) { // arp_notify, NOTIFY_PEERS
	l := newARPLab(t)
	const announce = "e0 00:02 > all: who-has 10.1.0.2 tell 10.1.0.2"
	down := func() { l.ip.run("link set e0 down"); l.sent = nil }
	down()
	l.ip.run("link set e0 up")
	l.wantSent()
	l.set("conf/e0/arp_notify", "1")
	down()
	l.ip.run("link set e0 up")
	l.wantSent(announce)
	l.locked(func() { dev.SetAddr(l.e0.Dev, other[:]) })
	l.wantSent("e0 00:03 > all: who-has 10.1.0.2 tell 10.1.0.2")
	l.set("conf/e0/arp_notify", "0")
	l.locked(func() {
		dev.SetAddr(l.e0.Dev, mac0[:])
		dev.Notifiers(l.n).Call(&dev.Event{Type: dev.EventNotifyPeers, Dev: l.e0.Dev})
	})
	l.wantSent(announce)
}

func TestARPDropGratuitous(t *testing.T) {
	l := newARPLab(t)
	l.set("conf/e0/arp_accept", "1")
	l.set("conf/e0/drop_gratuitous_arp", "1")
	l.receive(request("10.1.0.1", peer, "10.1.0.1"))
	l.wantEntry("10.1.0.1", "")
}

func TestARPEvictNocarrier(t *testing.T) {
	for value, want := range map[string]string{"1": "", "0": "00:01 STALE"} {
		l := newARPLab(t)
		l.set("conf/e0/arp_evict_nocarrier", value)
		l.receive(request("10.1.0.1", peer, "10.1.0.2"))
		l.e0.Dev.CarrierOff()
		l.clock.Settle()
		l.wantEntry("10.1.0.1", want)
	}
}

func TestARPProxy(t *testing.T) { // RFC 1027
	const far = "10.2.0.9" // behind e1
	ask := request("10.1.0.1", peer, far)
	unicast := ask
	unicast.dst = mac0
	answer := "e0 00:02 > 00:01: 10.2.0.9 is-at 00:02"
	for _, c := range []struct {
		name  string
		set   map[string]string
		proxy bool // ip neigh add proxy
		in    arp
		now   bool // answered at once
		later bool
	}{
		{"off", nil, false, ask, false, false},
		{"proxy_arp waits a random time", map[string]string{"conf/e0/proxy_arp": "1"}, false, ask, false, true},
		{"... but not for a unicast request", map[string]string{"conf/e0/proxy_arp": "1"}, false, unicast, true, true},
		{"... nor without proxy_delay", map[string]string{"conf/all/proxy_arp": "1", "neigh/e0/proxy_delay": "0"}, false, ask, true, true},
		{"a medium of its own", map[string]string{"conf/e0/proxy_arp": "1", "conf/e0/medium_id": "7", "conf/e1/medium_id": "8"}, false, ask, false, true},
		{"the same medium", map[string]string{"conf/e0/proxy_arp": "1", "conf/e0/medium_id": "7", "conf/e1/medium_id": "7"}, false, ask, false, false},
		{"medium -1", map[string]string{"conf/e0/proxy_arp": "1", "conf/e0/medium_id": "-1"}, false, ask, false, false},
		{"another medium, with none there", map[string]string{"conf/e0/proxy_arp": "1", "conf/e0/medium_id": "7"}, false, ask, false, true},
		{"medium -1 there", map[string]string{"conf/e0/proxy_arp": "1", "conf/e0/medium_id": "7", "conf/e1/medium_id": "-1"}, false, ask, false, false},
		{"a probe is not answered for others", map[string]string{"conf/e0/proxy_arp": "1"}, false, request("0.0.0.0", peer, far), false, false},
		{"an announcement is no question", map[string]string{"conf/e0/proxy_arp_pvlan": "1", "neigh/e0/proxy_delay": "0"}, false, request("10.1.0.9", peer, "10.1.0.9"), false, false},
		{"an explicit proxy", nil, true, ask, false, true},
		{"the asker's own link", map[string]string{"conf/e0/proxy_arp": "1"}, false, request("10.1.0.1", peer, "10.1.0.9"), false, false},
		{"proxy_arp_pvlan answers there", map[string]string{"conf/e0/proxy_arp_pvlan": "1", "neigh/e0/proxy_delay": "0"}, false, request("10.1.0.1", peer, "10.1.0.9"), true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newARPLab(t)
			l.set("ip_forward", "1")
			for k, v := range c.set {
				l.set(k, v)
			}
			if c.proxy {
				l.tbl.AddProxy(l.e0.Dev, neigh.Key4(u32(far)), 0, false, 0)
			}
			l.receive(c.in)
			answer := strings.Replace(answer, far, c.in.tpa, 1)
			if c.now {
				l.wantSent(answer)
			} else {
				l.wantSent()
			}
			l.clock.Advance(800 * time.Millisecond)
			if c.later && !c.now {
				l.wantSent(answer)
			} else {
				l.wantSent()
			}
		})
	}
}

func TestARPHostIsNoProxy(t *testing.T) { // only who forwards answers for others
	l := newARPLab(t)
	l.set("conf/e0/proxy_arp", "1")
	l.receive(request("10.1.0.1", peer, "10.2.0.9"))
	l.clock.Advance(time.Second)
	l.wantSent()
}

func TestARPIgnoresNonsense(t *testing.T) { // 7.70
	good := request("10.1.0.1", peer, "10.1.0.2")
	change := func(f func(a *arp)) []byte { a := good; f(&a); return a.frame() }
	poke := func(at int, v byte) []byte { f := good.frame(); f[at] = v; return f }
	for name, frame := range map[string][]byte{
		"short":            good.frame()[:14+27],
		"hardware type":    change(func(a *arp) { a.htype = 7 }),
		"protocol type":    poke(14+2, 0x86),
		"address length":   poke(14+4, 8),
		"protocol length":  poke(14+5, 16),
		"RARP":             change(func(a *arp) { a.op = uapi.ARPOP_RREQUEST }),
		"InARP":            change(func(a *arp) { a.op = uapi.ARPOP_InREQUEST }),
		"loopback target":  change(func(a *arp) { a.tpa = "127.0.0.1" }),
		"multicast target": change(func(a *arp) { a.tpa = "224.0.0.1" }),
		"another's frame":  change(func(a *arp) { a.dst = other }),
		"martian sender":   change(func(a *arp) { a.spa = "127.0.0.9" }),
		"multicast sender": change(func(a *arp) { a.spa = "224.0.0.9" }),
		"our own address":  change(func(a *arp) { a.spa = "10.1.0.2" }),
	} {
		t.Run(name, func(t *testing.T) {
			l := newARPLab(t)
			before := l.tbl.Len()
			l.e0.Inject(frame)
			l.wantSent()
			if l.tbl.Len() != before {
				t.Errorf("%d entries", l.tbl.Len()-before)
			}
		})
	}
	l := newARPLab(t)
	l.receive(arp{op: good.op, sha: peer, spa: good.spa, tpa: good.tpa, htype: uapi.ARPHRD_IEEE802})
	l.wantSent("e0 00:02 > 00:01: 10.1.0.2 is-at 00:02") // RFC 1812 §3.3.2
}

func TestNoARPDevice(t *testing.T) { // ip link set e0 arp off
	l := newARPLab(t)
	l.locked(func() { dev.ChangeFlags(l.e0.Dev, l.e0.Dev.Flags()|uapi.IFF_NOARP) })
	l.receive(request("10.1.0.1", peer, "10.1.0.2"))
	l.wantSent()
	l.send("10.1.0.2", "10.1.0.1")
	l.wantSent()
	l.wantEntry("10.1.0.1", "00:02 NOARP")
}

func TestGroupsNeedNoARP(t *testing.T) { // RFC 1112 §6.4; 7.17
	l := newARPLab(t)
	l.ip.run("route add 224.0.0.0/4 dev e0")
	l.data = nil
	l.send("10.1.0.2", "239.129.2.3")
	l.wantSent()
	if fmt.Sprint(l.data) != "[01:00:5e:01:02:03]" {
		t.Errorf("sent to %v", l.data)
	}
}
