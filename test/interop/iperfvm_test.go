//go:build linux

package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"linen/test/need"
)

// vmScript is [iperfScript] with the reference kernel at the far end of the
// lab's cable: its TAP and the lab's are two ports of a bridge. It ends with
// status 77 when the machine does not come up. The packets are recorded by
// linen, and two files are sent besides, whose hashes the receivers note.
const vmScript = `set -e
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link add br0 type bridge
ip link set br0 up
linen up lossy.clab.yml -d >&2
trap 'touch share/done; linen down >&2; wait' EXIT
ip link set lab0 master br0
$REFKERNEL run -t $VM_SECONDS -s $PWD/share -n tap:vm0 share/guest.sh >guest.log 2>&1 &
vm=$!
until [ -e share/ready ]; do
	if ! kill -0 $vm 2>/dev/null; then cat guest.log; exit 77; fi
	sleep 0.1
done
ip link set vm0 master br0
linen capture r1:eth2 -w wire.pcapng 2>capture.log &
capture=$!
until [ -s wire.pcapng ]; do sleep 0.05; done
linen exec h1 -- iperf3 -J -t 2 -c 10.6.0.1 >to.json
linen exec h1 -- iperf3 -J -t 2 -R -c 10.6.0.1 >from.json
linen exec h1 -- iperf3 -J -t 2 --bidir -c 10.6.0.1 >both.json
linen exec h1 -- socat -u FILE:share/data TCP:10.6.0.1:7000
linen exec h1 -- socat -u TCP:10.6.0.1:7001 CREATE:got
until [ -s share/sum ]; do sleep 0.05; done
kill -INT $capture
wait $capture || true
touch share/done
wait $vm
`

// vmGuest is the other end: servers, until all is done.
const vmGuest = `set -e
sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
ip addr add 10.6.0.1/24 dev eth0
ip link set eth0 up
ip route add 10.7.1.0/24 via 10.6.0.2
iperf3 -s >/dev/null &
(socat -u TCP-LISTEN:7000 STDOUT | sha256sum >sum) &
socat -u FILE:data TCP-LISTEN:7001 &
for port in 5201 7000 7001; do
	until ss -Hltn sport = $port | grep -q LISTEN; do sleep 0.1; done
done
touch ready
until [ -e done ]; do sleep 0.2; done
echo the end
`

// TestIperfWithTheReferenceKernel: iperf3 under linen and iperf3 on Debian's
// 6.12 in a virtual machine, both ways over a link that loses 3 % of the
// packets: all arrives, files keep their hash, and tshark finds every segment
// whole in what linen recorded.
func TestIperfWithTheReferenceKernel(t *testing.T) {
	binaryOnly(t)
	need.Long(t)
	need.NetNS(t)
	need.TunDevice(t)
	for _, tool := range []string{"iperf3", "socat", "tshark", "qemu-system-x86_64"} {
		need.Tool(t, tool)
	}
	s := newSite(t, places()[0])
	t.Cleanup(s.end)
	kernel := refkernel(t)
	data := make([]byte, 1<<20)
	_, _ = rand.Read(data) // never fails
	if err := os.Mkdir(filepath.Join(s.dir, "share"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write(map[string]string{"lossy.clab.yml": lossyLab, "measure.sh": vmScript, "share/guest.sh": vmGuest, "share/data": string(data)})
	ctx, cancel := context.WithTimeout(context.Background(), guestLimit+4*limit)
	defer cancel()
	c := s.command(ctx, "unshare", "-n", "bash", "measure.sh")
	c.Env = append(c.Env, "REFKERNEL="+kernel, "REFKERNEL_CACHE="+cacheDir(), fmt.Sprintf("VM_SECONDS=%d", int((guestLimit+limit).Seconds())))
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 77:
		t.Skipf("the machine does not start here:\n%s", out)
	case err != nil:
		t.Fatalf("%v\n%s%s", err, out, s.read(filepath.Join(s.dir, "guest.log")))
	}
	s.judgeIperf(map[string]float64{"to": 16 << 10, "from": 16 << 10, "both": 16 << 10})
	s.judgeLossy(filepath.Join(s.dir, "wire.pcapng"), "10.6.0.1", "10.7.1.2")
	sum := sha256.Sum256(data)
	if got := s.read(filepath.Join(s.dir, "share/sum")); !strings.HasPrefix(got, hex.EncodeToString(sum[:])) {
		t.Errorf("the kernel received other data: %s", got)
	}
	if got := s.read(filepath.Join(s.dir, "got")); !bytes.Equal([]byte(got), data) {
		t.Errorf("linen received %d bytes of other data", len(got))
	}
}
