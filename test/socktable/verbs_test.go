package socktable

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"linen/uapi"
)

// verbs are the calls on a socket.
var verbs = map[string]func(r *run, fd int, args []string) (string, error){
	"bind":    func(r *run, fd int, a []string) (string, error) { return "ok", r.bind(fd, address(a[0])) },
	"connect": func(r *run, fd int, a []string) (string, error) { return "ok", r.connect(fd, address(a[0])) },
	"listen":  func(r *run, fd int, a []string) (string, error) { return "ok", r.listen(fd, number(a[0])) },
	"close":   func(r *run, fd int, a []string) (string, error) { return "ok", r.close(fd) },
	"accept": func(r *run, fd int, a []string) (string, error) {
		c, err := r.accept(fd)
		if err == nil {
			r.fds[a[0]] = c
		}
		return "ok", err
	},
	"send": func(r *run, fd int, a []string) (string, error) {
		n, err := r.send(fd, payload(a[0]), flags(a[1:]))
		return strconv.Itoa(n), err
	},
	"recv": recv, "fill": fill, "drain": drain, "parity": parity,
	"shutdown": func(r *run, fd int, a []string) (string, error) {
		return "ok", r.shutdown(fd, map[string]int{"rd": uapi.SHUT_RD, "wr": uapi.SHUT_WR, "rdwr": uapi.SHUT_RDWR, "bad": 3}[a[0]])
	},
	"name": func(r *run, fd int, a []string) (string, error) { return shown(r.stack.name(fd)) },
	"peer": func(r *run, fd int, a []string) (string, error) { return shown(r.peer(fd)) },
	"poll": func(r *run, fd int, a []string) (string, error) { return events(r.poll(fd)), nil },
	"set": func(r *run, fd int, a []string) (string, error) {
		level, name := option(a[0])
		return "ok", r.setsockopt(fd, level, name, values(a[1:]))
	},
	"get": get, "selector": selector,
	"linger": func(r *run, fd int, a []string) (string, error) {
		return "ok", r.setsockopt(fd, uapi.SOL_SOCKET, uapi.SO_LINGER, values([]string{"1", a[0]}))
	},
	"ioctl": func(r *run, fd int, a []string) (string, error) {
		n, err := r.ioctl(fd, uint32(number(a[0])))
		return strconv.Itoa(n), err
	},
}

// recv receives once; the text is quoted.
func recv(r *run, fd int, a []string) (string, error) {
	p := make([]byte, number(a[0]))
	n, err := r.recv(fd, p, flags(a[1:]))
	if err != nil {
		return "", err
	}
	if n > len(p) { // MSG_TRUNC
		return fmt.Sprintf("%q of %d", p, n), nil
	}
	return strconv.Quote(string(p[:n])), nil
}

// fill sends until there is no room, and says what ended it. How much goes in
// is memory accounting's matter.
func fill(r *run, fd int, _ []string) (string, error) {
	for range 100_000 {
		if _, err := r.send(fd, make([]byte, 4096), 0); err != nil {
			return "", err
		}
	}
	return "endless", nil
}

// drain receives until nothing is left, and lets more come, until none does.
func drain(r *run, fd int, _ []string) (string, error) {
	p := make([]byte, 1<<16)
	for idle := 0; idle < 3; {
		n, err := r.recv(fd, p, 0)
		switch {
		case err == nil && n == 0:
			return "end", nil
		case err == nil:
			idle = 0
		case errName(err) == "EAGAIN":
			idle++
			r.settle()
		default:
			return "", err
		}
	}
	return "empty", nil
}

// shown is an address, without the number of an ephemeral port.
func shown(ap netip.AddrPort, err error) (string, error) {
	if err != nil || ap.Port() < 32768 {
		return ap.String(), err
	}
	return ap.Addr().String() + ":EPHEMERAL", nil
}

// parity is whether the own port is odd.
func parity(r *run, fd int, _ []string) (string, error) {
	ap, err := r.stack.name(fd)
	return map[uint16]string{0: "even", 1: "odd"}[ap.Port()&1], err
}

// get reads an option: its 32-bit numbers, or "0" of no length.
func get(r *run, fd int, a []string) (string, error) {
	level, name := option(a[0])
	room := 4
	if len(a) > 1 {
		room = number(a[1])
	}
	val := make([]byte, room)
	n, err := r.getsockopt(fd, level, name, val)
	if err != nil {
		return "", err
	}
	var text []string
	for val = val[:min(n, len(val))]; len(val) >= 4; val = val[4:] {
		v := int32(binary.NativeEndian.Uint32(val))
		text = append(text, strconv.Itoa(int(v)))
	}
	for _, b := range val {
		text = append(text, fmt.Sprintf("%#02x", b))
	}
	return strings.Join(text, " "), nil
}

// eventNames are the events of poll(2), in the order in which they are said.
var eventNames = []struct {
	bit  uint32
	name string
}{
	{uapi.POLLIN, "IN"}, {uapi.POLLPRI, "PRI"}, {uapi.POLLOUT, "OUT"}, {uapi.POLLERR, "ERR"}, {uapi.POLLHUP, "HUP"}, {uapi.POLLRDHUP, "RDHUP"},
}

// asked is what poll asks for; ERR and HUP come unasked.
const asked = uapi.POLLIN | uapi.POLLPRI | uapi.POLLOUT | uapi.POLLRDHUP

