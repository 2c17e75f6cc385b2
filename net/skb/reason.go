package skb

// A Reason says why a packet was dropped. Its String is the kernel's name
// (enum skb_drop_reason without SKB_DROP_REASON_) where the kernel has one.
type Reason uint8

// The reasons; each line's text is what Explain returns.
const (
	ReasonNotSpecified          Reason = iota // no reason was given
	ReasonNoSocket                            // no socket is bound to the destination
	ReasonSocketClose                         // the socket was closed
	ReasonSocketFilter                        // the socket's filter refused it
	ReasonSocketRcvbuff                       // the socket's receive queue is full
	ReasonUnixDisconnect                      // the peer of a local socket is gone
	ReasonPKTTooSmall                         // it is shorter than its headers
	ReasonTCPCsum                             // bad TCP checksum
	ReasonUDPCsum                             // bad UDP checksum
	ReasonNetfilterDrop                       // a netfilter hook dropped it
	ReasonOtherhost                           // its link address is another host's
	ReasonIPCsum                              // bad IPv4 header checksum
	ReasonIPInhdr                             // bad IPv4 header
	ReasonIPRpfilter                          // reverse path filter: its source is not reachable by that device
	ReasonUnicastInL2Multicast                // unicast IP in a multicast or broadcast frame
	ReasonXfrmPolicy                          // an IPsec policy refused it
	ReasonIPNoproto                           // no handler for its IP protocol
	ReasonProtoMem                            // the protocol's memory limit is reached
	ReasonTCPMd5notfound                      // an expected MD5 signature is missing
	ReasonTCPAuthHdr                          // bad authentication options
	ReasonTCPMd5unexpected                    // an MD5 signature nobody asked for
	ReasonTCPMd5failure                       // bad MD5 signature
	ReasonTCPAonotfound                       // an expected authentication option is missing
	ReasonTCPAounexpected                     // an authentication option nobody asked for
	ReasonTCPAokeynotfound                    // no key for its authentication option
	ReasonTCPAofailure                        // bad authentication option
	ReasonSocketBacklog                       // the socket's backlog is full
	ReasonTCPFlags                            // bad TCP flags for the state
	ReasonTCPAbortOnData                      // data for a closed connection
	ReasonTCPZerowindow                       // the receive window is zero
	ReasonTCPOldData                          // data received before
	ReasonTCPOverwindow                       // data beyond the receive window
	ReasonTCPOfomerge                         // out of order data merged with queued data
	ReasonTCPRfc7323Paws                      // an old timestamp
	ReasonTCPRfc7323PawsAck                   // an old timestamp on a pure ack
	ReasonTCPRfc7323TwPaws                    // an old timestamp in TIME_WAIT
	ReasonTCPRfc7323Tsecr                     // a timestamp echo never sent
	ReasonTCPListenOverflow                   // the accept queue is full
	ReasonTCPOldSequence                      // a sequence number before the window
	ReasonTCPInvalidSequence                  // a sequence number outside the window
	ReasonTCPInvalidEndSequence               // an end sequence outside the window
	ReasonTCPInvalidAckSequence               // an acknowledgement never due
	ReasonTCPReset                            // a reset ended the connection
	ReasonTCPInvalidSyn                       // an unexpected SYN
	ReasonTCPClose                            // the connection is closed
	ReasonTCPFastopen                         // a Fast Open request was refused
	ReasonTCPOldAck                           // an old acknowledgement
	ReasonTCPTooOldAck                        // a very old acknowledgement
	ReasonTCPAckUnsentData                    // it acknowledges data never sent
	ReasonTCPOfoQueuePrune                    // pruned from the out of order queue
	ReasonTCPOfoDrop                          // out of order data dropped
	ReasonIPOutnoroutes                       // no route to send it by
	ReasonBpfCgroupEgress                     // a cgroup program refused it
	ReasonIpv6disabled                        // IPv6 is disabled on the device
	ReasonNeighCreatefail                     // no neighbour entry could be made
	ReasonNeighFailed                         // the neighbour did not answer
	ReasonNeighQueuefull                      // too many packets wait for the neighbour
	ReasonNeighDead                           // the neighbour entry is dead
	ReasonNeighHhFillfail                     // the link header could not be built
	ReasonTcEgress                            // a tc egress filter dropped it
	ReasonSecurityHook                        // a security hook refused it
	ReasonQdiscDrop                           // the queueing discipline dropped it
	ReasonQdiscOverlimit                      // the queueing discipline's limit is reached
	ReasonQdiscCorrupted                      // the queueing discipline corrupted it
	ReasonCakeFlood                           // cake's flood protection
	ReasonFqBandLimit                         // fq's band limit
	ReasonFqHorizonLimit                      // fq's horizon
	ReasonFqFlowLimit                         // fq's flow limit
	ReasonCpuBacklog                          // the CPU's backlog is full
	ReasonXdp                                 // an XDP program dropped it
	ReasonTcIngress                           // a tc ingress filter dropped it
	ReasonUnhandledProto                      // no handler for its EtherType
	ReasonSkbCsum                             // its checksum could not be computed
	ReasonSkbGsoSeg                           // it could not be segmented
	ReasonSkbUcopyFault                       // it could not be copied to the program
	ReasonDevHdr                              // the device's header is bad
	ReasonDevReady                            // the device is not up
	ReasonFullRing                            // the receive ring is full
	ReasonNomem                               // out of memory
	ReasonHdrTrunc                            // its header is cut off
	ReasonTapFilter                           // the TAP filter refused it
	ReasonTapTxfilter                         // the TAP transmit filter refused it
	ReasonICMPCsum                            // bad ICMP checksum
	ReasonInvalidProto                        // a packet that its protocol does not allow
	ReasonIPInaddrerrors                      // its destination is not to be forwarded to
	ReasonIPInnoroutes                        // no route for a received packet
	ReasonIPLocalSource                       // its source is one of our addresses
	ReasonIPInvalidSource                     // its source cannot be a source
	ReasonIPLocalnet                          // a loopback address on a real device
	ReasonIPInvalidDest                       // its destination cannot be a destination
	ReasonPKTTooBig                           // it is larger than the MTU and may not be cut
	ReasonDupFrag                             // a duplicate fragment
	ReasonFragReasmTimeout                    // its other fragments did not come in time
	ReasonFragTooFar                          // it is too far behind in its stream of fragments
	ReasonTCPMinttl                           // its TTL is below the socket's minimum
	ReasonIpv6BadExthdr                       // bad IPv6 extension header
	ReasonIpv6NdiscFrag                       // a fragmented neighbour discovery message
	ReasonIpv6NdiscHopLimit                   // a neighbour discovery message that was forwarded
	ReasonIpv6NdiscBadCode                    // bad neighbour discovery code
	ReasonIpv6NdiscBadOptions                 // bad neighbour discovery options
	ReasonIpv6NdiscNsOtherhost                // a solicitation for another host
	ReasonQueuePurge                          // its queue was purged
	ReasonTcCookieError                       // tc had no memory for its notes
	ReasonPacketSockError                     // a packet socket could not take it
	ReasonTcChainNotfound                     // a tc chain is missing
	ReasonTcReclassifyLoop                    // tc reclassified it too often
	ReasonVxlanInvalidHdr                     // bad VXLAN header
	ReasonVxlanVniNotFound                    // unknown VNI
	ReasonMacInvalidSource                    // an impossible link source address
	ReasonVxlanEntryExists                    // a VXLAN entry exists
	ReasonNoTxTarget                          // no port to send it by
	ReasonIPTunnelEcn                         // ECN bits of the tunnel do not fit
	ReasonTunnelTxinfo                        // no tunnel information
	ReasonLocalMac                            // its link source address is our own
	ReasonARPPvlanDisable                     // proxy ARP for a private VLAN is off
	ReasonMacIeeeMacControl                   // a reserved link address
	ReasonBridgeIngressStpState               // the bridge port does not forward
	ReasonCanRxInvalidFrame                   // bad CAN frame
	ReasonCanfdRxInvalidFrame                 // bad CAN FD frame
	ReasonCanxlRxInvalidFrame                 // bad CAN XL frame
	ReasonPfmemalloc                          // out of reserve memory
	ReasonRecursionLimit                      // too many nested transmissions
	ReasonTTLExpired                          // its TTL ran out (linen; the kernel says NOT_SPECIFIED)
	ReasonIPForwardingOff                     // forwarding is off (linen)
	ReasonIPBlackhole                         // a blackhole route (linen)
	ReasonIPUnreachable                       // an unreachable route (linen)
	ReasonIPProhibit                          // a prohibit route or rule (linen)
	ReasonIPBadOption                         // an IP option that the settings refuse (linen)
	ReasonLinkLoss                            // lost on an impaired link (linen)
	ReasonLinkQueue                           // the impaired link's queue is full (linen)
	ReasonICMPIgnored                         // an ICMP message that the settings ignore (linen)
	ReasonICMPBad                             // an ICMP message that makes no sense (linen)
	ReasonARPInvalid                          // an ARP message that makes no sense (linen)
	ReasonARPIgnored                          // an ARP message that the settings ignore (linen)
	ReasonFragOverlap                         // overlapping fragments (linen)
	ReasonFragMem                             // too much memory in reassembly (linen)
	ReasonNetClosing                          // the namespace is closing (linen)
	ReasonBridgeFiltered                      // no bridge port may take it (linen)
	ReasonHostIo                              // the host's side did not take it (linen)
	ReasonFragInvalid                         // fragments that contradict each other (linen)
	ReasonMcastNoTable                        // no table of multicast routing decides about it (linen)
	ReasonMcastNoVif                          // no multicast interface to take it from, or to send it by (linen)
	ReasonMcastWrongVif                       // its multicast route expects it by another interface (linen)
	ReasonMcastNoDaemon                       // nobody gave a multicast route for it (linen)
	ReasonMcastQueue                          // too many packets wait for a multicast route (linen)

	NumReasons // how many there are
)

