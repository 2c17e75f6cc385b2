package linen_test

import (
	"context"
	"fmt"
	"net/netip"

	"linen"
)

// Two hosts on a cable, and a datagram.
func Example() {
	k := linen.New(linen.Config{})
	defer k.Close()
	a, _ := k.NewNet("a")
	b, _ := k.NewNet("b")
	for _, err := range []error{
		k.Link(a, "eth0", b, "eth0"),
		a.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")),
		b.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24")),
	} {
		if err != nil {
			fmt.Println(err)
		}
	}
	ctx := context.Background()
	server, err := b.ListenPacket(ctx, "udp", "10.0.0.2:7")
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := a.Dial(ctx, "udp", "10.0.0.2:7")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(conn, "hello")
	buf := make([]byte, 100)
	n, from, _ := server.ReadFrom(buf)
	fmt.Printf("%s by %s\n", buf[:n], from.Network())
	// Output: hello by udp
}
