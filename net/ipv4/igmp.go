package ipv4

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/dev"
	"linen/net/procfs"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// igmpState is what IGMP holds in a namespace.
type igmpState struct {
	alert              *Options    // router alert, which every message carries (RFC 2236 §2)
	robustness         *sysctl.Int // net.ipv4.igmp_qrv
	linkLocalMcReports *sysctl.Int
	pim                func(c *kern.CPU, b *skb.Buff) // PIM version 1, or nil
}

// Groups of the protocol itself (RFC 1112, 2236, 3376).
const (
	groupAllHosts   = 0xe0000001 // 224.0.0.1
	groupAllRouters = 0xe0000002 // 224.0.0.2
	groupReports    = 0xe0000016 // 224.0.0.22, where version 3 reports go
)

// initIGMP registers IGMP and its files.
func (st *state) initIGMP() error {
	t, s := sysctl.Of(st.n), &st.path.igmp
	s.robustness = t.Int("net/ipv4/igmp_qrv", sysctl.Spec{Default: 2, Ranged: true, Min: 1, Max: 1<<31 - 1})
	s.linkLocalMcReports = t.Int("net/ipv4/igmp_link_local_mcast_reports", sysctl.Spec{Default: 1, Unit: sysctl.Byte})
	alert, err := CompileOptions(st.n, []byte{148, 4, 0, 0})
	s.alert = alert
	st.data.isMember = GroupMember
	st.data.groups = st.groupsUpDown
	st.path.protos[uapi.IPPROTO_IGMP].Store(&Protocol{Recv: igmpRcv})
	procfs.Of(st.n).File("igmp", st.writeIGMP)
	procfs.Of(st.n).File("mcfilter", st.writeMcFilter)
	return err
}

// exitIGMP stops the timers.
func (st *state) exitIGMP() {
	for _, d := range dev.List(st.n) {
		if m := mcSlot.Of(d); m != nil {
			m.stop()
		}
	}
}

// mcSlot holds a device's groups.
var mcSlot = dev.NewKey[mcDevice]("igmp")

// mcDevice is the groups of one device. The RTNL guards who is a member; the
// data path reads the snapshots; mu guards what is to be reported.
type mcDevice struct {
	st     *state
	d      *dev.Device
	groups atomic.Pointer[[]*group] // the latest first

	mu      sync.Mutex
	up      bool
	changes kern.Timer // sends the changes of state, again
	left    int        // how often yet
	gone    []goneGroup
	answer  kern.Timer // answers a general query
	v1Until ktime.T    // a version 1 querier is there
	v2Until ktime.T    // a version 2 querier is there
	qrv     int        // the querier's robustness, or 0
}

// A goneGroup is a group that was left, still to be told to the routers.
type goneGroup struct {
	addr    uint32
	left    int
	blocked []uint32 // the sources that were wanted, of a group that took no others
}

// A group is one multicast group that somebody here belongs to.
type group struct {
	addr    uint32
	members []*Membership
	filter  atomic.Pointer[mcFilter]

	// Guarded by mcDevice.mu.
	modeLeft     int            // times to report the mode yet
	allow, block map[uint32]int // times to report a source yet
	timer        kern.Timer     // a report of versions 1 and 2, or an answer
	running      bool
	reporter     bool // we were the last to report it
	unsolicited  int
	asked        []uint32 // sources that a query named
}

// mcFilter says from whom a group's packets are taken (RFC 3376 §3.2).
type mcFilter struct {
	exclude int // members that take all sources but some
	sources []mcSource
}

type mcSource struct {
	addr             uint32
	include, exclude int // members that name it
}

// mode returns the group's state: whether it excludes, and the sources.
func (f *mcFilter) mode() (exclude bool, sources []uint32) {
	for _, s := range f.sources {
		if f.exclude > 0 && s.exclude == f.exclude && s.include == 0 || f.exclude == 0 && s.include > 0 {
			sources = append(sources, s.addr)
		}
	}
	return f.exclude > 0, sources
}

