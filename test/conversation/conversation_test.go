package conversation

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var record = flag.String("record", "", "run this script against the kernel and print it with what the host says")

// scripts are the files, by name.
func scripts(t testing.TB) map[string]string {
	t.Helper()
	names, err := filepath.Glob("testdata/*.script")
	if *record != "" {
		return nil
	}
	if err != nil || len(names) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	all := make(map[string]string)
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(n), ".script")] = string(text)
	}
	return all
}

func parse(t testing.TB, text string) *Script {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if s.MTU == 0 {
		s.MTU = 1500
	}
	return s
}

// TestLinen runs every script against linen, on virtual time.
func TestLinen(t *testing.T) {
	for name, text := range scripts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, text)
			m, err := newVirtual(t, s.MTU)
			if err != nil {
				t.Fatal(err)
			}
			talk := &talk{m: m, tol: exact, script: s}
			if err := talk.run(); err != nil {
				t.Errorf("%v\n%s", err, &talk.log)
			}
		})
	}
}
