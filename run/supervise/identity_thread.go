//go:build linux

package supervise

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"linen/net/sock"
	"linen/run/seccomp"
)

// identity is the credentials of a thread (credentials(7): each thread has its
// own; the C library changes those of all).
type identity struct {
	cred
	caller *sock.Caller // made from cred; nil: not yet
}

// of returns the credentials of a thread; p.mu is held.
func (p *process) of(tid int) *identity {
	if own := p.own[tid]; own != nil {
		return own
	}
	return p.cred
}

// set gives a thread of the process new credentials, and it alone; p.mu is held.
func (p *process) set(tid int, k cred) {
	p.caller.Store(nil)
	st, err := seccomp.Target{TID: p.tgid}.Status()
	if err != nil || st.Threads == 1 {
		p.cred, p.own = &identity{cred: k}, nil
		return
	}
	p.divide()
	p.own[tid] = &identity{cred: k}
	if tid == p.tgid {
		p.cred = p.own[tid]
	}
}

// divide gives every thread its own, as all of them may change by themselves
// from now on, and forgets those that have ended.
func (p *process) divide() {
	own := map[int]*identity{}
	for _, tid := range p.threads() {
		own[tid] = p.of(tid)
	}
	p.own = own
}

func (p *process) threads() (tids []int) {
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(p.tgid) + "/task")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids
}

// parentOf returns the thread that made a child process, where the kernel tells
// (CONFIG_PROC_CHILDREN), else the main thread; p.mu is held.
func (p *process) parentOf(child int) int {
	if p.own == nil {
		return p.tgid
	}
	want, dir := strconv.Itoa(child), "/proc/"+strconv.Itoa(p.tgid)+"/task/"
	for _, tid := range p.threads() {
		b, err := os.ReadFile(dir + strconv.Itoa(tid) + "/children")
		if err == nil && slices.Contains(strings.Fields(string(b)), want) {
			return tid
		}
	}
	return p.tgid
}

// who returns a thread's credentials for checks.
func (p *process) who(tid int) *sock.Caller {
	if w := p.caller.Load(); w != nil {
		return w
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	k := p.of(tid)
	if k.caller == nil {
		k.caller = &sock.Caller{
			Caps: k.effective, UID: k.uid[effective], GID: k.gid[effective],
			Groups: k.groups, PID: int32(p.tgid), FindNet: p.n.findNet(p.tgid),
		}
	}
	if p.own == nil && p.image == "" {
		p.caller.Store(k.caller)
	}
	return k.caller
}
