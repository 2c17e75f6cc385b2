package tcp_test

import (
	"bytes"
	"testing"
	"time"

	"linen/kern"
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// offloads switches features of a host's device.
func offloads(t testing.TB, n *netns.Net, name string, off, on dev.Features) {
	t.Helper()
	n.Lock()
	defer n.Unlock()
	must(t, dev.ChangeFeatures(dev.ByName(n, name), on, off|on))
}

// TestStreamThroughAMergingRouter: segments that a router merges and cuts again
// arrive whole, with and without checksum offload on every hop.
func TestStreamThroughAMergingRouter(t *testing.T) { // spec 1.34, 11.86, 11.87
	for _, c := range []struct {
		name string
		off  dev.Features
	}{{"checksums by the device", dev.FeatAllTSO}, {"checksums in software", dev.FeatAllTSO | dev.FeatHWCsum}, {"no scattered frames", dev.FeatSG}} {
		t.Run(c.name, func(t *testing.T) {
			a, r, b := hosts.Routed(t)
			for _, at := range []struct {
				h    *hosts.Host
				name string
			}{{a, "eth0"}, {r, "eth0"}, {r, "eth1"}, {b, "eth0"}} {
				offloads(t, at.h.Namespace(), at.name, c.off, dev.FeatGRO)
			}
			merged, largest := 0, 0
			dev.AddTap(b.Namespace(), nil, &dev.PacketType{Proto: uapi.ETH_P_ALL, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
				merged++
				largest = max(largest, b.Len())
				b.Consume(c)
			}})
			l := socketIn(t, b.Namespace())
			must(t, l.Bind(root, at(b.Addr(), 80)))
			must(t, l.Listen(root, 1))
			cli := socketIn(t, a.Namespace())
			t.Cleanup(func() { l.Close(); cli.Close() })
			if err := cli.Connect(root, at(b.Addr(), 80)); err != errno.EINPROGRESS {
				t.Fatal(err)
			}
			srv := accept(t, l)
			data := make([]byte, 1<<20)
			for i := range data {
				data[i] = byte(i * i >> 7)
			}
			if got := carry(t, a, cli, srv, data); !bytes.Equal(got, data) {
				t.Errorf("%d bytes arrived, or others", len(got))
			}
			if largest <= 1500 {
				t.Errorf("nothing was merged: %d packets, the largest of %d bytes", merged, largest)
			}
		})
	}
}

// carry moves data from cli to srv and returns what came.
func carry(t *testing.T, h *hosts.Host, cli, srv sock.Socket, data []byte) (got []byte) {
	t.Helper()
	in := &sock.Msg{Data: make([]byte, 1<<16)}
	want := len(data)
	for idle := 0; len(got) < want && idle < 1000; idle++ {
		for len(data) > 0 {
			n, err := cli.Sendmsg(root, &sock.Msg{Data: data})
			if err != nil {
				break
			}
			data, idle = data[n:], 0
		}
		for {
			n, err := srv.Recvmsg(root, in)
			if err != nil || n == 0 {
				break
			}
			got, idle = append(got, in.Data[:n]...), 0
		}
		h.Lab.Advance(time.Millisecond)
	}
	return got
}
