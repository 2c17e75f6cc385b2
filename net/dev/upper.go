package dev

// links are the devices above and below a device.
type links struct {
	uppers, lowers []*link
}

// link is one edge between two devices.
type link struct {
	dev    *Device
	master bool
	info   any
}

// LinkUpper makes upper stand on d, as its master or only as its upper, after
// asking the chain (netdev_upper_dev_link). The caller holds the RTNL.
func LinkUpper(d, upper *Device, master bool, info any) error { return nil }

// UnlinkUpper undoes LinkUpper. The caller holds the RTNL.
func UnlinkUpper(d, upper *Device) {}

// Uppers returns the devices that stand on d. The caller holds the RTNL.
func (d *Device) Uppers() []*Device { return nil }

// Lowers returns the devices that d stands on. The caller holds the RTNL.
func (d *Device) Lowers() []*Device { return nil }

// SetRxHandler makes h take d's frames; EBUSY when there is a handler
// (netdev_rx_handler_register). The caller holds the RTNL.
func (d *Device) SetRxHandler(h RxHandler) error { return nil }

// ClearRxHandler removes the handler. The caller holds the RTNL; frames may
// still be in it until the RTNL's deferred work has run.
func (d *Device) ClearRxHandler() {}
