package uapi

import "encoding/binary"

// host is the byte order of everything in netlink and ioctls that is not an
// address or port.
var host = binary.NativeEndian

// Align rounds n up to the 4-byte alignment of netlink messages and attributes
// (NLMSG_ALIGN, NLA_ALIGN).
func Align(n int) int { return (n + 3) &^ 3 }

// grow appends n zero bytes to b and returns the whole and the new part.
func grow(b []byte, n int) (whole, part []byte) {
	for len(b)+n > cap(b) {
		b = append(b[:cap(b)], 0)[:len(b)]
	}
	whole = b[:len(b)+n]
	part = whole[len(b):]
	clear(part)
	return whole, part
}

// CString returns the bytes of b before its first NUL.
func CString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
