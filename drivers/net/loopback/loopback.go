// Package loopback is lo, the device by which a namespace talks to itself.
//
// Linux files: drivers/net/loopback.c. RFC 1122 §3.2.1.3 (127/8).
package loopback

import (
	"linen/kern"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/wire"
)

// lo is the driver; it keeps nothing.
type lo struct{}

var key = netns.NewKey[dev.Device]("loopback")

// Pernet makes a namespace's lo, down, as its first device. It stands behind
// everything that listens to devices, and only dev.PernetDevices behind it.
func Pernet() netns.Subsys { return netns.Bind(key, initNet, exitNet) }

func initNet(n *netns.Net) (*dev.Device, error) {
	d := dev.New(n, "lo", lo{})
	d.HeaderOps = ethernet.HeaderOps()
	d.Type = uapi.ARPHRD_LOOPBACK
	d.HardHeaderLen = wire.EthHdrLen
	d.AddrLen = len(wire.MAC{})
	d.NetnsImmut, d.LLTX, d.NoQueue = true, true, true
	d.TSOMaxSize = dev.GSOMaxSize
	d.SetInitialMTU(65536)
	d.SetInitialTxQueueLen(1000)
	d.SetInitialFlags(uapi.IFF_LOOPBACK)
	d.SetInitialAddr(make([]byte, d.AddrLen), dev.AddrRandom)
	d.SetInitialBroadcast(make([]byte, d.AddrLen))
	d.HWFeatures = dev.FeatGSOSoftware
	d.SetInitialFeatures(dev.FeatSG | dev.FeatFragList | dev.FeatHWCsum | dev.FeatRxCsum | dev.FeatHighDMA |
		dev.FeatVLANChal | dev.FeatLoopback | dev.FeatGSO | dev.FeatGRO | dev.FeatGSOSoftware)
	n.Lock()
	defer n.Unlock()
	return d, dev.Register(d)
}

func exitNet(n *netns.Net, d *dev.Device) {
	n.Lock()
	defer n.Unlock()
	dev.Unregister(d)
}

// Open does nothing: lo is always there.
func (lo) Open(*dev.Device) error { return nil }

// Stop does nothing.
func (lo) Stop(*dev.Device) {}

// SetMAC agrees to any address, as lo has no use for it.
func (lo) SetMAC(*dev.Device, []byte) error { return nil }

// Xmit puts b on the backlog, received (loopback_xmit). Its checksum stays
// unfinished and a super-packet whole.
func (lo) Xmit(c *kern.CPU, d *dev.Device, b *skb.Buff) {
	b.Orphan(c)
	n := b.Len()
	b.Tstamp = 0
	if !ethernet.TypeTrans(c, b, d) {
		return
	}
	if dev.Rx(c, d, b) {
		d.CountTx(c, n)
		d.CountRx(c, n)
	}
}

// Ethtool is what ethtool(8) sees of lo (loopback_ethtool_ops).
func (lo) Ethtool(*dev.Device) dev.EthtoolInfo {
	return dev.EthtoolInfo{HasLink: true, StampsTx: true}
}
