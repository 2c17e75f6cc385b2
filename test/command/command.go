//go:build unix

// Package command gives tests the linen binary of the tree that they test.
//
// Every test process asks the go command, which links only when something
// changed. The processes share the result through a folder in the temporary
// directory: a file lock lets one build at a time, and a finished binary gets a
// name from its content, so that nobody's running program is written over.
package command

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Env names a binary to be tested instead of a fresh one.
const Env = "LINEN_TEST_BINARY"

// Linen returns the path of bin/linen built from this tree, or ends the test.
func Linen(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// binary builds once per process.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(Env); path != "" {
		return path, nil
	}
	top, err := Root()
	if err != nil {
		return "", err
	}
	dir, err := sharedDir(top)
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	return build(top, dir)
})

// Root returns the module's folder.
func Root() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("the working directory is in no module")
	}
	return filepath.Dir(mod), nil
}

// sharedDir makes the folder that the test processes of one user and one tree
// share. Others may read it: tests run linen as an ordinary user too.
func sharedDir(top string) (string, error) {
	sum := sha256.Sum256([]byte(top))
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("linen-test-bin-%d-%x", os.Getuid(), sum[:4]))
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(st.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s is not ours", dir)
	}
	return dir, os.Chmod(dir, 0o755)
}

func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// build brings staging up to date and returns a copy of it under its content's
// name. The caller holds the lock.
func build(top, dir string) (string, error) {
	staging := filepath.Join(dir, "staging")
	cmd := exec.Command("go", "build", "-o", staging, "./cmd/linen")
	cmd.Dir = top
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/linen: %w\n%s", err, out)
	}
	sum, err := hash(staging)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "linen-"+sum)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	removeOld(dir)
	if err := copyFile(path, staging); err != nil {
		return "", err
	}
	return path, nil
}

func hash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// copyFile copies an executable; its name appears when it is complete.
func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	part := to + ".part"
	if err := os.WriteFile(part, b, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(part, 0o755); err != nil {
		return err
	}
	return os.Rename(part, to)
}

// keep is how long a binary stays that a running test may still use.
const keep = 2 * time.Hour

func removeOld(dir string) {
	paths, _ := filepath.Glob(filepath.Join(dir, "linen-*"))
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > keep {
			os.Remove(path)
		}
	}
}
