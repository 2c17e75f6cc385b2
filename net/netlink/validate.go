package netlink

import (
	"bytes"
	"encoding/binary"

	"linen/uapi/errno"
)

// maxDepth bounds the nesting of policies (MAX_POLICY_RECURSION_DEPTH).
const maxDepth = 10

// A checker is one validation: what it has to say goes to ack.
type checker struct {
	ack  *ExtAck // texts of what is let pass
	mode Mode
}

// parse checks b, which begins at offset off of the message, and returns its
// attributes by type (__nla_parse).
func parse(b []byte, off uint32, p Policy, mode Mode, ack *ExtAck) (Attrs, error) {
	last := 0 // the greatest type there is: a table for the whole policy would be most of what a route costs
	for it := (iter{rest: b, off: off}); it.next(); {
		if typ := int(it.attr.Type()); typ < len(p) {
			last = max(last, typ)
		}
	}
	t := Attrs{tb: make([]Attr, last+1)}
	c := checker{ack, mode}
	if err := c.all(b, off, p, t.tb, 0); err != nil {
		return Attrs{}, err
	}
	return t, nil
}

// all checks a run of attributes; tb, unless nil, takes them by type.
func (c checker) all(b []byte, off uint32, p Policy, tb []Attr, depth int) error {
	if depth >= maxDepth {
		return Errorf(errno.EINVAL, "allowed policy recursion depth exceeded")
	}
	it := iter{rest: b, off: off}
	for it.next() {
		typ := int(it.attr.Type())
		if typ == 0 || typ >= len(p) {
			if c.mode&checkMaxType != 0 {
				return ErrorAt(errno.EINVAL, it.attr, "Unknown attribute type")
			}
			continue
		}
		if err := c.one(it.attr, p, depth); err != nil {
			return err
		}
		if tb != nil {
			tb[typ] = it.attr
		}
	}
	if len(it.rest) > 0 {
		c.ack.Msg = "bytes leftover after parsing attributes"
		if c.mode&checkTrailing != 0 {
			return Errorf(errno.EINVAL, "bytes leftover after parsing attributes")
		}
	}
	return nil
}

// broken is an error about an attribute with the rule it broke
// (NL_SET_ERR_MSG_ATTR_POL).
func broken(e errno.Errno, a Attr, r *Rule, text string) error {
	return &ExtAck{Errno: e, Msg: text, offset: a.off, rule: r}
}

// one checks one attribute (validate_nla).
func (c checker) one(a Attr, p Policy, depth int) error {
	if from := p[0].StrictFrom; from > 0 && int(a.Type()) >= from {
		c.mode |= Full
	}
	r := &p[a.Type()]
	if n := exactLen[r.Kind]; n > 0 && len(a.data) != n && c.mode&checkAttrs != 0 {
		return broken(errno.EINVAL, a, r, "invalid attribute length")
	}
	if c.mode&checkNested != 0 {
		container := r.Kind == KindNested || r.Kind == KindNestedArray
		if container && !a.Nested() {
			return broken(errno.EINVAL, a, r, "NLA_F_NESTED is missing")
		}
		if !container && r.Kind != KindUnspec && a.Nested() {
			return broken(errno.EINVAL, a, r, "NLA_F_NESTED not expected")
		}
	}
	switch r.Kind {
	case KindNested, KindNestedArray:
		if err := c.nested(a, r, depth); err != nil {
			return err
		}
	case KindUnspec:
		if c.mode&checkUnspec != 0 {
			return broken(errno.EINVAL, a, r, "Unsupported attribute")
		}
		fallthrough
	default:
		if e := r.shape(a.data); e != 0 {
			return broken(e, a, r, "Attribute failed policy validation")
		}
	case KindReject:
		if r.text != "" {
			return ErrorAt(errno.EINVAL, a, "%s", r.text)
		}
		return broken(errno.EINVAL, a, r, "Attribute failed policy validation")
	}
	return c.limits(a, r)
}

