package dev

import "linen/kern"

// Stats are a device's counters, in the order of struct rtnl_link_stats64. A
// CPU's are written by its holder only.
type Stats struct {
	RxPackets, TxPackets uint64
	RxBytes, TxBytes     uint64
	RxErrors, TxErrors   uint64
	RxDropped, TxDropped uint64
	Multicast            uint64 // received
	Collisions           uint64
	RxLength             uint64 // frames of a bad length
	RxOver               uint64
	RxCRC                uint64
	RxFrame              uint64
	RxFIFO               uint64
	RxMissed             uint64
	TxAborted            uint64
	TxCarrier            uint64
	TxFIFO               uint64
	TxHeartbeat          uint64
	TxWindow             uint64
	RxCompressed         uint64
	TxCompressed         uint64
	RxNoHandler          uint64
	RxOtherhost          uint64
}

// numStats is how many counters Stats has.
const numStats = 25

// fields returns the counters in order.
func (s *Stats) fields() [numStats]*uint64 {
	return [numStats]*uint64{
		&s.RxPackets, &s.TxPackets, &s.RxBytes, &s.TxBytes, &s.RxErrors, &s.TxErrors,
		&s.RxDropped, &s.TxDropped, &s.Multicast, &s.Collisions, &s.RxLength, &s.RxOver,
		&s.RxCRC, &s.RxFrame, &s.RxFIFO, &s.RxMissed, &s.TxAborted, &s.TxCarrier, &s.TxFIFO,
		&s.TxHeartbeat, &s.TxWindow, &s.RxCompressed, &s.TxCompressed, &s.RxNoHandler, &s.RxOtherhost,
	}
}

// Counters returns d's counters, summed over the CPUs (dev_get_stats). The
// caller is on no CPU.
func (d *Device) Counters() Stats {
	var sum Stats
	to := sum.fields()
	d.k.Each(func(c *kern.CPU) {
		for i, v := range d.Stats.At(c).fields() {
			*to[i] += *v
		}
	})
	if f, ok := d.Ops.(StatsFiller); ok {
		f.FillStats(d, &sum)
	}
	return sum
}

// CountRx counts b as received by d: a driver calls it before Rx, with b's
// link header still to be counted or already pulled as n says: n is the
// frame's length with its link header.
func (d *Device) CountRx(c *kern.CPU, n int) {
	s := d.Stats.At(c)
	s.RxPackets++
	s.RxBytes += uint64(n)
}

// CountTx counts a sent frame of n bytes, link header included.
func (d *Device) CountTx(c *kern.CPU, n int) {
	s := d.Stats.At(c)
	s.TxPackets++
	s.TxBytes += uint64(n)
}
