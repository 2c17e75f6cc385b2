package wire

// Sizes of Ethernet frames in bytes, without the frame check sequence.
const (
	EthHdrLen   = 14
	VLANHdrLen  = 4
	EthMinFrame = 60   // ETH_ZLEN
	EthDataLen  = 1500 // ETH_DATA_LEN
)

// EthHdr is an Ethernet II header (struct ethhdr).
type EthHdr [14]byte

// AsEth views the Ethernet header at the start of b.
func AsEth(b []byte) (*EthHdr, bool) {
	if len(b) < EthHdrLen {
		return nil, false
	}
	return (*EthHdr)(b), true
}

// Dst returns the destination address.
func (h *EthHdr) Dst() MAC { return MAC(h[0:6]) }

// Src returns the source address.
func (h *EthHdr) Src() MAC { return MAC(h[6:12]) }

// Type returns the EtherType, or below EtherTypeMin the 802.3 length.
func (h *EthHdr) Type() uint16 { return be.Uint16(h[12:14]) }

// SetDst sets the destination address.
func (h *EthHdr) SetDst(m MAC) { *(*MAC)(h[0:6]) = m }

// SetSrc sets the source address.
func (h *EthHdr) SetSrc(m MAC) { *(*MAC)(h[6:12]) = m }

// SetType sets the EtherType.
func (h *EthHdr) SetType(t uint16) { be.PutUint16(h[12:14], t) }

// VLANHdr is what follows the EtherType of an 802.1Q or 802.1ad frame: the tag
// and the EtherType of what it holds (struct vlan_hdr).
type VLANHdr [4]byte

// Fields of a tag control information (VLAN_*_MASK, VLAN_*_SHIFT).
const (
	VLANIDMask    = 0x0fff
	VLANDEI       = 0x1000 // drop eligible
	VLANPrioMask  = 0xe000
	VLANPrioShift = 13
)

// AsVLAN views the VLAN header at the start of b, which is 12+2 bytes into the
// frame.
func AsVLAN(b []byte) (*VLANHdr, bool) {
	if len(b) < VLANHdrLen {
		return nil, false
	}
	return (*VLANHdr)(b), true
}

// TCI returns the whole tag control information.
func (h *VLANHdr) TCI() uint16 { return be.Uint16(h[0:2]) }

// ID returns the VLAN id.
func (h *VLANHdr) ID() uint16 { return h.TCI() & VLANIDMask }

// Prio returns the priority code point, 0 to 7.
func (h *VLANHdr) Prio() uint8 { return h[0] >> 5 }

// DEI reports the drop eligible indicator.
func (h *VLANHdr) DEI() bool { return h.TCI()&VLANDEI != 0 }

// Type returns the EtherType of what the tag holds.
func (h *VLANHdr) Type() uint16 { return be.Uint16(h[2:4]) }

// SetTCI sets the whole tag control information.
func (h *VLANHdr) SetTCI(v uint16) { be.PutUint16(h[0:2], v) }

// SetType sets the EtherType of what the tag holds.
func (h *VLANHdr) SetType(t uint16) { be.PutUint16(h[2:4], t) }

// IsVLANType reports whether t announces a VLAN tag (eth_type_vlan).
func IsVLANType(t uint16) bool { return t == EtherTypeVLAN || t == EtherTypeQinQ }
