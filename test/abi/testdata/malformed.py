#!/usr/bin/env python3
"""Changes requests that iproute2 sent (net/netlink/testdata/requests.txt) here
and there, sends them to the machine's kernel, and prints what it answers to
malformed.txt: "= setup" begins a fresh namespace, then request and answers.

Run as root in this directory: ./malformed.py > malformed.txt

An answer is E<errno>:<attributes of the extended ack, hex> for NLMSG_ERROR, or
D<type of the first message>, with ,DONE<errno>:<...> when a dump ends in it.
Link kinds that a kernel may lack, and IPv6, are left out.
"""
import ctypes, os, random, socket, struct, sys

random.seed(5)
HDR = {16: 16, 19: 16, 20: 8, 21: 8, 22: 8, 24: 12, 25: 12, 26: 12, 28: 12, 29: 12, 30: 12, 32: 12, 33: 12, 34: 12}
KINDS = [b"dummy", b"bridge", b"vxlan", b"macvlan", b"vlan", b"bond", b"vrf"]
BATCH = 20

def requests():
    for line in open("../../../net/netlink/testdata/requests.txt"):
        if line[0] != "#":
            r = bytes.fromhex(line)
            if len(r) > 20 and r[4] in HDR and r[5] == 0 and r[16] in (0, 2) and not any(k in r for k in KINDS):
                yield r

def attrs(r, h):
    out, p = [], 16 + h
    while p + 4 <= len(r):
        n, t = struct.unpack("=HH", r[p:p + 4])
        if n < 4 or p + n > len(r):
            break
        out.append((t, r[p + 4:p + n]))
        p += (n + 3) & ~3
    return out

def build(r, h, at, tail=b""):
    b = r[16:16 + h]
    for t, d in at:
        b += struct.pack("=HH", 4 + len(d), t) + d + b"\0" * (-len(d) % 4)
    return struct.pack("=I", 16 + len(b + tail)) + r[4:16] + b + tail

def change(r, h):
    at, tail = attrs(r, h), b""
    c = random.randrange(8)
    if at and c < 6:
        i = random.randrange(len(at))
        t, d = at[i]
        if c == 0:
            at[i] = (t, d[:random.randrange(len(d) + 1)])
        elif c == 1:
            at[i] = (t, d + bytes(random.randrange(1, 20)))
        elif c == 2:
            at[i] = (t ^ 0x8000, d)
        elif c == 3:
            del at[i]
        elif c == 4 and d:
            j = random.randrange(len(d))
            at[i] = (t, d[:j] + bytes([random.randrange(256)]) + d[j + 1:])
        elif c == 5:
            at.append((random.randrange(80), bytes(random.randrange(256) for _ in range(random.choice([0, 1, 2, 4, 8, 16])))))
    elif c == 6:
        tail = b"\1\2\3"[:random.randrange(1, 4)]
    else:
        j = 16 + random.randrange(h)
        r = r[:j] + bytes([random.choice([0, 1, 2, 33, 255, random.randrange(256)])]) + r[j + 1:]
    return build(r, h, at, tail)

def cases():
    for r in requests():
        h = HDR[r[4]]
        if r[4] & 3 != 2:  # every change is acknowledged
            r = r[:6] + bytes([r[6] | 5]) + r[7:]
        for _ in range(10):
            yield change(r, h)
        n = 16 + random.randrange(1, h)
        yield struct.pack("=I", n) + r[4:n]

def answers(s, r):
    s.send(r)
    out = []
    while True:
        try:
            d = s.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return out
        _, typ, flags, _, _ = struct.unpack("=IHHII", d[:16])
        if typ == 2:
            echoed = struct.unpack("=I", d[20:24])[0]
            cut = 36 if flags & 0x100 else 20 + ((echoed + 3) & ~3)
            out.append("E%d:%s" % (-struct.unpack("=i", d[16:20])[0], d[cut:].hex()))
            continue
        t, p = "D%d" % typ, 0
        while p < len(d):
            n, typ = struct.unpack("=IH", d[p:p + 6])
            if typ == 3:
                t += ",DONE%d:%s" % (-struct.unpack("=i", d[p + 16:p + 20])[0], d[p + 20:p + n].hex())
            p += (n + 3) & ~3
        out.append(t)

def setup():
    """veth pair d9 (2) and d0 (3), up, 10.0.0.1/24 on d0"""
    info = struct.pack("=HH4s", 8, 1, b"veth")
    peer = struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0) + struct.pack("=HH4s", 7, 3, b"d9\0\0")
    peer = struct.pack("=HH", 4 + len(peer), 1) + peer
    data = struct.pack("=HH", 4 + len(peer), 2) + peer
    link = struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0) + struct.pack("=HH4s", 7, 3, b"d0\0\0") \
        + struct.pack("=HH", 4 + len(info) + len(data), 18) + info + data
    yield struct.pack("=IHHII", 16 + len(link), 16, 0x605, 0, 0) + link
    for i in (3, 2):
        yield struct.pack("=IHHIIBBHiII", 32, 16, 5, 0, 0, 0, 0, 0, i, 1, 1)
    yield struct.pack("=IHHIIBBBBI", 40, 20, 0x605, 0, 0, 2, 24, 0, 0, 3) \
        + struct.pack("=HH4s", 8, 2, bytes([10, 0, 0, 1])) + struct.pack("=HH4s", 8, 1, bytes([10, 0, 0, 1]))

def batch(part):
    ctypes.CDLL(None).unshare(0x40000000)  # CLONE_NEWNET
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    s.bind((7, 0))
    s.setsockopt(270, 11, 1)  # NETLINK_EXT_ACK
    s.setsockopt(270, 12, 1)  # NETLINK_GET_STRICT_CHK
    for r in setup():
        a = answers(s, r)
        if a != ["E0:"]:
            sys.exit("setup: %s" % a)
        print("=", r.hex())
    for r in part:
        if r[16] in (0, 2):
            print(r.hex(), " ".join(answers(s, r)) or "-")
    sys.stdout.flush()

everything = list(cases())
print("# Linux", os.uname().release)
sys.stdout.flush()
for i in range(0, len(everything), BATCH):
    pid = os.fork()
    if pid == 0:
        batch(everything[i:i + BATCH])
        os._exit(0)
    os.waitpid(pid, 0)
