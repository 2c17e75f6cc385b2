//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"linen"
	"linen/run/nodeinit"
	"linen/run/supervise"
)

// A side is two hosts, 0 and 1, with the addresses 10.0.0.1 and 10.0.0.2 and a
// link between them.
type side interface {
	name() string
	// start runs a program on a host. Its output goes to the buffer.
	start(host int, env []string, argv ...string) (program, error)
	close()
}

// A program is one that was started.
type program interface {
	wait() error
	kill()
	output() string
}

const (
	addrServer = "10.0.0.2"
	searchPath = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
)

// sides makes linen and, for root, the kernel.
func sides() ([]side, error) {
	l, err := newLinen()
	if err != nil {
		return nil, err
	}
	all := []side{l}
	if os.Geteuid() != 0 {
		fmt.Println("the kernel's half is left out: it needs root")
		return all, nil
	}
	k, err := newKernel()
	if err != nil {
		l.close()
		return nil, err
	}
	return append(all, k), nil
}

func closeAll(all []side) {
	for _, s := range all {
		s.close()
	}
}

// run runs a program to its end.
func run(s side, host int, env []string, argv ...string) (string, error) {
	p, err := s.start(host, env, argv...)
	if err != nil {
		return "", err
	}
	err = p.wait()
	return p.output(), err
}

// linenSide is two nodes in this process.
type linenSide struct {
	k     *linen.Kernel
	host  *supervise.Host
	nodes [2]*supervise.Node
	nets  [2]*linen.Net
}

func newLinen() (*linenSide, error) {
	s := &linenSide{k: linen.New(linen.Config{CPUs: 2})}
	var err error
	if s.host, err = supervise.NewHost(nil); err != nil {
		return nil, err
	}
	for i, name := range []string{"a", "b"} {
		if s.nets[i], err = s.k.NewNet(name); err != nil {
			return nil, err
		}
	}
	if err := s.k.Link(s.nets[0], "eth0", s.nets[1], "eth0"); err != nil {
		return nil, err
	}
	for i, n := range s.nets {
		addr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24)
		for _, err := range []error{n.Up("lo"), n.AddAddr("eth0", addr), n.Up("eth0")} {
			if err != nil {
				return nil, err
			}
		}
		s.nodes[i], err = s.host.Start(context.Background(), supervise.Config{
			Net: n.Namespace(), Init: nodeinit.Config{Name: n.Name(), Hostname: n.Name()},
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *linenSide) name() string { return "linen" }

func (s *linenSide) close() {
	for _, n := range s.nodes {
		n.Close()
	}
	s.host.Close()
	s.k.Close()
}

// inNode is a program in a node.
type inNode struct {
	proc *nodeinit.Proc
	out  *output
}

func (s *linenSide) start(host int, env []string, argv ...string) (program, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	out, w, err := newOutput()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	p := nodeinit.Program{Argv: argv, Env: append([]string{searchPath, "LC_ALL=C"}, env...)}
	proc, err := s.nodes[host].Exec(context.Background(), p, null, w, w)
	return &inNode{proc, out}, err
}

func (p *inNode) wait() error {
	exit, err := p.proc.Wait(context.Background())
	if err == nil && !exit.Success() {
		err = fmt.Errorf("exit %+v: %s", exit, p.output())
	}
	return err
}

func (p *inNode) kill()          { p.proc.Signal(unix.SIGKILL) }
func (p *inNode) output() string { return p.out.text() }

// output collects what a program prints.
type output struct {
	r    *os.File
	done chan struct{}
	buf  bytes.Buffer
}

func newOutput() (*output, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	o := &output{r: r, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		defer r.Close()
		o.buf.ReadFrom(r)
	}()
	return o, w, nil
}

func (o *output) text() string {
	o.r.SetReadDeadline(time.Now().Add(time.Second)) // a daemon may hold the other end
	<-o.done
	return o.buf.String()
}

// kernelSide is two network namespaces of this machine's kernel.
type kernelSide struct{ names [2]string }

func newKernel() (*kernelSide, error) {
	s := &kernelSide{}
	for i := range s.names {
		s.names[i] = fmt.Sprintf("linenbench%d-%d", os.Getpid(), i)
	}
	a, b := s.names[0], s.names[1]
	for _, c := range [][]string{
		{"ip", "netns", "add", a}, {"ip", "netns", "add", b},
		{"ip", "-n", a, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", b},
		{"ip", "-n", a, "addr", "add", "10.0.0.1/24", "dev", "eth0"},
		{"ip", "-n", b, "addr", "add", addrServer + "/24", "dev", "eth0"},
		{"ip", "-n", a, "link", "set", "eth0", "up"}, {"ip", "-n", b, "link", "set", "eth0", "up"},
		{"ip", "-n", a, "link", "set", "lo", "up"}, {"ip", "-n", b, "link", "set", "lo", "up"},
		{"ip", "netns", "exec", a, "ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off"},
		{"ip", "netns", "exec", b, "ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off"},
	} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			s.close()
			return nil, fmt.Errorf("%v: %w: %s", c, err, out)
		}
	}
	return s, nil
}

func (s *kernelSide) name() string { return "kernel" }

func (s *kernelSide) close() {
	for _, n := range s.names {
		exec.Command("ip", "netns", "del", n).Run()
	}
}

// inNamespace is a program in a namespace.
type inNamespace struct {
	cmd *exec.Cmd
	out *output
}

func (s *kernelSide) start(host int, env []string, argv ...string) (program, error) {
	out, w, err := newOutput()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if argv[0] == "/proc/self/exe" {
		if argv[0], err = os.Executable(); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command("ip", append([]string{"netns", "exec", s.names[host]}, argv...)...)
	cmd.Env = append([]string{searchPath, "LC_ALL=C"}, env...)
	cmd.Stdout, cmd.Stderr = w, w
	return &inNamespace{cmd, out}, cmd.Start()
}

func (p *inNamespace) wait() error {
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, p.output())
	}
	return nil
}

func (p *inNamespace) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}
func (p *inNamespace) output() string { return p.out.text() }
