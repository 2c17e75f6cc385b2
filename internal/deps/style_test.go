package deps

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"testing"
)

func TestSizes(t *testing.T) {
	for _, f := range all(t) {
		if f.test || f.generated || under(f.pkg, "uapi") {
			continue
		}
		if f.lines > maxFileLines {
			complain(t, f, f.ast.Package, "%d lines in a file, at most %d: is there a second subject in it?", f.lines, maxFileLines)
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
			if n > maxFuncLines {
				complain(t, f, fn.Pos(), "%s has %d lines, at most %d", fn.Name.Name, n, maxFuncLines)
			}
		}
	}
}

var marker = regexp.MustCompile(`\b(` + "TO" + `DO|FIX` + `ME|X` + `XX)\b`)

func TestNoMarkersOfUnfinishedWork(t *testing.T) {
	for _, f := range all(t) {
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				if m := marker.FindString(c.Text); m != "" {
					complain(t, f, c.Pos(), "%s: finish it, or say in the package comment what is not done", m)
				}
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	has := map[string]bool{}
	first := map[string]*source{}
	for _, f := range all(t) {
		if f.test {
			continue
		}
		if first[f.pkg] == nil {
			first[f.pkg] = f
		}
		has[f.pkg] = has[f.pkg] || f.ast.Doc != nil
	}
	for pkg, f := range first {
		if !has[pkg] {
			complain(t, f, f.ast.Package, "package %s has no package comment: what it is, its Linux files, RFCs, what is not done", pkg)
		}
	}
}

// docCount counts exported identifiers and remembers the bare ones.
type docCount struct {
	total int
	bare  []string
}

func (c *docCount) add(f *source, name *ast.Ident, docs ...*ast.CommentGroup) {
	if !name.IsExported() {
		return
	}
	c.total++
	for _, d := range docs {
		if d != nil {
			return
		}
	}
	c.bare = append(c.bare, fmt.Sprintf("%s:%d: %s has no comment", f.path, fset.Position(name.Pos()).Line, name.Name))
}

func TestExportedAreDocumented(t *testing.T) {
	var c docCount
	for _, f := range all(t) {
		if f.test || f.generated || f.ast.Name.Name == "main" {
			continue
		}
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if exportedReceiver(d) && !wellKnown[d.Name.Name] {
					c.add(f, d.Name, d.Doc)
				}
			case *ast.GenDecl:
				countSpecs(&c, f, d)
			}
		}
	}
	if c.total == 0 {
		return
	}
	share := 100 * float64(c.total-len(c.bare)) / float64(c.total)
	t.Logf("%d exported identifiers, %.1f%% documented", c.total, share)
	for _, line := range c.bare {
		t.Log(line)
	}
	if share < minDocs {
		t.Errorf("%.1f%% of the exported identifiers are documented, at least %d%% are asked for", share, minDocs)
	}
}

// wellKnown methods say everything by their name and signature.
var wellKnown = map[string]bool{"String": true, "Error": true, "Unwrap": true, "Len": true, "Less": true, "Swap": true}

func countSpecs(c *docCount, f *source, d *ast.GenDecl) {
	if d.Tok == token.IMPORT {
		return
	}
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			c.add(f, spec.Name, d.Doc, spec.Doc, spec.Comment)
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				c.add(f, name, d.Doc, spec.Doc, spec.Comment)
			}
		}
	}
}

// exportedReceiver reports whether fn is a function or a method of an exported
// type.
func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return true
	}
	x := fn.Recv.List[0].Type
	for {
		switch e := x.(type) {
		case *ast.StarExpr:
			x = e.X
		case *ast.IndexExpr:
			x = e.X
		case *ast.IndexListExpr:
			x = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return true
		}
	}
}
