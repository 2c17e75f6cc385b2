# Sockets and a VRF: which of them hear what, and what they may connect and bind to.
import errno, os, select, socket, subprocess, time

def sh(*lines):
    for l in lines:
        subprocess.run(l, shell=True, check=True)

def inns(name, fn):
    """runs fn in a namespace, in this process, with sockets that stay there"""
    fd = os.open("/run/netns/" + name, os.O_RDONLY)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    setns(fd)
    try:
        return fn()
    finally:
        setns(own)
        os.close(fd)
        os.close(own)

import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def setns(fd):
    if libc.setns(fd, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")

sh("ip netns add p", "ip netns add q",
   "ip link set lo up", "ip link add red type vrf table 10", "ip link set red up",
   "ip link add v0 type veth peer name e0 netns p", "ip link add v2 type veth peer name e0 netns q",
   "ip link set v0 master red", "ip addr add 10.1.0.1/24 dev v0", "ip addr add 10.2.0.1/24 dev v2",
   "ip link set v0 up", "ip link set v2 up",
   "ip addr add 127.0.0.1/8 dev red")
for ns, n in (("p", 1), ("q", 2)):
    sh(f"ip -n {ns} addr add 10.{n}.0.2/24 dev e0", f"ip -n {ns} link set e0 up", f"ip -n {ns} link set lo up")
sh("ping -c1 -W2 -I red 10.1.0.2 >/dev/null 2>&1", "ping -c1 -W2 10.2.0.2 >/dev/null")

def sock(kind, dev=None):
    if kind == "raw":
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 200)
    else:
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if dev:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode() + b"\0")
    s.settimeout(10)
    return s

def bound(s):
    return s.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0").decode() or "-"

def attempt(fn):
    try:
        return fn()
    except socket.timeout:
        return "timeout"
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno))

def client(kind, ns, addr, port):
    """sends to addr from a namespace; returns the socket"""
    def go():
        s = sock(kind)
        if kind == "tcp":
            s.connect((addr, port))
        else:
            s.connect((addr, port))
            s.send(b"x")
        return s
    return go() if ns is None else inns(ns, go)

port = 1000
def serve(kind, devs, ns, addr):
    """servers bound to each of devs; a client in ns: who hears it?"""
    global port
    port += 1
    servers = []
    for d in devs:
        s = sock(kind, d)
        r = attempt(lambda: s.bind(("0.0.0.0", 0 if kind == "raw" else port)))
        if r:
            return f"bind {d}: {r}"
        if kind == "tcp":
            s.listen(5)
        servers.append(s)
    c = attempt(lambda: client(kind, ns, addr, port))
    if isinstance(c, str):
        heard = ["client " + c]
    else:
        # One of the servers hears it, or the client hears that nobody does.
        hears = servers + ([] if kind == "tcp" else [c])
        if kind == "raw": # nobody says so: a datagram behind the packet does
            u = client("udp", ns, addr, 9)
            if u in select.select(hears + [u], [], [], 10)[0]:
                select.select(hears, [], [], 1)
            u.close()
        else:
            select.select(hears, [], [], 10)
        heard = []
        for d, s in zip(devs, servers):
            s.settimeout(0.02)
            def take():
                if kind == "tcp":
                    a, _ = s.accept()
                    r = "accepted " + bound(a)
                    a.close()
                    return r
                s.recv(100)
                return "heard"
            heard.append(f"{d or '-'}: {attempt(take)}")
        if kind != "tcp":
            c.settimeout(0.02)
            heard.append(f"client: {attempt(lambda: c.recv(1))}")
        c.close()
    for s in servers:
        s.close()
    return ", ".join(heard)

sh("sysctl -qw net.ipv4.icmp_ratelimit=0")
choices = [[None], ["red"], ["v0"], ["v2"], [None, "red"], [None, "v0"], ["red", "v0"], [None, "red", "v0"]]
for kind in ("tcp", "udp", "raw"):
    for accept in "01":
        sh(f"sysctl -qw net.ipv4.{kind}_l3mdev_accept={accept}")
        for devs in choices[:4 if kind == "raw" else 8]: # of several raw sockets more than one may hear
            for ns, addr in (("p", "10.1.0.1"), ("q", "10.2.0.1")):
                name = "+".join(d or "-" for d in devs)
                print(f"{kind} l3mdev_accept={accept} {name} from {ns}: {serve(kind, devs, ns, addr)}", flush=True)
sh("sysctl -qw net.ipv4.tcp_l3mdev_accept=0 net.ipv4.udp_l3mdev_accept=0 net.ipv4.raw_l3mdev_accept=1")

# what this host sends
inp = {}
def listen(ns, addr):
    def go():
        s = sock("tcp"); s.bind((addr, 900)); s.listen(9)
        u = sock("udp"); u.bind((addr, 900))
        return s, u
    inp[ns] = inns(ns, go)
listen("p", "10.1.0.2"); listen("q", "10.2.0.2")
def local(s):
    return f"from {s.getsockname()[0]} {bound(s)}"
tries = []
for dev in (None, "red", "v0", "v2"):
    for addr in ("10.1.0.2", "10.2.0.2", "10.1.0.1", "127.0.0.1"):
        u = sock("udp", dev)
        def go():
            u.connect((addr, 900))
            return local(u)
        print(f"udp to {addr} bound to {dev or '-'}: {attempt(go)}", flush=True)
        s = sock("tcp", dev)
        s.setblocking(False)
        tries.append((addr, dev, s, s.connect_ex((addr, 900))))
end = time.monotonic() + 1.5
for addr, dev, s, e in tries:
    if e == errno.EINPROGRESS and select.select([], [s], [], max(0, end - time.monotonic()))[1]:
        e = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    print(f"tcp to {addr} bound to {dev or '-'}: {errno.errorcode[e] if e else local(s)}", flush=True)

# an ordinary user
def user():
    os.setresuid(65534, 65534, 65534)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    print("user binds an unbound socket:", attempt(lambda: s.setsockopt(1, 25, b"red\0")), flush=True)
    print("user binds it to another:", attempt(lambda: s.setsockopt(1, 25, b"v0\0")), flush=True)
    print("user unbinds it:", attempt(lambda: s.setsockopt(1, 25, b"\0")), flush=True)
pid = os.fork()
if pid == 0:
    user()
    os._exit(0)
os.waitpid(pid, 0)

# addresses: bind to those of the VRF and of the host
for dev in (None, "red", "v0", "v2"):
    for addr in ("10.1.0.1", "10.2.0.1", "127.0.0.1", "10.1.0.9"):
        s = sock("udp", dev)
        print(f"bind {addr} on {dev or '-'}: {attempt(lambda: s.bind((addr, 0))) or 'ok'}", flush=True)
        s.close()
