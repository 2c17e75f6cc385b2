package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// row is one feature of rows.tsv.
type row struct {
	id        string // 1.05, B.23
	title     string
	pri       string // M must, S should, R rare
	linen     string // yes, part, no, n/a
	kernel    string // what a 6.18 kernel does: seen (observed), - (known from documents)
	refkernel string // the same for the kernel in test/refkernel
	tests     []string
	note      string
	line      int // in rows.tsv
}

const columns = 8

// readRows reads rows.tsv. Lines that begin with # are comments.
func readRows(path string) ([]row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var rows []row
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := parseRow(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		r.line = n
		rows = append(rows, r)
	}
	return rows, lines.Err()
}

func parseRow(line string) (row, error) {
	c := strings.Split(line, "\t")
	for len(c) < columns {
		c = append(c, "")
	}
	r := row{id: c[0], title: c[1], pri: c[2], linen: c[3], kernel: c[4], refkernel: c[5], note: c[7]}
	for name := range strings.SplitSeq(c[6], ",") {
		if name = strings.TrimSpace(name); name != "" {
			r.tests = append(r.tests, name)
		}
	}
	switch {
	case len(c) > columns:
		return r, fmt.Errorf("%d columns, want %d", len(c), columns)
	case r.pri != "M" && r.pri != "S" && r.pri != "R":
		return r, fmt.Errorf("priority %q is none of M, S, R", r.pri)
	case r.linen != "yes" && r.linen != "part" && r.linen != "no" && r.linen != "n/a":
		return r, fmt.Errorf("linen is %q, none of yes, part, no, n/a", r.linen)
	case (r.linen == "yes" || r.linen == "part") && len(r.tests) == 0:
		return r, fmt.Errorf("%s is %q and names no test that shows it", r.id, r.linen)
	}
	return r, nil
}

// chapter returns the part of an id before the dot.
func (r *row) chapter() string {
	c, _, _ := strings.Cut(r.id, ".")
	return c
}
