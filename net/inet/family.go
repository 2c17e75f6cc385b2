package inet

import (
	"linen/net/netns"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// A ProtoSW is one entry of AF_INET's protocol table (struct inet_protosw).
type ProtoSW struct {
	Type     int // SOCK_*
	Protocol int // IPPROTO_*; IPPROTO_IP takes any
	// Create makes the socket; protocol is the one asked for or, for 0, the
	// entry's.
	Create func(who *sock.Caller, n *netns.Net, protocol int) (sock.Socket, error)
}

// protocolMax is IPPROTO_MAX, one more than MPTCP's number.
const protocolMax = 263

// RegisterProto adds p to n's table. For one type the first entry is the
// default protocol; wild entries go last.
func RegisterProto(n *netns.Net, p *ProtoSW) {
	st := Of(n)
	st.protos.Lock()
	defer st.protos.Unlock()
	st.protos.list = append(st.protos.list, p)
}

// create is socket(AF_INET, ...) (inet_create).
func (st *State) create(who *sock.Caller, n *netns.Net, typ, protocol int) (sock.Socket, error) {
	if protocol < 0 || protocol >= protocolMax {
		return nil, errno.EINVAL
	}
	p, protocol, err := st.find(typ, protocol)
	if err != nil {
		return nil, err
	}
	if typ == uapi.SOCK_RAW && !who.Capable(sock.CapNetRaw) {
		return nil, errno.EPERM
	}
	return p.Create(who, n, protocol)
}

// find looks the table up: ESOCKTNOSUPPORT when the type is unknown,
// EPROTONOSUPPORT when the protocol does not go with it.
func (st *State) find(typ, protocol int) (*ProtoSW, int, error) {
	st.protos.Lock()
	defer st.protos.Unlock()
	err := errno.ESOCKTNOSUPPORT
	for _, p := range st.protos.list {
		if p.Type != typ {
			continue
		}
		switch {
		case p.Protocol == protocol && protocol != uapi.IPPROTO_IP:
			return p, protocol, nil
		case p.Protocol != protocol && protocol == uapi.IPPROTO_IP:
			return p, p.Protocol, nil
		case p.Protocol != protocol && p.Protocol == uapi.IPPROTO_IP:
			return p, protocol, nil
		}
		err = errno.EPROTONOSUPPORT
	}
	return nil, 0, err
}
