//go:build linux

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"linen/test/command"
	"linen/test/need"
)

// refuseEnv makes this test's binary run the rest of its command line where
// user namespaces are refused.
const refuseEnv = "INTEROP_REFUSE_USERNS"

// execWithoutUserNS becomes the program of os.Args[1:] under a filter that
// answers EPERM to a new user namespace, as some hosts do.
func execWithoutUserNS() {
	runtime.LockOSThread()
	fail := func(what string, err error) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(125)
	}
	const newUser = unix.CLONE_NEWUSER
	refuse, pass := uint32(unix.SECCOMP_RET_ERRNO|unix.EPERM), uint32(unix.SECCOMP_RET_ALLOW)
	load, equal, bits, ret := uint16(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS), uint16(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K),
		uint16(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K), uint16(unix.BPF_RET|unix.BPF_K)
	prog := []unix.SockFilter{
		{Code: load, K: 0}, // the call's number
		{Code: equal, K: unix.SYS_CLONE3, Jf: 1},
		{Code: ret, K: uint32(unix.SECCOMP_RET_ERRNO | unix.ENOSYS)}, // its flags are behind a pointer
		{Code: equal, K: unix.SYS_CLONE, Jt: 1},
		{Code: equal, K: unix.SYS_UNSHARE, Jf: 3},
		{Code: load, K: 16}, // the first argument's low half
		{Code: bits, K: newUser, Jf: 1},
		{Code: ret, K: refuse},
		{Code: ret, K: pass},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		fail("no_new_privs", err)
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)), 0, 0); err != nil {
		fail("seccomp", err)
	}
	os.Unsetenv(refuseEnv)
	fail(os.Args[1], syscall.Exec(os.Args[1], os.Args[1:], os.Environ()))
}

// demoTree is what `make demo` leaves of a clone: the binary, the script and
// the lab. uroot puts u-root's programs where the script builds them.
func (s *site) demoTree() string {
	s.t.Helper()
	top, err := command.Root()
	if err != nil {
		s.t.Fatal(err)
	}
	dir := filepath.Join(s.dir, "clone")
	for to, from := range map[string]string{
		"bin/linen": s.linen, "test/demo.sh": filepath.Join(top, "test/demo.sh"),
		"examples/first.clab.yml": filepath.Join(top, "examples/first.clab.yml"),
	} {
		data, err := os.ReadFile(from)
		if err != nil {
			s.t.Fatal(err)
		}
		to = filepath.Join(dir, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	return dir
}

// TestDemo runs what `make demo` runs: as root, as an ordinary user, where
// user namespaces are refused, and with u-root's ip and ping.
func TestDemo(t *testing.T) {
	binaryOnly(t)
	need.Tool(t, "ip")
	need.Tool(t, "ping")
	need.Tool(t, "bash")
	for _, p := range places() {
		if p.uid == 0 && len(p.env) > 0 { // the user's is the harder case
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t, place{p.name, p.uid, nil})
			argv := []string{"bash", filepath.Join(s.demoTree(), "test/demo.sh")}
			if len(p.env) > 0 {
				argv = s.refused(argv)
			}
			s.demo(argv, "0% packet loss", "It works.")
		})
	}
	t.Run("u-root", func(t *testing.T) {
		dir := uroot(t)
		s := newSite(t, places()[0])
		// The script would build them; a go command that gives these out instead keeps the time down.
		tree := s.demoTree()
		if err := os.MkdirAll(filepath.Join(tree, "tools"), 0o755); err != nil {
			t.Fatal(err)
		}
		bin := filepath.Join(s.dir, "go-bin")
		script := "#!/bin/sh\ncp " + dir + "/ip " + dir + "/ping " + filepath.Join(tree, "bin/u-root") + "/\n"
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		for i, kv := range s.env {
			if path, ok := strings.CutPrefix(kv, "PATH="); ok {
				s.env[i] = "PATH=" + bin + ":" + path
			}
		}
		s.env = append(s.env, "DEMO_UROOT=1")
		s.demo([]string{"bash", filepath.Join(tree, "test/demo.sh")}, "64 bytes from 10.2.0.2: icmp_seq=3", "It works.")
	})
}

// refused is a command line under execWithoutUserNS.
func (s *site) refused(argv []string) []string {
	s.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		s.t.Fatal(err)
	}
	helper := filepath.Join(s.dir, "refuse")
	if err := os.WriteFile(helper, data, 0o755); err != nil { // the test's own is in a folder of root's
		s.t.Fatal(err)
	}
	s.env = append(s.env, refuseEnv+"=1")
	return append([]string{helper, need.Tool(s.t, argv[0])}, argv[1:]...)
}

func (s *site) demo(argv []string, wants ...string) {
	s.t.Helper()
	out := s.must(argv...)
	for _, want := range wants {
		if !strings.Contains(out, want) {
			s.t.Errorf("no %q in\n%s", want, out)
		}
	}
}
