package sock

import (
	"encoding/binary"

	"linen/uapi"
	"linen/uapi/errno"
)

// cmsgHdr is sizeof(struct cmsghdr): length, level, type; CMSG_ALIGN is 8.
const cmsgHdr = 16

func cmsgAlign(n int) int { return (n + 7) &^ 7 }

// PutCmsg adds a control message to a received m, cut short with MSG_CTRUNC
// when Control has no room for it (put_cmsg).
func (m *Msg) PutCmsg(level, typ int, data []byte) {
	room := len(m.Control) - m.ControlLen
	if room < cmsgHdr {
		m.OutFlags |= uapi.MSG_CTRUNC
		return
	}
	n := cmsgHdr + len(data)
	if room < n {
		m.OutFlags |= uapi.MSG_CTRUNC
		n = room
	}
	p := m.Control[m.ControlLen:]
	binary.NativeEndian.PutUint64(p, uint64(n))
	binary.NativeEndian.PutUint32(p[8:], uint32(level))
	binary.NativeEndian.PutUint32(p[12:], uint32(typ))
	copy(p[cmsgHdr:n], data)
	end := min(cmsgAlign(n), room)
	clear(p[n:end])
	m.ControlLen += end
}

// PutCmsg32 adds a control message that holds one 32-bit number.
func (m *Msg) PutCmsg32(level, typ int, v uint32) {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], v)
	m.PutCmsg(level, typ, b[:])
}

// SetName writes a sender's address (move_addr_to_user): cut to Name's length,
// with the real length in NameLen.
func (m *Msg) SetName(sa []byte) {
	copy(m.Name, sa)
	m.NameLen = len(sa)
}

// reset clears what Recvmsg reports.
func (m *Msg) Reset() { m.NameLen, m.ControlLen, m.OutFlags = 0, 0, 0 }

// A Cmsg is one control message of a send.
type Cmsg struct {
	Level, Type int
	Data        []byte
}

// NextCmsg takes the first control message off control and returns the rest.
// ok is false at the end; EINVAL when the layout is broken (CMSG_OK).
func NextCmsg(control []byte) (c Cmsg, rest []byte, ok bool, err error) {
	if len(control) < cmsgHdr {
		return c, nil, false, nil
	}
	n := binary.NativeEndian.Uint64(control)
	if n < cmsgHdr || n > uint64(len(control)) {
		return c, nil, false, errno.EINVAL
	}
	c.Level = int(int32(binary.NativeEndian.Uint32(control[8:])))
	c.Type = int(int32(binary.NativeEndian.Uint32(control[12:])))
	c.Data = control[cmsgHdr:n]
	return c, control[min(cmsgAlign(int(n)), len(control)):], true, nil
}

// Int reads a 32-bit number of an option's value, or EINVAL.
func Int(val []byte) (int, error) {
	if len(val) < 4 {
		return 0, errno.EINVAL
	}
	return int(int32(binary.NativeEndian.Uint32(val))), nil
}

// PutInt writes a 32-bit option value, cut to val's length, and returns the
// length to report.
func PutInt(val []byte, v int) (int, error) {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(v))
	return copy(val, b[:]), nil
}

// PutUint64 writes a 64-bit option value; EINVAL when val is shorter.
func PutUint64(val []byte, v uint64) (int, error) {
	if len(val) < 8 {
		return 0, errno.EINVAL
	}
	binary.NativeEndian.PutUint64(val, v)
	return 8, nil
}
