package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linen/internal/results"
)

const top = "../.."

func tree(t *testing.T) []row {
	t.Helper()
	rows, err := readRows(filepath.Join(top, "docs", "features", "rows.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestEveryFeatureHasItsRow(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "ids.txt"))
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int{}
	for _, r := range tree(t) {
		if have[r.id] != 0 {
			t.Errorf("rows.tsv:%d: %s stands twice", r.line, r.id)
		}
		have[r.id] = r.line
	}
	for line := range strings.Lines(string(b)) {
		id, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if have[id] == 0 {
			t.Errorf("rows.tsv: no row for %s", id)
		}
	}
}

func TestNamedTestsExist(t *testing.T) {
	have := testFuncs(t)
	for _, r := range tree(t) {
		for _, name := range r.tests {
			pkg, fn := "", name
			if i := strings.Index(name, ".Test"); i >= 0 {
				pkg, fn = name[:i], name[i+1:]
			}
			fn, _, _ = strings.Cut(fn, "/")
			if !have[pkg+"."+fn] {
				t.Errorf("rows.tsv:%d: %s names %s, which is not in the tree", r.line, r.id, name)
			}
		}
	}
}

// testFuncs returns ".TestX" and "pkg.TestX" for every test of the module.
func testFuncs(t *testing.T) map[string]bool {
	t.Helper()
	have := map[string]bool{}
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, filepath.Dir(path))
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				have["."+fn.Name.Name] = true
				have[filepath.ToSlash(rel)+"."+fn.Name.Name] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return have
}

func TestPagesAreCurrent(t *testing.T) {
	for name, want := range render(tree(t)) {
		got, err := os.ReadFile(filepath.Join(top, "docs", "features", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/features/%s is not what rows.tsv says: run `make features`", name)
		}
	}
}

func TestRowWithoutATestIsRefused(t *testing.T) {
	for _, c := range []struct{ name, line string }{
		{"yes without a test", "1.01\tnodes\tM\tyes\tseen\t-\t\t"},
		{"unknown priority", "1.01\tnodes\tX\tno\tseen\t-\t\t"},
		{"unknown state", "1.01\tnodes\tM\tmaybe\tseen\t-\t\t"},
		{"too many columns", "1.01\tnodes\tM\tno\tseen\t-\t\t\t"},
	} {
		if _, err := parseRow(c.line); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}

func TestYesNeedsAPassingTest(t *testing.T) {
	set := results.New()
	err := set.Read(strings.NewReader(`{"Action":"pass","Package":"linen/net/dev","Test":"TestA"}
{"Action":"skip","Package":"linen/net/dev","Test":"TestB"}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		test string
		want int
	}{{"TestA", 0}, {"net/dev.TestA", 0}, {"TestB", 1}, {"TestNowhere", 1}} {
		rows := []row{{id: "1.01", linen: "yes", tests: []string{c.test}}}
		if got := unshownRows(rows, set); len(got) != c.want {
			t.Errorf("%s: %q, want %d complaints", c.test, got, c.want)
		}
	}
}
