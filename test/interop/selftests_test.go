//go:build linux

package interop

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"linen/test/need"
)

// kernelSource is where Debian's package puts the kernel's source. Nothing of
// it is kept here: it is unpacked when the test runs.
const kernelSource = "/usr/src/linux-source-6.12.tar.xz"

// allSelftests makes TestKernelSelftests run every test of the table and print
// docs/programs.md's section; without it the test runs those that are quick
// and pass.
var allSelftests = flag.Bool("selftests", false, "run all of the kernel's selftests in the table and print it")

// selftest is one of tools/testing/selftests/net: a program to compile, with
// its folder, or a script.
type selftest struct {
	name string
	// passes: it passes here as on the kernel, or ("starts") says what it found.
	state string
	why   string // what is missing where it does not pass
}

const (
	passes = "passes"
	starts = "starts"
	open   = "" // known not to pass
)

var selftests = []selftest{
	{"bind_timewait.c", passes, ""},
	{"bind_wildcard.c", open, "IPv6"},
	{"netlink-dumps.c", passes, ""},
	{"psock_fanout.c", open, "fanout by a BPF program (PACKET_FANOUT_CBPF, PACKET_FANOUT_EBPF)"},
	{"psock_tpacket.c", passes, ""},
	{"reuseaddr_conflict.c", open, "IPv6"},
	{"reuseport_addr_any.c", open, "IPv6"},
	{"reuseport_bpf.c", open, "IPv6; eBPF"},
	{"reuseport_bpf_cpu.c", open, "the CPU that a packet came by is a virtual one"},
	{"reuseport_dualstack.c", open, "IPv6"},
	{"sk_bind_sendto_listen.c", open, "IPv6"},
	{"sk_connect_zero_addr.c", open, "IPv6"},
	{"sk_so_peek_off.c", open, "IPv6; SO_PEEK_OFF of TCP. UDP over IPv4 passes"},
	{"so_incoming_cpu.c", open, "SO_INCOMING_CPU"},
	{"so_netns_cookie.c", passes, ""},
	{"socket.c", passes, ""},
	{"tap.c", open, "macvtap; the kernel here has none either"},
	{"tun.c", passes, ""},
	{"txring_overwrite.c", passes, ""},
	{"af_unix/unix_connect.c", passes, ""},
	{"af_unix/msg_oob.c", open, "looks for the signal and the data right after send, which a stream of a program hands to its relay"},
	{"af_unix/scm_rights.c", open, "counts AF_UNIX sockets by /proc/net/protocols: they are the host kernel's"},
	{"af_unix/diag_uid.c", open, "sock_diag of AF_UNIX: the sockets are the host kernel's"},
	{"netns-name.sh", passes, ""},
	{"netns-sysctl.sh", starts, "sysctls of a namespace are a machine's own here (docs/differences.md)"},
	{"altnames.sh", passes, ""},
	{"route_localnet.sh", passes, ""},
	{"bind_bhash.sh", passes, ""},
	{"fin_ack_lat.sh", passes, ""},
	{"fib_nexthop_nongw.sh", passes, ""},
	{"psock_snd.sh", open, "super-packets that do not fit their virtio header are refused (docs/differences.md)"},
	{"reuseaddr_ports_exhausted.sh", passes, ""},
	{"tcp_fastopen_backup_key.sh", open, "TCP Fast Open"},
}

// quickSelftests run always: they take a second or two, and neither a clock
// nor the load of the machine decides about them.
var quickSelftests = map[string]bool{
	"bind_timewait.c": true, "netlink-dumps.c": true, "so_netns_cookie.c": true, "socket.c": true, "txring_overwrite.c": true,
	"af_unix/unix_connect.c": true, "netns-name.sh": true, "altnames.sh": true,
}

// selftestLimit is how long one may take; fib_nexthops.sh waits for minutes.
const selftestLimit = 10 * time.Minute

// outcome is how a selftest ended.
type outcome struct {
	result string // pass, skip, fail, "not built", "no end"
	detail string // what it counted
	out    string
}

func (o outcome) String() string {
	if o.detail != "" {
		return o.result + " (" + o.detail + ")"
	}
	return o.result
}

// TestKernelSelftests: the kernel's own tests start in a node; those that pass
// on this machine's kernel in a fresh namespace pass there too, but for what
// the table says. With -selftests it prints the table of docs/programs.md.
func TestKernelSelftests(t *testing.T) {
	binaryOnly(t)
	if _, err := os.Stat(kernelSource); err != nil {
		t.Skipf("left out: %v (Debian's package linux-source-6.12)", err)
	}
	need.NetNS(t)
	for _, name := range []string{"gcc", "tar", "xz", "unshare", "bash", "ip"} {
		need.Tool(t, name)
	}
	dir := unpackSelftests(t)
	var table strings.Builder
	for _, st := range selftests {
		if !*allSelftests && !quickSelftests[st.name] {
			continue
		}
		t.Run(st.name, func(t *testing.T) {
			run, err := buildSelftest(dir, st.name)
			if err != nil {
				fmt.Fprintf(&table, "| `%s` | not built: %v | | |\n", st.name, err)
				if st.state == passes {
					t.Errorf("not built: %v", err)
				}
				return
			}
			kernel := runSelftest(t, places()[0], run, false)
			ours := runSelftest(t, places()[0], run, true)
			fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", st.name, kernel, ours, st.why)
			judgeSelftest(t, st, kernel, ours)
		})
	}
	t.Run("routing", func(t *testing.T) { routingSelftests(t, dir) })
	if *allSelftests {
		fmt.Printf("| test | this kernel | linen | missing |\n|---|---|---|---|\n%s", table.String())
	}
}

