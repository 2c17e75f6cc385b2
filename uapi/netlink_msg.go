package uapi

// SizeofNlMsghdr is the size of struct nlmsghdr in bytes.
const SizeofNlMsghdr = 16

// NlMsghdr is struct nlmsghdr, the start of every netlink message.
type NlMsghdr struct {
	Len   uint32 // length of the message with this header
	Type  uint16
	Flags uint16 // NLM_F_*
	Seq   uint32
	Pid   uint32 // port of the sender; 0 is the kernel
}

// Append appends the structure to b.
func (m *NlMsghdr) Append(b []byte) []byte {
	b, p := grow(b, 16)
	host.PutUint32(p[0:], m.Len)
	host.PutUint16(p[4:], m.Type)
	host.PutUint16(p[6:], m.Flags)
	host.PutUint32(p[8:], m.Seq)
	host.PutUint32(p[12:], m.Pid)
	return b
}

// ParseNlMsghdr reads the structure at the start of b; false when b is shorter.
func ParseNlMsghdr(b []byte) (NlMsghdr, bool) {
	if len(b) < 16 {
		return NlMsghdr{}, false
	}
	return NlMsghdr{
		Len:   host.Uint32(b[0:4]),
		Type:  host.Uint16(b[4:6]),
		Flags: host.Uint16(b[6:8]),
		Seq:   host.Uint32(b[8:12]),
		Pid:   host.Uint32(b[12:16]),
	}, true
}

// SizeofNlAttr is the size of struct nlattr in bytes.
const SizeofNlAttr = 4

// NlAttr is struct nlattr, also struct rtattr: the start of an attribute.
type NlAttr struct {
	Len  uint16 // length with this header, without padding
	Type uint16 // with NLA_F_NESTED and NLA_F_NET_BYTEORDER
}

// Append appends the structure to b.
func (m *NlAttr) Append(b []byte) []byte {
	b, p := grow(b, 4)
	host.PutUint16(p[0:], m.Len)
	host.PutUint16(p[2:], m.Type)
	return b
}

// ParseNlAttr reads the structure at the start of b; false when b is shorter.
func ParseNlAttr(b []byte) (NlAttr, bool) {
	if len(b) < 4 {
		return NlAttr{}, false
	}
	return NlAttr{
		Len:  host.Uint16(b[0:2]),
		Type: host.Uint16(b[2:4]),
	}, true
}

// SizeofGenlMsghdr is the size of struct genlmsghdr in bytes.
const SizeofGenlMsghdr = 4

// GenlMsghdr is struct genlmsghdr.
type GenlMsghdr struct {
	Cmd      uint8
	Version  uint8
	Reserved uint16
}

// Append appends the structure to b.
func (m *GenlMsghdr) Append(b []byte) []byte {
	b, p := grow(b, 4)
	p[0] = m.Cmd
	p[1] = m.Version
	host.PutUint16(p[2:], m.Reserved)
	return b
}

// ParseGenlMsghdr reads the structure at the start of b; false when b is shorter.
func ParseGenlMsghdr(b []byte) (GenlMsghdr, bool) {
	if len(b) < 4 {
		return GenlMsghdr{}, false
	}
	return GenlMsghdr{
		Cmd:      b[0],
		Version:  b[1],
		Reserved: host.Uint16(b[2:4]),
	}, true
}
