package uapi

// Attributes in IFLA_INFO_DATA of an ipip or sit tunnel. Source: linux/if_tunnel.h.
const (
	IFLA_IPTUN_UNSPEC              = 0
	IFLA_IPTUN_LINK                = 1
	IFLA_IPTUN_LOCAL               = 2
	IFLA_IPTUN_REMOTE              = 3
	IFLA_IPTUN_TTL                 = 4
	IFLA_IPTUN_TOS                 = 5
	IFLA_IPTUN_ENCAP_LIMIT         = 6
	IFLA_IPTUN_FLOWINFO            = 7
	IFLA_IPTUN_FLAGS               = 8
	IFLA_IPTUN_PROTO               = 9
	IFLA_IPTUN_PMTUDISC            = 10
	IFLA_IPTUN_6RD_PREFIX          = 11
	IFLA_IPTUN_6RD_RELAY_PREFIX    = 12
	IFLA_IPTUN_6RD_PREFIXLEN       = 13
	IFLA_IPTUN_6RD_RELAY_PREFIXLEN = 14
	IFLA_IPTUN_ENCAP_TYPE          = 15
	IFLA_IPTUN_ENCAP_FLAGS         = 16
	IFLA_IPTUN_ENCAP_SPORT         = 17
	IFLA_IPTUN_ENCAP_DPORT         = 18
	IFLA_IPTUN_COLLECT_METADATA    = 19
	IFLA_IPTUN_FWMARK              = 20
)

// IFLA_IPTUN_ENCAP_TYPE. Source: linux/if_tunnel.h.
const (
	TUNNEL_ENCAP_NONE = 0
	TUNNEL_ENCAP_FOU  = 1
	TUNNEL_ENCAP_GUE  = 2
	TUNNEL_ENCAP_MPLS = 3
)

// ioctls of a tunnel's device: ifr_data points to a struct ip_tunnel_parm.
// Source: linux/if_tunnel.h.
const (
	SIOCGETTUNNEL = 0x89f0
	SIOCADDTUNNEL = 0x89f1
	SIOCDELTUNNEL = 0x89f2
	SIOCCHGTUNNEL = 0x89f3
)

// SizeofIPTunnelParm is the size of struct ip_tunnel_parm in bytes.
const SizeofIPTunnelParm = 52

// IPTunnelParm is struct ip_tunnel_parm.
type IPTunnelParm struct {
	Name           [IFNAMSIZ]byte
	Link           int32
	IFlags, OFlags uint16 // as the program gave them
	IKey, OKey     uint32 // as the program gave them
	IPH            [20]byte
}

// Append appends the structure to b.
func (p *IPTunnelParm) Append(b []byte) []byte {
	b, o := grow(b, SizeofIPTunnelParm)
	copy(o, p.Name[:])
	host.PutUint32(o[16:], uint32(p.Link))
	host.PutUint16(o[20:], p.IFlags)
	host.PutUint16(o[22:], p.OFlags)
	host.PutUint32(o[24:], p.IKey)
	host.PutUint32(o[28:], p.OKey)
	copy(o[32:], p.IPH[:])
	return b
}

// ParseIPTunnelParm reads the structure at the start of b; false when b is
// shorter.
func ParseIPTunnelParm(b []byte) (IPTunnelParm, bool) {
	if len(b) < SizeofIPTunnelParm {
		return IPTunnelParm{}, false
	}
	return IPTunnelParm{
		Name: [IFNAMSIZ]byte(b[:16]), Link: int32(host.Uint32(b[16:20])),
		IFlags: host.Uint16(b[20:22]), OFlags: host.Uint16(b[22:24]),
		IKey: host.Uint32(b[24:28]), OKey: host.Uint32(b[28:32]), IPH: [20]byte(b[32:52]),
	}, true
}
