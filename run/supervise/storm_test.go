//go:build linux

package supervise_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"linen/run/internal/runtest"
	"linen/run/nodeinit"
	"linen/run/supervise"
)

// What a long storm and a crowd are asked for by: seconds, and processes.
const (
	envStorm = "LINEN_STORM"
	envCrowd = "LINEN_CROWD"
)

// asked returns the number in an environment variable, or def.
func asked(t *testing.T, name string, def, full int) int {
	t.Helper()
	v, err := strconv.Atoi(os.Getenv(name))
	if err != nil || v <= 0 {
		t.Logf("%d of it; %s=%d does it in full", def, name, full)
		return def
	}
	return v
}

// cProgram compiles a program of testdata, static.
func cProgram(t testing.TB, name string) string {
	t.Helper()
	tool(t, "gcc")
	src, err := filepath.Abs(filepath.Join("testdata", name+".c"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "supervise")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	bin := filepath.Join(dir, name)
	if out, err := exec.Command("gcc", "-O2", "-w", "-static", "-pthread", "-o", bin, src).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	for _, f := range []string{dir, bin} {
		if err := os.Chmod(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// runFor is run for a program that takes longer than runtest.Timeout.
func runFor(t *testing.T, n *supervise.Node, limit time.Duration, argv ...string) (string, nodeinit.Exit) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.SetReadDeadline(time.Now().Add(limit))
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	proc, err := n.Exec(ctx, nodeinit.Program{Argv: argv, Env: []string{path, "LC_ALL=C"}}, null, w, w)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%q: %v; output %q", argv, err, out)
	}
	exit, err := proc.Wait(ctx)
	if err != nil {
		t.Fatalf("%q: %v", argv, err)
	}
	return string(out), exit
}

// Signals at 1 kHz, time limits and refusals to wait lose, reorder and double
// nothing, and a call ends by them only where it may.
func TestStorm(t *testing.T) {
	seconds := asked(t, envStorm, 2, 60)
	bin := cProgram(t, "storm")
	l := newLab(t)
	n := l.node(l.h1)
	for _, mode := range []string{"processes", "threads"} {
		t.Run(mode, func(t *testing.T) {
			limit := time.Duration(seconds)*time.Second + 4*runtest.Timeout
			out, exit := runFor(t, n, limit, bin, strconv.Itoa(seconds), mode)
			if !exit.Success() {
				t.Errorf("exit %+v:\n%s", exit, out)
			}
			t.Log(out)
		})
	}
}

// Many processes leave nothing behind.
func TestCrowd(t *testing.T) {
	count := asked(t, envCrowd, 200, 10000)
	bin := cProgram(t, "crowd")
	l := newLab(t)
	n := l.node(l.h1)
	settle := func() {
		until(t, "every socket is closed", func() bool { return n.Sockets() == 0 })
		until(t, "every process is forgotten", func() bool { return n.Processes() == 0 })
		until(t, "every watch is gone", func() bool { return l.host.Watches() == 0 })
	}
	crowd := func(count int) {
		if out, exit := runFor(t, n, time.Duration(count)*time.Second+4*runtest.Timeout, bin, strconv.Itoa(count)); !exit.Success() {
			t.Errorf("exit %+v:\n%s", exit, out)
		}
		settle()
	}
	crowd(100) // pools and threads grow to what they need
	files, routines, heap, before := descriptors(t), runtime.NumGoroutine(), liveHeap(), threads(t)
	crowd(count)
	until(t, "every descriptor is closed", func() bool { return descriptors(t) <= files })
	until(t, "every goroutine has ended", func() bool { return runtime.NumGoroutine() <= routines })
	// A leak of a socket is some KiB for each process.
	if grown := int64(liveHeap()) - int64(heap); grown > int64(4<<20+count*256) {
		t.Errorf("%d processes left %d bytes", count, grown)
	}
	if now := threads(t); now > before+50 {
		t.Errorf("%d threads before, %d after", before, now)
	}
}

// liveHeap returns what is in use after a collection.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // pools keep what they hold for one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// threads counts this process's threads.
func threads(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
