package neigh

import (
	"bytes"
	"strings"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/netlink"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// Update changes an entry by what a protocol has heard or an administrator
// wants (neigh_update): a new state, an address or nil for the old one. port
// is the requester's netlink port, which the notification carries. c is the
// caller's CPU, or nil when it is on none. Errors: EPERM the entry is not the
// protocol's to change, EINVAL with the kernel's text.
func (nb *Neigh) Update(c *kern.CPU, ha []byte, state uint16, flags UpdateFlags, port uint32) error {
	nb.mu.Lock()
	u := update{nb: nb, c: c, now: nb.Table.n.Kernel().Now(), ha: ha, old: nb.State(), state: state, flags: flags}
	err := u.run()
	ended := nb.State()
	nb.mu.Unlock()
	if u.failed {
		nb.fail(c, u.queue)
	} else {
		nb.flushQueue(c, u.queue)
	}
	if u.recount || (u.old^ended)&uapi.NUD_PERMANENT != 0 {
		nb.Table.recount(nb)
	}
	if u.tell {
		nb.changed(c, port)
	}
	return err
}

// update is one call of Update.
type update struct {
	nb         *Neigh
	c          *kern.CPU
	now        ktime.T
	ha         []byte
	old, state uint16
	flags      UpdateFlags

	queue   []*skb.Buff // to send, or when failed to refuse
	failed  bool        // a resolution was given up
	tell    bool        // listeners want to know
	recount bool        // flags changed that the table looks at
}

// run decides and applies; nb.mu is held.
func (u *update) run() error {
	nb := u.nb
	switch {
	case nb.dead:
		return netlink.Errorf(errno.EINVAL, "Neighbor entry is now dead")
	case u.flags&Admin == 0 && u.old&(uapi.NUD_NOARP|uapi.NUD_PERMANENT) != 0:
		return errno.EPERM
	}
	u.setFlags()
	if u.flags&(UseEntry|Managed) != 0 {
		nb.state.Store(uint32(u.old &^ uapi.NUD_PERMANENT)) // the caller resolves it
		return nil
	}
	if u.state&Valid == 0 {
		u.invalidate()
		return nil
	}
	if err := u.chooseAddr(); err != nil {
		return err
	}
	if u.state&Connected != 0 {
		nb.confirmed.Store(int64(u.now))
	}
	if u.admit() {
		u.setRouter()
		u.apply()
	}
	return nil
}

// setFlags enters the flags that administrators set (neigh_update_flags).
func (u *update) setFlags() {
	if u.flags&Admin == 0 {
		return
	}
	old := u.nb.flags.Load()
	const mine = uapi.NTF_EXT_LEARNED | ntfManaged | ntfValidated
	f := old&^mine | flagIf(u.flags&ExtLearned != 0, uapi.NTF_EXT_LEARNED) |
		flagIf(u.flags&Managed != 0, ntfManaged) | flagIf(u.flags&ExtValidated != 0, ntfValidated)
	u.nb.flags.Store(f)
	if f != old {
		u.tell, u.recount = true, true
	}
}

// setRouter enters NTF_ROUTER, when it is meant (neigh_update_is_router).
func (u *update) setRouter() {
	if u.flags&OverrideIsRouter == 0 {
		return
	}
	old := u.nb.flags.Load()
	f := old&^uapi.NTF_ROUTER | flagIf(u.flags&IsRouter != 0, uapi.NTF_ROUTER)
	u.nb.flags.Store(f)
	u.tell = u.tell || f != old
}

// flagIf returns f when on is set.
func flagIf(on bool, f uint32) uint32 {
	if on {
		return f
	}
	return 0
}

// invalidate makes an entry unusable.
func (u *update) invalidate() {
	u.nb.state.Store(uint32(u.state))
	u.nb.timer.Stop()
	u.tell = u.tell || u.old&Valid != 0
	if u.old&(uapi.NUD_INCOMPLETE|uapi.NUD_PROBE) != 0 && u.state&uapi.NUD_FAILED != 0 {
		u.nb.updated.Store(int64(u.now))
		u.tell, u.failed, u.queue = true, true, u.nb.takeQueue()
	}
}

// chooseAddr makes u.ha the address to use: the given one, or what is known.
func (u *update) chooseAddr() error {
	switch {
	case u.nb.Dev.AddrLen == 0:
		u.ha = nil
	case u.ha != nil:
		u.ha = u.ha[:u.nb.Dev.AddrLen]
	case u.old&Valid == 0:
		return netlink.Errorf(errno.EINVAL, "No link layer address given")
	default:
		u.ha = u.nb.Addr()
	}
	return nil
}

// same reports whether the address to use is the one in use.
func (u *update) same() bool {
	return u.nb.Dev.AddrLen == 0 || u.old&Valid != 0 && bytes.Equal(u.ha, u.nb.Addr())
}

// admit decides whether an entry that is valid takes the update, by the
// override flags; it may change what is applied.
func (u *update) admit() bool {
	if u.old&Valid == 0 {
		return true
	}
	if !u.same() && u.flags&Override == 0 {
		u.flags &^= OverrideIsRouter
		if u.flags&WeakOverride == 0 || u.old&Connected == 0 {
			return false
		}
		u.ha, u.state = u.nb.Addr(), uapi.NUD_STALE
		return true
	}
	if u.same() && u.state == uapi.NUD_STALE && u.flags&Admin == 0 {
		u.state = u.old
	}
	return true
}

// apply enters address and state; packets that waited can go then.
func (u *update) apply() {
	nb, same := u.nb, u.same()
	if !same || u.state != u.old {
		nb.updated.Store(int64(u.now))
		u.tell = true
	}
	if !same {
		nb.setAddr(u.ha)
		if u.state&Connected == 0 {
			nb.confirmed.Store(int64(u.now.Add(-2 * nb.Parms.Duration(BaseReachableTime))))
		}
	}
	if u.state == u.old {
		return
	}
	if u.state&uapi.NUD_PROBE != 0 {
		nb.probes.Store(0)
	}
	at := ktime.T(0)
	if u.state&InTimer != 0 {
		at = u.now
		if u.state&uapi.NUD_REACHABLE != 0 {
			at = u.now.Add(nb.Parms.ReachableTime())
		}
	}
	nb.setState(u.c, u.now, u.state, at)
	if u.old&Valid == 0 {
		u.queue = nb.takeQueue()
	}
}

// flushQueue sends what waited for an address.
func (nb *Neigh) flushQueue(c *kern.CPU, queue []*skb.Buff) {
	if len(queue) == 0 {
		return
	}
	nb.Table.onCPU(c, func(c *kern.CPU) {
		for _, b := range queue {
			nb.Output(c, b)
		}
	})
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
