package sock

import (
	"bytes"
	"encoding/binary"

	"linen/kern"
	"linen/net/dev"
	"linen/net/filter"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// bindToDevice sets SO_BINDTODEVICE from a name; an empty one unbinds.
func (s *Sock) bindToDevice(who *Caller, val []byte) error {
	name := val[:min(len(val), uapi.IFNAMSIZ-1)]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	if len(name) == 0 {
		return s.bindToIndex(who, 0)
	}
	d := dev.ByName(s.net, string(name))
	if d == nil {
		return errno.ENODEV
	}
	return s.bindToIndex(who, d.Ifindex())
}

// bindToIndex sets the bound device: the first time is free, a change asks for
// CAP_NET_RAW.
func (s *Sock) bindToIndex(who *Caller, index int) error {
	if s.BoundDev.Load() != 0 && !who.Capable(CapNetRaw) {
		return errno.EPERM
	}
	if index < 0 {
		return errno.EINVAL
	}
	s.BoundDev.Store(int32(index))
	s.changed()
	if s.proto != nil && s.proto.Rehash != nil {
		s.proto.Rehash(s)
	}
	return nil
}

// boundName reads SO_BINDTODEVICE.
func (s *Sock) boundName(val []byte) (int, error) {
	index := s.BoundDev.Load()
	if index == 0 {
		return 0, nil
	}
	if len(val) < uapi.IFNAMSIZ {
		return 0, errno.EINVAL
	}
	d := dev.ByIndex(s.net, int(index))
	if d == nil {
		return 0, errno.ENODEV
	}
	name := d.Name()
	n := copy(val, name)
	val[n] = 0
	return n + 1, nil
}

// ParseFilter reads instructions, 8 bytes each, and verifies them.
func ParseFilter(val []byte) (*filter.Prog, error) {
	if len(val)%filter.InsnSize != 0 || len(val) == 0 || len(val) > filter.MaxInsns*filter.InsnSize {
		return nil, errno.EINVAL
	}
	insns := make([]filter.Insn, len(val)/filter.InsnSize)
	for i := range insns {
		p := val[i*filter.InsnSize:]
		insns[i] = filter.Insn{Code: binary.NativeEndian.Uint16(p), JT: p[2], JF: p[3], K: binary.NativeEndian.Uint32(p[4:])}
	}
	return filter.New(insns)
}

// attachFilter is SO_ATTACH_FILTER. The program's memory counts against
// net.core.optmem_max.
func (s *Sock) attachFilter(val []byte) error {
	if s.Has(FlagLockFilter) {
		return errno.EPERM
	}
	p, err := ParseFilter(val)
	if err != nil {
		return err
	}
	size := int64(len(val))
	if old := s.filter.Load(); old != nil {
		s.extra().omem.Add(-int64(old.Len() * filter.InsnSize))
	}
	if s.optionMemory()+size > Of(s.net).Sysctl.OptmemMax.Load() {
		return errno.ENOMEM
	}
	s.extra().omem.Add(size)
	s.filter.Store(p)
	return nil
}

// changeFilter is SO_LOCK_FILTER and SO_DETACH_FILTER.
func (s *Sock) changeFilter(name, v int) error {
	locked := s.Has(FlagLockFilter)
	if name == uapi.SO_LOCK_FILTER {
		if locked && v == 0 {
			return errno.EPERM
		}
		s.Set(FlagLockFilter, v != 0)
		return nil
	}
	if locked {
		return errno.EPERM
	}
	old := s.filter.Swap(nil)
	if old == nil {
		return errno.ENOENT
	}
	s.extra().omem.Add(-int64(old.Len() * filter.InsnSize))
	return nil
}

// getFilter is SO_GET_FILTER: val has room for instructions; the length
// reported is their number. A val of length 0 asks for the number.
func (s *Sock) getFilter(val []byte) (int, error) {
	p := s.filter.Load()
	if p == nil {
		return 0, nil
	}
	if len(val) == 0 {
		return p.Len(), nil
	}
	if len(val) < p.Len()*filter.InsnSize {
		return 0, errno.EINVAL
	}
	for i, in := range p.Insns() {
		q := val[i*filter.InsnSize:]
		binary.NativeEndian.PutUint16(q, in.Code)
		q[2], q[3] = in.JT, in.JF
		binary.NativeEndian.PutUint32(q[4:], in.K)
	}
	return p.Len(), nil
}

// Filter returns the attached program, or nil.
func (s *Sock) Filter() *filter.Prog { return s.filter.Load() }

// SetFilter attaches a program, for a protocol's clone of a listener.
func (s *Sock) SetFilter(p *filter.Prog) { s.filter.Store(p) }

// RunFilter runs the attached program on b (sk_filter_trim_cap): ok is false
// when it refuses b, else keep is the length to which b is to be trimmed, at
// least least bytes.
func (s *Sock) RunFilter(c *kern.CPU, b *skb.Buff, least int) (keep int, ok bool) {
	p := s.filter.Load()
	if p == nil {
		return b.Len(), true
	}
	n := p.Run(c, b)
	if n == 0 {
		return 0, false
	}
	return max(int(min(n, uint32(b.Len()))), least), true
}
