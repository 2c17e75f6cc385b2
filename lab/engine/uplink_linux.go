package engine

import (
	"errors"
	"io"

	"linen"
	"linen/drivers/host/uplink"
	"linen/lab"
)

// openUplink makes a node the gateway to this machine's network and publishes
// the lab's ports.
func openUplink(n *linen.Net, s *lab.Uplink) (io.Closer, error) {
	u, err := uplink.New(n.Namespace(), uplink.Config{Resolver: s.Resolver, Loopback: s.Loopback})
	if err != nil {
		return nil, err
	}
	for _, f := range s.Forwards {
		if _, err := u.Forward(uplink.Forward{Proto: f.Proto, Host: f.Host, To: f.To}); err != nil {
			return nil, errors.Join(err, u.Close())
		}
	}
	return u, nil
}
