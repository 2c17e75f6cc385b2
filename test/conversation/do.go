package conversation

import (
	"fmt"
	"strconv"

	"linen/uapi"
	"linen/uapi/errno"
)

// call makes a call and compares what it returns.
func (t *talk) call(c *Invocation) error {
	var s *held
	if c.Method != "socket" && c.Method != "count" {
		if s = t.sockets[c.Object]; s == nil {
			return fmt.Errorf("no socket %s", c.Object)
		}
	}
	got, err := t.do(c, s)
	if err != nil {
		got = errorName(err)
	}
	want := c.Want
	if want == "" {
		if err != nil {
			return fmt.Errorf("%s", got)
		}
		if c.Method != "write" {
			return nil
		}
		want = c.Args[0]
	}
	if got != want {
		return fmt.Errorf("it returns %s", got)
	}
	return nil
}

// do makes the call; s is nil for those that are of no socket.
func (t *talk) do(c *Invocation, s *held) (string, error) {
	switch c.Method {
	case "socket":
		n, err := t.m.socket()
		if err == nil {
			t.sockets[c.Made] = &held{socket: n}
		}
		return "", err
	case "accept":
		n, err := s.accept()
		if err == nil {
			t.sockets[c.Made] = &held{socket: n}
		}
		return "", err
	case "count":
		return text(t.counter(c.Args[0]))
	case "bind":
		return "", s.bind(intOf(c.Args, 0, hostPort))
	case "connect":
		return "", s.connect(peerPort + intOf(c.Args, 0, 1))
	case "listen":
		return "", s.listen(intOf(c.Args, 0, 1))
	case "shutdown":
		for how, d := range directions {
			if d == c.Args[0] {
				return "", s.socket.shutdown(how)
			}
		}
	case "close":
		s.close()
		return "", nil
	case "write":
		return s.send(c)
	case "read":
		return s.receive(c)
	}
	return s.ask(c)
}

// text is a number that a call returns.
func text(v int, err error) (string, error) { return strconv.Itoa(v), err }

// ask makes the calls that set and tell.
func (s *held) ask(c *Invocation) (string, error) {
	var v [512]byte
	switch c.Method {
	case "set":
		o := options[c.Args[0]]
		s.urgent = s.urgent || c.Args[0] == "SO_OOBINLINE"
		return "", s.setOption(o[0], o[1], optionValue(c.Args))
	case "get":
		o := options[c.Args[0]]
		n, err := s.option(o[0], o[1], v[:4])
		if n > 4 {
			return string(v[:n]), err
		}
		return text(int(int32(le.Uint32(v[:]))), err)
	case "error":
		_, err := s.option(uapi.SOL_SOCKET, uapi.SO_ERROR, v[:4])
		if e := errno.Errno(le.Uint32(v[:])); err == nil && e != 0 {
			return e.Name(), nil
		}
		return "0", err
	case "state":
		_, err := s.option(uapi.IPPROTO_TCP, uapi.TCP_INFO, v[:])
		return stateNames[min(int(v[0]), len(stateNames)-1)], err
	case "info":
		n, err := s.option(uapi.IPPROTO_TCP, uapi.TCP_INFO, v[:])
		f := infoFields[c.Args[0]]
		if err == nil && n < f[0]+f[1] {
			return "", fmt.Errorf("TCP_INFO has %d bytes", n)
		}
		return text(int(infoValue(v[f[0]:], f[1])), err)
	case "poll":
		return pollText(s.poll()), nil
	case "inq":
		return text(s.ioctl(uapi.SIOCINQ))
	case "outq":
		return text(s.ioctl(uapi.SIOCOUTQ))
	case "unsent":
		return text(s.ioctl(uapi.SIOCOUTQNSD))
	case "atmark":
		return text(s.ioctl(uapi.SIOCATMARK))
	}
	return "", fmt.Errorf("no method %s", c.Method)
}

func infoValue(v []byte, size int) uint64 {
	switch size {
	case 1:
		return uint64(v[0])
	case 2:
		return uint64(le.Uint16(v))
	case 4:
		return uint64(le.Uint32(v))
	}
	return le.Uint64(v)
}

// send writes the next bytes of the stream.
func (s *held) send(c *Invocation) (string, error) {
	p := make([]byte, intOf(c.Args, 0, 0))
	fill(p, s.wrote)
	to, flags := 0, messageFlags(c.Args)
	if flags&uapi.MSG_FASTOPEN != 0 {
		to = peerPort + 1
	}
	n, err := s.write(p, flags, to)
	if err == nil {
		s.wrote += uint32(n)
	}
	return text(n, err)
}

// receive reads and looks whether it is what the peer sent.
func (s *held) receive(c *Invocation) (string, error) {
	p := make([]byte, intOf(c.Args, 0, 0))
	flags := messageFlags(c.Args)
	n, err := s.recv(p, flags)
	if err != nil || flags&(uapi.MSG_TRUNC|uapi.MSG_OOB) != 0 {
		s.urgent = s.urgent || flags&uapi.MSG_OOB != 0
		if err == nil && flags&uapi.MSG_OOB == 0 {
			s.read += uint32(n)
		}
		return text(n, err)
	}
	for i, b := range p[:n] {
		if b == pattern(s.read+uint32(i)) {
			continue
		}
		if s.urgent && b == pattern(s.read+1+uint32(i)) { // the urgent byte was between
			s.read++
			continue
		}
		return "", fmt.Errorf("byte %d of the stream is not what the peer sent", s.read+uint32(i))
	}
	if flags&uapi.MSG_PEEK == 0 {
		s.read += uint32(n)
	}
	return text(n, nil)
}
