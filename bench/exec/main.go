//go:build linux

// Command exec measures what unmodified programs pay for running on linen, in
// turns with this machine's kernel in namespaces of its own, and prints ratios:
//
//	cd bench && go run ./exec [-turns 3] [-seconds 3] [-profile FILE] [calls] [iperf3] [redis] [wrk] [uplink]
//
// calls is the time of each trapped system call, made by this program itself in
// a node; the others are iperf3, redis-benchmark, and wrk with nginx between two
// nodes, and between two namespaces joined by a veth of MTU 1500 whose TSO, GSO
// and GRO are off. uplink is iperf3 through linen's NAT to the machine, slirp4netns
// and pasta by tap, all at MTU 1500. The kernel's half needs root. Times are wall-clock: the
// smallest, and for rates the largest, of the turns.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"time"

	"linen/run/nodeinit"
)

// Settings of a run.
type settings struct {
	turns   int
	seconds int
}

// A section is a group of figures.
type section struct {
	name string
	run  func(settings) error
}

func main() {
	if nodeinit.IsInit() {
		nodeinit.Main()
	}
	if os.Getenv(envCalls) != "" {
		measureCalls()
		return
	}
	s := settings{}
	flag.IntVar(&s.turns, "turns", 3, "turns of each subject")
	flag.IntVar(&s.seconds, "seconds", 3, "length of one turn of iperf3 and wrk")
	profile := flag.String("profile", "", "write a CPU profile of linen's process to this file")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		check(err)
		check(pprof.StartCPUProfile(f))
		defer func() { pprof.StopCPUProfile(); check(f.Close()) }()
	}
	fmt.Printf("%s, %d CPUs, %s\n", runtime.Version(), runtime.NumCPU(), time.Now().Format(time.DateOnly))
	failed := false
	for _, sec := range []section{{"calls", calls}, {"iperf3", iperf}, {"redis", redis}, {"wrk", wrk}, {"uplink", uplinks}} {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), sec.name) {
			continue
		}
		fmt.Printf("\n== %s\n", sec.name)
		if err := sec.run(s); err != nil {
			fmt.Printf("%s: %v\n", sec.name, err)
			failed = true
		}
	}
	if failed {
		defer os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "exec:", err)
		os.Exit(1)
	}
}
