package badpackets

import (
	"errors"
	"fmt"
	"strings"

	"linen/net/sock"
	"linen/uapi"
	"linen/wire"
)

// A stream is a socket of connections; datagram sockets are shut down, too.
type stream interface {
	accept() (socket, error)
	shutdown(how int) error
}

func (s virtualSocket) accept() (socket, error) {
	a, err := s.s.Accept(root)
	return virtualSocket{a}, err
}

func (s virtualSocket) shutdown(how int) error { return s.s.Shutdown(root, how) }

// shuts notes what shutdown answers.
func shuts(how int) step {
	return call(fmt.Sprint("shutdown ", how), func(_ *run, s socket) (string, error) { return "ok", s.(stream).shutdown(how) })
}

// accepts makes the accepted connection the last socket.
var accepts = call("accept", func(r *run, s socket) (string, error) {
	a, err := s.(stream).accept()
	if err == nil {
		r.socks = append(r.socks, a)
	}
	return "ok", err
})

// segments notes what was sent since as far as it does not depend on where
// connections begin to count.
func segments(r *run) error {
	for _, s := range r.m.heard() {
		r.said = append(r.said, brief(s))
	}
	return nil
}

// brief writes a segment without its numbers; another frame as show does.
func brief(s sent) string {
	eth, _ := wire.AsEth(s.frame)
	h, ok := wire.AsIPv4(s.frame[min(14, len(s.frame)):])
	if !ok || h.Proto() != uapi.IPPROTO_TCP {
		return show(s)
	}
	p := s.frame[14:]
	head, tail, _ := strings.Cut(show(s), ": tcp ")
	tcp := p[h.IHL():h.TotLen()]
	bad := ""
	if strings.Contains(tail, "BAD CHECKSUM") {
		bad = " BAD CHECKSUM"
	}
	return fmt.Sprintf("%s: %v tcp %d > %d flags %#x%s, %d bytes", head, eth.Dst(), be.Uint16(tcp), be.Uint16(tcp[2:]), tcp[13], bad, len(tcp)-int(tcp[12]>>4)*4)
}

// begins reads the sequence number of the SYN that was sent last.
func begins(r *run) (uint32, error) {
	list := r.m.heard()
	for i := len(list) - 1; i >= 0; i-- {
		p := list[i].frame[14:]
		h, ok := wire.AsIPv4(p)
		if ok && h.Proto() == uapi.IPPROTO_TCP && p[h.IHL()+13]&syn != 0 {
			r.said = append(r.said, brief(list[i]))
			return be.Uint32(p[h.IHL()+4:]), nil
		}
	}
	return 0, errors.New("no SYN")
}

// connected opens a connection from port 5000 to the peer with the last socket;
// with is the peer's header.
func connected(with ip) step {
	return func(r *run) error {
		if err := r.socks[len(r.socks)-1].connect(peerAddr(peer)); err != nil && errName(err) != "EINPROGRESS" {
			return err
		}
		iss, err := begins(r)
		if err != nil {
			return err
		}
		return rx(with.tcp(6000, 5000, syn|ack, nil, nil, put32(8, iss+1)))(r)
	}
}

// visited opens a connection to port 80 of the last socket, which listens; syn
// and rest are the headers of the peer's packets.
func visited(first, rest ip) step {
	return func(r *run) error {
		if err := rx(first.tcp(6000, 80, syn, nil, nil))(r); err != nil {
			return err
		}
		iss, err := begins(r)
		if err != nil { // it does not answer
			r.said = append(r.said, err.Error())
			return nil
		}
		return rx(rest.tcp(6000, 80, ack, nil, nil, put32(4, 1001), put32(8, iss+1)))(r)
	}
}

func put32(at int, v uint32) change { return func(b []byte) { be.PutUint32(b[at:], v) } }

// pktOptions notes IP_PKTOPTIONS.
var pktOptions = call("IP_PKTOPTIONS", func(r *run, s socket) (string, error) {
	control := make([]byte, 256)
	n, err := s.get(uapi.IPPROTO_IP, uapi.IP_PKTOPTIONS, control)
	if err != nil {
		return "", err
	}
	var list []string
	for control = control[:n]; ; {
		c, rest, ok, err := sock.NextCmsg(control)
		if err != nil || !ok {
			return strings.Join(list, ", "), err
		}
		control = rest
		list = append(list, showCmsg(r.m, c))
	}
})
