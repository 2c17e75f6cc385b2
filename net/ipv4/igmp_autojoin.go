package ipv4

import (
	"linen/kern"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// autojoin makes the device a member of the group that an address with
// IFA_F_MCAUTOJOIN is (ip_mc_autojoin_config). Fails when it is one already by
// another such address. The RTNL is held.
func (in *InDevice) autojoin(a *IfAddr) error {
	if !isMulticast(a.Address) || a.Flags&uapi.IFA_F_MCAUTOJOIN == 0 {
		return nil
	}
	if in.joined[a.Address] != nil {
		return netlink.Errorf(errno.EADDRINUSE, "ipv4: Multicast auto join failed")
	}
	m, err := JoinGroup(in.dev, a.Address, uapi.MCAST_EXCLUDE, nil)
	if err != nil {
		return netlink.Retitle(err, "ipv4: Multicast auto join failed")
	}
	if in.joined == nil {
		in.joined = make(map[uint32]*Membership)
	}
	in.joined[a.Address] = m
	return nil
}

// autoleave ends what autojoin began, when the address goes. The RTNL is held.
func (in *InDevice) autoleave(a *IfAddr) {
	if m := in.joined[a.Address]; m != nil {
		delete(in.joined, a.Address)
		m.Leave()
	}
}

// rejoin reports all groups of the device at once: it has another place in the
// network now (NETDEV_RESEND_IGMP, of bonds; ip_mc_rejoin_groups).
func (in *InDevice) rejoin() {
	m := mcSlot.Of(in.dev)
	if m == nil || !m.up {
		return
	}
	c := in.st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	m.mu.Lock()
	version := m.version(c.Now())
	m.mu.Unlock()
	for _, g := range m.list() {
		if !m.reported(g.addr) {
			continue
		}
		m.report(c, version, g, nil)
	}
}
