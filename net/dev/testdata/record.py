#!/usr/bin/env python3
"""Records links.txt from this machine's kernel.

Run as root: unshare -n python3 record.py > links.txt. Each line is a request
to rtnetlink and what came of it: name, strict or -, request, then the answers
and, each behind a bar, the notifications of RTNLGRP_LINK here and in a second
namespace, which every descriptor and process id stands for; all in hex."""
import ctypes, os, socket, struct, time

def monitor():
    """Prepares the present namespace and listens to its links."""
    for where in ('all', 'default', 'lo'):
        with open(f'/proc/sys/net/ipv6/conf/{where}/disable_ipv6', 'w') as f:
            f.write('1')
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    s.bind((0, 0))
    s.setsockopt(270, 1, 1)  # RTNLGRP_LINK
    return s

libc = ctypes.CDLL(None)
here = os.open('/proc/self/ns/net', os.O_RDONLY)
libc.unshare(0x40000000)  # CLONE_NEWNET
there = os.open('/proc/self/ns/net', os.O_RDONLY)
mon2 = monitor()
libc.setns(here, 0)
mon = monitor()

ask = {}
for strict in (0, 1):
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    s.bind((0, 0))
    s.setsockopt(270, 11, 1)  # NETLINK_EXT_ACK
    s.setsockopt(270, 12, strict)  # NETLINK_GET_STRICT_CHK
    s.settimeout(1)
    ask[strict] = s

NEW, DEL, GET, SET, NEWPROP, DELPROP = 16, 17, 18, 19, 108, 109
ACK, CREATE, EXCL, REPLACE, DUMP, ECHO, APPEND = 4, 0x400, 0x200, 0x100, 0x300, 8, 0x800
MAKE = CREATE | EXCL

def attr(t, p=b''):
    if isinstance(p, str):
        p = p.encode() + b'\0'
    if isinstance(p, int):
        p = struct.pack('I', p & 0xffffffff)
    b = struct.pack('HH', 4 + len(p), t) + p
    return b + b'\0' * (-len(b) % 4)

def link(index=0, flags=0, change=0, family=0):
    return struct.pack('BBHiII', family, 0, 0, index, flags, change)

def kind(name, data=None):
    return attr(18, attr(1, name) + (attr(2, data) if data is not None else b''))

def peer(b):
    return kind('veth', attr(1, b))

def messages(d):
    while len(d) >= 16:
        n = struct.unpack_from('I', d)[0]
        yield struct.unpack_from('H', d, 4)[0], d[:n]
        d = d[(n + 3) & ~3:]

def run(name, typ, flags, body, strict=0, wait=0.0):
    s = ask[strict]
    s.send(struct.pack('IHHII', 16 + len(body), typ, 1 | flags, 7, 0) + body)
    answers, done = [], False
    while not done:
        for t, m in messages(s.recv(65536)):
            answers.append(m.hex())
            done = t in (2, 3) or t == NEW and not flags & (ACK | DUMP)
    time.sleep(wait)
    told = []
    for s in (mon, mon2):
        told.append('|')
        while True:
            try:
                told += [m.hex() for _, m in messages(s.recv(65536, socket.MSG_DONTWAIT))]
            except BlockingIOError:
                break
    req = struct.pack('IHHII', 16 + len(body), typ, 1 | flags, 7, 0) + body
    print(name.replace(' ', '-'), 'strict' if strict else '-', req.hex(), *answers, *told, flush=True)

M1, M2, M3 = b'\2\0\0\0\0\1', b'\2\0\0\0\0\2', b'\2\0\0\0\0\3'
SLOW = 1.3  # the kernel looks at links at most once a second

