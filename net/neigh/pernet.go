package neigh

import (
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/sysctl"
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

// Pernet makes a namespace's neighbour tables. It comes after those of sysctl,
// procfs, rtnl and dev.
func Pernet() netns.Subsys { return netns.Bind(key, initNet, exitNet) }

// Of returns n's neighbour tables.
func Of(n *netns.Net) *State { return key.Of(n) }

func initNet(n *netns.Net) (*State, error) {
	s := &State{V4: newTable(n, "arp_cache", uapi.AF_INET, 4, uapi.ETH_P_IP, parmsV4)}
	s.initNetlink(n)
	s.V4.initProc()
	remove, err := dev.Notifiers(n).Add(notifierPrio, func(e *dev.Event) error { s.V4.event(e); return nil })
	s.remove = remove
	return s, err
}

func exitNet(_ *netns.Net, s *State) {
	s.remove()
	s.V4.close()
}

// tables returns the tables of a family; AF_UNSPEC: all.
func (s *State) tables(family uint8) []*Table {
	if family == uapi.AF_UNSPEC || family == s.V4.Family {
		return []*Table{s.V4}
	}
	return nil
}

// table returns the table of a family, or nil.
func (s *State) table(family uint8) *Table {
	if family == s.V4.Family {
		return s.V4
	}
	return nil
}

// event follows a device's changes (neigh_ifdown, neigh_changeaddr,
// neigh_carrier_down).
func (t *Table) event(e *dev.Event) {
	switch e.Type {
	case dev.EventRegister:
		t.addParms(e.Dev)
	case dev.EventDown:
		t.DeviceDown(e.Dev)
	case dev.EventChangeAddr:
		t.flush(e.Dev, false)
	case dev.EventChange:
		if e.FlagsChanged&uapi.IFF_NOARP != 0 {
			t.flush(e.Dev, false)
		}
		if !e.Dev.Carrier() && (t.ops.EvictNoCarrier == nil || t.ops.EvictNoCarrier(e.Dev)) {
			t.flush(e.Dev, true)
			t.proxy.dropDevice(e.Dev, true)
		}
	case dev.EventChangeName:
		sysctl.Of(t.n).Rename(t.dir(e.OldName), t.dir(e.Dev.Name()))
	case dev.EventUnregister:
		t.DeviceDown(e.Dev)
		t.dropParms(e.Dev)
	}
}

// close empties the table for good.
func (t *Table) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.flush(nil, false)
	t.proxy.close()
	t.gc.Stop()
	t.manage.Stop()
}
