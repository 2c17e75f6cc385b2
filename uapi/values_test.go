package uapi

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// testdata/values.txt holds name=value for every constant, as a C compiler
// prints them from linux-libc-dev 6.1 (amd64).
func TestConstantsEqualTheHeaders(t *testing.T) {
	got := constants(t)
	f, err := os.Open("testdata/values.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		name, value, _ := strings.Cut(s.Text(), "=")
		want, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		} else if v != want {
			t.Errorf("%s = %d, the headers have %d", name, v, want)
		}
	}
	if n < 2000 {
		t.Errorf("the table has %d lines only", n)
	}
}

// constants returns every constant of this package that is an integer literal.
func constants(t *testing.T) map[string]int64 {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]int64{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if v, ok := literal(spec.Values[0]); ok {
				values[spec.Names[0].Name] = v
			}
			return true
		})
	}
	return values
}

func literal(e ast.Expr) (int64, bool) {
	sign := int64(1)
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.SUB {
		sign, e = -1, u.X
	}
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.INT {
		return 0, false
	}
	v, err := strconv.ParseInt(lit.Value, 0, 64)
	return sign * v, err == nil
}
