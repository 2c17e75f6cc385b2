package linen_test

import (
	"testing"

	"linen"
	"linen/net/dev"
	"linen/uapi"
)

// TestKernelLog: the messages about modes of a device, as on Linux 6.18.
func TestKernelLog(t *testing.T) {
	k := linen.New(linen.Config{})
	defer k.Close()
	n := newNet(t, k, "a")
	for _, step := range []struct {
		flag uint32
		want string
	}{
		{uapi.IFF_PROMISC, "lo: entered promiscuous mode"}, {0, "lo: left promiscuous mode"},
		{uapi.IFF_ALLMULTI, "lo: entered allmulticast mode"}, {0, "lo: left allmulticast mode"},
	} {
		d := dev.Loopback(n.Namespace())
		n.Namespace().Lock()
		ok(t, dev.ChangeFlags(d, d.Flags()&^(uapi.IFF_PROMISC|uapi.IFF_ALLMULTI)|step.flag))
		n.Namespace().Unlock()
		list := n.KernelLog()
		if len(list) == 0 || list[len(list)-1].Text != step.want {
			t.Errorf("%v, want %q", list, step.want)
		}
	}
}
