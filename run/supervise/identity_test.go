//go:build linux

package supervise_test

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// undumpable cannot be looked at by an ordinary supervisor any more, unless
// its user namespace gives the right.
func undumpable() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	return datagrams()
}

// execution keeps its capabilities over setuid and loses them by execve.
func execution() error {
	runtime.LockOSThread()
	var c checks
	c.ok("keep", unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0) == nil)
	c.ok("setuid", unix.Setresuid(1000, 1000, 1000) == nil)
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	c.ok("capget", unix.Capget(&hdr, &data[0]) == nil && data[0].Effective == 0 && data[0].Permitted>>13&1 == 1, data)
	data[0].Effective, data[1].Effective = data[0].Permitted, data[1].Permitted
	c.ok("capset", unix.Capset(&hdr, &data[0]) == nil)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	c.ok("raw", err == nil, err)
	unix.Close(fd)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), envRole+"=powerless")
	out, err := cmd.CombinedOutput()
	c.ok("the program", err == nil, string(out), err)
	return c.err()
}

// powerless is a program of a user.
func powerless() error {
	var c checks
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	c.ok("capget", unix.Capget(&hdr, &data[0]) == nil && data[0].Effective == 0 && data[0].Permitted == 0, data)
	_, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	c.ok("raw", err == unix.EPERM, err)
	return c.err()
}

// credentials drops them.
func credentials() error {
	runtime.LockOSThread() // they are a thread's on the host
	var c checks
	c.ok("root", unix.Getuid() == 0 && unix.Geteuid() == 0 && unix.Getgid() == 0, unix.Getuid())
	raw := func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
		unix.Close(fd)
		return err
	}
	c.ok("raw as root", raw() == nil)
	c.ok("setgroups", unix.Setgroups([]int{100, 7}) == nil)
	g, err := unix.Getgroups()
	c.ok("getgroups", err == nil && len(g) == 2 && g[0] == 7 && g[1] == 100, g, err)
	c.ok("setgid", unix.Setresgid(1000, 1000, 1000) == nil)
	c.ok("setuid", unix.Setresuid(1000, 1000, 1000) == nil)
	c.ok("dropped", unix.Getuid() == 1000 && unix.Geteuid() == 1000 && unix.Getegid() == 1000, unix.Getuid())
	c.ok("no way back", unix.Setresuid(0, 0, 0) == unix.EPERM)
	c.ok("raw as a user", raw() == unix.EPERM, raw())
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err = unix.Capget(&hdr, &data[0])
	c.ok("capget", err == nil && data[0].Effective == 0 && data[0].Permitted == 0, data, err)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	c.ok("udp", err == nil, err)
	c.ok("a low port", unix.Bind(fd, &unix.SockaddrInet4{Port: 53}) == unix.EACCES)
	cmd := exec.Command("id", "-u")
	out, err := cmd.CombinedOutput()
	c.ok("inherited", err == nil && string(out) == "1000\n", string(out), err)
	return c.err()
}

// ownCapabilities: a thread that drops them is the only one that has.
func ownCapabilities() error {
	var c checks
	var first, second error // of a raw socket, in another thread
	raw := func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
		unix.Close(fd)
		return err
	}
	runtime.LockOSThread()
	c.ok("before", raw() == nil)
	begin, dropped, looked := make(chan bool), make(chan error), make(chan bool)
	go func() { // on a thread that is there before the drop
		runtime.LockOSThread()
		begin <- true
		<-begin
		first = raw()
		begin <- true
	}()
	<-begin
	go func() {
		runtime.LockOSThread() // and never back
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		err := unix.Capset(&hdr, &data[0])
		second = raw()
		dropped <- err
		<-looked
	}()
	c.ok("capset", <-dropped == nil)
	c.ok("the thread itself", second == unix.EPERM, second)
	c.ok("this one", raw() == nil)
	begin <- true
	<-begin
	c.ok("another", first == nil, first)
	close(looked)
	return c.err()
}

// fileCapabilities: a user's ping has what its file gives (cap_net_raw), and
// another program of his has not.
func fileCapabilities() error {
	runtime.LockOSThread()
	var c checks
	ping, err := exec.LookPath("ping")
	if err != nil {
		return nil // not on this machine: nothing to see
	}
	var b [24]byte
	_, none := unix.Getxattr(ping, "security.capability", b[:])
	c.ok("setuid", unix.Setresuid(1000, 1000, 1000) == nil)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	c.ok("raw", err == unix.EPERM, err)
	out, err := exec.Command(ping, "-4", "-c1", "127.0.0.1").CombinedOutput()
	status, serr := os.ReadFile("/proc/thread-self/status")
	real := bytes.Contains(status, []byte("Uid:\t1000\t")) // the kernel's set-uid: no_new_privs holds
	c.ok("ping", (err == nil) == (none == nil && !real), string(out), err, none, serr)
	return c.err()
}
