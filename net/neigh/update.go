package neigh

import (
	"bytes"
	"strings"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// UpdateError is why Update refused: an errno and the kernel's extended ack.
type UpdateError struct {
	Errno errno.Errno
	Msg   string
}

// Error returns the text, or the errno's.
func (e *UpdateError) Error() string {
	if e.Msg != "" {
		return e.Msg
	}
	return e.Errno.Error()
}

// Unwrap returns the errno.
func (e *UpdateError) Unwrap() error { return e.Errno }

// Update changes an entry by what a protocol has heard or an administrator
// wants (neigh_update): a new state, an address or nil for the old one. port
// is the requester's netlink port. c is the caller's CPU, or nil when it is on
// none.
func (nb *Neigh) Update(c *kern.CPU, ha []byte, state uint16, flags UpdateFlags, port uint32) error {
	now := nb.Table.n.Kernel().Now()
	nb.mu.Lock()
	old := nb.State()
	switch {
	case flags&Admin == 0 && old&(uapi.NUD_NOARP|uapi.NUD_PERMANENT) != 0:
		nb.mu.Unlock()
		return errno.EPERM
	case nb.dead:
		nb.mu.Unlock()
		return &UpdateError{errno.EINVAL, "Neighbor entry is now dead"}
	}
	tell := nb.updateFlags(flags)
	if flags&(UseEntry|Managed) != 0 {
		nb.mu.Unlock()
		if tell {
			nb.changed(c, port)
		}
		return nil
	}
	if state&Valid == 0 {
		nb.invalidate(c, now, old, state, tell, port)
		return nil
	}
	ha, err := nb.chooseAddr(ha, old)
	if err != nil {
		nb.mu.Unlock()
		return err
	}
	queue, changed := nb.apply(c, now, ha, old, state, flags)
	nb.mu.Unlock()
	nb.flushQueue(c, queue)
	if changed || tell {
		nb.changed(c, port)
	}
	return nil
}

// updateFlags sets NTF_EXT_LEARNED and NTF_ROUTER and reports a change. nb.mu
// is held.
func (nb *Neigh) updateFlags(flags UpdateFlags) bool {
	old := nb.flags.Load()
	f := old
	if flags&Admin != 0 {
		f = f&^(uapi.NTF_EXT_LEARNED|uapi.NTF_EXT_MANAGED<<16) | b2f(flags&ExtLearned != 0, uapi.NTF_EXT_LEARNED) |
			b2f(flags&Managed != 0, uapi.NTF_EXT_MANAGED<<16)
	}
	if flags&OverrideIsRouter != 0 {
		f = f&^uapi.NTF_ROUTER | b2f(flags&IsRouter != 0, uapi.NTF_ROUTER)
	}
	nb.flags.Store(f)
	return f != old
}

func b2f(on bool, f uint32) uint32 {
	if on {
		return f
	}
	return 0
}

// invalidate makes an entry unusable; it releases nb.mu.
func (nb *Neigh) invalidate(c *kern.CPU, now ktime.T, old, state uint16, tell bool, port uint32) {
	nb.setState(c, now, state, 0)
	tell = tell || old&Valid != 0
	if old&(uapi.NUD_INCOMPLETE|uapi.NUD_PROBE) != 0 && state&uapi.NUD_FAILED != 0 {
		tell = true
		queue := nb.queue
		nb.queue, nb.queueBytes = nil, 0
		nb.mu.Unlock()
		nb.Table.Stats.ResFailed.Add(1)
		nb.Table.release(queue, skb.ReasonNeighFailed)
	} else {
		nb.mu.Unlock()
	}
	if tell {
		nb.changed(c, port)
	}
}

// chooseAddr returns the address to use: the given one, or what is known.
// nb.mu is held.
func (nb *Neigh) chooseAddr(ha []byte, old uint16) ([]byte, error) {
	if nb.Dev.AddrLen == 0 {
		return nb.Addr(), nil
	}
	if ha == nil {
		if old&Valid == 0 {
			return nil, &UpdateError{errno.EINVAL, "No link layer address given"}
		}
		return nb.Addr(), nil
	}
	return ha, nil
}

// apply enters an address and a valid state; it returns the packets that can
// go now and whether anything changed. nb.mu is held.
func (nb *Neigh) apply(c *kern.CPU, now ktime.T, ha []byte, old, state uint16, flags UpdateFlags) (queue []*skb.Buff, changed bool) {
	same := bytes.Equal(ha, nb.Addr()) && nb.ha.Load() != nil || nb.Dev.AddrLen == 0
	if state&Connected != 0 {
		nb.confirmed.Store(int64(now))
	}
	if old&Valid != 0 {
		switch {
		case !same && flags&Override == 0:
			if flags&WeakOverride == 0 || old&Connected == 0 {
				return nil, false
			}
			ha, same, state = nb.Addr(), true, uapi.NUD_STALE
		case same && state == uapi.NUD_STALE && flags&Admin == 0:
			state = old
		}
	}
	if state != old {
		if state&uapi.NUD_PROBE != 0 {
			nb.probes.Store(0)
		}
		at := ktime.T(0)
		if state&InTimer != 0 {
			at = now
			if state&uapi.NUD_REACHABLE != 0 {
				at = now.Add(nb.Parms.ReachableTime())
			}
		}
		nb.setState(c, now, state, at)
		changed = true
	}
	if !same || nb.ha.Load() == nil {
		nb.setAddr(ha)
		nb.updated.Store(int64(now))
		if state&Connected == 0 {
			nb.confirmed.Store(int64(now.Add(-2 * nb.Parms.Duration(BaseReachableTime))))
		}
		changed = true
	}
	if state != old && old&Valid == 0 {
		queue = nb.queue
		nb.queue, nb.queueBytes = nil, 0
	}
	return queue, changed
}

// flushQueue sends what waited for an address.
func (nb *Neigh) flushQueue(c *kern.CPU, queue []*skb.Buff) {
	if len(queue) == 0 {
		return
	}
	if c == nil {
		c = nb.Table.n.Kernel().Enter(kern.Any)
		defer c.Exit()
	}
	for _, b := range queue {
		nb.Output(c, b)
	}
}

// Use resolves nb (NTF_USE). The caller is on no CPU.
func (nb *Neigh) Use() {
	c := nb.Table.n.Kernel().Enter(kern.Any)
	nb.Send(c, nil)
	c.Exit()
}

// stateNames are iproute2's, by bit.
var stateNames = [...]string{"INCOMPLETE", "REACHABLE", "STALE", "DELAY", "PROBE", "FAILED", "NOARP", "PERMANENT"}

// StateName returns a NUD_* state as `ip neigh` prints it.
func StateName(state uint16) string {
	if state == 0 {
		return "NONE"
	}
	var names []string
	for i, s := range stateNames {
		if state&(1<<i) != 0 {
			names = append(names, s)
		}
	}
	return strings.Join(names, "|")
}
