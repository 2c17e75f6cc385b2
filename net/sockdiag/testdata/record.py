#!/usr/bin/env python3
"""Records what NETLINK_SOCK_DIAG answers: run as `unshare -n python3 record.py`.
Each case is a line "name request-hex", and below it "< reply-hex" for each
datagram that came back."""
import socket, struct, subprocess, sys

subprocess.check_call(["ip", "link", "set", "lo", "up"])
UDPLITE, ICMP, RAW, TCP, UDP, ALL = 136, 1, 255, 6, 17, 0xffffffff
DUMP, REQUEST, ACK = 0x300, 1, 4


def sockets():
    """The sockets that the test opens too, in this order."""
    keep = []
    a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    a.bind(("127.0.0.1", 5001))
    keep.append(a)
    b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    b.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x20)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 7)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 3)
    b.bind(("127.0.0.1", 5002))
    b.connect(("127.0.0.1", 5001))
    keep.append(b)
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    c.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
    c.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
    c.setsockopt(socket.IPPROTO_IP, 34, 0)  # IP_MULTICAST_LOOP
    c.bind(("0.0.0.0", 5003))
    keep.append(c)
    keep.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))  # unbound: not seen
    d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, UDPLITE)
    d.bind(("127.0.0.1", 5004))
    keep.append(d)
    b.send(b"0123456789")
    b.send(b"abc")
    return keep


def req(fam, proto, ext=0, states=ALL, sport=0, dport=0, src=b"", dst=b"", ifi=0, cookie=(ALL, ALL), pad=0):
    return struct.pack("=BBBBI", fam, proto, ext, pad, states) + struct.pack(">HH", sport, dport) + \
        src.ljust(16, b"\0") + dst.ljust(16, b"\0") + struct.pack("=III", ifi, *cookie)


def attr(t, b):
    return struct.pack("=HH", 4 + len(b), t) + b + b"\0" * (-len(b) % 4)


def op(code, yes, no):
    return struct.pack("=BBH", code, yes, no)


def cond(fam, plen, port, addr=b""):
    return struct.pack("=BBBBi", fam, plen, 0, 0, port) + addr


def host(fam, plen, port, addr, code):
    c = cond(fam, plen, port, addr)
    return op(code, 4 + len(c), 8 + len(c)) + c


def ask(name, body, flags, typ=20, proto=4, strict=False):
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, proto)
    s.bind((77, 0))
    s.setsockopt(270, 11, 1)  # NETLINK_EXT_ACK
    s.settimeout(1)
    m = struct.pack("=IHHII", 16 + len(body), typ, flags | REQUEST, 9, 0) + body
    s.send(m)
    print(name, m.hex())
    while True:
        d = s.recv(65536)
        print("<", d.hex())
        done = False
        while len(d) >= 16:
            n, t, fl = struct.unpack_from("=IHH", d)
            done |= t in (2, 3) or not fl & 2
            d = d[(n + 3) & ~3:]
        if done:
            break
    s.close()


keep = sockets()
I4, I6 = socket.AF_INET, socket.AF_INET6
lo = bytes([127, 0, 0, 1])
for name, p in (("udp", UDP), ("udplite", UDPLITE), ("icmp", ICMP), ("tcp", TCP), ("proto0", 0), ("sctp", 132), ("dccp", 33)):
    ask("dump4-" + name, req(I4, p), DUMP)
    ask("dump4-all-" + name, req(I4, p, 0xff), DUMP)
    ask("dump6-" + name, req(I6, p, 0xff), DUMP)
for ext in range(8):
    ask("ext-%d" % (ext + 1), req(I4, UDP, 1 << ext, sport=5002), DUMP)
for st in (1, 7, 10):
    ask("state-%d" % st, req(I4, UDP, 0, 1 << st), DUMP)
ask("state-0", req(I4, UDP, 0, 0), DUMP)
ask("sport", req(I4, UDP, sport=5001), DUMP)
ask("dport", req(I4, UDP, dport=5001), DUMP)
ask("dump-src", req(I4, UDP, src=lo), DUMP)
ask("dump-if", req(I4, UDP, ifi=1), DUMP)
ask("short", req(I4, UDP)[:55], DUMP)
ask("short-1", b"\2", DUMP)
ask("short-0", b"", ACK)
ask("short-2", b"\2\21", ACK)
ask("short-8", b"\2\21" + b"\0" * 6, ACK)
for fam in (0, 3, 7, 16, 40, 44, 45, 46, 47, 200, 255):
    ask("family-%d" % fam, bytes([fam]) + b"\0" * 55, ACK)
for fam in (0, 3, 45, 200):
    ask("family-dump-%d" % fam, bytes([fam]) + b"\0" * 55, DUMP)
