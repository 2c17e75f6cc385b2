# What /dev/net/tun answers, a line a question. test/interop.TestTunAsLinux.
import errno, fcntl, os, select, socket, struct, subprocess

def code(f, *args):
    try:
        r = f(*args)
        return r.hex() if isinstance(r, bytes) else r
    except OSError as e:
        return errno.errorcode[e.errno]

def nr(n, d=1, s=4): return d << 30 | s << 16 | 0x54 << 8 | n
def num(n, v): return lambda fd: code(fcntl.ioctl, fd, nr(n), v)
def put(n, v): return lambda fd: code(fcntl.ioctl, fd, nr(n), struct.pack('i', v))
def get(n): return lambda fd: code(fcntl.ioctl, fd, nr(n, 2), b'\0' * 4)
def ifreq(name, flags): return struct.pack('16sH22x', name.encode(), flags)
def getiff(fd): return code(fcntl.ioctl, fd, nr(210, 2), b'\0' * 40)
def setqueue(fl): return lambda fd: code(fcntl.ioctl, fd, nr(217), ifreq('', fl))
def tun(flags=os.O_RDWR | os.O_NONBLOCK): return os.open('/dev/net/tun', flags)
def setiff(fd, name, flags):
    r = code(fcntl.ioctl, fd, nr(202), ifreq(name, flags))
    return r if len(r) != 80 else bytes.fromhex(r)[:16].rstrip(b'\0').decode()
def read(fd, n=4096): return code(os.read, fd, n)
def write(fd, b): return code(os.write, fd, b)
def readv(fd, *sizes): return code(lambda: os.readv(fd, [bytearray(n) for n in sizes]))
def poll(fd):
    p = select.poll()
    p.register(fd, select.POLLIN)
    return [e for _, e in p.poll(0)]
def say(what, *values): print(what, *values, flush=True)
def sh(c):
    say('$', c)
    subprocess.run(c, shell=True, stderr=subprocess.STDOUT)

subprocess.run('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 2>/dev/null; ip link set lo up', shell=True)

fd = tun()
say('features', get(207)(fd))
say('unattached', read(fd), write(fd, b'x' * 40), getiff(fd), num(203, 1)(fd), num(208, 0)(fd), get(215)(fd), num(250, 0)(fd), get(211)(fd),
    setqueue(0x200)(fd), setqueue(0x400)(fd), setqueue(0)(fd))
for name, flags in [('', 0), ('', 3), ('', 0x801), ('', 0x8001), ('a/b', 1), ('.', 1), ('lo', 1), ('x' * 16, 1), ('%d%d', 1), ('t%s', 1), ('', 0x1001), ('', 2), ('n%d', 0x12),
                    ('n%d', 0x22), ('n%d', 0x32), ('n%d', 0x31), ('c0', 0x42)]:
    f = tun()
    say('TUNSETIFF', repr(name), hex(flags), setiff(f, name, flags), getiff(f))
    os.close(f)

def wild(fd): return [(n, code(fcntl.ioctl, fd, nr(n, d, z), 1)) for n, d, z in [(202, 1, 4), (207, 2, 4), (209, 1, 4), (210, 2, 4), (211, 2, 4), (212, 1, 4), (213, 1, 16), (214, 1, 16), (215, 2, 4), (216, 1, 4),
                         (217, 1, 4), (218, 1, 4), (221, 2, 4), (220, 1, 4), (226, 1, 4)]] + [code(fcntl.ioctl, fd, 0x8927, 1), code(fcntl.ioctl, fd, 0x8924, 1), code(fcntl.ioctl, fd, 0x8933, 1), code(fcntl.ioctl, fd, 0x8933, ifreq('', 0))]
say('wild', wild(tun()))
say('## TUN')
f = tun()
say(setiff(f, 't0', 0x1001), setiff(f, 't0', 0x1001), getiff(f), get(207)(f))
g = tun()
say('taken', setiff(g, 't0', 0x1001), setiff(g, 't0', 0x1002), setiff(g, 't0', 0x1101), setiff(g, 't0', 0x9001), setiff(g, 't0', 0x1000))
sh('ip -d link show t0; ip tuntap show; ip link set t0 up; ip addr add 10.9.0.1/24 dev t0; ip -d addr show t0')
sh('cd /sys/class/net/t0; for a in tun_flags owner group tx_queue_len type carrier; do echo $a $(cat $a); done; ethtool -i t0')
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('10.9.0.1', 999))
s.settimeout(20)
def packet(size=10):
    s.sendto(b'a' * size, ('10.9.0.2', 9))
    select.select([f], [], [], 20)
