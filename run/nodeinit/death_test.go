//go:build linux

package nodeinit_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linen/run/internal/runtest"
	"linen/run/nodeinit"
)

// A supervisor that is killed takes its programs along: those that left their
// session too. The test's own process plays the supervisor when it is run again
// with envVictim.
func TestKilledSupervisor(t *testing.T) {
	const envVictim = "LINEN_NODEINIT_VICTIM"
	if os.Getenv(envVictim) != "" {
		victim(t)
		return
	}
	runtest.Everywhere(t, func(t *testing.T) {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestKilledSupervisor$")
		cmd.Env = append(os.Environ(), envVictim+"=1")
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var seen []byte
		one := make([]byte, 1)
		for !strings.Contains(string(seen), "up\nup\n") {
			if _, err := out.Read(one); err != nil {
				t.Fatalf("the supervisor said %q: %v; %s", seen, err, complaints.String())
			}
			seen = append(seen, one...)
		}
		if err := cmd.Process.Signal(unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		// The programs hold the same pipe: its end is theirs.
		if rest, err := io.ReadAll(out); err != nil || len(rest) != 0 {
			t.Errorf("read %q, %v", rest, err)
		}
		cmd.Wait()
	})
}

// victim starts two programs that would stay for ever and waits for death.
func victim(t *testing.T) {
	n := start(t, nodeinit.Config{})
	script := "trap '' HUP TERM INT; (setsid sh -c 'echo up; while :; do sleep 1000; done' &); echo up; while :; do sleep 1000; done"
	p, err := n.Exec(t.Context(), nodeinit.Program{Argv: []string{"sh", "-c", script}, Env: []string{path}}, os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		t.Fatal(err)
	}
	p.Wait(t.Context())
}
