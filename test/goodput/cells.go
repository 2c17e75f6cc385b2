// Package goodput compares what TCP carries over a bad link with what the real
// kernel carries over the same one: package impair's link, with the same delay,
// rate, queue and chances.
//
// The kernel's figures are measured in real time between two network namespaces
// of this machine that are joined by TAPs (kernel_linux_test.go), and stored in
// testdata/kernel.txt; linen's are measured in virtual time, by every run of
// the tests.
package goodput

import (
	"fmt"
	"time"

	"linen/lib/impair"
)

// A Cell is one link and one congestion control.
type Cell struct {
	Loss, Reorder float64       // percent, in both directions
	RTT           time.Duration // without queue
	Rate          int           // Mbit/s
	Congestion    string
	Span          time.Duration // how long data are sent
}

// Name is the cell in words, without spaces.
func (c Cell) Name() string {
	return fmt.Sprintf("%s/loss%g/reorder%g/%v/%dMbit", c.Congestion, c.Loss, c.Reorder, c.RTT, c.Rate)
}

// Link returns what each direction of the link does. The queue in front of the
// rate holds a round trip's worth of packets, or 64.
func (c Cell) Link(seed uint64) impair.Config {
	perSecond := float64(c.Rate) * 1e6 / 8 / 1514
	queue := max(int(perSecond*c.RTT.Seconds()), 64)
	return impair.Config{
		Delay: c.RTT / 2, Loss: impair.Percent(c.Loss), Reorder: impair.Percent(c.Reorder),
		Rate: uint64(c.Rate) * 1e6, Limit: queue + int(perSecond*c.RTT.Seconds()/2), Seed: seed,
	}
}

const ms = time.Millisecond

// runs is how often each cell is measured, with a seed of its own.
const runs = 4

// compared are the cells that are measured on both.
var compared = []Cell{
	{0, 0, 20 * ms, 10, "cubic", 20 * time.Second},
	{0, 0, 100 * ms, 50, "cubic", 20 * time.Second},
	{0, 0, 300 * ms, 10, "cubic", 30 * time.Second},
	{0.1, 0, 20 * ms, 50, "cubic", 40 * time.Second},
	{0.1, 0, 100 * ms, 10, "cubic", 40 * time.Second},
	{1, 0, 1 * ms, 10, "cubic", 20 * time.Second},
	{1, 0, 20 * ms, 10, "cubic", 40 * time.Second},
	{1, 0, 100 * ms, 10, "cubic", 60 * time.Second},
	{5, 0, 20 * ms, 10, "cubic", 60 * time.Second},
	{0, 5, 20 * ms, 50, "cubic", 20 * time.Second},
	{0.1, 5, 100 * ms, 10, "cubic", 40 * time.Second},
	{0, 0, 20 * ms, 10, "bbr", 20 * time.Second},
	{1, 0, 20 * ms, 10, "bbr", 20 * time.Second},
	{1, 0, 100 * ms, 50, "bbr", 20 * time.Second},
	{5, 0, 100 * ms, 10, "bbr", 20 * time.Second},
}
