package uapi

// Options of a multicast routing socket, level IPPROTO_IP. Source:
// linux/mroute.h.
const (
	MRT_BASE          = 200
	MRT_INIT          = 200
	MRT_DONE          = 201
	MRT_ADD_VIF       = 202
	MRT_DEL_VIF       = 203
	MRT_ADD_MFC       = 204
	MRT_DEL_MFC       = 205
	MRT_VERSION       = 206
	MRT_ASSERT        = 207
	MRT_PIM           = 208
	MRT_TABLE         = 209
	MRT_ADD_MFC_PROXY = 210
	MRT_DEL_MFC_PROXY = 211
	MRT_FLUSH         = 212
	MRT_MAX           = 212
)

// Ioctls of a multicast routing socket. Source: linux/mroute.h.
const (
	SIOCGETVIFCNT = 0x89e0
	SIOCGETSGCNT  = 0x89e1
)

// What MRT_FLUSH flushes. Source: linux/mroute.h.
const (
	MRT_FLUSH_MFC         = 1
	MRT_FLUSH_MFC_STATIC  = 2
	MRT_FLUSH_VIFS        = 4
	MRT_FLUSH_VIFS_STATIC = 8
)

// MAXVIFS is the number of virtual interfaces of a table.
const MAXVIFS = 32

// Flags of a virtual interface. VIFF_STATIC is the kernel's own, seen in
// /proc/net/ip_mr_vif.
const (
	VIFF_TUNNEL      = 0x1
	VIFF_SRCRT       = 0x2
	VIFF_REGISTER    = 0x4
	VIFF_USE_IFINDEX = 0x8
	VIFF_STATIC      = 0x8000
)

// Kinds of upcalls. Source: linux/mroute.h.
const (
	IGMPMSG_NOCACHE    = 1
	IGMPMSG_WRONGVIF   = 2
	IGMPMSG_WHOLEPKT   = 3
	IGMPMSG_WRVIFWHOLE = 4
)

// Attributes of RTM_NEWLINK of RTNL_FAMILY_IPMR, in IFLA_AF_SPEC. Source:
// linux/mroute.h.
const (
	IPMRA_TABLE_ID                   = 1
	IPMRA_TABLE_CACHE_RES_QUEUE_LEN  = 2
	IPMRA_TABLE_MROUTE_REG_VIF_NUM   = 3
	IPMRA_TABLE_MROUTE_DO_ASSERT     = 4
	IPMRA_TABLE_MROUTE_DO_PIM        = 5
	IPMRA_TABLE_VIFS                 = 6
	IPMRA_TABLE_MROUTE_DO_WRVIFWHOLE = 7

	IPMRA_VIF = 1

	IPMRA_VIFA_IFINDEX     = 1
	IPMRA_VIFA_VIF_ID      = 2
	IPMRA_VIFA_FLAGS       = 3
	IPMRA_VIFA_BYTES_IN    = 4
	IPMRA_VIFA_BYTES_OUT   = 5
	IPMRA_VIFA_PACKETS_IN  = 6
	IPMRA_VIFA_PACKETS_OUT = 7
	IPMRA_VIFA_LOCAL_ADDR  = 8
	IPMRA_VIFA_REMOTE_ADDR = 9
)

// Attributes of RTM_NEWCACHEREPORT. Source: linux/mroute.h.
const (
	IPMRA_CREPORT_MSGTYPE  = 1
	IPMRA_CREPORT_VIF_ID   = 2
	IPMRA_CREPORT_SRC_ADDR = 3
	IPMRA_CREPORT_DST_ADDR = 4
	IPMRA_CREPORT_PKT      = 5
	IPMRA_CREPORT_TABLE    = 6
)

// SizeofVifctl is the size of struct vifctl in bytes.
const SizeofVifctl = 16

// Vifctl is struct vifctl (MRT_ADD_VIF, MRT_DEL_VIF).
type Vifctl struct {
	Vifi      uint16
	Flags     uint8 // VIFF_*
	Threshold uint8
	RateLimit uint32
	Local     [4]byte // an address in network order, or with VIFF_USE_IFINDEX an index
	Remote    [4]byte // network order
}

// Append appends the structure to b.
func (v *Vifctl) Append(b []byte) []byte {
	b, p := grow(b, SizeofVifctl)
	host.PutUint16(p[0:], v.Vifi)
	p[2], p[3] = v.Flags, v.Threshold
	host.PutUint32(p[4:], v.RateLimit)
	copy(p[8:], v.Local[:])
	copy(p[12:], v.Remote[:])
	return b
}

// ParseVifctl reads the structure at the start of b; false when b is shorter.
func ParseVifctl(b []byte) (Vifctl, bool) {
	if len(b) < SizeofVifctl {
		return Vifctl{}, false
	}
	return Vifctl{
		Vifi: host.Uint16(b[0:2]), Flags: b[2], Threshold: b[3], RateLimit: host.Uint32(b[4:8]),
		Local: [4]byte(b[8:12]), Remote: [4]byte(b[12:16]),
	}, true
}

// Index returns Local as VIFF_USE_IFINDEX has it.
func (v *Vifctl) Index() int { return int(int32(host.Uint32(v.Local[:]))) }

// SetIndex sets Local as VIFF_USE_IFINDEX has it.
func (v *Vifctl) SetIndex(i int) { host.PutUint32(v.Local[:], uint32(i)) }

// SizeofMfcctl is the size of struct mfcctl in bytes.
const SizeofMfcctl = 60

// Mfcctl is struct mfcctl (MRT_ADD_MFC and the like).
type Mfcctl struct {
	Origin, Group                    [4]byte // network order
	Parent                           uint16
	TTLs                             [MAXVIFS]uint8
	Packets, Bytes, WrongIf, Expires uint32
}

// Append appends the structure to b.
func (m *Mfcctl) Append(b []byte) []byte {
	b, p := grow(b, SizeofMfcctl)
	copy(p[0:], m.Origin[:])
	copy(p[4:], m.Group[:])
	host.PutUint16(p[8:], m.Parent)
	copy(p[10:], m.TTLs[:])
	for i, v := range [...]uint32{m.Packets, m.Bytes, m.WrongIf, m.Expires} {
		host.PutUint32(p[44+4*i:], v)
	}
	return b
}

// ParseMfcctl reads the structure at the start of b; false when b is shorter.
func ParseMfcctl(b []byte) (Mfcctl, bool) {
	if len(b) < SizeofMfcctl {
		return Mfcctl{}, false
	}
	return Mfcctl{
		Origin: [4]byte(b[0:4]), Group: [4]byte(b[4:8]), Parent: host.Uint16(b[8:10]),
		TTLs: [MAXVIFS]uint8(b[10:42]), Packets: host.Uint32(b[44:48]), Bytes: host.Uint32(b[48:52]),
		WrongIf: host.Uint32(b[52:56]), Expires: host.Uint32(b[56:60]),
	}, true
}

// Sizes of struct sioc_vif_req and struct sioc_sg_req on a 64-bit machine.
const (
	SizeofSiocVifReq = 40
	SizeofSiocSgReq  = 32
)
