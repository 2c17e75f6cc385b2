package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// OutputFormats lists what -o takes.
func OutputFormats() []string { return []string{"table", "wide", "json", "yaml", "name"} }

// Table is rows for people.
type Table struct {
	Columns []Column
	Rows    [][]string // each as long as Columns
}

// Column is one column; a Wide one is shown by -o wide only.
type Column struct {
	Name string
	Wide bool
}

// Print writes data in one of OutputFormats. "table" (or "") and "wide" print the table, "name" its first column, json and yaml the data
// with its JSON names.
func Print(w io.Writer, format string, data any, t Table) error {
	switch format {
	case "", "table", "wide":
		return t.print(w, format == "wide")
	case "name":
		for _, r := range t.Rows {
			if _, err := fmt.Fprintln(w, r[0]); err != nil {
				return err
			}
		}
		return nil
	case "json", "yaml":
		out, err := json.MarshalIndent(data, "", "  ")
		if err != nil {
			return err
		}
		if format == "yaml" {
			if out, err = yaml.JSONToYAML(out); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintln(w, strings.TrimRight(string(out), "\n"))
		return err
	}
	return fmt.Errorf("unknown output format %q: use %s", format, strings.Join(OutputFormats(), ", "))
}

// print aligns columns with three blanks between them, as docker and kubectl do, and leaves none at line ends.
func (t Table) print(w io.Writer, wide bool) error {
	rows := make([][]string, 0, len(t.Rows)+1)
	head := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = c.Name
	}
	rows = append(append(rows, head), t.Rows...)
	width := make([]int, len(t.Columns))
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			if !t.Columns[i].Wide || wide {
				b.WriteString(cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+3))
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
