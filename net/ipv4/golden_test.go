package ipv4_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"linen/kern"
	"linen/lib/pcapng"
	"linen/net/ipv4"
	"linen/net/neigh"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// capture returns the IPv4 packets of a capture of Ethernet frames.
func capture(t *testing.T, file string) (list [][]byte) {
	text, err := os.ReadFile("../../test/golden/" + file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapng.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := wire.AsEth(p.Data); ok && e.Type() == uapi.ETH_P_IP {
			list = append(list, p.Data[wire.EthHdrLen:])
		}
	}
}

// comparable returns a packet without what is a host's own choice: the
// identification and with it the checksum.
func comparable(p []byte) []byte {
	p = bytes.Clone(p)
	clear(p[4:6])
	clear(p[10:12])
	return p
}

// TestGolden replays what Linux 192.0.2.1 sent to Linux 192.0.2.2 and compares
// our ICMP answers with what the latter answered.
func TestGolden(t *testing.T) {
	const peer, self = 0xc0000201, 0xc0000202
	for file, answers := range map[string]int{"arp-icmp.pcap": 4, "ip-frag.pcap": 6} {
		w := newWorld(t)
		w.ip(w.b, "addr add 192.0.2.2/24 dev b0")
		b0 := device(w.b, "b0")
		nb, err := neigh.Of(w.b).V4.Create(b0, neigh.Key4(peer), 0, false)
		if err != nil {
			t.Fatal(err)
		}
		nb.Update(nil, []byte{2, 0, 0, 0, 0, 0xa}, uapi.NUD_PERMANENT, neigh.Override|neigh.Admin, 0)
		ipv4.AddProtocol(w.b, uapi.IPPROTO_UDP, &ipv4.Protocol{Recv: func(c *kern.CPU, b *skb.Buff) {
			ipv4.ICMPSend(c, b, wire.ICMPDestUnreach, wire.ICMPPortUnreach, 0)
			b.Drop(c, w.b, skb.ReasonNoSocket)
		}})
		w.watch(w.b)
		var want [][]byte
		for _, p := range capture(t, file) {
			h := (*wire.IPv4Hdr)(p)
			switch {
			case h.Daddr() == self:
				w.inject(b0, p[:h.TotLen()], skb.PacketHost)
				w.clock.Advance(10 * time.Millisecond)
			case h.Daddr() == peer && h.Proto() == uapi.IPPROTO_ICMP:
				want = append(want, p[:h.TotLen()])
				if h.Offset() == 0 && p[20] == wire.ICMPDestUnreach { // the capture lacks what it quotes
					w.inject(b0, p[28:h.TotLen()], skb.PacketHost)
				}
			}
		}
		var got [][]byte
		for _, p := range w.outICMP() {
			got = append(got, p.data)
		}
		if len(want) != answers || len(got) != len(want) {
			t.Errorf("%s: %d answers, Linux gave %d, the capture had %d", file, len(got), len(want), answers)
			continue
		}
		for i := range want {
			if !bytes.Equal(comparable(got[i]), comparable(want[i])) {
				t.Errorf("%s: answer %d\n% x, Linux gave\n% x", file, i, got[i], want[i])
			}
		}
	}
}

// igmpOf returns the IGMP messages among packets, with their IP headers.
func igmpOf(packets [][]byte) (list [][]byte) {
	for _, p := range packets {
		if h := (*wire.IPv4Hdr)(p); h.Proto() == uapi.IPPROTO_IGMP {
			list = append(list, p[:h.TotLen()])
		}
	}
	return list
}

// TestGoldenIGMP does what make-ip.sh let a program of Linux do - a group joined, a source of another asked for, the
// group left, the program's end - and sends the same reports, to the bit, in the same order.
func TestGoldenIGMP(t *testing.T) {
	const anySource, oneSource, source = 0xef010203, 0xe8010101, 0xc0000201
	w := newWorld(t)
	w.ip(w.a, "addr add 192.0.2.2/24 dev a0")
	w.ip(w.a, "addr del 10.0.0.1/24 dev a0")
	w.clock.Advance(time.Minute)
	w.watch(w.a)
	join := func(group uint32, mode uint8, sources ...uint32) *ipv4.Membership {
		w.a.Lock()
		m, err := ipv4.JoinGroup(device(w.a, "a0"), group, mode, sources)
		w.a.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(2 * time.Second)
		return m
	}
	leave := func(m *ipv4.Membership) {
		w.a.Lock()
		m.Leave()
		w.a.Unlock()
		w.clock.Advance(1500 * time.Millisecond)
	}
	first := join(anySource, uapi.MCAST_EXCLUDE)
	second := join(oneSource, uapi.MCAST_INCLUDE, source)
	leave(first)
	leave(second)
	var sent [][]byte
	for _, p := range w.packets(w.a, true) {
		sent = append(sent, p.data)
	}
	got, want := igmpOf(sent), igmpOf(capture(t, "igmp3-mld2.pcap"))
	if len(want) != 8 || len(got) != len(want) {
		t.Fatalf("%d reports, Linux sent %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("report %d\n% x, Linux sent\n% x", i, got[i], want[i])
		}
	}
}
