package ipv4

import (
	"encoding/binary"

	"linen/kern"
	"linen/net/dev"
	"linen/net/neigh"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// ArpIoctl serves SIOCSARP, SIOCGARP and SIOCDARP (arp_ioctl; arp(7)): req is a
// struct arpreq, which SIOCGARP fills; admin says whether the caller has
// CAP_NET_ADMIN. The caller is on no CPU and holds no RTNL. Errors: EINVAL for
// another cmd or impossible flags, EPERM, EFAULT for a short req, EPFNOSUPPORT
// for no IPv4 address, ENODEV, ENXIO when there is no such entry.
func ArpIoctl(n *netns.Net, cmd uint32, req []byte, admin bool) error {
	r, ok := uapi.AsArpreq(req)
	switch {
	case cmd != uapi.SIOCSARP && cmd != uapi.SIOCGARP && cmd != uapi.SIOCDARP:
		return errno.EINVAL
	case cmd != uapi.SIOCGARP && !admin:
		return errno.EPERM
	case !ok:
		return errno.EFAULT
	}
	n.Lock()
	defer n.Unlock()
	a, err := parseArpreq(n, cmd, r)
	if err != nil {
		return err
	}
	switch cmd {
	case uapi.SIOCSARP:
		return a.set()
	case uapi.SIOCDARP:
		return a.delete()
	}
	return a.get()
}

// arpreq is a request of ArpIoctl, checked.
type arpreq struct {
	st    *state
	r     *uapi.Arpreq
	d     *dev.Device // nil: not named
	key   neigh.Key
	addr  uint32
	flags int32 // ATF_*
	mask  uint32
}

func parseArpreq(n *netns.Net, cmd uint32, r *uapi.Arpreq) (*arpreq, error) {
	family := func(sa *[uapi.SizeofSockaddr]byte) uint16 { return binary.NativeEndian.Uint16(sa[:]) }
	if family(r.PA()) != uapi.AF_INET {
		return nil, errno.EPFNOSUPPORT
	}
	a := &arpreq{st: of(n), r: r, flags: r.Flags(), mask: binary.BigEndian.Uint32(r.Netmask()[4:])}
	if a.flags&uapi.ATF_PUBL == 0 && a.flags&(uapi.ATF_NETMASK|uapi.ATF_DONTPUB) != 0 {
		return nil, errno.EINVAL
	}
	if a.flags&uapi.ATF_NETMASK == 0 {
		a.mask = 0xffffffff
	}
	a.addr = binary.BigEndian.Uint32(r.PA()[4:])
	a.key = neigh.Key4(a.addr)
	if r.Dev() == "" {
		if cmd == uapi.SIOCGARP {
			return nil, errno.ENODEV
		}
		return a, nil
	}
	if a.d = dev.ByName(n, r.Dev()); a.d == nil {
		return nil, errno.ENODEV
	}
	if family(r.HA()) == 0 {
		binary.NativeEndian.PutUint16(r.HA()[:], a.d.Type)
	}
	if a.flags&uapi.ATF_COM != 0 && family(r.HA()) != a.d.Type {
		return nil, errno.EINVAL
	}
	return a, nil
}

// needDevice takes the device of the route when none is named.
func (a *arpreq) needDevice() error {
	if a.d != nil {
		return nil
	}
	c := a.st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	f := Flow{Daddr: a.addr, Scope: uapi.RT_SCOPE_LINK}
	rt, err := RouteOutput(c, a.st.n, &f)
	if err != nil {
		return err
	}
	if a.d = rt.Dev; a.d == nil {
		return errno.EINVAL
	}
	return nil
}

// set is SIOCSARP (arp_req_set).
func (a *arpreq) set() error {
	if a.flags&uapi.ATF_PUBL != 0 {
		return a.publish(true)
	}
	if a.flags&uapi.ATF_PERM != 0 {
		a.flags |= uapi.ATF_COM
	}
	if err := a.needDevice(); err != nil {
		return err
	}
	nb, err := a.st.arp.tbl.Create(a.d, a.key, 0, false)
	if err != nil {
		return err
	}
	state := uint16(uapi.NUD_STALE)
	if a.flags&uapi.ATF_PERM != 0 {
		state = uapi.NUD_PERMANENT
	}
	var ha []byte
	if a.flags&uapi.ATF_COM != 0 {
		ha = a.r.HA()[2:]
	}
	return nb.Update(nil, ha, state, neigh.Override|neigh.Admin, 0)
}

// delete is SIOCDARP (arp_req_delete).
func (a *arpreq) delete() error {
	if a.flags&uapi.ATF_PUBL != 0 {
		return a.publish(false)
	}
	if err := a.needDevice(); err != nil {
		return err
	}
	tbl := a.st.arp.tbl
	nb := tbl.Find(a.d, a.key)
	if nb == nil {
		return errno.ENXIO
	}
	var err error
	if nb.State()&^uapi.NUD_NOARP != 0 {
		err = nb.Update(nil, nil, uapi.NUD_FAILED, neigh.Override|neigh.Admin, 0)
	}
	tbl.Remove(nb)
	return err
}

// publish begins or ends proxy ARP for an address or, with the netmask 0, for
// all (arp_req_set_public, arp_req_delete_public).
func (a *arpreq) publish(on bool) error {
	switch {
	case a.mask != 0 && a.mask != 0xffffffff:
		return errno.EINVAL
	case a.mask == 0:
		return a.publishAll(on)
	case !on:
		if !a.st.arp.tbl.DropProxy(a.d, a.key) {
			return errno.ENOENT
		}
		return nil
	}
	if a.d == nil && a.flags&uapi.ATF_COM != 0 {
		if a.d = a.byHardware(); a.d == nil {
			return errno.ENODEV
		}
	}
	a.st.arp.tbl.AddProxy(a.d, a.key, 0, true, 0)
	return nil
}

// publishAll sets proxy_arp (arp_req_set_proxy).
func (a *arpreq) publishAll(on bool) error {
	v := int64(0)
	if on {
		v = 1
	}
	if a.d == nil {
		a.st.confAll.Store(int(ConfProxyARP), v)
		return nil
	}
	in := InDev(a.d)
	if in == nil {
		return errno.ENXIO
	}
	in.conf.Store(int(ConfProxyARP), v)
	return nil
}

// byHardware returns the device that has the request's hardware address.
func (a *arpreq) byHardware() *dev.Device {
	for _, d := range dev.List(a.st.n) {
		ha := a.r.HA()
		if d.Type == binary.NativeEndian.Uint16(ha[:]) && d.AddrLen <= len(ha)-2 && string(ha[2:2+d.AddrLen]) == string(d.Addr()) {
			return d
		}
	}
	return nil
}

// get is SIOCGARP (arp_req_get).
func (a *arpreq) get() error {
	nb := a.st.arp.tbl.Find(a.d, a.key)
	if nb == nil || nb.State()&uapi.NUD_NOARP != 0 {
		return errno.ENXIO
	}
	ha := a.r.HA()
	clear(ha[:])
	binary.NativeEndian.PutUint16(ha[:], a.d.Type)
	copy(ha[2:], nb.Addr())
	binary.NativeEndian.PutUint32(a.r[32:], uint32(atfFlags(nb.State())))
	clear(a.r[52:])
	copy(a.r[52:67], a.d.Name())
	return nil
}
