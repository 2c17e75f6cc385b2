//go:build linux

package supervise

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"linen/net/netns"
	"linen/net/sock"
	"linen/run/seccomp"
	"linen/uapi/errno"
)

// process is a program's process: what linen keeps about it beside the host's
// kernel. It is made at its first notified call and ends with the process.
type process struct {
	n     *Node
	tgid  int
	pidfd int

	user  uint64      // its user namespace when it is not the node's
	moved atomic.Bool // it may have another user namespace since

	mu    sync.Mutex
	cred  *identity         // the main thread's, and what new threads begin with
	own   map[int]*identity // of threads that were there when one of several changed its own
	image string            // what it ran when it began an execve; "" when it began none
	began int               // the thread that did

	// What all threads have, made from cred; nil after a change, and while own
	// is in use.
	caller atomic.Pointer[sock.Caller]
}

// process returns the process of a thread.
func (n *Node) process(tid int) (*process, error) {
	n.mu.Lock()
	p := n.tids[tid]
	n.mu.Unlock()
	if p != nil && unix.Tgkill(p.tgid, tid, 0) != unix.ESRCH {
		return p, nil
	}
	st, err := seccomp.Target{TID: tid}.Status()
	if err != nil {
		return nil, unix.ESRCH
	}
	n.mu.Lock()
	if p != nil && n.tids[tid] == p {
		delete(n.tids, tid) // the number is another thread's now
	}
	p = n.tids[st.TGID]
	if p != nil {
		n.tids[tid] = p
	}
	n.mu.Unlock()
	if p != nil {
		return p, nil
	}
	return n.newProcess(tid, st)
}

func (n *Node) newProcess(tid int, st seccomp.Status) (*process, error) {
	fd, err := unix.PidfdOpen(st.TGID, 0)
	if err != nil {
		return nil, err
	}
	p := &process{n: n, tgid: st.TGID, pidfd: fd, cred: &identity{cred: n.inherited(st)}}
	p.moved.Store(true)
	n.mu.Lock()
	if other := n.tids[st.TGID]; other != nil || n.closed {
		n.mu.Unlock()
		unix.Close(fd) // another thread's call was faster
		if other == nil {
			return nil, unix.ESRCH
		}
		return other, nil
	}
	n.tids[st.TGID], n.tids[tid] = p, p
	n.mu.Unlock()
	if err := n.host.poll(fd, unix.EPOLLIN, p.exited); err != nil {
		p.exited()
		return nil, err
	}
	return p, nil
}

// getFD duplicates a descriptor of the process.
func (p *process) getFD(fd int) (int, error) {
	p.mu.Lock() // the pidfd is not closed meanwhile
	defer p.mu.Unlock()
	if p.pidfd < 0 {
		return -1, unix.ESRCH
	}
	return unix.PidfdGetfd(p.pidfd, fd, 0)
}

// inherited gives a new process the credentials of its nearest ancestor that
// is known. One whose parent has died already begins as the node's first
// program did.
func (n *Node) inherited(st seccomp.Status) cred {
	child := st.TGID
	for pid := st.PPID; pid > 1 && pid != n.init.PID(); {
		n.mu.Lock()
		p := n.tids[pid]
		n.mu.Unlock()
		if p != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.settle()
			return p.of(p.parentOf(child)).clone()
		}
		st, err := seccomp.Target{TID: pid}.Status()
		if err != nil {
			break
		}
		child, pid = pid, st.PPID
	}
	return rootCred()
}

// exited forgets the process when it has ended.
func (p *process) exited() {
	p.n.mu.Lock()
	for tid, q := range p.n.tids {
		if q == p {
			delete(p.n.tids, tid)
		}
	}
	p.n.mu.Unlock()
	p.forget()
}

func (p *process) forget() {
	p.mu.Lock()
	fd := p.pidfd
	p.pidfd = -1
	p.mu.Unlock()
	if fd >= 0 {
		p.n.host.unpoll(fd)
		unix.Close(fd)
	}
}

// findNet resolves the namespaces that netlink messages name by process or
// descriptor.
func (n *Node) findNet(tgid int) func(pid, fd int) (*netns.Net, error) {
	return func(pid, fd int) (*netns.Net, error) {
		if pid > 0 {
			if net := n.netOf(seccomp.Target{TID: pid}); net != nil {
				return net, nil
			}
			return nil, errno.ESRCH
		}
		got, err := seccomp.Target{TID: tgid}.GetFD(fd)
		if err != nil {
			return nil, errno.EBADF
		}
		defer unix.Close(got)
		sp, err := n.spaces.at(got)
		switch {
		case err == errForeign:
			return nil, errno.EPERM // netlink_ns_capable of its owner
		case err != nil:
			return nil, errno.EINVAL
		}
		return sp.net, nil
	}
}
