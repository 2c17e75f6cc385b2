// Command testreport prints what a test run came to: every skip with its
// reason, every test that passed only when run again, and one closing line.
//
//	go run ./internal/testreport [-flaky FILE] JSON...
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"linen/internal/results"
)

func main() {
	flakyFile := flag.String("flaky", "", "write the names of flaky tests to this `file`")
	flag.Parse()
	if err := report(flag.Args(), *flakyFile); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
}

func report(files []string, flakyFile string) error {
	set := results.New()
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = set.Read(f)
		f.Close()
		if err != nil {
			return err
		}
	}
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
