package rtnl_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"linen/net/netlink"
	"linen/net/rtnl"
	"linen/uapi"
	"linen/uapi/errno"
)

// TestDumpOfAllFamilies dumps two families in turn, each in several pages, and
// for a family that is not there the same.
func TestDumpOfAllFamilies(t *testing.T) {
	n := newNet(t)
	rows := func(family byte, count int, unlocked bool, end error) rtnl.Handler {
		return rtnl.Handler{DumpUnlocked: unlocked, Dump: func(d *netlink.Dump) error {
			if !unlocked {
				n.MustHold()
			}
			d.Generation(uint32(family))
			i, _ := d.State.(int)
			for ; i < count; i++ {
				if !d.Put(uapi.RTM_NEWROUTE, 0, func(m *netlink.Msg) { m.Put([]byte{family, 0, 0, 0}); m.U32(1, uint32(i)) }) {
					d.State = i
					return netlink.More
				}
			}
			return end
		}}
	}
	table := rtnl.Of(n)
	table.Handle(uapi.RTM_GETROUTE, uapi.AF_INET6, rows(10, 300, true, nil))
	table.Handle(uapi.RTM_GETROUTE, uapi.AF_INET, rows(2, 500, false, nil))
	table.Handle(uapi.RTM_GETROUTE, uapi.AF_PACKET, rows(17, 1, false, nil))
	table.Handle(uapi.RTM_GETADDR, uapi.AF_INET, rows(2, 1, false, netlink.Errorf(errno.ENODEV, "gone")))
	root := netlink.RootCreds(1)
	p, err := netlink.Open(n, uapi.NETLINK_ROUTE, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	dump := func(typ uint16, family byte) (seen []byte, result int32) {
		p.Send(request(typ, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP, family), nil, root)
		for {
			d, err := p.Recv(4096, false)
			if err != nil {
				t.Fatal(err)
			}
			for b := d.Data; len(b) > 0; {
				h := netlink.ParseHeader(b)
				if h.Flags&uapi.NLM_F_DUMP_INTR != 0 {
					t.Error("NLM_F_DUMP_INTR without a change")
				}
				if h.Type == uapi.NLMSG_DONE {
					return seen, int32(binary.NativeEndian.Uint32(b[16:]))
				}
				seen = append(seen, b[16])
				b = b[netlink.Align(int(h.Len)):]
			}
		}
	}
	want := append(slices.Repeat([]byte{2}, 500), slices.Repeat([]byte{10}, 300)...)
	for _, family := range []byte{uapi.AF_UNSPEC, 77} {
		if seen, result := dump(uapi.RTM_GETROUTE, family); !slices.Equal(seen, want) || result != 0 {
			t.Errorf("family %d: %d messages, result %d", family, len(seen), result)
		}
	}
	if seen, result := dump(uapi.RTM_GETADDR, 0); len(seen) != 1 || result != -int32(errno.ENODEV) {
		t.Errorf("%d messages, result %d", len(seen), result)
	}
	if seen, result := dump(uapi.RTM_GETNETCONF, 0); len(seen) != 0 || result != 0 {
		t.Errorf("nobody to ask: %d messages, result %d", len(seen), result)
	}
}
