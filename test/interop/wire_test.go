//go:build linux

package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"linen"
	"linen/drivers/host/pcap"
	"linen/drivers/host/port"
	"linen/drivers/host/stream"
	"linen/drivers/host/tap"
	"linen/lib/csum"
	"linen/net/sock"
	"linen/test/need"
	"linen/uapi"
	"linen/uapi/errno"
)

// The two ends of the wire, and the port on which each echoes.
var (
	ourAddr   = netip.MustParsePrefix("10.5.0.1/24")
	theirAddr = netip.MustParseAddr("10.5.0.2")
)

const (
	echoPort = 7
	large    = 60000 // bytes of payload: 41 fragments
)

// host is a namespace of linen's at the end of a wire to another kernel.
type host struct {
	t    *testing.T
	s    *site
	n    *linen.Net
	rec  *pcap.Recorder
	file string
}

// newHost makes a namespace whose eth0 is what wire makes; everything on it is
// recorded.
func newHost(t *testing.T, s *site, wire func(n *linen.Net) (*port.Port, error)) *host {
	t.Helper()
	k := linen.New(linen.Config{CPUs: 2})
	t.Cleanup(func() { k.Close() })
	n, err := k.NewNet("linen")
	if err != nil {
		t.Fatal(err)
	}
	p, err := wire(n)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, s: s, n: n, file: filepath.Join(s.dir, "wire.pcapng")}
	f, err := os.Create(h.file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if h.rec, err = pcap.NewRecorder(f, pcap.Config{}, pcap.Source{Name: "linen:eth0", Dev: p.Dev, Net: n.Namespace()}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(n.Up("lo"), n.AddAddr("eth0", ourAddr), n.Up("eth0")); err != nil {
		t.Fatal(err)
	}
	return h
}

// judge ends the recording and lets tshark look at it.
func (h *host) judge() {
	h.t.Helper()
	if err := h.rec.Close(); err != nil {
		h.t.Fatal(err)
	}
	if out := h.s.must("sh", "-c", "tshark -r "+h.file+" -Y 'icmp && ip.flags.mf == 0' 2>/dev/null"); !strings.Contains(out, "Echo (ping) reply") {
		h.t.Errorf("no echo reply was recorded:\n%s", out)
	}
	h.s.judge(h.file)
}

// echo answers datagrams on echoPort until the test ends.
func (h *host) echo() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	pc, err := h.n.ListenPacket(ctx, "udp", fmt.Sprintf("%s:%d", ourAddr.Addr(), echoPort))
	if err != nil {
		h.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			n, from, err := pc.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = pc.WriteTo(buf[:n], from) // a reply that is lost is asked for again
			}
		}
	}()
	h.t.Cleanup(func() { pc.Close(); <-done })
}

// askEcho sends datagrams of size bytes to the other side's echo port until
// one comes back.
func (h *host) askEcho(size int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := h.n.Dial(ctx, "udp", netip.AddrPortFrom(theirAddr, echoPort).String())
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	want, got := bytes.Repeat([]byte{'x'}, size), make([]byte, 1<<16)
	until(h.t, fmt.Sprintf("a datagram of %d bytes comes back", size), func() bool {
		_, _ = c.Write(want)                                   // an error is the ICMP message of the one before
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second)) // it may be lost, and is then sent again
		n, err := c.Read(got)
		return err == nil && bytes.Equal(got[:n], want)
	})
}

