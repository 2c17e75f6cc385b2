package linen_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"linen"
	"linen/uapi"
	"linen/uapi/errno"
)

// Where a router sends a packet, and by which route.
func ExampleNet_Lookup() {
	k := linen.New(linen.Config{})
	defer k.Close()
	a, _ := k.NewNet("a")
	b, _ := k.NewNet("b")
	for _, err := range []error{
		k.Link(a, "eth0", b, "eth0"),
		a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")),
		a.AddRoute(linen.Route{Dst: netip.MustParsePrefix("192.0.2.0/24"), Via: netip.MustParseAddr("10.0.0.2"), Metric: 5}),
	} {
		if err != nil {
			fmt.Println(err)
		}
	}
	found, err := a.Lookup(linen.Flow{Dst: netip.MustParseAddr("192.0.2.9")})
	fmt.Println(found.Type, found.Prefix, "via", found.Gateway, "dev", found.Dev, "src", found.Src, "mtu", found.MTU, err)
	_, err = a.Lookup(linen.Flow{Dst: netip.MustParseAddr("198.51.100.1")})
	fmt.Println(err)
	// Output:
	// unicast 192.0.2.0/24 via 10.0.0.2 dev eth0 src 10.0.0.1 mtu 1500 <nil>
	// linen: route get 198.51.100.1: Network is unreachable
}

// TestLookup: what `ip route get` prints, as values.
func TestLookup(t *testing.T) {
	k := linen.New(linen.Config{})
	defer k.Close()
	a, _ := k.NewNet("a")
	b, _ := k.NewNet("b")
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	for _, err := range []error{
		k.Link(a, "eth0", b, "eth0"),
		a.Up("lo"),
		a.AddAddr("eth0", prefix("10.0.0.1/24")),
		a.AddRoute(linen.Route{Via: addr("10.0.0.2"), Metric: 7}),
		a.AddRoute(linen.Route{Dst: prefix("192.0.2.0/24"), Via: addr("10.0.0.3"), Table: 100}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	via := func(gw string, f linen.Found) linen.Found {
		f.Type, f.Dev, f.MTU, f.Src = linen.RouteUnicast, "eth0", 1500, addr("10.0.0.1")
		if gw != "" {
			f.Gateway = addr(gw)
		}
		return f
	}
	for _, c := range []struct {
		name string
		flow linen.Flow
		want linen.Found
		err  error
	}{
		{"default route", linen.Flow{Dst: addr("192.0.2.1")}, via("10.0.0.2", linen.Found{Table: 254, Prefix: prefix("0.0.0.0/0"), Metric: 7}), nil},
		{"on the link", linen.Flow{Dst: addr("10.0.0.9"), Proto: uapi.IPPROTO_TCP, DstPort: 80}, via("", linen.Found{Table: 254, Prefix: prefix("10.0.0.0/24")}), nil},
		{"own address", linen.Flow{Dst: addr("10.0.0.1")}, linen.Found{Type: linen.RouteLocal, Table: 254, Prefix: prefix("10.0.0.1/32"), Dev: "lo", Src: addr("10.0.0.1"), MTU: 65535}, nil},
		{"limited broadcast", linen.Flow{Dst: addr("255.255.255.255"), Out: "eth0"}, linen.Found{Type: linen.RouteBroadcast, Dev: "eth0", Src: addr("10.0.0.1"), MTU: 1500}, nil},
		{"no such interface", linen.Flow{Dst: addr("10.0.0.9"), Out: "eth7"}, linen.Found{}, errno.ENODEV},
		{"a host does not forward", linen.Flow{Dst: addr("192.0.2.1"), Src: addr("10.0.0.5"), In: "eth0"}, linen.Found{}, errno.EHOSTUNREACH},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := a.Lookup(c.flow)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%+v, %v\nwant %+v, %v", got, err, c.want, c.err)
			}
		})
	}
}
