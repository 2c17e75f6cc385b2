package mib

// Every counter of /proc/net/snmp and /proc/net/netstat, in the order and with
// the names of Linux 6.18. ICMP messages by type are Table.ICMPMsg's.

// An ID names one counter of a namespace.
type ID uint16

// Line Ip: SNMP group ip, RFC 1213.
const (
	IPInReceives ID = iota
	IPInHdrErrors
	IPInAddrErrors
	IPForwDatagrams
	IPInUnknownProtos
	IPInDiscards
	IPInDelivers
	IPOutRequests
	IPOutDiscards
	IPOutNoRoutes
	IPReasmTimeout
	IPReasmReqds
	IPReasmOKs
	IPReasmFails
	IPFragOKs
	IPFragFails
	IPFragCreates
	IPOutTransmits
)

// Line Icmp: SNMP group icmp, RFC 1213.
const (
	ICMPInMsgs ID = iota + 18
	ICMPInErrors
	ICMPInCsumErrors
	ICMPInDestUnreachs
	ICMPInTimeExcds
	ICMPInParmProbs
	ICMPInSrcQuenchs
	ICMPInRedirects
	ICMPInEchos
	ICMPInEchoReps
	ICMPInTimestamps
	ICMPInTimestampReps
	ICMPInAddrMasks
	ICMPInAddrMaskReps
	ICMPOutMsgs
	ICMPOutErrors
	ICMPOutRateLimitGlobal
	ICMPOutRateLimitHost
	ICMPOutDestUnreachs
	ICMPOutTimeExcds
	ICMPOutParmProbs
	ICMPOutSrcQuenchs
	ICMPOutRedirects
	ICMPOutEchos
	ICMPOutEchoReps
	ICMPOutTimestamps
	ICMPOutTimestampReps
	ICMPOutAddrMasks
	ICMPOutAddrMaskReps
)

// Line Tcp: SNMP group tcp, RFC 1213.
const (
	TCPActiveOpens ID = iota + 47
	TCPPassiveOpens
	TCPAttemptFails
	TCPEstabResets
	TCPCurrEstab
	TCPInSegs
	TCPOutSegs
	TCPRetransSegs
	TCPInErrs
	TCPOutRsts
	TCPInCsumErrors
)

// Line Udp: SNMP group udp, RFC 1213.
const (
	UDPInDatagrams ID = iota + 58
	UDPNoPorts
	UDPInErrors
	UDPOutDatagrams
	UDPRcvbufErrors
	UDPSndbufErrors
	UDPInCsumErrors
	UDPIgnoredMulti
	UDPMemErrors
)

// Line UdpLite: UDP-Lite, RFC 3828.
const (
	UDPLiteInDatagrams ID = iota + 67
	UDPLiteNoPorts
	UDPLiteInErrors
	UDPLiteOutDatagrams
	UDPLiteRcvbufErrors
	UDPLiteSndbufErrors
	UDPLiteInCsumErrors
	UDPLiteIgnoredMulti
	UDPLiteMemErrors
)

