package tcp

import (
	"crypto/md5"
	"encoding/binary"
	"hash"
	"math/bits"
	"slices"
	"sync"

	"linen/kern"
	"linen/net/mib"
	"linen/net/netlink"
	"linen/net/skb"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// Struct tcp_md5sig and its flags (linux/tcp.h), and struct tcp_diag_md5sig.
const (
	md5SigLen     = 216
	md5Prefix     = 1 // TCP_MD5SIG_FLAG_PREFIX
	md5Ifindex    = 2 // TCP_MD5SIG_FLAG_IFINDEX
	md5MaxKey     = 80
	md5KeyMem     = 136 // what a key takes of net.core.optmem_max on 6.18
	md5DiagLen    = 100
	md5OptionLen  = 18
	md5OffFlags   = 128
	md5OffPrefix  = 129
	md5OffKeyLen  = 130
	md5OffIfindex = 132
	md5OffKey     = 136
)

// An md5Key signs the segments of the peers in a prefix (RFC 2385).
type md5Key struct {
	addr   uint32
	prefix uint8
	n      uint8
	secret [md5MaxKey]byte
}

func (k *md5Key) covers(addr uint32) bool { return (addr^k.addr)&prefixMask(k.prefix) == 0 }

func prefixMask(n uint8) uint32 { return ^uint32(0) << (32 - n) } // a shift by 32 gives 0

// md5Keys are the keys of a socket; immutable.
type md5Keys struct{ list []md5Key }

// keyFor returns the key of a peer, the longest prefix first, or nil
// (tcp_md5_do_lookup).
func (s *Sock) keyFor(addr uint32) *md5Key {
	keys := s.md5.Load()
	if keys == nil {
		return nil
	}
	var best *md5Key
	for i := range keys.list {
		if k := &keys.list[i]; k.covers(addr) && (best == nil || k.prefix > best.prefix) {
			best = k
		}
	}
	return best
}

// setMD5 is TCP_MD5SIG, and TCP_MD5SIG_EXT with its flags
// (tcp_v4_parse_md5_keys). The caller owns s.
func (s *Sock) setMD5(val []byte, ext bool) error {
	if len(val) < md5SigLen || binary.NativeEndian.Uint16(val) != uapi.AF_INET {
		return errno.EINVAL
	}
	k := md5Key{addr: binary.BigEndian.Uint32(val[4:]), prefix: 32}
	flags := val[md5OffFlags]
	if ext && flags&md5Prefix != 0 {
		if k.prefix = val[md5OffPrefix]; k.prefix > 32 {
			return errno.EINVAL
		}
	}
	if ext && flags&md5Ifindex != 0 && binary.NativeEndian.Uint32(val[md5OffIfindex:]) != 0 {
		return errno.EINVAL // it must be that of an L3 master device, which there are none of
	}
	k.addr &= prefixMask(k.prefix)
	n := binary.NativeEndian.Uint16(val[md5OffKeyLen:])
	switch {
	case n == 0:
		return s.deleteKey(k)
	case n > md5MaxKey:
		return errno.EINVAL
	}
	k.n = uint8(copy(k.secret[:], val[md5OffKey:md5OffKey+int(n)]))
	return s.addKey(k)
}

func (k *md5Key) same(o md5Key) bool { return k.addr == o.addr && k.prefix == o.prefix }

// addKey adds or replaces a key: ENOMEM when net.core.optmem_max is reached.
func (s *Sock) addKey(k md5Key) error {
	var list []md5Key
	if old := s.md5.Load(); old != nil {
		list = old.list
	}
	i := slices.IndexFunc(list, func(o md5Key) bool { return o.same(k) })
	if i >= 0 {
		list = slices.Clone(list)
		list[i] = k
	} else {
		if !s.ChargeOption(md5KeyMem) {
			return errno.ENOMEM
		}
		list = append(list[:len(list):len(list)], k)
	}
	s.md5.Store(&md5Keys{list})
	return nil
}

// deleteKey removes a key: ENOENT when there is none.
func (s *Sock) deleteKey(k md5Key) error {
	old := s.md5.Load()
	if old == nil {
		return errno.ENOENT
	}
	i := slices.IndexFunc(old.list, func(o md5Key) bool { return o.same(k) })
	if i < 0 {
		return errno.ENOENT
	}
	s.ChargeOption(-md5KeyMem)
	if len(old.list) == 1 {
		s.md5.Store(nil)
		return nil
	}
	s.md5.Store(&md5Keys{slices.Delete(slices.Clone(old.list), i, i+1)})
	return nil
}

// setMD5Option is setsockopt of both options: the machine learns whether its
// segments are signed.
func (s *Sock) setMD5Option(val []byte, ext bool) error {
	s.Lock()
	defer s.Unlock()
	if err := s.setMD5(val, ext); err != nil {
		return err
	}
	old := s.ownTune()
	s.tune.Signed = s.Daddr.Load() != 0 && s.keyFor(s.Daddr.Load()) != nil
	if s.tune.Signed != old.Signed {
		s.retune(old)
		s.repath()
	}
	return nil
}

// repath tells the machine of the path again: signed segments go one by one.
func (s *Sock) repath() {
	if s.State() == uapi.TCP_CLOSE || s.State() == uapi.TCP_LISTEN {
		return
	}
	c := s.st.n.Kernel().Enter(kern.Any)
	defer c.Exit()
	if rt := s.route(c); rt != nil {
		s.begin(c)
		s.conn.SetPath(c.Now(), s.path(rt), false)
		s.finish(c)
	}
}

// inheritKey gives a child the key for its peer (tcp_v4_syn_recv_sock).
func (s *Sock) inheritKey(from *Sock, peer uint32) {
	if k := from.keyFor(peer); k != nil {
		own := *k
		own.addr, own.prefix = peer, 32
		s.ownTune()
		s.tune.Signed = s.addKey(own) == nil
	}
}

// A signer makes signatures; one at a time.
type signer struct {
	mu  sync.Mutex
	h   hash.Hash
	buf [1024]byte
}

// sum computes the signature of the segment at b's TCP header: pseudo header,
// header without options and checksum, payload, key (RFC 2385 §2.0).
func (g *signer) sum(b *skb.Buff, saddr, daddr uint32, k *md5Key, out *[md5.Size]byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.h == nil {
		g.h = md5.New()
	}
	g.h.Reset()
	p := g.buf[:12+wire.TCPHdrLen]
	binary.BigEndian.PutUint32(p, saddr)
	binary.BigEndian.PutUint32(p[4:], daddr)
	p[8], p[9] = 0, uapi.IPPROTO_TCP
	binary.BigEndian.PutUint16(p[10:], uint16(b.Len()))
	copy(p[12:], b.Data()[:wire.TCPHdrLen])
	p[12+16], p[12+17] = 0, 0
	g.h.Write(p)
	for off := int(b.Data()[12]>>4) * 4; off < b.Len(); {
		n := b.CopyOut(off, g.buf[:min(len(g.buf), b.Len()-off)])
		g.h.Write(g.buf[:n])
		off += n
	}
	n := copy(g.buf[:], k.secret[:k.n])
	g.h.Write(g.buf[:n])
	copy(out[:], g.h.Sum(g.buf[:0]))
}

// sign fills the signature of a segment that is ready but for its checksum, at
// the first option, where the machine left room.
func (st *State) sign(b *skb.Buff, saddr, daddr uint32, k *md5Key) {
	var sum [md5.Size]byte
	st.signer.sum(b, saddr, daddr, k, &sum)
	copy(b.Data()[wire.TCPHdrLen+4:], sum[:])
}

// signatureOf returns the MD5 option of the segment at b's TCP header, or nil.
func signatureOf(b *skb.Buff) []byte {
	d := b.Data()
	hlen := int(d[12]>>4) * 4
	if hlen < wire.TCPHdrLen+md5OptionLen || len(d) < hlen {
		return nil
	}
	for p := d[wire.TCPHdrLen:hlen]; len(p) > 0; {
		switch {
		case p[0] == 0:
			return nil
		case p[0] == 1:
			p = p[1:]
			continue
		case len(p) < 2 || p[1] < 2 || int(p[1]) > len(p):
			return nil
		case p[0] == wire.TCPOptMD5 && p[1] == md5OptionLen:
			return p[2:md5OptionLen]
		}
		p = p[p[1]:]
	}
	return nil
}

// signed reports that the segment's signature is that of the key.
func (st *State) signed(b *skb.Buff, e ends, k *md5Key, sig []byte) bool {
	var sum [md5.Size]byte
	st.signer.sum(b, e.saddr, e.daddr, k, &sum)
	return string(sum[:]) == string(sig)
}

// authentic checks the signature of a segment for s, and drops a bad one without
// a word (tcp_inbound_md5_hash).
func (s *Sock) authentic(c *kern.CPU, b *skb.Buff) bool {
	keys := s.md5.Load()
	hlen := int(b.Data()[12]>>4) * 4
	if keys == nil && hlen < wire.TCPHdrLen+md5OptionLen+2 {
		return true
	}
	sig := signatureOf(b)
	e, _ := endsOf(b)
	k := s.keyFor(e.saddr)
	switch {
	case k == nil && sig == nil:
		return true
	case k == nil:
		s.st.mib.Inc(c, mib.TCPExtTCPMD5Unexpected)
		b.Drop(c, s.st.n, skb.ReasonTCPMd5unexpected)
	case sig == nil:
		s.st.mib.Inc(c, mib.TCPExtTCPMD5NotFound)
		b.Drop(c, s.st.n, skb.ReasonTCPMd5notfound)
	case !s.st.signed(b, e, k, sig):
		s.st.mib.Inc(c, mib.TCPExtTCPMD5Failure)
		b.Drop(c, s.st.n, skb.ReasonTCPMd5failure)
	default:
		return true
	}
	return false
}

// resetKey returns the key for a reset that answers b: the socket's, or, without
// one, that of a listener at the peer's port, for a connection whose active side
// is lost. ok is false when b is signed and no such key signed it: then there is
// no reset (tcp_v4_send_reset).
func (st *State) resetKey(c *kern.CPU, b *skb.Buff, e ends, s *Sock) (k *md5Key, ok bool) {
	if s != nil {
		return s.keyFor(e.saddr), true
	}
	sig := signatureOf(b)
	if sig == nil {
		return nil, true
	}
	l := st.lookupListener(c, ends{saddr: e.saddr, daddr: e.daddr, sport: e.sport, dport: e.sport, dif: e.dif}, nil)
	if l == nil {
		return nil, false
	}
	if k = l.keyFor(e.saddr); k == nil || !st.signed(b, e, k, sig) {
		return nil, false
	}
	return k, true
}

// putMD5 writes INET_DIAG_MD5SIG (tcp_diag_put_md5sig).
func (s *Sock) putMD5(m *netlink.Msg) {
	keys := s.md5.Load()
	if keys == nil {
		return
	}
	p := m.Reserve(uapi.INET_DIAG_MD5SIG, md5DiagLen*len(keys.list))
	for i := range keys.list {
		k := &keys.list[len(keys.list)-1-i] // the newest first, as 6.18
		q := p[md5DiagLen*i:]
		q[0], q[1] = uapi.AF_INET, k.prefix
		binary.NativeEndian.PutUint16(q[2:], uint16(k.n))
		binary.NativeEndian.PutUint32(q[4:], bits.ReverseBytes32(k.addr))
		copy(q[20:], k.secret[:k.n])
	}
}

// signAnswer leaves room for the signature in front of an answer's options.
func (a *answer) signAnswer(k *md5Key) {
	if k == nil {
		return
	}
	a.key = k
	copy(a.opt[tcb.SignatureLen:], a.opt[:a.optLen])
	tcb.AppendSignature(a.opt[:0])
	a.optLen += tcb.SignatureLen
}

// emitParts sends a segment of several packets one by one, for each has a
// signature of its own.
func (e *env) emitParts(o *tcb.Out) {
	part := *o
	for off := 0; off < o.Len; off += o.MSS {
		part.Seq, part.Len, part.Flags = o.Seq+uint32(off), min(o.MSS, o.Len-off), o.Flags
		if off+o.MSS < o.Len {
			part.Flags &^= tcb.Fin | tcb.Psh
		}
		e.emitOne(&part)
	}
}
