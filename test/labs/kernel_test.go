//go:build linux

package labs

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"linen/lab"
	"linen/lab/clab"
	"linen/test/need"
)

// kernelLab is a topology file brought up on the machine's own kernel, as containerlab would without containers: a network,
// mount and PID namespace for each node. It shows what the same programs print there.
type kernelLab struct {
	t     testing.TB
	nodes map[string]int // PIDs of the nodes' inits
}

// kernelUp brings a file up on the machine's own kernel.
func kernelUp(t testing.TB, file string) *kernelLab {
	t.Helper()
	need.Root(t)
	topo, err := clab.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := lab.MakePlan(topo, lab.ThisHost())
	if err != nil {
		t.Fatal(err)
	}
	k := &kernelLab{t: t, nodes: make(map[string]int)}
	for name, n := range plan.Nodes {
		k.nodes[name] = k.hold(n.Binds)
		k.do(name, "ip", "link", "set", "lo", "up")
		for key, value := range n.Sysctls {
			k.do(name, "sysctl", "-qw", key+"="+value)
		}
	}
	for _, l := range plan.Links {
		a, b, mtu := l.Ends[0], l.Ends[1], strconv.Itoa(l.MTU)
		k.host("ip", "link", "add", a.Name, "mtu", mtu, "netns", k.pid(a.Node), "type", "veth",
			"peer", "name", b.Name, "mtu", mtu, "netns", k.pid(b.Node))
		k.do(a.Node, "ip", "link", "set", a.Name, "up")
		k.do(b.Node, "ip", "link", "set", b.Name, "up")
	}
	for name, n := range plan.Nodes {
		for _, p := range n.Programs {
			k.start(name, p.Args)
		}
	}
	for _, n := range topo.Nodes {
		for _, c := range n.Exec {
			k.do(n.Name, "sh", "-c", c.Line)
		}
	}
	return k
}

func (k *kernelLab) pid(node string) string { return strconv.Itoa(k.nodes[node]) }

// hold starts the first process of a node, with the node's files in place.
func (k *kernelLab) hold(binds []clab.Bind) int {
	k.t.Helper()
	script := "mount -t tmpfs none /run && mount -t sysfs none /sys\n"
	for _, b := range binds {
		script += "mount --bind " + b.Source + " " + b.Target + "\n"
	}
	cmd := exec.Command("unshare", "-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-ec", script+"echo up\nread end\n")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		stdin.Close() // its shell ends, and with it all of the node
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait() // a shell whose read met the end of file has status 1
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "up\n" {
		k.t.Fatalf("a node's namespaces: %q, %v", line, err)
	}
	children, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/task/" + strconv.Itoa(cmd.Process.Pid) + "/children")
	if err != nil {
		k.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		k.t.Fatalf("the child of unshare: %q", children)
	}
	return pid
}

// in is a command line that runs in a node.
func (k *kernelLab) in(node string, args []string) []string {
	return append([]string{"nsenter", "-t", k.pid(node), "-n", "-m", "-p"}, args...)
}

// do runs a command in a node and returns what it printed.
func (k *kernelLab) do(node string, args ...string) string {
	k.t.Helper()
	return k.host(k.in(node, args)...)
}

func (k *kernelLab) host(args ...string) string {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = time.Second // what it started may hold its output open
	out, err := cmd.CombinedOutput()
	if err != nil {
		k.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// start starts a program of a node; it ends with the node.
func (k *kernelLab) start(node string, args []string) {
	k.t.Helper()
	args = k.in(node, args)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
}

// printsTheSame fails the test when a node's command has not printed on linen, after clean, what it prints on the kernel
// by the end of d.
func (u *user) printsTheSame(k *kernelLab, d time.Duration, node, command string, clean func(string) string) {
	u.t.Helper()
	var here, there string
	if !until(d, func() bool {
		here = clean(u.try("exec", node, "--", "sh", "-c", command).out)
		there = clean(k.do(node, "sh", "-c", command))
		return here == there
	}) {
		u.t.Errorf("%s: %s\n--- linen\n%s\n--- kernel\n%s", node, command, here, there)
	}
}
