package sock

import "linen/uapi/errno"

// Datagram gives a protocol's socket the calls that only streams have: they
// answer EOPNOTSUPP.
type Datagram struct{}

// Listen implements Socket.
func (Datagram) Listen(*Caller, int) error { return errno.EOPNOTSUPP }

// Accept implements Socket.
func (Datagram) Accept(*Caller) (Socket, error) { return nil, errno.EOPNOTSUPP }
