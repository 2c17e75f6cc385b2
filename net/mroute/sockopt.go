package mroute

import (
	"encoding/binary"
	"sync/atomic"

	"linen/kern"
	"linen/net/ipv4"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// version is what MRT_VERSION answers: mrouted's API of 3.5.
const version = 0x0305

// A Sink is the raw socket behind a [Socket].
type Sink interface {
	// Packet queues b, at its IP header, as received from saddr to daddr. It
	// owns b, and reports whether there was room for it.
	Packet(c *kern.CPU, b *skb.Buff, saddr, daddr uint32) bool
}

// A Socket is what multicast routing holds for a raw IGMP socket.
type Socket struct {
	st    *State
	sink  Sink
	id    uint32 // MRT_TABLE; 0: the default. Guarded by the RTNL
	owner atomic.Bool
}

// NewSocket makes a Socket. It owns no table yet.
func (st *State) NewSocket(sink Sink) *Socket { return &Socket{st: st, sink: sink} }

// Owner reports whether the socket has a table (MRT_INIT): then it gets the
// packets with the router alert option, too.
func (s *Socket) Owner() bool { return s.owner.Load() }

// table returns the socket's table, or nil. The RTNL is held.
func (s *Socket) table() *table {
	if s.id == 0 {
		return s.st.deflt
	}
	return s.st.table(s.id)
}

// Close ends what the socket has made: VIFs and entries that others have made
// remain (mrtsock_destruct). It may be called again.
func (s *Socket) Close() {
	if !s.owner.Load() {
		return
	}
	s.st.n.Lock()
	defer s.st.n.Unlock()
	s.done()
}

// done gives up the socket's tables. The RTNL is held.
func (s *Socket) done() {
	for _, t := range *s.st.tables.Load() {
		if t.owner.Load() == s {
			ipv4.CountMcForwardingAll(s.st.n, -1)
			t.owner.Store(nil)
			t.flush(uapi.MRT_FLUSH_VIFS | uapi.MRT_FLUSH_MFC)
		}
	}
	s.owner.Store(false)
}

// Set does setsockopt of an MRT_* option (ip_mroute_setsockopt). admin says
// that the caller has CAP_NET_ADMIN. EACCES: neither that nor the owner;
// ENOENT: the table is gone; ENOPROTOOPT: no such option; others by option.
func (s *Socket) Set(admin bool, option int, val []byte) error {
	s.st.n.Lock()
	defer s.st.n.Unlock()
	t := s.table()
	if t == nil {
		return errno.ENOENT
	}
	mine := t.owner.Load() == s
	if option != uapi.MRT_INIT && !mine && !admin {
		return errno.EACCES
	}
	switch option {
	case uapi.MRT_DONE:
		if !mine {
			return errno.EACCES
		}
		s.done()
		return nil
	case uapi.MRT_ADD_VIF, uapi.MRT_DEL_VIF:
		return t.setVif(option, val, mine)
	case uapi.MRT_ADD_MFC, uapi.MRT_DEL_MFC, uapi.MRT_ADD_MFC_PROXY, uapi.MRT_DEL_MFC_PROXY:
		return t.setEntry(option, val, mine)
	case uapi.MRT_VERSION:
		return errno.ENOPROTOOPT
	}
	if len(val) != 4 {
		return errno.EINVAL
	}
	return s.setNumber(t, option, int32(binary.NativeEndian.Uint32(val)))
}

// setNumber does the options that are a number.
func (s *Socket) setNumber(t *table, option int, v int32) error {
	switch option {
	case uapi.MRT_INIT:
		if t.owner.Load() != nil || s.owner.Load() {
			return errno.EADDRINUSE
		}
		t.owner.Store(s)
		s.owner.Store(true)
		ipv4.CountMcForwardingAll(s.st.n, 1)
	case uapi.MRT_ASSERT:
		t.assert.Store(v != 0)
	case uapi.MRT_PIM:
		if on := v != 0; on != t.pim.Load() {
			t.pim.Store(on)
			t.assert.Store(on)
			t.whole.Store(v == uapi.IGMPMSG_WRVIFWHOLE)
		}
	case uapi.MRT_FLUSH:
		t.flush(int(v))
	case uapi.MRT_TABLE:
		id := uint32(v)
		if id != uapi.RT_TABLE_DEFAULT && id >= maxTable {
			return errno.EINVAL
		}
		if t.owner.Load() == s {
			return errno.EBUSY
		}
		s.st.newTable(id)
		s.id = id
	default:
		return errno.ENOPROTOOPT
	}
	return nil
}

// maxTable bounds table numbers: "pimreg" and nine digits name a device.
const maxTable = 1_000_000_000

// setVif does MRT_ADD_VIF and MRT_DEL_VIF; mine says that the owner asks.
func (t *table) setVif(option int, val []byte, mine bool) error {
	ctl, ok := uapi.ParseVifctl(val)
	switch {
	case !ok || len(val) != uapi.SizeofVifctl:
		return errno.EINVAL
	case ctl.Vifi >= uapi.MAXVIFS:
		return errno.ENFILE
	case option == uapi.MRT_ADD_VIF:
		return t.addVif(&ctl, !mine)
	}
	return t.delVif(int(ctl.Vifi), false)
}

// setEntry does the options of the cache; mine says that the owner asks.
func (t *table) setEntry(option int, val []byte, mine bool) error {
	ctl, ok := uapi.ParseMfcctl(val)
	if !ok || len(val) != uapi.SizeofMfcctl {
		return errno.EINVAL
	}
	ch := changeOf(&ctl)
	ch.static = !mine
	ch.proxy = option == uapi.MRT_ADD_MFC_PROXY || option == uapi.MRT_DEL_MFC_PROXY
	if option == uapi.MRT_ADD_MFC || option == uapi.MRT_ADD_MFC_PROXY {
		return t.add(&ch)
	}
	return t.del(&ch)
}

// Get does getsockopt of an MRT_* option and returns the length of the answer
// (ip_mroute_getsockopt). ENOENT: the table is gone; ENOPROTOOPT: no answer.
func (s *Socket) Get(option int, val []byte) (int, error) {
	s.st.n.Lock()
	defer s.st.n.Unlock()
	t := s.table()
	if t == nil {
		return 0, errno.ENOENT
	}
	v := uint32(0)
	switch option {
	case uapi.MRT_VERSION:
		v = version
	case uapi.MRT_PIM:
		v = number(t.pim.Load())
	case uapi.MRT_ASSERT:
		v = number(t.assert.Load())
	default:
		return 0, errno.ENOPROTOOPT
	}
	return copy(val, binary.NativeEndian.AppendUint32(nil, v)), nil
}

func number(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// Ioctl does SIOCGETVIFCNT and SIOCGETSGCNT, whose answer goes to arg
// (ipmr_ioctl). s may be nil: another raw socket asks about the default table.
// ENOTTY: another command; EINVAL: no VIF has such a number; EADDRNOTAVAIL: no
// such VIF or entry.
func (st *State) Ioctl(s *Socket, cmd uint32, arg []byte) error {
	if cmd != uapi.SIOCGETVIFCNT && cmd != uapi.SIOCGETSGCNT {
		return errno.ENOTTY
	}
	st.n.Lock()
	defer st.n.Unlock()
	t := st.deflt
	if s != nil {
		t = s.table()
	}
	if t == nil {
		return errno.ENOENT
	}
	if cmd == uapi.SIOCGETVIFCNT {
		return t.vifCounts(arg)
	}
	return t.entryCounts(arg)
}

// vifCounts fills a struct sioc_vif_req.
func (t *table) vifCounts(arg []byte) error {
	if len(arg) < uapi.SizeofSiocVifReq {
		return errno.EFAULT
	}
	i := int(binary.NativeEndian.Uint16(arg))
	if i >= t.maxVif() {
		return errno.EINVAL
	}
	v := t.vifs[i].Load()
	if v == nil {
		return errno.EADDRNOTAVAIL
	}
	for k, n := range [...]uint64{v.pktsIn.Load(), v.pktsOut.Load(), v.bytesIn.Load(), v.bytesOut.Load()} {
		binary.NativeEndian.PutUint64(arg[8+8*k:], n)
	}
	return nil
}

// entryCounts fills a struct sioc_sg_req.
func (t *table) entryCounts(arg []byte) error {
	if len(arg) < uapi.SizeofSiocSgReq {
		return errno.EFAULT
	}
	m := t.find(binary.BigEndian.Uint32(arg), binary.BigEndian.Uint32(arg[4:]), -1)
	if m == nil {
		return errno.EADDRNOTAVAIL
	}
	for k, n := range [...]uint64{m.pkts.Load(), m.bytes.Load(), m.wrong.Load()} {
		binary.NativeEndian.PutUint64(arg[8+8*k:], n)
	}
	return nil
}

// maxVif returns one more than the highest VIF.
func (t *table) maxVif() int {
	for i := len(t.vifs) - 1; i >= 0; i-- {
		if t.vifs[i].Load() != nil {
			return i + 1
		}
	}
	return 0
}
