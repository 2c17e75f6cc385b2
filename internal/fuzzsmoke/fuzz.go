package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// verdict is what came of a target.
type verdict int

const (
	fine     verdict = iota
	doubtful         // the fuzzer died, or an input failed only once
	broken           // an input, or the target itself, fails every time
)

const (
	firstCount = 500        // executions of the first round
	growth     = 50         // a round is at most this many times the one before
	mostCount  = 50_000_000 // a bound for targets that do nothing
	limitFloor = 60 * time.Second
)

func background() context.Context { return context.Background() }

// fuzz builds a target and runs it in rounds, each sized by the speed of the
// one before, until its share of the budget is used.
func fuzz(ctx context.Context, work string, t *target, share time.Duration) verdict {
	bin, err := build(ctx, work, t)
	if err != nil {
		fmt.Printf("FAIL %s: %v\n", t, err)
		return broken
	}
	start := time.Now()
	total, count, retried := 0, firstCount, false
	for ctx.Err() == nil {
		begin := time.Now()
		r := execute(ctx, bin, work, t, count, 3*share+limitFloor)
		switch {
		case r.slow:
			fmt.Printf("slow %s: %d executions did not end within %v\n", t, count, 3*share+limitFloor)
			return doubtful
		case r.err == nil:
			total += count
		default:
			v := judge(ctx, bin, t, r)
			if v == broken || retried {
				return v
			}
			retried = true
		}
		left := share - time.Since(start)
		count = next(count, time.Since(begin), left)
		if count == 0 {
			break
		}
	}
	fmt.Printf("ok   %s: %d executions in %v\n", t, total, time.Since(start).Round(100*time.Millisecond))
	return fine
}

// next sizes a round to 4/5 of what is left, or ends with 0 when that would be
// less than the round before.
func next(count int, took, left time.Duration) int {
	if left <= 0 || took <= 0 {
		return 0
	}
	n := int(float64(count) * 0.8 * left.Seconds() / took.Seconds())
	if n < count {
		return 0
	}
	return min(n, count*growth, mostCount)
}

// build compiles the package's test binary with the fuzzer's instrumentation.
// Targets of one package share it.
func build(ctx context.Context, work string, t *target) (string, error) {
	bin := filepath.Join(work, strings.ReplaceAll(t.dir, "/", "_")+".test")
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-fuzz=.", "-o", bin, "./"+t.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return bin, nil
}

// result is one run of the fuzzer.
type result struct {
	err     error
	slow    bool
	out     string
	crasher []string // files it left in testdata/fuzz
}

func execute(ctx context.Context, bin, work string, t *target, count int, limit time.Duration) result {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	before := corpus(t)
	cmd := exec.CommandContext(ctx, bin,
		"-test.run=^"+t.name+"$", "-test.fuzz=^"+t.name+"$",
		fmt.Sprintf("-test.fuzztime=%dx", count), "-test.fuzzminimizetime=100x",
		"-test.parallel=2", "-test.timeout=0",
		"-test.fuzzcachedir="+filepath.Join(work, "corpus", t.dir))
	ownGroup(cmd)
	cmd.Dir = t.dir
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	r := result{err: err, out: string(out)}
	for path := range corpus(t) {
		if !before[path] {
			r.crasher = append(r.crasher, path)
		}
	}
	r.slow = err != nil && ctx.Err() == context.DeadlineExceeded && len(r.crasher) == 0
	return r
}

// corpus lists the inputs that stand in the tree.
func corpus(t *target) map[string]bool {
	paths, _ := filepath.Glob(filepath.Join(t.dir, "testdata", "fuzz", t.name, "*"))
	set := map[string]bool{}
	for _, path := range paths {
		set[path] = true
	}
	return set
}

// ownTroubles are the ways in which Go's fuzzer fails by itself.
var ownTroubles = []string{
	"context deadline exceeded", "signal: killed", "hung or terminated unexpectedly",
	"communicating with fuzzing process", "deadlocked",
}

// judge tells a target that fails from a fuzzer that does: an input counts
// when the target breaks on it again outside the fuzzer.
func judge(ctx context.Context, bin string, t *target, r result) verdict {
	ctx, cancel := context.WithTimeout(ctx, 2*limitFloor)
	defer cancel()
	again := exec.CommandContext(ctx, bin, "-test.run=^"+t.name+"$")
	ownGroup(again)
	again.Dir = t.dir
	out, err := again.CombinedOutput()
	if err != nil {
		fmt.Printf("FAIL %s\n%s\n--- run by itself:\n%s\n", t, indent(r.out), indent(string(out)))
		for _, path := range r.crasher {
			fmt.Println("the input is", path)
		}
		return broken
	}
	for _, trouble := range ownTroubles {
		if strings.Contains(r.out, trouble) {
			fmt.Printf("WARNING %s: the fuzzer itself failed: %s\n", t, trouble)
			return doubtful
		}
	}
	if len(r.crasher) > 0 {
		fmt.Printf("WARNING: FLAKY %s: an input failed once and not again\n%s\n", t, indent(r.out))
		return doubtful
	}
	fmt.Printf("FAIL %s\n%s\n", t, indent(r.out))
	return broken
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}
