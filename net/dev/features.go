package dev

import "linen/uapi/errno"

// Features is a set of offloads (netdev_features_t).
type Features uint64

// The features (NETIF_F_*, include/linux/netdev_features.h). Those that this
// stack has nothing to do with are not here; the numbers are no interface.
const (
	FeatSG          Features = 1 << 0 // scattered data
	FeatIPCsum      Features = 1 << 1 // checksums of TCP and UDP over IPv4
	FeatHWCsum      Features = 1 << 3 // checksums of anything
	FeatIPv6Csum    Features = 1 << 4 // checksums of TCP and UDP over IPv6
	FeatHighDMA     Features = 1 << 5
	FeatFragList    Features = 1 << 6
	FeatVLANTx      Features = 1 << 7 // inserts C-VLAN tags
	FeatVLANRx      Features = 1 << 8 // strips C-VLAN tags
	FeatVLANFilter  Features = 1 << 9
	FeatVLANChal    Features = 1 << 10
	FeatGSO         Features = 1 << 11 // software segmentation behind the queue
	FeatGRO         Features = 1 << 14
	FeatLRO         Features = 1 << 15
	FeatTSO         Features = 1 << 16
	FeatGSORobust   Features = 1 << 17
	FeatTSOECN      Features = 1 << 18
	FeatTSOMangleID Features = 1 << 19
	FeatTSO6        Features = 1 << 20
	FeatUDPSegment  Features = 1 << 33 // NETIF_F_GSO_UDP_L4
	FeatRxCsum      Features = 1 << 43
	FeatLoopback    Features = 1 << 45
	// FeatGROUDPForward merges datagrams that no socket here wants
	// (NETIF_F_GRO_UDP_FWD, rx-udp-gro-forwarding).
	FeatGROUDPForward Features = 1 << 46

	// FeatCsumMask are the checksum offloads (NETIF_F_CSUM_MASK).
	FeatCsumMask = FeatIPCsum | FeatIPv6Csum | FeatHWCsum
	// FeatAllTSO are TCP's segmentation offloads (NETIF_F_ALL_TSO).
	FeatAllTSO = FeatTSO | FeatTSO6 | FeatTSOECN | FeatTSOMangleID
	// FeatGSOSoftware are the super-packets that a software device can pass on
	// (NETIF_F_GSO_SOFTWARE).
	FeatGSOSoftware = FeatAllTSO | FeatUDPSegment
)

// softFeatures are those that every device may have switched: the stack itself
// has them (NETIF_F_SOFT_FEATURES, NETIF_F_SOFT_FEATURES_OFF).
const softFeatures = FeatGSO | FeatGRO | FeatGROUDPForward

// ChangeFeatures switches the offloads of mask as in want, as far as the
// device has them in HWFeatures and they go together, and tells the chain when
// that changes anything (netdev_update_features). The caller holds the RTNL.
// EOPNOTSUPP when mask has offloads that cannot be changed.
func ChangeFeatures(d *Device, want, mask Features) error {
	d.Net().MustHold()
	if mask&^(d.HWFeatures|softFeatures) != 0 {
		return errno.EOPNOTSUPP
	}
	d.wanted = d.wanted&^mask | want&mask
	old := d.Features()
	f := fixFeatures(old&^(d.HWFeatures|softFeatures) | d.wanted)
	if x, ok := d.Ops.(FeatureFixer); ok {
		f = x.FixFeatures(d, f)
	}
	if f == old {
		return nil
	}
	if x, ok := d.Ops.(FeatureSetter); ok {
		if err := x.SetFeatures(d, f); err != nil {
			return err
		}
	}
	d.features.Store(uint64(f))
	return d.notify(EventFeatChange)
}

// fixFeatures drops what cannot be on without something else
// (netdev_fix_features).
func fixFeatures(f Features) Features {
	switch f & (FeatHWCsum | FeatIPCsum | FeatIPv6Csum) {
	case 0:
		f &^= FeatAllTSO | FeatUDPSegment
	case FeatIPCsum:
		f &^= FeatTSO6 | FeatUDPSegment
	case FeatIPv6Csum:
		f &^= FeatTSO | FeatUDPSegment
	}
	if f&FeatSG == 0 {
		f &^= FeatAllTSO | FeatGSO
	}
	if f&FeatTSO == 0 {
		f &^= FeatTSOMangleID
	}
	return f
}

// Changeable returns the offloads that user space may switch on d.
func (d *Device) Changeable() Features { return d.HWFeatures | softFeatures }

// Wanted returns those of them that were asked for; they are on as far as they
// go together. The caller holds the RTNL.
func (d *Device) Wanted() Features { return d.wanted & d.Changeable() }
