package badpackets

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"

	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// Steps that make a call on the last socket and note what it answers.

// call notes what f says, or the name of its error.
func call(what string, f func(r *run, s socket) (string, error)) step {
	return func(r *run) error {
		said, err := f(r, r.socks[len(r.socks)-1])
		if err != nil {
			said = errName(err)
		}
		r.said = append(r.said, strings.TrimSpace(what+": "+said))
		return nil
	}
}

// errName is an error number's name.
func errName(err error) string {
	if e, is := errno.Of(err); is {
		return e.Name()
	}
	var host syscall.Errno
	if errors.As(err, &host) {
		return errno.Errno(host).Name()
	}
	return err.Error()
}

// peerAddr reads an address; "" is the peer of a connected socket.
func peerAddr(a string) (to netip.AddrPort) {
	if a != "" {
		to = netip.MustParseAddrPort(a)
	}
	return to
}

// sends sends n bytes, with control messages of level IP.
func sends(to string, n int, with ...cmsg) step { return sendsBytes(to, seq(n), with...) }

// sendsBytes is sends for what a raw socket writes.
func sendsBytes(to string, p []byte, with ...cmsg) step {
	what := fmt.Sprintf("send %d bytes to %s", len(p), to)
	for _, c := range with {
		what += " with " + c.name
	}
	return call(what, func(r *run, s socket) (string, error) {
		m := sock.Msg{Control: make([]byte, 256)}
		for _, c := range with {
			m.PutCmsg(uapi.IPPROTO_IP, c.typ, c.data(r.m))
		}
		return "ok", s.sendmsg(peerAddr(to), p, m.Control[:m.ControlLen])
	})
}

// A cmsg is a control message of level IP.
type cmsg struct {
	name string
	typ  int
	data func(m machine) []byte
}

// number is a control message that holds one.
func number(name string, typ int, v uint32) cmsg {
	return cmsg{fmt.Sprint(name, " ", v), typ, func(machine) []byte { return u32(v) }}
}

// pktinfo says which link and which source to use.
func pktinfo(dev, spec string) cmsg {
	return cmsg{"IP_PKTINFO " + dev + " " + spec, uapi.IP_PKTINFO, func(m machine) []byte {
		info := uapi.InPktinfo{SpecDst: netip.MustParseAddr(spec).As4()}
		if dev != "" {
			info.Ifindex = int32(m.index(dev))
		}
		return info.Append(nil)
	}}
}

func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// setIP sets an option of level IP, and notes an error only.
func setIP(name int, v uint32) step { return option(uapi.IPPROTO_IP, name, u32(v)) }

// sets notes what setting an option answers.
func sets(level, name int, v []byte) step {
	return call(fmt.Sprintf("set %d %d", level, name), func(_ *run, s socket) (string, error) { return "ok", s.option(level, name, v) })
}

// gets notes an option's value.
func gets(level, name, room int) step {
	return call(fmt.Sprintf("get %d %d", level, name), func(_ *run, s socket) (string, error) {
		v := make([]byte, room)
		n, err := s.get(level, name, v)
		return hex.EncodeToString(v[:min(n, room)]), err
	})
}

// bound sets SO_BINDTODEVICE.
func bound(dev string) step { return option(uapi.SOL_SOCKET, uapi.SO_BINDTODEVICE, []byte(dev)) }

// unicastIF sets IP_UNICAST_IF, an index in network order.
func unicastIF(dev string) step {
	return func(r *run) error {
		return r.socks[len(r.socks)-1].option(uapi.IPPROTO_IP, uapi.IP_UNICAST_IF, be.AppendUint32(nil, uint32(r.m.index(dev))))
	}
}

// binds and connects note the answers of bind and connect, named the own
// address.
func binds(a string) step {
	return call("bind "+a, func(_ *run, s socket) (string, error) { return "ok", s.bind(netip.MustParseAddrPort(a)) })
}

func connects(a string) step {
	return call("connect "+a, func(_ *run, s socket) (string, error) { return "ok", s.connect(netip.MustParseAddrPort(a)) })
}

var named = call("name", func(_ *run, s socket) (string, error) {
	a, err := s.name()
	return a.String(), err
})

// receives and receivesError take a message, or an entry of the error queue.
var (
	receives      = call("receive", func(r *run, s socket) (string, error) { return received(r, s, 0) })
	receivesError = call("receive an error", func(r *run, s socket) (string, error) { return received(r, s, uapi.MSG_ERRQUEUE) })
)

// shows notes the lines of a file below /proc/net.
func shows(name string, from int) step {
	return func(r *run) error {
		text, err := r.m.read(name)
		lines := strings.Split(strings.TrimSpace(text), "\n")
		r.said = append(r.said, fmt.Sprintf("%s: %q", name, lines[min(from, len(lines)):]))
		return err
	}
}

func received(r *run, s socket, flags int) (string, error) {
	p := make([]byte, 1<<16)
	n, from, control, err := s.recvmsg(p, flags)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%d bytes", n)
	if from.IsValid() {
		text += fmt.Sprint(" from ", from)
	}
	for {
		c, rest, ok, err := sock.NextCmsg(control)
		if err != nil || !ok {
			return text, err
		}
		control = rest
		text += ", " + showCmsg(r.m, c)
	}
}

// cmsgNames are those of level IP.
var cmsgNames = map[int]string{
	uapi.IP_TOS: "TOS", uapi.IP_TTL: "TTL", uapi.IP_RECVOPTS: "RECVOPTS", uapi.IP_RETOPTS: "RETOPTS", uapi.IP_PKTINFO: "PKTINFO",
	uapi.IP_RECVERR: "RECVERR", uapi.IP_ORIGDSTADDR: "ORIGDSTADDR", uapi.IP_CHECKSUM: "CHECKSUM", uapi.IP_RECVFRAGSIZE: "RECVFRAGSIZE",
}

// showCmsg writes a control message; interfaces by their names.
func showCmsg(m machine, c sock.Cmsg) string {
	if c.Level != uapi.IPPROTO_IP {
		return fmt.Sprintf("level %d type %d %x", c.Level, c.Type, c.Data)
	}
	name := cmsgNames[c.Type]
	switch {
	case c.Type == uapi.IP_PKTINFO && len(c.Data) == 12:
		index := int(binary.NativeEndian.Uint32(c.Data))
		for _, dev := range [...]string{"lo", "eth0", "eth1"} {
			if m.index(dev) == index {
				return fmt.Sprintf("PKTINFO %s %v %v", dev, netip.AddrFrom4([4]byte(c.Data[4:])), netip.AddrFrom4([4]byte(c.Data[8:])))
			}
		}
	case c.Type == uapi.IP_RECVERR && len(c.Data) >= 16:
		e := c.Data
		text := fmt.Sprintf("RECVERR %s origin %d type %d code %d info %d", errno.Errno(binary.NativeEndian.Uint32(e)).Name(), e[4], e[5], e[6], binary.NativeEndian.Uint32(e[8:]))
		if len(e) >= 24 && e[16] == uapi.AF_INET {
			text += fmt.Sprint(" offender ", netip.AddrFrom4([4]byte(e[20:])))
		}
		return text
	}
	return fmt.Sprintf("%s %x", name, c.Data)
}
