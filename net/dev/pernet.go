package dev

import (
	"slices"

	"linen/net/netns"
	"linen/net/rtnl"
	"linen/net/sysctl"
)

// Pernet makes a namespace's device table and notifier chain, /proc/net/dev
// and its like, and the rtnetlink handlers of links. It stands behind sysctl,
// procfs, netlink and rtnl in the list.
func Pernet() netns.Subsys { return netns.Bind(stateKey, initNet, nil) }

func initNet(n *netns.Net) (*state, error) {
	s := &state{n: n}
	s.chain.s = s
	s.ifx.byIndex = make(map[int]*Device)
	s.ifx.byName = make(map[string]*Device)
	s.backlog = sysctl.Of(n).Int("net/core/netdev_max_backlog", sysctl.Spec{Default: defaultBacklog, Scope: sysctl.OfMachine})
	handleLinks(n)
	addProc(n)
	_, err := s.chain.Add(rtnetlinkPriority, rtnetlinkEvent)
	return s, err
}

// rtnetlinkPriority has programs hear of a device before they hear of what that
// does to addresses and routes: rtnetlink is the first to subscribe.
const rtnetlinkPriority = 100

// defaultBacklog is how many frames wait for a CPU at most
// (net.core.netdev_max_backlog).
const defaultBacklog = 1000

// defaultDevices is the slot of PernetDevices; it holds nothing.
type defaultDevices struct{}

var defaultKey = netns.NewKey[defaultDevices]("default_device")

// PernetDevices unregisters what devices a closing namespace has left, while
// every other subsystem is still there (default_device_ops). It stands last in
// the list, behind loopback.
func PernetDevices() netns.Subsys {
	return netns.Bind(defaultKey, func(*netns.Net) (*defaultDevices, error) {
		return new(defaultDevices), nil
	}, func(n *netns.Net, _ *defaultDevices) { unregisterAll(n) })
}

// devicesOf lists all devices but lo.
func devicesOf(n *netns.Net) []*Device {
	return slices.DeleteFunc(slices.Clone(List(n)), (*Device).IsLoopback)
}

// unregisterAll removes all devices but lo, the youngest first.
func unregisterAll(n *netns.Net) {
	for {
		list := devicesOf(n)
		if len(list) == 0 {
			n.Lock() // a device that was moving here when the namespace began to close
			list = devicesOf(n)
			n.Unlock()
			if len(list) == 0 {
				return
			}
		}
		d := list[len(list)-1]
		unlock := LockWith(d)
		if d.Net() == n && d.Registered() {
			Unregister(d)
		}
		unlock()
	}
}

// Kinds returns n's registry of link kinds, in which drivers register.
func Kinds(n *netns.Net) *rtnl.Kinds[*Device] { return &stateOf(n).kinds }

// AFs returns n's registry of address families' link attributes
// (IFLA_AF_SPEC).
func AFs(n *netns.Net) *rtnl.AFs[*Device] { return &stateOf(n).afs }

// SetDefaultQueue says what queueing discipline a device that queues gets when
// it first comes up (net.core.default_qdisc); net/sched does.
func SetDefaultQueue(n *netns.Net, f func(d *Device) Queue) { stateOf(n).defaultQueue = f }
