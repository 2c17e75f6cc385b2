package netlink

import (
	"fmt"

	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// Capabilities that netlink asks for, as bit numbers (linux/capability.h).
const (
	CapNetBroadcast = 11
	CapNetAdmin     = 12
)

// Creds are the credentials of a sender, looked at when it sends.
type Creds struct {
	Caps uint64 // effective capabilities, bit n = capability n
	UID  uint32
	GID  uint32
	PID  int32
	// FindNet returns the namespace that a process (fd < 0) or a descriptor of
	// the caller's (pid < 0) names, or ESRCH, EBADF, EINVAL; nil finds none.
	FindNet func(pid, fd int) (*netns.Net, error)
}

// RootCreds returns credentials that may do everything, of process pid.
func RootCreds(pid int32) *Creds { return &Creds{Caps: 1<<41 - 1, PID: pid} }

// Capable reports whether c has the capability.
func (c *Creds) Capable(capability int) bool {
	return c != nil && c.Caps>>uint(capability)&1 != 0
}

// A Request is one message from a user to the kernel side of a protocol.
type Request struct {
	Header
	// Net is the namespace of the socket it came by.
	Net *netns.Net
	// Strict says that the socket has NETLINK_GET_STRICT_CHK.
	Strict bool
	// From are the sender's credentials.
	From *Creds
	// Data is the whole message, header included. The handler must not keep
	// it.
	Data []byte

	port *Port
	ack  ExtAck // warnings so far
}

// Port returns the requester's port id; 0 for a nil Request (the kernel).
func (r *Request) PortID() uint32 {
	if r == nil || r.port == nil {
		return 0
	}
	return r.port.ID()
}

// Payload returns what follows the header: family header and attributes.
func (r *Request) Payload() []byte { return r.Data[HeaderLen:] }

// Has reports whether all of flags (NLM_F_*) are set.
func (r *Request) Has(flags uint16) bool { return r.Flags&flags == flags }

// Dumping reports whether a dump is asked for.
func (r *Request) Dumping() bool { return r.Flags&uapi.NLM_F_DUMP != 0 }

// Capable reports whether the requester has a capability in its namespace.
func (r *Request) Capable(capability int) bool { return r.From.Capable(capability) }

// NetByPID returns the namespace of a process. The error is ESRCH when there
// is none (get_net_ns_by_pid).
func (r *Request) NetByPID(pid int) (*netns.Net, error) {
	if r.From == nil || r.From.FindNet == nil {
		return nil, errno.ESRCH
	}
	return r.From.FindNet(pid, -1)
}

// NetByFD returns the namespace that a descriptor of the requester names. The
// error is EBADF when it is not open, EINVAL when it is another file
// (get_net_ns_by_fd).
func (r *Request) NetByFD(fd int) (*netns.Net, error) {
	if r.From == nil || r.From.FindNet == nil {
		return nil, errno.EBADF
	}
	return r.From.FindNet(-1, fd)
}

// Warn leaves a text that the acknowledgement carries also when the request
// succeeds, unless an error brings its own.
func (r *Request) Warn(format string, args ...any) { r.ack.Msg = fmt.Sprintf(format, args...) }

// Cookie leaves bytes for NLMSGERR_ATTR_COOKIE, at most 20.
func (r *Request) Cookie(b []byte) { r.ack.cookie = b }

// Body returns the first n bytes of the payload, the family header. The error
// is EINVAL "Invalid header length" when there are fewer.
func (r *Request) Body(n int) ([]byte, error) {
	p := r.Payload()
	if len(p) < n {
		return nil, Errorf(errno.EINVAL, "Invalid header length")
	}
	return p[:n], nil
}

// Need returns an EINVAL with the text, if any, when the payload has fewer than n
// bytes: a handler's own check of its family header.
func (r *Request) Need(n int, text string) error {
	switch {
	case len(r.Payload()) >= n:
		return nil
	case text == "":
		return errno.EINVAL
	}
	return Errorf(errno.EINVAL, "%s", text)
}

// Parse checks the attributes behind a family header of hdrlen bytes against
// p and returns them (nlmsg_parse).
func (r *Request) Parse(hdrlen int, p Policy, mode Mode) (Attrs, error) {
	if _, err := r.Body(hdrlen); err != nil {
		return Attrs{}, err
	}
	start := min(Align(HeaderLen+hdrlen), len(r.Data))
	return parse(r.Data[start:], uint32(start), p, mode, &r.ack)
}

// Validate checks the attributes behind a family header of hdrlen bytes without
// ordering them; a shorter header is a plain EINVAL (nlmsg_validate).
func (r *Request) Validate(hdrlen int, p Policy, mode Mode) error {
	if len(r.Payload()) < hdrlen {
		return errno.EINVAL
	}
	start := min(Align(HeaderLen+hdrlen), len(r.Data))
	return checker{&r.ack, mode}.all(r.Data[start:], uint32(start), p, nil, 0)
}

// Attrs returns the attributes behind a family header of hdrlen bytes without
// checking them, in the order they stand.
func (r *Request) Attrs(hdrlen int) (list []Attr) {
	start := min(Align(HeaderLen+hdrlen), len(r.Data))
	it := iter{rest: r.Data[start:], off: uint32(start)}
	for it.next() {
		list = append(list, it.attr)
	}
	return list
}

// ParseNested checks the attributes in a against p and returns them
// (nla_parse_nested; Liberal: nla_parse_nested_deprecated).
func ParseNested(a Attr, p Policy, mode Mode) (Attrs, error) {
	if mode&checkNested != 0 && !a.Nested() {
		return Attrs{}, ErrorAt(errno.EINVAL, a, "NLA_F_NESTED is missing")
	}
	var warn ExtAck
	return parse(a.data, a.off+AttrLen, p, mode, &warn)
}

// Message begins an answer of the type and flags to r.
func (r *Request) Message(typ, flags uint16) *Msg {
	m := NewMsg(typ, flags)
	m.address(r.Seq, r.PortID())
	return m
}

// Reply sends m to the requester.
func (r *Request) Reply(m *Msg) { r.port.deliver(nil, datagram{data: m.Bytes(), nsid: -1}) }

// ParseBehind is ParseNested of what follows a header of hdrlen bytes in a: an
// attribute that holds a whole request, such as VETH_INFO_PEER
// (rtnl_nla_parse_ifinfomsg).
func ParseBehind(a Attr, hdrlen int, p Policy, mode Mode) (Attrs, error) {
	skip := min(Align(hdrlen), len(a.data))
	var warn ExtAck
	return parse(a.data[skip:], a.off+AttrLen+uint32(skip), p, mode, &warn)
}