run('dump a fresh namespace', GET, DUMP, link())
run('bring lo up', SET, ACK, link(1, 1, 1), wait=SLOW)
run('make a pair', NEW, ACK | MAKE, link() + attr(3, 'v0') + attr(1, M1) + peer(link() + attr(3, 'v1') + attr(1, M2)), wait=SLOW)
run('first end up', SET, ACK, link(3, 1, 1), wait=SLOW)
run('second end up', SET, ACK, link(2, 1, 1), wait=SLOW)
for strict in (0, 1):
    run('get by index', GET, 0, link(3) + attr(29, 8), strict)
    run('get by name', GET, 0, link() + attr(3, 'v0'), strict)
    run('get nothing', GET, ACK, link(), strict)
    run('get index 99', GET, ACK, link(99), strict)
    run('get negative index', GET, ACK, link(-1), strict)
    run('get unknown name', GET, ACK, link() + attr(3, 'nodev'), strict)
    run('get unknown altname', GET, ACK, link() + attr(53, 'nodev'), strict)
    run('get with a short header', GET, ACK, b'\0\0\0\0', strict)
    run('get with flags', GET, ACK if strict else 0, link(3, 1), strict)
    run('get with MTU', GET, ACK if strict else 0, link(3) + attr(4, 1500), strict)
    run('dump', GET, DUMP, link() + attr(29, 8), strict)
    run('dump with generic header', GET, DUMP, b'\0\0\0\0', strict)
    run('dump an index', GET, DUMP, link(2), strict)
    run('dump with flags', GET, DUMP, link(0, 1), strict)
    run('dump a kind', GET, DUMP, link() + kind('veth'), strict)
    run('dump an unknown kind', GET, DUMP, link() + kind('nosuch'), strict)
    run('dump a master', GET, DUMP, link() + attr(10, 2), strict)
    run('dump with MTU', GET, DUMP, link() + attr(4, 2), strict)
