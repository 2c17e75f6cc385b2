package ethtool

import (
	"encoding/binary"
	"math/bits"

	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// A set is a bitset of the features, bit by the index of its name.
type set uint64

// size is how many bits a set has.
const size = 64

var (
	bitsetPolicy = netlink.Policy{
		uapi.ETHTOOL_A_BITSET_NOMASK: netlink.Flag(),
		uapi.ETHTOOL_A_BITSET_SIZE:   netlink.U32(),
		uapi.ETHTOOL_A_BITSET_BITS:   netlink.Nested(nil),
		uapi.ETHTOOL_A_BITSET_VALUE:  netlink.Binary(0),
		uapi.ETHTOOL_A_BITSET_MASK:   netlink.Binary(0),
	}
	bitPolicy = netlink.Policy{
		uapi.ETHTOOL_A_BITSET_BIT_INDEX: netlink.U32(),
		uapi.ETHTOOL_A_BITSET_BIT_NAME:  netlink.NulString(0),
		uapi.ETHTOOL_A_BITSET_BIT_VALUE: netlink.Flag(),
	}
)

// putSet writes a bitset: value within mask. Without compact each bit of the
// mask stands there with its name.
func putSet(m *netlink.Msg, typ uint16, value, mask set, compact bool) {
	nest := m.Nest(typ)
	m.U32(uapi.ETHTOOL_A_BITSET_SIZE, size)
	if compact {
		m.Attr(uapi.ETHTOOL_A_BITSET_VALUE, words(value))
		m.Attr(uapi.ETHTOOL_A_BITSET_MASK, words(mask))
	} else {
		putBits(m, value, mask, true)
	}
	m.End(nest)
}

// putList writes a bitset without a mask: those that are in it.
func putList(m *netlink.Msg, typ uint16, value set, compact bool) {
	nest := m.Nest(typ)
	m.Flag(uapi.ETHTOOL_A_BITSET_NOMASK)
	m.U32(uapi.ETHTOOL_A_BITSET_SIZE, size)
	if compact {
		m.Attr(uapi.ETHTOOL_A_BITSET_VALUE, words(value))
	} else {
		putBits(m, value, value, false)
	}
	m.End(nest)
}

// words is a set in 32-bit words of the machine's order, the lowest first.
func words(s set) []byte {
	return binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, uint32(s)), uint32(s>>32))
}

// putBits writes the bits of mask one by one; flag says that those of value
// have a flag.
func putBits(m *netlink.Msg, value, mask set, flag bool) {
	all := m.Nest(uapi.ETHTOOL_A_BITSET_BITS)
	for ; mask != 0; mask &= mask - 1 {
		i := bits.TrailingZeros64(uint64(mask))
		nest := m.Nest(uapi.ETHTOOL_A_BITSET_BITS_BIT)
		m.U32(uapi.ETHTOOL_A_BITSET_BIT_INDEX, uint32(i))
		m.String(uapi.ETHTOOL_A_BITSET_BIT_NAME, names[i])
		if flag && value>>i&1 != 0 {
			m.Flag(uapi.ETHTOOL_A_BITSET_BIT_VALUE)
		}
		m.End(nest)
	}
	m.End(all)
}

// parseSet reads a bitset of a request (ethnl_parse_bitset): EOPNOTSUPP for a
// name or number that there is not.
func parseSet(a netlink.Attr) (value, mask set, err error) {
	t, err := netlink.ParseNested(a, bitsetPolicy, netlink.Full)
	if err != nil {
		return 0, 0, err
	}
	nomask := t.Has(uapi.ETHTOOL_A_BITSET_NOMASK)
	if t.Has(uapi.ETHTOOL_A_BITSET_BITS) {
		if t.Has(uapi.ETHTOOL_A_BITSET_VALUE) || t.Has(uapi.ETHTOOL_A_BITSET_MASK) {
			return 0, 0, netlink.ErrorAt(errno.EINVAL, a, "bitset is both compact and bit by bit")
		}
		return parseBits(t.Get(uapi.ETHTOOL_A_BITSET_BITS), nomask)
	}
	return parseCompact(a, t, nomask)
}

