package neigh

import (
	"net/netip"

	"linen/wire"
)

// IP returns the key as an address.
func (nb *Neigh) IP() netip.Addr { return nb.Table.ipOf(nb.Key) }

// String returns the entry as `ip neigh` prints it.
func (nb *Neigh) String() string {
	s := nb.IP().String() + " dev " + nb.Dev.Name()
	if state := nb.State(); state&Valid != 0 && len(nb.Addr()) == 6 {
		s += " lladdr " + wire.MAC(nb.Addr()).String()
	}
	return s + " " + StateName(nb.State())
}
