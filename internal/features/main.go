// Command features writes docs/features/chNN.md, what linen does of each
// chapter, from docs/features/rows.tsv.
//
//	go run ./internal/features          write the pages, then compare
//	go run ./internal/features -check   only compare rows with the last test run
//
// rows.tsv has a line a feature, with tabs between: id, title, priority, linen
// (yes, part, no, n/a), kernel 6.18, refkernel, tests (separated by commas; "TestX",
// or "net/ipv4.TestX" to say where, or with a subtest), note. A row may say yes only if every test that it
// names passed in the last run, whose JSON `make test` keeps in test-results/.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"linen/internal/results"
)

func main() {
	check := flag.Bool("check", false, "only compare the rows with the last test run")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "features:", err)
		os.Exit(1)
	}
}

func run(top string, check bool) error {
	dir := filepath.Join(top, "docs", "features")
	rows, err := readRows(filepath.Join(dir, "rows.tsv"))
	if err != nil {
		return err
	}
	if !check {
		if err := write(dir, rows); err != nil {
			return err
		}
	}
	set, err := results.Glob(filepath.Join(top, "test-results", "test*.json"))
	if err != nil {
		return err
	}
	unshown := unshownRows(rows, set)
	for _, line := range unshown {
		fmt.Println("UNSHOWN:", line)
	}
	if len(unshown) > 0 {
		return fmt.Errorf("%d rows claim what the last test run does not show", len(unshown))
	}
	return nil
}

// write makes the pages, so that they never lag behind the rows; whether a test run
// shows what they say is told apart.
func write(dir string, rows []row) error {
	for name, page := range render(rows) {
		if err := os.WriteFile(filepath.Join(dir, name), page, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// unshownRows tells of every test that a row counts on and that did not pass.
func unshownRows(rows []row, set *results.Set) []string {
	var lines []string
	for _, r := range rows {
		if r.linen != "yes" && r.linen != "part" {
			continue
		}
		for _, name := range r.tests {
			o, ran := set.Find(name)
			switch {
			case !ran:
				lines = append(lines, fmt.Sprintf("%s %s: %s did not run", r.id, r.title, name))
			case o != results.Pass:
				lines = append(lines, fmt.Sprintf("%s %s: %s: %s", r.id, r.title, name, o))
			}
		}
	}
	return lines
}
