package tcp

import (
	"linen/kern"
	"linen/net/inet"
	"linen/net/mib"
	"linen/wire"
)

// icmpError ends a request that cannot reach its peer.
func (r *request) icmpError(c *kern.CPU, e inet.ICMPErr, seq uint32) {
	l := r.l
	free := l.BHLock()
	defer l.BHUnlock()
	if free && !r.gone && seq != r.q.ISS {
		l.st.mib.Inc(c, mib.TCPExtOutOfWindowIcmps)
		return
	}
	hard := e.Type == wire.ICMPParamProb || e.Type == wire.ICMPTimeExceeded ||
		e.Type == wire.ICMPDestUnreach && (e.Code == wire.ICMPNetUnreach || e.Code == wire.ICMPHostUnreach)
	if free && !r.gone && hard { // removed silently: accept never tells of it
		l.st.mib.Inc(c, mib.TCPExtListenDrops)
		r.drop()
	}
}
