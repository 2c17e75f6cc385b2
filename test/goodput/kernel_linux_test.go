package goodput

import (
	"container/heap"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linen/drivers/host/tap"
	"linen/lib/impair"
	"linen/test/need"
)

// TestMeasureKernel measures the real kernel in real time and writes
// testdata/kernel.txt. It takes minutes, so it runs only when it is asked for.
func TestMeasureKernel(t *testing.T) {
	if os.Getenv("LINEN_MEASURE_KERNEL") == "" {
		t.Skip("measures the machine's kernel for minutes: set LINEN_MEASURE_KERNEL=1 and run alone")
	}
	need.Root(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(32)) // a link's thread never waits for a turn
	ip := need.Tool(t, "ip")
	only := os.Getenv("LINEN_MEASURE_CELL")
	table := make([]string, len(compared))
	var wg sync.WaitGroup
	slots := make(chan bool, 3)
	for i, c := range compared {
		if !strings.Contains(c.Name(), only) {
			continue
		}
		wg.Go(func() {
			var got [runs]float64
			var each sync.WaitGroup
			for r := range got {
				each.Go(func() {
					slots <- true
					got[r] = kernelRun(t, ip, c, uint64(r+1))
					<-slots
				})
			}
			each.Wait()
			sum := 0.0
			for _, v := range got {
				sum += v
			}
			table[i] = fmt.Sprintf("%-40s %.3f  # %.3f\n", c.Name(), sum/runs, got)
			t.Logf("%s", table[i])
		})
	}
	wg.Wait()
	if only != "" || t.Failed() {
		return
	}
	var uts unix.Utsname
	unix.Uname(&uts)
	head := fmt.Sprintf("# Mbit/s of payload, mean of %d runs, kernel %s; LINEN_MEASURE_KERNEL=1 go test -run TestMeasureKernel -timeout 30m\n", runs, unix.ByteSliceToString(uts.Release[:]))
	if err := os.WriteFile("testdata/kernel.txt", []byte(head+strings.Join(table, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A namespace of the machine's kernel, held by a thread of its own.
type namespace struct {
	do chan func()
}

// newNamespace makes one; it is gone when do is closed and its files are.
func newNamespace() (*namespace, error) {
	n := &namespace{make(chan func())}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		failed <- unix.Unshare(unix.CLONE_NEWNET)
		for f := range n.do {
			f()
		}
	}()
	return n, <-failed
}

// in runs f on the namespace's thread.
func (n *namespace) in(f func() error) error {
	failed := make(chan error)
	n.do <- func() { failed <- f() }
	return <-failed
}

// setup makes the TAP and gives it the address 10.9.0.<host>/24.
func (n *namespace) setup(ip string, host int) (f *os.File, err error) {
	return f, n.in(func() error {
		f, _, err = tap.Open("t0")
		if err != nil {
			return err
		}
		for _, args := range [][]string{
			{ip, "link", "set", "lo", "up"}, {ip, "addr", "add", fmt.Sprintf("10.9.0.%d/24", host), "dev", "t0"},
			{ip, "link", "set", "t0", "address", fmt.Sprintf("02:00:00:00:00:%02x", host), "up"},
			{ip, "neigh", "add", fmt.Sprintf("10.9.0.%d", 3-host), "lladdr", fmt.Sprintf("02:00:00:00:00:%02x", 3-host), "dev", "t0"},
			{"sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1", "net.ipv6.conf.t0.disable_ipv6=1"},
		} {
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%v: %w: %s", args, err, out)
			}
		}
		return nil
	})
}

// kernelRun measures one transfer and returns its goodput in Mbit/s.
func kernelRun(t *testing.T, ip string, c Cell, seed uint64) float64 {
	fail := func(err error) {
		if err != nil {
			t.Errorf("%s: %v", c.Name(), err)
		}
	}
	var ns [2]*namespace
	var files [2]*os.File
	for i := range ns {
		n, err := newNamespace()
		if err != nil {
			fail(err)
			return 0
		}
		defer close(n.do)
		if files[i], err = n.setup(ip, i+1); err != nil {
			fail(err)
			return 0
		}
		ns[i] = n
	}
	var done atomic.Bool
	var wires sync.WaitGroup
	for i := range files {
		w := &wire{descriptor(files[i]), descriptor(files[1-i]), impair.New(c.Link(2*seed + uint64(i))), &done}
		wires.Go(w.run)
	}
	defer func() {
		done.Store(true)
		wires.Wait()
		files[0].Close()
		files[1].Close()
	}()
	// A namespace may not make its default what the machine does not allow; a
	// privileged socket may choose it.
	choose := func(_, _ string, raw syscall.RawConn) (err error) {
		failed := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, c.Congestion)
		})
		return errors.Join(failed, err)
	}
	listener, dialer := net.ListenConfig{Control: choose}, net.Dialer{Control: choose}
	var l net.Listener
	var out net.Conn
	fail(ns[1].in(func() (err error) { l, err = listener.Listen(t.Context(), "tcp4", "10.9.0.2:80"); return err }))
	fail(ns[0].in(func() (err error) { out, err = dialer.Dial("tcp4", "10.9.0.2:80"); return err }))
	if t.Failed() {
		return 0
	}
	in, err := l.Accept()
	fail(err)
	began := time.Now()
	fail(in.SetReadDeadline(began.Add(c.Span)))
	go func() {
		p := make([]byte, 1<<16)
		for {
			if _, err := out.Write(p); err != nil {
				return
			}
		}
	}()
	n := 0
	for p := make([]byte, 1<<17); ; {
		k, err := in.Read(p)
		if n += k; err != nil {
			break // the deadline
		}
	}
	took := time.Since(began)
	if raw, err := out.(*net.TCPConn).SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			i, _ := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
			t.Logf("%s: %.3f Mbit/s, cwnd %d ssthresh %d rtt %d min %d retrans %d reordering %d rtos %d busy %d rwnd %d sndbuf %d dsack %d", c.Name(), float64(n)*8/1e6/took.Seconds(),
				i.Snd_cwnd, i.Snd_ssthresh, i.Rtt, i.Min_rtt, i.Total_retrans, i.Reordering, i.Total_rto, i.Busy_time, i.Rwnd_limited, i.Sndbuf_limited, i.Dsack_dups)
		})
	}
	if os.Getenv("LINEN_MEASURE_CELL") != "" {
		ns[0].in(func() error {
			text, err := exec.Command("nstat", "-a").CombinedOutput()
			t.Logf("%s", text)
			return err
		})
	}
	out.(*net.TCPConn).SetLinger(0)
	out.Close()
	in.Close()
	l.Close()
	return float64(n) * 8 / 1e6 / took.Seconds()
}

