package netlink_test

import (
	"testing"

	"linen/net/netlink"
	"linen/uapi"
)

// BenchmarkRequest measures a request that is parsed and acknowledged.
func BenchmarkRequest(b *testing.B) {
	policy := netlink.Policy{1: netlink.U32(), 5: netlink.U32(), 30: {}}
	n := newNet(b, netlink.Proto{Request: func(r *netlink.Request) error {
		_, err := r.Parse(12, policy, netlink.Liberal)
		return err
	}})
	p := open(b, n, 5, 0)
	root := netlink.RootCreds(1)
	req := request(50, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK, 2, 24, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, 8, 0, 1, 0, 10, 0, 0, 0, 8, 0, 5, 0, 10, 0, 0, 1)
	b.ReportAllocs()
	for b.Loop() {
		p.Send(req, nil, root)
		p.Recv(32768, false)
	}
}

// BenchmarkDump measures messages of a dump, with a route's attributes.
func BenchmarkDump(b *testing.B) {
	n := newNet(b, netlink.Proto{Request: func(r *netlink.Request) error {
		return r.StartDump(func(d *netlink.Dump) error {
			i, _ := d.State.(int)
			for ; i < b.N; i++ {
				ok := d.Put(24, 0, func(m *netlink.Msg) {
					m.Grow(12)
					m.U32(15, 254)
					m.BE32(1, uint32(i))
					m.BE32(5, 0x0a000001)
					m.U32(4, 2)
				})
				if !ok {
					d.State = i
					return netlink.More
				}
			}
			return nil
		}, false)
	}})
	p := open(b, n, 5, 0)
	b.ReportAllocs()
	b.ResetTimer()
	p.Send(request(50, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP), nil, netlink.RootCreds(1))
	for p.Info().Rmem > 0 {
		p.Recv(32768, false)
	}
}

// BenchmarkMulticast measures a notification to 1000 readers.
func BenchmarkMulticast(b *testing.B) {
	n := newNet(b, netlink.Proto{})
	ports := make([]*netlink.Port, 1000)
	for i := range ports {
		ports[i] = open(b, n, 0, 1)
	}
	for b.Loop() {
		netlink.Notify(nil, n, proto, 1, netlink.NewMsg(50, 0), nil)
		for _, p := range ports {
			p.Recv(4096, false)
		}
	}
}