// nested checks what is inside an attribute.
func (c checker) nested(a Attr, r *Rule, depth int) error {
	switch {
	case len(a.data) == 0:
		return nil
	case len(a.data) < AttrLen:
		return broken(errno.ERANGE, a, r, "Attribute failed policy validation")
	case r.Nested == nil:
		return nil
	case r.Kind == KindNested:
		return c.all(a.data, a.off+AttrLen, r.Nested, nil, depth+1)
	}
	it := iter{rest: a.data, off: a.off + AttrLen}
	for it.next() {
		e := it.attr
		if len(e.data) == 0 {
			continue
		}
		if len(e.data) < AttrLen {
			return broken(errno.ERANGE, e, r, "Array element too short")
		}
		if err := c.all(e.data, e.off+AttrLen, r.Nested, nil, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// exactLen is the length of a number by kind; 0: not a number.
var exactLen = [...]int{
	KindU8: 1, KindU16: 2, KindU32: 4, KindU64: 8, KindS8: 1, KindS16: 2, KindS32: 4, KindS64: 8,
	KindBE16: 2, KindBE32: 4, KindUint: 0,
}

// shape checks a payload's length and form and returns the error, or 0.
func (r *Rule) shape(data []byte) errno.Errno {
	n := len(data)
	bad := false
	switch r.Kind {
	case KindSint, KindUint:
		if n != 4 && n != 8 {
			return errno.EINVAL
		}
	case KindFlag:
		bad = n > 0
	case KindBitfield32:
		if n != 8 {
			return errno.ERANGE
		}
		return bitfield(data, uint32(r.mask))
	case KindNulString:
		look := n
		if r.Len > 0 {
			look = min(n, r.Len+1)
		}
		if look == 0 || bytes.IndexByte(data[:look], 0) < 0 {
			return errno.EINVAL
		}
		fallthrough
	case KindString:
		if n < 1 {
			return errno.ERANGE
		}
		if r.Len > 0 {
			if data[n-1] == 0 {
				n--
			}
			bad = n > r.Len
		}
	case KindBinary:
		bad = r.Len > 0 && n > r.Len
	default:
		least := r.Len
		if least == 0 {
			least = exactLen[r.Kind]
		}
		bad = n < least
	}
	if bad {
		return errno.ERANGE
	}
	return 0
}

// bitfield checks a struct nla_bitfield32 against the mask of known bits.
func bitfield(data []byte, mask uint32) errno.Errno {
	value, selector := binary.NativeEndian.Uint32(data), binary.NativeEndian.Uint32(data[4:])
	if mask == 0 || selector&^mask != 0 || value&^mask != 0 || value&^selector != 0 {
		return errno.EINVAL
	}
	return 0
}

// limits checks ranges, masks and functions.
func (c checker) limits(a Attr, r *Rule) error {
	switch r.check {
	case checkRange, checkRangeWarn, checkMin, checkMax:
		return c.rangeOf(a, r)
	case checkMask:
		if r.number(a)&^r.mask != 0 {
			return ErrorAt(errno.EINVAL, a, "reserved bit set") // which ones are not: no policy
		}
	case checkFunc:
		if err := r.fn(a); err != nil {
			return err
		}
	}
	return nil
}

// number returns a number attribute's value without sign.
func (r *Rule) number(a Attr) uint64 {
	switch r.Kind {
	case KindU8:
		return uint64(a.U8())
	case KindU16:
		return uint64(a.U16())
	case KindU32:
		return uint64(a.U32())
	case KindBE16:
		return uint64(a.BE16())
	case KindBE32:
		return uint64(a.BE32())
	case KindBinary, KindString, KindNulString:
		return uint64(len(a.data))
	}
	return a.U64()
}

// signed reports whether a kind's numbers have a sign.
func (k Kind) signed() bool {
	switch k {
	case KindS8, KindS16, KindS32, KindS64, KindSint:
		return true
	}
	return false
}

// outside reports whether the attribute's number is outside its rule's limits.
func (r *Rule) outside(a Attr) (outside, above bool) {
	lo, hi := r.bounds()
	if !r.Kind.signed() {
		v := r.number(a)
		return v < uint64(lo) || v > uint64(hi), v > uint64(hi)
	}
	var v int64
	switch r.Kind {
	case KindS8:
		v = int64(int8(a.U8()))
	case KindS16:
		v = int64(int16(a.U16()))
	case KindS32:
		v = int64(a.S32())
	default:
		if v = int64(a.U64()); len(a.data) == 4 {
			v = int64(a.S32())
		}
	}
	return v < lo || v > hi, v > hi
}

// rangeOf checks a rule's range (nla_validate_int_range).
func (c checker) rangeOf(a Attr, r *Rule) error {
	outside, above := r.outside(a)
	switch {
	case !outside:
		return nil
	case r.check == checkRangeWarn && r.Kind == KindBinary && above:
		if c.mode&checkAttrs != 0 {
			return broken(errno.EINVAL, a, r, "invalid attribute length")
		}
		return nil
	case r.Kind == KindBinary:
		return broken(errno.ERANGE, a, r, "binary attribute size out of range")
	}
	return broken(errno.ERANGE, a, r, "integer out of range")
}
