# Records what the running kernel answers to RTM_*NEIGH and RTM_*NEIGHTBL:
#   unshare -n python3 record.py > requests.txt
import socket, struct, subprocess
def attr(t,b):
    l=4+len(b); return struct.pack('HH',l,t)+b+b'\0'*((-l)%4)
def msg(typ,flags,body,seq=1):
    return struct.pack('IHHII',16+len(body),typ,flags,seq,0)+body
def nd(fam=2,ifi=0,state=0,flags=0,typ=0,pad=0):
    return struct.pack('BBHiHBB',fam,pad,0,ifi,state,flags,typ)
def zero(b):
    # the ages and the count of holders in NDA_CACHEINFO vary
    b = bytearray(b); o = 12
    while o + 4 <= len(b):
        l, t = struct.unpack_from('HH', b, o)
        if t == 3: b[o+4:o+l] = bytes(l-4)
        o += (l+3) & ~3
    return bytes(b)
def ask(m, strict=False):
    s = socket.socket(16, 3, 0); s.bind((0, 0))
    s.setsockopt(270, 11, 1)
    if strict: s.setsockopt(270, 12, 1)
    s.send(m); s.settimeout(0.2)
    out = []
    dump = struct.unpack_from('H', m, 6)[0] & 0x304 != 0
    try:
        while True:
            d = s.recv(65536); o = 0
            while o + 16 <= len(d):
                l, t, f, q, p = struct.unpack_from('IHHII', d, o)
                b = d[o+16:o+l]; o += (l+3) & ~3
                if t not in (2, 3):
                    out.append('%d %#x %s' % (t, f, zero(b).hex())); continue
                e = struct.unpack_from('i', b)[0]
                if e == 0: return sorted(out)
                x = str(e)
                if f & 0x200:
                    off = 4
                    if t == 2: off = 4 + ((16 if f & 0x100 else struct.unpack_from('I', b, 4)[0]) + 3 & ~3)
                    while off + 4 <= len(b):
                        al, at = struct.unpack_from('HH', b, off); v = b[off+4:off+al]
                        if at == 1: x += ' "' + v[:-1].decode() + '"'
                        elif at == 2: x += ' off=%d' % struct.unpack('I', v)
                        elif at == 5: x += ' misstype=%d' % struct.unpack('I', v)
                        off += (al+3) & ~3
                return [x]
    except socket.timeout: pass
    return sorted(out)
def show(name, m, strict=False):
    print('#', name); print('> ' + ('strict ' if strict else '') + m.hex())
    for l in ask(m, strict): print('< ' + l)
REQ,ACK,ROOT,CREATE,EXCL,REPL=1,4,0x300,0x400,0x200,0x100
NEW,DEL,GET=28,29,30
ip=lambda s:attr(1,socket.inet_aton(s))
mac=attr(2,bytes.fromhex('020304050607'))

