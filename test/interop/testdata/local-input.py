# What this host sends to itself: which of two sockets hears it, one bound to a device and one to none, and which
# device IP_PKTINFO names.
import select, socket, struct, subprocess

subprocess.run("ip link set lo up; ip link add v2 type veth peer name w2; ip addr add 10.2.0.1/24 dev v2; "
               "ip link set v2 up; ip link set w2 up", shell=True, check=True)

def server(dev):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if dev:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode() + b"\0")
    s.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    s.bind(("0.0.0.0", 77))
    return s

for dev in ("lo", "v2", "w2"):
    unbound, bound = server(None), server(dev)
    for to in ("10.2.0.1", "127.0.0.1", "127.0.0.5"):
        for via in ("", "lo", "v2"):
            c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            if via:
                c.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, via.encode() + b"\0")
            c.sendto(b"x", (to, 77))
            lost = via == "v2" and to.startswith("127.")  # martians on the wire
            heard = select.select([unbound, bound], [], [], 0.2 if lost else 10)[0]
            what = "nobody"
            for s in heard:
                _, anc, _, src = s.recvmsg(10, 100)
                index, spec, dst = struct.unpack("i4s4s", anc[0][2])
                what = f"{'the bound one' if s is bound else 'the other'}, index {index} spec_dst {socket.inet_ntoa(spec)} dst {socket.inet_ntoa(dst)} from {src[0]}"
            print(f"bound to {dev}, to {to} by {via or '-'}: {what}", flush=True)
            c.close()
    unbound.close()
    bound.close()
