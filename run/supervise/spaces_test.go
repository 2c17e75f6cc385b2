//go:build linux

package supervise_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"linen"
	"linen/net/netns"
	"linen/run/internal/runtest"
	"linen/run/nodeinit"
	"linen/run/supervise"
	"linen/uapi"
)

// envNoUser tells a role that the host refuses further user namespaces.
const envNoUser = "LINEN_SUPERVISE_NO_USERNS"

// spaceRoles are programs that make network namespaces.
var spaceRoles = map[string]func() error{
	"threads": spaceThreads, "clone": spaceClone, "pidfd": spacePidfd, "kept": spaceKept, "inner": spaceInner, "files": spaceFiles,
	"refused": spaceRefused,
}

// several is a node whose programs may have further namespaces.
func (l *lab) several(n *linen.Net) *supervise.Node {
	l.t.Helper()
	node, err := l.host.Start(runtest.Context(l.t), supervise.Config{
		Net: n.Namespace(),
		NewNet: func(name string) (*netns.Net, func(), error) {
			more, err := n.NewChild(name)
			if err != nil {
				return nil, nil, err
			}
			return more.Namespace(), func() { more.Close() }, nil
		},
		Init: nodeinit.Config{Name: n.Name(), Hostname: n.Name(), FuseDevice: runtest.FuseDevice()},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Log("mode:", node.Mode())
	l.t.Cleanup(func() {
		if err := node.Err(); err != nil {
			l.t.Error(err)
		}
		node.Close()
	})
	return node
}

// Programs written for the kernel make namespaces, and each ends with the last
// that keeps it. Where the host gives no namespaces, further ones are refused.
func TestSpaces(t *testing.T) {
	tool(t, "ip")
	runtest.Everywhere(t, func(t *testing.T) {
		l := newLab(t)
		before := len(netns.All(l.h1.Namespace().Kernel()))
		n := l.several(l.h1)
		for role := range spaceRoles {
			if role == "inner" || (role == "refused") == n.Mode().NetNS {
				continue
			}
			t.Run(role, func(t *testing.T) {
				env := []string{envRole + "=space " + role}
				if runtest.NoUserNamespaces() {
					env = append(env, envNoUser+"=1")
				}
				if out, exit := run(t, n, env, "/proc/self/exe"); !exit.Success() {
					t.Errorf("exit %+v:\n%s", exit, out)
				}
			})
		}
		until(t, "every namespace has ended", func() bool { return n.Spaces() == 0 })
		until(t, "every Net is closed", func() bool { return len(netns.All(l.h1.Namespace().Kernel())) == before })
	})
}

// A node that is closed while programs have namespaces leaves nothing.
func TestSpacesEndWithTheNode(t *testing.T) {
	tool(t, "unshare")
	l := newLab(t)
	descriptorsBefore, before := descriptors(t), len(netns.All(l.h1.Namespace().Kernel()))
	n := l.several(l.h1)
	if !n.Mode().NetNS {
		t.Skip("left out: the host gives no network namespaces")
	}
	out, err := attempt(t, n, nil, "sh", "-c", "unshare -n sh -c 'ip link set lo up; sleep 1000 >/dev/null 2>&1 & echo up'")
	if err != nil || out != "up\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if n.Spaces() != 1 {
		t.Errorf("%d namespaces, want 1", n.Spaces())
	}
	n.Close()
	if got := len(netns.All(l.h1.Namespace().Kernel())); got != before {
		t.Errorf("%d Nets, want %d", got, before)
	}
	until(t, "every descriptor is closed", func() bool { return descriptors(t) <= descriptorsBefore })
}

// thisNS is the inode of the calling thread's network namespace.
func thisNS() uint64 {
	var st unix.Stat_t
	if unix.Stat("/proc/thread-self/ns/net", &st) != nil {
		return 0
	}
	return st.Ino
}

// links names the interfaces that a socket of the calling thread lists.
func links() string {
	list, err := net.Interfaces()
	if err != nil {
		return err.Error()
	}
	names := make([]string, len(list))
	for i, n := range list {
		names[i] = n.Name
	}
	return strings.Join(names, " ")
}

const (
	nodeLinks = "lo eth0"
	newLinks  = "lo"
)

// onThread runs f on a thread of its own, which ends with it.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// spaceThreads: a namespace is a thread's, and its sockets stay in it.
func spaceThreads() error {
	var c checks
	home, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	kind, err := unix.IoctlRetInt(home, 0xb703) // NS_GET_NSTYPE
	c.ok("kind", err == nil && kind == unix.CLONE_NEWNET, kind, err)
	homeIno := thisNS()
	c.ok("at first", links() == nodeLinks, links())
	var kept int
	err = onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		there := thisNS()
		c.ok("another inode", there != homeIno && there != 0, there, homeIno)
		c.ok("a new one", links() == newLinks, links())
		if kept, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("setns: %w", err)
		}
		c.ok("back", links() == nodeLinks && thisNS() == homeIno, links())
		c.ok("the kind that setns insists on", unix.Setns(home, unix.CLONE_NEWNS) == unix.EINVAL)
		ns, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(kept), uapi.SIOCGSKNS, 0)
		if e != 0 {
			return fmt.Errorf("SIOCGSKNS: %w", e)
		}
		var st unix.Stat_t
		err := unix.Fstat(int(ns), &st)
		c.ok("the socket's namespace", err == nil && st.Ino == there, st.Ino, err)
		if err := unix.Setns(int(ns), 0); err != nil {
			return fmt.Errorf("setns to the socket's: %w", err)
		}
		unix.Close(int(ns))
		c.ok("there again", links() == newLinks && thisNS() == there, links())
		return nil
	})
	if err != nil {
		return err
	}
	c.ok("the others stay", links() == nodeLinks, links())
	unix.Close(kept)
	return c.err()
}

