package tcb

import (
	"encoding/binary"

	"linen/uapi"
)

// CongestionInfo returns what the algorithm tells of itself: union tcp_cc_info
// of linux/inet_diag.h, and which of the INET_DIAG_* attributes it is. CUBIC
// and Reno tell nothing.
func (c *Conn) CongestionInfo() (kind uint16, p []byte) {
	ne := binary.NativeEndian
	switch a := c.ca.alg.(type) {
	case *bbr: // struct tcp_bbr_info
		bw := uint64(a.bandwidth()) * uint64(c.send.mss) >> bbrBWShift
		p = ne.AppendUint32(p, uint32(bw))
		p = ne.AppendUint32(p, uint32(bw>>32))
		least := a.rtt
		if least == 0 {
			least = ^uint32(0)
		}
		for _, v := range []uint32{least, uint32(a.gain), uint32(a.cwndGain)} {
			p = ne.AppendUint32(p, v)
		}
		return uapi.INET_DIAG_BBRINFO, p
	case *dctcp: // struct tcp_dctcp_info
		flag := func(on bool) uint16 {
			if on {
				return 1
			}
			return 0
		}
		p = ne.AppendUint16(p, flag(a.on))
		p = ne.AppendUint16(p, flag(a.ce))
		total := uint32(c.send.delivered-a.prior) * uint32(c.send.mss)
		marked := (c.deliveredCE() - a.priorCE) * uint32(c.send.mss)
		for _, v := range []uint32{a.alpha, marked, total} {
			p = ne.AppendUint32(p, v)
		}
		return uapi.INET_DIAG_DCTCPINFO, p
	}
	return 0, nil
}
