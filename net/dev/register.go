package dev

import (
	"linen/net/netns"
)

// Register puts d, made by New, into its namespace (register_netdevice). The
// caller holds the RTNL, or is an init of the namespace. The errors are the
// kernel's: EINVAL and EEXIST for names and indices, and any of a driver or a
// subscriber.
func Register(d *Device) error { return RegisterIndex(d, 0) }

// RegisterIndex is Register with the ifindex that user space asked for (0:
// the next one). It returns EBUSY when that is taken.
func RegisterIndex(d *Device, index int) error { return nil }

// Unregister takes d out of its namespace (unregister_netdevice): it is
// closed, what depends on it goes first, and the rest follows when the RTNL
// is released: packets on their way are waited for. The caller holds the RTNL.
func Unregister(d *Device) {}

// UnregisterMany is Unregister of several devices at once, of which d's
// RTNLs are held.
func UnregisterMany(ds []*Device) {}

// Pernet makes a namespace's device table and notifier chain, /proc/net/dev
// and its like, and the rtnetlink handlers of links. It stands behind mib,
// sysctl, procfs and rtnl in the list.
func Pernet() netns.Subsys { return netns.Bind(stateKey, initNet, exitNet) }

func initNet(n *netns.Net) (*state, error) {
	s := &state{n: n}
	s.chain.n = n
	s.ifx.byIndex = make(map[int]*Device)
	s.ifx.byName = make(map[string]*Device)
	return s, nil
}

func exitNet(n *netns.Net, s *state) {}