run('new without kind', NEW, ACK | MAKE, link() + attr(3, 'z0'))
run('new without kind or create', NEW, ACK, link() + attr(3, 'z0'))
run('new with nothing', NEW, ACK | MAKE, link())
run('new with nothing or create', NEW, ACK, link())
run('new index without create', NEW, ACK, link(77))
run('new negative index', NEW, ACK | MAKE, link(-3) + kind('veth'))
run('new unknown kind', NEW, ACK | MAKE, link() + attr(3, 'z0') + kind('nosuch'))
run('new lo', NEW, ACK | MAKE, link() + attr(3, 'z0') + kind('lo'))
run('new exists', NEW, ACK | MAKE, link() + attr(3, 'v0') + kind('veth'))
run('new replace', NEW, ACK | CREATE | REPLACE, link() + attr(3, 'v0') + kind('veth'))
run('change with a kind', NEW, ACK, link() + attr(3, 'v0') + kind('veth'))
run('change data', NEW, ACK, link() + attr(3, 'v0') + peer(link() + attr(3, 'k')))
run('new name with slash', NEW, ACK | MAKE, link() + attr(3, 'a/b') + kind('veth'))
run('new long name', NEW, ACK | MAKE, link() + attr(3, 'a' * 16) + kind('veth'))
run('new empty name', NEW, ACK | MAKE, link() + attr(3, '') + kind('veth'))
run('new bad pattern', NEW, ACK | MAKE, link() + attr(3, 'a%s') + kind('veth'))
run('new taken index', NEW, ACK | MAKE, link(1) + attr(3, 'z1') + kind('veth'))
run('new small MTU', NEW, ACK | MAKE, link() + attr(3, 'z1') + attr(4, 10) + kind('veth'))
run('new group address', NEW, ACK | MAKE, link() + attr(3, 'z1') + attr(1, b'\1\0\0\0\0\1') + kind('veth'))
run('new short address', NEW, ACK | MAKE, link() + attr(3, 'z1') + attr(1, b'\2\0\0\0') + kind('veth'))
run('new empty peer', NEW, ACK | MAKE, link() + attr(3, 'z2') + peer(b''))
run('new short peer', NEW, ACK | MAKE, link() + attr(3, 'z2') + peer(b'abcd'))
run('new peer exists', NEW, ACK | MAKE, link() + attr(3, 'z2') + peer(link() + attr(3, 'v0')))
run('new no transmit queue', NEW, ACK | MAKE, link() + attr(3, 'z7') + attr(31, 0) + kind('veth'))
run('new 5000 receive queues', NEW, ACK | MAKE, link() + attr(3, 'z7') + attr(32, 5000) + kind('veth'))
run('new unknown target', NEW, ACK | MAKE, link() + attr(3, 'z8') + attr(46, 5) + kind('veth'))
run('new unknown link namespace', NEW, ACK | MAKE, link() + attr(3, 'z8') + attr(37, 5) + kind('veth'))
run('new two namespaces', NEW, ACK | MAKE, link() + attr(3, 'z8') + attr(46, 5) + attr(19, 5) + kind('veth'))
run('set nothing', SET, ACK, link())
run('set unknown name', SET, ACK, link() + attr(3, 'nodev'))
run('set index 99', SET, ACK, link(99))
run('set small MTU', SET, ACK, link(3) + attr(4, 60))
run('set large MTU', SET, ACK, link(3) + attr(4, 70000))
run('set name of another', SET, ACK, link(3) + attr(3, 'v1'))
run('set bad name', SET, ACK, link(3) + attr(3, 'a:b'))
run('set group address', SET, ACK, link(3) + attr(1, b'\1\0\x5e\0\0\1'))
run('set short address', SET, ACK, link(3) + attr(1, b'\2\0\0\0'))
run('set long address', SET, ACK, link(3) + attr(1, b'\2' * 40))
run('set short broadcast', SET, ACK, link(3) + attr(2, b'\2\0\0\0'))
run('set itself as master', SET, ACK, link(3) + attr(10, 3))
run('set a veth as master', SET, ACK, link(3) + attr(10, 2))
run('set no such master', SET, ACK, link(3) + attr(10, 99))
run('set carrier', SET, ACK, link(3) + attr(33, b'\0'))
run('set protodown', SET, ACK, link(3) + attr(39, b'\1'))
run('set protodown reason', SET, ACK, link(3) + attr(0x8000 | 55, attr(2, 1)))
run('set large gso size', SET, ACK, link(3) + attr(41, 600000))
run('set many gso segments', SET, ACK, link(3) + attr(40, 70000))
run('set long alias', SET, ACK, link(3) + attr(20, 'a' * 256))
run('set map', SET, ACK, link(3) + attr(14, bytes(32)))
run('set short map', SET, ACK, link(3) + attr(14, bytes(8)))
run('move lo', SET, ACK, link(1) + attr(28, there))
run('set MTU', SET, ACK, link(3) + attr(4, 1400))
run('set name', SET, ACK, link(3) + attr(3, 'w0'))
run('set address', SET, ACK, link(3) + attr(1, M3))
run('set same address', SET, ACK, link(3) + attr(1, M3))
run('set broadcast', SET, ACK, link(3) + attr(2, b'\xff' * 6))
run('set queue length', SET, ACK, link(3) + attr(13, 500))
run('set alias', SET, ACK, link(3) + attr(20, 'hello'))
run('set group', SET, ACK, link(3) + attr(27, 7))
run('set gso size', SET, ACK, link(3) + attr(41, 60000))
run('set gso size back', SET, ACK, link(3) + attr(41, 65536))
run('promiscuous', SET, ACK, link(3, 0x100, 0x100))
run('no ARP', SET, ACK, link(3, 0x80, 0x80))
run('all multicast', SET, ACK, link(3, 0x200, 0x200))
run('no flag', SET, ACK, link(3, 0, 0x380))
run('no multicast', SET, ACK, link(3, 0, 0x1000))
run('multicast', SET, ACK, link(3, 0x1000, 0x1000))
run('flags that nobody sets', SET, ACK, link(3, 0xffff0000, 0xffff0000))
run('several at once', SET, ACK, link(3) + attr(4, 1300) + attr(20, 'bye') + attr(13, 400))
run('error behind a change', SET, ACK, link(3) + attr(4, 1200) + attr(33, b'\0'))
run('group up', NEW, ACK, link(0, 0, 0) + attr(27, 7) + attr(4, 1500))
run('altname', NEWPROP, ACK | CREATE | APPEND, link(3) + attr(0x8000 | 52, attr(53, 'uplink')))
run('altname again', NEWPROP, ACK | CREATE | APPEND, link(3) + attr(0x8000 | 52, attr(53, 'uplink')))
run('altname is a name', NEWPROP, ACK | CREATE | APPEND, link(2) + attr(0x8000 | 52, attr(53, 'w0')))
run('altname too long', NEWPROP, ACK | CREATE | APPEND, link(3) + attr(0x8000 | 52, attr(53, 'a' * 128)))
run('altname without device', NEWPROP, ACK | CREATE | APPEND, link() + attr(0x8000 | 52, attr(53, 'aa')))
run('no property', NEWPROP, ACK | CREATE | APPEND, link(3))
run('get by altname', GET, 0, link() + attr(53, 'uplink'))
run('set by altname', SET, ACK, link() + attr(53, 'uplink') + attr(4, 1450))
run('name is an altname', SET, ACK, link(2) + attr(3, 'uplink'))
run('name is its own altname', SET, ACK, link(3) + attr(3, 'uplink'))
run('remove unknown altname', DELPROP, ACK, link(3) + attr(0x8000 | 52, attr(53, 'nix')))
run('remove its name', DELPROP, ACK, link(3) + attr(0x8000 | 52, attr(53, 'w0')))
run('remove another altname', DELPROP, ACK, link(2) + attr(0x8000 | 52, attr(53, 'uplink')))
run('remove altname', DELPROP, ACK, link(3) + attr(0x8000 | 52, attr(53, 'uplink')))
run('delete lo', DEL, ACK, link(1))
run('delete nothing', DEL, ACK, link())
run('delete index 99', DEL, ACK, link(99))
run('delete unknown name', DEL, ACK, link() + attr(3, 'nodev'))
run('delete empty group', DEL, ACK, link() + attr(27, 77))
run('delete group 0', DEL, ACK, link() + attr(27, 0))
run('first end down', SET, ACK, link(3, 0, 1), wait=SLOW)
run('alias of a device that is down', SET, ACK, link(3) + attr(20, 'x'))
run('first end up again', SET, ACK, link(3, 1, 1), wait=SLOW)
run('make a pair that is up', NEW, ACK | MAKE, link(0, 1, 1) + attr(3, 'u0') + attr(1, M1) + peer(link() + attr(3, 'u1') + attr(1, M2)), wait=SLOW)
run('echo', SET, ECHO | ACK, link(2) + attr(4, 1000), wait=SLOW)
run('delete the pair', DEL, ACK, link(3), wait=SLOW)
run('delete the second pair', DEL, ACK, link(4), wait=SLOW)
run('make with an index', NEW, ACK | MAKE, link(20) + attr(3, 'i0') + attr(1, M1) + peer(link(30) + attr(3, 'i1') + attr(1, M2)), wait=SLOW)
run('delete by peer', DEL, ACK, link(30), wait=SLOW)
run('make without names', NEW, ACK | MAKE, link() + attr(1, M1) + peer(link() + attr(1, M2)), wait=SLOW)
run('make a pair over two namespaces', NEW, ACK | MAKE, link() + attr(3, 'p0') + attr(1, M1) +
    peer(link() + attr(3, 'p1') + attr(1, M2) + attr(28, there)), wait=SLOW)
