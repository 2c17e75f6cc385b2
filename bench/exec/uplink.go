//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"linen"
	"linen/drivers/host/uplink"
)

// A gateway is a user-mode NAT with a guest behind it, MTU 1500.
type gateway interface {
	// guest runs a program in the guest and returns what it printed, and the
	// time of the processor that the NAT took meanwhile, in seconds.
	guest(argv ...string) (out string, cpu float64, err error)
	// host is the machine's loopback, as the guest has it.
	host() string
	close()
}

// uplinks compares linen's uplink with slirp4netns and pasta by tap: iperf3 in
// the guest, its server on the machine's loopback.
func uplinks(s settings) error {
	if os.Geteuid() != 0 {
		return errors.New("it needs root: for the others' namespaces")
	}
	port, stop, err := iperfServer()
	if err != nil {
		return err
	}
	defer stop()
	type figure struct{ rate, core float64 }
	best := map[string]figure{}
	names := []string{"linen", "slirp4netns", "pasta"}
	open := map[string]func() (gateway, error){"linen": newUplink, "slirp4netns": newSlirp, "pasta": newPasta}
	directions := map[string][]string{"up": nil, "down": {"-R"}}
	for range s.turns {
		for _, name := range names {
			g, err := open[name]()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			for direction, more := range directions {
				argv := []string{"iperf3", "-J", "-c", g.host(), "-p", port, "-t", strconv.Itoa(s.seconds)}
				out, cpu, err := g.guest(append(argv, more...)...)
				rate, bits, perr := iperfRate(out)
				if err = errors.Join(err, perr); err != nil {
					g.close()
					return fmt.Errorf("%s: %w: %s", name, err, out)
				}
				at := name + " " + direction
				best[at] = figure{max(best[at].rate, rate), max(best[at].core, bits/cpu/1e9)}
			}
			g.close()
		}
	}
	for _, direction := range []string{"up", "down"} {
		l := best["linen "+direction]
		fmt.Printf("%-5s linen %6.2f Gbit/s (%.1f a core of its process)", direction, l.rate, l.core)
		for _, name := range names[1:] {
			o := best[name+" "+direction]
			fmt.Printf("   %s %6.2f (%.1f) ratio %.1f", name, o.rate, o.core, l.rate/o.rate)
		}
		fmt.Println()
	}
	return nil
}

// iperfServer starts a server on the machine's loopback.
func iperfServer() (port string, stop func(), err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	cmd := exec.Command("iperf3", "-s", "-B", "127.0.0.1", "-p", port)
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	time.Sleep(500 * time.Millisecond) // it listens
	return port, func() { cmd.Process.Kill(); cmd.Wait() }, nil
}

// iperfRate returns the best second, in Gbit/s, and how many bits came over.
// The best second, because pasta of Debian 12 stalls after the first ones.
func iperfRate(out string) (rate, bits float64, err error) {
	var report struct {
		Intervals []struct {
			Sum struct {
				Rate    float64 `json:"bits_per_second"`
				Seconds float64 `json:"seconds"`
			} `json:"sum"`
		} `json:"intervals"`
		End struct {
			Received struct {
				Bytes float64 `json:"bytes"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if i := strings.IndexByte(out, '{'); i > 0 {
		out = out[i:]
	}
	err = json.NewDecoder(strings.NewReader(out)).Decode(&report)
	for _, i := range report.Intervals {
		if i.Sum.Seconds > 0.5 {
			rate = max(rate, i.Sum.Rate/1e9)
		}
	}
	return rate, 8 * report.End.Received.Bytes, err
}

// uplinkGateway is linen's, in this process.
type uplinkGateway struct {
	linenSide
	up *uplink.Uplink
}

func newUplink() (gateway, error) {
	l, err := newLinen()
	if err != nil {
		return nil, err
	}
	g := &uplinkGateway{linenSide: *l}
	if g.up, err = uplink.New(g.nets[1].Namespace(), uplink.Config{Loopback: true}); err != nil {
		g.linenSide.close()
		return nil, err
	}
	return g, g.nets[0].AddRoute(linen.Route{Via: netip.MustParseAddr(addrServer)})
}

func (g *uplinkGateway) host() string { return addrServer }

func (g *uplinkGateway) close() {
	g.up.Close()
	g.linenSide.close()
}

func (g *uplinkGateway) guest(argv ...string) (string, float64, error) {
	before := selfTime()
	out, err := run(&g.linenSide, 0, nil, argv...)
	return out, selfTime() - before, err
}

// selfTime is this process's time of the processor, in seconds.
func selfTime() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// other is another program's gateway, of a namespace of the kernel's.
type other struct {
	ns   string
	addr string
	nat  *exec.Cmd
	said bytes.Buffer
}

// newOther makes a namespace and starts its NAT.
func newOther(name, addr string, nat func(ns string) []string) (gateway, error) {
	g := &other{ns: fmt.Sprintf("linenbench%d-%s", os.Getpid(), name), addr: addr}
	if out, err := exec.Command("ip", "netns", "add", g.ns).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	argv := nat(g.ns)
	g.nat = exec.Command(argv[0], argv[1:]...)
	g.nat.Stdout, g.nat.Stderr = &g.said, &g.said
	if err := g.nat.Start(); err != nil {
		exec.Command("ip", "netns", "del", g.ns).Run()
		return nil, err
	}
	for range 50 { // until it has its address
		time.Sleep(100 * time.Millisecond)
		if out, err := exec.Command("ip", "-n", g.ns, "-4", "route", "show", "default").Output(); err == nil && len(out) > 0 {
			return g, nil
		}
	}
	g.close()
	return nil, fmt.Errorf("it made no network: %s", g.said.String())
}

func newSlirp() (gateway, error) {
	return newOther("slirp", "10.0.2.2", func(ns string) []string {
		return []string{"slirp4netns", "--configure", "--mtu=1500", "--netns-type=path", "/run/netns/" + ns, "tap0"}
	})
}

// newPasta takes the machine's own addresses, as pasta does: the address of its
// gateway is its loopback in the guest.
func newPasta() (gateway, error) {
	out, err := exec.Command("ip", "-4", "route", "show", "default").Output()
	f := strings.Fields(string(out))
	if err != nil || len(f) < 3 || f[1] != "via" {
		return nil, errors.New("it needs a default route of this machine")
	}
	return newOther("pasta", f[2], func(ns string) []string {
		return []string{"pasta", "--runas", "0", "--netns", "/run/netns/" + ns, "--config-net", "-m", "1500", "-f"}
	})
}

func (g *other) host() string { return g.addr }

func (g *other) close() {
	g.nat.Process.Kill()
	g.nat.Wait()
	exec.Command("ip", "netns", "del", g.ns).Run()
}

func (g *other) guest(argv ...string) (string, float64, error) {
	before := procTime(g.nat.Process.Pid)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", g.ns}, argv...)...).CombinedOutput()
	return string(out), procTime(g.nat.Process.Pid) - before, err
}

// procTime is a process's time of the processor, in seconds (proc(5), stat).
func procTime(pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100 // USER_HZ
}