// judgeSelftest compares what came out with the table.
func judgeSelftest(t *testing.T, st selftest, kernel, ours outcome) {
	switch {
	case st.state == passes && ours.result != "pass" && kernel.result == "pass":
		t.Errorf("passes on this machine's kernel, but not here:\n%s", ours.out)
	case st.state == passes && ours.result != "pass":
		t.Logf("the kernel's result is %s, ours %s", kernel, ours)
	case st.state == starts && (ours.result == "no end" || ours.out == ""):
		t.Errorf("%s, output %q", ours, ours.out)
	case st.state != passes && ours.result == "pass":
		t.Logf("passes now: the table can say so")
	}
}

// unpackSelftests unpacks the network's selftests.
func unpackSelftests(t *testing.T) string {
	t.Helper()
	dir := newSite(t, places()[0]).dir
	if err := os.Chmod(dir, 0o755); err != nil { // for the ordinary user
		t.Fatal(err)
	}
	const below = "*/tools/testing/selftests/"
	tar := exec.Command("tar", "-xf", kernelSource, "-C", dir, "--strip-components=1", "--wildcards",
		below+"net/*", below+"kselftest*", below+"lib.mk", below+"lib/*")
	if out, err := tar.CombinedOutput(); err != nil && !strings.Contains(string(out), "Not found in archive") {
		t.Fatalf("tar: %v: %s", err, out)
	}
	return filepath.Join(dir, "tools/testing/selftests/net")
}

// buildSelftest returns the command line, in its folder, that runs a selftest.
// The tests that scripts use are compiled with it.
func buildSelftest(dir, name string) (run string, err error) {
	sources := []string{name}
	if script := strings.TrimSuffix(name, ".sh"); script != name {
		sources = []string{script + ".c", "nettest.c"}
	}
	for _, src := range sources {
		if _, err := os.Stat(filepath.Join(dir, src)); err != nil {
			continue // a script on its own
		}
		bin := filepath.Join(dir, strings.TrimSuffix(filepath.Base(src), ".c"))
		if _, err := os.Stat(bin); err == nil {
			continue
		}
		gcc := exec.Command("gcc", "-w", "-O2", "-D_GNU_SOURCE", "-I", filepath.Join(dir, ".."), "-o", bin, filepath.Join(dir, src), "-lpthread")
		if out, err := gcc.CombinedOutput(); err != nil {
			return "", errors.New(firstError(string(out)))
		}
	}
	if strings.HasSuffix(name, ".sh") {
		return "cd " + dir + " && exec bash ./" + name, nil
	}
	return "cd " + dir + " && exec ./" + strings.TrimSuffix(filepath.Base(name), ".c"), nil
}

func firstError(text string) string {
	for line := range strings.Lines(text) {
		if _, what, ok := strings.Cut(line, "error: "); ok {
			return strings.TrimSpace(what)
		}
	}
	return "the linker fails"
}

// runSelftest runs a selftest in a fresh namespace with lo up: this machine's
// kernel's, or linen's.
func runSelftest(t *testing.T, p place, run string, linen bool) outcome {
	t.Helper()
	s := newSite(t, p)
	argv := []string{"unshare", "-mnpf", "--mount-proc", "bash", "-c", "mount -t tmpfs none /run; ip link set lo up; " + run}
	if linen {
		argv = []string{s.linen, "run", "--", "bash", "-c", "ip link set lo up; " + run}
	}
	ctx, cancel := context.WithTimeout(context.Background(), selftestLimit)
	defer cancel()
	out, err := s.command(ctx, argv...).CombinedOutput()
	o := outcome{out: string(out), detail: counted(string(out))}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		o.result = "no end"
	case err == nil:
		o.result = "pass"
	case errors.As(err, &exit) && exit.ExitCode() == 4: // KSFT_SKIP
		o.result = "skip"
	default:
		o.result = "fail"
	}
	return o
}

// counted finds what a selftest says of its parts.
func counted(out string) string {
	pass, fail := 0, 0
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "# Totals: pass:"):
			fmt.Sscanf(line, "# Totals: pass:%d fail:%d", &pass, &fail)
			return fmt.Sprintf("%d of %d", pass, pass+fail)
		case strings.HasPrefix(line, "PASS:"), strings.HasPrefix(line, "TEST:") && strings.HasSuffix(line, "[ OK ]"):
			pass++
		case strings.HasPrefix(line, "FAIL:"), strings.HasPrefix(line, "TEST:") && strings.HasSuffix(line, "[FAIL]"):
			fail++
		}
	}
	if pass+fail == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", pass, pass+fail)
}
