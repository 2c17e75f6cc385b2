//go:build linux

package labs

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"linen/lab"
	"linen/test/need"
)

// behind is web - sw - wan: a node, a switch, and a gateway to this machine
// with its loopback. Two ports of this machine, %d and %d, lead to web.
const behind = `name: x
topology:
  nodes:
    wan: {kind: uplink, type: loopback}
    sw: {kind: bridge}
    web:
      kind: linux
      exec: [ip route add default via 172.20.0.1]
      ports: ["127.0.0.1:%d:80", "127.0.0.1:%d:53/udp"]
  links:
    - {endpoints: ["wan:eth1", "sw:p1"], ipv4: [172.20.0.1/24]}
    - {endpoints: ["web:eth1", "sw:p2"], ipv4: [172.20.0.2/24]}
`

// freePort is a port of this machine's loopback that nobody listened on a
// moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// machineServer is an HTTP server of this machine's loopback.
func machineServer(t *testing.T) (port string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "this machine")
	}))
	t.Cleanup(s.Close)
	_, port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return port
}

// TestUplink: curl in a node reaches a server on this machine's loopback by the
// gateway's address, and this machine reaches servers in the node by its ports.
func TestUplink(t *testing.T) {
	need.Tool(t, "curl")
	need.Tool(t, "python3")
	u := newUser(t)
	var tcp, udp int
	for try := 1; ; try++ { // a port may be gone when the lab takes it
		tcp, udp = freePort(t), freePort(t)
		r := u.try("up", "-d", u.file("x.clab.yml", fmt.Sprintf(behind, tcp, udp)))
		if r.status == 0 {
			break
		}
		if try == 10 {
			t.Fatalf("%+v", r)
		}
	}
	if got := u.do("exec", "web", "--", "curl", "-sS", "http://172.20.0.1:"+machineServer(t)); got != "this machine" {
		t.Errorf("from the node: %q", got)
	}
	u.do("exec", "-d", "web", "--", "sh", "-c", "mkdir /run/www && echo node >/run/www/x && cd /run/www && exec python3 -m http.server 80")
	u.shell("web", "until ss -Hltn 'sport = :80' | grep -q .; do sleep 0.05; done")
	r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/x", tcp))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got, err := io.ReadAll(r.Body); string(got) != "node\n" {
		t.Errorf("from this machine: %q, %v", got, err)
	}
	u.do("exec", "-d", "web", "--", "python3", "-c", udpEcho)
	u.shell("web", "until ss -Hlun 'sport = :53' | grep -q .; do sleep 0.05; done")
	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", udp))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "hi")
	p := make([]byte, 10)
	if n, err := c.Read(p); string(p[:n]) != "re: hi" {
		t.Errorf("datagram from this machine: %q, %v", p[:n], err)
	}
}

// udpEcho answers datagrams on port 53.
const udpEcho = `import socket
s = socket.socket(type=socket.SOCK_DGRAM)
s.bind(("", 53))
while True:
    p, a = s.recvfrom(100)
    s.sendto(b"re: " + p, a)
`

// TestRunUplink: linen run has this machine's network only when asked, and its
// loopback only when asked for that; an ordinary user without namespaces too.
func TestRunUplink(t *testing.T) {
	need.Tool(t, "curl")
	port := machineServer(t)
	get := []string{"--", "curl", "-sS", "http://10.0.2.2:" + port}
	for name, prepare := range map[string]func(*user){"here": func(*user) {}, "plain": (*user).plain} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			prepare(u)
			if got := u.do(append([]string{"run", "--uplink-loopback"}, get...)...); got != "this machine" {
				t.Errorf("%q", got)
			}
			for _, flags := range [][]string{{"run"}, {"run", "--uplink"}} {
				if r := u.try(append(flags, get...)...); r.status != 7 { // curl(1): failed to connect
					t.Errorf("%v: %+v", flags, r)
				}
			}
		})
	}
	u := newUser(t)
	want := 0
	if lab.ThisHost().Resolver().IsValid() {
		want = 1
	}
	got := u.do("run", "--uplink", "--", "cat", "/etc/resolv.conf")
	if strings.Count(got, "nameserver 10.0.2.2") != want {
		t.Errorf("resolv.conf: %q", got)
	}
}
