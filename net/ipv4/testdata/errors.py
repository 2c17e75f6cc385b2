#!/usr/bin/env python3
# Records what the kernel answers to odd requests: errors.py > errors.txt in a
# fresh namespace, as root (unshare -n). A line is: name, type, flags, strict
# checking, the request behind the netlink header in hex, then errno, offset of
# the bad attribute, text.
import socket,struct,subprocess,ipaddress
def sh(c): subprocess.run(c,shell=True,stdout=subprocess.DEVNULL)
for c in ["ip link add a0 index 3 type veth peer name a0p index 2","ip link add a1 index 5 type veth peer name a1p index 4","ip link set lo up","ip link set a0p up","ip link set a0 up","ip addr add 10.1.0.2/24 dev a0"]: sh(c)
def a(t,d): return struct.pack("=HH",4+len(d),t)+d+bytes(-len(d)%4)
def ip(s): return ipaddress.ip_address(s).packed
def u32(v): return struct.pack("=I",v)
def u16(v): return struct.pack("=H",v)
def rt(dl=24,sl=0,tos=0,tb=254,pr=3,sc=0,ty=1,fl=0): return struct.pack("=BBBBBBBBI",2,dl,sl,tos,tb,pr,sc,ty,fl)
def ifa(pl=24,fl=0,sc=0,ix=3): return struct.pack("=BBBBI",2,pl,fl,sc,ix)
def rule(dl=0,sl=0,tos=0,tb=254,ac=1,fl=0): return struct.pack("=BBBBBBBBI",2,dl,sl,tos,tb,0,0,ac,fl)
def nh(body=b"",oif=0,fl=0,hops=0,ln=None): return struct.pack("=HBBi",8+len(body) if ln is None else ln,fl,hops,oif)+body
dst=a(1,ip("9.9.9.0")); gw=a(5,ip("10.1.0.1"))
C=0x400; X=0x200; R=0x100; D=0x300
cases=[
("route plain",24,C,0,rt()+dst+gw),
("route again excl",24,C|X,0,rt()+dst+gw),
("route short header",24,C,0,rt()[:8]),
("route plen 33",24,C,0,rt(dl=33)+dst+gw),
("route host bits",24,C,0,rt(dl=16)+dst+gw),
("route short dst",24,C,0,rt()+a(1,b"\x09\x09")+gw),
("route short gateway",24,C,0,rt()+dst+a(5,b"\x0a")),
("route type 12",24,C,0,rt(ty=12)+dst+gw),
("route type 11",24,C,0,rt(ty=11)+dst+gw),
("route type 0",24,C,0,rt(ty=0)+dst+gw),
("route type nat",24,C,0,rt(ty=10,sc=254)+dst+gw),
("route type throw with gateway",24,C,0,rt(ty=9)+dst+gw),
("route scope nowhere",24,C,0,rt(sc=255)+dst+gw),
("route scope host with gateway",24,C,0,rt(sc=254)+dst+gw),
("route dead flag",24,C,0,rt(fl=1)+dst+gw),
("route pervasive without gateway",24,C,0,rt(fl=2,sc=253)+dst+a(4,u32(3))),
("route onlink without gateway",24,C,0,rt(fl=4,sc=253)+dst+a(4,u32(3))),
("route onlink without device",24,C,0,rt(fl=4)+dst+a(5,ip("99.1.1.1"))),
("route onlink scope link",24,C,0,rt(fl=4,sc=253)+dst+gw+a(4,u32(3))),
("route onlink broadcast",24,C,0,rt(fl=4)+dst+a(5,ip("10.1.0.255"))+a(4,u32(3))),
("route onlink device down",24,C,0,rt(fl=4)+dst+gw+a(4,u32(5))),
("route no device",24,C,0,rt(sc=253)+dst),
("route unknown device",24,C,0,rt(sc=253)+dst+a(4,u32(77))),
("route unknown device with gateway",24,C,0,rt()+dst+gw+a(4,u32(77))),
("route gateway by other device",24,C,0,rt()+dst+gw+a(4,u32(5))),
("route ECN bits",24,C,0,rt(tos=3)+dst+gw),
("route gateway and via",24,C,0,rt()+dst+gw+a(18,u16(2)+ip("10.1.0.1"))),
("route via short",24,C,0,rt()+dst+a(18,b"\x02")),
("route via v4",24,C,0,rt()+a(1,ip("9.9.1.0"))+a(18,u16(2)+ip("10.1.0.1"))),
("route via v4 bad length",24,C,0,rt()+dst+a(18,u16(2)+b"\x0a\x01")),
("route via v6 bad length",24,C,0,rt()+dst+a(18,u16(10)+b"\x0a\x01")),
("route via family 7",24,C,0,rt()+dst+a(18,u16(7)+ip("10.1.0.1"))),
("route via v6 without device",24,C,0,rt()+dst+a(18,u16(10)+ip("fe80::1"))),
("route via v6 unknown device",24,C,0,rt()+dst+a(18,u16(10)+ip("fe80::1"))+a(4,u32(77))),
("route via v6 device down",24,C,0,rt()+dst+a(18,u16(10)+ip("fe80::1"))+a(4,u32(5))),
("route prefsrc not ours",24,C,0,rt()+a(1,ip("9.9.2.0"))+gw+a(7,ip("1.1.1.1"))),
("route metrics unknown type",24,C,0,rt()+a(1,ip("9.9.3.0"))+gw+a(8,a(40,u32(1)))),
("route metrics short",24,C,0,rt()+a(1,ip("9.9.3.0"))+gw+a(8,a(2,b"\x01\x02"))),
("route metrics features",24,C,0,rt()+a(1,ip("9.9.3.0"))+gw+a(8,a(12,u32(0x100)))),
("route metrics congestion",24,C,0,rt()+a(1,ip("9.9.3.0"))+gw+a(8,a(16,b"foo\0"))),
("route metrics huge mtu",24,C,0,rt()+a(1,ip("9.9.4.0"))+gw+a(8,a(2,u32(1<<20)))),
("route multipath short",24,C,0,rt()+dst+a(9,b"\x08\x00")),
("route multipath empty",24,C|0x800,0,rt(dl=32)+a(1,ip("9.9.5.1"))+a(9,b"")),
("route multipath length 4",24,C,0,rt()+dst+a(9,nh(ln=4,oif=3))),
("route multipath too long",24,C,0,rt()+dst+a(9,nh(ln=40,oif=3))),
("route multipath dead",24,C,0,rt()+dst+a(9,nh(a(5,ip("10.1.0.1")),fl=1))),
("route multipath gateway and via",24,C,0,rt()+dst+a(9,nh(a(5,ip("10.1.0.1"))+a(18,u16(2)+ip("10.1.0.1"))))),
("route multipath bad gateway",24,C,0,rt()+dst+a(9,nh(a(5,ip("10.1.0.1")))+nh(a(5,ip("99.1.0.1"))))),
("route multipath oif mismatch",24,C,0,rt()+dst+a(4,u32(5))+a(9,nh(a(5,ip("10.1.0.1")),oif=3))),
("route multipath gateway mismatch",24,C,0,rt()+dst+a(5,ip("10.1.0.9"))+a(9,nh(a(5,ip("10.1.0.1")),oif=3))),
("route multipath scope host",24,C,0,rt(sc=254,ty=2)+dst+a(9,nh(oif=3)+nh(oif=3))),
("route multipath one",24,C,0,rt()+a(1,ip("9.9.6.0"))+a(9,nh(a(5,ip("10.1.0.1"))))),
("route nexthop id",24,C,0,rt()+dst+a(30,u32(7))),
("route nexthop id and gateway",24,C,0,rt()+dst+gw+a(30,u32(7))),
("route encap mpls",24,C,0,rt()+dst+gw+a(21,u16(1))+a(22|0x8000,b"")),
("route unknown attribute",24,C,0,rt()+a(1,ip("9.9.7.0"))+gw+a(60,u32(1))),
("route blackhole with device",24,C,0,rt(ty=6)+dst+a(4,u32(3))),
("route replace missing",24,R,0,rt()+a(1,ip("9.99.9.0"))+gw),
("route no flags",24,0,0,rt()+a(1,ip("9.99.9.0"))+gw),
("route delete missing table",25,0,0,rt(tb=77)+dst),
("route delete wrong scope",25,0,0,rt(sc=253,ty=0,pr=0)+dst),
("route delete wrong protocol",25,0,0,rt(sc=255,ty=0,pr=9)+dst),
("route delete wrong gateway",25,0,0,rt(sc=255,ty=0,pr=0)+dst+a(5,ip("10.1.0.7"))),
("route delete wrong metric",25,0,0,rt(sc=255,ty=0,pr=0)+dst+a(6,u32(5))),
("route delete",25,0,0,rt(sc=255,ty=0,pr=0)+dst),
("get strict header",26,0,1,rt(dl=32)+a(1,ip("9.9.1.1"))),
("get strict plen",26,0,1,rt(dl=24,tb=0,pr=0,ty=0)+a(1,ip("9.9.1.1"))),
("get strict no plen",26,0,1,rt(dl=0,tb=0,pr=0,ty=0)+a(1,ip("9.9.1.1"))),
("get strict flags",26,0,1,rt(dl=32,tb=0,pr=0,ty=0,fl=1)+a(1,ip("9.9.1.1"))),
("get strict attribute",26,0,1,rt(dl=32,tb=0,pr=0,ty=0)+a(1,ip("9.9.1.1"))+gw),
("get strict unknown attribute",26,0,1,rt(dl=32,tb=0,pr=0,ty=0)+a(1,ip("9.9.1.1"))+a(60,u32(1))),
("get protocol sctp",26,0,0,rt(dl=32,tb=0,pr=0,ty=0)+a(1,ip("9.9.1.1"))+a(27,b"\x84")),
("get unknown iif",26,0,0,rt(dl=32,tb=0,pr=0,ty=0)+a(1,ip("9.9.1.1"))+a(3,u32(77))),
("get unknown oif",26,0,0,rt(dl=32,tb=0,pr=0,ty=0)+a(1,ip("9.9.1.1"))+a(4,u32(77))),
("get from group",26,0,0,rt(dl=32,tb=0,pr=0,ty=0)+a(1,ip("9.9.1.1"))+a(2,ip("224.0.0.1"))),
("get martian source",26,0,0,rt(dl=32,tb=0,pr=0,ty=0)+a(1,ip("10.1.0.2"))+a(2,ip("224.0.0.1"))+a(3,u32(3))),
("dump strict header",26,D,1,rt(dl=0,sc=3,tb=0,pr=0,ty=0)),
("dump strict flags",26,D,1,rt(dl=0,tb=0,pr=0,ty=0,fl=1)),
("dump strict attribute",26,D,1,rt(dl=0,tb=0,pr=0,ty=0)+gw),
("dump strict no device",26,D,1,rt(dl=0,tb=0,pr=0,ty=0)+a(4,u32(77))),
("dump strict no table",26,D,1,rt(dl=0,tb=77,pr=0,ty=0)),
("dump strict short",26,D,1,rt()[:4]),
("addr short header",20,C,0,ifa()[:4]),
("addr plen 33",20,C,0,ifa(pl=33)+a(2,ip("10.9.0.1"))),
("addr no local",20,C,0,ifa()+a(1,ip("10.9.0.1"))),
("addr no device",20,C,0,ifa(ix=77)+a(2,ip("10.9.0.1"))),
("addr exists",20,C,0,ifa()+a(2,ip("10.1.0.2"))),
("addr lifetime",20,C,0,ifa()+a(2,ip("10.9.0.1"))+a(6,u32(10)+u32(5)+u32(0)+u32(0))),
("addr lifetime zero",20,C,0,ifa()+a(2,ip("10.9.0.1"))+a(6,u32(0)+u32(0)+u32(0)+u32(0))),
("addr short cacheinfo",20,C,0,ifa()+a(2,ip("10.9.0.1"))+a(6,u32(0))),
("addr long label",20,C,0,ifa()+a(2,ip("10.9.0.1"))+a(3,b"a0:0123456789abcdef\0")),
("addr short local",20,C,0,ifa()+a(2,b"\x0a")),
("addr delete missing",21,0,0,ifa()+a(2,ip("10.9.0.1"))),
("addr delete no device",21,0,0,ifa(ix=77)+a(2,ip("10.1.0.2"))),
("addr delete wrong label",21,0,0,ifa()+a(2,ip("10.1.0.2"))+a(3,b"a0:1\0")),
("addr dump strict header",22,D,1,ifa(pl=8,ix=0)),
("addr dump strict attribute",22,D,1,ifa(pl=0,ix=0)+a(2,ip("10.1.0.2"))),
("addr dump strict device",22,D,1,ifa(pl=0,ix=77)),
("addr dump strict nsid",22,D,1,ifa(pl=0,ix=0)+a(10,u32(5))),
("addr get",22,0,0,ifa()),
("rule short header",32,C,0,rule()[:8]),
("rule family 99",32,C,0,b"\x63"+rule()[1:]),
("rule no source",32,C,0,rule(sl=24)),
("rule source length",32,C,0,rule(sl=24)+a(2,b"\x0a\x01")),
("rule source plen",32,C,0,rule(sl=33)+a(2,ip("1.1.1.1"))),
("rule destination plen",32,C,0,rule(dl=33)+a(1,ip("1.1.1.1"))),
("rule ECN bits",32,C,0,rule(tos=1)),
("rule dscp and tos",32,C,0,rule(tos=4)+a(25,b"\x04")),
("rule dscp 64",32,C,0,rule()+a(25,b"\x40")),
("rule dscp mask alone",32,C,0,rule()+a(30,b"\x04")),
("rule dscp mask",32,C,0,rule()+a(25,b"\x07")+a(30,b"\x04")),
("rule goto back",32,C,0,rule(ac=2)+a(6,u32(50))+a(4,u32(40))),
("rule goto without target",32,C,0,rule(ac=2)+a(6,u32(50))),
("rule target without goto",32,C,0,rule(ac=1)+a(6,u32(50))+a(4,u32(60))),
("rule action 0",32,C,0,rule(ac=0)+a(6,u32(70))),
("rule action 77",32,C,0,rule(ac=77)+a(6,u32(71))),
("rule uid range",32,C,0,rule()+a(20,u32(5)+u32(3))),
("rule sport range",32,C,0,rule()+a(23,u16(9)+u16(3))),
("rule sport range zero",32,C,0,rule()+a(23,u16(0)+u16(3))),
("rule dport range 65535",32,C,0,rule()+a(24,u16(1)+u16(65535))),
("rule sport mask alone",32,C,0,rule()+a(28,u16(255))),
("rule sport mask of range",32,C,0,rule()+a(23,u16(1)+u16(9))+a(28,u16(255))),
("rule sport mask",32,C,0,rule()+a(23,u16(0x101)+u16(0x101))+a(28,u16(255))),
("rule l3mdev 2",32,C,0,rule(tb=0)+a(19,b"\x02")),
("rule l3mdev and table",32,C,0,rule(tb=7)+a(19,b"\x01")),
("rule long iif",32,C,0,rule()+a(3,b"0123456789abcdefgh\0")),
("rule delete missing",33,0,0,rule(tb=77)),
("rule dump strict header",34,D,1,rule(tb=1)),
("rule dump strict attribute",34,D,1,rule(tb=0,ac=0)+a(6,u32(3))),
("netconf get without index",82,0,0,b"\x02"),
("netconf get unknown index",82,0,0,b"\x02\0\0\0"+a(1,u32(77))),
]
def ask(typ,fl,strict,body):
    s=socket.socket(socket.AF_NETLINK,socket.SOCK_RAW,0); s.bind((0,0))
    for o in (10,11)+((12,) if strict else ()): s.setsockopt(270,o,1)
    s.send(struct.pack("=IHHII",16+len(body),typ,fl|1|(4 if fl&D!=D or typ not in(22,26,34,82) else 0),1,0)+body)
    s.settimeout(1)
    while True:
        try: d=s.recv(65536)
        except socket.timeout: return "none"
        while d:
            l,t,f=struct.unpack_from("=IHH",d); m=d[:l]; d=d[(l+3)&~3:]
            if t not in (2,3): continue
            e=-struct.unpack_from("=i",m,16)[0]; o=36 if t==2 else 20; off=0; msg=""
            while f&0x200 and o+4<=l:
                al,at=struct.unpack_from("=HH",m,o)
                if at==1: msg=m[o+4:o+al].rstrip(b"\0").decode()
                if at==2: off=struct.unpack_from("=I",m,o+4)[0]
                o+=(al+3)&~3
            return f"{e} {off} {msg}".strip()
for name,typ,fl,strict,body in cases:
    print(f"{name}|{typ}|{fl}|{strict}|{body.hex()}|{ask(typ,fl,strict,body)}")
