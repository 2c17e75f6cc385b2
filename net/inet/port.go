package inet

import (
	"fmt"
	"strconv"
	"strings"

	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// portSet is a set of ports, one bit each.
type portSet [65536 / 64]uint64

func (p *portSet) add(port int)      { p[port/64] |= 1 << (port % 64) }
func (p *portSet) has(port int) bool { return p[port/64]>>(port%64)&1 != 0 }

// Reserved reports whether automatic port choice must leave a port alone
// (net.ipv4.ip_local_reserved_ports).
func (st *State) Reserved(port int) bool {
	p := st.reserved.Load()
	return p != nil && p.has(port)
}

func (st *State) registerReserved(t *sysctl.Tree) {
	t.Func("net/ipv4/ip_local_reserved_ports", st.reservedText, func(v string) error {
		p, err := parsePorts(v)
		if err == nil {
			st.reserved.Store(p)
		}
		return err
	})
}

// reservedText writes the set as proc_do_large_bitmap does: "80,1000-1010".
func (st *State) reservedText() string {
	p := st.reserved.Load()
	if p == nil {
		return ""
	}
	var parts []string
	for port := 0; port < 65536; port++ {
		if !p.has(port) {
			continue
		}
		last := port
		for last < 65535 && p.has(last+1) {
			last++
		}
		if last == port {
			parts = append(parts, strconv.Itoa(port))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", port, last))
		}
		port = last
	}
	return strings.Join(parts, ",")
}

// parsePorts reads a list of ports and ranges.
func parsePorts(text string) (*portSet, error) {
	p := new(portSet)
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		if part == "" {
			continue
		}
		from, to, ranged := strings.Cut(part, "-")
		a, err := strconv.ParseUint(from, 10, 16)
		b := a
		if err == nil && ranged {
			b, err = strconv.ParseUint(to, 10, 16)
		}
		if err != nil || a > b {
			return nil, errno.EINVAL
		}
		for port := a; port <= b; port++ {
			p.add(int(port))
		}
	}
	return p, nil
}

// PortRange returns the ports that an automatic choice may take for s: the
// namespace's, narrowed by IP_LOCAL_PORT_RANGE. own says that the socket has a
// range of its own.
func (s *Sock) PortRange() (lo, hi int, own bool) {
	lo, hi = int(s.st.portRange.Load(0)), int(s.st.portRange.Load(1))
	if v := s.portRange(); v != 0 {
		slo, shi := int(v&0xffff), int(v>>16)
		// Values outside the namespace's range are passed over.
		if slo != 0 && slo >= lo && slo <= hi {
			lo = slo
			own = true
		}
		if shi != 0 && shi <= hi && shi >= lo {
			hi = shi
			own = true
		}
	}
	return lo, hi, own
}

// PickPort chooses a port in s's range for which free is true, beginning at a
// random place; 0 when there is none.
func (s *Sock) PickPort(free func(port int) bool) int {
	lo, hi, _ := s.PortRange()
	n := hi - lo + 1
	if n <= 0 {
		return 0
	}
	first := int(uint64(s.Net().Kernel().Uint32()) * uint64(n) >> 32)
	for i := range n {
		port := lo + (first+i)%n
		if !s.st.Reserved(port) && free(port) {
			return port
		}
	}
	return 0
}

// BindAddr is bind of TCP and UDP (__inet_bind): to an address, and by bindPort to a
// port, any for 0.
func (s *Sock) BindAddr(who *sock.Caller, sa []byte, bindPort func(port int) error) error {
	a, typ, err := s.checkBind(who, sa)
	if err != nil {
		return err
	}
	s.Lock()
	defer s.Unlock()
	if s.State() != uapi.TCP_CLOSE || s.Num.Load() != 0 {
		return errno.EINVAL
	}
	s.RcvAddr.Store(a.IP)
	s.Saddr.Store(a.IP)
	if typ == uapi.RTN_MULTICAST || typ == uapi.RTN_BROADCAST {
		s.Saddr.Store(0) // not a source
	}
	if a.Port != 0 || !s.Is(BindAddressNoPort) {
		if err := bindPort(int(a.Port)); err != nil {
			s.Saddr.Store(0)
			s.RcvAddr.Store(0)
			return err
		}
	}
	s.SetIs(BindLockAddr, a.IP != 0)
	s.SetIs(BindLockPort, a.Port != 0)
	s.Daddr.Store(0)
	s.Dport.Store(0)
	s.CacheRoute(nil)
	return nil
}

// checkBind reads and checks bind's address (inet_bind): it returns the
// address and its type, RTN_*.
func (s *Sock) checkBind(who *sock.Caller, sa []byte) (Addr, uint8, error) {
	family, a, err := ParseAddr(sa)
	if err != nil {
		return a, 0, err
	}
	if family != uapi.AF_INET && (family != uapi.AF_UNSPEC || a.IP != 0) {
		return a, 0, errno.EAFNOSUPPORT
	}
	typ, err := s.CheckAddr(a.IP)
	if err != nil {
		return a, typ, err
	}
	if a.Port != 0 && int64(a.Port) < s.st.unprivPort.Load() && !who.Capable(sock.CapNetBindService) {
		return a, typ, errno.EACCES
	}
	return a, typ, nil
}

// CheckAddr answers EADDRNOTAVAIL for an address that is not the host's,
// unless the socket or the namespace allows it (inet_addr_valid_or_nonlocal).
func (s *Sock) CheckAddr(ip uint32) (typ uint8, err error) {
	typ = s.st.IP.AddrType(s.Net(), int(s.BoundDev.Load()), ip)
	if ip == 0 || typ == uapi.RTN_LOCAL || typ == uapi.RTN_MULTICAST || typ == uapi.RTN_BROADCAST {
		return typ, nil
	}
	if s.st.IP.Nonlocal(s.Net()) || s.Is(FreeBind) || s.Is(Transparent) {
		return typ, nil
	}
	return typ, errno.EADDRNOTAVAIL
}

// Conflicts reports whether s and o, which are bound to the same port or want
// to be, cannot share it: their devices and addresses overlap and neither
// SO_REUSEADDR (both) nor SO_REUSEPORT (both, same user) allows it: the latter
// only while s, the newcomer, has no group. It is the rule of datagram sockets
// (udp_lib_lport_inuse); streams add the state LISTEN.
func (s *Sock) Conflicts(o *Sock) bool {
	a, b := s.BoundDev.Load(), o.BoundDev.Load()
	if a != 0 && b != 0 && a != b {
		return false
	}
	if x, y := s.RcvAddr.Load(), o.RcvAddr.Load(); x != 0 && y != 0 && x != y {
		return false
	}
	if s.Has(sock.FlagReuseAddr) && o.Has(sock.FlagReuseAddr) {
		return false
	}
	return s.Group() != nil || !s.SharesPort(o)
}

// SharesPort reports whether both have SO_REUSEPORT and the same user.
func (s *Sock) SharesPort(o *Sock) bool {
	return s.Has(sock.FlagReusePort) && o.Has(sock.FlagReusePort) && s.UID == o.UID
}
