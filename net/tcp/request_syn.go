package tcp

import "linen/net/skb"

// ecnMask is the ECN field of the TOS, which is the connection's own.
const ecnMask = 3

// likeSyn chooses mark and TOS of a connection: the listener's, or those of the
// SYN b (tcp_fwmark_accept, when the listener has no mark; tcp_reflect_tos).
func (r *request) likeSyn(b *skb.Buff) {
	r.mark, r.tos = r.l.Mark.Load(), r.l.TOS()
	y := &r.l.st.sys.more
	if r.mark == 0 && y.fwmarkAccept.Bool() {
		r.mark = b.Mark
	}
	if y.reflectTOS.Bool() {
		r.tos = r.tos&ecnMask | b.Network()[1]&^ecnMask
	}
}

// passOn gives the connection a what its SYN decided.
func (r *request) passOn(a *Sock) {
	a.Mark.Store(r.mark)
	if r.opts != nil {
		a.SetIPOptions(r.opts)
	}
	if r.l.st.sys.more.reflectTOS.Bool() {
		a.ReflectTOS(r.tos)
	}
}
