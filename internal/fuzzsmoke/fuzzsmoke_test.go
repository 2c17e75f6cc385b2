package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

func TestChangedPackagesGetThreeShares(t *testing.T) {
	targets := []target{{"wire", "FuzzA"}, {"net/netlink", "FuzzB"}}
	got := share(targets, 8*time.Second, map[string]bool{"net/netlink": true})
	if got[0] != 2*time.Second || got[1] != 6*time.Second {
		t.Errorf("shares %v, want 2s and 6s", got)
	}
}

func TestNextRound(t *testing.T) {
	for _, c := range []struct {
		name       string
		count      int
		took, left time.Duration
		want       int
	}{
		{"four fifths of what is left", 1000, time.Second, 10 * time.Second, 8000},
		{"growth is bounded", 1000, time.Millisecond, time.Hour, 1000 * growth},
		{"nothing left", 1000, time.Second, 0, 0},
		{"a shorter round is not worth its start", 1000, time.Second, time.Second, 0},
		{"never more than the bound", mostCount, time.Second, time.Hour, mostCount},
	} {
		if got := next(c.count, c.took, c.left); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// module makes a module with one package of fuzz targets, and goes there.
func module(t *testing.T, tests string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module m\n\ngo 1.26\n",
		"p/p_test.go": "package p\n\nimport \"testing\"\n\n" + tests,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

const (
	holds = "func FuzzHolds(f *testing.F) { f.Add([]byte{1}); f.Fuzz(func(t *testing.T, b []byte) {}) }\n"
	seeds = "func FuzzSeed(f *testing.F) { f.Add([]byte{1}); f.Fuzz(func(t *testing.T, b []byte) { t.Fatal(1) }) }\n"
	setup = "func FuzzSetup(f *testing.F) { f.Fatal(1) }\n"
)

func TestVerdicts(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the fuzzer")
	}
	module(t, holds+seeds+setup)
	targets, err := findTargets(regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]verdict{"p.FuzzHolds": fine, "p.FuzzSeed": broken, "p.FuzzSetup": broken}
	if len(targets) != len(want) {
		t.Fatalf("found %v", targets)
	}
	work := t.TempDir()
	for _, target := range targets {
		if got := fuzz(context.Background(), work, &target, time.Nanosecond); got != want[target.String()] {
			t.Errorf("%s: verdict %d, want %d", &target, got, want[target.String()])
		}
	}
}
