package ethtool

import (
	"encoding/binary"

	"linen/net/dev"
	"linen/uapi"
	"linen/uapi/errno"
)

// Offloads that an old command switches together (ethtool_get_feature_mask).
const (
	csumFeatures = dev.FeatHWCsum | dev.FeatIPCsum | dev.FeatIPv6Csum
	tsoFeatures  = dev.FeatTSO | dev.FeatTSO6 | dev.FeatTSOECN | dev.FeatTSOMangleID
)

// flags are the bits of ETHTOOL_GFLAGS (ETH_ALL_FLAGS).
var flags = [...]struct {
	f   dev.Features
	bit uint32
}{{dev.FeatVLANTx, 1 << 7}, {dev.FeatVLANRx, 1 << 8}, {dev.FeatLRO, 1 << 15}}

// ntupleAndHash are the bits of ETHTOOL_GFLAGS that no device here has.
const ntupleAndHash = 1<<27 | 1<<28

// featureOperation returns what does a command about offloads, or nil.
func featureOperation(cmd uint32) operation {
	switch cmd {
	case uapi.ETHTOOL_GRXCSUM, uapi.ETHTOOL_SRXCSUM:
		return oneFeature(dev.FeatRxCsum, cmd == uapi.ETHTOOL_SRXCSUM)
	case uapi.ETHTOOL_GTXCSUM, uapi.ETHTOOL_STXCSUM:
		return oneFeature(csumFeatures, cmd == uapi.ETHTOOL_STXCSUM)
	case uapi.ETHTOOL_GSG, uapi.ETHTOOL_SSG:
		return oneFeature(dev.FeatSG|dev.FeatFragList, cmd == uapi.ETHTOOL_SSG)
	case uapi.ETHTOOL_GTSO, uapi.ETHTOOL_STSO:
		return oneFeature(tsoFeatures, cmd == uapi.ETHTOOL_STSO)
	case uapi.ETHTOOL_GGSO, uapi.ETHTOOL_SGSO:
		return oneFeature(dev.FeatGSO, cmd == uapi.ETHTOOL_SGSO)
	case uapi.ETHTOOL_GGRO, uapi.ETHTOOL_SGRO:
		return oneFeature(dev.FeatGRO, cmd == uapi.ETHTOOL_SGRO)
	case uapi.ETHTOOL_GFLAGS:
		return ioctlFlags
	case uapi.ETHTOOL_SFLAGS:
		return ioctlSetFlags
	case uapi.ETHTOOL_GFEATURES:
		return ioctlFeatures
	case uapi.ETHTOOL_SFEATURES:
		return ioctlSetFeatures
	}
	return nil
}

// oneFeature reads or switches the offloads of mask, with a struct
// ethtool_value (ethtool_get_one_feature, ethtool_set_one_feature).
func oneFeature(mask dev.Features, set bool) operation {
	if !set {
		return func(d *dev.Device, mem []byte) (int, error) {
			return putValue(mem, on(d.Features()&mask != 0)), nil
		}
	}
	return func(d *dev.Device, mem []byte) (int, error) {
		mask := mask & d.Changeable()
		if mask == 0 {
			return 0, errno.EOPNOTSUPP
		}
		want := dev.Features(0)
		if binary.NativeEndian.Uint32(mem[4:]) != 0 {
			want = mask
		}
		return 0, dev.ChangeFeatures(d, want, mask)
	}
}

func on(v bool) uint32 {
	if v {
		return 1
	}
	return 0
}

// ioctlFlags is ETHTOOL_GFLAGS.
func ioctlFlags(d *dev.Device, mem []byte) (int, error) {
	v := uint32(0)
	for _, f := range flags {
		if d.Features()&f.f != 0 {
			v |= f.bit
		}
	}
	return putValue(mem, v), nil
}

// ioctlSetFlags is ETHTOOL_SFLAGS: EINVAL for a bit that it has not, EOPNOTSUPP
// for one that cannot be changed.
func ioctlSetFlags(d *dev.Device, mem []byte) (int, error) {
	v := binary.NativeEndian.Uint32(mem[4:])
	all, want := uint32(ntupleAndHash), dev.Features(0)
	mask := dev.Features(0)
	for _, f := range flags {
		all |= f.bit
		mask |= f.f
		if v&f.bit != 0 {
			want |= f.f
		}
	}
	if v&^all != 0 {
		return 0, errno.EINVAL
	}
	changed := (d.Features() ^ want) & mask
	if v&ntupleAndHash != 0 || changed&^d.Changeable() != 0 {
		return 0, errno.EOPNOTSUPP
	}
	return 0, dev.ChangeFeatures(d, want, changed)
}

// ioctlFeatures is ETHTOOL_GFEATURES: blocks of 32 features, each with those
// that can be changed, are wanted, are on, and may never change; as many as the
// caller has room for.
func ioctlFeatures(d *dev.Device, mem []byte) (int, error) {
	const head, block = 8, 16
	room := int(min(binary.NativeEndian.Uint32(mem[4:]), size/32))
	binary.NativeEndian.PutUint32(mem[4:], size/32)
	for i := range room {
		for j, s := range [...]set{toSet(d.Changeable()), toSet(d.Wanted()), toSet(d.Features()), neverChange} {
			binary.NativeEndian.PutUint32(mem[head+i*block+4*j:], uint32(s>>(32*i)))
		}
	}
	return head + room*block, nil
}

// ioctlSetFeatures is ETHTOOL_SFEATURES. The kernel returns ETHTOOL_F_*, a
// positive number, when a wish was not granted; here that is success.
func ioctlSetFeatures(d *dev.Device, mem []byte) (int, error) {
	if binary.NativeEndian.Uint32(mem[4:]) != size/32 {
		return 0, errno.EINVAL
	}
	var valid, want set
	for i := range size / 32 {
		valid |= set(binary.NativeEndian.Uint32(mem[8+8*i:])) << (32 * i)
		want |= set(binary.NativeEndian.Uint32(mem[12+8*i:])) << (32 * i)
	}
	if valid&neverChange != 0 {
		return 0, errno.EINVAL
	}
	return 0, dev.ChangeFeatures(d, toFeatures(want), toFeatures(valid)&d.Changeable())
}
