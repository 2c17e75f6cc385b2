package tcp

import (
	"cmp"
	"maps"
	"slices"

	"linen/kern"
	"linen/net/mib"
	"linen/net/sock"
	"linen/uapi"
)

// migrate gives the connections that nobody accepted, and the requests, of a
// listener that ends to others of its SO_REUSEPORT group, if tcp_migrate_req says
// so (reuseport_migrate_sock). The caller owns s, has taken it from the table of
// listeners and is on no CPU.
//
// Owning another listener meanwhile is safe: that one was in the table after s
// had left it, so it never waits for s.
func (s *Sock) migrate() {
	l := s.listen()
	if !s.st.sys.more.migrateReq.Bool() || !s.Has(sock.FlagReusePort) || len(l.queue)+len(l.requests) == 0 {
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
		ok := a.fast.from == nil && s.toHeir(&a.node, func(o *Sock) { o.adopt(a) })
		if !ok {
			left = append(left, a)
		}
		count(ok)
	}
	clear(l.queue[len(left):])
	l.queue = left
	for _, r := range slices.SortedFunc(maps.Keys(l.requests), byPeer) {
		count(s.toHeir(&r.node, r.moveTo))
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

// toHeir calls take with the member of s's group that the connection's hash
// chooses, owned and listening; false: there is none.
func (s *Sock) toHeir(v *node, take func(o *Sock)) bool {
	hash := s.st.connKey(v.laddr, v.lport, v.raddr, v.rport)
	for {
		group := s.group()
		if len(group) == 0 {
			return false
		}
		o := group[uint64(hash)*uint64(len(group))>>32]
		o.Lock()
		if o.State() == uapi.TCP_LISTEN {
			take(o)
			o.Unlock()
			return true
		}
		o.Unlock() // it ended just now, and is in the table no more
	}
}

// group lists the listeners that share s's address, port and device.
func (s *Sock) group() (out []*Sock) {
	s.st.bind.Lock()
	defer s.st.bind.Unlock()
	for n := s.st.listeners.First(s.Num.Load()); n != nil; n = n.Next() {
		o := n.Value
		if o != s && o.SharesPort(&s.Sock) && o.RcvAddr.Load() == s.RcvAddr.Load() && o.BoundDev.Load() == s.BoundDev.Load() {
			out = append(out, o)
		}
	}
	return out
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
