package netlink

import (
	"bytes"
	"encoding/binary"
	"errors"

	"linen/uapi"
	"linen/uapi/errno"
)

// An Addr is where a Port sends: a port (0: the kernel) and groups.
type Addr struct {
	Port   uint32
	Groups uint32 // bitmap; the lowest counts
}

// Send sends data for the user who. to is nil for where the Port is connected,
// else the kernel. Requests to the kernel are served before Send returns.
// Errors: EBADF after Close, ENODATA when data is empty, EPERM, ECONNREFUSED when nobody has the
// port, EAGAIN when its queue is full.
func (p *Port) Send(data []byte, to *Addr, who *Creds) (int, error) {
	if len(data) == 0 {
		return 0, errno.ENODATA
	}
	p.mu.Lock()
	dst, group, closed := p.dst, p.dstGroup, p.closed
	p.mu.Unlock()
	if closed {
		return 0, errno.EBADF
	}
	sender := who
	if to != nil {
		dst, group = to.Port, firstGroup(to.Groups)
		if (dst != 0 || group != 0) && !mayUse(p.link.OpenSend, who) {
			return 0, errno.EPERM
		}
	} else {
		sender = p.weaker(who)
	}
	if err := p.autobind(who); err != nil {
		return 0, err
	}
	if dst == 0 && group == 0 {
		if p.link.Request == nil {
			return 0, errno.ECONNREFUSED
		}
		p.serve(data, sender)
		return len(data), nil
	}
	return p.sendUser(data, dst, group, who)
}

// weaker returns who with the capabilities that the Port's opener has too:
// a descriptor that was passed on lends no power (netlink_ns_capable).
func (p *Port) weaker(who *Creds) *Creds {
	if who == nil || p.opener == nil || who.Caps&^p.opener.Caps == 0 {
		return who
	}
	w := *who
	w.Caps &= p.opener.Caps
	return &w
}

// sendUser sends data to other users.
func (p *Port) sendUser(data []byte, dst uint32, group int, who *Creds) (int, error) {
	d := datagram{data: bytes.Clone(data), from: p.ID(), creds: who, nsid: -1}
	if group != 0 {
		multicast(nil, p.n, p.link.num, group, d, dst)
		if dst == 0 {
			return len(data), nil
		}
	}
	t := Of(p.n)
	t.mu.RLock()
	peer := p.link.byID[dst]
	t.mu.RUnlock()
	if peer == nil || !peer.accepts(d.from) {
		return 0, errno.ECONNREFUSED
	}
	if !peer.unicast(d) {
		return 0, errno.EAGAIN
	}
	return len(data), nil
}

// accepts reports whether the Port, when connected, is so to the port from.
func (p *Port) accepts(from uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.connected || p.dst == from
}

// unicast queues a user's datagram unless the queue is full; that is the
// sender's matter then.
func (p *Port) unicast(d datagram) bool {
	p.mu.Lock()
	full := p.queue.charged > p.queue.limit || p.queue.congested
	p.mu.Unlock()
	return !full && p.deliver(nil, d)
}

// errDumping says that a dump began, whose end acknowledges the request.
var errDumping = errors.New("netlink: dump began")

// serve runs the requests in data in turn (netlink_rcv_skb).
func (p *Port) serve(data []byte, who *Creds) {
	for len(data) >= HeaderLen {
		h := ParseHeader(data)
		if h.Len < HeaderLen || uint64(h.Len) > uint64(len(data)) {
			return
		}
		r := &Request{Header: h, Net: p.n, Strict: p.Option(OptStrict), From: who, Data: data[:h.Len:h.Len], port: p}
		data = data[min(Align(int(h.Len)), len(data)):]
		var err error
		if h.Flags&uapi.NLM_F_REQUEST != 0 && h.Type >= uapi.NLMSG_MIN_TYPE {
			err = p.link.Request(r)
		}
		if err == errDumping {
			continue
		}
		if err != nil || h.Flags&uapi.NLM_F_ACK != 0 {
			p.acknowledge(r, err)
		}
	}
}

// acknowledge answers r with NLMSG_ERROR (netlink_ack).
func (p *Port) acknowledge(r *Request, err error) {
	p.mu.Lock()
	capped, extended := p.options[OptCapAck] || err == nil, p.options[OptExtAck]
	p.mu.Unlock()
	m := r.Message(uapi.NLMSG_ERROR, 0)
	binary.NativeEndian.PutUint32(m.Grow(4), uint32(-int32(ErrnoOf(err))))
	if capped {
		m.SetFlags(uapi.NLM_F_CAPPED)
		m.Put(r.Data[:HeaderLen])
	} else {
		m.Put(r.Data)
	}
	if err != nil {
		r.ack.merge(err)
	}
	if extended {
		r.ack.fill(m)
	}
	p.deliver(nil, datagram{data: m.Bytes(), nsid: -1})
}

// maxCookie is NETLINK_MAX_COOKIE_LEN.
const maxCookie = 20

// fill appends the attributes of an extended acknowledgement.
func (x *ExtAck) fill(m *Msg) {
	start := m.Mark()
	if x.Msg != "" {
		m.String(uapi.NLMSGERR_ATTR_MSG, x.Msg)
	}
	if len(x.cookie) > 0 {
		m.Attr(uapi.NLMSGERR_ATTR_COOKIE, x.cookie[:min(len(x.cookie), maxCookie)])
	}
	if x.Errno != 0 {
		if x.offset != 0 {
			m.U32(uapi.NLMSGERR_ATTR_OFFS, x.offset)
		}
		if x.rule != nil {
			x.rule.Describe(m, uapi.NLMSGERR_ATTR_POLICY, nil)
		}
		if x.missType != 0 {
			m.U32(uapi.NLMSGERR_ATTR_MISS_TYPE, uint32(x.missType))
		}
		if x.missNest != 0 {
			m.U32(uapi.NLMSGERR_ATTR_MISS_NEST, x.missNest)
		}
	}
	if m.Mark() > start {
		m.SetFlags(uapi.NLM_F_ACK_TLVS)
	}
}
