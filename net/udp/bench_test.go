package udp_test

import (
	"testing"

	"linen/net/sock"
	"linen/uapi"
)

// echoPair returns a function that makes one round trip of 36 bytes between
// two connected sockets in two namespaces.
func echoPair(t testing.TB) func() {
	a, b := pair(t)
	const aPort, bPort = 1000, 7
	cli, srv := a.Bound(t, uapi.SOCK_DGRAM, 0, 0, aPort), b.Bound(t, uapi.SOCK_DGRAM, 0, 0, bPort)
	if err := cli.Connect(root, addr(0x0a000002, bPort)); err != nil {
		t.Fatal(err)
	}
	return roundTrip(t, cli, srv)
}

// roundTrip returns a function that sends 36 bytes from cli, which is
// connected, and has srv send them back.
func roundTrip(t testing.TB, cli, srv sock.Socket) func() {
	out := &sock.Msg{Data: make([]byte, 36)}
	in := &sock.Msg{Data: make([]byte, 64), Name: make([]byte, 16)}
	reply := &sock.Msg{}
	got := &sock.Msg{Data: make([]byte, 64)}
	return func() {
		if _, err := cli.Sendmsg(root, out); err != nil {
			t.Fatal(err)
		}
		n, err := srv.Recvmsg(root, in)
		if err != nil {
			t.Fatal(err)
		}
		reply.Data, reply.Name = in.Data[:n], in.Name[:in.NameLen]
		if _, err := srv.Sendmsg(root, reply); err != nil {
			t.Fatal(err)
		}
		if n, err := cli.Recvmsg(root, got); err != nil || n != 36 {
			t.Fatal(n, err)
		}
	}
}

func TestRoundTripAllocatesNothing(t *testing.T) {
	trip := echoPair(t)
	for range 100 {
		trip()
	}
	if n := testing.AllocsPerRun(200, trip); n >= 1 {
		t.Errorf("%v allocations a round trip", n)
	}
}

func BenchmarkEcho36(b *testing.B) {
	trip := echoPair(b)
	b.ReportAllocs()
	for b.Loop() {
		trip()
	}
}

// gsoBulk returns a function that sends 44 datagrams of 1472 bytes in one call
// (UDP_SEGMENT) over a veth, and reads them: whole (UDP_GRO) or one by one.
func gsoBulk(t testing.TB, gro int) func() {
	cli, srv := vethPair(t)
	const size, parts = 1472, 44
	setInt(t, srv, uapi.IPPROTO_UDP, uapi.UDP_GRO, gro)
	setInt(t, srv, uapi.SOL_SOCKET, uapi.SO_RCVBUF, 1<<20)
	setInt(t, cli, uapi.IPPROTO_UDP, uapi.UDP_SEGMENT, size)
	out, in := &sock.Msg{Data: make([]byte, size*parts)}, &sock.Msg{Data: make([]byte, 1<<16)}
	return func() {
		if _, err := cli.Sendmsg(root, out); err != nil {
			t.Fatal(err)
		}
		for got := 0; got < size*parts; {
			n, err := srv.Recvmsg(root, in)
			if err != nil {
				t.Fatal(got, err)
			}
			got += n
		}
	}
}

func BenchmarkGSOBulk(b *testing.B) {
	for gro, name := range []string{"single", "merged"} {
		b.Run(name, func(b *testing.B) {
			step := gsoBulk(b, gro)
			b.SetBytes(1472 * 44)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

func TestGSOBulkAllocatesNothing(t *testing.T) {
	for gro := range 2 {
		step := gsoBulk(t, gro)
		for range 20 {
			step()
		}
		if n := testing.AllocsPerRun(100, step); n >= 1 {
			t.Errorf("UDP_GRO %d: %v allocations for 44 datagrams", gro, n)
		}
	}
}
