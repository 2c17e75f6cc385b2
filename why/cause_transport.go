package why

import (
	"fmt"

	"linen/net/skb"
	"linen/wire"
)

// multicast explains what multicast routing does not send on (ipmr_*).
func (f *facts) multicast(r skb.Reason) (cause, bool) {
	route := fmt.Sprintf("(%v, %v)", addr4(f.src), addr4(f.dst))
	daemon := "the configuration of its multicast routing daemon on " + f.node.Name
	switch r {
	case skb.ReasonTTLExpired:
		if f.dst>>28 != 0xe {
			return cause{}, false
		}
		return cause{fmt.Sprintf("its TTL is %d: below the threshold of every VIF of %s", f.ttl, route),
			"a greater TTL at the sender (IP_MULTICAST_TTL), or the thresholds that `ip mroute` shows"}, true
	case skb.ReasonMcastNoTable:
		return cause{"no rule of `ip mrule` gives a table", "ip mrule add table TABLE on " + f.node.Name}, true
	case skb.ReasonMcastNoVif:
		if f.dev == nil {
			return cause{"no VIF leads on for " + route, daemon}, true
		}
		return cause{fmt.Sprintf("%s is no VIF, or none leads on for %s", f.dev.Name(), route), daemon}, true
	case skb.ReasonMcastWrongVif:
		by := "the entry of " + route + " in `ip mroute` expects it by another VIF"
		if f.dev != nil {
			by += " than " + f.dev.Name()
		}
		return cause{by, "the unicast route back to " + addr4(f.src).String() + ", which the daemon follows"}, true
	case skb.ReasonMcastNoDaemon:
		return cause{"no entry of `ip mroute` for " + route + ", and no daemon that made one in time", daemon}, true
	case skb.ReasonMcastQueue:
		return cause{"enough packets wait for an entry of " + route, daemon}, true
	}
	return cause{}, false
}

// fragment explains pieces that make no packet.
func (f *facts) fragment(r skb.Reason) (cause, bool) {
	switch r {
	case skb.ReasonDupFrag:
		return cause{"the same bytes of the packet came before", "the sender, or a link that doubles"}, true
	case skb.ReasonFragOverlap:
		return cause{"it overlaps another fragment: all of the packet are dropped (RFC 5722)", "the sender"}, true
	case skb.ReasonFragInvalid:
		return cause{"offset, length, end or ECN contradict the packet's other fragments", "the sender"}, true
	case skb.ReasonFragTooFar:
		by := f.sysctl("net/ipv4/ipfrag_max_dist")
		return cause{by, f.set(by, "0")}, true
	case skb.ReasonICMPBad:
		return cause{"what it quotes or asks for makes no sense (RFC 1122 §3.2.2)", "its sender: it may be forged"}, true
	}
	return cause{}, false
}

// segment explains what TCP does not take.
func (f *facts) segment(r skb.Reason) (cause, bool) {
	at := fmt.Sprintf("TCP port %d", f.dport)
	switch r {
	case skb.ReasonTCPFlags:
		return cause{fmt.Sprintf("flags %#02x mean nothing to %s in its state (RFC 9293 §3.10.7)", f.flags, at), "the sender"}, true
	case skb.ReasonTCPReset:
		return cause{"a reset, which is for no or for one connection of " + at, "the sender"}, true
	case skb.ReasonTCPListenOverflow:
		by := f.sysctl("net/ipv4/tcp_max_syn_backlog") + ", " + f.sysctl("net/core/somaxconn") + " and listen(2)'s number at " + at
		return cause{by, "the program accepts too slowly, or " + f.set("net.core.somaxconn", "MORE")}, true
	case skb.ReasonTCPMinttl:
		return cause{fmt.Sprintf("its TTL is %d: below IP_MINTTL of the socket at %s", f.ttl, at), "the program's setting"}, true
	case skb.ReasonTCPMd5unexpected, skb.ReasonTCPMd5notfound, skb.ReasonTCPMd5failure:
		return cause{fmt.Sprintf("the keys (TCP_MD5SIG) that the socket at %s has for %v", at, addr4(f.src)), "the same key on both sides, or none"}, true
	case skb.ReasonTCPOverwindow, skb.ReasonTCPInvalidSequence, skb.ReasonTCPInvalidEndSequence, skb.ReasonTCPOldSequence, skb.ReasonTCPOldData,
		skb.ReasonTCPZerowindow, skb.ReasonTCPOfoDrop:
		return cause{"its sequence numbers are outside of the receive window at " + at, "nothing, where segments are sent again"}, true
	case skb.ReasonTCPInvalidAckSequence, skb.ReasonTCPAckUnsentData, skb.ReasonTCPTooOldAck, skb.ReasonTCPOldAck:
		return cause{"its acknowledgement is for no data of " + at, "the sender: it may be forged"}, true
	case skb.ReasonTCPRfc7323Paws, skb.ReasonTCPRfc7323PawsAck, skb.ReasonTCPRfc7323TwPaws, skb.ReasonTCPRfc7323Tsecr:
		return cause{"its timestamp is older than the last one at " + at + " (RFC 7323 §5)", f.sysctl("net/ipv4/tcp_timestamps")}, true
	case skb.ReasonTCPInvalidSyn:
		return cause{"a SYN in an open connection of " + at + " (RFC 5961 §4)", "the sender: it may be forged"}, true
	case skb.ReasonTCPClose, skb.ReasonTCPAbortOnData:
		return cause{"the program has closed the connection of " + at, "the program"}, true
	}
	return cause{}, false
}

// flagsOf returns the flags of a segment at its IP header; 0 when it has none.
func flagsOf(p []byte, h *wire.IPv4Hdr) uint8 {
	if n := h.IHL(); h.FragOff()&fragOffset == 0 && len(p) > n+13 {
		return p[n+13]
	}
	return 0
}

// fragOffset is the offset in the fragment field of an IPv4 header.
const fragOffset = 0x1fff
