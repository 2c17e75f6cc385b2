// Command fuzzsmoke runs every fuzz target of the module for its share of a
// budget, so that CI finds what a parser does with bad bytes within minutes.
//
//	go run ./internal/fuzzsmoke [REGEXP]
//
// FUZZ_BUDGET is the whole budget in seconds of fuzzing, 480 when unset.
// Targets of packages that changed since origin/main (or the commit before)
// get three shares, the others one.
//
// Budgets are counts of executions, sized by measuring, never durations: Go's
// fuzzer sometimes reports its own time limit as a failure ("context deadline
// exceeded"). What fails is only an input that breaks the target again when it
// is run by itself; a fuzzer that died without leaving one is tried once more
// and then reported as a warning.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fuzzsmoke:", err)
		os.Exit(1)
	}
}

const defaultBudget = 480 * time.Second

func run(args []string) error {
	budget := defaultBudget
	if s := os.Getenv("FUZZ_BUDGET"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return fmt.Errorf("FUZZ_BUDGET: %w", err)
		}
		budget = time.Duration(n) * time.Second
	}
	only := regexp.MustCompile("")
	if len(args) > 0 {
		var err error
		if only, err = regexp.Compile(args[0]); err != nil {
			return err
		}
	}
	targets, err := findTargets(only)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "linen-fuzz-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	ctx, stop := signal.NotifyContext(background(), os.Interrupt)
	defer stop()

	shares := share(targets, budget, changedPackages())
	var failed, warned int
	for i := range targets {
		switch fuzz(ctx, work, &targets[i], shares[i]) {
		case broken:
			failed++
		case doubtful:
			warned++
		}
	}
	fmt.Printf("%d fuzz targets: %d passed, %d failed, %d warnings\n", len(targets), len(targets)-failed-warned, failed, warned)
	if failed > 0 {
		return fmt.Errorf("%d fuzz targets failed", failed)
	}
	return ctx.Err()
}

// share divides the budget among the targets.
func share(targets []target, budget time.Duration, changed map[string]bool) []time.Duration {
	weights, sum := make([]int, len(targets)), 0
	for i, t := range targets {
		weights[i] = 1
		if changed[t.dir] {
			weights[i] = 3
		}
		sum += weights[i]
	}
	shares := make([]time.Duration, len(targets))
	for i, w := range weights {
		shares[i] = budget * time.Duration(w) / time.Duration(sum)
	}
	return shares
}

// changedPackages returns the folders that differ from origin/main, or from
// the commit before; none where there is no history.
func changedPackages() map[string]bool {
	for _, base := range []string{"origin/main", "HEAD~1"} {
		out, err := exec.Command("git", "diff", "--name-only", base).Output()
		if err != nil || len(out) == 0 {
			continue
		}
		dirs := map[string]bool{}
		for _, path := range strings.Fields(string(out)) {
			if strings.HasSuffix(path, ".go") {
				dirs[filepath.ToSlash(filepath.Dir(path))] = true
			}
		}
		return dirs
	}
	return nil
}
