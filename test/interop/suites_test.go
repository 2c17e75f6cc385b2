//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"linen/test/need"
)

// The test suites of Go's net and of CPython's socket, as they are. What always
// runs is the part that depends on no clock; LINEN_SUITES=1 runs all of them,
// beside a fresh namespace of this machine's kernel, and prints what differs.
const envSuites = "LINEN_SUITES"

// goNetTests are the tests of Go's net that always run.
const goNetTests = "^Test(DialLocal|DialListenerAddr|DialerControl|ListenConfigControl|CloseError|" +
	"FileConn|FileListener|FilePacketConn|FileFdBlocks|Interfaces|InterfaceAddrs|InterfaceUnicastAddrs|TCPListener|UDPListener|" +
	"WildWildcardListener|IPv4MulticastListener|ClosingListener|ReverseAddress|TCPServer|UDPServer|UnixAndUnixpacketServer|" +
	"UnixgramServer|SendfileParts|SendfileSeeked|CloseRead|CloseWrite|ListenerClose|PacketConnClose|UDPZeroBytePayload|" +
	"UDPZeroByteBuffer|UDPReadSizeError|WriteToUDP|UDPConnLocalName|CopyPipeIntoTCP|ProtocolListenError)$"

// lookups ask name servers that are not there.
const lookups = "Lookup|DNS|Resolv|PreferGo|Google"

func TestGoNet(t *testing.T) {
	binaryOnly(t)
	goTool := need.Tool(t, "go")
	src := filepath.Join(strings.TrimSpace(goEnv(t, goTool, "GOROOT")), "src", "net")
	if _, err := os.Stat(filepath.Join(src, "dial_test.go")); err != nil {
		t.Skipf("left out: Go's own tests are not installed: %v", err)
	}
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t, p)
			bin := filepath.Join(s.dir, "net.test")
			build(t, goTool, bin)
			// Go itself may be installed for root alone.
			copyTree(t, filepath.Join(src, "testdata"), filepath.Join(s.dir, "src/net/testdata"))
			copyTree(t, filepath.Join(src, "../testdata"), filepath.Join(s.dir, "src/testdata"))
			part := fmt.Sprintf("ip link set lo up && cd src/net && exec ../../net.test -test.v -test.short -test.timeout 50s -test.run '%s'", goNetTests)
			out, status := s.try(s.linen, "run", "--", "sh", "-c", part)
			passed := strings.Count(out, "\n--- PASS")
			if status != 0 || passed < 25 {
				t.Errorf("status %d, %d passed:\n%s", status, passed, failures(out))
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		s := suites(t)
		build(t, goTool, filepath.Join(s.dir, "net.test"))
		whole := fmt.Sprintf("ip link set lo up && cd %s && exec %s/net.test -test.v -test.timeout 300s -test.skip '%s'", src, s.dir, lookups)
		compareSuites(t, s, whole, regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+)`), "FAIL", 1, 2)
	})
}

// socketTests are the classes of CPython's test_socket that always run: those
// that give up after a time (LOOPBACK_TIMEOUT, 5 s) are for idle machines.
var socketTests = []string{"BasicTCPTest", "BasicTCPTest2", "BasicUDPTest", "BasicSocketPairTest", "UnbufferedFileObjectClassTestCase"}

func TestCPythonSocket(t *testing.T) {
	binaryOnly(t)
	python := need.Tool(t, "python3")
	if out, err := exec.Command(python, "-c", "import test.test_socket").CombinedOutput(); err != nil {
		t.Skipf("left out: CPython's test suite is not installed (libpython3-testsuite): %s", out)
	}
	argv := " -W ignore -m unittest -v"
	t.Run("part", func(t *testing.T) {
		s := newSite(t, places()[0])
		line := "ip link set lo up && exec " + python + argv
		for _, class := range socketTests {
			line += " test.test_socket." + class
		}
		out, status := s.try(s.linen, "run", "--", "sh", "-c", line)
		if status != 0 || strings.Count(out, "... ok") < 30 {
			t.Errorf("status %d:\n%s", status, out)
		}
	})
	t.Run("all", func(t *testing.T) {
		// AF_VSOCK is no network of a namespace, and its tests can hang.
		whole := "ip link set lo up && exec " + python + ` -W ignore -c '
import unittest, test.test_socket as m
def flat(s):
    for t in s:
        yield from flat(t) if isinstance(t, unittest.TestSuite) else [t]
tests = [t for t in flat(unittest.defaultTestLoader.loadTestsFromModule(m)) if "VSOCK" not in t.id()]
unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(tests))'`
		compareSuites(t, suites(t), whole, regexp.MustCompile(`(?m)^\w+ \((\S+)\).*? \.\.\. (ok|FAIL|ERROR|skipped)`), "FAIL ERROR", 2, 1)
	})
}

// suites is a site for whole suites, when they are asked for.
func suites(t *testing.T) *site {
	t.Helper()
	if os.Getenv(envSuites) == "" {
		t.Skipf("left out: takes minutes; %s=1 runs it", envSuites)
	}
	need.NetNS(t)
	return newSite(t, places()[0])
}

// compareSuites runs a suite on both kernels. What passes on the machine's has
// to pass here, or to be left out by the suite itself.
func compareSuites(t *testing.T, s *site, line string, result *regexp.Regexp, bad string, verdict, name int) {
	t.Helper()
	outcome := func(argv ...string) map[string]string {
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
		defer cancel()
		out, _ := s.command(ctx, append(argv, "sh", "-c", line)...).CombinedOutput() // tests may fail on both
		m := map[string]string{}
		for _, f := range result.FindAllStringSubmatch(string(out), -1) {
			m[f[name]] = f[verdict]
		}
		return m
	}
	kernel, ours := outcome("unshare", "-n"), outcome(s.linen, "run", "--")
	var names []string
	for n := range kernel {
		names = append(names, n)
	}
	slices.Sort(names)
	same := 0
	for _, n := range names {
		k, l := kernel[n], ours[n]
		switch {
		case k == l:
			same++
			continue
		case l == "":
			l = "not run"
		}
		t.Logf("%-80s kernel %s, linen %s", n, k, l)
		if strings.Contains(bad, l) && !strings.Contains(bad, k) {
			t.Errorf("%s: %s here", n, l)
		}
	}
	t.Logf("%d tests, %d with the same result", len(names), same)
	if same < 100 {
		t.Error("the suite did not run")
	}
}

func goEnv(t *testing.T, goTool, name string) string {
	t.Helper()
	out, err := exec.Command(goTool, "env", name).Output()
	if err != nil {
		t.Skipf("left out: go env: %v", err)
	}
	return string(out)
}

// build compiles Go's net tests, static as a user would.
func build(t *testing.T, goTool, bin string) {
	t.Helper()
	c := exec.Command(goTool, "test", "-c", "-o", bin, "net")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Skipf("left out: go test -c net with %s: %v\n%s", runtime.Version(), err, out)
	}
	if err := os.Chmod(bin, 0o755); err != nil {
		t.Fatal(err)
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// failures are the lines of Go's test output about tests that failed.
func failures(out string) string {
	i := strings.Index(out, "--- FAIL")
	if i < 0 {
		return out[max(0, len(out)-4000):]
	}
	return out[max(0, i-3000):min(len(out), i+1000)]
}
