package uapi

import "encoding/binary"

// SizeofInetDiagSockID is the size of struct inet_diag_sockid in bytes.
const SizeofInetDiagSockID = 48

// InetDiagSockID is struct inet_diag_sockid: which socket.
type InetDiagSockID struct {
	SPort, DPort uint16   // local and peer port, host order here
	Src, Dst     [16]byte // IPv4 in the first four bytes
	If           uint32   // device index the socket is bound to
	Cookie       uint64   // ^0: any
}

// put writes the structure to the first 48 bytes of p.
func (m *InetDiagSockID) put(p []byte) {
	binary.BigEndian.PutUint16(p[0:], m.SPort)
	binary.BigEndian.PutUint16(p[2:], m.DPort)
	copy(p[4:20], m.Src[:])
	copy(p[20:36], m.Dst[:])
	host.PutUint32(p[36:], m.If)
	host.PutUint32(p[40:], uint32(m.Cookie))
	host.PutUint32(p[44:], uint32(m.Cookie>>32))
}

// parseInetDiagSockID reads 48 bytes.
func parseInetDiagSockID(b []byte) InetDiagSockID {
	return InetDiagSockID{
		SPort: binary.BigEndian.Uint16(b[0:2]), DPort: binary.BigEndian.Uint16(b[2:4]),
		Src: [16]byte(b[4:20]), Dst: [16]byte(b[20:36]), If: host.Uint32(b[36:40]),
		Cookie: uint64(host.Uint32(b[40:44])) | uint64(host.Uint32(b[44:48]))<<32,
	}
}

// SizeofInetDiagReqV2 is the size of struct inet_diag_req_v2 in bytes.
const SizeofInetDiagReqV2 = 56

// InetDiagReqV2 is struct inet_diag_req_v2, a SOCK_DIAG_BY_FAMILY request for
// AF_INET and AF_INET6.
type InetDiagReqV2 struct {
	Family   uint8
	Protocol uint8
	Ext      uint8 // bit n-1: INET_DIAG_* n is wanted
	Pad      uint8 // of raw sockets: their protocol
	States   uint32
	ID       InetDiagSockID
}

// Append appends the structure to b.
func (m *InetDiagReqV2) Append(b []byte) []byte {
	b, p := grow(b, SizeofInetDiagReqV2)
	p[0], p[1], p[2], p[3] = m.Family, m.Protocol, m.Ext, m.Pad
	host.PutUint32(p[4:], m.States)
	m.ID.put(p[8:])
	return b
}

// ParseInetDiagReqV2 reads the structure at the start of b; false when b is
// shorter.
func ParseInetDiagReqV2(b []byte) (InetDiagReqV2, bool) {
	if len(b) < SizeofInetDiagReqV2 {
		return InetDiagReqV2{}, false
	}
	return InetDiagReqV2{
		Family: b[0], Protocol: b[1], Ext: b[2], Pad: b[3],
		States: host.Uint32(b[4:8]), ID: parseInetDiagSockID(b[8:56]),
	}, true
}

// SizeofInetDiagReq is the size of struct inet_diag_req in bytes.
const SizeofInetDiagReq = 60

// InetDiagReq is struct inet_diag_req, a TCPDIAG_GETSOCK request.
type InetDiagReq struct {
	Family         uint8
	SrcLen, DstLen uint8
	Ext            uint8
	ID             InetDiagSockID
	States         uint32
	DBs            uint32 // not used
}

// Append appends the structure to b.
func (m *InetDiagReq) Append(b []byte) []byte {
	b, p := grow(b, SizeofInetDiagReq)
	p[0], p[1], p[2], p[3] = m.Family, m.SrcLen, m.DstLen, m.Ext
	m.ID.put(p[4:])
	host.PutUint32(p[52:], m.States)
	host.PutUint32(p[56:], m.DBs)
	return b
}

// ParseInetDiagReq reads the structure at the start of b; false when b is
// shorter.
func ParseInetDiagReq(b []byte) (InetDiagReq, bool) {
	if len(b) < SizeofInetDiagReq {
		return InetDiagReq{}, false
	}
	return InetDiagReq{
		Family: b[0], SrcLen: b[1], DstLen: b[2], Ext: b[3], ID: parseInetDiagSockID(b[4:52]),
		States: host.Uint32(b[52:56]), DBs: host.Uint32(b[56:60]),
	}, true
}

// SizeofInetDiagMsg is the size of struct inet_diag_msg in bytes.
const SizeofInetDiagMsg = 72

// InetDiagMsg is struct inet_diag_msg, an answer.
type InetDiagMsg struct {
	Family  uint8
	State   uint8 // TCP_*
	Timer   uint8 // 0 none, 1 retransmission, 2 keepalive, 3 TIME_WAIT, 4 zero window
	Retrans uint8
	ID      InetDiagSockID
	Expires uint32 // of the timer, ms
	RQueue  uint32 // bytes, or of a listener: connections to accept
	WQueue  uint32 // bytes, or of a listener: the backlog
	UID     uint32
	Inode   uint32
}

// Put writes the structure to the first 72 bytes of p.
func (m *InetDiagMsg) Put(p []byte) {
	p[0], p[1], p[2], p[3] = m.Family, m.State, m.Timer, m.Retrans
	m.ID.put(p[4:])
	host.PutUint32(p[52:], m.Expires)
	host.PutUint32(p[56:], m.RQueue)
	host.PutUint32(p[60:], m.WQueue)
	host.PutUint32(p[64:], m.UID)
	host.PutUint32(p[68:], m.Inode)
}

// Append appends the structure to b.
func (m *InetDiagMsg) Append(b []byte) []byte {
	b, p := grow(b, SizeofInetDiagMsg)
	m.Put(p)
	return b
}

// ParseInetDiagMsg reads the structure at the start of b; false when b is
// shorter.
func ParseInetDiagMsg(b []byte) (InetDiagMsg, bool) {
	if len(b) < SizeofInetDiagMsg {
		return InetDiagMsg{}, false
	}
	return InetDiagMsg{
		Family: b[0], State: b[1], Timer: b[2], Retrans: b[3], ID: parseInetDiagSockID(b[4:52]),
		Expires: host.Uint32(b[52:56]), RQueue: host.Uint32(b[56:60]), WQueue: host.Uint32(b[60:64]),
		UID: host.Uint32(b[64:68]), Inode: host.Uint32(b[68:72]),
	}, true
}