// takes reports whether a packet from src is taken; 0 is an unknown source.
func (f *mcFilter) takes(src uint32) bool {
	if src == 0 {
		return true
	}
	for _, s := range f.sources {
		if s.addr == src {
			return s.include > 0 || s.exclude != f.exclude
		}
	}
	return f.exclude > 0
}

// GroupMember reports whether d takes packets to a group from src, 0 meaning
// any (ip_check_mc_rcu).
func GroupMember(d *dev.Device, addr, src uint32) bool {
	m := mcSlot.Of(d)
	if m == nil {
		return false
	}
	g := m.find(addr)
	return g != nil && g.filter.Load().takes(src)
}

func (m *mcDevice) list() []*group {
	if p := m.groups.Load(); p != nil {
		return *p
	}
	return nil
}

func (m *mcDevice) find(addr uint32) *group {
	for _, g := range m.list() {
		if g.addr == addr {
			return g
		}
	}
	return nil
}

// A Membership is one socket's part in a group on a device.
type Membership struct {
	m       *mcDevice
	g       *group
	mode    uint8
	sources []uint32
}

// JoinGroup makes the caller a member of a group on d (ip_mc_join_group): mode
// MCAST_EXCLUDE takes packets from all but sources, MCAST_INCLUDE from sources
// only. The caller holds the RTNL. EINVAL: it is no group; ENODEV: d has no
// IPv4.
func JoinGroup(d *dev.Device, addr uint32, mode uint8, sources []uint32) (*Membership, error) {
	switch {
	case !isMulticast(addr):
		return nil, errno.EINVAL
	case InDev(d) == nil:
		return nil, errno.ENODEV
	}
	m := mcDeviceOf(d)
	g := m.find(addr)
	fresh := g == nil
	if fresh {
		g = &group{addr: addr}
		g.filter.Store(new(mcFilter))
		g.timer.Init(m.st.n.Kernel(), func(c *kern.CPU) { m.groupTimer(c, g) })
	}
	ms := &Membership{m: m, g: g, mode: mode, sources: slices.Clone(sources)}
	g.members = append(g.members, ms)
	g.refilter(m, fresh)
	if fresh {
		list := append([]*group{g}, m.list()...)
		m.groups.Store(&list)
		if m.up {
			m.added(g)
		}
	}
	return ms, nil
}

// SetFilter changes the membership's mode and sources (ip_mc_add_src). The
// caller holds the RTNL.
func (ms *Membership) SetFilter(mode uint8, sources []uint32) {
	ms.mode, ms.sources = mode, slices.Clone(sources)
	ms.g.refilter(ms.m, false)
}

// Leave ends the membership (ip_mc_leave_group). The caller holds the RTNL. It
// may be called again.
func (ms *Membership) Leave() {
	g, m := ms.g, ms.m
	i := slices.Index(g.members, ms)
	if i < 0 {
		return
	}
	g.members = slices.Delete(g.members, i, i+1)
	if g.users(m) > 0 {
		g.refilter(m, false)
		return
	}
	list := slices.DeleteFunc(slices.Clone(m.list()), func(o *group) bool { return o == g })
	m.groups.Store(&list)
	if m.up {
		m.removed(g, true)
	}
	m.st.flushCache()
}

// mcDeviceOf returns d's groups, made at first use. The RTNL is held.
func mcDeviceOf(d *dev.Device) *mcDevice {
	m, st := mcSlot.Of(d), of(d.Net())
	if m == nil || m.st != st { // a device comes to a namespace without groups
		m = &mcDevice{st: st, d: d}
		m.changes.Init(d.Kernel(), m.sendChanges)
		m.answer.Init(d.Kernel(), m.answerAll)
		mcSlot.Set(d, m)
	}
	return m
}

// users returns how many want the group: its members, and of 224.0.0.1 the device itself while it is up (ip_mc_up).
func (g *group) users(m *mcDevice) int {
	if g.addr == groupAllHosts && m.up {
		return len(g.members) + 1
	}
	return len(g.members)
}

