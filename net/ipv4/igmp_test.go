package ipv4_test

import (
	"encoding/binary"
	"testing"
	"time"

	"linen/lib/csum"
	"linen/net/ipv4"
	"linen/uapi"
	"linen/wire"
)

const group = 0xef010203 // 239.1.2.3

// join makes a0 a member of the group.
func (w *world) join(mode uint8, sources ...uint32) *ipv4.Membership {
	w.a.Lock()
	defer w.a.Unlock()
	m, err := ipv4.JoinGroup(device(w.a, "a0"), group, mode, sources)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// records returns the group records that a sent, as type, group, sources.
func (w *world) records() (list [][]uint32) {
	for _, p := range w.packets(w.a, true) {
		h := p.ip()
		if h.Proto() != uapi.IPPROTO_IGMP {
			continue
		}
		if h.TTL() != 1 || h.TOS() != 0xc0 || !h.DF() || h.ID() != 0 || h.IHL() != 24 {
			w.t.Errorf("IGMP in a header % x", p.data[:24])
		}
		msg := p.data[24:]
		if csum.Checksum(msg) != 0 {
			w.t.Errorf("bad checksum: % x", msg)
		}
		r, _ := wire.AsIGMPv3Report(msg)
		if msg[0] != wire.IGMPv3Report {
			list = append(list, []uint32{uint32(msg[0]), binary.BigEndian.Uint32(msg[4:])})
			continue
		}
		rest := msg[8:]
		for range r.NGrec() {
			g, _ := wire.AsIGMPv3Grec(rest)
			rec := []uint32{uint32(g.Type()), g.Group()}
			for i := range g.NSrcs() {
				rec = append(rec, binary.BigEndian.Uint32(rest[8+4*i:]))
			}
			list = append(list, rec)
			rest = rest[g.Len():]
		}
	}
	return list
}

func (w *world) wantRecords(want ...[]uint32) {
	w.t.Helper()
	got := w.records()
	if len(got) != len(want) {
		w.t.Fatalf("records %x, want %x", got, want)
	}
	for i := range want {
		for j := range want[i] {
			if len(got[i]) != len(want[i]) || got[i][j] != want[i][j] {
				w.t.Fatalf("record %x, want %x", got[i], want[i])
			}
		}
	}
}

// TestGroupReports follows RFC 3376 §5.1: each change is reported robustness
// (2) times.
func TestGroupReports(t *testing.T) {
	w := newWorld(t)
	w.clock.Advance(time.Minute) // what the addresses caused is over
	w.watch(w.a)
	m := w.join(uapi.MCAST_EXCLUDE)
	w.clock.Advance(3 * time.Second)
	to := []uint32{wire.IGMPChangeToExclude, group}
	w.wantRecords(to, to)
	w.a.Lock()
	m.SetFilter(uapi.MCAST_EXCLUDE, []uint32{7})
	w.a.Unlock()
	w.clock.Advance(3 * time.Second)
	w.wantRecords([]uint32{wire.IGMPBlockOldSources, group, 7}, []uint32{wire.IGMPBlockOldSources, group, 7})
	a0 := device(w.a, "a0")
	for src, want := range map[uint32]bool{0: true, 7: false, 8: true} {
		if got := ipv4.GroupMember(a0, group, src); got != want {
			t.Errorf("source %d: %v", src, got)
		}
	}
	w.a.Lock()
	m.Leave()
	m.Leave()
	w.a.Unlock()
	w.clock.Advance(3 * time.Second)
	to = []uint32{wire.IGMPChangeToInclude, group}
	w.wantRecords(to, to)
	if ipv4.GroupMember(a0, group, 8) {
		t.Error("still a member")
	}
}

// TestGroupFilterMerged: a device takes what any of its sockets wants.
func TestGroupFilterMerged(t *testing.T) {
	w := newWorld(t)
	w.join(uapi.MCAST_INCLUDE, 1, 2)
	w.join(uapi.MCAST_EXCLUDE, 2, 3)
	for src, want := range map[uint32]bool{1: true, 2: true, 3: false, 4: true} {
		if got := ipv4.GroupMember(device(w.a, "a0"), group, src); got != want {
			t.Errorf("source %d: %v", src, got)
		}
	}
}

// igmpPacket returns an IGMP message to all hosts.
func igmpPacket(msg []byte) []byte {
	binary.BigEndian.PutUint16(msg[2:], 0)
	binary.BigEndian.PutUint16(msg[2:], csum.Checksum(msg))
	p := udp(addrRA, 0xe0000001, wire.IPv4HdrLen+len(msg))
	(*wire.IPv4Hdr)(p).SetProto(uapi.IPPROTO_IGMP)
	wire.SendCheck4(p)
	copy(p[wire.IPv4HdrLen:], msg)
	return p
}

func TestGroupQueries(t *testing.T) {
	w := newWorld(t)
	w.join(uapi.MCAST_EXCLUDE)
	w.clock.Advance(time.Minute)
	w.watch(w.a)
	a0 := device(w.a, "a0")
	w.inject(a0, igmpPacket([]byte{wire.IGMPQuery, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0}), 2)
	w.clock.Advance(11 * time.Second)
	w.wantRecords([]uint32{wire.IGMPModeIsExclude, group})
	w.inject(a0, igmpPacket([]byte{wire.IGMPQuery, 10, 0, 0, 239, 1, 2, 3}), 2) // version 2
	w.clock.Advance(2 * time.Second)
	w.wantRecords([]uint32{wire.IGMPv2Report, group})
	w.inject(a0, igmpPacket([]byte{wire.IGMPQuery, 0, 0, 0, 0, 0, 0, 0}), 2) // version 1
	w.clock.Advance(11 * time.Second)
	w.wantRecords([]uint32{wire.IGMPv1Report, group})
	w.clock.Advance(10 * time.Minute) // the old queriers are forgotten
	w.inject(a0, igmpPacket([]byte{wire.IGMPQuery, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0}), 2)
	w.clock.Advance(2 * time.Second)
	w.wantRecords([]uint32{wire.IGMPModeIsExclude, group})
}

// TestGroupRecordsFitThePacket: what does not fit a report goes on in another, but a record that excludes is cut
// (RFC 3376 §4.2.16).
func TestGroupRecordsFitThePacket(t *testing.T) {
	w := newWorld(t)
	w.set(w.a, "net/ipv4/igmp_qrv", "1")
	w.clock.Advance(time.Minute)
	w.watch(w.a)
	joined := func(group uint32, mode uint8, sources ...uint32) {
		w.a.Lock()
		defer w.a.Unlock()
		if _, err := ipv4.JoinGroup(device(w.a, "a0"), group, mode, sources); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint32(400) {
		joined(group+i, uapi.MCAST_EXCLUDE)
	}
	w.clock.Advance(3 * time.Second)
	counts := func() (list []int) {
		for _, p := range w.packets(w.a, true) {
			if len(p.data) > 1500 {
				t.Errorf("a packet of %d bytes", len(p.data))
			}
			list = append(list, int(binary.BigEndian.Uint16(p.data[30:])))
		}
		return list
	}
	const most = (1500 - 24 - 8) / 8
	if got := counts(); len(got) != 3 || got[0] != most || got[1] != most || got[2] != 400-2*most {
		t.Errorf("reports of %d records", got)
	}
	var sources []uint32
	for i := range uint32(400) {
		sources = append(sources, 0x01000000+i)
	}
	joined(group+1000, uapi.MCAST_INCLUDE, sources...)
	w.clock.Advance(3 * time.Second)
	w.wantRecords(append([]uint32{wire.IGMPAllowNewSources, group + 1000}, sources[:365]...),
		append([]uint32{wire.IGMPAllowNewSources, group + 1000}, sources[365:]...))
	joined(group+1001, uapi.MCAST_EXCLUDE, sources...)
	w.clock.Advance(3 * time.Second)
	w.wantRecords(append([]uint32{wire.IGMPChangeToExclude, group + 1001}, sources[:365]...))
}

// TestAllHostsGroup: a device is in 224.0.0.1 while it is up, whoever else joins and leaves it.
func TestAllHostsGroup(t *testing.T) {
	const allHosts = 0xe0000001
	w := newWorld(t)
	a0 := device(w.a, "a0")
	member := func(want bool) {
		t.Helper()
		if got := ipv4.GroupMember(a0, allHosts, 9); got != want {
			t.Errorf("a member of 224.0.0.1: %v", got)
		}
	}
	member(true)
	w.a.Lock()
	m, err := ipv4.JoinGroup(a0, allHosts, uapi.MCAST_INCLUDE, []uint32{7})
	w.a.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	member(true)
	w.ip(w.a, "link set a0 down")
	member(false)
	w.ip(w.a, "link set a0 up")
	member(true)
	w.a.Lock()
	m.Leave()
	w.a.Unlock()
	member(true)
	w.ip(w.a, "link set a0 down")
	member(false)
}