// ping sends echo requests of size bytes to the other side until one is
// answered.
func (h *host) ping(size int) {
	h.t.Helper()
	who := sock.Root()
	s, err := sock.Create(who, h.n.Namespace(), uapi.AF_INET, uapi.SOCK_RAW, uapi.IPPROTO_ICMP)
	if err != nil {
		h.t.Fatal(err)
	}
	defer s.Close()
	const typeRequest, typeReply, id = 8, 0, 0x4c4e
	msg := make([]byte, 8+size)
	msg[0] = typeRequest
	binary.BigEndian.PutUint16(msg[4:], id)
	binary.BigEndian.PutUint16(msg[2:], csum.Checksum(msg))
	in := &sock.Msg{Data: make([]byte, 1<<16)}
	var asked time.Time
	until(h.t, fmt.Sprintf("an echo request of %d bytes is answered", size), func() bool {
		if time.Since(asked) > 2*time.Second {
			asked = time.Now()
			_, _ = s.Sendmsg(who, &sock.Msg{Data: msg, Name: uapi.AppendSockaddrIn(nil, theirAddr, 0)}) // tried again
		}
		for {
			n, err := s.Recvmsg(who, in)
			if errors.Is(err, errno.EAGAIN) {
				return false
			}
			if err == nil && n == 20+len(msg) && in.Data[20] == typeReply && binary.BigEndian.Uint16(in.Data[24:]) == id {
				return true
			}
		}
	})
}

// udpClient is a program of the other side's that expects its datagram back.
const udpClient = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
for size in (1, 1472, 60000):
    for i in range(20):
        s.sendto(b'y' * size, ('10.5.0.1', 7))
        try:
            if s.recv(65536) == b'y' * size: break
        except OSError: pass
    else: sys.exit('no echo of %d bytes' % size)
print('echoed')
`

// udpServer is one that sends datagrams back.
const udpServer = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('10.5.0.2', 7))
print('serving', flush=True)
while True:
    data, where = s.recvfrom(65536)
    s.sendto(data, where)
`

