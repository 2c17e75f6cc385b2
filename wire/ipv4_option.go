package wire

// Kinds of IPv4 options (IPOPT_*; RFC 791 §3.1, RFC 2113, RFC 1108).
const (
	IPOptRR    = 7   // record route
	IPOptTS    = 68  // internet timestamp
	IPOptSec   = 130 // security
	IPOptLSRR  = 131 // loose source route
	IPOptCIPSO = 134 // commercial security
	IPOptSID   = 136 // stream id
	IPOptSSRR  = 137 // strict source route
	IPOptRA    = 148 // router alert
)

// IPOptCopied is set in the kind of an option that goes into every fragment.
const IPOptCopied = 0x80

// Flags of a timestamp option.
const (
	IPOptTSOnly    = 0 // timestamps only
	IPOptTSAddr    = 1 // each preceded by the address that stamps
	IPOptTSPrespec = 3 // only prespecified addresses stamp
)

// RouteOption is a whole RR, LSRR or SSRR option: kind, length, pointer, and
// room for addresses.
type RouteOption []byte

// AsRouteOption views a raw option of one of the three kinds; false where it
// is too short or the room is no multiple of 4.
func AsRouteOption(raw []byte) (RouteOption, bool) {
	if len(raw) < 3 || (len(raw)-3)%4 != 0 || len(raw) > 40 {
		return nil, false
	}
	switch raw[0] {
	case IPOptRR, IPOptLSRR, IPOptSSRR:
		return RouteOption(raw), true
	}
	return nil, false
}

// Pointer returns the pointer: counted from 1 at the kind byte, 4 is the first
// address.
func (o RouteOption) Pointer() int { return int(o[2]) }

// Slots returns how many addresses have room.
func (o RouteOption) Slots() int { return (len(o) - 3) / 4 }

// Full reports whether the pointer is past the end: the route is recorded, or
// followed to its end.
func (o RouteOption) Full() bool { return int(o[2]) > len(o) }

// Addr returns address i in host order.
func (o RouteOption) Addr(i int) uint32 { return be.Uint32(o[3+4*i:]) }

// SetAddr sets address i, host order.
func (o RouteOption) SetAddr(i int, a uint32) { be.PutUint32(o[3+4*i:], a) }

// Next returns the address at the pointer; false where the pointer is past the
// end or does not stand at an address.
func (o RouteOption) Next() (uint32, bool) {
	p := int(o[2])
	if p < 4 || p+3 > len(o) {
		return 0, false
	}
	return be.Uint32(o[p-1:]), true
}

// Record writes a at the pointer and moves the pointer on; false where there
// is no room.
func (o RouteOption) Record(a uint32) bool {
	p := int(o[2])
	if p < 4 || p+3 > len(o) {
		return false
	}
	be.PutUint32(o[p-1:], a)
	o[2] += 4
	return true
}

// TimestampOption is a whole IPv4 timestamp option.
type TimestampOption []byte

// AsTimestampOption views a raw timestamp option; false where it is too short.
func AsTimestampOption(raw []byte) (TimestampOption, bool) {
	if len(raw) < 4 || len(raw) > 40 || raw[0] != IPOptTS {
		return nil, false
	}
	return TimestampOption(raw), true
}

// Pointer returns the pointer: counted from 1 at the kind byte, 5 is the first
// entry.
func (o TimestampOption) Pointer() int { return int(o[2]) }

// Overflow returns how many hosts found no room, 0 to 15.
func (o TimestampOption) Overflow() uint8 { return o[3] >> 4 }

// Flag returns IPOptTSOnly, IPOptTSAddr or IPOptTSPrespec.
func (o TimestampOption) Flag() uint8 { return o[3] & 15 }

// AddOverflow counts one more host without room; false when the count is full,
// which is an error to report (RFC 791 §3.1).
func (o TimestampOption) AddOverflow() bool {
	if o.Overflow() == 15 {
		return false
	}
	o[3] += 0x10
	return true
}

// Record writes an entry at the pointer if there is room and, for prespecified
// addresses, if the address there is a. ms is milliseconds since midnight UT.
// It reports whether it wrote.
func (o TimestampOption) Record(a, ms uint32) bool {
	n := 8
	if o.Flag() == IPOptTSOnly {
		n = 4
	}
	p := int(o[2])
	if p < 5 || p-1+n > len(o) {
		return false
	}
	switch o.Flag() {
	case IPOptTSOnly:
		be.PutUint32(o[p-1:], ms)
	case IPOptTSAddr:
		be.PutUint32(o[p-1:], a)
		be.PutUint32(o[p+3:], ms)
	case IPOptTSPrespec:
		if be.Uint32(o[p-1:]) != a {
			return false
		}
		be.PutUint32(o[p+3:], ms)
	default:
		return false
	}
	o[2] += byte(n)
	return true
}

// RouterAlert returns the value of a raw router alert option, 0 for "every
// router examines the packet" (RFC 2113 §2.1).
func RouterAlert(raw []byte) (uint16, bool) {
	if len(raw) != 4 || raw[0] != IPOptRA {
		return 0, false
	}
	return be.Uint16(raw[2:]), true
}
