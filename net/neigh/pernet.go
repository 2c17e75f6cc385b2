package neigh

import (
	"linen/net/dev"
	"linen/net/netns"
	"linen/uapi"
)

// State is a namespace's neighbour tables.
type State struct {
	V4     *Table // arp_cache
	remove func()
}

var (
	key     = netns.NewKey[State]("neigh")
	parmsV4 = dev.NewKey[Parms]("arp_cache parms")
)

// notifierPrio is of arp_netdev_event: the default, after addresses went.
const notifierPrio = 0

// Pernet makes a namespace's neighbour tables. It comes after dev's.
func Pernet() netns.Subsys { return netns.Bind(key, initNet, exitNet) }

// Of returns n's neighbour tables.
func Of(n *netns.Net) *State { return key.Of(n) }

func initNet(n *netns.Net) (*State, error) {
	s := &State{V4: newTable(n, "arp_cache", uapi.AF_INET, 4, uapi.ETH_P_IP, parmsV4)}
	remove, err := dev.Notifiers(n).Add(notifierPrio, func(e *dev.Event) error { s.V4.event(e); return nil })
	s.remove = remove
	return s, err
}

func exitNet(_ *netns.Net, s *State) {
	s.remove()
	s.V4.close()
}

// event follows a device's changes (neigh_ifdown, neigh_changeaddr,
// neigh_carrier_down).
func (t *Table) event(e *dev.Event) {
	switch e.Type {
	case dev.EventRegister:
		t.addParms(e.Dev)
	case dev.EventDown, dev.EventChangeAddr:
		t.flush(e.Dev, false)
	case dev.EventChange:
		if e.FlagsChanged&uapi.IFF_NOARP != 0 {
			t.flush(e.Dev, false)
		}
		if !e.Dev.Carrier() && (t.ops.EvictNoCarrier == nil || t.ops.EvictNoCarrier(e.Dev)) {
			t.flush(e.Dev, true)
		}
	case dev.EventUnregister:
		t.flush(e.Dev, false)
		t.parms.Set(e.Dev, nil)
	}
}

// close empties the table for good.
func (t *Table) close() {
	t.notify.Store(nil)
	t.flush(nil, false)
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.gc.Stop()
}
