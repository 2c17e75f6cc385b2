package deps

import (
	"go/ast"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSkipsSayWhy(t *testing.T) {
	for _, f := range all(t) {
		if !f.test && !under(f.pkg, "test") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok || x.Name != "t" && x.Name != "b" && x.Name != "f" && x.Name != "tb" {
				return true
			}
			if sel.Sel.Name == "SkipNow" || (sel.Sel.Name == "Skip" || sel.Sel.Name == "Skipf") && len(call.Args) == 0 {
				complain(t, f, call.Pos(), "%s.%s without a reason", x.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

func TestFuzzTargetsHaveSeeds(t *testing.T) {
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all(t) {
		if !f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Fuzz") || len(fn.Type.Params.List) != 1 {
				continue
			}
			dir := filepath.Join(top, f.pkg, "testdata", "fuzz", fn.Name.Name)
			if entries, _ := os.ReadDir(dir); len(entries) > 0 || addsSeeds(fn) {
				continue
			}
			complain(t, f, fn.Pos(), "%s has no seeds: f.Add, or files in testdata/fuzz/%s", fn.Name.Name, fn.Name.Name)
		}
	}
}

// addsSeeds reports whether a fuzz target calls f.Add or hands f to a helper
// that does.
func addsSeeds(fn *ast.FuncDecl) bool {
	names := fn.Type.Params.List[0].Names
	if len(names) == 0 || fn.Body == nil {
		return false
	}
	isF := func(e ast.Expr) bool {
		x, ok := e.(*ast.Ident)
		return ok && x.Name == names[0].Name
	}
	found := false
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && isF(sel.X) && sel.Sel.Name == "Add" {
			found = true
		}
		for _, arg := range call.Args {
			found = found || isF(arg)
		}
		return true
	})
	return found
}
