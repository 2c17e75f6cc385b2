package deps

import (
	"go/ast"
	"strings"
	"testing"
)

// rank returns the rank of a package and whether the policy knows it.
func rank(pkg string) (int, bool) {
	best, length := 0, -1
	for _, group := range ranks {
		for _, prefix := range group.packages {
			if under(pkg, prefix) && len(prefix) > length {
				best, length = group.rank, len(prefix)
			}
		}
	}
	return best, length >= 0
}

// mayImport says why package from must not import package to, or "".
func mayImport(from, to string) string {
	a, knownA := rank(from)
	b, knownB := rank(to)
	switch {
	case !knownA:
		return "package " + from + " has no rank: add it to ranks in internal/deps/policy_test.go"
	case !knownB:
		return "package " + to + " has no rank: add it to ranks in internal/deps/policy_test.go"
	case b < a:
		return ""
	}
	if tree, ok := underAny(from, trees); ok && under(to, tree) {
		return ""
	}
	if _, ok := sameRank[pair{from, to}]; ok {
		return ""
	}
	if tree, _, _ := strings.Cut(from, "/"); leafMay(tree, to) {
		return ""
	}
	if under(from, to) || under(to, from) || internalTo(from, to) {
		return "" // a package and its own parts: net/tcp and net/tcp/internal/tcb
	}
	return "imports go down only"
}

// leafMay reports whether the rank-0 tree may import to, of the same rank.
func leafMay(tree, to string) bool {
	_, ok := underAny(to, leafTrees[tree])
	return ok
}

// internalTo reports whether to is an internal package below from's parent.
func internalTo(from, to string) bool {
	i := strings.Index(to, "/internal/")
	return i >= 0 && under(from, to[:i])
}

func TestRanks(t *testing.T) {
	for _, f := range all(t) {
		if _, ok := rank(f.pkg); !ok {
			complain(t, f, f.ast.Package, "package %s has no rank: add it to ranks in internal/deps/policy_test.go", f.pkg)
			continue
		}
		if f.test {
			continue // a test may look down on its package from above
		}
		for _, im := range f.imports {
			if !im.ours {
				continue
			}
			if why := mayImport(f.pkg, im.pkg); why != "" {
				a, _ := rank(f.pkg)
				b, _ := rank(im.pkg)
				complain(t, f, im.pos, "%q (rank %d) imports %q (rank %d): %s", f.pkg, a, im.pkg, b, why)
			}
		}
	}
}

func TestNetNeverImportsDrivers(t *testing.T) {
	for _, f := range all(t) {
		for _, im := range f.imports {
			if !f.test && under(f.pkg, "net") && im.ours && under(im.pkg, "drivers") {
				complain(t, f, im.pos, "net/ knows devices by their ops, never by their driver: %s", im.path)
			}
		}
	}
}

func TestTestHelpersAreForTests(t *testing.T) {
	for _, f := range all(t) {
		for _, im := range f.imports {
			if !f.test && im.ours && under(im.pkg, "test") && !under(f.pkg, "test") {
				complain(t, f, im.pos, "%s is for tests only", im.path)
			}
		}
	}
}

// matches reports whether an import path is one of the ban's.
func (b *ban) matches(path string) bool {
	for _, p := range b.imports {
		if path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

func TestBannedImports(t *testing.T) {
	for _, f := range all(t) {
		for _, im := range f.imports {
			for _, b := range bans {
				if !b.matches(im.path) || f.test && !b.tests {
					continue
				}
				tree, ok := underAny(f.pkg, b.except)
				if !ok {
					complain(t, f, im.pos, "import of %s: %s", im.path, b.why)
				} else if why, only := taggedOnly[tree]; only && !f.tagged() {
					complain(t, f, im.pos, "import of %s without a build constraint: %s", im.path, why)
				}
			}
		}
	}
}

func TestLeavesImportOnlyTheStandardLibrary(t *testing.T) {
	for _, f := range all(t) {
		tree, _, _ := strings.Cut(f.pkg, "/")
		below, ok := leafTrees[tree]
		if !ok {
			continue
		}
		for _, im := range f.imports {
			_, down := underAny(im.pkg, append([]string{tree}, below...))
			if im.std() || im.ours && down || f.test && leafTestMay(f.pkg, im) {
				continue
			}
			complain(t, f, im.pos, "%s imports the standard library and rank 0 below it only, not %s", tree, im.path)
		}
	}
}

// leafTestMay reports whether the tests of a leaf package may import im.
func leafTestMay(pkg string, im imported) bool {
	if im.ours {
		return true
	}
	for _, p := range leafTestImports[pkg] {
		if im.path == p {
			return true
		}
	}
	return false
}

func TestLibraryImportsFewModules(t *testing.T) {
	for _, f := range all(t) {
		if _, program := underAny(f.pkg, notImportable); program || f.test {
			continue
		}
		for _, im := range f.imports {
			if im.std() {
				continue
			}
			if _, ok := underAny(im.path, libraryModules); !ok {
				complain(t, f, im.pos, "the library depends on %s only, not %s", strings.Join(libraryModules, ", "), im.path)
			}
		}
	}
}

func TestRealTimeStaysInTheClock(t *testing.T) {
	for _, f := range all(t) {
		_, real := underAny(f.pkg, clockTrees)
		name := f.localName("time")
		if name == "" || f.test && f.localName("testing/synctest") != "" || f.test && mentionsSynctest(f) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !clockCalls[sel.Sel.Name] {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); !ok || x.Name != name {
				return true
			}
			if !real {
				complain(t, f, sel.Pos(), "time.%s: all time comes from kern's clock (tests: testing/synctest)", sel.Sel.Name)
			} else if f.test && sel.Sel.Name == "Sleep" {
				complain(t, f, sel.Pos(), "time.Sleep in a test outside a synctest bubble: wait for the event itself")
			}
			return true
		})
	}
}

// mentionsSynctest reports whether the file says that it runs in a bubble made
// by a helper.
func mentionsSynctest(f *source) bool {
	for _, group := range f.ast.Comments {
		if strings.Contains(group.Text(), "synctest") {
			return true
		}
	}
	return false
}

func TestNoInit(t *testing.T) {
	for _, f := range all(t) {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				complain(t, f, fn.Pos(), "func init: a Net is built from an explicit list of subsystems")
			}
		}
	}
}
