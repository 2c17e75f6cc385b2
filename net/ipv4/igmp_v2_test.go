package ipv4_test

import (
	"encoding/binary"
	"testing"
	"time"

	"linen/uapi"
	"linen/wire"
)

// TestGroupReportsVersion2: force_igmp_version 2 reports and leaves as RFC 2236
// §3 says, and stays silent where another host has reported.
func TestGroupReportsVersion2(t *testing.T) {
	w := newWorld(t)
	w.set(w.a, "net/ipv4/conf/a0/force_igmp_version", "2")
	w.clock.Advance(time.Minute)
	w.watch(w.a)
	a0 := device(w.a, "a0")
	leave := func(m interface{ Leave() }) {
		w.a.Lock()
		m.Leave()
		w.a.Unlock()
		w.clock.Advance(time.Second)
	}
	m := w.join(uapi.MCAST_EXCLUDE)
	w.clock.Advance(25 * time.Second)
	report := []uint32{wire.IGMPv2Report, group}
	w.wantRecords(report, report)
	leave(m)
	w.wantRecords([]uint32{wire.IGMPv2Leave, group})

	m = w.join(uapi.MCAST_EXCLUDE)
	w.clock.Advance(25 * time.Second)
	w.wantRecords(report, report)
	query := igmpPacket([]byte{wire.IGMPQuery, 100, 0, 0, 0, 0, 0, 0})
	w.inject(a0, query, 2)
	others := igmpPacket(binary.BigEndian.AppendUint32([]byte{wire.IGMPv2Report, 0, 0, 0}, group))
	w.inject(a0, others, 2)
	w.clock.Advance(11 * time.Second)
	w.wantRecords() // the other's report will do
	leave(m)
	w.wantRecords() // nor was ours the last
}

// TestGroupAndSourceQueries: RFC 3376 §5.2: the answer names the sources that
// were asked for and are wanted.
func TestGroupAndSourceQueries(t *testing.T) {
	w := newWorld(t)
	w.join(uapi.MCAST_INCLUDE, 1, 2, 3)
	w.clock.Advance(time.Minute)
	w.watch(w.a)
	query := []byte{wire.IGMPQuery, 10, 0, 0, 239, 1, 2, 3, 2, 125, 0, 2, 0, 0, 0, 2, 0, 0, 0, 9}
	w.inject(device(w.a, "a0"), igmpPacket(query), 2)
	w.clock.Advance(2 * time.Second)
	w.wantRecords([]uint32{wire.IGMPModeIsInclude, group, 2})
	query[11] = 200 // more sources than there are
	w.inject(device(w.a, "a0"), igmpPacket(query), 2)
	w.clock.Advance(2 * time.Second)
	w.wantRecords()
}
