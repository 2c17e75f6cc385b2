// Command bench measures linen beside gVisor's netstack, a bare Go floor and
// its own targets, all in one run, and prints ratios: a time alone says as
// much about the machine as about the code.
//
//	cd bench && go run . [-time 2s] [-turns 5] [-subject linen] [-profile FILE] [NAME...]
//
// Every figure is CPU time of the whole process (user and system, garbage
// collector included) per operation, from getrusage, because wall-clock time
// on a shared machine is worthless. Each pair is measured in turns, and the
// smallest of the turns counts.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"syscall"
	"time"
)

// A subject does n operations.
type subject struct {
	name  string
	run   func(n int)
	stop  func()
	count int           // operations of a turn, 0: as many as take the time
	turns int           // most turns, 0: as many as asked
	bytes int           // of an operation, for the Gbit/s of a core
	note  func() string // what to say behind the figures, or nil
}

// A comparison is one row of the table: the first subject is linen's.
type comparison struct {
	name    string
	targets string // what the issues ask, in words
	set     func() []subject
}

func main() {
	length := flag.Duration("time", time.Second, "CPU time of one turn")
	turns := flag.Int("turns", 5, "turns of each subject")
	only := flag.String("subject", "", "measure only this subject of each row")
	profile := flag.String("profile", "", "write a CPU profile of everything to this file")
	flag.Parse()
	if *profile != "" {
		f := must(os.Create(*profile))
		check(pprof.StartCPUProfile(f))
		defer func() { pprof.StopCPUProfile(); check(f.Close()) }()
	}
	for _, c := range comparisons() {
		if !wanted(c.name, flag.Args()) {
			continue
		}
		compare(c, *only, *length, *turns)
	}
}

func comparisons() []comparison {
	return []comparison{
		{"forward", "0 allocations; <= 6 times the floor; >= 24 times gVisor", forwardSubjects},
		{"forward-2cpu", "two virtual CPUs cost <= 1.05 times the CPU of one", twoCPUSubjects},
		{"route-input", "the routing decision of a forwarded packet alone", routeInputSubjects},
		{"routes-1m", "<= 4 us and <= 200 B a route, through netlink, in random order", routesSubjects},
		{"forward-1m", "1M routes, 64k cold destinations: <= 300 ns", bigForwardSubjects},
		{"rules", "a lookup with rules by mark, user and port costs the same with 1M routes as with 1k", rulesSubjects},
		{"neigh-64k", "a permanent neighbour is added through netlink", neighSubjects},
		{"forward-64k", "64k neighbours on the link, in random order", neighForwardSubjects},
		{"udp-echo", "<= 2 us; >= 7 times gVisor", echoSubjects},
		{"tcp-bulk", "64 KiB super-frames: >= 50 Gbit/s per core; 2.2 times gVisor, 2.5 times the kernel", superSubjects},
		{"tcp-bulk-cut", "MTU 1500, cut, checksums offloaded: >= 9 Gbit/s per core", cutSubjects},
		{"tcp-bulk-summed", "MTU 1500, cut and checksummed: >= 6 Gbit/s per core", summedSubjects},
		{"tcp-trip", "a byte there and back: <= 2.5 us; 9 times gVisor, 2.1 times the kernel", func() []subject { return tripSubjects(1) }},
		{"tcp-trip-16", "the same over 16 connections", func() []subject { return tripSubjects(16) }},
		{"tcp-connect", "connect, accept, close: <= 15 us, <= 20 allocations", connectSubjects},
		{"tcp-idle", "an idle endpoint: <= 2 KB", idleSubjects},
		{"sockets-1m", "one million bound sockets in one Net", millionSubjects},
		{"net", "a Net is made and closed in < 200 us, in < 64 KiB", netSubjects},
	}
}

func wanted(name string, patterns []string) bool {
	for _, p := range patterns {
		if ok, err := regexp.MatchString(p, name); ok || err != nil {
			return err == nil
		}
	}
	return len(patterns) == 0
}

// cost is what an operation costs.
type cost struct{ cpu, allocs, bytes float64 }

// compare measures a row's subjects in turns.
func compare(c comparison, only string, length time.Duration, turns int) {
	subjects := slices.DeleteFunc(c.set(), func(s subject) bool { return only != "" && s.name != only })
	best := make([]cost, len(subjects))
	counts := make([]int, len(subjects))
	for i, s := range subjects {
		if counts[i] = s.count; counts[i] == 0 {
			counts[i] = calibrate(s, length)
		}
	}
	for turn := range turns {
		for i, s := range subjects {
			if s.turns > 0 && turn >= s.turns {
				continue
			}
			m := measure(s, counts[i])
			if turn == 0 || m.cpu < best[i].cpu {
				best[i] = m
			}
		}
	}
	fmt.Printf("%s (%s)\n", c.name, c.targets)
	for i, s := range subjects {
		ratio := ""
		if i > 0 {
			ratio = fmt.Sprintf("  linen: %.2f of it (%.1f times)", best[0].cpu/best[i].cpu, best[i].cpu/best[0].cpu)
		}
		if s.bytes > 0 {
			ratio = fmt.Sprintf("  %.1f Gbit/s per core", float64(s.bytes*8)/best[i].cpu) + ratio
		}
		if s.note != nil {
			ratio += "  " + s.note()
		}
		fmt.Printf("  %-12s %10.1f ns  %6.2f allocs  %8.0f B%s\n", s.name, best[i].cpu, best[i].allocs, best[i].bytes, ratio)
		if s.stop != nil {
			s.stop()
		}
	}
}

// calibrate finds how many operations take about length of CPU time.
func calibrate(s subject, length time.Duration) int {
	for n := 64; ; n *= 4 {
		m := measure(s, n)
		if total := m.cpu * float64(n); total > float64(length)/20 || n > 1<<28 {
			return max(int(float64(length)/m.cpu), 64)
		}
	}
}

func measure(s subject, n int) cost {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := cpuTime()
	s.run(n)
	used := cpuTime() - began
	runtime.ReadMemStats(&after)
	per := float64(n)
	return cost{float64(used) / per, float64(after.Mallocs-before.Mallocs) / per, float64(after.TotalAlloc-before.TotalAlloc) / per}
}

// cpuTime is the CPU time of this process so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func must[T any](v T, err error) T {
	if err != nil {
		fatal(err)
	}
	return v
}
