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
		p.image, p.began = image, int(c.TID)
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
		k := p.of(p.began).clone() // the thread that did is all that is left
		var f fileCaps
		if !p.n.real { // else the kernel holds the credentials, and gives none (no_new_privs)
			f = fileCapsOf(p.tgid)
		}
		k.exec(p.n.real, f)
		p.cred, p.own = &identity{cred: k}, nil
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

// fileCaps is what a file's capabilities give (linux/capability.h struct vfs_cap_data).
type fileCaps struct {
	permitted, inheritable uint64
	effective              bool
}

// fileCapsOf reads those of the program that a process runs (capabilities(7)); the zero value: none. The kernel lets
// nobody set them who could not have them.
func fileCapsOf(pid int) (f fileCaps) {
	var b [24]byte
	n, err := unix.Getxattr("/proc/"+strconv.Itoa(pid)+"/exe", "security.capability", b[:])
	if err != nil || n < 20 {
		return f // none, or of revision 1, which has 32 bits
	}
	f.effective = b[0]&1 != 0 // VFS_CAP_FLAGS_EFFECTIVE
	f.permitted = uint64(le.Uint32(b[4:])) | uint64(le.Uint32(b[12:]))<<32
	f.inheritable = uint64(le.Uint32(b[8:])) | uint64(le.Uint32(b[16:]))<<32
	return f
}

// exec changes the credentials as execve does for a file without set-id bits
// (security/commoncap.c cap_bprm_creds_from_file). Where the
// host's kernel does it too, under no_new_privs, nothing is gained.
func (c *cred) exec(noNewPrivs bool, f fileCaps) {
	old := c.permitted
	root := c.secure&secureNoRoot == 0
	gained := c.bounding&f.permitted | c.inheritable&f.inheritable
	if f != (fileCaps{}) {
		c.ambient = 0
	}
	switch {
	case root && (c.uid[realID] == 0 || c.uid[effective] == 0):
		c.permitted = c.inheritable | c.bounding
		c.effective = 0
		if c.uid[effective] == 0 {
			c.effective = c.permitted
		}
	default:
		c.permitted = gained | c.ambient
		c.effective = c.ambient
		if f.effective {
			c.effective = c.permitted
		}
	}
	if noNewPrivs {
		c.permitted &= old
		c.effective &= c.permitted
	}
	c.uid[saved], c.uid[fsID] = c.uid[effective], c.uid[effective]
	c.gid[saved], c.gid[fsID] = c.gid[effective], c.gid[effective]
	c.secure &^= secureKeepCaps
}

// execHandlers hear of the execution of programs.
var execHandlers = map[int32]handler{unix.SYS_EXECVE: exec, unix.SYS_EXECVEAT: exec}
