package tcp

import (
	"slices"
	"strings"
	"sync/atomic"

	"linen/net/sock"
	"linen/net/sysctl"
	"linen/net/tcp/internal/tcb"
	"linen/uapi/errno"
)

// registerCongestion makes the settings of congestion control. What is the
// default is allowed to everybody. What is allowed is the machine's, and first
// the TCP of its first namespace, or nil for that one's own.
func (y *sysctls) registerCongestion(t *sysctl.Tree, first *State) {
	if first != nil {
		y.allowed = first.sys.allowed
	} else {
		y.allowed = new(atomic.Pointer[[]string])
		y.allowed.Store(&[]string{"reno", "cubic"})
	}
	y.congestion = t.String("net/ipv4/tcp_congestion_control", "cubic", 16, 0o644, func(v string) error {
		v = strings.TrimSpace(v)
		if !slices.Contains(tcb.Algorithms(), v) {
			return errno.ENOENT
		}
		if list := *y.allowed.Load(); !slices.Contains(list, v) {
			if first != nil {
				return errno.EPERM // a child does not allow it to everybody
			}
			list = append(slices.Clone(list), v)
			y.allowed.Store(&list)
		}
		return nil
	})
	t.String("net/ipv4/tcp_available_congestion_control", strings.Join(tcb.Algorithms(), " "), 256, 0o444, nil)
	if t.Show("net/ipv4/tcp_allowed_congestion_control") {
		return
	}
	t.Func("net/ipv4/tcp_allowed_congestion_control", func() string { return strings.Join(*y.allowed.Load(), " ") }, func(v string) error {
		var list []string
		for _, name := range tcb.Algorithms() { // in the order of registration
			if slices.Contains(strings.Fields(v), name) {
				list = append(list, name)
			}
		}
		for _, name := range strings.Fields(v) {
			if !slices.Contains(tcb.Algorithms(), name) {
				return errno.ENOENT
			}
		}
		y.allowed.Store(&list)
		return nil
	})
}

// setCongestion is TCP_CONGESTION: ENOENT for what there is not, EPERM for what
// only CAP_NET_ADMIN may choose.
func (s *Sock) setCongestion(who *sock.Caller, val []byte) error {
	if len(val) < 1 {
		return errno.EINVAL
	}
	text := val[:min(len(val), 15)]
	for i, b := range text {
		if b == 0 {
			text = text[:i]
			break
		}
	}
	name := string(text)
	s.Lock()
	defer s.Unlock()
	if s.conn.CongestionLocked() {
		return errno.EPERM
	}
	if !slices.Contains(tcb.Algorithms(), name) {
		return errno.ENOENT
	}
	if !slices.Contains(*s.st.sys.allowed.Load(), name) && !who.Capable(sock.CapNetAdmin) {
		return errno.EPERM
	}
	s.conn.SetCongestion(name)
	s.ccChosen = true
	return nil
}
