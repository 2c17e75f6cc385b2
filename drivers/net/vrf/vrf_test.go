package vrf_test

import (
	"encoding/binary"
	"testing"

	"linen"
	"linen/drivers/net/dummy"
	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// addVRF sends what `ip link add NAME type vrf table N` does.
func addVRF(t *testing.T, n *linen.Net, name string, table uint32) errno.Errno {
	t.Helper()
	m := netlink.NewMsg(uapi.RTM_NEWLINK, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|uapi.NLM_F_CREATE|uapi.NLM_F_EXCL)
	m.Put((&uapi.IfInfomsg{}).Append(nil))
	m.String(uapi.IFLA_IFNAME, name)
	info := m.Nest(uapi.IFLA_LINKINFO)
	m.String(uapi.IFLA_INFO_KIND, "vrf")
	data := m.Nest(uapi.IFLA_INFO_DATA)
	m.U32(uapi.IFLA_VRF_TABLE, table)
	m.End(data)
	m.End(info)
	c, err := n.Netlink(uapi.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(m.Bytes()); err != nil {
		t.Fatal(err)
	}
	reply, err := c.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return errno.Errno(-int32(binary.NativeEndian.Uint32(reply[16:])))
}

// TestStrictMode: with net.vrf.strict_mode a table belongs to one VRF at most
// (Documentation/networking/vrf.rst).
func TestStrictMode(t *testing.T) {
	k := linen.New(linen.Config{})
	defer k.Close()
	n, err := k.NewNet("a")
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string, table uint32, want errno.Errno) {
		t.Helper()
		if got := addVRF(t, n, name, table); got != want {
			t.Errorf("%s with table %d: %v, want %v", name, table, got, want)
		}
	}
	set := func(v string, ok bool) {
		t.Helper()
		if err := n.SetSysctl("net.vrf.strict_mode", v); (err == nil) != ok {
			t.Errorf("strict_mode=%s: %v", v, err)
		}
	}
	add("v1", 10, 0)
	add("v2", 10, 0)
	set("1", false) // they share one
	if v, _ := n.Sysctl("net.vrf.strict_mode"); v != "0" {
		t.Errorf("strict_mode is %s after it was refused", v)
	}
	add("v3", 11, 0)
	m := netlink.NewMsg(uapi.RTM_DELLINK, uapi.NLM_F_REQUEST)
	m.Put((&uapi.IfInfomsg{}).Append(nil))
	m.String(uapi.IFLA_IFNAME, "v2")
	c, err := n.Netlink(uapi.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(m.Bytes()); err != nil {
		t.Fatal(err)
	}
	set("1", true)
	add("v4", 10, errno.EBUSY)
	add("v5", 12, 0)
	set("2", false)
	set("0", true)
	add("v6", 10, 0)
}

// TestPortsOutliveTheVRF: who deletes a VRF lets go of its ports (vrf_dellink).
func TestPortsOutliveTheVRF(t *testing.T) {
	k := linen.New(linen.Config{})
	defer k.Close()
	n, err := k.NewNet("a")
	if err != nil {
		t.Fatal(err)
	}
	if e := addVRF(t, n, "v1", 10); e != 0 {
		t.Fatal(e)
	}
	n.Namespace().Lock()
	port, err := dummy.New(n.Namespace(), "port")
	if err == nil {
		err = dev.SetMaster(port, dev.ByName(n.Namespace(), "v1").Ifindex())
	}
	n.Namespace().Unlock()
	if err != nil || port.Master() == nil {
		t.Fatal(err, port.Master())
	}
	m := netlink.NewMsg(uapi.RTM_DELLINK, uapi.NLM_F_REQUEST)
	m.Put((&uapi.IfInfomsg{}).Append(nil))
	m.String(uapi.IFLA_IFNAME, "v1")
	c, err := n.Netlink(uapi.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(m.Bytes()); err != nil {
		t.Fatal(err)
	}
	if d := dev.ByName(n.Namespace(), "v1"); d != nil || port.Master() != nil {
		t.Errorf("%v is there, the port's master is %v", d, port.Master())
	}
}