// A parcel is a frame under way.
type parcel struct {
	at    int64
	seq   int
	frame []byte
}

type parcels []parcel

func (p parcels) Len() int { return len(p) }
func (p parcels) Less(i, j int) bool {
	return p[i].at < p[j].at || p[i].at == p[j].at && p[i].seq < p[j].seq
}
func (p parcels) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *parcels) Push(x any)   { *p = append(*p, x.(parcel)) }
func (p *parcels) Pop() any     { o := (*p)[len(*p)-1]; *p = (*p)[:len(*p)-1]; return o }

// urgent makes the goroutine a thread of its own that runs before everything
// else on the machine: what the link does must not depend on its load.
func urgent() {
	runtime.LockOSThread()
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 10}
	unix.SchedSetAttr(0, &attr, 0) // without it the figures are noisier
}

// A wire carries frames from one TAP to the other, as link says.
type wire struct {
	from, to int
	link     *impair.Link
	done     *atomic.Bool
}

// descriptor returns a file's, which stays not blocking.
func descriptor(f *os.File) (n int) {
	raw, err := f.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { n = int(fd) })
	}
	return n
}

// run reads what is sent and writes what has arrived, until done.
func (w *wire) run() {
	urgent()
	var plan []impair.Delivery
	var way parcels
	began := time.Now()
	poll := []unix.PollFd{{Fd: int32(w.from), Events: unix.POLLIN}}
	for seq := 0; !w.done.Load(); {
		wait := 50 * time.Millisecond
		for len(way) > 0 {
			if left := time.Duration(way[0].at) - time.Since(began); left > 0 {
				wait = min(wait, left)
				break
			}
			unix.Write(w.to, heap.Pop(&way).(parcel).frame)
		}
		ts := unix.NsecToTimespec(int64(wait))
		unix.Ppoll(poll, &ts, nil)
		for {
			frame := make([]byte, 1600)
			n, err := unix.Read(w.from, frame)
			if err != nil {
				break
			}
			plan, _ = w.link.Send(int64(time.Since(began)), n, plan[:0])
			for _, d := range plan {
				seq++
				heap.Push(&way, parcel{d.At, seq, frame[:n]})
			}
		}
	}
}
