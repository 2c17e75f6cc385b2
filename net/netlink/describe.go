package netlink

import (
	"math"

	"linen/uapi"
)

// span holds the smallest and the largest number of a kind.
type span struct{ lo, hi int64 }

// spans are the kinds' own ranges; unsigned 64-bit ones end at -1, all ones.
var spans = [...]span{
	KindU8: {0, math.MaxUint8}, KindU16: {0, math.MaxUint16}, KindU32: {0, math.MaxUint32}, KindU64: {0, -1},
	KindS8: {math.MinInt8, math.MaxInt8}, KindS16: {math.MinInt16, math.MaxInt16},
	KindS32: {math.MinInt32, math.MaxInt32}, KindS64: {math.MinInt64, math.MaxInt64},
	KindBE16: {0, math.MaxUint16}, KindBE32: {0, math.MaxUint32},
	KindSint: {math.MinInt64, math.MaxInt64}, KindUint: {0, -1}, KindBinary: {0, math.MaxUint16},
}

// bounds returns the range that a rule allows: its own, or its kind's.
func (r *Rule) bounds() (lo, hi int64) {
	if int(r.Kind) < len(spans) {
		lo, hi = spans[r.Kind].lo, spans[r.Kind].hi
	}
	if r.Kind == KindBinary && r.Len > 0 {
		hi = int64(r.Len)
	}
	switch r.check {
	case checkRange, checkRangeWarn:
		lo, hi = r.min, r.max
	case checkMin:
		lo = r.min
	case checkMax:
		hi = r.max
	}
	return lo, hi
}

// wireKinds are the kinds' numbers in a policy dump (NL_ATTR_TYPE_*).
var wireKinds = [...]uint32{
	KindU8: uapi.NL_ATTR_TYPE_U8, KindU16: uapi.NL_ATTR_TYPE_U16, KindU32: uapi.NL_ATTR_TYPE_U32,
	KindU64: uapi.NL_ATTR_TYPE_U64, KindString: uapi.NL_ATTR_TYPE_STRING, KindFlag: uapi.NL_ATTR_TYPE_FLAG,
	KindNested: uapi.NL_ATTR_TYPE_NESTED, KindNestedArray: uapi.NL_ATTR_TYPE_NESTED_ARRAY,
	KindNulString: uapi.NL_ATTR_TYPE_NUL_STRING, KindBinary: uapi.NL_ATTR_TYPE_BINARY,
	KindS8: uapi.NL_ATTR_TYPE_S8, KindS16: uapi.NL_ATTR_TYPE_S16, KindS32: uapi.NL_ATTR_TYPE_S32,
	KindS64: uapi.NL_ATTR_TYPE_S64, KindBitfield32: uapi.NL_ATTR_TYPE_BITFIELD32,
	KindReject: 0, KindBE16: 0, KindBE32: 0, // net/netlink/policy.c does not know them
	KindSint: 16, KindUint: 17, // NL_ATTR_TYPE_SINT, NL_ATTR_TYPE_UINT
}

// Describe writes r as the attribute typ (NLMSGERR_ATTR_POLICY, or in a policy
// dump the attribute's number) and reports whether there is anything to say.
// index returns the number of a nested policy in the dump; nil: none is given.
func (r *Rule) Describe(m *Msg, typ uint16, index func(Policy) uint32) bool {
	if int(r.Kind) >= len(wireKinds) || wireKinds[r.Kind] == 0 {
		return false
	}
	nest := m.Nest(typ)
	switch {
	case r.Kind == KindNested || r.Kind == KindNestedArray:
		if index != nil && r.Nested != nil {
			m.U32(uapi.NL_POLICY_TYPE_ATTR_POLICY_IDX, index(r.Nested))
			m.U32(uapi.NL_POLICY_TYPE_ATTR_POLICY_MAXTYPE, uint32(len(r.Nested)-1))
		}
	case r.Kind == KindBinary || r.Kind == KindString || r.Kind == KindNulString:
		r.describeLen(m)
	case r.Kind == KindBitfield32:
		m.U32(uapi.NL_POLICY_TYPE_ATTR_BITFIELD32_MASK, uint32(r.mask))
	case r.Kind == KindFlag:
	case r.check == checkMask:
		m.pad64(uapi.NL_POLICY_TYPE_ATTR_MASK, r.mask)
	default:
		lo, hi := r.bounds()
		min, max := uint16(uapi.NL_POLICY_TYPE_ATTR_MIN_VALUE_U), uint16(uapi.NL_POLICY_TYPE_ATTR_MAX_VALUE_U)
		if r.Kind.signed() {
			min, max = uapi.NL_POLICY_TYPE_ATTR_MIN_VALUE_S, uapi.NL_POLICY_TYPE_ATTR_MAX_VALUE_S
		}
		m.pad64(min, uint64(lo))
		m.pad64(max, uint64(hi))
	}
	m.U32(uapi.NL_POLICY_TYPE_ATTR_TYPE, wireKinds[r.Kind])
	m.End(nest)
	return true
}

// describeLen writes the limits of a string or binary.
func (r *Rule) describeLen(m *Msg) {
	switch r.check {
	case checkMin, checkMax, checkRange, checkRangeWarn:
		lo, hi := r.bounds()
		if lo != 0 {
			m.U32(uapi.NL_POLICY_TYPE_ATTR_MIN_LENGTH, uint32(lo))
		}
		if hi < math.MaxUint16 {
			m.U32(uapi.NL_POLICY_TYPE_ATTR_MAX_LENGTH, uint32(hi))
		}
	default:
		if r.Len > 0 {
			m.U32(uapi.NL_POLICY_TYPE_ATTR_MAX_LENGTH, uint32(r.Len))
		}
	}
}

// pad64 appends a 64-bit number aligned to 8 bytes in the message, with a PAD
// attribute in front where needed (nla_put_u64_64bit on machines that need it;
// the kernel of amd64 and arm64 does not).
func (m *Msg) pad64(typ uint16, v uint64) { m.U64(typ, v) }