// spaceClone: clone with CLONE_NEWNET, and what a child inherits.
func spaceClone() error {
	for _, flags := range []uintptr{unix.CLONE_NEWNET, unix.CLONE_NEWNET | unix.CLONE_NEWUSER} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), envRole+"=space inner")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
		if flags&unix.CLONE_NEWUSER != 0 {
			if os.Getenv(envNoUser) != "" {
				continue
			}
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("flags %#x: %w: %s", flags, err, out)
		}
	}
	return nil
}

// spaceInner runs in a new namespace, and may change it.
func spaceInner() error {
	var c checks
	c.ok("links", links() == newLinks, links())
	out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput()
	c.ok("a change", err == nil, err, string(out))
	return c.err()
}

// spacePidfd: setns by the process, and RTM_NEWLINK's IFLA_NET_NS_PID.
func spacePidfd() error {
	var c checks
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer in.Close()
	out, err := exec.Command("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", fmt.Sprint(cmd.Process.Pid)).CombinedOutput()
	c.ok("veth", err == nil, err, string(out))
	err = onThread(func() error {
		fd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
		if err != nil {
			return err
		}
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("setns: %w", err)
		}
		c.ok("links", links() == "lo v1", links())
		return unix.Close(fd)
	})
	c.ok("thread", err == nil, err)
	out, err = exec.Command("ip", "link", "del", "v0").CombinedOutput()
	c.ok("del", err == nil, err, string(out))
	return c.err()
}

// spaceKept: a socket alone keeps its namespace.
func spaceKept() error {
	var c checks
	var fd int
	if err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		fd, _, err = bound()
		return err
	}); err != nil {
		return err
	}
	// The thread has ended. Others come and go meanwhile.
	for range 3 {
		if err := onThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }); err != nil {
			return err
		}
	}
	b := make([]byte, 10)
	_, err := unix.Write(fd, []byte("hello"))
	c.ok("write", err == nil, err)
	n, err := unix.Read(fd, b)
	c.ok("read", err == nil && string(b[:n]) == "hello", n, err)
	return c.err()
}

// spaceFiles: kernel files are those of the thread that opens them.
func spaceFiles() error {
	var c checks
	lines := func() int {
		b, err := os.ReadFile("/proc/net/dev")
		c.ok("read", err == nil, err)
		return strings.Count(string(b), "\n") - 2
	}
	const file = "/proc/sys/net/ipv4/ip_default_ttl"
	home, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c.ok("the node's", lines() == 2, lines())
	err = onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		c.ok("the new one's", lines() == 1, lines())
		if err := os.WriteFile(file, []byte("99\n"), 0); err != nil {
			return err
		}
		b, err := os.ReadFile(file)
		c.ok("set", err == nil && string(b) == "99\n", string(b), err)
		_, err = os.Stat("/sys/class/net/eth0")
		c.ok("no eth0", os.IsNotExist(err), err)
		return nil
	})
	if err != nil {
		return err
	}
	b, err := os.ReadFile(file)
	c.ok("the node's setting stays", err == nil && string(b) == string(home), string(b), err)
	_, err = os.Stat("/sys/class/net/eth0/mtu")
	c.ok("eth0", err == nil, err)
	return c.err()
}

// spaceRefused is the answer where the host gives no namespaces.
func spaceRefused() error {
	var c checks
	err := unix.Unshare(unix.CLONE_NEWNET)
	c.ok("unshare", err == unix.EPERM, err)
	home, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = unix.Setns(home, unix.CLONE_NEWNET)
	c.ok("setns to where it is", err == nil, err)
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	err = cmd.Run()
	c.ok("clone", err != nil, err)
	return c.err()
}
