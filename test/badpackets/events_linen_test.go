package badpackets

import (
	"linen"
	"linen/net/sock"
	"linen/uapi"
)

// virtualMonitor is a socket of linen's rtnetlink.
type virtualMonitor struct{ c *linen.NetlinkConn }

func (v *virtual) monitor(groups ...int) (monitor, error) {
	c, err := v.net.Netlink(uapi.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if err := c.Join(g); err != nil {
			return nil, err
		}
	}
	return virtualMonitor{c}, nil
}

func (s virtualMonitor) send(b []byte) error { return s.c.Send(b) }

func (s virtualMonitor) receive() ([]byte, error) {
	m := &sock.Msg{Data: make([]byte, 1<<16), Flags: uapi.MSG_DONTWAIT}
	n, err := s.c.Socket().Recvmsg(root, m)
	return m.Data[:n], err
}

func (s virtualSocket) close() error { return s.s.Close() }