// reasons holds name and explanation, in the order of the constants.
var reasons = [NumReasons][2]string{
	{"NOT_SPECIFIED", "no reason was given"},
	{"NO_SOCKET", "no socket is bound to the destination"},
	{"SOCKET_CLOSE", "the socket was closed"},
	{"SOCKET_FILTER", "the socket's filter refused it"},
	{"SOCKET_RCVBUFF", "the socket's receive queue is full"},
	{"UNIX_DISCONNECT", "the peer of a local socket is gone"},
	{"PKT_TOO_SMALL", "it is shorter than its headers"},
	{"TCP_CSUM", "bad TCP checksum"},
	{"UDP_CSUM", "bad UDP checksum"},
	{"NETFILTER_DROP", "a netfilter hook dropped it"},
	{"OTHERHOST", "its link address is another host's"},
	{"IP_CSUM", "bad IPv4 header checksum"},
	{"IP_INHDR", "bad IPv4 header"},
	{"IP_RPFILTER", "reverse path filter: its source is not reachable by that device"},
	{"UNICAST_IN_L2_MULTICAST", "unicast IP in a multicast or broadcast frame"},
	{"XFRM_POLICY", "an IPsec policy refused it"},
	{"IP_NOPROTO", "no handler for its IP protocol"},
	{"PROTO_MEM", "the protocol's memory limit is reached"},
	{"TCP_MD5NOTFOUND", "an expected MD5 signature is missing"},
	{"TCP_AUTH_HDR", "bad authentication options"},
	{"TCP_MD5UNEXPECTED", "an MD5 signature nobody asked for"},
	{"TCP_MD5FAILURE", "bad MD5 signature"},
	{"TCP_AONOTFOUND", "an expected authentication option is missing"},
	{"TCP_AOUNEXPECTED", "an authentication option nobody asked for"},
	{"TCP_AOKEYNOTFOUND", "no key for its authentication option"},
	{"TCP_AOFAILURE", "bad authentication option"},
	{"SOCKET_BACKLOG", "the socket's backlog is full"},
	{"TCP_FLAGS", "bad TCP flags for the state"},
	{"TCP_ABORT_ON_DATA", "data for a closed connection"},
	{"TCP_ZEROWINDOW", "the receive window is zero"},
	{"TCP_OLD_DATA", "data received before"},
	{"TCP_OVERWINDOW", "data beyond the receive window"},
	{"TCP_OFOMERGE", "out of order data merged with queued data"},
	{"TCP_RFC7323_PAWS", "an old timestamp"},
	{"TCP_RFC7323_PAWS_ACK", "an old timestamp on a pure ack"},
	{"TCP_RFC7323_TW_PAWS", "an old timestamp in TIME_WAIT"},
	{"TCP_RFC7323_TSECR", "a timestamp echo never sent"},
	{"TCP_LISTEN_OVERFLOW", "the accept queue is full"},
	{"TCP_OLD_SEQUENCE", "a sequence number before the window"},
	{"TCP_INVALID_SEQUENCE", "a sequence number outside the window"},
	{"TCP_INVALID_END_SEQUENCE", "an end sequence outside the window"},
	{"TCP_INVALID_ACK_SEQUENCE", "an acknowledgement never due"},
	{"TCP_RESET", "a reset ended the connection"},
	{"TCP_INVALID_SYN", "an unexpected SYN"},
	{"TCP_CLOSE", "the connection is closed"},
	{"TCP_FASTOPEN", "a Fast Open request was refused"},
	{"TCP_OLD_ACK", "an old acknowledgement"},
	{"TCP_TOO_OLD_ACK", "a very old acknowledgement"},
	{"TCP_ACK_UNSENT_DATA", "it acknowledges data never sent"},
	{"TCP_OFO_QUEUE_PRUNE", "pruned from the out of order queue"},
	{"TCP_OFO_DROP", "out of order data dropped"},
	{"IP_OUTNOROUTES", "no route to send it by"},
	{"BPF_CGROUP_EGRESS", "a cgroup program refused it"},
	{"IPV6DISABLED", "IPv6 is disabled on the device"},
	{"NEIGH_CREATEFAIL", "no neighbour entry could be made"},
	{"NEIGH_FAILED", "the neighbour did not answer"},
	{"NEIGH_QUEUEFULL", "too many packets wait for the neighbour"},
	{"NEIGH_DEAD", "the neighbour entry is dead"},
	{"NEIGH_HH_FILLFAIL", "the link header could not be built"},
	{"TC_EGRESS", "a tc egress filter dropped it"},
	{"SECURITY_HOOK", "a security hook refused it"},
	{"QDISC_DROP", "the queueing discipline dropped it"},
	{"QDISC_OVERLIMIT", "the queueing discipline's limit is reached"},
	{"QDISC_CORRUPTED", "the queueing discipline corrupted it"},
	{"CAKE_FLOOD", "cake's flood protection"},
	{"FQ_BAND_LIMIT", "fq's band limit"},
	{"FQ_HORIZON_LIMIT", "fq's horizon"},
	{"FQ_FLOW_LIMIT", "fq's flow limit"},
	{"CPU_BACKLOG", "the CPU's backlog is full"},
	{"XDP", "an XDP program dropped it"},
	{"TC_INGRESS", "a tc ingress filter dropped it"},
	{"UNHANDLED_PROTO", "no handler for its EtherType"},
	{"SKB_CSUM", "its checksum could not be computed"},
	{"SKB_GSO_SEG", "it could not be segmented"},
	{"SKB_UCOPY_FAULT", "it could not be copied to the program"},
	{"DEV_HDR", "the device's header is bad"},
	{"DEV_READY", "the device is not up"},
	{"FULL_RING", "the receive ring is full"},
	{"NOMEM", "out of memory"},
	{"HDR_TRUNC", "its header is cut off"},
	{"TAP_FILTER", "the TAP filter refused it"},
	{"TAP_TXFILTER", "the TAP transmit filter refused it"},
	{"ICMP_CSUM", "bad ICMP checksum"},
	{"INVALID_PROTO", "a packet that its protocol does not allow"},
	{"IP_INADDRERRORS", "its destination is not to be forwarded to"},
	{"IP_INNOROUTES", "no route for a received packet"},
	{"IP_LOCAL_SOURCE", "its source is one of our addresses"},
	{"IP_INVALID_SOURCE", "its source cannot be a source"},
	{"IP_LOCALNET", "a loopback address on a real device"},
	{"IP_INVALID_DEST", "its destination cannot be a destination"},
	{"PKT_TOO_BIG", "it is larger than the MTU and may not be cut"},
	{"DUP_FRAG", "a duplicate fragment"},
	{"FRAG_REASM_TIMEOUT", "its other fragments did not come in time"},
	{"FRAG_TOO_FAR", "it is too far behind in its stream of fragments"},
	{"TCP_MINTTL", "its TTL is below the socket's minimum"},
	{"IPV6_BAD_EXTHDR", "bad IPv6 extension header"},
	{"IPV6_NDISC_FRAG", "a fragmented neighbour discovery message"},
	{"IPV6_NDISC_HOP_LIMIT", "a neighbour discovery message that was forwarded"},
	{"IPV6_NDISC_BAD_CODE", "bad neighbour discovery code"},
	{"IPV6_NDISC_BAD_OPTIONS", "bad neighbour discovery options"},
	{"IPV6_NDISC_NS_OTHERHOST", "a solicitation for another host"},
	{"QUEUE_PURGE", "its queue was purged"},
	{"TC_COOKIE_ERROR", "tc had no memory for its notes"},
	{"PACKET_SOCK_ERROR", "a packet socket could not take it"},
	{"TC_CHAIN_NOTFOUND", "a tc chain is missing"},
	{"TC_RECLASSIFY_LOOP", "tc reclassified it too often"},
	{"VXLAN_INVALID_HDR", "bad VXLAN header"},
	{"VXLAN_VNI_NOT_FOUND", "unknown VNI"},
	{"MAC_INVALID_SOURCE", "an impossible link source address"},
	{"VXLAN_ENTRY_EXISTS", "a VXLAN entry exists"},
	{"NO_TX_TARGET", "no port to send it by"},
	{"IP_TUNNEL_ECN", "ECN bits of the tunnel do not fit"},
	{"TUNNEL_TXINFO", "no tunnel information"},
	{"LOCAL_MAC", "its link source address is our own"},
	{"ARP_PVLAN_DISABLE", "proxy ARP for a private VLAN is off"},
	{"MAC_IEEE_MAC_CONTROL", "a reserved link address"},
	{"BRIDGE_INGRESS_STP_STATE", "the bridge port does not forward"},
	{"CAN_RX_INVALID_FRAME", "bad CAN frame"},
	{"CANFD_RX_INVALID_FRAME", "bad CAN FD frame"},
	{"CANXL_RX_INVALID_FRAME", "bad CAN XL frame"},
	{"PFMEMALLOC", "out of reserve memory"},
	{"RECURSION_LIMIT", "too many nested transmissions"},
	{"TTL_EXPIRED", "its TTL ran out (linen; the kernel says NOT_SPECIFIED)"},
	{"IP_FORWARDING_OFF", "forwarding is off (linen)"},
	{"IP_BLACKHOLE", "a blackhole route (linen)"},
	{"IP_UNREACHABLE", "an unreachable route (linen)"},
	{"IP_PROHIBIT", "a prohibit route or rule (linen)"},
	{"IP_BAD_OPTION", "an IP option that the settings refuse (linen)"},
	{"LINK_LOSS", "lost on an impaired link (linen)"},
	{"LINK_QUEUE", "the impaired link's queue is full (linen)"},
	{"ICMP_IGNORED", "an ICMP message that the settings ignore (linen)"},
	{"ICMP_BAD", "an ICMP message that makes no sense (linen)"},
	{"ARP_INVALID", "an ARP message that makes no sense (linen)"},
	{"ARP_IGNORED", "an ARP message that the settings ignore (linen)"},
	{"FRAG_OVERLAP", "overlapping fragments (linen)"},
	{"FRAG_MEM", "too much memory in reassembly (linen)"},
	{"NET_CLOSING", "the namespace is closing (linen)"},
	{"BRIDGE_FILTERED", "no bridge port may take it (linen)"},
	{"HOST_IO", "the host's side did not take it (linen)"},
	{"FRAG_INVALID", "fragments that contradict each other (linen)"},
	{"MCAST_NO_TABLE", "no table of multicast routing decides about it (linen)"},
	{"MCAST_NO_VIF", "no multicast interface to take it from, or to send it by (linen)"},
	{"MCAST_WRONG_VIF", "its multicast route expects it by another interface (linen)"},
	{"MCAST_NO_DAEMON", "nobody gave a multicast route for it (linen)"},
	{"MCAST_QUEUE", "too many packets wait for a multicast route (linen)"},
}

// String returns the reason's name, such as "NO_SOCKET".
func (r Reason) String() string {
	if r >= NumReasons {
		return "UNKNOWN"
	}
	return reasons[r][0]
}

// Explain returns what the reason means, in a few words.
func (r Reason) Explain() string {
	if r >= NumReasons {
		return "an unknown reason"
	}
	return reasons[r][1]
}

// ParseReason returns the reason called name, and whether there is one.
func ParseReason(name string) (Reason, bool) {
	for r := range NumReasons {
		if reasons[r][0] == name {
			return r, true
		}
	}
	return 0, false
}
