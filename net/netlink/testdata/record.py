#!/usr/bin/env python3
"""Records what the machine's kernel answers to netlink requests, as the lines
of acks.txt: name, protocol, options, request, answers (hex; one a datagram).

Run as root in a fresh namespace: unshare -n ./record.py > acks.txt
Sequence number 0x11223344, port 0x55667788; answers are as they came.
"""
import socket, struct, sys

SEQ, PORT = 0x11223344, 0x55667788
REQ, ACK, DUMP = 1, 4, 0x300

def msg(typ, flags, body=b""):
    return struct.pack("=IHHII", 16 + len(body), typ, flags, SEQ, 0) + body

def attr(typ, data, length=None):
    n = 4 + len(data) if length is None else length
    return struct.pack("=HH", n, typ) + data + b"\0" * (-len(data) % 4)

def run(name, proto, opts, data):
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, proto)
    s.bind((PORT, 0))
    for o in opts:
        s.setsockopt(270, {"cap": 10, "ext": 11, "strict": 12}[o], 1)
    s.settimeout(0.05)
    s.send(data)
    out = []
    try:
        while True:
            out.append(s.recv(65536).hex())
    except (socket.timeout, BlockingIOError):
        pass
    s.close()
    print(name, proto, "+".join(opts) or "-", data.hex(), " ".join(out) or "-")

def both(name, proto, data, opts=("ext",)):
    run(name, proto, opts, data)

ifi = struct.pack("=BxHiII", 0, 0, 1, 0, 0)            # ifinfomsg of lo
rtm = struct.pack("=BBBBBBBBI", 2, 24, 0, 0, 254, 3, 0, 1, 0)
NEWLINK, SETLINK, NEWROUTE, GETROUTE = 16, 19, 24, 26

# control messages and headers
run("noop-request-ack", 0, [], msg(1, REQ | ACK))
run("noop-ack", 0, [], msg(1, ACK))
run("noop-request", 0, [], msg(1, REQ))
run("no-request-flag", 0, [], msg(18, 0, ifi))
run("type-beyond-max", 0, [], msg(200, REQ, b"\0"))
run("type-124", 0, [], msg(124, REQ, b"\0" * 4))
run("no-body", 0, [], msg(18, REQ | ACK))
run("family-without-handler", 0, [], msg(24, REQ | ACK, b"\x4d" * 12))
run("two-and-zero-tail", 0, [], msg(1, REQ | ACK) + msg(1, REQ | ACK) + b"\0" * 40)
run("length-too-long", 0, [], struct.pack("=IHHII", 60, 1, REQ | ACK, SEQ, 0) + b"\0" * 16)
run("length-15", 0, [], struct.pack("=IHHII", 15, 1, REQ | ACK, SEQ, 0))
run("genl-unknown-family", 16, ["ext"], msg(999, REQ, b"\1\1\0\0"))
run("bulk-unsupported", 0, ["ext"], msg(17, REQ | ACK | 0x200, ifi))

# policies of RTM_NEWROUTE (rtm_ipv4_policy)
short = msg(NEWROUTE, REQ | ACK, rtm + attr(1, b"\x0a\0\0\0") + attr(5, b"\1\2"))
for opts in ([], ["cap"], ["ext"], ["cap", "ext"]):
    run("route-short-gateway-" + "-".join(opts), 0, opts, short)
run("route-short-header", 0, ["ext"], msg(NEWROUTE, REQ | ACK, b"\2\0\0\0"))
run("route-flow-short", 0, ["ext"], msg(NEWROUTE, REQ | ACK, rtm + attr(11, b"\1")))
run("route-ip-proto-long", 0, ["ext"], msg(NEWROUTE, REQ | ACK, rtm + attr(27, b"\1\0\0\0")))
run("route-dport-short", 0, ["ext"], msg(NEWROUTE, REQ | ACK, rtm + attr(29, b"\1")))
run("route-metrics-short", 0, ["ext"], msg(NEWROUTE, REQ | ACK, rtm + attr(8, b"\1\2")))
run("route-nhid-flag-nested", 0, ["ext"], msg(NEWROUTE, REQ | ACK, rtm + attr(0x8000 | 30, b"\1\0\0\0")))
run("route-nhid-long", 0, ["ext"], msg(NEWROUTE, REQ | ACK, rtm + attr(30, b"\1\0\0\0\0\0\0\0")))

