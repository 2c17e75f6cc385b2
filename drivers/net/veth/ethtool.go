package veth

import (
	"fmt"

	"linen/net/dev"
	"linen/uapi"
)

// Names of the driver's counters, by queue (veth_rq_stats_desc,
// veth_tq_stats_desc). They count XDP, of which there is none here.
var (
	rxStats = [...]string{"xdp_packets", "xdp_bytes", "drops", "xdp_redirect", "xdp_drops", "xdp_tx", "xdp_tx_errors"}
	txStats = [...]string{"xdp_xmit", "xdp_xmit_errors"}
)

// Ethtool is what ethtool(8) sees of an end: a 10 Gb/s copper wire
// (veth_ethtool_ops).
func (e *end) Ethtool(d *dev.Device) dev.EthtoolInfo {
	info := dev.EthtoolInfo{
		Driver: "veth", Version: "1.0", HasLink: true, StampsTx: true, Channels: true,
		Link: &dev.LinkSettings{Speed: 10000, Duplex: uapi.DUPLEX_FULL, Port: uapi.PORT_TP},
	}
	peer := uint64(0)
	if p := e.peer.Load(); p != nil {
		peer = uint64(p.Ifindex())
	}
	info.Stats = append(info.Stats, dev.EthtoolStat{Name: "peer_ifindex", Value: peer})
	tx, rx := d.Queues()
	for q := range rx {
		for _, name := range rxStats {
			info.Stats = append(info.Stats, dev.EthtoolStat{Name: fmt.Sprintf("rx_queue_%d_%s", q, name)})
		}
	}
	for q := range tx {
		for _, name := range txStats {
			info.Stats = append(info.Stats, dev.EthtoolStat{Name: fmt.Sprintf("tx_queue_%d_%s", q, name)})
		}
	}
	return info
}

// SetChannels agrees to any number: only XDP would ask the peer
// (veth_set_channels).
func (*end) SetChannels(*dev.Device, int, int) error { return nil }
