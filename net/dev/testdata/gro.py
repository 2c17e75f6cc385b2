#!/usr/bin/env python3
"""Records what this machine's GRO makes of the frames in gro-6.18.txt: run as root; it works in namespaces of its own."""
import array, fcntl, os, re, select, socket, struct, subprocess, sys, time

FLAGS = 'FSRPAUEC'
DEFAULTS = dict(seq=0, len=1000, ack=1, win=100, id=1, df=1, ttl=64, tos=0, sport=1000, smac=1, mf=0, pad=0, bad=0, ipopt=0, zero=0, label=0)

def csum(b):
    if len(b) & 1: b += b'\0'
    s = sum(struct.unpack('!%dH' % (len(b)//2), b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff

def frames(text):
    out = []
    for word in text.split(';'):
        t = word.split()
        n = 1
        if t[0].isdigit(): n = int(t.pop(0))
        kind, v, flags, ts, plus = t[0], dict(DEFAULTS), 'A', None, set()
        for kv in t[1:]:
            k, x = kv.split('=')
            if k == 'flags': flags = x
            elif k == 'ts': ts = int(x)
            elif x == '+': plus.add(k)
            else: v[k] = int(x)
        for i in range(n):
            w = dict(v)
            for k in plus: w[k] = i * v['len'] if k == 'seq' else i + 1
            out.append(frame(kind, w, flags, ts))
    return out

def frame(kind, v, flags, ts):
    payload = bytes(i & 255 for i in range(v['len']))
    proto = 6 if kind.startswith('tcp') else 17
    if proto == 6:
        opt = struct.pack('!BBBBII', 1, 1, 8, 10, ts, 9) if ts is not None else b''
        fl = sum(1 << FLAGS.index(f) for f in flags)
        l4 = struct.pack('!HHIIBBHHH', v['sport'], 80, v['seq'], v['ack'], (20+len(opt))//4 << 4, fl, v['win'], 0, 0) + opt + payload
        at = 16
    else:
        l4 = struct.pack('!HHHH', v['sport'], 80, 8+len(payload), 0) + payload
        at = 6
    if kind.endswith('6'):
        src, dst = bytes([0xfd]+[0]*14+[1]), bytes([0xfd]+[0]*14+[2])
        pseudo = src + dst + struct.pack('!IHBB', len(l4), 0, 0, proto)
    else:
        src, dst = bytes([10,0,0,1]), bytes([10,0,0,2])
        pseudo = src + dst + struct.pack('!BBH', 0, proto, len(l4))
    s = csum(pseudo + l4) or 0xffff
    if v['bad']: s ^= 0x55
    if v['zero']: s = 0
    l4 = l4[:at] + struct.pack('!H', s) + l4[at+2:]
    if kind.endswith('6'):
        ip = struct.pack('!IHBB', 6 << 28 | v['tos'] << 20 | v['label'], len(l4), proto, v['ttl']) + src + dst
        typ = 0x86dd
    else:
        opt = b'\1\1\1\0' if v['ipopt'] else b''
        def hdr(c): return struct.pack('!BBHHHBBH', 0x45+len(opt)//4, v['tos'], 20+len(opt)+len(l4), v['id'] & 0xffff, v['df'] << 14 | v['mf'] << 13, v['ttl'], proto, c) + src + dst + opt
        ip = hdr(csum(hdr(0)))
        typ = 0x0800
    return bytes([2,0,0,0,0,0x22]) + bytes([2,0,0,0,0,v['smac']]) + struct.pack('!H', typ) + ip + l4 + b'\xee' * v['pad']

def sh(*a): subprocess.check_call(a)

def describe(p):
    gso = struct.unpack_from('=H', p, 4)[0]
    f = p[10:]
    typ = struct.unpack_from('!H', f, 12)[0]
    if typ == 0x0800:
        tot, id_, frag = struct.unpack_from('!HHH', f, 16)
        ihl = (f[14] & 15) * 4; proto = f[23]; l4 = f[14+ihl:14+tot]
    else:
        plen = struct.unpack_from('!H', f, 18)[0]; proto = f[20]; l4 = f[54:54+plen]; id_ = 0
    if proto == 6:
        off = (l4[12] >> 4) * 4
        fl = ''.join(c for i, c in enumerate(FLAGS) if l4[13] >> i & 1)
        return 'len=%d gso=%d flags=%s id=%d' % (len(l4)-off, gso, fl, id_)
    return 'len=%d gso=%d id=%d' % (len(l4)-8, gso, id_)

def ethtool(name, cmd, *words):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    buf = array.array('B', struct.pack('=%dI' % (1+len(words)), cmd, *words))
    ifr = struct.pack('16sP', name.encode(), buf.buffer_info()[0]) + b'\0' * 16
    fcntl.ioctl(s, 0x8946, ifr)
    return buf

def feature(name, which, on):
    """Sets a feature by its name in the string set ETH_SS_FEATURES (4)."""
    b = array.array('B', struct.pack('=IIQI', 0x37, 0, 1 << 4, 0)); s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    fcntl.ioctl(s, 0x8946, struct.pack('16sP', name.encode(), b.buffer_info()[0]) + b'\0'*16)
    n = struct.unpack_from('=I', b, 16)[0]
    b = array.array('B', struct.pack('=III', 0x1b, 4, n) + b'\0' * 32 * n)
    fcntl.ioctl(s, 0x8946, struct.pack('16sP', name.encode(), b.buffer_info()[0]) + b'\0'*16)
    names = [bytes(b[12+32*i:44+32*i]).split(b'\0')[0].decode() for i in range(n)]
    i = names.index(which)
    blocks = (n + 31) // 32
    words = [0] * (2 * blocks)
    words[2*(i//32)] = 1 << i % 32
    if on: words[2*(i//32)+1] = 1 << i % 32
    ethtool(name, 0x3b, blocks, *words)

def run(ins, sock, fwd):
    rx = socket.socket(17, 3, socket.htons(3))
    rx.setsockopt(263, 15, 1)  # PACKET_VNET_HDR
    rx.bind(('b0', 3))
    rx.setsockopt(1, 33, 8 << 20)
    tx = socket.socket(17, 3, 0); tx.bind(('a0', 0))
    u = None
    if sock:
        u = socket.socket(2, 2); u.bind(('10.0.0.2', 80))
        if sock == 'gro': u.setsockopt(17, 104, 1)
    feature('b0', 'rx-udp-gro-forwarding', fwd)
    for f in frames(ins): tx.send(f)
    time.sleep(.2)
    rx.setblocking(False)
    out = []
    while True:
        try: p = rx.recv(200000)
        except BlockingIOError: break
        if p[10:16] == bytes([2,0,0,0,0,0x22]): out.append(describe(p))
    for s in (rx, tx, u):
        if s: s.close()
    return '; '.join(out)

def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'gro-6.18.txt')
    sh('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'b0')
    sh('ip', 'link', 'set', 'b0', 'address', '02:00:00:00:00:22')
    for d in 'a0', 'b0': sh('ip', 'link', 'set', d, 'up')
    sh('ip', 'addr', 'add', '10.0.0.2/24', 'dev', 'b0')
    feature('b0', 'rx-gro', True)
    for f in 'tx-tcp-segmentation', 'tx-tcp-ecn-segmentation', 'tx-tcp-mangleid-segmentation', 'tx-tcp6-segmentation':
        feature('a0', f, False)  # else the pair's frames go past GRO
    keep = socket.socket(2, 2)
    keep.setsockopt(17, 104, 1)  # somebody has UDP_GRO: sockets are looked for
    open('/sys/class/net/b0/gro_flush_timeout', 'w').write('100000000')
    open('/sys/class/net/b0/napi_defer_hard_irqs', 'w').write('1')
    lines, out, sock, fwd = open(path).read().split('\n'), [], None, False
    for l in lines:
        if l.startswith('out '): continue
        out.append(l)
        if l.startswith('case '): sock, fwd = None, False
        elif l.startswith('sock '): sock = l.split()[1]
        elif l == 'forwarding': fwd = True
        elif l.startswith('in '): out.append('out ' + run(l[3:], sock, fwd))
    open(path, 'w').write('\n'.join(out))

main()
