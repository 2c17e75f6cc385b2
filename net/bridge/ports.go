package bridge

import (
	"bytes"
	"slices"

	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// errForbidden vetoes a change that a port must not make.
var errForbidden = errno.EBUSY

func validMAC(addr []byte) error { return ethernet.ValidMAC(addr) }

// addPort makes d a port (br_add_if). The caller holds the RTNL.
func (br *bridge) addPort(d *dev.Device) error {
	switch {
	case d.IsLoopback() || d.Type != uapi.ARPHRD_ETHER || d.AddrLen != 6 || ethernet.ValidMAC(d.Addr()) != nil:
		return errno.EINVAL
	case of(d) != nil:
		return netlink.Errorf(errno.ELOOP, "Can not enslave a bridge to a bridge")
	case portOf(d) != nil:
		return errno.EBUSY
	}
	no := br.freeNumber()
	if no == 0 {
		return errno.EXFULL
	}
	p := &port{br: br, dev: d, no: no, priority: defaultPortPrio, cost: 2}
	p.flags.Store(defaultFlags)
	if err := dev.SetAllMulti(d, 1); err != nil {
		return err
	}
	if err := d.SetRxHandler(p.receive); err != nil {
		dev.SetAllMulti(d, -1)
		return err
	}
	portKey.Set(d, p)
	if err := dev.LinkUpper(d, br.dev, true, nil); err != nil {
		portKey.Set(d, nil)
		d.ClearRxHandler()
		dev.SetAllMulti(d, -1)
		return err
	}
	list := append(slices.Clone(br.portList()), p)
	slices.SortFunc(list, func(a, b *port) int { return int(a.no) - int(b.no) })
	br.ports.Store(&list)
	dev.SetPromiscuity(d, 1)
	br.fdb.addLocal(p, wire.MAC(d.Addr()))
	br.recalculate()
	p.follow()
	return nil
}

// delPort releases d (br_del_if). The caller holds the RTNL.
func (br *bridge) delPort(d *dev.Device) error {
	p := portOf(d)
	if p == nil || p.br != br {
		return errno.EINVAL
	}
	list := slices.DeleteFunc(slices.Clone(br.portList()), func(o *port) bool { return o == p })
	br.ports.Store(&list)
	p.disable()
	dev.SetPromiscuity(d, -1)
	dev.SetAllMulti(d, -1)
	d.ClearRxHandler()
	portKey.Set(d, nil)
	dev.UnlinkUpper(d, br.dev)
	br.fdb.dropPort(p, true)
	br.recalculate()
	br.updateCarrier()
	return nil
}

// freeNumber returns the lowest free port number, or 0.
func (br *bridge) freeNumber() uint16 {
	taken := make(map[uint16]bool)
	for _, p := range br.portList() {
		taken[p.no] = true
	}
	for no := uint16(1); no < maxPorts; no++ {
		if !taken[no] {
			return no
		}
	}
	return 0
}

// recalculate gives the bridge the lowest address and the lowest MTU of its
// ports, unless it has its own (br_stp_recalculate_bridge_id,
// br_mtu_auto_adjust).
func (br *bridge) recalculate() {
	ports := br.portList()
	if len(ports) == 0 {
		return
	}
	mtu, addr := ports[0].dev.MTU(), ports[0].dev.Addr()
	for _, p := range ports[1:] {
		mtu = min(mtu, p.dev.MTU())
		if bytes.Compare(p.dev.Addr(), addr) < 0 {
			addr = p.dev.Addr()
		}
	}
	if !br.mtuSet && mtu != br.dev.MTU() {
		dev.ChangeMTU(br.dev, mtu)
		br.mtuSet = false // it was not user space
	}
	if !br.addrSet && !bytes.Equal(addr, br.dev.Addr()) {
		dev.SetAddr(br.dev, addr)
		br.addrSet = false
	}
}

// deleteLink releases the ports of a bridge that is removed (br_dev_delete).
func deleteLink(d *dev.Device) bool {
	br := of(d)
	for _, p := range br.portList() {
		br.delPort(p.dev)
	}
	return true
}

// Init has nothing to prepare.
func (br *bridge) Init(*dev.Device) error { return nil }

// Uninit empties the database of a bridge that goes, and releases ports that
// the namespace's end left.
func (br *bridge) Uninit(*dev.Device) {
	for _, p := range br.portList() {
		br.delPort(p.dev)
	}
	br.fdb.close()
}
