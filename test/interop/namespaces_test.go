//go:build linux

package interop

import (
	"regexp"
	"strings"
	"testing"

	"linen/test/need"
)

// namespaceScripts make network namespaces as scripts for the kernel do. What
// they print is compared with the same on this machine's kernel. They wait for
// what they look at, never for a time.
var namespaceScripts = []struct{ name, script string }{
	{"veth between two", `
ip netns add a; ip netns add b
ip link add v0 type veth peer name v1
ip link set v0 netns a; ip link set v1 netns b
ip -n a addr add 10.0.0.1/24 dev v0; ip -n b addr add 10.0.0.2/24 dev v1
ip -n a link set v0 up; ip -n b link set v1 up
ip netns exec a ping -4 -c1 10.0.0.2 | grep transmitted | sed 's/, time.*//'
ip -n a -br link | sed 's/ .*//'; ip -n b -4 -o addr | grep -o 'inet [^ ]*'; ip -n a -4 route; ip netns exec b ip -4 neigh | sed 's/lladdr.*//'
ip netns list; ip netns list-id
ip -n a link show v0 | sed 's/ state .*//'; ip -n a -d link show v0 | grep -o 'link-netns.*promiscuity'
ip netns exec a ls /sys/class/net | grep v0; ip netns exec a grep -c v1 /proc/net/dev
ip netns exec b cat /sys/class/net/v1/ifindex
ip netns exec a sysctl -w net.ipv4.ip_forward=1
ip netns exec b sysctl net.ipv4.ip_forward; sysctl net.ipv4.ip_forward
ip netns del b
while ip -n a link show v0 >/dev/null 2>&1; do :; done; ip -n a -br link
ip netns del a; ip netns list; ip -br link show type veth`},
	{"names and numbers", `
ip netns add x; ip netns add x; ip netns set x 5; ip netns set x 6; ip netns list; ip netns list-id
ip netns list-id nsid 5; ip netns list-id nsid 9; ip netns list-id target-nsid 5
ip netns set nope 3; ip netns add y; ip netns set y 5; ip netns set y auto; ip netns list
ip netns attach z $$; ip netns identify $$; ip netns identify; ip netns pids nope
ip netns exec x ip netns identify; ip netns exec nope true; ip link set lo netns nope
ip -all netns exec echo hi 2>&1 | grep -c hi
ip netns delete z; ip netns delete z; ip -all netns del; ip netns list | wc -l`},
	{"processes", `
home=$(readlink /proc/self/ns/net)
coproc unshare -n cat; P=$COPROC_PID
while [ "$(readlink /proc/$P/ns/net)" = "$home" ]; do :; done
ip netns attach there $P; ip netns pids there | grep -c "^$P$"; ip netns identify $P
[ "$(stat -Lc %i /proc/$P/ns/net)" = "$(stat -c %i /run/netns/there)" ] && echo one inode
[ "$(stat -Lc %i /proc/$P/ns/net)" = "$(stat -Lc %i /proc/self/ns/net)" ] || echo two namespaces
ip link add v0 type veth peer name v1; ip link set v1 netns $P
nsenter -t $P -n ip -br link show v1 | sed 's/ .*//'; nsenter --net=/proc/$P/ns/net ip -o link show v1 | grep -o 'link-netnsid .*'
nsenter -t $P -n ip link set v1 netns $$; ip -br link show v1 | sed 's/ .*//'
ip link set v1 netns there name w1; ip -n there link show v1; ip -n there -o link show w1 | sed 's/:.*//'
ip netns del there; kill $P; wait $P 2>/dev/null
while ip link show v0 >/dev/null 2>&1; do :; done; echo gone`},
	{"nested", `
unshare -n bash -c 'ip link add d0 type veth peer name d1; unshare -n bash -c "ip link add e0 type veth peer name e1; ip -o link | wc -l"; ip -o link | wc -l'
ip -o link show type veth | wc -l
unshare -n unshare -n unshare -n ip -br link
unshare -Urn bash -c 'id -u; ip link add d0 type veth peer name d1; ip link set d0 up; ip -br link show d0 | sed "s/ .*//"; echo 1 >/proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward'
cat /proc/sys/net/ipv4/ip_forward
unshare -Ur bash -c 'id -u; ip link add d0 type veth peer name d1; echo $?; unshare -n ip link add d1 type veth; echo $?'
unshare -U bash -c 'id -u; ip link set lo up'`},
	{"moves", `
ip netns add a
ip link add v0 type veth peer name v1; ip link add v2 type veth peer name v3
ip -n a link add v0 type veth peer name v9
ip link set v0 netns a; ip link set v0 netns a name v%d; ip -n a -o link | sed 's/.*: \(v[0-9]*\)@.*/\1/;/lo/d' | sort
ip link set v2 netns a; ip -n a link set v2 netns nope; ip link set lo netns a
ip link add v4 netns a type veth peer name v5; ip link add v6 type veth peer name v7 netns a
ip -n a -o link show v4 | grep -c v4; ip -n a -o link show v7 | grep -o 'link-netns.*'; ip -o link show v6 | grep -o 'link-netns.*'
ip link add v8 link-netnsid 77 type veth; ip -n a link show v8
ip -n a link del v7; ip link show v6; ip netns del a`},
	{"monitor", `
ip netns add seen; : >nsid.txt; : >names.txt; ip monitor nsid >nsid.txt 2>&1 & M=$!
i=0; until grep -q nsid nsid.txt; do i=$((i+1)); ip netns add n$i; ip netns set n$i $i; done
ip netns del n$i; until grep -q 'Deleted nsid' nsid.txt; do :; done; kill $M; echo deleted
stdbuf -oL ip netns monitor >names.txt & M=$!
i=0; until grep -q 'add m' names.txt; do i=$((i+1)); ip netns add m$i; done; ip netns del m$i
until grep -q 'delete m' names.txt; do :; done; kill $M; echo deleted; ip -all netns del`},
	{"python", `
python3 - <<'END'
import ctypes, fcntl, os, socket, threading
libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
names = lambda: sorted(n for _, n in socket.if_nameindex() if n == "lo" or n[0] == "v")
os.system("ip link add v0 type veth peer name v1")
def thread():
    global keep
    assert libc.unshare(0x40000000) == 0, ctypes.get_errno()
    keep = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    print("thread", names(), os.stat("/proc/thread-self/ns/net").st_ino != os.fstat(home).st_ino)
    print(open("/proc/thread-self/net/dev").read().count("v"), os.path.exists("/proc/net/dev"))
    print("setns", libc.setns(home, 0x40000000), names(), libc.setns(home, 0x20000), ctypes.get_errno())
t = threading.Thread(target=thread); t.start(); t.join()
print("main", names())
fd = fcntl.ioctl(keep.fileno(), 0x894c)
print("SIOCGSKNS", os.fstat(fd).st_ino != os.fstat(home).st_ino, hex(fcntl.ioctl(fd, 0xb703)))
print(libc.setns(fd, 0), names())
print(os.readlink("/proc/self/ns/net") == "net:[%d]" % os.fstat(fd).st_ino)
print(libc.setns(0, 0x40000000), ctypes.get_errno(), libc.setns(999, 0x40000000), ctypes.get_errno())
END`},
	{"named by descriptor", `
/usr/bin/python3 - <<'END'
import os, socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); s.bind((0, 0)); s.setsockopt(270, 11, 1); s.setsockopt(270, 10, 1)
def attr(t, b): return struct.pack("=HH", 4 + len(b), t) + b + bytes(-len(b) % 4)
def ask(typ, flags, body):
    s.send(struct.pack("=IHHII", 16 + len(body), typ, flags | 5, 1, 0) + body)
    r = s.recv(65536); typ, flags = struct.unpack_from("=HH", r, 4)
    if typ != 2: return typ
    e, = struct.unpack_from("=i", r, 16)
    return os.strerror(-e) if e else "ok", r[36:] if flags & 0x200 else b""
fds = (777, -1, os.open("/etc/passwd", 0), os.open("/proc/self/ns/uts", 0), socket.socket(socket.AF_UNIX).detach(),
    socket.socket().detach(), socket.socket(type=2).detach(), os.pidfd_open(os.getpid()), os.pipe()[0], os.open("/proc/self/ns/net", 0))
for i, fd in enumerate(fds):
    v, gen = struct.pack("=i", fd), bytes(4)
    print(i, ask(88, 0x600, gen + attr(3, v) + attr(1, struct.pack("=i", 5))), ask(90, 0, gen + attr(3, v)),
        ask(19, 0, struct.pack("=BxHiII", 0, 0, 1, 0, 0) + attr(28, v)),
        ask(16, 0x600, bytes(16) + attr(3, b"d0\0") + attr(28, v) + attr(18, attr(1, b"veth"))))
END`},
}

