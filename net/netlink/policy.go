package netlink

// A Kind is what an attribute holds (NLA_*).
type Kind uint8

// The kinds. KindReject is for attributes that must not come.
const (
	KindUnspec Kind = iota
	KindU8
	KindU16
	KindU32
	KindU64
	KindString
	KindFlag
	KindNested
	KindNestedArray
	KindNulString
	KindBinary
	KindS8
	KindS16
	KindS32
	KindS64
	KindBitfield32
	KindReject
	KindBE16
	KindBE32
	KindSint // 4 or 8 bytes
	KindUint // 4 or 8 bytes
)

// check says what of a Rule's limits is used (NLA_VALIDATE_*).
type check uint8

const (
	checkNone check = iota
	checkRange
	checkRangeWarn // NLA_VALIDATE_RANGE_WARN_TOO_LONG
	checkMin
	checkMax
	checkMask
	checkFunc
)

// A Rule says what one attribute must be (struct nla_policy). The zero Rule
// takes anything, but is "Unsupported attribute" under strict checking.
type Rule struct {
	Kind Kind
	// Len is the longest string or binary (0: any), or the shortest payload
	// of other kinds.
	Len int
	// Nested is the policy of a nested attribute or of an array's elements.
	Nested Policy
	// StrictFrom, of rule 0 only, is the first type that is always checked
	// strictly (strict_start_type).
	StrictFrom int

	check    check
	min, max int64
	mask     uint64
	text     string // of KindReject
	fn       func(a Attr) error
}

// A Policy is the rules of a set of attributes, by type; its length says the
// highest type known, so the last entry is written even when empty.
type Policy []Rule

// The rules of numbers, flags and raw attributes.
func U8() Rule  { return Rule{Kind: KindU8} }
func U16() Rule { return Rule{Kind: KindU16} }
func U32() Rule { return Rule{Kind: KindU32} }
func U64() Rule { return Rule{Kind: KindU64} }
func S8() Rule  { return Rule{Kind: KindS8} }
func S32() Rule { return Rule{Kind: KindS32} }

// BE16 is a number in network byte order.
func BE16() Rule { return Rule{Kind: KindBE16} }

// BE32 is a number in network byte order.
func BE32() Rule { return Rule{Kind: KindBE32} }

// Flag is an attribute without payload.
func Flag() Rule { return Rule{Kind: KindFlag} }

// String is a string of at most n bytes, its NUL not counted (0: any).
func String(n int) Rule { return Rule{Kind: KindString, Len: n} }

// NulString is a string of at most n bytes that must end in a NUL.
func NulString(n int) Rule { return Rule{Kind: KindNulString, Len: n} }

// Binary is at most n bytes (0: any).
func Binary(n int) Rule { return Rule{Kind: KindBinary, Len: n} }

// MinLen is at least n bytes, any number under liberal checking's eyes
// (NLA_POLICY_MIN_LEN).
func MinLen(n int) Rule {
	return Rule{Kind: KindBinary, check: checkMin, min: int64(n)}
}

// ExactLen is n bytes (NLA_POLICY_EXACT_LEN).
func ExactLen(n int) Rule {
	return Rule{Kind: KindBinary, check: checkRange, min: int64(n), max: int64(n)}
}

// ExactLenWarn is n bytes; liberal checking takes more
// (NLA_POLICY_EXACT_LEN_WARN).
func ExactLenWarn(n int) Rule {
	return Rule{Kind: KindBinary, check: checkRangeWarn, min: int64(n), max: int64(n)}
}

// Struct is at least n bytes, of no stated kind ({ .len = n }).
func Struct(n int) Rule { return Rule{Len: n} }

// Nested holds attributes of policy p; a nil p leaves them to the handler.
func Nested(p Policy) Rule { return Rule{Kind: KindNested, Nested: p} }

// NestedArray holds attributes that each hold attributes of policy p.
func NestedArray(p Policy) Rule { return Rule{Kind: KindNestedArray, Nested: p} }

// Bitfield32 is a value and a selector within mask.
func Bitfield32(mask uint32) Rule { return Rule{Kind: KindBitfield32, mask: uint64(mask)} }

// Reject refuses the attribute, with a text or, when empty, the usual one.
func Reject(text string) Rule { return Rule{Kind: KindReject, text: text} }

// Range limits a number, or a binary's length, to lo..hi.
func (r Rule) Range(lo, hi int64) Rule {
	r.check, r.min, r.max = checkRange, lo, hi
	return r
}

// Min limits a number to lo and above.
func (r Rule) Min(lo int64) Rule {
	r.check, r.min = checkMin, lo
	return r
}

// Max limits a number to hi and below.
func (r Rule) Max(hi int64) Rule {
	r.check, r.max = checkMax, hi
	return r
}

// Mask allows only the bits of mask.
func (r Rule) Mask(mask uint64) Rule {
	r.check, r.mask = checkMask, mask
	return r
}

// Check has fn look at the attribute too; its error is the request's.
func (r Rule) Check(fn func(a Attr) error) Rule {
	r.check, r.fn = checkFunc, fn
	return r
}

// StrictFrom is rule 0 of a policy whose types from typ on are always checked
// strictly.
func StrictFrom(typ int) Rule { return Rule{StrictFrom: typ} }

// Mode says how strictly attributes are checked (enum netlink_validation).
type Mode uint8

// The parts of a Mode and its usual values.
const (
	checkTrailing Mode = 1 << iota // bytes left over are an error
	checkMaxType                   // unknown types are an error
	checkUnspec                    // attributes without a kind are an error
	checkAttrs                     // lengths must be exact
	checkNested                    // NLA_F_NESTED must be right

	// Liberal takes what it does not know: NEW requests of old families.
	Liberal Mode = 0
	// Strict refuses unknown attributes and left-over bytes: GET requests
	// under NETLINK_GET_STRICT_CHK (NL_VALIDATE_DEPRECATED_STRICT).
	Strict = checkTrailing | checkMaxType
	// Full refuses everything that is not exactly right: newer families and
	// generic netlink (NL_VALIDATE_STRICT).
	Full = checkTrailing | checkMaxType | checkUnspec | checkAttrs | checkNested
)
