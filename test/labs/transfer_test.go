//go:build linux

package labs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linen/test/need"
)

// twoRouters is h1 - r1 - r2 - h2.
const twoRouters = `name: x
topology:
  defaults: {kind: linux, sysctls: {net.ipv4.ip_forward: 1}}
  nodes:
    h1: {exec: [ip addr add 10.1.0.2/24 dev eth1, ip route add default via 10.1.0.1]}
    r1: {exec: [ip addr add 10.1.0.1/24 dev eth1, ip addr add 10.0.0.1/30 dev eth2, ip route add 10.2.0.0/24 via 10.0.0.2]}
    r2: {exec: [ip addr add 10.0.0.2/30 dev eth1, ip addr add 10.2.0.1/24 dev eth2, ip route add 10.1.0.0/24 via 10.0.0.1]}
    h2: {exec: [ip addr add 10.2.0.2/24 dev eth1, ip route add default via 10.2.0.1]}
  links:
    - endpoints: ["h1:eth1", "r1:eth1"]
    - endpoints: ["r1:eth2", "r2:eth1"]
    - endpoints: ["r2:eth2", "h2:eth1"]
`

// goServer is the environment's variable that makes this test binary a server
// of the folder that it names, and nothing else.
const goServer = "LINEN_TEST_GO_SERVER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(goServer); dir != "" {
		fmt.Fprintln(os.Stderr, http.ListenAndServe(":8001", http.FileServer(http.Dir(dir))))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// blob writes megabytes of noise and returns its path and its hash.
func (u *user) blob(megabytes int) (path, sum string) {
	u.t.Helper()
	path = filepath.Join(u.dir, "blob")
	f, err := os.Create(path)
	if err != nil {
		u.t.Fatal(err)
	}
	defer f.Close()
	hash, noise := sha256.New(), rand.NewChaCha8([32]byte{1})
	piece := make([]byte, 1<<20)
	for range megabytes {
		noise.Read(piece)
		hash.Write(piece)
		if _, err := f.Write(piece); err != nil {
			u.t.Fatal(err)
		}
	}
	return path, hex.EncodeToString(hash.Sum(nil))
}

// shell runs a shell's script in a node and returns what it printed.
func (u *user) shell(node, text string) string {
	u.t.Helper()
	return strings.TrimSpace(u.do("exec", node, "--", "sh", "-c", text))
}

// server starts a program in h2 and waits until its TCP port is listened on.
func (u *user) server(port int, program ...string) {
	u.t.Helper()
	u.do(append([]string{"exec", "-d", "h2", "--"}, program...)...)
	u.shell("h2", fmt.Sprintf("until ss -Hltn 'sport = :%d' | grep -q .; do sleep 0.05; done", port))
}

// size is how much is moved: 64 MB, or 1 GiB when LINEN_TEST_FULL is set.
func size(t *testing.T) (megabytes int) {
	if os.Getenv("LINEN_TEST_FULL") != "" {
		return 1024
	}
	t.Log("64 MB instead of 1 GiB: LINEN_TEST_FULL is not set")
	return 64
}

// TestTransfers: what unmodified programs send through two routers arrives with
// the same hash.
func TestTransfers(t *testing.T) {
	for _, tool := range []string{"curl", "nc.openbsd", "socat", "python3", "sha256sum", "ss"} {
		need.Tool(t, tool)
	}
	megabytes := size(t)
	u := newUser(t)
	u.up(u.file("x.clab.yml", twoRouters))
	blob, sum := u.blob(megabytes)
	same := func(what, got string) {
		t.Helper()
		if got, _, _ = strings.Cut(got, " "); got != sum {
			t.Errorf("%s: hash %s, want %s", what, got, sum)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	u.server(8000, "python3", "-m", "http.server", "-d", u.dir, "8000")
	same("curl from python3's server", u.shell("h1", "curl -sS http://10.2.0.2:8000/blob | sha256sum"))
	u.server(8001, "env", goServer+"="+u.dir, self)
	same("curl from a Go server", u.shell("h1", "curl -sS http://10.2.0.2:8001/blob | sha256sum"))

	sink := u.dir + "/sink"
	arrived := func() string { return "until [ -s " + sink + " ]; do sleep 0.05; done; cat " + sink + "; rm " + sink }
	u.server(9000, "sh", "-c", "nc.openbsd -l 9000 | sha256sum >"+sink)
	u.shell("h1", "nc.openbsd -N 10.2.0.2 9000 <"+blob)
	same("nc", u.shell("h2", arrived()))
	u.server(9001, "sh", "-c", "socat -u TCP-LISTEN:9001 - | sha256sum >"+sink)
	u.shell("h1", "socat -u FILE:"+blob+" TCP:10.2.0.2:9001")
	same("socat", u.shell("h2", arrived()))
}

// TestIperf: iperf3's ways of measuring, through two routers. How fast they
// are is bench's matter.
func TestIperf(t *testing.T) {
	need.Tool(t, "iperf3")
	u := newUser(t)
	u.up(u.file("x.clab.yml", twoRouters))
	u.server(5201, "iperf3", "-s")
	for _, c := range []struct {
		name, flags string
	}{
		{"TCP", "-n 16M"}, {"-R", "-n 16M -R"}, {"--bidir", "-n 8M --bidir"}, {"-P 8", "-n 16M -P 8"}, {"-P 8 -R", "-n 16M -P 8 -R"},
		{"UDP", "-u -b 20M -n 1M"}, {"UDP -R", "-u -b 20M -n 1M -R"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := *u
			u.t = t
			var report struct {
				Error string
				End   struct {
					Received struct{ Bytes float64 } `json:"sum_received"`
					Sum      struct{ Bytes float64 } `json:"sum"`
				}
			}
			out := u.try(append([]string{"exec", "h1", "--", "iperf3", "-J", "-c", "10.2.0.2"}, strings.Fields(c.flags)...)...)
			if err := json.NewDecoder(bytes.NewBufferString(out.out)).Decode(&report); err != nil || report.Error != "" || out.status != 0 {
				t.Fatalf("status %d, %s, %v\n%.2000s%s", out.status, report.Error, err, out.out, out.errs)
			}
			if got := max(report.End.Received.Bytes, report.End.Sum.Bytes); got < 1e6 {
				t.Errorf("%v bytes arrived", got)
			}
		})
	}
}
