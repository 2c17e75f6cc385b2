// Package l3mdev says which routing table a device's packets use: a device
// that is an L3 master (a VRF) brings a table of its own, for itself and for
// the devices that it is the master of.
//
// Linux files: net/l3mdev/l3mdev.c; Documentation/networking/vrf.rst.
// Not done: masters other than the VRF driver (IPVLAN's L3S mode).
package l3mdev

import "linen/net/dev"

// master is what makes a device an L3 master.
type master struct{ table uint32 }

var key = dev.NewKey[master]("l3mdev")

// SetTable makes d an L3 master with a table. The caller holds the RTNL and
// does so before d is registered.
func SetTable(d *dev.Device, table uint32) { key.Set(d, &master{table}) }

// Is reports whether d is an L3 master (netif_is_l3_master).
func Is(d *dev.Device) bool { return key.Of(d) != nil }

// Master returns the L3 master that decides for d: d itself, or its master;
// nil: none (l3mdev_master_dev_rcu).
func Master(d *dev.Device) *dev.Device {
	if Is(d) {
		return d
	}
	if m := d.Master(); m != nil && Is(m) {
		return m
	}
	return nil
}

// Table returns the table that decides for d, 0: none of its own
// (l3mdev_fib_table).
func Table(d *dev.Device) uint32 {
	if m := Master(d); m != nil {
		return key.Of(m).table
	}
	return 0
}
