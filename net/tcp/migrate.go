package tcp

import (
	"cmp"
	"maps"
	"slices"

	"linen/kern"
	"linen/net/inet"
	"linen/net/mib"
	"linen/uapi"
)

// migrate gives the connections that nobody accepted, and the requests, of a
// listener that ends to others of g, the SO_REUSEPORT group that it has left or nil,
// if tcp_migrate_req says so (reuseport_migrate_sock). The caller owns s, has taken
// it from the table of listeners and is on no CPU.
//
// Owning another listener meanwhile is safe: that one was in the table after s
// had left it, so it never waits for s.
func (s *Sock) migrate(g *inet.Group) {
	l := s.listen()
	if g == nil || !s.st.sys.more.migrateReq.Bool() || len(l.queue)+len(l.requests) == 0 {
		return
	}
	var done, failed uint64
	count := func(ok bool) {
		if ok {
			done++
		} else {
			failed++
		}
	}
	left := l.queue[:0]
	for _, a := range l.queue {
		ok := a.fast.from == nil && s.toHeir(g, &a.node, func(o *Sock) { o.adopt(a) })
		if !ok {
			left = append(left, a)
		}
		count(ok)
	}
	clear(l.queue[len(left):])
	l.queue = left
	for _, r := range slices.SortedFunc(maps.Keys(l.requests), byPeer) {
		count(s.toHeir(g, &r.node, r.moveTo))
	}
	c := s.st.n.Kernel().Enter(kern.Any)
	s.st.mib.Add(c, mib.TCPExtTCPMigrateReqSuccess, done)
	s.st.mib.Add(c, mib.TCPExtTCPMigrateReqFailure, failed)
	c.Exit()
}

// byPeer makes the order of migration the same each time.
func byPeer(x, y *request) int {
	return cmp.Or(cmp.Compare(x.raddr, y.raddr), cmp.Compare(x.rport, y.rport), cmp.Compare(x.laddr, y.laddr))
}

// toHeir calls take with the member of g that the connection's hash chooses, owned
// and listening; false: there is none.
func (s *Sock) toHeir(g *inet.Group, v *node, take func(o *Sock)) bool {
	hash := s.st.connKey(v.laddr, v.lport, v.raddr, v.rport)
	for {
		c := s.st.n.Kernel().Enter(kern.Any)
		heir := g.Choose(c, hash, nil, 0)
		c.Exit()
		if heir == nil {
			return false
		}
		o := heir.Self().(*Sock)
		o.Lock()
		if o.State() == uapi.TCP_LISTEN {
			take(o)
			o.Unlock()
			return true
		}
		o.Unlock() // it ended just now, and is in the group no more
	}
}

// adopt queues a connection of another listener; its limit does not count here
// (inet_csk_listen_stop). The caller owns s.
func (s *Sock) adopt(a *Sock) {
	l := s.listen()
	l.queue = append(l.queue, a)
	l.ready.Add(1)
	s.Notify(nil, uapi.POLLIN|uapi.POLLRDNORM)
}

// moveTo makes o the listener of a copy of r in r's place (inet_reqsk_clone). The
// caller owns both listeners.
func (r *request) moveTo(o *Sock) {
	st := o.st
	v := &request{
		q: r.q, l: o, rt: r.rt, from: r.from, retries: r.retries, stamps: r.stamps, spoke: r.spoke, acked: r.acked,
		sentAt: r.sentAt, mark: r.mark, tos: r.tos, syn: r.syn, cookie: r.cookie, cookieExp: r.cookieExp,
	}
	v.node = node{laddr: r.laddr, raddr: r.raddr, lport: r.lport, rport: r.rport, dev: r.dev, req: v}
	v.timer.InitHandler(st.n.Kernel(), v)
	at := r.timer.Expires()
	r.gone = true
	r.timer.Stop()
	delete(r.l.listen().requests, r)
	o.listen().requests[v] = struct{}{}
	st.bind.Lock()
	st.conns.Remove(&r.node.entry)
	st.insert(&v.node)
	st.bind.Unlock()
	v.timer.Set(at)
}
