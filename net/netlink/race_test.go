package netlink_test

import (
	"sync"
	"testing"

	"linen/net/netlink"
	"linen/uapi"
)

// TestConcurrentUse has users join, dump, listen and close while others notify:
// for the race detector; nobody may be left with anything.
func TestConcurrentUse(t *testing.T) {
	s := &table{rows: 300, size: 40}
	n := newNet(t, netlink.Proto{Groups: 40, Request: func(r *netlink.Request) error {
		if r.Dumping() {
			own := table{rows: s.rows, size: s.size}
			return own.request(r)
		}
		netlink.Notify(nil, r.Net, proto, 33, netlink.NewMsg(50, 0), r)
		return nil
	}})
	root := netlink.RootCreds(1)
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for range 50 {
				p, err := netlink.Open(n, proto, root, nil)
				if err != nil {
					t.Error(err)
					return
				}
				p.Join(33, root)
				p.Send(request(50, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP), nil, root)
				p.Send(request(51, uapi.NLM_F_REQUEST|uapi.NLM_F_ECHO|uapi.NLM_F_ACK), nil, root)
				for {
					if _, err := p.Recv(4096, false); err != nil {
						break
					}
				}
				p.Close()
			}
		})
	}
	users.Wait()
	if ports, _ := netlink.Ports(n); len(ports) != 0 || netlink.Listening(n, proto, 33) {
		t.Errorf("%d ports are left", len(ports))
	}
}
