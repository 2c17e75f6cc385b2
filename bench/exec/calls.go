//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// envCalls makes this program time its calls and print them.
const envCalls = "LINEN_BENCH_CALLS"

// batches is how often a call is timed; the smallest counts.
const batches = 25

// A timed call: prepare gives the function that makes it n times.
type timed struct {
	name    string
	prepare func() (func(n int) error, error)
}

// calls prints the cost of each call on both sides.
func calls(s settings) error {
	all, err := sides()
	if err != nil {
		return err
	}
	defer closeAll(all)
	best := map[string]map[string]float64{}
	for range s.turns {
		for _, sd := range all {
			out, err := run(sd, 0, []string{envCalls + "=1"}, "/proc/self/exe")
			if err != nil {
				return err
			}
			if best[sd.name()] == nil {
				best[sd.name()] = map[string]float64{}
			}
			for line := range strings.Lines(out) {
				name, v, ok := strings.Cut(strings.TrimSpace(line), "\t")
				ns, err := strconv.ParseFloat(v, 64)
				if !ok || err != nil {
					return fmt.Errorf("%s said %q", sd.name(), line)
				}
				if old, ok := best[sd.name()][name]; !ok || ns < old {
					best[sd.name()][name] = ns
				}
			}
		}
	}
	for _, c := range timedCalls {
		fmt.Printf("%-44s linen %8.2f us", c.name, best["linen"][c.name]/1000)
		if k := best["kernel"][c.name]; k > 0 {
			fmt.Printf("   kernel %7.2f us   %5.1f times", k/1000, best["linen"][c.name]/k)
		}
		fmt.Println()
	}
	return nil
}

// measureCalls is the program in the node.
func measureCalls() {
	for _, c := range timedCalls {
		ns, err := measure(c)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", c.name, err)
			os.Exit(1)
		}
		fmt.Printf("%s\t%.1f\n", c.name, ns)
	}
}

func measure(c timed) (float64, error) {
	f, err := c.prepare()
	if err != nil {
		return 0, err
	}
	const n = 64
	least := math.Inf(1)
	for range batches {
		begin := time.Now()
		if err := f(n); err != nil {
			return 0, err
		}
		least = min(least, float64(time.Since(begin))/n)
	}
	return least, nil
}

