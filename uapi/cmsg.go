package uapi

// SizeofCmsghdr is the size of struct cmsghdr of a 64-bit program in bytes; its
// length field is a size_t.
const SizeofCmsghdr = 16

// CmsgAlign rounds n up to the alignment of control messages, 8 bytes
// (CMSG_ALIGN).
func CmsgAlign(n int) int { return (n + 7) &^ 7 }

// CmsgLen is the length field of a control message with n bytes of data.
func CmsgLen(n int) int { return SizeofCmsghdr + n }

// CmsgSpace is the room that a control message with n bytes of data takes.
func CmsgSpace(n int) int { return SizeofCmsghdr + CmsgAlign(n) }

// AppendCmsg appends a control message, padded.
func AppendCmsg(b []byte, level, typ int32, data []byte) []byte {
	b, p := grow(b, CmsgSpace(len(data)))
	PutCmsghdr((*[SizeofCmsghdr]byte)(p), len(data), level, typ)
	copy(p[SizeofCmsghdr:], data)
	return b
}

// PutCmsghdr writes the header of a control message with n bytes of data.
func PutCmsghdr(p *[SizeofCmsghdr]byte, n int, level, typ int32) {
	host.PutUint64(p[0:8], uint64(CmsgLen(n)))
	host.PutUint32(p[8:12], uint32(level))
	host.PutUint32(p[12:16], uint32(typ))
}

// CmsgIter walks the control messages of a sendmsg call.
type CmsgIter struct {
	rest  []byte
	data  []byte
	level int32
	typ   int32
	bad   bool
}

// Cmsgs walks b, the msg_control of a 64-bit program:
//
//	it := uapi.Cmsgs(b)
//	for it.Next() { ... }
//	if !it.OK() { return errno.EINVAL }
func Cmsgs(b []byte) CmsgIter { return CmsgIter{rest: b} }

// Next goes to the next control message; false at the end or at a bad one.
// Fewer bytes than a header are the end, as CMSG_NXTHDR has it.
func (it *CmsgIter) Next() bool {
	b := it.rest
	if it.bad || len(b) < SizeofCmsghdr {
		return false
	}
	n := host.Uint64(b)
	if n < SizeofCmsghdr || n > uint64(len(b)) { // CMSG_OK
		it.bad = true
		return false
	}
	it.level, it.typ = int32(host.Uint32(b[8:])), int32(host.Uint32(b[12:]))
	it.data = b[SizeofCmsghdr:n:n]
	it.rest = b[min(CmsgAlign(int(n)), len(b)):]
	return true
}

// Level returns the SOL_ level of the current message.
func (it *CmsgIter) Level() int32 { return it.level }

// Type returns the type of the current message.
func (it *CmsgIter) Type() int32 { return it.typ }

// Data returns the data of the current message, not copied.
func (it *CmsgIter) Data() []byte { return it.data }

// OK reports whether no message was bad; a bad one is EINVAL (CMSG_OK).
func (it *CmsgIter) OK() bool { return !it.bad }