run('end of a pair over two namespaces up', SET, ACK, link() + attr(3, 'p0') + attr(4, 1400), wait=SLOW)
run('flags by name', SET, ACK, link(0, 1, 1) + attr(3, 'p0'), wait=SLOW)
run('get an end of it', GET, 0, link() + attr(3, 'p0') + attr(29, 8))
run('make a pair to move', NEW, ACK | MAKE, link() + attr(3, 'm0') + attr(1, M1) + peer(link() + attr(3, 'm1') + attr(1, M2)), wait=SLOW)
run('end to move up', SET, ACK, link(0, 1, 1) + attr(3, 'm0'), wait=SLOW)
run('move an end', SET, ACK, link() + attr(3, 'm0') + attr(28, there), wait=SLOW)
run('make a pair with a name of there', NEW, ACK | MAKE, link() + attr(3, 'p1') + attr(1, M1) + peer(link() + attr(3, 'n1') + attr(1, M2)), wait=SLOW)
run('move to a taken name', SET, ACK, link() + attr(53, 'p1') + attr(28, there))
run('move to a taken index', SET, ACK, link() + attr(3, 'n1') + attr(28, there) + attr(49, 1))
run('move to an index', SET, ACK, link() + attr(3, 'n1') + attr(28, there) + attr(49, 50), wait=SLOW)
run('make in the other namespace', NEW, ACK | MAKE, link() + attr(3, 'o0') + attr(1, M1) + attr(28, there) + peer(link() + attr(3, 'o1') + attr(1, M2)), wait=SLOW)
run('dump pairs over two namespaces', GET, DUMP, link() + attr(29, 8))
run('dump the other namespace', GET, DUMP, link() + attr(29, 8) + attr(46, 0))
run('get in the other namespace', GET, 0, link(1) + attr(29, 8) + attr(46, 0))
run('delete a pair over two namespaces', DEL, ACK, link() + attr(3, 'p0'), wait=SLOW)
run('delete a moved pair', DEL, ACK, link() + attr(3, 'm1'), wait=SLOW)
run('bring lo down', SET, ACK, link(1, 0, 1), wait=SLOW)
run('dump in the end', GET, DUMP, link())
