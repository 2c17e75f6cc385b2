//go:build linux

package interop

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"linen/test/command"
)

// refkernel returns the program that runs the reference kernel, whose image is
// there; where it cannot be made in time the test is skipped.
func refkernel(t *testing.T) string {
	t.Helper()
	top, err := command.Root()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(top, "test/refkernel/refkernel")
	if os.Geteuid() != 0 {
		if _, err := os.Stat(filepath.Join(cacheDir(), "stamp")); err != nil {
			t.Skip("the reference kernel's image is not built, and only root can install what it is made of")
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	c := exec.CommandContext(ctx, script, "build")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = 10 * time.Second
	if out, err := c.CombinedOutput(); err != nil {
		t.Skipf("the reference kernel cannot be had here: %v\n%s", err, out)
	}
	return script
}

// cacheDir is where the program keeps the image.
func cacheDir() string {
	if dir := os.Getenv("REFKERNEL_CACHE"); dir != "" {
		return dir
	}
	dir, _ := os.UserCacheDir() // "" is no folder with a stamp
	return filepath.Join(dir, "refkernel")
}

// lines is what a program has printed so far.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