// events is a mask in words, with its number as epoll has it.
func events(mask uint32) string {
	var text []string
	for _, e := range eventNames {
		if mask&e.bit != 0 {
			text = append(text, e.name)
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%#x %s", mask, strings.Join(text, "+")))
}

// levels are the levels of options.
var levels = map[string]int{"so": uapi.SOL_SOCKET, "ip": 0, "tcp": uapi.IPPROTO_TCP, "udp": uapi.IPPROTO_UDP}

// names are the numbers that tables call by name.
var names = map[string]int{
	"OOB": uapi.MSG_OOB, "PEEK": uapi.MSG_PEEK, "TRUNC": uapi.MSG_TRUNC, "MORE": uapi.MSG_MORE, "NOSIGNAL": uapi.MSG_NOSIGNAL,
	"WAITALL": uapi.MSG_WAITALL, "ERRQUEUE": uapi.MSG_ERRQUEUE, "DONTROUTE": uapi.MSG_DONTROUTE,
	"INQ": 0x541b, "OUTQ": 0x5411, "OUTQNSD": 0x894b, "ATMARK": 0x8905,
	"INET": uapi.AF_INET, "STREAM": uapi.SOCK_STREAM, "DGRAM": uapi.SOCK_DGRAM, "RAW": uapi.SOCK_RAW,
	"so.REUSEADDR": uapi.SO_REUSEADDR, "so.TYPE": uapi.SO_TYPE, "so.ERROR": uapi.SO_ERROR, "so.DONTROUTE": uapi.SO_DONTROUTE,
	"so.BROADCAST": uapi.SO_BROADCAST, "so.SNDBUF": uapi.SO_SNDBUF, "so.RCVBUF": uapi.SO_RCVBUF, "so.KEEPALIVE": uapi.SO_KEEPALIVE,
	"so.OOBINLINE": uapi.SO_OOBINLINE, "so.PRIORITY": uapi.SO_PRIORITY, "so.LINGER": uapi.SO_LINGER, "so.REUSEPORT": uapi.SO_REUSEPORT,
	"so.RCVLOWAT": uapi.SO_RCVLOWAT, "so.SNDLOWAT": uapi.SO_SNDLOWAT, "so.ACCEPTCONN": uapi.SO_ACCEPTCONN, "so.MARK": uapi.SO_MARK,
	"so.PROTOCOL": uapi.SO_PROTOCOL, "so.DOMAIN": uapi.SO_DOMAIN, "so.SNDBUFFORCE": uapi.SO_SNDBUFFORCE, "so.RCVBUFFORCE": uapi.SO_RCVBUFFORCE,
	"so.BINDTOIFINDEX": uapi.SO_BINDTOIFINDEX, "so.MAX_PACING_RATE": uapi.SO_MAX_PACING_RATE, "so.INCOMING_CPU": uapi.SO_INCOMING_CPU,
	"so.DETACH_REUSEPORT_BPF": uapi.SO_DETACH_REUSEPORT_BPF, "so.LOCK_FILTER": uapi.SO_LOCK_FILTER,
	"so.ATTACH_REUSEPORT_CBPF": uapi.SO_ATTACH_REUSEPORT_CBPF,
	"ip.TOS":                   uapi.IP_TOS, "ip.TTL": uapi.IP_TTL, "ip.MTU_DISCOVER": uapi.IP_MTU_DISCOVER, "ip.MTU": uapi.IP_MTU, "ip.FREEBIND": uapi.IP_FREEBIND,
	"ip.TRANSPARENT": uapi.IP_TRANSPARENT, "ip.BIND_ADDRESS_NO_PORT": uapi.IP_BIND_ADDRESS_NO_PORT, "ip.MULTICAST_TTL": uapi.IP_MULTICAST_TTL,
	"ip.LOCAL_PORT_RANGE": uapi.IP_LOCAL_PORT_RANGE,
	"ip.MULTICAST_LOOP":   uapi.IP_MULTICAST_LOOP, "ip.RECVERR": uapi.IP_RECVERR, "ip.MINTTL": uapi.IP_MINTTL,
	"tcp.NODELAY": uapi.TCP_NODELAY, "tcp.MAXSEG": uapi.TCP_MAXSEG, "tcp.CORK": uapi.TCP_CORK, "tcp.KEEPIDLE": uapi.TCP_KEEPIDLE,
	"tcp.KEEPINTVL": uapi.TCP_KEEPINTVL, "tcp.KEEPCNT": uapi.TCP_KEEPCNT, "tcp.SYNCNT": uapi.TCP_SYNCNT, "tcp.LINGER2": uapi.TCP_LINGER2,
	"tcp.DEFER_ACCEPT": uapi.TCP_DEFER_ACCEPT, "tcp.WINDOW_CLAMP": uapi.TCP_WINDOW_CLAMP, "tcp.QUICKACK": uapi.TCP_QUICKACK,
	"tcp.USER_TIMEOUT": uapi.TCP_USER_TIMEOUT, "tcp.NOTSENT_LOWAT": uapi.TCP_NOTSENT_LOWAT,
	"tcp.TIMESTAMP": uapi.TCP_TIMESTAMP, "tcp.THIN_LINEAR_TIMEOUTS": uapi.TCP_THIN_LINEAR_TIMEOUTS, "tcp.INQ": uapi.TCP_INQ,
	"udp.CORK": uapi.UDP_CORK, "udp.SEGMENT": uapi.UDP_SEGMENT, "udp.GRO": uapi.UDP_GRO,
}
