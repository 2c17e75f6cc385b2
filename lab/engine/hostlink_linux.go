package engine

import (
	"errors"

	"linen"
	"linen/drivers/host/tap"
	"linen/lab"
)

// hostLink makes the end of a cable to the machine itself: a TAP interface
// there, up, which goes with the lab. That takes CAP_NET_ADMIN.
func hostLink(n *linen.Net, s lab.LinkSpec) error {
	f, name, err := tap.Open(s.HostInterface)
	if err != nil {
		return err
	}
	if err := tap.Up(name, s.MTU); err != nil {
		return errors.Join(err, f.Close())
	}
	_, err = tap.New(n.Namespace(), s.Ends[0].Name, f)
	return err
}