// varying is what differs between two runs on one kernel.
var varying = regexp.MustCompile(`[0-9a-f]{2}(:[0-9a-f]{2}){5}|brd ff.*| qdisc \S+`)

// TestNamespaces: scripts that make, enter, name, number and end network
// namespaces print what they print on this machine's kernel, run by root and
// by an ordinary user. Where there are no user namespaces for that user, a
// further namespace is refused.
func TestNamespaces(t *testing.T) {
	binaryOnly(t)
	reference(t)
	for _, name := range []string{"ip", "unshare", "nsenter", "bash", "python3", "ping", "sysctl"} {
		need.Tool(t, name)
	}
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t, p)
			refused := strings.HasPrefix(p.name, "user without")
			for _, tc := range namespaceScripts {
				t.Run(tc.name, func(t *testing.T) {
					s := *s
					s.t = t
					if refused {
						out, status := s.try(s.linen, "run", "--", "unshare", "-n", "true")
						if status != 1 || !strings.Contains(out, "unshare failed: Operation not permitted") {
							t.Errorf("status %d: %s", status, out)
						}
						return
					}
					want := kernelNamespaces(t, tc.script)
					got, _ := s.try(s.linen, "run", "--", "bash", "-c", "exec 2>&1\n"+tc.script)
					if got = varying.ReplaceAllString(got, "…"); got != want {
						t.Errorf("linen:\n%s\nthis machine's kernel:\n%s", got, want)
					}
				})
			}
		})
	}
}

// kernelNamespaces runs a script on this machine's kernel, with a /run and
// network namespace of its own.
func kernelNamespaces(t *testing.T, script string) string {
	k := newSite(t, places()[0])
	out, _ := k.try("unshare", "-mn", "bash", "-c", "exec 2>&1\nmount -t tmpfs none /run\n"+script)
	return varying.ReplaceAllString(out, "…")
}