def plain(h):
    "without the identification and the checksums"
    b = bytearray(bytes.fromhex(h))
    b[4:6] = b[10:12] = b'\0\0'
    return b[:24].hex() + ' %d' % len(b)
packet()
say('read', poll(f), plain(read(f)), poll(f), read(f))
packet()
say('short', plain(read(f, 30)), read(f))
packet()
say('readv', readv(f, 10, 10), read(f))
packet(1472)
say('long', plain(read(f)))
for b in [b'', b'\x45', b'\0' * 20, b'\x45' * 40, b'\x60' * 40]: say('write', len(b), write(f, b))
def checksum(b):
    n = sum(struct.unpack('!%dH' % (len(b) // 2), b))
    while n >> 16: n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff
def datagram(data):
    h = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 28 + len(data), 1, 0, 64, 17, 0, socket.inet_aton('10.9.0.2'), socket.inet_aton('10.9.0.1'))
    h = h[:10] + struct.pack('!H', checksum(h)) + h[12:]
    return h + struct.pack('!HHHH', 9, 999, 8 + len(data), 0) + data
say('received', write(f, datagram(b'hello')), s.recvfrom(100))
say('writev', code(lambda: os.writev(f, [datagram(b'hello')[:11], datagram(b'hello')[11:]])), s.recvfrom(100))
h = os.dup(f)
os.dup2(f, 50)
say('dup', write(h, datagram(b'dup')), s.recvfrom(100), write(50, datagram(b'dup2')), s.recvfrom(100))
packet()
select.select([50], [], [], 20)
say('dup', poll(50), plain(read(50)), read(50), poll(h))
pid = os.fork()
if pid == 0:
    os.write(f, datagram(b'child'))
    os._exit(0)
os.waitpid(pid, 0)
say('child', s.recvfrom(100))
os.close(h); os.close(50)
e = select.epoll()
e.register(f, select.EPOLLIN | select.EPOLLET)
say('epoll', [x & 1 for _, x in e.poll(0)])
packet()
say('epoll', [x & 1 for _, x in e.poll(20)], plain(read(f)))
sh('ip link set t0 down')
say('down', write(f, b'\x45' * 40), read(f))
say('owner', num(204, 1000)(f), num(204, -1)(f), 'group', num(206, 5)(f), 'persist', num(203, 1)(f), 'nocsum', num(200, 1)(f), 'filter', code(fcntl.ioctl, f, nr(209), b'\0' * 8),
    code(fcntl.ioctl, f, nr(213, 1, 16), b'\0' * 16))
sh('cat /sys/class/net/t0/tun_flags /sys/class/net/t0/owner /sys/class/net/t0/group; ip tuntap')
os.close(f)
sh('ip link set t0 up; ip link show t0 | head -1; ip tuntap del t0 mode tap; ip tuntap del t0 mode tun; ip link show t0')

say('## TAP')
f = tun()
say(setiff(f, 'p%d', 2), getiff(f))
sh('ip link set p0 address 02:00:00:00:00:07; ip link set p0 up; ip -d link show p0; ethtool p0 | head -16')
for n in (0, 3, 4, 17, 18, 64): say('write', n, write(f, b'\0' * n))
sh('ip addr add 10.9.1.1/24 dev p0; ip neigh add 10.9.1.2 lladdr 02:00:00:00:00:08 dev p0')
s2 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s2.sendto(b'a' * 100, ('10.9.1.2', 9))
select.select([f], [], [], 20)
say('read', read(f, 40)[:44])
say('carrier', put(226, 0)(f))
sh('ip link show p0 | head -1')
say('carrier', put(226, 1)(f))
sh('ip link show p0 | head -1')
say('wild', wild(f))
say('header size', get(215)(f), put(216, 9)(f), put(216, -1)(f), put(216, 12)(f), get(215)(f))
say('offload', [num(208, x)(f) for x in (0, 1, 2, 4, 8, 3, 7, 9, 15, 16, 31, 32, 96, 33, 97, 103, 128, 256, 385)])
num(208, 7)(f)
sh('ethtool -k p0 | grep -E "^(tx-check|tcp-seg|generic|scatter)|tx-tcp(6)?-seg|tx-tcp-ecn|tx-udp-seg|tx-checksum-ip-gen"')
say('order', get(221)(f), put(220, 1)(f), get(221)(f), put(222, 1)(f), get(223)(f))
say('buffer', get(211)(f), put(212, 0)(f), put(212, -1)(f), put(212, 5000)(f), get(211)(f))
say('queue', setqueue(0x400)(f), setqueue(0x200)(f), 'index', put(218, 9)(f), 'unknown', num(250, 0)(f), num(0, 0)(f), code(fcntl.ioctl, f, 0x5401, b'\0' * 60), code(fcntl.ioctl, f, 0x541b, b'\0' * 4))
say('address', code(fcntl.ioctl, f, 0x8927, ifreq('', 0))[32:52], code(fcntl.ioctl, f, 0x8924, struct.pack('16sH6s16x', b'', 1, b'\2\0\0\0\0\x09'))[:3], code(fcntl.ioctl, f, 0x8924, struct.pack('16sH6s16x', b'', 1, b'\1\0\0\0\0\x09')))
sh('ip -br link show p0; ip link set p0 mtu 67; ip link set p0 mtu 65521; ip link set p0 mtu 65522; ip link set p0 name q0; ip tuntap')
say(getiff(f))
sh('ip link del q0')
say('gone', read(f), write(f, b'x' * 60), getiff(f), setiff(f, 'q1', 2), read(f))

say('## virtio headers')
f = tun()
say(setiff(f, 'v0', 0x5001))
sh('ip link set v0 up; ip addr add 10.9.2.1/24 dev v0')
frame = b'\x45\0' + b'\0' * 98
for flags, typ, hdr, size, start, off, n in [(0, 0, 0, 0, 0, 0, 100), (1, 0, 0, 0, 20, 6, 100), (1, 0, 0, 0, 98, 0, 100), (1, 0, 0, 0, 99, 0, 100), (1, 0, 0, 0, 65535, 65535, 100), (0, 1, 40, 0, 0, 0, 100),
                                             (0, 1, 40, 65535, 0, 0, 100), (0, 2, 40, 10, 0, 0, 100), (0, 0x7f, 40, 10, 0, 0, 100), (0, 0x80, 0, 10, 0, 0, 100), (0, 0, 101, 0, 0, 0, 100), (0, 0, 100, 0, 0, 0, 100),
                                             (2, 0, 0, 0, 0, 0, 100), (0x80, 0, 0, 0, 0, 0, 100), (1, 0x85, 28, 10, 20, 6, 100), (0, 5, 28, 10, 0, 0, 100), (0, 0, 0, 0, 0, 0, 0)]:
    say('write', flags, typ, hdr, size, start, off, n, write(f, struct.pack('BBHHHH', flags, typ, hdr, size, start, off) + frame[:n]))
say('cut', write(f, b'\0' * 9), write(f, b''))
s3 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s3.sendto(b'a' * 100, ('10.9.2.2', 9))
select.select([f], [], [], 20)
x = read(f)
say('read', x[:20], len(x) // 2)
s3.sendto(b'a' * 100, ('10.9.2.2', 9))
select.select([f], [], [], 20)
say('read', read(f, 9), read(f))
os.close(f)

say('## queues')
f, g = tun(), tun()
say(setiff(f, 'm0', 0x1102), setiff(g, 'm0', 0x1102), setiff(tun(), 'm0', 0x1002), setiff(tun(), 'm0', 0x1101))
sh('ip -d link show m0 | grep -o "tun type.*numdisabled [0-9]*"; ip tuntap')
say(setqueue(0x400)(g), setqueue(0x400)(g), read(g))
sh('ip -d link show m0 | grep -o "numqueues.*numdisabled [0-9]*"')
say(setqueue(0x200)(g), setqueue(0x600)(g), setqueue(0x200)(g))
sh('ip -d link show m0 | grep -o "numqueues.*numdisabled [0-9]*"')
os.close(g)
sh('ip -d link show m0 | grep -o "numqueues.*numdisabled [0-9]*"')
os.close(f)

say('## others')
f = tun()
say('index', put(218, -1)(f), put(218, 77)(f), setiff(f, 'ix', 0x1001))
sh('ip link show ix | head -1; ip link add type tun; ip link add foo type tun; ip tuntap add dev u0 mode tun user 1000 group 7 pi vnet_hdr multi_queue one_queue; ip tuntap; ip tuntap add dev u0 mode tun')
say('O_DIRECTORY', code(os.open, '/dev/net/tun', os.O_RDWR | os.O_DIRECTORY), 'O_EXCL', code(os.open, '/dev/net/tun', os.O_RDWR | os.O_CREAT | os.O_EXCL), code(os.open, '/dev/net/tun/x', os.O_RDWR))
os.chdir('/dev')
say('relative', setiff(os.open('net/tun', os.O_RDWR), 'r0', 1))
unprivileged = tun(), tun(), tun()
os.setgroups([])
os.setresgid(1000, 1000, 1000)
os.setresuid(1000, 1000, 1000)
say('unprivileged', setiff(unprivileged[0], 'w0', 1), setiff(unprivileged[1], 'u0', 0x4101), setiff(unprivileged[2], 'ix', 0x1001))
