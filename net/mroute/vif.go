package mroute

import (
	"encoding/binary"
	"sync/atomic"

	"linen/net/dev"
	"linen/net/ipv4"
	"linen/uapi"
	"linen/uapi/errno"
)

// A vif is a virtual interface: a device by a small number (struct vif_device).
// It does not change, but for its counters.
type vif struct {
	dev       *dev.Device
	flags     uint16 // VIFF_*
	threshold uint8
	rate      uint32
	local     [4]byte // as the daemon gave it
	remote    [4]byte

	pktsIn, pktsOut, bytesIn, bytesOut atomic.Uint64
}

// vifOf returns the number of a device's VIF, the highest if it has several, or
// -1 (ipmr_find_vif).
func (t *table) vifOf(d *dev.Device) int {
	for i := len(t.vifs) - 1; i >= 0; i-- {
		if v := t.vifs[i].Load(); v != nil && v.dev == d {
			return i
		}
	}
	return -1
}

// addVif makes a VIF (vif_add). The caller holds the RTNL. ENFILE: the number
// is too high; EADDRINUSE: it, or the register device, is there already;
// EADDRNOTAVAIL: no such device; ENOBUFS: none could be made; EINVAL: unknown flags.
func (t *table) addVif(ctl *uapi.Vifctl, static bool) error {
	if ctl.Vifi >= uapi.MAXVIFS {
		return errno.ENFILE
	}
	if t.vifs[ctl.Vifi].Load() != nil {
		return errno.EADDRINUSE
	}
	d, err := t.vifDevice(ctl)
	if err != nil {
		return err
	}
	in := ipv4.InDev(d)
	if in == nil {
		return errno.EADDRNOTAVAIL
	}
	if err := dev.SetAllMulti(d, 1); err != nil {
		return err
	}
	v := &vif{
		dev: d, flags: uint16(ctl.Flags), threshold: ctl.Threshold, rate: ctl.RateLimit,
		local: ctl.Local, remote: ctl.Remote,
	}
	if static {
		v.flags |= uapi.VIFF_STATIC
	}
	in.CountMcForwarding(1)
	t.vifs[ctl.Vifi].Store(v)
	if ctl.Flags&uapi.VIFF_REGISTER != 0 {
		t.regVif.Store(int32(ctl.Vifi))
	}
	return nil
}

// vifDevice finds or makes the device of a new VIF.
func (t *table) vifDevice(ctl *uapi.Vifctl) (*dev.Device, error) {
	var d *dev.Device
	switch ctl.Flags {
	case uapi.VIFF_REGISTER:
		if t.regVif.Load() >= 0 {
			return nil, errno.EADDRINUSE
		}
		return t.newRegisterDevice()
	case uapi.VIFF_TUNNEL:
		return t.newTunnelDevice(ctl)
	case uapi.VIFF_USE_IFINDEX:
		d = dev.ByIndex(t.st.n, ctl.Index())
	case 0:
		d = ipv4.DeviceOf(t.st.n, binary.BigEndian.Uint32(ctl.Local[:]))
	default:
		return nil, errno.EINVAL
	}
	if d == nil {
		return nil, errno.EADDRNOTAVAIL
	}
	return d, nil
}

// delVif removes a VIF (vif_delete); gone says that its device goes anyway.
// The caller holds the RTNL. EADDRNOTAVAIL: there is none.
func (t *table) delVif(i int, gone bool) error {
	v := t.vifs[i].Swap(nil)
	if v == nil {
		return errno.EADDRNOTAVAIL
	}
	if int(t.regVif.Load()) == i {
		t.regVif.Store(-1)
	}
	dev.SetAllMulti(v.dev, -1) // a number that goes down does not overflow
	if in := ipv4.InDev(v.dev); in != nil {
		in.CountMcForwarding(-1)
	}
	if v.flags&(uapi.VIFF_REGISTER|uapi.VIFF_TUNNEL) != 0 && !gone {
		dev.Unregister(v.dev)
	}
	return nil
}

// countIn and countOut count a packet of n bytes.
func (v *vif) countIn(n int)  { v.pktsIn.Add(1); v.bytesIn.Add(uint64(n)) }
func (v *vif) countOut(n int) { v.pktsOut.Add(1); v.bytesOut.Add(uint64(n)) }
