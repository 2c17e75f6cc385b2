package socktable

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"linen/uapi"
)

// senders is how many sockets who sends from: by chance alone one of three that
// share a port gets nothing once in 10^10 times.
const senders = 60

// who sends from many sockets to an address and says which of some others hear of
// it: connections are accepted, datagrams received, and all are gone afterwards.
func (r *run) who(kind string, to netip.AddrPort, names []string) (string, error) {
	typ := uapi.SOCK_STREAM
	if kind == "udp" {
		typ = uapi.SOCK_DGRAM
	}
	var from []int
	for range senders {
		fd, err := r.socket(uapi.AF_INET, typ, 0)
		if err == nil {
			from = append(from, fd)
			err = r.connect(fd, to)
		}
		if err == nil && kind == "udp" {
			_, err = r.send(fd, []byte("x"), 0)
		}
		if err != nil && errName(err) != "EINPROGRESS" {
			return "", err
		}
	}
	r.settle()
	var got []string
	for _, name := range names {
		if r.takeAll(kind, r.fds[name]) > 0 {
			got = append(got, name)
		}
	}
	for _, fd := range from {
		// A reset: nothing waits in TIME_WAIT, where it would keep the port.
		r.setsockopt(fd, uapi.SOL_SOCKET, uapi.SO_LINGER, values([]string{"1", "0"}))
		r.close(fd)
	}
	r.settle()
	return strings.Join(got, " "), nil
}

// takeAll accepts or receives all there is.
func (r *run) takeAll(kind string, fd int) (n int) {
	for ; ; n++ {
		if kind == "udp" {
			if _, err := r.recv(fd, make([]byte, 16), 0); err != nil {
				return n
			}
			continue
		}
		c, err := r.accept(fd)
		if err != nil {
			return n
		}
		r.setsockopt(c, uapi.SOL_SOCKET, uapi.SO_LINGER, values([]string{"1", "0"}))
		r.close(c)
	}
}

// selector attaches a program, whose instructions are given as code and K, to the
// SO_REUSEPORT group of a socket.
func selector(r *run, fd int, a []string) (string, error) {
	var insns []byte
	for ; len(a) >= 2; a = a[2:] {
		insns = binary.NativeEndian.AppendUint16(insns, uint16(number(a[0])))
		insns = append(insns, 0, 0)
		insns = binary.NativeEndian.AppendUint32(insns, uint32(number(a[1])))
	}
	return "ok", r.stack.selector(fd, insns)
}
