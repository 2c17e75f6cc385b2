//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a command and the fuzzing workers it starts into a process
// group of their own, which ends as one.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
