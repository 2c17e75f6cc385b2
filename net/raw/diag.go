package raw

import (
	"linen/net/inet"
	"linen/net/sockdiag"
	"linen/uapi"
	"linen/uapi/errno"
)

// registerDiag shows raw sockets in sock_diag (net/ipv4/raw_diag.c).
func (st *State) registerDiag() {
	sockdiag.RegisterInet(st.n, uapi.IPPROTO_RAW, &sockdiag.InetProto{List: st.diagList, Find: st.diagFind, Destroy: destroy})
}

// sockets returns all sockets in the order of their protocols.
func (st *State) sockets() (list []*Sock) {
	for proto := range uint32(buckets) {
		for n := st.table.First(proto); n != nil; n = n.Next() {
			list = append(list, n.Value)
		}
	}
	return list
}

func (st *State) diagList() (list []sockdiag.InetSocket) {
	for _, s := range st.sockets() {
		list = append(list, s)
	}
	return list
}

// diagFind returns the socket of a protocol that takes packets between the two
// ends (raw_sock_get).
func (st *State) diagFind(family, protocol uint8, id *uapi.InetDiagSockID) sockdiag.InetSocket {
	own, peer, ok := inet.DiagEnds(family, id)
	if !ok {
		return nil
	}
	for n := st.table.First(uint32(protocol)); n != nil; n = n.Next() {
		if n.Value.match(peer, own, int(id.If), 0) {
			return n.Value
		}
	}
	return nil
}

// destroy ends a socket's association (raw_abort).
func destroy(v sockdiag.InetSocket) error {
	s, ok := v.(*Sock)
	if !ok {
		return errno.EOPNOTSUPP
	}
	s.Lock()
	defer s.Unlock()
	s.Abort()
	return nil
}