# policies of RTM_SETLINK (ifla_policy)
def link(a, typ=SETLINK): return msg(typ, REQ | ACK, ifi + a)
run("link-name-long", 0, ["ext"], link(attr(3, b"abcdefghijklmnopq\0")))
run("link-name-16-no-nul", 0, ["ext"], link(attr(3, b"abcdefghijklmnop")))
run("link-mtu-short", 0, ["ext"], link(attr(4, b"\1\2")))
run("link-txqlen-empty", 0, ["ext"], link(attr(13, b"")))
run("link-alias-long", 0, ["ext"], link(attr(20, b"x" * 300)))
run("link-proto-down-reason", 0, ["ext"], link(attr(0x8000 | 55, attr(2, b"\1"))))
run("link-proto-down-reason-unknown", 0, ["ext"], link(attr(0x8000 | 55, attr(9, b"\1\0\0\0"))))
run("link-netnsid-short", 0, ["ext"], link(attr(46, b"\1")))
run("link-new-name-empty", 0, ["ext"], link(attr(3, b"")))
run("link-gso-max-segs-short", 0, ["ext"], link(attr(40, b"\1\0")))
run("link-linkinfo-short", 0, ["ext"], link(attr(18, b"\1\0")))
run("link-carrier-empty", 0, ["ext"], link(attr(33, b"")))
run("link-address-long", 0, ["ext"], link(attr(1, b"a" * 40)))
run("link-ext-mask-empty", 0, ["ext"], link(attr(29, b"")))

# generic netlink controller
def ctrl(cmd, a=b"", flags=REQ): return msg(16, flags, struct.pack("BBH", cmd, 2, 0) + a)
run("ctrl-by-name", 16, ["ext"], ctrl(3, attr(2, b"nlctrl\0")))
run("ctrl-by-id", 16, ["ext"], ctrl(3, attr(1, struct.pack("=H", 16))))
run("ctrl-no-attr", 16, ["ext"], ctrl(3))
run("ctrl-no-name", 16, ["ext"], ctrl(3, attr(2, b"nosuch\0")))
run("ctrl-no-id", 16, ["ext"], ctrl(3, attr(1, struct.pack("=H", 999))))
run("ctrl-name-no-nul", 16, ["ext"], ctrl(3, attr(2, b"nlctrl")))
run("ctrl-name-long", 16, ["ext"], ctrl(3, attr(2, b"abcdefghijklmnopqrst\0")))
run("ctrl-id-short", 16, ["ext"], ctrl(3, attr(1, b"\1")))
run("ctrl-id-long", 16, ["ext"], ctrl(3, attr(1, b"\x10\0\0\0")))
run("ctrl-unknown-attr", 16, ["ext"], ctrl(3, attr(99, b"\1")))
run("ctrl-attr-without-policy", 16, ["ext"], ctrl(3, attr(6, b"\1\0\0\0")))
run("ctrl-trailing", 16, ["ext"], ctrl(3, attr(2, b"nlctrl\0") + b"\1\2"))
run("ctrl-unknown-cmd", 16, ["ext"], ctrl(77))
run("ctrl-dump-cmd-without-dump", 16, ["ext"], ctrl(77, b"", REQ | DUMP))
run("ctrl-short-header", 16, ["ext"], msg(16, REQ, b"\3\1"))
run("ctrl-reserved", 16, ["ext"], msg(16, REQ, struct.pack("=BBH", 3, 2, 7) + attr(2, b"nlctrl\0")))
run("ctrl-policy-dump", 16, ["ext"], ctrl(10, attr(2, b"nlctrl\0"), REQ | DUMP))
run("ctrl-policy-dump-op", 16, ["ext"], ctrl(10, attr(2, b"nlctrl\0") + attr(10, struct.pack("=I", 3)), REQ | DUMP))
run("ctrl-policy-no-family", 16, ["ext"], ctrl(10, b"", REQ | DUMP))
run("ctrl-policy-bad-op", 16, ["ext"], ctrl(10, attr(2, b"nlctrl\0") + attr(10, struct.pack("=I", 99)), REQ | DUMP))
run("ctrl-policy-not-dump", 16, ["ext"], ctrl(10, attr(2, b"nlctrl\0")))

# strict dumps
def addr(a=b"", hdr=struct.pack("=BBBBI", 2, 0, 0, 0, 0)): return msg(22, REQ | DUMP, hdr + a)
run("addr-strict-unknown-attr", 0, ["ext", "strict"], addr(attr(77, b"\1")))
run("addr-strict-trailing", 0, ["ext", "strict"], addr(b"\1\2\3"))
run("addr-strict-short", 0, ["ext", "strict"], msg(22, REQ | DUMP, b"\2"))
run("addr-strict-values", 0, ["ext", "strict"], addr(b"", struct.pack("=BBBBI", 2, 1, 0, 0, 0)))
run("addr-liberal-trailing", 0, ["ext"], addr(b"\1\2\3"))
run("route-get-trailing", 0, ["ext"], msg(SETLINK, REQ | ACK, ifi + b"\1\2\3"))
run("dump-unknown-type", 0, ["ext"], msg(98, REQ | DUMP, b"\0\0\0\0"))
