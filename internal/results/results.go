// Package results reads the JSON that `go test -json` and gotestsum write and
// says what became of every test. A test that was run again counts by its last
// run; one that failed first and passed later is flaky.
package results

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Outcome is what became of a test.
type Outcome string

// The outcomes, in the words of test2json.
const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	Skip Outcome = "skip"
)

// Test is one test or subtest of one package.
type Test struct {
	Package string // import path
	Name    string // TestX/subtest
	Outcome Outcome
	Flaky   bool   // it failed, and passed when run again
	Reason  string // why it was skipped
	running bool
	output  []string
}

// Set is the result of one or more runs.
type Set struct {
	tests    map[[2]string]*Test
	packages map[string]Outcome
}

// event is one line of test2json, see `go doc test2json`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// New returns an empty set.
func New() *Set {
	return &Set{tests: map[[2]string]*Test{}, packages: map[string]Outcome{}}
}

// Glob reads every file that matches the pattern, in the order of their names.
func Glob(pattern string) (*Set, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	s := New()
	for _, path := range paths {
		err = errors.Join(err, s.readFile(path))
	}
	return s, err
}

func (s *Set) readFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.Read(f)
}

// Read adds a stream of events. Lines that are no events (a compiler's
// complaint, say) are passed over.
func (s *Set) Read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil && e.Package != "" {
			s.add(e)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *Set) add(e event) {
	if e.Test == "" {
		s.addPackage(e)
		return
	}
	key := [2]string{e.Package, e.Test}
	t := s.tests[key]
	if t == nil {
		t = &Test{Package: e.Package, Name: e.Test}
		s.tests[key] = t
	}
	switch o := Outcome(e.Action); o {
	case Pass, Fail, Skip:
		t.Flaky = o == Pass && (t.Outcome == Fail || t.Flaky)
		t.Outcome, t.running = o, false
		if o == Skip {
			t.Reason = reason(t.output)
		}
		t.output = nil
	default:
		switch e.Action {
		case "run":
			t.running = true
		case "output":
			t.keep(e.Output)
		}
	}
}

// keptLines bounds what is remembered of a running test's output.
const keptLines = 20

func (t *Test) keep(line string) {
	if len(t.output) == keptLines {
		copy(t.output, t.output[1:])
		t.output = t.output[:keptLines-1]
	}
	t.output = append(t.output, line)
}

// addPackage notes a package's own outcome. A test that was running when its
// package failed (a panic, the time limit) has failed.
func (s *Set) addPackage(e event) {
	o := Outcome(e.Action)
	if o != Pass && o != Fail && o != Skip {
		return
	}
	s.packages[e.Package] = o
	for _, t := range s.tests {
		if t.running && t.Package == e.Package {
			t.Outcome, t.running = Fail, false
		}
	}
}

// reason finds the text of t.Skip in a test's output: the last line that is
// not test2json's framing.
func reason(output []string) string {
	for i := len(output) - 1; i >= 0; i-- {
		line := strings.TrimSpace(output[i])
		if line != "" && !strings.HasPrefix(line, "--- ") && !strings.HasPrefix(line, "=== ") {
			return line
		}
	}
	return "no reason given"
}

// Tests returns every test in the order of package and name.
func (s *Set) Tests() []*Test {
	var all []*Test
	for _, t := range s.tests {
		all = append(all, t)
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].Package != all[j].Package {
			return all[i].Package < all[j].Package
		}
		return all[i].Name < all[j].Name
	})
	return all
}

// BrokenPackages returns the packages that failed although none of their tests
// did: they do not build, or their TestMain failed.
func (s *Set) BrokenPackages() []string {
	failed := map[string]bool{}
	for _, t := range s.tests {
		if t.Outcome == Fail {
			failed[t.Package] = true
		}
	}
	var broken []string
	for pkg, o := range s.packages {
		if o == Fail && !failed[pkg] {
			broken = append(broken, pkg)
		}
	}
	sort.Strings(broken)
	return broken
}

// Find returns the outcome of a test by its name: "TestX" or "TestX/sub" in
// any package, or "net/ipv4.TestX" in one. ok is false when it did not run.
// Of several tests with one name, a failure outweighs a skip and a skip a pass.
func (s *Set) Find(name string) (o Outcome, ok bool) {
	pkg, test := "", name
	if i := strings.Index(name, ".Test"); i >= 0 {
		pkg, test = name[:i], name[i+1:]
	}
	weight := map[Outcome]int{Pass: 1, Skip: 2, Fail: 3}
	for key, t := range s.tests {
		if key[1] != test || pkg != "" && key[0] != pkg && !strings.HasSuffix(key[0], "/"+pkg) {
			continue
		}
		if weight[t.Outcome] > weight[o] {
			o, ok = t.Outcome, true
		}
	}
	return o, ok
}
