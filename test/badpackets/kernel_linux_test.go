package badpackets

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"linen/net/netlink"
	"linen/test/need"
)

var (
	record = flag.Bool("record", false, "write what this machine's kernel does to "+file)
	only   = flag.String("only", "", "the regular expression of the cases to record, if not all")
)

// release is the kernel that the file tells of.
const release = "6.18."

// real is this machine's kernel, in a network namespace of its own that the
// calling thread has entered.
type real struct {
	taps  [2]int
	rtnl  int
	trace *trace

	monitors []int
}

// newReal makes the namespace. The caller's goroutine keeps its thread, which
// ends with it.
func newReal(tr *trace) (*real, error) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("a network namespace: %w", err)
	}
	r := &real{trace: tr}
	var err error
	r.rtnl, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	if err := r.sysctl("net.ipv6.conf.all.disable_ipv6", "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for i, name := range [...]string{"eth0", "eth1"} {
		if r.taps[i], err = openTap(name); err != nil {
			return nil, err
		}
		if err := r.sysctl("net.ipv6.conf."+name+".disable_ipv6", "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return r, configure(r)
}

func openTap(name string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fd, err
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return fd, err
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	return fd, unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
}

func (r *real) ask(m *netlink.Msg) error {
	if err := unix.Sendto(r.rtnl, m.Bytes(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	b := make([]byte, 8192)
	n, _, err := unix.Recvfrom(r.rtnl, b, 0)
	if err != nil {
		return err
	}
	code, err := ackError(b[:n])
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	return err
}

func (r *real) index(name string) int {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0
	}
	return i.Index
}

func (r *real) sysctl(name, value string) error {
	return os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0)
}

func (r *real) read(name string) (string, error) {
	b, err := os.ReadFile("/proc/thread-self/net/" + name)
	return string(b), err
}

// send writes a frame: the kernel processes it in the system call.
func (r *real) send(i int, frame []byte) { _, _ = unix.Write(r.taps[i], frame) }

// heard reads what the host sent. What loops back runs after the system call
// at the latest when the softirq thread gets its turn.
func (r *real) heard() (list []sent) {
	b := make([]byte, 1<<16)
	for range 2 {
		for i, fd := range r.taps {
			for {
				n, err := unix.Read(fd, b)
				if err != nil {
					break
				}
				list = append(list, sent{i, append([]byte(nil), b[:n]...)})
			}
		}
		r.wait(2 * time.Millisecond)
	}
	return list
}

func (r *real) wait(d time.Duration) { _, _ = unix.Poll(nil, int(d/time.Millisecond)) }

func (r *real) watch(waits bool) error {
	if r.trace == nil {
		return nil
	}
	return r.trace.start(unix.Gettid(), waits)
}

func (r *real) drops() ([]string, error) {
	if r.trace == nil {
		return nil, nil
	}
	return r.trace.reasons()
}

func (r *real) close() {
	unix.Close(r.rtnl)
	for _, fd := range append(r.monitors, r.taps[:]...) {
		unix.Close(fd)
	}
}

// realSocket is a descriptor; it lives as long as the run.
type realSocket int

func (r *real) socket(typ, proto int) (socket, error) {
	fd, err := unix.Socket(unix.AF_INET, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
	return realSocket(fd), err
}

func inet4(a netip.AddrPort) unix.Sockaddr {
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func (s realSocket) bind(a netip.AddrPort) error    { return unix.Bind(int(s), inet4(a)) }
func (s realSocket) connect(a netip.AddrPort) error { return unix.Connect(int(s), inet4(a)) }
func (s realSocket) listen(n int) error             { return unix.Listen(int(s), n) }

func (s realSocket) option(level, name int, v []byte) error {
	if level == unix.SOL_SOCKET && name == unix.SO_ATTACH_FILTER {
		return unix.SetsockoptSockFprog(int(s), level, name, &unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: 0x06}})
	}
	return unix.SetsockoptString(int(s), level, name, string(v))
}

func (s realSocket) sendto(a netip.AddrPort, p []byte) error {
	return unix.Sendto(int(s), p, 0, inet4(a))
}

func (s realSocket) recv() error {
	_, _, err := unix.Recvfrom(int(s), make([]byte, 1<<16), 0)
	return err
}

func (s realSocket) sendmsg(to netip.AddrPort, p, control []byte) error {
	var sa unix.Sockaddr
	if to.IsValid() {
		sa = inet4(to)
	}
	return unix.Sendmsg(int(s), p, control, sa, unix.MSG_DONTWAIT)
}

func (s realSocket) recvmsg(p []byte, flags int) (n int, from netip.AddrPort, control []byte, err error) {
	oob := make([]byte, 512)
	n, used, _, sa, err := unix.Recvmsg(int(s), p, oob, flags|unix.MSG_DONTWAIT)
	return n, hostAddr(sa), oob[:max(used, 0)], err
}

func (s realSocket) get(level, name int, v []byte) (int, error) {
	n := uint32(len(v))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(unsafe.SliceData(v))), uintptr(unsafe.Pointer(&n)), 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

func (s realSocket) name() (netip.AddrPort, error) {
	sa, err := unix.Getsockname(int(s))
	return hostAddr(sa), err
}

// hostAddr is an address of AF_INET, or the zero AddrPort.
func hostAddr(sa unix.Sockaddr) netip.AddrPort {
	if in, is := sa.(*unix.SockaddrInet4); is {
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port))
	}
	return netip.AddrPort{}
}

