#!/usr/bin/env python3
# Records raw rtnetlink messages: rec.py < x.cmds > x.msgs in a fresh namespace.
import socket,struct,subprocess,sys,time,os
def groups(): return (1<<4)|(1<<6)|(1<<7)|(1<<23)
mon=socket.socket(socket.AF_NETLINK,socket.SOCK_RAW,0); mon.bind((0,groups())); mon.setblocking(False)
def mask(m):
    m=bytearray(m)
    l,t,f,seq,pid=struct.unpack_from("=IHHII",m)
    struct.pack_into("=II",m,8,0,0)
    hdr={20:8,21:8,24:12,25:12,32:12,33:12,80:4,81:4}.get(t)
    if hdr:
        o=16+hdr
        while o+4<=l:
            al,at=struct.unpack_from("=HH",m,o)
            if al<4: break
            if t in(20,21) and at==6: m[o+12:o+20]=bytes(8)
            if t in(24,25) and at==12: m[o+4:o+4+32]=bytes(32)
            o+=(al+3)&~3
    return bytes(m[:l])
def split(d):
    out=[]
    while len(d)>=16:
        l=struct.unpack_from("=I",d)[0]; out.append(d[:l]); d=d[(l+3)&~3:]
    return out
def show(m):
    t=struct.unpack_from("=H",m,4)[0]
    if t in (3,2): return
    fam=m[16]
    if fam!=2: return
    print(mask(m).hex())
def drain():
    time.sleep(0.15)
    while True:
        try: d=mon.recv(65536)
        except BlockingIOError: return
        for m in split(d): show(m)
def dump(typ,hdr):
    s=socket.socket(socket.AF_NETLINK,socket.SOCK_RAW,0); s.bind((0,0))
    body=bytes([2])+bytes(hdr-1)
    s.send(struct.pack("=IHHII",16+len(body),typ,0x301,1,0)+body)
    done=False
    while not done:
        for m in split(s.recv(65536)):
            if struct.unpack_from("=H",m,4)[0]==3: done=True
            else: show(m)
def sh(c): subprocess.run(c,shell=True,stdout=subprocess.DEVNULL)
for c in ["ip link add a0 index 3 type veth peer name a0p index 2","ip link add a1 index 5 type veth peer name a1p index 4","ip link set lo up","ip link set a0p up","ip link set a0 up"]: sh(c)
drain_out=sys.stdout; sys.stdout=open(os.devnull,"w"); drain(); sys.stdout=drain_out
for line in sys.stdin:
    line=line.strip()
    if not line or line[0]=="#": continue
    print("$ "+line); sys.stdout.flush()
    if line.startswith("dump "):
        dump(*{"addr":(22,8),"route":(26,12),"rule":(34,12),"netconf":(82,1)}[line.split()[1]])
    elif line.startswith("sysctl"): sh(line)
    else: sh("ip -4 "+line)
    drain(); sys.stdout.flush()