// parseBits reads bits one by one; nomask: those that are not there are off.
func parseBits(a netlink.Attr, nomask bool) (value, mask set, err error) {
	if nomask {
		mask = ^set(0)
	}
	a.Each(func(b netlink.Attr) bool {
		if b.Type() != uapi.ETHTOOL_A_BITSET_BITS_BIT {
			err = netlink.ErrorAt(errno.EINVAL, b, "only ETHTOOL_A_BITSET_BITS_BIT allowed in ETHTOOL_A_BITSET_BITS")
			return false
		}
		var i int
		var on bool
		if i, on, err = parseBit(b); err != nil {
			return false
		}
		mask |= 1 << i
		if on || nomask {
			value |= 1 << i
		}
		return true
	})
	return value, mask, err
}

// parseBit reads one bit, by number, name or both.
func parseBit(b netlink.Attr) (i int, on bool, err error) {
	t, err := netlink.ParseNested(b, bitPolicy, netlink.Full)
	if err != nil {
		return 0, false, err
	}
	on = t.Has(uapi.ETHTOOL_A_BITSET_BIT_VALUE)
	index, name := t.Get(uapi.ETHTOOL_A_BITSET_BIT_INDEX), t.Get(uapi.ETHTOOL_A_BITSET_BIT_NAME)
	switch {
	case index.Present():
		if index.U32() >= size {
			return 0, on, netlink.ErrorAt(errno.EOPNOTSUPP, index, "bit index too high")
		}
		i = int(index.U32())
		if name.Present() && names[i] != name.Text() {
			return 0, on, netlink.ErrorAt(errno.EINVAL, b, "bit index and name mismatch")
		}
		return i, on, nil
	case name.Present():
		for i, n := range names {
			if n != "" && n == name.Text() {
				return i, on, nil
			}
		}
		return 0, on, netlink.ErrorAt(errno.EOPNOTSUPP, name, "bit name not found")
	}
	return 0, on, netlink.ErrorAt(errno.EINVAL, b, "neither bit index nor name specified")
}

// parseCompact reads words; those past the end must be empty.
func parseCompact(a netlink.Attr, t netlink.Attrs, nomask bool) (value, mask set, err error) {
	n := t.Get(uapi.ETHTOOL_A_BITSET_SIZE)
	v, m := t.Get(uapi.ETHTOOL_A_BITSET_VALUE), t.Get(uapi.ETHTOOL_A_BITSET_MASK)
	if !n.Present() || !v.Present() || nomask == m.Present() {
		return 0, 0, netlink.ErrorAt(errno.EINVAL, a, "missing or unexpected attribute of a compact bitset")
	}
	bytes := (int64(n.U32()) + 31) / 32 * 4
	if int64(v.Len()) != bytes || m.Present() && int64(m.Len()) != bytes {
		return 0, 0, netlink.ErrorAt(errno.EINVAL, a, "bitmap data has another length than its size says")
	}
	value, rest := word(v.Bytes())
	mask = ^set(0)
	if m.Present() {
		var more bool
		mask, more = word(m.Bytes())
		rest = rest || more
	}
	if rest {
		return 0, 0, netlink.ErrorAt(errno.EOPNOTSUPP, a, "bit index too high")
	}
	return value & mask, mask, nil
}

// word reads a set; more says that there are bits past it.
func word(p []byte) (s set, more bool) {
	for i := 0; i+4 <= len(p); i += 4 {
		w := binary.NativeEndian.Uint32(p[i:])
		if i < size/8 {
			s |= set(w) << (8 * i)
		} else if w != 0 {
			more = true
		}
	}
	return s, more
}
