//go:build linux

package labs

import (
	"regexp"
	"strings"
	"testing"

	"linen/test/need"
)

// TestDaemonsOutliveTheCommand: a daemon that left its command (two forks, a session of its own) answers other nodes, `linen ps`
// counts it, and `linen down` ends it (newUser's end looks for what is left).
func TestDaemonsOutliveTheCommand(t *testing.T) {
	for _, program := range []string{"python3", "ss"} {
		need.Tool(t, program)
	}
	for _, mode := range []string{"as it comes", "without user namespaces"} {
		t.Run(mode, func(t *testing.T) {
			u := newUser(t)
			if mode != "as it comes" {
				u.plain()
			}
			u.up(u.file("d.clab.yml", `name: d
topology:
  defaults: {kind: linux}
  nodes: {a: {}, b: {}}
  links:
    - {endpoints: ["a:eth1", "b:eth1"], ipv4: [10.0.0.1/24, 10.0.0.2/24]}
`))
			if n := u.programs("a"); n != "0" {
				t.Errorf("%s programs at first", n)
			}
			u.do("exec", "a", "--", "python3", "-c", daemon)
			if n := u.programs("a"); n != "1" {
				t.Errorf("%s programs beside a daemon", n)
			}
			if out := u.do("exec", "b", "--", "python3", "-c", `import socket; print(socket.create_connection(("10.0.0.1", 7000)).recv(9))`); out != "b'daemon'\n" {
				t.Errorf("the daemon says %q", out)
			}
			if out := u.do("exec", "a", "--", "ss", "-Hltnp"); !regexp.MustCompile(`:7000 .*"python3",pid=\d+`).MatchString(out) {
				t.Errorf("ss: %s", out)
			}
			if n := u.programs("b"); n != "0" {
				t.Errorf("%s programs in the other node", n)
			}
		})
	}
}

// daemon listens, and then leaves its parent, its session and its files.
const daemon = `import os, socket
s = socket.create_server(("", 7000))
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
null = os.open("/dev/null", os.O_RDWR)
for fd in range(3): os.dup2(null, fd)
while True: s.accept()[0].send(b"daemon")
`

// programs is how many programs `linen ps` says a node has.
func (u *user) programs(node string) string {
	u.t.Helper()
	m := regexp.MustCompile(`(?m)^\S+ +` + node + ` +linux +running +(\d+)`).FindStringSubmatch(u.do("ps"))
	if m == nil {
		return "no"
	}
	return m[1]
}

// TestDmesg: a node's kernel log is that node's alone.
func TestDmesg(t *testing.T) {
	need.Tool(t, "ip")
	u := newUser(t)
	u.ownFiles()
	u.up(u.file("d.clab.yml", "name: dmesg\ntopology: {defaults: {kind: linux}, nodes: {a: {}, b: {}}, links: [{endpoints: [\"a:eth1\", \"b:eth1\"]}]}\n"))
	u.do("exec", "a", "--", "ip", "link", "set", "eth1", "promisc", "on")
	if out := u.do("dmesg", "a"); !regexp.MustCompile(`(?m)^\[ *\d+\.\d{6}\] eth1: entered promiscuous mode$`).MatchString(out) {
		t.Errorf("dmesg a: %s", out)
	}
	if out := u.do("dmesg", "b"); strings.Contains(out, "promiscuous") {
		t.Errorf("dmesg b: %s", out)
	}
	if r := u.try("dmesg", "c"); r.status != 1 || !strings.Contains(r.errs, `no node "c"`) {
		t.Errorf("dmesg c: status %d, %s", r.status, r.errs)
	}
}

// TestUser: a node's programs run as the lab file's user, with its groups, its home and no capabilities of root.
func TestUser(t *testing.T) {
	need.Tool(t, "ip")
	for _, mode := range []string{"as it comes", "without user namespaces"} {
		t.Run(mode, func(t *testing.T) {
			u := newUser(t)
			if mode != "as it comes" {
				u.plain()
			}
			u.up(u.file("u.clab.yml", `name: u
topology:
  defaults: {kind: linux}
  nodes:
    a: {user: nobody, cmd: "sh -c 'id -un; exec sleep 1000'", exec: [sh -c 'test $(id -u) = 65534']}
    b: {user: "4321:7"}
    c: {user: 33}
    d: {}
`))
			u.follow("nobody", "logs", "a", "-f")
			for node, want := range map[string]string{
				"a": "65534 65534 65534 /nonexistent nobody", "b": "4321 7 7 / 4321", "c": "33 33 33 /var/www www-data", "d": "0 0 0 ",
			} {
				out := u.do("exec", node, "--", "sh", "-c", "echo $(id -u) $(id -g) $(id -G) $HOME $USER")
				if !strings.HasPrefix(out, want) {
					t.Errorf("%s: %q, want %q", node, out, want)
				}
				r := u.try("exec", node, "--", "ip", "link", "set", "lo", "down")
				if refused := r.status != 0 && strings.Contains(r.errs, "Operation not permitted"); refused != (node != "d") {
					t.Errorf("%s: ip link set: status %d, %s", node, r.status, r.errs)
				}
			}
		})
	}
}

// TestUserIsUnknown: a name that the node's passwd file lacks is told.
func TestUserIsUnknown(t *testing.T) {
	u := newUser(t)
	u.up(u.file("u.clab.yml", "name: u\ntopology: {nodes: {a: {kind: linux, user: no-such-user}}}\n"))
	if r := u.try("exec", "a", "id"); r.status == 0 || !strings.Contains(r.errs, "unable to find user no-such-user: no matching entries in passwd file") {
		t.Errorf("status %d, %s", r.status, r.errs)
	}
}
