//go:build linux

package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linen/test/need"
)

// lossyLab is a host behind a router and a bad link; the router's cable ends
// in the machine that the lab runs on, whose kernel is the peer.
const lossyLab = `name: lossy
topology:
  nodes:
    h1: {kind: linux, exec: [ip addr add 10.7.1.2/24 dev eth1, ip route add default via 10.7.1.1]}
    r1: {kind: linux, exec: [ip addr add 10.7.1.1/24 dev eth1, ip addr add 10.6.0.2/24 dev eth2, sysctl -w net.ipv4.ip_forward=1]}
  links:
    - endpoints: ["h1:eth1", "r1:eth1"]
      vars: {linen: {delay: 2ms, loss: 3%, seed: 3}}
    - endpoints: ["r1:eth2", "host:lab0"]
`

// iperfScript measures both ways over the lossy link, and one pair of ways at
// once, while everything on the kernel's end is recorded. What lies in a send buffer at
// the end does not count as arrived: the buffers are small.
const iperfScript = `set -e
linen up lossy.clab.yml -d >&2
trap 'linen down >&2' EXIT
sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip link set lo up
ip addr add 10.6.0.1/24 dev lab0
ip route add 10.7.1.0/24 via 10.6.0.2
tcpdump -U -i lab0 -s 200 -w wire.pcap tcp 2>tcpdump.log &
until grep -q listening tcpdump.log; do sleep 0.05; done
iperf3 -s >server.log 2>&1 &
server=$!
until ss -Hltn sport = 5201 | grep -q LISTEN; do sleep 0.05; done
linen exec h1 -- iperf3 -J -n 3M -w 128K -c 10.6.0.1 >to.json
linen exec h1 -- iperf3 -J -n 3M -w 128K -R -c 10.6.0.1 >from.json
linen exec h1 -- iperf3 -J -t 2 --bidir -c 10.6.0.1 >both.json
kill $server
kill -INT %1
wait %1 || true
`

// TestIperfWithTheKernel: iperf3 under linen and iperf3 on this machine's
// kernel, joined by a TAP and a link that loses 3 % of the packets: all
// arrives in both directions, and tshark finds every segment whole.
func TestIperfWithTheKernel(t *testing.T) {
	binaryOnly(t)
	need.NetNS(t)
	need.TunDevice(t)
	for _, tool := range []string{"iperf3", "tcpdump", "tshark", "ss"} {
		need.Tool(t, tool)
	}
	s := newSite(t, places()[0])
	t.Cleanup(s.end)
	s.write(map[string]string{"lossy.clab.yml": lossyLab, "measure.sh": iperfScript})
	s.must("unshare", "-n", "bash", "measure.sh")
	s.judgeIperf(map[string]float64{"to": 1 << 20, "from": 1 << 20, "both": 16 << 10})
	s.judgeLossy(filepath.Join(s.dir, "wire.pcap"), "10.6.0.1", "10.7.1.2")
}

// write puts files into the site's folder.
func (s *site) write(files map[string]string) {
	s.t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
}

// judgeIperf reads reports of iperf3, NAME.json, of which each has at least so
// many bytes that arrived.
func (s *site) judgeIperf(least map[string]float64) {
	s.t.Helper()
	for name, least := range least {
		var report struct {
			Error string
			End   struct {
				Received struct{ Bytes float64 } `json:"sum_received"`
			}
		}
		data, err := os.ReadFile(filepath.Join(s.dir, name+".json"))
		if err != nil {
			s.t.Fatal(err)
		}
		if err := json.Unmarshal(data, &report); err != nil || report.Error != "" || report.End.Received.Bytes < least {
			s.t.Errorf("%s: %v bytes of %v arrived; %s, %v", name, report.End.Received.Bytes, least, report.Error, err)
		}
	}
}

// judgeLossy finds nothing wrong in a capture, and a sign at both ends that
// packets were lost on the way. What the segments carry is nobody's protocol.
func (s *site) judgeLossy(file string, ends ...string) {
	s.t.Helper()
	s.judge(file, "-d tcp.port==5201,data", "-d tcp.port==7000,data", "-d tcp.port==7001,data")
	out := s.must("sh", "-c", "tshark -r "+file+" -Y 'tcp.analysis.retransmission || tcp.options.sack_le' -T fields -e ip.src 2>/dev/null | sort | uniq -c")
	for _, end := range ends {
		if !strings.Contains(out, end) {
			s.t.Errorf("no sign of a loss at %s:\n%s", end, out)
		}
	}
}
