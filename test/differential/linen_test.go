package differential

import (
	"errors"
	"fmt"

	"linen"
	"linen/net/procfs"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// ours is a machine of linen's.
type ours struct {
	clock    *linen.ManualClock
	kernel   *linen.Kernel
	net      *linen.Net
	who      *sock.Caller
	req, mon *linen.NetlinkConn
}

func newOurs() (machine, error) {
	clock := linen.NewManualClock()
	k := linen.New(linen.Config{Seed: 1, Clock: clock})
	o := &ours{clock: clock, kernel: k, who: sock.Root()}
	var err error
	if o.net, err = k.NewNet("a"); err != nil {
		return nil, err
	}
	for i := range devices {
		if err == nil {
			err = o.net.AddLink(fmt.Sprintf("d%d", i+1), "dummy")
		}
	}
	if err == nil {
		err = o.net.Up("lo")
	}
	if err == nil {
		o.req, err = o.net.Netlink(uapi.NETLINK_ROUTE)
	}
	if err == nil {
		o.mon, err = o.net.Netlink(uapi.NETLINK_ROUTE)
	}
	for _, g := range groups {
		if err == nil {
			err = o.mon.Join(g)
		}
	}
	return o, err
}

func (o *ours) ask(m []byte) ([][]byte, error) {
	if err := o.req.Send(m); err != nil {
		return nil, err
	}
	return o.drain(o.req)
}

func (o *ours) heard() ([][]byte, error) { return o.drain(o.mon) }

func (o *ours) drain(c *linen.NetlinkConn) (list [][]byte, err error) {
	for {
		m := &sock.Msg{Data: make([]byte, 32<<10), Flags: uapi.MSG_DONTWAIT}
		n, err := c.Socket().Recvmsg(o.who, m)
		if errors.Is(err, errno.EAGAIN) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, split(m.Data[:n])...)
	}
}

func (o *ours) sysctl(name, value string) error { return o.net.SetSysctl(name, value) }
func (o *ours) settle() error {
	o.clock.Settle()
	return nil
}

func (o *ours) file(name string) (string, error) {
	b, err := procfs.Of(o.net.Namespace()).Read(name)
	return string(b), err
}

func (o *ours) close() { o.kernel.Close() }
