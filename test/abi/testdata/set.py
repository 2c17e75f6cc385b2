# Records setsockopt(int): type level option value error|value read back.
import socket, errno, sys
cases = []
for v in (-1,0,1,2,6,7,255,256,2304,65535,4194304,4194305,1<<30,(1<<31)-1):
    for o in (2,5,6,7,8,9,10,11,12,14,15,18,19,29,32,33,34,35,36,37,40,42,44,45,46,47,49,50,52,53,59,60,62,69,70,72,73,74,75,76,82,83):
        if o in (62,) and v>0: continue
        cases.append((1,o,v))
    for o in (1,2,3,6,7,8,10,11,12,13,15,18,19,20,21,22,23,24,25,26,33,34,49,50,51,52,60):
        cases.append((0,o,v))
    for o in (1,2,100,101,102,103,104):
        if o==100 and v in (1,2,3,7): continue
        cases.append((17,o,v))
def mk(n):
    return {'udp':lambda:socket.socket(2,2),'raw':lambda:socket.socket(2,3,1)}[n]()
for n in ('udp','raw'):
    for l,o,v in cases:
        s = mk(n)
        try:
            s.setsockopt(l,o,v)
            r='ok'
            try: r = str(s.getsockopt(l,o))
            except OSError as e: r = 'ok,'+errno.errorcode[e.errno]
        except OSError as e: r = errno.errorcode[e.errno]
        print(n,l,o,v,r)
        s.close()
