package mroute_test

import (
	"testing"

	"linen/net/dev"
	"linen/uapi"
	"linen/uapi/errno"
)

// TestTunnelVif: a VIF with VIFF_TUNNEL makes the IP-in-IP device dvmrpN, sends to
// the other end inside of an IPIP packet, and takes the device with it when it goes;
// recorded from Linux 6.12.
func TestTunnelVif(t *testing.T) {
	w := newWorld(t)
	w.want(nil, w.s, uapi.MRT_INIT, number(1))
	w.want(nil, w.s, uapi.MRT_ADD_VIF, w.vif(0, "eth0"))
	vif := func(i uint16) []byte {
		return (&uapi.Vifctl{Vifi: i, Flags: uapi.VIFF_TUNNEL, Threshold: 1, Local: [4]byte{10, 2, 0, 1}, Remote: [4]byte{10, 2, 0, 2}}).Append(nil)
	}
	w.want(nil, w.s, uapi.MRT_ADD_VIF, vif(1))
	w.want(errno.EADDRINUSE, w.s, uapi.MRT_ADD_VIF, vif(1))
	w.want(errno.ENOBUFS, w.s, uapi.MRT_ADD_VIF, vif(2)) // there is a tunnel with these addresses
	d := dev.ByName(w.r.Namespace(), "dvmrp1")
	if d == nil {
		t.Fatal("there is no dvmrp1")
	}
	const flags = uapi.IFF_UP | uapi.IFF_POINTOPOINT | uapi.IFF_MULTICAST | uapi.IFF_NOARP
	if d.Flags()&flags != flags || d.AllMulti() != 1 || d.MTU() != 1480 {
		t.Errorf("flags %#x, allmulti %d, MTU %d", d.Flags(), d.AllMulti(), d.MTU())
	}
	if v, _ := w.r.Sysctl("net.ipv4.conf.dvmrp1.rp_filter"); v != "0" {
		t.Errorf("rp_filter is %s", v)
	}
	w.want(nil, w.s, uapi.MRT_ADD_MFC, entry(w.origin(), group, 0, 0, 1))
	w.send(1, 8)
	if s := d.Counters(); s.TxPackets != 1 || s.TxBytes != 20+29 {
		t.Errorf("%d packets, %d bytes", s.TxPackets, s.TxBytes)
	}
	w.want(nil, w.s, uapi.MRT_DEL_VIF, vif(1))
	if d := dev.ByName(w.r.Namespace(), "dvmrp1"); d != nil {
		t.Error("dvmrp1 outlives its VIF")
	}
}
