# Records what Linux does with classic BPF programs on a UDP socket: run in
# `unshare -n` with lo up. Each line: program in hex, and EINVAL or the number of
# payload bytes that a datagram of bytes 0..63 to port 4000 from 5000 keeps, -1
# when it is refused.
import socket, ctypes, struct, random, errno
random.seed(7)
libc = ctypes.CDLL(None, use_errno=True)
def attach(s, prog):
    buf = ctypes.create_string_buffer(prog, len(prog))
    fprog = struct.pack('HxxxxxxQ', len(prog)//8, ctypes.addressof(buf))
    r = libc.setsockopt(s.fileno(), 1, 26, fprog, 16)
    return ctypes.get_errno() if r else 0
LD=[0x20,0x28,0x30,0x40,0x48,0x50,0x80,0x00,0x60]
LDX=[0x01,0x61,0x81,0xb1]
ST=[0x02,0x03]
ALU=[0x04|o|x for o in (0,0x10,0x20,0x30,0x40,0x50,0x60,0x70,0x90,0xa0) for x in (0,8)]+[0x84]
JMP=[0x05]+[0x05|o|x for o in (0x10,0x20,0x30,0x40) for x in (0,8)]
MISC=[0x07,0x87]
RET=[0x06,0x16]
BAD=[0x0e,0xe4,0x99,0x41,0x8c,0xff,0x68]
ANC=[0,4,8,12,16,20,24,28,40,44,48,52,60]
def k(code):
    r=random.random()
    if code in (0x20,0x28,0x30):
        if r<.15: return 0xfffff000+random.choice(ANC)
        if r<.2: return 0xfffff000+random.choice((1,2,64,68,100))
        if r<.3: return 0xfff00000+random.randrange(24) # a program that shows the IP id or its checksum is taken out by hand
        if r<.33: return random.choice((0xffe00000,0xffe0000c,0xffff0000,0x80000000))
        return random.randrange(76)
    if code in (0x40,0x48,0x50,0xb1): return random.choice((0,1,8,20,60,71,72,0xfff00000,0xffffffff))
    if code in (0x60,0x61,0x02,0x03): return random.choice((0,0,0,1,1,2,15,16))
    if code==0x05: return random.choice((0,0,1,1,2,9))
    if code in (0x06,): return random.choice((0,1,8,9,20,40,72,73,0xffffffff))
    return random.choice((0,1,2,3,7,8,17,31,32,255,4000,5000,0x0a0b0c0d,0xffffffff))
rx = socket.socket(2,2); rx.bind(('127.0.0.1',4000))
tx = socket.socket(2,2); tx.bind(('127.0.0.1',5000))
seen=set(); out=[]
while len(out)<1500:
    n=random.randrange(1,9); p=[]
    for i in range(n-1):
        c=random.choice(random.choices((LD,LDX,ST,ALU,JMP,MISC,RET,BAD),(30,12,14,25,14,8,2,1))[0])
        p.append((c,random.choice((0,0,1,1,2)),random.choice((0,0,1,2)),k(c)))
    c=random.choice(RET if random.random()<.95 else ALU)
    p.append((c,0,0,k(c)))
    prog=b''.join(struct.pack('HBBI',*i) for i in p)
    if prog in seen: continue
    seen.add(prog)
    s=socket.socket(2,2); s.close()
    rx.close(); rx=socket.socket(2,2); rx.bind(('127.0.0.1',4000))
    e=attach(rx,prog)
    if e:
        if random.random()<.45: out.append((prog.hex(),errno.errorcode[e]))
        continue
    tx.sendto(bytes(range(64)),('127.0.0.1',4000))
    try: r=len(rx.recv(100,socket.MSG_DONTWAIT))
    except BlockingIOError: r=-1
    if r==-1 and random.random()<.6: continue
    out.append((prog.hex(),r))
for a,b in out: print(a,b)
