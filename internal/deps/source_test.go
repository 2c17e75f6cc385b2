package deps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "linen"

// source is one parsed Go file.
type source struct {
	path      string // inside the module, with slashes
	pkg       string // folder inside the module, "" for the root
	test      bool   // a _test.go file
	generated bool
	lines     int
	ast       *ast.File
	imports   []imported
}

// imported is one import of a file.
type imported struct {
	path string
	pkg  string // the module-relative path when it is one of ours
	ours bool
	pos  token.Pos
}

var fset = token.NewFileSet()

// sources parses the module once for all tests of this package.
var sources = sync.OnceValues(load)

// all returns every Go file of the module, or ends the test.
func all(t *testing.T) []*source {
	t.Helper()
	files, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// root is the module's folder.
func root() (string, error) { return filepath.Abs(filepath.Join("..", "..")) }

func load() ([]*source, error) {
	top, err := root()
	if err != nil {
		return nil, err
	}
	var files []*source
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != top && skipDir(path, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		f, err := parse(top, path)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// skipDir leaves out what the go command leaves out, and nested modules.
func skipDir(path, name string) bool {
	if name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

func parse(top, path string) (*source, error) {
	tree, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(top, path)
	if err != nil {
		return nil, err
	}
	rel = filepath.ToSlash(rel)
	f := &source{
		path:      rel,
		test:      strings.HasSuffix(rel, "_test.go"),
		generated: ast.IsGenerated(tree),
		lines:     fset.File(tree.Pos()).LineCount(),
		ast:       tree,
	}
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		f.pkg = rel[:i]
	}
	for _, spec := range tree.Imports {
		f.imports = append(f.imports, newImport(spec))
	}
	return f, nil
}

func newImport(spec *ast.ImportSpec) imported {
	im := imported{path: strings.Trim(spec.Path.Value, "`\""), pos: spec.Pos()}
	if im.path == module {
		im.ours = true
	} else if rest, ok := strings.CutPrefix(im.path, module+"/"); ok {
		im.pkg, im.ours = rest, true
	}
	return im
}

// std reports whether the import is of the standard library.
func (im imported) std() bool {
	first, _, _ := strings.Cut(im.path, "/")
	return !im.ours && !strings.Contains(first, ".")
}

// under reports whether pkg is the tree prefix or inside it.
func under(pkg, prefix string) bool {
	return pkg == prefix || prefix != "" && strings.HasPrefix(pkg, prefix+"/")
}

// underAny returns the first of the trees that holds pkg.
func underAny(pkg string, trees []string) (string, bool) {
	for _, tree := range trees {
		if under(pkg, tree) {
			return tree, true
		}
	}
	return "", false
}

// complain reports a breach at a place in the source.
func complain(t *testing.T, f *source, pos token.Pos, format string, args ...any) {
	t.Helper()
	t.Errorf("%s:%d: "+format, append([]any{f.path, fset.Position(pos).Line}, args...)...)
}

// tagged reports whether the file has a build constraint, in a comment or in
// its name.
func (f *source) tagged() bool {
	for _, group := range f.ast.Comments {
		if group.Pos() > f.ast.Package {
			break
		}
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:build ") {
				return true
			}
		}
	}
	base := strings.TrimSuffix(strings.TrimSuffix(f.path, ".go"), "_test")
	return strings.HasSuffix(base, "_linux") || strings.HasSuffix(base, "_linux_amd64") || strings.HasSuffix(base, "_linux_arm64")
}

// localName returns the name by which the file uses the import path, or "".
func (f *source) localName(path string) string {
	for _, spec := range f.ast.Imports {
		if strings.Trim(spec.Path.Value, "`\"") != path {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path[strings.LastIndexByte(path, '/')+1:]
	}
	return ""
}
