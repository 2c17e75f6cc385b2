// Command testreport prints what a test run came to: every skip with its
// reason, every test that passed only when run again, and one closing line.
//
//	go run ./internal/testreport [-flaky FILE] JSON...
//	go run ./internal/testreport -failing JSON...    only the packages that failed
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"linen/internal/results"
)

func main() {
	flakyFile := flag.String("flaky", "", "write the names of flaky tests to this `file`")
	failing := flag.Bool("failing", false, "print only the packages that failed")
	flag.Parse()
	set, err := read(flag.Args())
	switch {
	case err != nil:
	case *failing:
		printFailing(set)
	default:
		err = report(set, *flakyFile)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
}

// read adds the files up in their order: a later run of a test counts.
func read(files []string) (*results.Set, error) {
	set := results.New()
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		err = set.Read(f)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return set, nil
}

func printFailing(set *results.Set) {
	packages := set.BrokenPackages()
	for _, t := range set.Tests() {
		if t.Outcome == results.Fail && !slices.Contains(packages, t.Package) {
			packages = append(packages, t.Package)
		}
	}
	for _, pkg := range packages {
		fmt.Println(pkg)
	}
}

func report(set *results.Set, flakyFile string) error {
	var passed, failed, skipped int
	var flaky []string
	for _, t := range set.Tests() {
		name := t.Package + "." + t.Name
		switch t.Outcome {
		case results.Pass:
			passed++
			if t.Flaky {
				flaky = append(flaky, name)
				fmt.Println("FLAKY:", name, "(passed only when run again)")
			}
		case results.Fail:
			failed++
			fmt.Println("FAILED:", name)
		case results.Skip:
			skipped++
			fmt.Printf("SKIPPED: %s: %s\n", name, t.Reason)
		}
	}
	for _, pkg := range set.BrokenPackages() {
		failed++
		fmt.Println("FAILED:", pkg, "(the package itself)")
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if flakyFile == "" {
		return nil
	}
	return os.WriteFile(flakyFile, []byte(strings.Join(append(flaky, ""), "\n")), 0o644)
}
