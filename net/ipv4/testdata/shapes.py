#!/usr/bin/python3
# Makes shapes.cmds: what grows, shrinks and splits the tries of fib_trie.
import random
random.seed(18)
out = ["cat fib_trie", "cat fib_triestat", "addr add 10.1.0.2/24 dev a0", "addr add 10.1.0.3/24 dev a0", "cat fib_trie"]
held = []
def add(p, more=""):
    if p not in held:
        held.append(p)
        out.append("route add %s dev a0%s" % (p, more))
def drop(p):
    held.remove(p)
    out.append("route del " + p)
def net(lo, hi):
    n = random.randint(lo, hi)
    a = random.getrandbits(32) & 0x1fffffff | 0x20000000
    a &= 0xffffffff << (32 - n)
    return "%d.%d.%d.%d/%d" % (a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, n)
for i in range(16): add("20.0.%d.0/24" % i)
out.append("cat fib_trie")
for i in range(64): add("20.1.0.%d/32" % i)
out += ["cat fib_trie", "cat fib_triestat"]
for i in range(40): drop("20.1.0.%d/32" % random.choice([i for i in range(64) if "20.1.0.%d/32" % i in held]))
out.append("cat fib_trie")
for i in range(120): add(net(8, 32))
out += ["cat fib_trie", "cat fib_triestat"]
out += ["route add 20.0.1.0/24 tos 0x10 dev a0", "route add 20.0.1.0/24 metric 7 dev a0", "route add unreachable 20.0.0.0/16"]
for p in random.sample(held, 90): drop(p)
out += ["cat fib_trie", "cat fib_triestat"]
for i in range(40): add(net(12, 24), " table 100")
for i in range(10): out.append("route add 30.0.%d.0/24 dev a0 table 356" % i)
out += ["rule add pref 5 lookup 100", "cat fib_trie", "cat fib_triestat", "addr add 10.2.0.2/16 dev a0",
        "rule del pref 5", "cat fib_trie", "link set a0 down", "cat fib_trie", "cat fib_triestat"]
print("\n".join(out))
