import socket,errno,sys
def mk(name):
    if name=='udp': return socket.socket(2,2,0)
    if name=='tcp': return socket.socket(2,1,0)
    if name=='raw': return socket.socket(2,3,1)
    if name=='ping':
        open('/proc/sys/net/ipv4/ping_group_range','w').write('0 2147483647')
        return socket.socket(2,2,1)
    if name=='udplite': return socket.socket(2,2,136)
for name in sys.argv[1:]:
    try: s=mk(name)
    except OSError as e:
        print(name,'create',errno.errorcode[e.errno]); continue
    for level,rng in ((1,range(0,90)),(0,range(0,66)),(17,range(0,110)),(255,range(0,4))):
        for o in rng:
            if level==1 and o in(56,57,71): continue
            try:
                v=s.getsockopt(level,o,256 if (level,o)!=(1,47) else 4)
                print(name,level,o,v.hex())
            except OSError as e:
                print(name,level,o,errno.errorcode[e.errno])
