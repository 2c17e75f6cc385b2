package wire

import (
	"errors"
	"math/bits"
)

// MAC is a 48-bit IEEE 802 address. It is comparable; the zero MAC is not a
// valid station address.
type MAC [6]byte

// broadcast is never written.
var broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// BroadcastMAC returns ff:ff:ff:ff:ff:ff.
func BroadcastMAC() MAC { return broadcast }

var errMAC = errors.New("wire: not a MAC address")

// ParseMAC parses six hexadecimal bytes of one or two digits, separated by
// colons as `ip link` takes them, or by dashes.
func ParseMAC(s string) (MAC, error) {
	var m MAC
	var sep byte
	for i := range m {
		n := 0
		var v byte
		for n < len(s) && n < 2 {
			d, ok := unhex(s[n])
			if !ok {
				break
			}
			v = v<<4 | d
			n++
		}
		if n == 0 {
			return MAC{}, errMAC
		}
		m[i], s = v, s[n:]
		if i == len(m)-1 {
			break
		}
		if s == "" || s[0] != ':' && s[0] != '-' || sep != 0 && s[0] != sep {
			return MAC{}, errMAC
		}
		sep, s = s[0], s[1:]
	}
	if s != "" {
		return MAC{}, errMAC
	}
	return m, nil
}

// MustParseMAC is ParseMAC for constants; it panics on a bad one.
func MustParseMAC(s string) MAC {
	m, err := ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

// MACFrom returns the address in the first six bytes of b, and whether there
// are six.
func MACFrom(b []byte) (MAC, bool) {
	if len(b) < 6 {
		return MAC{}, false
	}
	return MAC(b[:6]), true
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// String returns the form 02:00:5e:10:00:01.
func (m MAC) String() string {
	const hex = "0123456789abcdef"
	var b [17]byte
	for i, v := range m {
		if i > 0 {
			b[3*i-1] = ':'
		}
		b[3*i], b[3*i+1] = hex[v>>4], hex[v&15]
	}
	return string(b[:])
}

// IsZero reports whether every bit is zero.
func (m MAC) IsZero() bool { return m == MAC{} }

// IsBroadcast reports whether m is ff:ff:ff:ff:ff:ff.
func (m MAC) IsBroadcast() bool { return m == broadcast }

// IsMulticast reports whether the group bit is set; broadcast counts.
func (m MAC) IsMulticast() bool { return m[0]&1 != 0 }

// IsLocal reports whether the address is locally administered.
func (m MAC) IsLocal() bool { return m[0]&2 != 0 }

// IsValid reports whether m can be a station's address: neither zero nor a
// group (is_valid_ether_addr).
func (m MAC) IsValid() bool { return !m.IsZero() && !m.IsMulticast() }

// IsLinkLocal reports whether m is one of 01:80:c2:00:00:00 to 0f, which
// bridges do not forward (IEEE 802.1D §7.12.6).
func (m MAC) IsLinkLocal() bool {
	return m[0] == 1 && m[1] == 0x80 && m[2] == 0xc2 && m[3] == 0 && m[4] == 0 && m[5]&0xf0 == 0
}

// Uint64 returns the address as a number, for hashing.
func (m MAC) Uint64() uint64 {
	return uint64(m[0])<<40 | uint64(m[1])<<32 | uint64(m[2])<<24 | uint64(m[3])<<16 | uint64(m[4])<<8 | uint64(m[5])
}

// Inc returns the next address, as when one device numbers its ports.
func (m MAC) Inc() MAC {
	v := bits.ReverseBytes64(m.Uint64()+1) >> 16
	for i := range m {
		m[i] = byte(v >> (8 * i))
	}
	return m
}

// MulticastMAC4 maps an IPv4 group, in host order, to its address (RFC 1112
// §6.4).
func MulticastMAC4(group uint32) MAC {
	return MAC{1, 0, 0x5e, byte(group>>16) & 0x7f, byte(group >> 8), byte(group)}
}

// MulticastMAC6 maps an IPv6 group to its address (RFC 2464 §7).
func MulticastMAC6(group *[16]byte) MAC {
	return MAC{0x33, 0x33, group[12], group[13], group[14], group[15]}
}
