package mroute

import (
	"encoding/binary"
	"slices"

	"linen/net/dev"
	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// routeDump is where a dump of entries goes on, and its filter.
type routeDump struct {
	tables  []*table
	dev     *dev.Device // entries that send by it, and what waits; nil: all
	entries []*mfc      // of the first table
	waiting []*pending
	begun   bool
}

// dumpRoutes serves a dump of RTM_GETROUTE (ipmr_rtm_dumproute): resolved
// entries, then those that packets wait for, table by table.
func (st *State) dumpRoutes(d *netlink.Dump) error {
	s, ok := d.State.(*routeDump)
	if !ok {
		var err error
		if s, err = st.startDump(d); err != nil || s == nil {
			return err
		}
		d.State = s
	}
	for ; len(s.tables) > 0; s.tables, s.begun = s.tables[1:], false {
		t := s.tables[0]
		if !s.begun {
			s.begin(t)
		}
		for ; len(s.entries) > 0; s.entries = s.entries[1:] {
			e := s.entries[0]
			if s.wants(t, e) && !d.Put(uapi.RTM_NEWROUTE, 0, func(m *netlink.Msg) { t.fill(m, e) }) {
				return netlink.More
			}
		}
		for ; len(s.waiting) > 0; s.waiting = s.waiting[1:] {
			if !d.Put(uapi.RTM_NEWROUTE, 0, func(m *netlink.Msg) { t.fillPending(m, s.waiting[0]) }) {
				return netlink.More
			}
		}
	}
	return nil
}

// begin takes a table's entries as they are now.
func (s *routeDump) begin(t *table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.entries, s.waiting, s.begun = t.list(), t.waiting.list(), true
}

// wants reports whether the filter lets an entry through (mr_mfc_uses_dev).
func (s *routeDump) wants(t *table, e *mfc) bool {
	if s.dev == nil {
		return true
	}
	for i, ttl := range e.way.Load().ttls {
		if v := t.vifs[i].Load(); v != nil && ttl < never && v.dev == s.dev {
			return true
		}
	}
	return false
}

// startDump reads the request of a dump; a nil state says that there is
// nothing to dump (ip_valid_fib_dump_req).
func (st *State) startDump(d *netlink.Dump) (*routeDump, error) {
	r, s := d.Request, &routeDump{tables: *st.tables.Load()}
	if !r.Strict {
		return s, nil
	}
	if err := r.Need(rtMsgLen, "Invalid header for FIB dump request"); err != nil {
		return nil, err
	}
	tb, err := r.Parse(rtMsgLen, policy, netlink.Strict)
	if err != nil {
		return nil, err
	}
	h := r.Payload()
	if h[1] != 0 || h[2] != 0 || h[3] != 0 || h[6] != 0 {
		return nil, netlink.Errorf(errno.EINVAL, "Invalid values in header for FIB dump request")
	}
	for i := range tb.Max() + 1 {
		if i != uapi.RTA_TABLE && i != uapi.RTA_OIF && tb.Has(i) {
			return nil, netlink.Errorf(errno.EINVAL, "Unsupported attribute in dump request")
		}
	}
	id := uint32(h[4])
	if tb.Has(uapi.RTA_TABLE) {
		id = tb.U32(uapi.RTA_TABLE)
	}
	if tb.Has(uapi.RTA_OIF) {
		if s.dev = dev.ByIndex(st.n, int(int32(tb.U32(uapi.RTA_OIF)))); s.dev == nil {
			return nil, errno.ENODEV
		}
	}
	cloned, proto, typ := binary.NativeEndian.Uint32(h[8:])&uapi.RTM_F_CLONED != 0, h[5], h[7]
	if id != 0 || s.dev != nil || cloned || proto != 0 || typ != 0 {
		d.Filtered()
	}
	if id != 0 {
		t := st.table(id)
		if t == nil && h[0] != uapi.RTNL_FAMILY_IPMR {
			return nil, nil // a dump of all families asks for another's table
		}
		if t == nil {
			return nil, netlink.Errorf(errno.ENOENT, "ipv4: MR table does not exist")
		}
		s.tables = []*table{t}
	}
	if cloned || proto != 0 || typ != 0 && typ != uapi.RTN_MULTICAST {
		return nil, nil // entries have neither
	}
	return s, nil
}

// dumpVifs serves a dump of RTM_GETLINK: a message for each table with its
// settings and VIFs (ipmr_rtm_dumplink).
func (st *State) dumpVifs(d *netlink.Dump) error {
	list, ok := d.State.([]*table)
	if !ok {
		if err := checkVifDump(d.Request); err != nil {
			return err
		}
		list = *st.tables.Load()
	}
	for ; len(list) > 0; list = list[1:] {
		if !d.Put(uapi.RTM_NEWLINK, 0, list[0].fillVifs) {
			d.State = list
			return netlink.More
		}
	}
	d.State = list
	return nil
}

// checkVifDump is the check of a strict dump request (ipmr_valid_dumplink).
func checkVifDump(r *netlink.Request) error {
	if !r.Strict {
		return nil
	}
	h, err := r.Body(ifMsgLen)
	switch {
	case err != nil:
		return netlink.Errorf(errno.EINVAL, "ipv4: Invalid header for ipmr link dump")
	case len(r.Payload()) > ifMsgLen:
		return netlink.Errorf(errno.EINVAL, "Invalid data after header in ipmr link dump")
	case slices.ContainsFunc(h[1:], func(b byte) bool { return b != 0 }):
		return netlink.Errorf(errno.EINVAL, "Invalid values in header for ipmr link dump request")
	}
	return nil
}

// fillVifs writes a table (ipmr_fill_table, ipmr_fill_vif).
func (t *table) fillVifs(m *netlink.Msg) {
	m.Grow(ifMsgLen)[0] = uapi.RTNL_FAMILY_IPMR
	spec := m.NestOld(uapi.IFLA_AF_SPEC)
	t.mu.Lock()
	waiting := len(t.waiting.named)
	t.mu.Unlock()
	m.U32(uapi.IPMRA_TABLE_ID, t.id)
	m.U32(uapi.IPMRA_TABLE_CACHE_RES_QUEUE_LEN, uint32(waiting))
	m.S32(uapi.IPMRA_TABLE_MROUTE_REG_VIF_NUM, t.regVif.Load())
	m.U8(uapi.IPMRA_TABLE_MROUTE_DO_ASSERT, uint8(number(t.assert.Load())))
	m.U8(uapi.IPMRA_TABLE_MROUTE_DO_PIM, uint8(number(t.pim.Load())))
	m.U8(uapi.IPMRA_TABLE_MROUTE_DO_WRVIFWHOLE, uint8(number(t.whole.Load())))
	vifs := m.NestOld(uapi.IPMRA_TABLE_VIFS)
	for i := range t.vifs {
		if v := t.vifs[i].Load(); v != nil {
			v.fill(m, i)
		}
	}
	m.End(vifs)
	m.End(spec)
}

// fill writes a VIF.
func (v *vif) fill(m *netlink.Msg, i int) {
	nest := m.NestOld(uapi.IPMRA_VIF)
	m.U32(uapi.IPMRA_VIFA_IFINDEX, uint32(v.dev.Ifindex()))
	m.U32(uapi.IPMRA_VIFA_VIF_ID, uint32(i))
	m.U16(uapi.IPMRA_VIFA_FLAGS, v.flags)
	m.U64(uapi.IPMRA_VIFA_BYTES_IN, v.bytesIn.Load())
	m.U64(uapi.IPMRA_VIFA_BYTES_OUT, v.bytesOut.Load())
	m.U64(uapi.IPMRA_VIFA_PACKETS_IN, v.pktsIn.Load())
	m.U64(uapi.IPMRA_VIFA_PACKETS_OUT, v.pktsOut.Load())
	m.Attr(uapi.IPMRA_VIFA_LOCAL_ADDR, v.local[:])
	m.Attr(uapi.IPMRA_VIFA_REMOTE_ADDR, v.remote[:])
	m.End(nest)
}
