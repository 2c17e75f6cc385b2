package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// target is one fuzz function.
type target struct {
	dir  string // inside the module
	name string // FuzzX
}

func (t *target) String() string { return t.dir + "." + t.name }

// findTargets parses every test file of the module below the working
// directory.
func findTargets(only *regexp.Regexp) ([]target, error) {
	var found []target
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			nested := err == nil && path != "."
			if nested || d.Name() == "testdata" || path != "." && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		names, err := fuzzFuncs(path)
		for _, name := range names {
			t := target{filepath.ToSlash(filepath.Dir(path)), name}
			if only.MatchString(t.String()) {
				found = append(found, t)
			}
		}
		return err
	})
	return found, err
}

// fuzzFuncs returns the names of a file's fuzz targets.
func fuzzFuncs(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") && len(fn.Type.Params.List) == 1 {
			names = append(names, fn.Name.Name)
		}
	}
	return names, nil
}
