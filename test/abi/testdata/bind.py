# Records whether a second UDP bind conflicts: run in `unshare -n` with lo up.
import socket, errno, itertools
for addrs in (('0.0.0.0','0.0.0.0'),('0.0.0.0','127.0.0.1'),('127.0.0.1','0.0.0.0'),('127.0.0.1','127.0.0.1'),('127.0.0.1','127.0.0.2')):
    for ra, rp in itertools.product(itertools.product((0,1),(0,1)), itertools.product((0,1),(0,1))):
        s = []
        r = 'ok'
        for i in (0,1):
            x = socket.socket(2,2); s.append(x)
            x.setsockopt(1,2,ra[i]); x.setsockopt(1,15,rp[i])
            try: x.bind((addrs[i], 4000))
            except OSError as e: r = errno.errorcode[e.errno]
        print(addrs[0], addrs[1], *ra, *rp, r)
        for x in s: x.close()
