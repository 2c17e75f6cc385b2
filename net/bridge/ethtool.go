package bridge

import (
	"linen/net/dev"
	"linen/uapi"
)

// Ethtool is what ethtool(8) sees of a bridge: the speed of its fastest port
// (br_get_link_ksettings).
func (br *bridge) Ethtool(*dev.Device) dev.EthtoolInfo {
	link := &dev.LinkSettings{Speed: uapi.SPEED_UNKNOWN, Duplex: uapi.DUPLEX_UNKNOWN, Port: uapi.PORT_OTHER}
	for _, p := range br.portList() {
		l := p.dev.EthtoolInfo().Link
		if !p.dev.Running() || !p.dev.Carrier() || l == nil || l.Speed == uapi.SPEED_UNKNOWN {
			continue
		}
		if link.Speed == uapi.SPEED_UNKNOWN || l.Speed > link.Speed {
			link.Speed = l.Speed
		}
	}
	return dev.EthtoolInfo{Driver: "bridge", Version: "2.3", Firmware: "N/A", Bus: "N/A", HasLink: true, Link: link}
}
