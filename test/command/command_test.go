//go:build unix

package command

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// fakeModule is a module whose cmd/linen prints nothing.
func fakeModule(t *testing.T, body string) string {
	t.Helper()
	top := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":            "module linen\n\ngo 1.26\n",
		"cmd/linen/main.go": "package main\n\nfunc main() {" + body + "}\n",
	} {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func TestBuildersShareOneBinary(t *testing.T) {
	top, dir := fakeModule(t, ""), t.TempDir()
	var paths [3]string
	var wg sync.WaitGroup
	for i := range paths {
		wg.Go(func() {
			unlock, err := lock(filepath.Join(dir, "lock"))
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			if paths[i], err = build(top, dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if paths[0] == "" || paths[0] != paths[1] || paths[1] != paths[2] {
		t.Errorf("built %q, want the same path three times", paths)
	}
}

func TestOtherContentOtherName(t *testing.T) {
	dir := t.TempDir()
	a, err := build(fakeModule(t, ""), dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := build(fakeModule(t, `println("b")`), dir)
	if err != nil {
		t.Fatal(err)
	}
	if a == b {
		t.Errorf("two programs share the name %s", a)
	}
	if _, err := os.Stat(a); err != nil {
		t.Errorf("the first one, which may be running, is gone: %v", err)
	}
}