// TestKernel: this machine's kernel does what the file says; with -record it
// writes the file.
func TestKernel(t *testing.T) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	if have := unix.ByteSliceToString(u.Release[:]); !strings.HasPrefix(have, release) {
		t.Skipf("the file tells what Linux %s* does; this is %s", release, have)
	}
	need.TunDevice(t)
	if !need.AsRoot(t) {
		return
	}
	need.NetNS(t)
	tr, err := newTrace()
	if err != nil {
		t.Logf("without drop reasons: %v", err)
	} else {
		defer tr.close()
	}
	if *record && err != nil {
		t.Fatal("a record needs the drop reasons")
	}
	var text strings.Builder
	var want map[string][]string
	if !*record || *only != "" {
		want = recorded(t)
	}
	those := regexp.MustCompile(*only)
	for _, c := range table(t) {
		lines, err := want[c.name], error(nil)
		if those.MatchString(c.name) {
			lines, err = onKernel(&c, tr)
		} else if lines == nil {
			continue
		}
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case *record:
			fmt.Fprintf(&text, "# %s\n%s\n", c.name, strings.Join(append(lines, ""), "\n"))
		default:
			compare(t, &c, tr, lines, want[c.name])
		}
	}
	if *record && !t.Failed() {
		if err := os.WriteFile(file, []byte(strings.TrimRight(text.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// compare looks at one case, and at once more if it is not as it should be:
// real time may have made it so.
func compare(t *testing.T, c *testCase, tr *trace, lines, want []string) {
	t.Helper()
	var diff []string
	for range 4 {
		seen := want
		if tr == nil {
			seen, _ = split(want)
		}
		diff = differences(lines, seen)
		if c.waits { // timers of other namespaces drop too
			diff = slices.DeleteFunc(diff, func(d string) bool { return d == "+ drops FRAG_REASM_TIMEOUT" || d == "+ drops NEIGH_FAILED" })
		}
		if len(diff) == 0 {
			return
		}
		var err error
		if lines, err = onKernel(c, tr); err != nil {
			t.Errorf("%s: %v", c.name, err)
			return
		}
	}
	t.Errorf("%s:\n%s", c.name, strings.Join(diff, "\n"))
}

// onKernel plays a case on a thread of its own.
func onKernel(c *testCase, tr *trace) (lines []string, err error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m, failed := newReal(tr)
		if failed != nil {
			err = failed
			return
		}
		defer m.close()
		r := &run{m: m}
		defer func() {
			for _, s := range r.socks {
				unix.Close(int(s.(realSocket)))
			}
		}()
		o, failed := c.play(r)
		if failed != nil {
			err = failed
			return
		}
		lines = o.lines()
		for _, d := range o.drops {
			lines = append(lines, "drops "+d)
		}
	}()
	<-ended
	return lines, err
}
