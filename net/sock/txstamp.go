package sock

import (
	"linen/kern"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// TxTimestamp implements skb.TxStamper: the error queue gets a copy of the
// packet as the device sees it, or with SOF_TIMESTAMPING_OPT_TSONLY only the
// time (__skb_complete_tx_timestamp).
func (s *Sock) TxTimestamp(c *kern.CPU, b *skb.Buff, bit uint8) {
	flags := s.TSFlags.Load()
	var o *skb.Buff
	if flags&uapi.SOF_TIMESTAMPING_OPT_TSONLY != 0 {
		o = skb.Alloc(c, 64)
	} else if Of(s.net).Sysctl.TstampAllowData.Bool() {
		o = b.Copy(c)
		o.Sock, o.TSTxFlags = nil, 0
		o.SetOwner(nil)
	} else {
		return
	}
	o.Tstamp = c.Now()
	e := ExtErr{Errno: errno.ENOMSG, Origin: uapi.SO_EE_ORIGIN_TIMESTAMPING, Info: uapi.SCM_TSTAMP_SND}
	if bit == skb.TSTxSched {
		e.Info = uapi.SCM_TSTAMP_SCHED
	}
	if flags&uapi.SOF_TIMESTAMPING_OPT_ID != 0 {
		e.Data = b.TSKey
	}
	if !s.QueueError(c, o, e) {
		o.Consume(c)
	}
}

// TxFlags turns the SOF_TIMESTAMPING_TX_* bits of a send into a packet's, and
// numbers it when the socket asked for that: with key if the send named one
// (SCM_TS_OPT_ID), else with the next (sock_tx_timestamp).
func (s *Sock) TxFlags(b *skb.Buff, ts, key uint32, named bool) {
	if ts&(uapi.SOF_TIMESTAMPING_TX_SOFTWARE|uapi.SOF_TIMESTAMPING_TX_SCHED) == 0 {
		return
	}
	if ts&uapi.SOF_TIMESTAMPING_TX_SOFTWARE != 0 {
		b.TSTxFlags |= skb.TSTxSoftware
	}
	if ts&uapi.SOF_TIMESTAMPING_TX_SCHED != 0 {
		b.TSTxFlags |= skb.TSTxSched
	}
	switch {
	case s.TSFlags.Load()&uapi.SOF_TIMESTAMPING_OPT_ID == 0:
	case named:
		b.TSKey = key
	default:
		b.TSKey = s.TSKey()
	}
}