// refilter merges the members' filters and has the change reported unless the
// group is new.
func (g *group) refilter(m *mcDevice, fresh bool) {
	f := &mcFilter{exclude: g.users(m) - len(g.members)}
	for _, ms := range g.members {
		if ms.mode == uapi.MCAST_EXCLUDE {
			f.exclude++
		}
		for _, a := range ms.sources {
			i := slices.IndexFunc(f.sources, func(s mcSource) bool { return s.addr == a })
			if i < 0 {
				i = len(f.sources)
				f.sources = append(f.sources, mcSource{addr: a})
			}
			if ms.mode == uapi.MCAST_EXCLUDE {
				f.sources[i].exclude++
			} else {
				f.sources[i].include++
			}
		}
	}
	old := g.filter.Swap(f)
	m.st.flushCache()
	if !fresh && m.up {
		m.changed(g, old, f)
	}
}

// groupsUpDown follows a device: it is in 224.0.0.1 while it is up (ip_mc_up,
// ip_mc_down).
func (st *state) groupsUpDown(d *dev.Device, up bool) {
	if !up {
		if m := mcSlot.Of(d); m != nil && m.up {
			m.stop()
			for _, g := range m.list() {
				m.removed(g, false)
			}
			m.setUp(false)
			list := slices.DeleteFunc(slices.Clone(m.list()), func(g *group) bool { return g.users(m) == 0 })
			m.groups.Store(&list)
			m.refilterAllHosts()
		}
		return
	}
	m := mcDeviceOf(d)
	if m.up {
		return
	}
	m.setUp(true)
	if m.find(groupAllHosts) == nil {
		g := &group{addr: groupAllHosts}
		g.filter.Store(new(mcFilter))
		g.timer.Init(st.n.Kernel(), func(c *kern.CPU) { m.groupTimer(c, g) })
		list := append([]*group{g}, m.list()...)
		m.groups.Store(&list)
	}
	m.refilterAllHosts()
	for _, g := range m.list() {
		m.added(g)
	}
}

// refilterAllHosts follows the device's own part in 224.0.0.1.
func (m *mcDevice) refilterAllHosts() {
	if g := m.find(groupAllHosts); g != nil {
		g.refilter(m, true)
	}
}

func (m *mcDevice) setUp(up bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up = up
}

// stop ends what is to be reported.
func (m *mcDevice) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes.Stop()
	m.answer.Stop()
	m.left, m.gone = 0, nil
	m.v1Until, m.v2Until, m.qrv = 0, 0, 0
	for _, g := range m.list() {
		g.timer.Stop()
		g.running, g.modeLeft, g.allow, g.block = false, 0, nil, nil
	}
}

// hwGroup returns the link address of a group (RFC 1112 §6.4).
func hwGroup(addr uint32) []byte {
	return []byte{1, 0, 0x5e, byte(addr>>16) & 0x7f, byte(addr >> 8), byte(addr)}
}

// version returns the version of IGMP to speak: that of the oldest querier
// (RFC 3376 §7.2.1), or as force_igmp_version says. m.mu is held.
func (m *mcDevice) version(now ktime.T) int {
	if in := InDev(m.d); in != nil {
		switch v := in.max(ConfForceIGMPVersion); v { // 3 forces nothing
		case 1, 2:
			return v
		}
	}
	switch {
	case now < m.v1Until:
		return 1
	case now < m.v2Until:
		return 2
	}
	return 3
}

// robust returns how often things are reported.
func (m *mcDevice) robust() int {
	if m.qrv > 0 {
		return m.qrv
	}
	return int(m.st.path.igmp.robustness.Load())
}

// unsolicitedInterval is the longest time between reports that nobody asked
// for.
func (m *mcDevice) unsolicitedInterval(version int) time.Duration {
	in := InDev(m.d)
	if in == nil {
		return time.Second
	}
	c := ConfIGMPv3UnsolicitedReportInterval
	if version < 3 {
		c = ConfIGMPv2UnsolicitedReportInterval
	}
	return time.Duration(in.Conf(c)) * time.Millisecond
}
