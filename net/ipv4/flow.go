package ipv4

// A Flow is the key of a route lookup (struct flowi4). Addresses are in host
// order. RouteOutput fills Saddr, Daddr and OIF as it decides them.
type Flow struct {
	OIF    int    // the device it must leave by, or 0
	IIF    int    // the device it came in by; loopback's index for our own
	L3mdev int    // index of the VRF that decides, or 0
	Mark   uint32 // fwmark
	UID    uint32 // of the sending socket (rules with uidrange)
	Saddr  uint32 // source, 0: to be chosen
	Daddr  uint32 // destination
	TunID  uint64 // tunnel key (rules with tun_id)
	Hash   uint32 // multipath hash; 0: computed from the flow
	SPort  uint16 // source port; ICMP: the type
	DPort  uint16 // destination port; ICMP: the code
	TOS    uint8  // DSCP bits of the TOS byte; the ECN bits are ignored
	Scope  uint8  // RT_SCOPE_*: routes with a wider scope than this do not match
	Proto  uint8  // IPPROTO_*
	Flags  uint8  // Flow*
}

// Flags of a Flow (FLOWI_FLAG_*).
const (
	FlowAnySrc  = 1 << 0 // Saddr need not be ours (IP_TRANSPARENT, IP_HDRINCL)
	FlowKnownNH = 1 << 1 // the next hop must be the destination itself
)

// dscp is the part of a TOS byte that routing looks at; the other two bits
// are ECN (RFC 3168).
const dscp = 0xfc