// each makes a function of one call.
func each(f func() error) func(int) error {
	return func(n int) error {
		for range n {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
}

var timedCalls = []timed{
	{"getppid, not trapped", func() (func(int) error, error) {
		return each(func() error { unix.Getppid(); return nil }), nil
	}},
	{"read of /dev/zero, not trapped", func() (func(int) error, error) {
		fd, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
		b := make([]byte, 1)
		return each(func() error { _, err := unix.Read(fd, b); return err }), err
	}},
	{"socket + close, UDP", func() (func(int) error, error) {
		return each(func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
			unix.Close(fd)
			return err
		}), nil
	}},
	{"socket + close, TCP", func() (func(int) error, error) {
		return each(func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			unix.Close(fd)
			return err
		}), nil
	}},
	{"socket + bind + close, UDP", func() (func(int) error, error) {
		return each(func() error {
			_, fd, err := udp()
			unix.Close(fd)
			return err
		}), nil
	}},
	{"getsockopt SO_TYPE", func() (func(int) error, error) {
		_, fd, err := udp()
		return each(func() error { _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); return err }), err
	}},
	{"setsockopt IP_TTL", func() (func(int) error, error) {
		_, fd, err := udp()
		return each(func() error { return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TTL, 64) }), err
	}},
	{"getsockname", func() (func(int) error, error) {
		_, fd, err := udp()
		return each(func() error { _, err := unix.Getsockname(fd); return err }), err
	}},
	{"connect, UDP", func() (func(int) error, error) {
		sa, fd, err := udp()
		return each(func() error { return unix.Connect(fd, sa) }), err
	}},
	{"ioctl SIOCGIFINDEX", func() (func(int) error, error) {
		_, fd, err := udp()
		return each(func() error {
			r, err := unix.NewIfreq("lo")
			if err != nil {
				return err
			}
			return unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, r)
		}), err
	}},
	{"sendto + recvfrom, UDP, 64 bytes, to itself", func() (func(int) error, error) {
		sa, fd, err := udp()
		b := make([]byte, 64)
		return each(func() error {
			err := unix.Sendto(fd, b, 0, sa)
			_, _, rerr := unix.Recvfrom(fd, b, 0)
			return errors.Join(err, rerr)
		}), err
	}},
	{"write + read, connected UDP, to itself", func() (func(int) error, error) {
		sa, fd, err := udp()
		if err == nil {
			err = unix.Connect(fd, sa)
		}
		b := make([]byte, 64)
		return each(func() error {
			_, err := unix.Write(fd, b)
			_, rerr := unix.Read(fd, b)
			return errors.Join(err, rerr)
		}), err
	}},
	{"recvfrom MSG_DONTWAIT, nothing there", func() (func(int) error, error) {
		_, fd, err := udp()
		b := make([]byte, 64)
		return each(func() error {
			if _, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT); err != unix.EAGAIN {
				return fmt.Errorf("recvfrom: %w", err)
			}
			return nil
		}), err
	}},
	{"epoll_wait, a datagram waits", func() (func(int) error, error) {
		sa, fd, err := udp()
		if err != nil {
			return nil, err
		}
		ep, err := unix.EpollCreate1(0)
		if err != nil {
			return nil, err
		}
		if err = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
			return nil, err
		}
		err = unix.Sendto(fd, []byte("x"), 0, sa)
		ev := make([]unix.EpollEvent, 1)
		return each(func() error { _, err := unix.EpollWait(ep, ev, -1); return err }), err
	}},
	{"netlink RTM_GETLINK lo: send + recv", func() (func(int) error, error) {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
		req := make([]byte, 32)
		req[0], req[4], req[6], req[20] = 32, unix.RTM_GETLINK, unix.NLM_F_REQUEST, 1
		b := make([]byte, 8192)
		return each(func() error {
			err := unix.Sendto(fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
			_, _, rerr := unix.Recvfrom(fd, b, 0)
			return errors.Join(err, rerr)
		}), err
	}},
	{"connect + accept + 2 close, TCP on lo", connections},
	{"TCP, 1 byte there and back", func() (func(int) error, error) {
		a, b, err := stream()
		one := make([]byte, 1)
		return each(func() error {
			for _, fd := range []int{a, b} {
				if _, err := unix.Write(fd, one); err != nil {
					return err
				}
				if _, err := unix.Read(a+b-fd, one); err != nil {
					return err
				}
			}
			return nil
		}), err
	}},
	{"TCP, 32 KiB written and read", func() (func(int) error, error) {
		a, b, err := stream()
		big := make([]byte, 32<<10)
		return each(func() error {
			if _, err := unix.Write(a, big); err != nil {
				return err
			}
			for got := 0; got < len(big); {
				n, err := unix.Read(b, big)
				if err != nil || n == 0 {
					return fmt.Errorf("read: %d, %w", n, err)
				}
				got += n
			}
			return nil
		}), err
	}},
	{"sendmsg + recvmsg, AF_UNIX, continued", func() (func(int) error, error) {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		b := make([]byte, 64)
		return each(func() error {
			_, err := unix.SendmsgN(p[0], b, nil, nil, 0)
			_, _, _, _, rerr := unix.Recvmsg(p[1], b, nil, 0)
			return errors.Join(err, rerr)
		}), err
	}},
	{"open + read + close of /proc/net/dev", func() (func(int) error, error) {
		return each(func() error { _, err := os.ReadFile("/proc/net/dev"); return err }), nil
	}},
	{"open + read + close of a sysctl", func() (func(int) error, error) {
		return each(func() error { _, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward"); return err }), nil
	}},
	{"stat of /sys/class/net/lo", func() (func(int) error, error) {
		var st unix.Stat_t
		return each(func() error { return unix.Lstat("/sys/class/net/lo", &st) }), nil
	}},
}

// udp returns a socket bound to lo and its address.
func udp() (sa unix.Sockaddr, fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0); err != nil {
		return nil, -1, err
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, fd, err
	}
	sa, err = unix.Getsockname(fd)
	return sa, fd, err
}

func listener() (sa unix.Sockaddr, fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err != nil {
		return nil, -1, err
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, fd, err
	}
	if err = unix.Listen(fd, 16); err != nil {
		return nil, fd, err
	}
	sa, err = unix.Getsockname(fd)
	return sa, fd, err
}

// connections makes and ends connections.
func connections() (func(int) error, error) {
	sa, l, err := listener()
	return each(func() error {
		a, b, err := join(sa, l)
		unix.Close(a)
		unix.Close(b)
		return err
	}), err
}

func join(sa unix.Sockaddr, l int) (a, b int, err error) {
	if a, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err != nil {
		return -1, -1, err
	}
	if err = unix.Connect(a, sa); err != nil {
		return a, -1, err
	}
	b, _, err = unix.Accept(l)
	return a, b, err
}

// stream is both ends of a connection on lo.
func stream() (a, b int, err error) {
	sa, l, err := listener()
	if err != nil {
		return -1, -1, err
	}
	a, b, err = join(sa, l)
	for _, fd := range []int{a, b} {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_NODELAY, 1)
		}
	}
	return a, b, err
}
