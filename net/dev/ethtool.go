package dev

import (
	"strconv"

	"linen/uapi"
	"linen/uapi/errno"
)

// An Ethtooler answers what ethtool(8) asks a driver (struct ethtool_ops). A
// device without it has only what the stack itself knows.
type Ethtooler interface{ Ethtool(d *Device) EthtoolInfo }

// A ChannelSetter has a say in the number of queues in use (set_channels).
type ChannelSetter interface {
	SetChannels(d *Device, tx, rx int) error
}

// EthtoolInfo is what a driver says of a device.
type EthtoolInfo struct {
	Driver, Version string        // GDRVINFO; without Driver the link kind stands there
	Firmware, Bus   string        // firmware-version and bus-info
	HasLink         bool          // it knows its link's state (get_link)
	Link            *LinkSettings // nil: none
	Stats           []EthtoolStat // of the driver's own
	StampsTx        bool          // it takes software time stamps of sent frames
	Channels        bool          // its queues can be counted
}

// LinkSettings are the speed and the kind of a link (struct
// ethtool_link_settings).
type LinkSettings struct {
	Speed  uint32 // Mb/s, or SPEED_UNKNOWN
	Duplex uint8  // DUPLEX_*
	Port   uint8  // PORT_*
}

// An EthtoolStat is one of the driver's own counters.
type EthtoolStat struct {
	Name  string
	Value uint64
}

// EthtoolInfo asks d's driver; what it does not know is empty.
func (d *Device) EthtoolInfo() (info EthtoolInfo) {
	if e, ok := d.Ops.(Ethtooler); ok {
		info = e.Ethtool(d)
	}
	if info.Driver == "" {
		info.Driver = d.Kind
	}
	return info
}

// SetInitialQueues says how many of the queues of a device that is not
// registered are in use.
func (d *Device) SetInitialQueues(tx, rx int) {
	d.realTx.Store(int32(tx))
	d.realRx.Store(int32(rx))
}

// Queues returns how many transmit and receive queues are in use
// (real_num_tx_queues, real_num_rx_queues).
func (d *Device) Queues() (tx, rx int) {
	tx = d.TxQueues
	if n := int(d.realTx.Load()); n > 0 {
		tx = min(tx, n)
	}
	return tx, d.rxQueues()
}

// rxQueues is Queues for the data path.
func (d *Device) rxQueues() int {
	if n := int(d.realRx.Load()); n > 0 && n < d.RxQueues {
		return n
	}
	return d.RxQueues
}

// ChangeQueues changes how many queues are in use. EINVAL for none or for more
// than there are, EOPNOTSUPP when the driver has no say. The caller holds the
// RTNL.
func ChangeQueues(d *Device, tx, rx int) error {
	d.Net().MustHold()
	s, ok := d.Ops.(ChannelSetter)
	switch {
	case !ok:
		return errno.EOPNOTSUPP
	case tx > d.TxQueues || rx > d.RxQueues || tx < 1 || rx < 1:
		return errno.EINVAL
	}
	if err := s.SetChannels(d, tx, rx); err != nil {
		return err
	}
	d.SetInitialQueues(tx, rx)
	return nil
}

// sysSpeed is the file speed: Mb/s, -1 for one that is not known.
func (d *Device) sysSpeed() string {
	link := d.EthtoolInfo().Link
	if !d.Running() || link == nil {
		return ""
	}
	return strconv.Itoa(int(int32(link.Speed)))
}

// sysDuplex is the file duplex.
func (d *Device) sysDuplex() string {
	link := d.EthtoolInfo().Link
	switch {
	case !d.Running() || link == nil:
		return ""
	case link.Duplex == uapi.DUPLEX_FULL:
		return "full"
	case link.Duplex == uapi.DUPLEX_HALF:
		return "half"
	}
	return "unknown"
}
