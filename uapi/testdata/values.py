#!/usr/bin/env python3
"""Prints values.txt anew: every constant of package uapi as a C compiler sees it.

Run in uapi/testdata on linux/amd64 with gcc and linux-libc-dev:

    ./values.py > values.txt

A const block names the header it comes from in its comment ("Source: linux/if.h.").
"""
import collections, glob, re, subprocess, tempfile

BEFORE = """#define _GNU_SOURCE
#include <stdio.h>
#include <sys/ioctl.h>
#include <linux/types.h>
#include <linux/posix_types.h>
"""
# Headers that do not compile alone, and what they want first.
WANTS = {
    "linux/if_tun.h": ["linux/filter.h"],
    "linux/sockios.h": ["linux/time_types.h", "asm/socket.h"],
    "linux/ipv6.h": ["sys/socket.h", "linux/in6.h"],
    "linux/ipv6_route.h": ["sys/socket.h", "linux/in6.h"],
    "linux/icmpv6.h": ["sys/socket.h", "linux/in6.h"],
    "linux/if_bridge.h": ["sys/socket.h", "linux/in6.h", "linux/if_ether.h"],
    "linux/errqueue.h": ["time.h"],
    "linux/route.h": ["sys/socket.h", "linux/if.h"],
    "linux/if_tunnel.h": ["sys/socket.h", "linux/if.h", "linux/sockios.h"],
}
ALONE = {"linux/in.h", "linux/in6.h"}  # clash with sys/socket.h's companions


def constants():
    """Returns the constant names of each header."""
    names = collections.defaultdict(list)
    for path in sorted(glob.glob("../*.go")):
        for block in re.finditer(r"Source: ([\w/.-]+)\.\nconst \((.*?)\n\)", open(path).read(), re.S):
            names[block[1]] += re.findall(r"^\t(\w+) +=", block[2], re.M)
    return names


def values(header, names):
    wants = WANTS.get(header, [] if header in ALONE else ["sys/socket.h"])
    source = BEFORE + "".join(f"#include <{h}>\n" for h in wants + [header])
    source += "int main(void) {\n"
    source += "".join(f'printf("{n}=%lld\\n", (long long)({n}));\n' for n in names) + "}\n"
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(["gcc", "-w", "-x", "c", "-o", d + "/values", "-"], input=source, text=True, check=True)
        return subprocess.run([d + "/values"], capture_output=True, text=True, check=True).stdout.splitlines()


print("\n".join(sorted((line for h, n in constants().items() for line in values(h, n)), key=lambda l: l.split("=")[0])))
