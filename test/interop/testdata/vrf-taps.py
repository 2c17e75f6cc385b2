# What packet sockets bound to a VRF see of what its ports receive and send, and the VRF's counters.
import select, socket, subprocess

def sh(c):
    subprocess.run(c, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

for c in ("ip netns add p", "ip link set lo up", "ip link add red type vrf table 10", "ip link set red up",
          "ip link add v0 type veth peer name e0 netns p", "ip link set v0 master red", "ip addr add 10.1.0.1/24 dev v0",
          "ip link set v0 up", "ip -n p addr add 10.1.0.2/24 dev e0", "ip -n p link set e0 up", "ip -n p link set lo up"):
    sh(c)

taps = []
for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM):
    s = socket.socket(socket.AF_PACKET, kind, socket.htons(3))
    s.bind(("red", 3))
    taps.append(s)

def show(what, ping):
    sh(ping)
    print("==", what, flush=True)
    n = 0
    while select.select([taps[0]], [], [], 10 if n < 2 else 0.2)[0]:
        raw, a = taps[0].recvfrom(2000)
        cooked, a2 = taps[1].recvfrom(2000)
        ip = raw[14:]
        print(a[0], hex(a[1]), "type", a[2], a2[2], "hatype", a[3], "proto", raw[12:14].hex(), "len", len(raw), len(cooked),
              socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20]), ip[9], flush=True)
        n += 1

show("ping out", "ping -c1 -W9 -I red 10.1.0.2")
show("ping in", "ip netns exec p ping -c1 -W9 10.1.0.1")
show("ping out by the port", "ping -c1 -W9 -I v0 10.1.0.2")
show("ping to itself", "ping -c1 -W9 -I red 10.1.0.1")

def counters():
    return [int(open(f"/sys/class/net/red/statistics/{n}").read()) for n in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes")]

before = counters()
sh("ping -c1 -W9 -I red 10.1.0.2")
print("counters", [b - a for a, b in zip(before, counters())])
