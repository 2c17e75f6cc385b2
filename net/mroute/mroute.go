// Package mroute is IPv4 multicast routing: what a routing daemon (smcroute,
// pimd, FRR) asks the kernel to do by the MRT_* options of a raw IGMP socket.
//
// A table holds virtual interfaces (VIFs: devices by small numbers) and the
// multicast forwarding cache (MFC), whose entries (S,G), (*,G) or (*,*) say by
// which VIF packets come in and by which they leave, from which TTL on. Packets
// without an entry wait, a few for each (S,G), while the daemon is asked by a
// message on its socket. When the socket is closed all that it made is gone.
//
//	ip_rcv -> route (mc_forwarding) -> input -> find -> forward -> each VIF: ipv4.ForwardMulticast
//	                                      \-> park, upcall NOCACHE    \-> pimreg: upcall WHOLEPKT
//
// Linux files: net/ipv4/ipmr.c, ipmr_base.c, include/uapi/linux/mroute.h. RFCs:
// 1112, 4601 and 7761 (PIM's register messages). Not done: VRFs.
package mroute

import (
	"slices"
	"sync"
	"sync/atomic"

	"linen/kern"
	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/ipv4"
	"linen/net/netns"
	"linen/uapi"
)

// defaultTable is the table of sockets that name none.
const defaultTable = uapi.RT_TABLE_DEFAULT

// State is a namespace's multicast routing.
type State struct {
	n      *netns.Net
	deflt  *table
	tables atomic.Pointer[[]*table] // the default one first
	ops    *fibrules.Ops
	rules  atomic.Pointer[[]*fibrules.Rule] // nil: only the default rule
	remove func()
}

var key = netns.NewKey[State]("mroute")

// Pernet makes a namespace's multicast routing. ipv4 comes before it in the
// list, raw sockets behind.
func Pernet() netns.Subsys { return netns.Bind(key, initNet, exitNet) }

// Of returns n's multicast routing, or nil.
func Of(n *netns.Net) *State { return key.Of(n) }

func initNet(n *netns.Net) (*State, error) {
	st := &State{n: n}
	st.deflt = st.newTable(defaultTable)
	st.initRules()
	st.initProc()
	st.initNetlink()
	ipv4.SetMulticastInput(n, st.input)
	ipv4.SetPIMv1(n, st.pimV1)
	if err := ipv4.AddProtocol(n, uapi.IPPROTO_PIM, &ipv4.Protocol{Recv: st.pim}); err != nil {
		return nil, err
	}
	remove, err := dev.Notifiers(n).Add(0, st.deviceEvent)
	st.remove = remove
	return st, err
}

func exitNet(n *netns.Net, st *State) {
	n.Lock()
	for _, t := range *st.tables.Load() {
		t.flush(uapi.MRT_FLUSH_MFC | uapi.MRT_FLUSH_MFC_STATIC | uapi.MRT_FLUSH_VIFS | uapi.MRT_FLUSH_VIFS_STATIC)
		t.expiry.Stop()
	}
	n.Unlock()
	st.remove()
	ipv4.DelProtocol(n, uapi.IPPROTO_PIM)
}

// A table is one multicast routing table (struct mr_table).
type table struct {
	st    *State
	id    uint32
	owner atomic.Pointer[Socket]

	vifs   [uapi.MAXVIFS]atomic.Pointer[vif] // changed under the RTNL
	regVif atomic.Int32                      // the VIF of the register device, or -1
	assert atomic.Bool                       // MRT_ASSERT
	pim    atomic.Bool                       // MRT_PIM
	whole  atomic.Bool                       // MRT_PIM with IGMPMSG_WRVIFWHOLE

	cache atomic.Pointer[cache]

	mu      sync.Mutex // guards what follows, and changes of the cache
	entries []*mfc     // in the order of their making; nil: removed
	holes   int        // in entries
	waiting queue
	expiry  kern.Timer // of waiting
}

// newTable returns the table id, made at first use. The caller holds the RTNL,
// but for the making of the namespace.
func (st *State) newTable(id uint32) *table {
	if t := st.table(id); t != nil {
		return t
	}
	t := &table{st: st, id: id}
	t.regVif.Store(-1)
	t.cache.Store(newCache(mfcChains))
	t.expiry.Init(st.n.Kernel(), t.expire)
	var all []*table
	if p := st.tables.Load(); p != nil {
		all = slices.Clone(*p)
	}
	all = append(all, t)
	st.tables.Store(&all)
	return t
}

// table returns the table id, or nil.
func (st *State) table(id uint32) *table {
	if p := st.tables.Load(); p != nil {
		for _, t := range *p {
			if t.id == id {
				return t
			}
		}
	}
	return nil
}

// deviceEvent removes the VIFs of a device that goes, and keeps rules right.
func (st *State) deviceEvent(e *dev.Event) error {
	st.ops.DeviceEvent(e)
	if e.Type != dev.EventUnregister {
		return nil
	}
	for _, t := range *st.tables.Load() {
		for i := range t.vifs {
			if v := t.vifs[i].Load(); v != nil && v.dev == e.Dev {
				t.delVif(i, true)
			}
		}
	}
	return nil
}

// flush removes VIFs and entries, by MRT_FLUSH_* (mroute_clean_tables). The
// caller holds the RTNL.
func (t *table) flush(what int) {
	if what&(uapi.MRT_FLUSH_VIFS|uapi.MRT_FLUSH_VIFS_STATIC) != 0 {
		for i := range t.vifs {
			if v := t.vifs[i].Load(); v != nil && what&flushes(v.flags&uapi.VIFF_STATIC != 0, uapi.MRT_FLUSH_VIFS) != 0 {
				t.delVif(i, false)
			}
		}
	}
	if what&(uapi.MRT_FLUSH_MFC|uapi.MRT_FLUSH_MFC_STATIC) == 0 {
		return
	}
	t.mu.Lock()
	list := t.list()
	t.mu.Unlock()
	for _, m := range list {
		if what&flushes(m.static, uapi.MRT_FLUSH_MFC) != 0 {
			t.removeEntry(m)
		}
	}
	if what&uapi.MRT_FLUSH_MFC != 0 {
		t.dropWaiting()
	}
}

// flushes returns the flag that flushes something, static or not; the static
// flag is the other's double.
func flushes(static bool, flag int) int {
	if static {
		return flag * 2
	}
	return flag
}
