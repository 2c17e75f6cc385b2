package afnetlink

import (
	"encoding/binary"

	"linen/net/netlink"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// sendOverhead is what of the send buffer a message cannot have.
const sendOverhead = 32

// Sendmsg implements sock.Socket. Requests to the kernel have been served when
// it returns; their answers wait.
func (s *Socket) Sendmsg(who *sock.Caller, m *sock.Msg) (int, error) {
	if m.Flags&uapi.MSG_OOB != 0 {
		return 0, errno.EOPNOTSUPP
	}
	if len(m.Data) == 0 {
		return 0, errno.ENODATA
	}
	var to *netlink.Addr
	if len(m.Name) > 0 {
		a, err := parseAddr(m.Name)
		if err != nil {
			return 0, err
		}
		to = &a
	}
	if int64(len(m.Data)) > s.SndBuf()-sendOverhead {
		return 0, errno.EMSGSIZE
	}
	return s.port.Send(m.Data, to, creds(who))
}

// Recvmsg implements sock.Socket.
func (s *Socket) Recvmsg(_ *sock.Caller, m *sock.Msg) (int, error) {
	m.Reset()
	if m.Flags&uapi.MSG_OOB != 0 {
		return 0, errno.EOPNOTSUPP
	}
	recv := s.port.Recv
	if m.Flags&sock.MsgSkipErr != 0 {
		recv = s.port.RecvPast
	}
	d, err := recv(len(m.Data), m.Flags&uapi.MSG_PEEK != 0)
	if err != nil {
		return 0, err
	}
	n := copy(m.Data, d.Data)
	if n < len(d.Data) {
		m.OutFlags |= uapi.MSG_TRUNC
		if m.Flags&uapi.MSG_TRUNC != 0 {
			n = len(d.Data)
		}
	}
	m.SetName(putAddr(d.From, netlink.GroupMask(d.Group)))
	s.control(m, d)
	return n, nil
}

// control adds the control messages that the options ask for.
func (s *Socket) control(m *sock.Msg, d netlink.Datagram) {
	if s.port.Option(netlink.OptPktInfo) {
		m.PutCmsg32(uapi.SOL_NETLINK, uapi.NETLINK_PKTINFO, uint32(d.Group))
	}
	if s.port.Option(netlink.OptAllNSID) && d.NSID >= 0 {
		m.PutCmsg32(uapi.SOL_NETLINK, uapi.NETLINK_LISTEN_ALL_NSID, uint32(d.NSID))
	}
	if s.Has(sock.FlagPassCred) {
		var ucred [12]byte // struct ucred: pid, uid, gid; the kernel's are 0
		if c := d.Creds; c != nil {
			binary.NativeEndian.PutUint32(ucred[:], uint32(c.PID))
			binary.NativeEndian.PutUint32(ucred[4:], c.UID)
			binary.NativeEndian.PutUint32(ucred[8:], c.GID)
		}
		m.PutCmsg(uapi.SOL_SOCKET, uapi.SCM_CREDENTIALS, ucred[:])
	}
}
