package tcp

import (
	"linen/kern"
	"linen/net/mib"
	"linen/net/skb"
	"linen/net/tcp/internal/tcb"
)

// statIDs are the counters that the machine names.
var statIDs = [tcb.NumStats]mib.ID{
	tcb.StatPAWSEstab: mib.TCPExtPAWSEstab, tcb.StatPAWSOldAck: mib.TCPExtPAWSOldAck,
	tcb.StatBeyondWindow: mib.TCPExtBeyondWindow, tcb.StatDelayedACKs: mib.TCPExtDelayedACKs, tcb.StatDelayedACKLost: mib.TCPExtDelayedACKLost,
	tcb.StatPureAcks:     mib.TCPExtTCPPureAcks,
	tcb.StatRenoRecovery: mib.TCPExtTCPRenoRecovery, tcb.StatSackRecovery: mib.TCPExtTCPSackRecovery, tcb.StatSACKReneging: mib.TCPExtTCPSACKReneging,
	tcb.StatSACKReorder: mib.TCPExtTCPSACKReorder,
	tcb.StatFullUndo:    mib.TCPExtTCPFullUndo, tcb.StatPartialUndo: mib.TCPExtTCPPartialUndo, tcb.StatDSACKUndo: mib.TCPExtTCPDSACKUndo,
	tcb.StatLossUndo: mib.TCPExtTCPLossUndo, tcb.StatLostRetransmit: mib.TCPExtTCPLostRetransmit, tcb.StatFastRetrans: mib.TCPExtTCPFastRetrans,
	tcb.StatSlowStartRetrans: mib.TCPExtTCPSlowStartRetrans, tcb.StatTimeouts: mib.TCPExtTCPTimeouts, tcb.StatLossProbes: mib.TCPExtTCPLossProbes,
	tcb.StatLossProbeRecovery: mib.TCPExtTCPLossProbeRecovery, tcb.StatDSACKOldSent: mib.TCPExtTCPDSACKOldSent, tcb.StatDSACKOfoSent: mib.TCPExtTCPDSACKOfoSent,
	tcb.StatDSACKRecv: mib.TCPExtTCPDSACKRecv, tcb.StatDSACKRecvSegs: mib.TCPExtTCPDSACKRecvSegs, tcb.StatDSACKOfoRecv: mib.TCPExtTCPDSACKOfoRecv,
	tcb.StatSpuriousRTOs: mib.TCPExtTCPSpuriousRTOs, tcb.StatOFOQueue: mib.TCPExtTCPOFOQueue, tcb.StatOFODrop: mib.TCPExtTCPOFODrop,
	tcb.StatOFOMerge: mib.TCPExtTCPOFOMerge, tcb.StatOfoPruned: mib.TCPExtOfoPruned, tcb.StatChallengeACK: mib.TCPExtTCPChallengeACK,
	tcb.StatSYNChallenge: mib.TCPExtTCPSYNChallenge, tcb.StatFromZeroWindowAdv: mib.TCPExtTCPFromZeroWindowAdv,
	tcb.StatToZeroWindowAdv: mib.TCPExtTCPToZeroWindowAdv, tcb.StatWantZeroWindowAdv: mib.TCPExtTCPWantZeroWindowAdv,
	tcb.StatSynRetrans: mib.TCPExtTCPSynRetrans, tcb.StatOrigDataSent: mib.TCPExtTCPOrigDataSent, tcb.StatRetransSegs: mib.TCPRetransSegs,
	tcb.StatWinProbe: mib.TCPExtTCPWinProbe, tcb.StatKeepAlive: mib.TCPExtTCPKeepAlive, tcb.StatDelivered: mib.TCPExtTCPDelivered,
	tcb.StatDeliveredCE: mib.TCPExtTCPDeliveredCE, tcb.StatZeroWindowDrop: mib.TCPExtTCPZeroWindowDrop, tcb.StatAbortOnData: mib.TCPExtTCPAbortOnData,
	tcb.StatAbortOnTimeout: mib.TCPExtTCPAbortOnTimeout,
	tcb.StatSkippedSeq:     mib.TCPExtTCPACKSkippedSeq, tcb.StatSkippedPAWS: mib.TCPExtTCPACKSkippedPAWS, tcb.StatSkippedChallenge: mib.TCPExtTCPACKSkippedChallenge, tcb.StatEstabResets: mib.TCPEstabResets, tcb.StatAttemptFails: mib.TCPAttemptFails,
	tcb.StatMTUPSuccess: mib.TCPExtTCPMTUPSuccess, tcb.StatMTUPFail: mib.TCPExtTCPMTUPFail,
	tcb.StatRcvPruned: mib.TCPExtRcvPruned, tcb.StatRcvQDrop: mib.TCPExtTCPRcvQDrop,
	tcb.StatFastOpenActive: mib.TCPExtTCPFastOpenActive, tcb.StatFastOpenActiveFail: mib.TCPExtTCPFastOpenActiveFail,
	tcb.StatHystartTrain: mib.TCPExtTCPHystartTrainDetect, tcb.StatHystartTrainCwnd: mib.TCPExtTCPHystartTrainCwnd,
	tcb.StatHystartDelay: mib.TCPExtTCPHystartDelayDetect, tcb.StatHystartDelayCwnd: mib.TCPExtTCPHystartDelayCwnd,
	tcb.StatAutoCorking:   mib.TCPExtTCPAutoCorking,
	tcb.StatAckCompressed: mib.TCPExtTCPAckCompressed,
}

// reasonOf are the drop reasons that the machine names.
var reasonOf = [tcb.NumReasons]skb.Reason{
	tcb.OK: skb.ReasonNotSpecified, tcb.BadFlags: skb.ReasonTCPFlags, tcb.OldData: skb.ReasonTCPOldData, tcb.OverWindow: skb.ReasonTCPOverwindow,
	tcb.ZeroWindow: skb.ReasonTCPZerowindow, tcb.OldSequence: skb.ReasonTCPOldSequence, tcb.BadSequence: skb.ReasonTCPInvalidSequence, tcb.PAWS: skb.ReasonTCPRfc7323Paws, tcb.PAWSAck: skb.ReasonTCPRfc7323PawsAck,
	tcb.TSEcr: skb.ReasonTCPRfc7323Tsecr, tcb.BadAck: skb.ReasonTCPInvalidAckSequence, tcb.AckUnsent: skb.ReasonTCPAckUnsentData,
	tcb.TooOldAck: skb.ReasonTCPTooOldAck, tcb.Reset: skb.ReasonTCPReset, tcb.BadSyn: skb.ReasonTCPInvalidSyn,
	tcb.Closed: skb.ReasonTCPClose, tcb.AbortOnData: skb.ReasonTCPAbortOnData, tcb.OfoDrop: skb.ReasonTCPOfoDrop, tcb.OfoPrune: skb.ReasonTCPOfoQueuePrune,
	tcb.NoMemory: skb.ReasonProtoMem,
}

// outOfWindow is why a request refuses a segment: an old timestamp, or its place
// (tcp_check_req).
func outOfWindow(paws bool) skb.Reason {
	if paws {
		return skb.ReasonTCPRfc7323Paws
	}
	return skb.ReasonTCPOverwindow
}

// countResent counts a SYN-ACK that is sent again (tcp_rtx_synack).
func (st *State) countResent(c *kern.CPU) {
	st.mib.Inc(c, mib.TCPRetransSegs)
	st.mib.Inc(c, mib.TCPExtTCPSynRetrans)
}