sh = lambda c: subprocess.run(c, shell=True, check=True)
sh('sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ip link set lo up; ip link add a0 index 2 type veth peer name b0 index 3; ip link set a0 up; ip link set b0 up; ip addr add 10.1.0.2/24 dev a0')
i = 2
show('add no dst',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x80)))
show('add bad dev',msg(NEW,REQ|ACK|CREATE,nd(ifi=999,state=0x80)+ip('10.1.0.9')+mac))
show('add no dev',msg(NEW,REQ|ACK|CREATE,nd(ifi=0,state=0x80)+ip('10.1.0.9')+mac))
show('add short ll',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x80)+ip('10.1.0.9')+attr(2,b'\1\2')))
show('add short dst',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x80)+attr(1,b'\1\2')+mac))
show('add long dst',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x80)+attr(1,b'\x0a\1\0\x55'+b'\1\2')+mac))
show('add fam 9',msg(NEW,REQ|ACK|CREATE,nd(fam=9,ifi=i,state=0x80)+ip('10.1.0.9')+mac))
show('add fam 0',msg(NEW,REQ|ACK|CREATE,nd(fam=0,ifi=i,state=0x80)+ip('10.1.0.9')+mac))
show('add perm no ll',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x80)+ip('10.1.0.9')))
show('  get it',msg(GET,REQ,nd(ifi=i)+ip('10.1.0.9')))
show('add nocreate',msg(NEW,REQ|ACK,nd(ifi=i,state=0x80)+ip('10.1.0.10')+mac))
show('add ok',msg(NEW,REQ|ACK|CREATE|EXCL,nd(ifi=i,state=0x80)+ip('10.1.0.10')+mac))
show('get ok',msg(GET,REQ,nd(ifi=i)+ip('10.1.0.10')))
show('add excl',msg(NEW,REQ|ACK|CREATE|EXCL,nd(ifi=i,state=0x80)+ip('10.1.0.10')+mac))
show('change mac no REPLACE',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x80)+ip('10.1.0.10')+attr(2,b'\2\2\2\2\2\2')))
show('get ok',msg(GET,REQ,nd(ifi=i)+ip('10.1.0.10')))
show('managed perm',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x80)+ip('10.1.0.11')+mac+attr(15,struct.pack('I',1))))
show('ext flags bad',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x80)+ip('10.1.0.11')+mac+attr(15,struct.pack('I',0x80))))
show('ext flags 2',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x80)+ip('10.1.0.11')+mac+attr(15,struct.pack('I',2))))
show('ext flags 4',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x80)+ip('10.1.0.11')+mac+attr(15,struct.pack('I',4))))
show('ext flags 4 stale',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,state=0x4)+ip('10.1.0.31')+mac+attr(15,struct.pack('I',4))))
show('proxy managed',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,flags=8)+ip('10.1.0.11')+attr(15,struct.pack('I',1))))
show('proxy add',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,flags=8)+ip('10.1.0.12')))
show('proxy add nodev',msg(NEW,REQ|ACK|CREATE,nd(ifi=0,flags=8)+ip('10.1.0.13')))
show('proxy add excl',msg(NEW,REQ|ACK|CREATE|EXCL,nd(ifi=i,flags=8)+ip('10.1.0.12')))
show('proxy get',msg(GET,REQ,nd(ifi=i,flags=8)+ip('10.1.0.12')))
show('proxy get miss',msg(GET,REQ,nd(ifi=i,flags=8)+ip('10.1.0.14')))
show('proxy get nodev',msg(GET,REQ,nd(ifi=0,flags=8)+ip('10.1.0.13')))
show('proxy get via dev of nodev',msg(GET,REQ,nd(ifi=i,flags=8)+ip('10.1.0.13')))
show('proxy add proto',msg(NEW,REQ|ACK|CREATE,nd(ifi=i,flags=8)+ip('10.1.0.15')+attr(12,b'\x04')))
show('proxy dump',msg(GET,REQ|ROOT,nd(flags=8)))
show('proxy del',msg(DEL,REQ|ACK,nd(ifi=i,flags=8)+ip('10.1.0.12')))
show('proxy del miss',msg(DEL,REQ|ACK,nd(ifi=i,flags=8)+ip('10.1.0.12')))
show('del no dst',msg(DEL,REQ|ACK,nd(ifi=i)))
show('del short hdr',msg(DEL,REQ|ACK,b'\2\0\0\0'))
show('new short hdr',msg(NEW,REQ|ACK,b'\2\0\0\0'))
show('del miss',msg(DEL,REQ|ACK,nd(ifi=i)+ip('10.1.0.99')))
show('del nodev',msg(DEL,REQ|ACK,nd(ifi=0)+ip('10.1.0.99')))
show('del baddev',msg(DEL,REQ|ACK,nd(ifi=999)+ip('10.1.0.99')))
show('del short',msg(DEL,REQ|ACK,nd(ifi=i)+attr(1,b'\1')))
show('del fam',msg(DEL,REQ|ACK,nd(fam=9,ifi=i)+ip('10.1.0.99')))
show('get short',msg(GET,REQ,b'\2\0\0\0'))
show('get pad',msg(GET,REQ,nd(ifi=i,pad=1)+ip('10.1.0.10')))
show('get state',msg(GET,REQ,nd(ifi=i,state=1)+ip('10.1.0.10')))
show('get flags',msg(GET,REQ,nd(ifi=i,flags=1)+ip('10.1.0.10')))
show('get no dst',msg(GET,REQ,nd(ifi=i)))
show('get miss',msg(GET,REQ,nd(ifi=i)+ip('10.1.0.98')))
show('get nodev',msg(GET,REQ,nd(ifi=0)+ip('10.1.0.98')))
show('get baddev',msg(GET,REQ,nd(ifi=999)+ip('10.1.0.98')))
show('get long',msg(GET,REQ,nd(ifi=i)+attr(1,b'\1\2\3\4\5')))
show('get other attr',msg(GET,REQ,nd(ifi=i)+ip('10.1.0.98')+mac))
show('get fam 9',msg(GET,REQ,nd(fam=9,ifi=i)+ip('10.1.0.98')))
show('get fam 9 no dst',msg(GET,REQ,nd(fam=9,ifi=i)))
show('get fam 0',msg(GET,REQ,nd(fam=0,ifi=i)+ip('10.1.0.98')))
show('get unk attr',msg(GET,REQ,nd(ifi=i)+ip('10.1.0.98')+attr(40,b'abcd')))
for st in (False,True):
    show('dump short',msg(GET,REQ|ROOT,b'\2\0\0\0'),strict=st)
    show('dump ifindex hdr',msg(GET,REQ|ROOT,nd(ifi=i)),strict=st)
    show('dump state',msg(GET,REQ|ROOT,nd(state=1)),strict=st)
    show('dump flags',msg(GET,REQ|ROOT,nd(flags=1)),strict=st)
    show('dump lladdr',msg(GET,REQ|ROOT,nd()+mac),strict=st)
    show('dump ifindex attr',msg(GET,REQ|ROOT,nd()+attr(8,struct.pack('I',i))),strict=st)
    show('dump ifindex 999',msg(GET,REQ|ROOT,nd()+attr(8,struct.pack('I',999))),strict=st)
    show('dump ifindex short',msg(GET,REQ|ROOT,nd()+attr(8,b'ab')),strict=st)
    show('dump master',msg(GET,REQ|ROOT,nd()+attr(9,struct.pack('I',77))),strict=st)
    show('dump master -1',msg(GET,REQ|ROOT,nd()+attr(9,struct.pack('i',-1))),strict=st)
    show('dump unk',msg(GET,REQ|ROOT,nd()+attr(40,b'abcd')),strict=st)
    show('dump fam 9',msg(GET,REQ|ROOT,nd(fam=9)),strict=st)
    show('dump proxy',msg(GET,REQ|ROOT,nd(flags=8)),strict=st)