// TestKernelOverTAP joins linen and this machine's kernel by a TAP.
func TestKernelOverTAP(t *testing.T) {
	need.NetNS(t)
	need.TunDevice(t)
	need.Tool(t, "tshark")
	need.Tool(t, "python3")
	s := newSite(t, places()[0])
	ns := netNS(t, s)
	h := newHost(t, s, func(n *linen.Net) (*port.Port, error) {
		f, name, err := tap.Open(fmt.Sprintf("lni%d", os.Getpid()))
		if err != nil {
			return nil, err
		}
		s.must("ip", "link", "set", name, "netns", ns)
		in := func(line string) { s.must(append([]string{"ip", "netns", "exec", ns}, strings.Fields(line)...)...) }
		in("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
		in("ip link set " + name + " name lab0")
		in("ip addr add 10.5.0.2/24 dev lab0")
		in("ip link set lab0 up")
		return tap.New(n.Namespace(), "eth0", f)
	})
	theirs := func(argv ...string) string {
		return s.must(append([]string{"ip", "netns", "exec", ns}, argv...)...)
	}
	h.echo()
	for _, size := range []string{"0", "56", "1472", "1473", "60000"} {
		if out := theirs("ping", "-c", "3", "-i", "0.2", "-W", "30", "-s", size, "10.5.0.1"); !strings.Contains(out, " 3 received") {
			t.Errorf("ping -s %s: %s", size, out)
		}
	}
	theirs("python3", "-c", udpClient)
	h.ping(56)
	h.ping(large)
	stop := s.start("ip", "netns", "exec", ns, "python3", "-c", udpServer)
	h.askEcho(1)
	h.askEcho(1472)
	h.askEcho(large)
	stop()
	if out := theirs("ip", "neigh", "show", "10.5.0.1"); !strings.Contains(out, "lladdr") {
		t.Errorf("their neighbour: %s", out)
	}
	h.judge()
}

// guest is what the reference kernel does: it greets linen, serves, and ends
// when told to.
const guest = `set -e
ip addr add 10.5.0.2/24 dev eth0
sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
ip link set eth0 up
for size in 56 1473 60000; do ping -c 2 -i 0.2 -W 20 -s $size 10.5.0.1 | grep received; done
python3 client.py
python3 server.py &
until [ -e done ]; do sleep 0.1; done
ip neigh show 10.5.0.1
echo the end
`

// answered is a ping of guest's that worked: under emulation, on a busy
// machine, an answer may come too late.
var answered = regexp.MustCompile(` [12] received`)

// Limits of the reference kernel: its making, and its whole run.
const (
	buildLimit = 75 * time.Second
	guestLimit = 75 * time.Second
)

// TestReferenceKernel joins linen and a reference kernel in a virtual machine
// by the stream device.
func TestReferenceKernel(t *testing.T) {
	need.Long(t)
	need.Tool(t, "qemu-system-x86_64")
	need.Tool(t, "tshark")
	s := newSite(t, places()[0])
	script := refkernel(t)
	path := filepath.Join(s.dir, "wire")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	share := filepath.Join(s.dir, "share")
	if err := os.Mkdir(share, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"guest.sh": guest, "client.py": udpClient, "server.py": udpServer} {
		if err := os.WriteFile(filepath.Join(share, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), guestLimit+limit)
	defer cancel()
	var out lines
	c := s.command(ctx, script, "run", "-t", fmt.Sprint(int(guestLimit.Seconds())), "-s", share, "-n", "stream:"+path, filepath.Join(share, "guest.sh"))
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), "TMPDIR="+s.dir), &out, &out
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) } // it ends its machine itself
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	if err := l.SetDeadline(time.Now().Add(guestLimit)); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		cancel()
		<-ended
		t.Skipf("the machine does not start here: %v\n%s", err, out.String())
	}
	h := newHost(t, s, func(n *linen.Net) (*port.Port, error) { return stream.New(n.Namespace(), "eth0", conn) })
	h.echo()
	serving := func() bool { return strings.Contains(out.String(), "serving") }
	for waiting := true; waiting && !serving(); {
		select {
		case err := <-ended:
			h.failed(err, out.String())
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	h.ping(56)
	h.ping(large)
	h.askEcho(1)
	h.askEcho(large)
	if err := os.WriteFile(filepath.Join(share, "done"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || len(answered.FindAllString(out.String(), -1)) != 3 || !strings.Contains(out.String(), "echoed") {
		h.failed(err, out.String())
		return
	}
	h.judge()
}

// failed is a run of the machine that ended too early: one that was too slow
// to boot says nothing about linen.
func (h *host) failed(err error, out string) {
	h.t.Helper()
	if !strings.Contains(out, "received") {
		h.t.Skipf("the machine did not boot within %s here: %v\n%s", guestLimit, err, out)
	}
	h.t.Errorf("the machine ended: %v\n%s", err, out)
}

// hostLab is a host whose cable ends in the machine that the lab runs on.
const hostLab = `name: uplink
topology:
  nodes: {h1: {kind: linux, exec: [ip addr add 10.6.0.2/24 dev eth1]}}
  links:
    - endpoints: ["h1:eth1", "host:lab0"]
`

// TestHostLink: a lab file joins a node to the machine, by a TAP interface
// that goes with the lab.
func TestHostLink(t *testing.T) {
	binaryOnly(t)
	need.NetNS(t)
	need.TunDevice(t)
	s := newSite(t, places()[0])
	file := filepath.Join(s.dir, "lab.clab.yml")
	if err := os.WriteFile(file, []byte(hostLab), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	out := s.must("unshare", "-n", "sh", "-c", "set -e; linen up "+file+" -d >&2; ip link show lab0; ip addr add 10.6.0.1/24 dev lab0; "+
		"ping -c 2 -i 0.2 -W 30 -s 20000 10.6.0.2; linen exec h1 -- ping -c 2 -i 0.2 -W 30 10.6.0.1; linen down >&2; ! ip link show lab0 2>&1")
	if strings.Count(out, " 2 received") != 2 || !strings.Contains(out, "lab0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9500") || !strings.Contains(out, "does not exist") {
		t.Error(out)
	}
}