ask("get-missing", req(I4, UDP, sport=9, dport=9, src=lo, dst=lo), 0)
ask("get-5002", req(I4, UDP, 0xff, sport=5002, dport=5001, src=lo, dst=lo), 0)
ask("get-5002-turned", req(I4, UDP, 0xff, sport=5001, dport=5002, src=lo, dst=lo), 0)
ask("get-5001", req(I4, UDP, 0, sport=5001, src=lo), 0)
ask("get-5001-dst", req(I4, UDP, 0, dport=5001, dst=lo), 0)
ask("get-5003-if", req(I4, UDP, 0, sport=5003, src=lo, ifi=1), 0)
ask("get-5003", req(I4, UDP, 0, sport=5003, src=lo), 0)
ask("get-5001-cookie", req(I4, UDP, 0, sport=5001, src=lo, cookie=(1, 2)), 0)
ask("get-5001-peer", req(I4, UDP, 0, sport=5001, dport=999, src=lo, dst=lo), 0)
ask("get-5001-badcookie", req(I4, UDP, 0, dport=5001, dst=lo, cookie=(1, 2)), 0)
ask("get-5003-any", req(I4, UDP, 0, dport=5003, dst=lo, ifi=1), 0)
ask("get-5003-noif", req(I4, UDP, 0, dport=5003, dst=lo), 0)
ask("get-6-mapped", req(I6, UDP, 0, dport=5001, dst=b"\0" * 10 + b"\xff\xff" + lo, src=b"\0" * 10 + b"\xff\xff" + lo), 0)
ask("get-6", req(I6, UDP, 0, dport=5001, dst=b"\0" * 15 + b"\1"), 0)
ask("get-udplite-dst", req(I4, UDPLITE, 0, dport=5004, dst=lo), 0)
ask("get-family", req(9, UDP), 0)
ask("get-udplite", req(I4, UDPLITE, 0, sport=5004, src=lo), 0)
ask("proto-attr", req(I4, 0) + attr(3, struct.pack("=I", UDP)), DUMP)
ask("proto-attr-short", req(I4, UDP) + attr(3, b"\1"), DUMP)
ask("proto-attr-big", req(I4, UDP) + attr(3, struct.pack("=I", 400)), DUMP)


def code(name, b):
    ask("code-" + name, req(I4, UDP, 0) + attr(1, b), DUMP)


S_GE, S_LE, D_GE, D_LE, AUTO, SC, DC, DEV, MARK, S_EQ, D_EQ, CG = range(2, 14)
NOP, JMP = 0, 1
code("empty", b"")
code("nop", op(NOP, 4, 8))
code("jmp", op(JMP, 4, 8))
code("jmp-far", op(JMP, 4, 4) + op(NOP, 4, 8))
code("jmp-loop", op(JMP, 4, 0))
code("short", b"\0\4")
code("yes-odd", op(NOP, 5, 8) + op(NOP, 4, 8))
code("yes-small", op(NOP, 0, 8))
code("yes-big", op(NOP, 12, 8))
code("no-big", op(AUTO, 4, 12))
code("no-odd", op(AUTO, 4, 6))
code("unknown", op(14, 4, 8))
for nm, c in (("sge", S_GE), ("sle", S_LE), ("seq", S_EQ), ("dge", D_GE), ("dle", D_LE), ("deq", D_EQ)):
    for port in (0, 5001, 5002, 5003):
        code("%s-%d" % (nm, port), op(c, 8, 12) + op(NOP, 0, port))
    code(nm + "-short", op(c, 8, 12))
code("seq-noyes", op(S_EQ, 4, 12) + op(NOP, 0, 5001))
code("auto", op(AUTO, 4, 8))
for nm, c in (("src", SC), ("dst", DC)):
    code(nm + "-lo", host(I4, 32, -1, lo, c))
    code(nm + "-lo-port", host(I4, 32, 5001, lo, c))
    code(nm + "-8", host(I4, 8, -1, lo, c))
    code(nm + "-9", host(I4, 9, -1, bytes([127, 128, 0, 0]), c))
    code(nm + "-0", host(I4, 0, -1, lo, c))
    code(nm + "-33", host(I4, 33, -1, lo, c))
    code(nm + "-unspec", host(0, 0, 5001, b"", c))
    code(nm + "-unspec-len", host(0, 8, 5001, lo, c))
    code(nm + "-6", host(I6, 128, -1, b"\0" * 10 + b"\xff\xff" + lo, c))
    code(nm + "-6-0", host(I6, 0, -1, b"\0" * 16, c))
    code(nm + "-6-short", host(I6, 128, -1, lo, c))
    code(nm + "-any4", host(I4, 32, -1, b"\0" * 4, c))
    code(nm + "-fam9", host(9, 0, -1, lo, c))
    code(nm + "-cut", op(c, 8, 12) + b"\0" * 4)
for ifi in (0, 1, 2):
    code("dev-%d" % ifi, op(DEV, 8, 12) + struct.pack("=I", ifi))