// Line TcpExt: Linux's own TCP counters, enum LINUX_MIB_*.
const (
	TCPExtSyncookiesSent ID = iota + 76
	TCPExtSyncookiesRecv
	TCPExtSyncookiesFailed
	TCPExtEmbryonicRsts
	TCPExtPruneCalled
	TCPExtRcvPruned
	TCPExtOfoPruned
	TCPExtOutOfWindowIcmps
	TCPExtLockDroppedIcmps
	TCPExtArpFilter
	TCPExtTW
	TCPExtTWRecycled
	TCPExtTWKilled
	TCPExtPAWSActive
	TCPExtPAWSEstab
	TCPExtBeyondWindow
	TCPExtTSEcrRejected
	TCPExtPAWSOldAck
	TCPExtPAWSTimewait
	TCPExtDelayedACKs
	TCPExtDelayedACKLocked
	TCPExtDelayedACKLost
	TCPExtListenOverflows
	TCPExtListenDrops
	TCPExtTCPHPHits
	TCPExtTCPPureAcks
	TCPExtTCPHPAcks
	TCPExtTCPRenoRecovery
	TCPExtTCPSackRecovery
	TCPExtTCPSACKReneging
	TCPExtTCPSACKReorder
	TCPExtTCPRenoReorder
	TCPExtTCPTSReorder
	TCPExtTCPFullUndo
	TCPExtTCPPartialUndo
	TCPExtTCPDSACKUndo
	TCPExtTCPLossUndo
	TCPExtTCPLostRetransmit
	TCPExtTCPRenoFailures
	TCPExtTCPSackFailures
	TCPExtTCPLossFailures
	TCPExtTCPFastRetrans
	TCPExtTCPSlowStartRetrans
	TCPExtTCPTimeouts
	TCPExtTCPLossProbes
	TCPExtTCPLossProbeRecovery
	TCPExtTCPRenoRecoveryFail
	TCPExtTCPSackRecoveryFail
	TCPExtTCPRcvCollapsed
	TCPExtTCPBacklogCoalesce
	TCPExtTCPDSACKOldSent
	TCPExtTCPDSACKOfoSent
	TCPExtTCPDSACKRecv
	TCPExtTCPDSACKOfoRecv
	TCPExtTCPAbortOnData
	TCPExtTCPAbortOnClose
	TCPExtTCPAbortOnMemory
	TCPExtTCPAbortOnTimeout
	TCPExtTCPAbortOnLinger
	TCPExtTCPAbortFailed
	TCPExtTCPMemoryPressures
	TCPExtTCPMemoryPressuresChrono
	TCPExtTCPSACKDiscard
	TCPExtTCPDSACKIgnoredOld
	TCPExtTCPDSACKIgnoredNoUndo
	TCPExtTCPSpuriousRTOs
	TCPExtTCPMD5NotFound
	TCPExtTCPMD5Unexpected
	TCPExtTCPMD5Failure
	TCPExtTCPSackShifted
	TCPExtTCPSackMerged
	TCPExtTCPSackShiftFallback
	TCPExtTCPBacklogDrop
	TCPExtPFMemallocDrop
	TCPExtTCPMinTTLDrop
	TCPExtTCPDeferAcceptDrop
	TCPExtIPReversePathFilter
	TCPExtTCPTimeWaitOverflow
	TCPExtTCPReqQFullDoCookies
	TCPExtTCPReqQFullDrop
	TCPExtTCPRetransFail
	TCPExtTCPRcvCoalesce
	TCPExtTCPOFOQueue
	TCPExtTCPOFODrop
	TCPExtTCPOFOMerge
	TCPExtTCPChallengeACK
	TCPExtTCPSYNChallenge
	TCPExtTCPFastOpenActive
	TCPExtTCPFastOpenActiveFail
	TCPExtTCPFastOpenPassive
	TCPExtTCPFastOpenPassiveFail
	TCPExtTCPFastOpenListenOverflow
	TCPExtTCPFastOpenCookieReqd
	TCPExtTCPFastOpenBlackhole
	TCPExtTCPSpuriousRtxHostQueues
	TCPExtBusyPollRxPackets
	TCPExtTCPAutoCorking
	TCPExtTCPFromZeroWindowAdv
	TCPExtTCPToZeroWindowAdv
	TCPExtTCPWantZeroWindowAdv
	TCPExtTCPSynRetrans
	TCPExtTCPOrigDataSent
	TCPExtTCPHystartTrainDetect
	TCPExtTCPHystartTrainCwnd
	TCPExtTCPHystartDelayDetect
	TCPExtTCPHystartDelayCwnd
	TCPExtTCPACKSkippedSynRecv
	TCPExtTCPACKSkippedPAWS
	TCPExtTCPACKSkippedSeq
	TCPExtTCPACKSkippedFinWait2
	TCPExtTCPACKSkippedTimeWait
	TCPExtTCPACKSkippedChallenge
	TCPExtTCPWinProbe
	TCPExtTCPKeepAlive
	TCPExtTCPMTUPFail
	TCPExtTCPMTUPSuccess
	TCPExtTCPDelivered
	TCPExtTCPDeliveredCE
	TCPExtTCPAckCompressed
	TCPExtTCPZeroWindowDrop
	TCPExtTCPRcvQDrop
	TCPExtTCPWqueueTooBig
	TCPExtTCPFastOpenPassiveAltKey
	TCPExtTcpTimeoutRehash
	TCPExtTcpDuplicateDataRehash
	TCPExtTCPDSACKRecvSegs
	TCPExtTCPDSACKIgnoredDubious
	TCPExtTCPMigrateReqSuccess
	TCPExtTCPMigrateReqFailure
	TCPExtTCPPLBRehash
	TCPExtTCPAORequired
	TCPExtTCPAOBad
	TCPExtTCPAOKeyNotFound
	TCPExtTCPAOGood
	TCPExtTCPAODroppedIcmps
)

// Line IpExt: Linux's own IP counters, enum IPSTATS_MIB_*.
const (
	IPExtInNoRoutes ID = iota + 211
	IPExtInTruncatedPkts
	IPExtInMcastPkts
	IPExtOutMcastPkts
	IPExtInBcastPkts
	IPExtOutBcastPkts
	IPExtInOctets
	IPExtOutOctets
	IPExtInMcastOctets
	IPExtOutMcastOctets
	IPExtInBcastOctets
	IPExtOutBcastOctets
	IPExtInCsumErrors
	IPExtInNoECTPkts
	IPExtInECT1Pkts
	IPExtInECT0Pkts
	IPExtInCEPkts
	IPExtReasmOverlaps
)

// NumIDs is the number of counters.
const NumIDs ID = 229