i2=i
for state in (0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80):
    a = ip('10.1.1.%d' % state)
    show('add state %#x' % state, msg(NEW, REQ|ACK|CREATE|EXCL, nd(ifi=i, state=state)+a+mac))
    if state not in (1, 2, 8, 0x10): show('  get it', msg(GET, REQ, nd(ifi=i)+a))
show('extern learn', msg(NEW, REQ|ACK|CREATE, nd(ifi=i, state=4, flags=0x10)+ip('10.1.2.1')+mac+attr(12, b'\x10')))
show('  get it', msg(GET, REQ, nd(ifi=i)+ip('10.1.2.1')))
show('replace without extern learn', msg(NEW, REQ|ACK|CREATE|REPL, nd(ifi=i, state=0x80)+ip('10.1.2.1')+mac))
show('  get it', msg(GET, REQ, nd(ifi=i)+ip('10.1.2.1')))
show('router', msg(NEW, REQ|ACK|CREATE, nd(ifi=i, state=4, flags=0x80)+ip('10.1.2.2')+mac))
show('  get it', msg(GET, REQ, nd(ifi=i)+ip('10.1.2.2')))
show('validated without state', msg(NEW, REQ|ACK|CREATE, nd(ifi=i)+ip('10.1.2.3')+mac+attr(15,struct.pack('I',4))))
show('validated use', msg(NEW, REQ|ACK|CREATE, nd(ifi=i,state=4,flags=1)+ip('10.1.2.3')+mac+attr(15,struct.pack('I',4))))
show('none entry', msg(NEW, REQ|ACK|CREATE, nd(ifi=i)+ip('10.1.2.4')))
show('  mark it validated', msg(NEW, REQ|ACK|REPL, nd(ifi=i)+ip('10.1.2.4')+attr(15,struct.pack('I',4))))
show('  get it', msg(GET, REQ, nd(ifi=i)+ip('10.1.2.4')))
show('loopback', msg(NEW, REQ|ACK|CREATE, nd(ifi=1, state=0x80)+ip('10.1.2.5')+mac))
show('  get it', msg(GET, REQ, nd(ifi=1)+ip('10.1.2.5')))
show('del lo', msg(DEL, REQ|ACK, nd(ifi=1)+ip('10.1.2.5')))
show('long lladdr', msg(NEW, REQ|ACK|CREATE, nd(ifi=i, state=0x80)+ip('10.1.2.6')+attr(2, bytes(40))))
show('12 byte lladdr', msg(NEW, REQ|ACK|CREATE, nd(ifi=i, state=0x80)+ip('10.1.2.6')+attr(2, bytes(range(12)))))
show('  get it', msg(GET, REQ, nd(ifi=i)+ip('10.1.2.6')))
show('long nh', msg(NEW, REQ|ACK|CREATE, nd(ifi=i, state=0x80)+attr(1, bytes(40))+mac))
SETT=67
show('sett noname',msg(SETT,REQ|ACK,b'\2\0\0\0'))
show('sett short',msg(SETT,REQ|ACK,b'\2\0'))
show('sett bad name',msg(SETT,REQ|ACK,b'\2\0\0\0'+attr(1,b'x\0')))
show('sett ok',msg(SETT,REQ|ACK,b'\2\0\0\0'+attr(1,b'arp_cache\0')))
show('sett fam9',msg(SETT,REQ|ACK,b'\x09\0\0\0'+attr(1,b'arp_cache\0')))
show('sett bad if',msg(SETT,REQ|ACK,b'\2\0\0\0'+attr(1,b'arp_cache\0')+attr(6,attr(1,struct.pack('I',999)))))
show('sett queue',msg(SETT,REQ|ACK,b'\2\0\0\0'+attr(1,b'arp_cache\0')+attr(6,attr(1,struct.pack('I',i))+attr(8,struct.pack('I',5)))))
show('sett reach short',msg(SETT,REQ|ACK,b'\2\0\0\0'+attr(1,b'arp_cache\0')+attr(6,attr(1,struct.pack('I',i))+attr(4,struct.pack('I',0)))))
for st in (False, True):
    if st:
        show('ntbl short',msg(66,REQ|ROOT,b'\2'),strict=st)
        show('ntbl pad',msg(66,REQ|ROOT,b'\2\1\0\0'),strict=st)
        show('ntbl attrs',msg(66,REQ|ROOT,b'\2\0\0\0'+attr(1,b'arp_cache\0')),strict=st)
show('ntbl get',msg(66,REQ|ACK,b'\2\0\0\0'))
show('sett fam0 by v4 name',msg(SETT,REQ|ACK,b'\0\0\0\0'+attr(1,b'arp_cache\0')))