code("dev-short", op(DEV, 4, 8))
code("mark-7", op(MARK, 12, 16) + struct.pack("=II", 7, 0xffffffff))
code("mark-0-1", op(MARK, 12, 16) + struct.pack("=II", 0, 1))
code("mark-short", op(MARK, 8, 12) + struct.pack("=I", 7))
code("cgroup-99", op(CG, 12, 16) + struct.pack("=Q", 99))
code("cgroup-short", op(CG, 8, 12) + struct.pack("=I", 7))
code("or", op(S_EQ, 8, 12) + op(NOP, 0, 5001) + op(JMP, 4, 12) + op(S_EQ, 8, 12) + op(NOP, 0, 5003))
code("not", op(S_EQ, 8, 16) + op(NOP, 0, 5001) + op(JMP, 4, 8))
code("jmp-mid", op(JMP, 4, 8) + op(S_EQ, 8, 12) + op(NOP, 0, 5001))
code("skip-into", op(AUTO, 4, 12) + op(S_EQ, 8, 12) + op(NOP, 0, 5001))

for t in (16, 17, 18, 19, 20, 21, 22):
    ask("type-%d" % t, b"", ACK, typ=t)
ask("old-code", struct.pack("=BBBB", I4, 4, 4, 0) + b"\0" * 56 + attr(1, op(JMP, 4, 0)), DUMP, typ=18)
ask("old-get", struct.pack("=BBBB", I4, 4, 4, 0) + b"\0" * 56, DUMP, typ=18)
ask("old-short", b"\2", DUMP, typ=18)
ask("old-one", struct.pack("=BBBB", I4, 4, 4, 0) + b"\0" * 56, 0, typ=18)
ask("old-dccp", struct.pack("=BBBB", I4, 4, 4, 0) + b"\0" * 56, DUMP, typ=19)
ask("destroy-missing", req(I4, UDP, sport=9, src=lo), ACK, typ=21)
ask("destroy-icmp", req(I4, ICMP), ACK, typ=21)
ask("destroy-dump", req(I4, UDP), DUMP, typ=21)
ask("destroy-netlink", bytes([16, 0]) + b"\0" * 54, ACK, typ=21)
ask("destroy-cookie", req(I4, UDP, sport=5001, src=lo, cookie=(1, 2)), ACK, typ=21)
ask("destroy-5003", req(I4, UDP, sport=5003, src=lo, ifi=1), ACK, typ=21)
ask("after-destroy", req(I4, UDP), DUMP)
ask("destroy-5001", req(I4, UDP, sport=5001, src=lo), ACK, typ=21)
ask("after-destroy-5001", req(I4, UDP), DUMP)
for i in (0, 0, 2, 4):
    try:
        print("# recv", i, len(keep[i].recv(100, socket.MSG_DONTWAIT)))
    except OSError as e:
        print("# recv", i, e)


def packets():
    """AF_PACKET sockets, made when the others have been asked for."""
    a = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x800))
    a.bind(("lo", 0x800))
    a.setsockopt(263, 1, struct.pack("=iHH8s", 1, 1, 0, b""))  # PACKET_ADD_MEMBERSHIP: promiscuous
    b = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    b.setsockopt(263, 8, 1)  # PACKET_AUXDATA
    c = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    c.bind(("lo", 3))
    c.setsockopt(263, 10, 2)  # PACKET_VERSION: TPACKET_V3
    c.setsockopt(263, 5, struct.pack("=IIIIIII", 65536, 2, 2048, 64, 100, 0, 0))  # PACKET_RX_RING
    d = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    d.bind(("lo", 3))
    d.setsockopt(263, 18, struct.pack("=I", 7 | 1 << 16))  # PACKET_FANOUT
    return [a, b, c, d]


def packet(name, show, proto=0, flags=DUMP):
    ask("packet-" + name, struct.pack("=BBHIIII", 17, proto, 0, 0, show, 0, 0), flags)


keep += packets()
for bit in range(6):
    packet("show-%d" % bit, 1 << bit)
packet("plain", 0)
packet("everything", 0x3f)
packet("protocol", 0, 3)
packet("get", 0, 0, ACK)
ask("packet-short", b"\x11\0\0\0", DUMP)
for nl in (4, 0, 16, 3, 40):
    ask("netlink-%d" % nl, struct.pack("=BBHIIII", 16, nl, 0, 0, 0x1f, 0, 0), DUMP)
ask("netlink-plain", struct.pack("=BBHIIII", 16, 4, 0, 0, 0, 0, 0), DUMP)
ask("netlink-old", struct.pack("=BBHIIII", 16, 4, 0, 0, 8, 0, 0), DUMP)
ask("netlink-short", b"\20\0\0\0", DUMP)
ask("netlink-256", struct.pack("=BBHIIII", 16, 32, 0, 0, 0, 0, 0), DUMP)
ask("destroy-inet6", req(I6, UDP, sport=5001), ACK, typ=21)
ask("netlink-get", struct.pack("=BBHIIII", 16, 4, 0, 0, 0, 0, 0), ACK)
