//go:build linux

package supervise

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// exec notes that the process is about to execute a program. Whether it did is
// seen at its next call: a failed execve changes nothing.
func exec(c *call) (int64, error) {
	if p, err := c.process(); err == nil {
		image := imageOf(p.tgid)
		p.mu.Lock()
		p.settle()
		p.image = image
		p.caller.Store(nil) // who looks next settles it
		p.mu.Unlock()
	}
	return 0, errContinue
}

// settle applies an execve that has happened; p.mu is held.
func (p *process) settle() {
	if p.image == "" {
		return
	}
	if now := imageOf(p.tgid); now != "" && now != p.image {
		p.cred.exec(p.n.real)
		p.caller.Store(nil)
	}
	p.image = ""
}

// imageOf tells the programs that a process runs one after the other apart: by
// the addresses of its code and stack, which are random (proc_pid_stat(5),
// fields 26 to 28), and its executable file.
func imageOf(pid int) string {
	dir := "/proc/" + strconv.Itoa(pid)
	b, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return ""
	}
	const first = 26 - 3 // the first field behind the name is the third
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < first+3 {
		return ""
	}
	exe, err := os.Readlink(dir + "/exe")
	if err != nil {
		exe = "?"
	}
	return exe + " " + string(bytes.Join(f[first:first+3], []byte(" ")))
}

// exec changes the credentials as execve does for a file without capabilities
// or set-id bits (security/commoncap.c cap_bprm_creds_from_file). Where the
// host's kernel does it too, under no_new_privs, nothing is gained.
func (c *cred) exec(noNewPrivs bool) {
	old := c.permitted
	root := c.secure&secureNoRoot == 0
	switch {
	case root && (c.uid[realID] == 0 || c.uid[effective] == 0):
		c.permitted = c.inheritable | c.bounding
		c.effective = 0
		if c.uid[effective] == 0 {
			c.effective = c.permitted
		}
	default:
		c.permitted, c.effective = c.ambient, c.ambient
	}
	if noNewPrivs {
		c.permitted &= old
		c.effective &= old
	}
	c.uid[saved], c.uid[fsID] = c.uid[effective], c.uid[effective]
	c.gid[saved], c.gid[fsID] = c.gid[effective], c.gid[effective]
	c.secure &^= secureKeepCaps
}

// execHandlers hear of the execution of programs.
var execHandlers = map[int32]handler{unix.SYS_EXECVE: exec, unix.SYS_EXECVEAT: exec}
