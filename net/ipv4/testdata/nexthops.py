#!/usr/bin/env python3
# Records what Linux answers to requests about next hop objects, and what it
# tells the groups RTNLGRP_NEXTHOP and RTNLGRP_IPV4_ROUTE meanwhile, as root:
#   unshare -n ./nexthops.py nexthops.cmds > nexthops.txt
# A line: name|type|flags|strict|body|answers|notifications, in hex, port and
# sequence number cleared, the answers and notifications separated by blanks.
import socket, struct, subprocess, sys, time
REQ, ACK, ECHO, DUMP, REPLACE, EXCL, CREATE = 1, 4, 8, 0x300, 0x100, 0x200, 0x400
ADD = REQ | ACK | CREATE | EXCL
NEW, DEL, GET, NEWB, DELB, GETB, NEWR, DELR, GETR, NEWL = 104, 105, 106, 116, 117, 118, 24, 25, 26, 16
A1, A0 = 5, 3
def attr(t, d): return struct.pack("=HH", 4 + len(d), t) + d + b"\0" * (-len(d) % 4)
def u8(t, v): return attr(t, struct.pack("=B", v))
def u16(t, v): return attr(t, struct.pack("=H", v))
def u32(t, v): return attr(t, struct.pack("=I", v))
def u64(t, v): return attr(t, struct.pack("=Q", v))
def ip(t, s): return attr(t, socket.inet_aton(s))
def nhm(fam=2, scope=0, proto=0, resvd=0, flags=0): return struct.pack("=BBBBI", fam, scope, proto, resvd, flags)
def ID(v): return u32(1, v)
def OIF(v): return u32(5, v)
def GW(s): return ip(6, s)
def GRP(*m): return attr(2, b"".join(struct.pack("=IBBH", i, (w - 1) & 255, (w - 1) >> 8, 0) for i, w in m))
def hop(i, gw=None, oif=A0, fam=2, **k): return nhm(fam, **k) + ID(i) + (OIF(oif) if oif else b"") + (GW(gw) if gw else b"")
def group(i, *m, typ=None, extra=b"", **k): return nhm(0, **k) + ID(i) + GRP(*m) + (u16(3, typ) if typ is not None else b"") + extra
def res(buckets=None, idle=None, unb=None):
    d = b""
    if buckets is not None: d += u16(1, buckets)
    if idle is not None: d += u32(2, idle)
    if unb is not None: d += u32(3, unb)
    return attr(12 | 0x8000, d)
def rt(dst, plen=24, nhid=None, typ=1, scope=0, table=254, extra=b"", flags=0, tos=0):
    return struct.pack("=BBBBBBBBI", 2, plen, 0, tos, table, 3, scope, typ, flags) + ip(1, dst) + (u32(30, nhid) if nhid is not None else b"") + extra
def link(i, up): return struct.pack("=BxHiII", 0, 0, i, 1 if up else 0, 1)
def mask(m):
    m = bytearray(m)
    struct.pack_into("=II", m, 8, 0, 0)
    t = struct.unpack_from("=H", m, 4)[0]
    if t == 2: m[28:36] = bytes(8)
    if t == NEWB and m[32+16+4:32+16+6] == b"\x0c\0": m[-8:] = bytes(8)
    if struct.unpack_from("=H", m, 4)[0] == NEWR:
        o = 28
        while o + 4 <= len(m):
            n, t = struct.unpack_from("=HH", m, o)
            if n < 4: break
            if t == 12: m[o+4:o+n] = bytes(n - 4)
            o += (n + 3) & ~3
    return bytes(m)
def split(d):
    while len(d) >= 16:
        n = struct.unpack_from("=I", d)[0]
        yield d[:n]
        d = d[(n + 3) & ~3:]
for c in ["ip link add a0 index 3 type veth peer name a0p index 2", "ip link add a1 index 5 type veth peer name a1p index 4",
          "ip link set lo up", "ip link set a0p up", "ip link set a0 up", "ip addr add 10.1.0.2/24 dev a0"]:
    subprocess.run(c, shell=True, check=True)
time.sleep(0.3)
mon = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
mon.bind((0, 0))
for g in (32, 7): mon.setsockopt(270, 1, g)
mon.setblocking(False)
def text(m):
    t = struct.unpack_from("=H", m, 4)[0]
    at = {2: 20 if struct.unpack_from("=H", m, 6)[0] & 0x100 else 36, 3: 20}.get(t)
    if not at: return "%d" % t
    e = struct.unpack_from("=i", m, 16)[0]
    if t == 2: at = 36
    s, o = "", at
    while o + 4 <= len(m):
        n, a = struct.unpack_from("=HH", m, o)
        if n < 4: break
        if a == 1: s = m[o+4:o+n-1].decode()
        o += (n + 3) & ~3
    return "%d %s" % (e, s)
def do(name, typ, flags, body, strict=1, wait=0.03):
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    s.bind((0, 0))
    for o in (10, 11): s.setsockopt(270, o, 1)
    s.setsockopt(270, 12, strict)
    s.settimeout(0.1)
    s.send(struct.pack("=IHHII", 16 + len(body), typ, flags, 1, 0) + body)
    out, done = [], False
    while not done:
        try: d = s.recv(65536)
        except socket.timeout: break
        for m in split(d):
            out.append(mask(m))
            done = struct.unpack_from("=H", m, 4)[0] in (2, 3)
        if typ in (GET, GETB, GETR) and not flags & DUMP & 0x300: done = True
    s.close()
    time.sleep(wait)
    notes = []
    while True:
        try: d = mon.recv(65536)
        except BlockingIOError: break
        notes += [mask(m) for m in split(d)]
    print("|".join([name, str(typ), str(flags), str(strict), body.hex(), " ".join(m.hex() for m in out), " ".join(m.hex() for m in notes)]))
    print("%-36s %s   [%s]" % (name, "; ".join(text(m) for m in out), " ".join(text(m) for m in notes)), file=sys.stderr)
def add(name, body, flags=ADD): do(name, NEW, flags, body)
def repl(name, body): do(name, NEW, REQ | ACK | REPLACE | CREATE, body)
def dele(name, i): do(name, DEL, REQ | ACK, nhm(0) + ID(i))
def get(name, i, extra=b"", **k): do(name, GET, REQ, nhm(0, **k) + ID(i) + extra)
def dump(name, extra=b"", fam=0, strict=1, **k): do(name, GET, REQ | DUMP, nhm(fam, **k) + extra, strict)
def route(name, body, flags=ADD): do(name, NEWR, flags, body)
def unroute(name, body): do(name, DELR, REQ | ACK, body)
def sysctl(key, v):
    open("/proc/sys/" + key, "w").write(v)
    print("|".join(["sysctl", key, v]))
def routes(name): do(name, GETR, REQ | DUMP, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 0, 0, 0, 0))
sys.stdout.reconfigure(line_buffering=True)
exec(open(sys.argv[1]).read())
