# AF_UNIX as a program sees it: one line an answer (spec 11.24).
import fcntl, os, select, socket, struct, tempfile, termios

STREAM, DGRAM, SEQPACKET = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET
os.chdir(tempfile.mkdtemp())


def say(name, f, *args):
    try:
        print(name, f(*args), flush=True)
    except OSError as e:
        print(name, type(e).__name__, e.errno, flush=True)


def unix(kind=STREAM, name=None, backlog=None):
    s = socket.socket(socket.AF_UNIX, kind)
    s.settimeout(20)
    if name is not None:
        s.bind(name)
    if backlog is not None:
        s.listen(backlog)
    return s


def connected(kind, name):
    server = unix(kind, name, 4)
    client = unix(kind)
    client.connect(name)
    peer, _ = server.accept()
    return server, client, peer


# Names: path, abstract, chosen by the kernel.
server, client, peer = connected(STREAM, "path")
say("path", lambda: (server.getsockname(), client.getpeername(), client.getsockname(), peer.getpeername()))
say("in use", lambda: unix(name="path"))
say("gone", lambda: (os.unlink("path"), unix().connect("path")))
say("too long", lambda: unix(name="x" * 200))
hidden = connected(SEQPACKET, b"\0linen-%d" % os.getpid())
say("abstract", lambda: hidden[1].getpeername() == hidden[0].getsockname())
say("abstract in use", lambda: unix(SEQPACKET, hidden[0].getsockname()))
say("nobody", lambda: unix().connect(b"\0nobody-%d" % os.getpid()))
auto = unix(DGRAM, "")
say("autobind", lambda: (len(auto.getsockname()), auto.getsockname()[:1], set(auto.getsockname()[1:]) <= set(b"0123456789abcdef")))
say("other kind", lambda: unix(DGRAM).connect(hidden[0].getsockname()))
say("no connection", lambda: unix(name="idle").getpeername())

# Queues.
full = unix(DGRAM, "full")
sender = unix(DGRAM)
sender.setblocking(False)


def fill():
    for n in range(10000):
        try:
            sender.sendto(b"x", "full")
        except BlockingIOError:
            return n


say("max_dgram_qlen", fill)
say("readable", lambda: select.select([full], [], [], 0)[0] == [full])
say("message", lambda: (sender.sendto(b"", "full") if full.recv(1) and full.recv(1) else None))
waiting = unix(STREAM, "backlog", 0)
first, second = unix(), unix()
second.setblocking(False)
first.connect("backlog")
say("backlog", lambda: second.connect("backlog"))

# Credentials.
say("peercred", lambda: struct.unpack("3i", client.getsockopt(1, 17, 12)) == (os.getpid(), os.getuid(), os.getgid()))
full2 = unix(DGRAM, "cred")
full2.setsockopt(1, 16, 1)
sender.sendto(b"c", "cred")
say("passcred", lambda: [(l, t, struct.unpack("3i", d) == (os.getpid(), os.getuid(), os.getgid())) for l, t, d in full2.recvmsg(9, 64)[1]])

# Records, ends, urgent data.
server, client, peer = connected(SEQPACKET, "records")
client.send(b"one")
client.send(b"two and more")
say("records", lambda: (peer.recv(10), peer.recvmsg(3)[0::2]))
client.close()
say("end", lambda: peer.recv(10))
say("after the end", lambda: peer.send(b"x"))
a, b = socket.socketpair()
a.send(b"unread")
say("outq", lambda: struct.unpack("i", fcntl.ioctl(a, termios.TIOCOUTQ, b"\0" * 4))[0] > 0)
say("inq", lambda: struct.unpack("i", fcntl.ioctl(b, termios.FIONREAD, b"\0" * 4))[0])
b.close()
say("reset", lambda: a.recv(9))
say("reset once", lambda: a.recv(9))
a, b = socket.socketpair()
a.send(b"in order")
say("urgent", lambda: (a.send(b"u", socket.MSG_OOB), b.recv(1, socket.MSG_OOB), b.recv(20)))
say("half", lambda: (a.shutdown(socket.SHUT_WR), b.recv(1), b.send(b"back"), a.recv(9)))


def polled(s):
    p = select.poll()
    p.register(s, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
    return p.poll(0)


say("poll", lambda: [m for _, m in polled(b)])

# Descriptors: many, too many, and a circle that nobody holds.
a, b = socket.socketpair()
say("253", lambda: (socket.send_fds(a, [b"x"], [1] * 253), [os.close(f) for f in socket.recv_fds(b, 1, 253)[1]] and "all")[1])
say("254", lambda: socket.send_fds(a, [b"x"], [1] * 254))
for _ in range(300):
    x, y = socket.socketpair()
    socket.send_fds(x, [b"x"], [y.fileno()])
    socket.send_fds(y, [b"x"], [x.fileno()])
    x.close()
    y.close()
say("circles", lambda: len(os.listdir("/proc/self/fd")) < 50)
