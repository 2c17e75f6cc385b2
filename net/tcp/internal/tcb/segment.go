package tcb

// Flags of a segment, as in the header.
const (
	Fin = 0x01
	Syn = 0x02
	Rst = 0x04
	Psh = 0x08
	Ack = 0x10
	Urg = 0x20
	Ece = 0x40
	Cwr = 0x80
)

// A Segment is one that arrived. Super-segments of several MSS are fine.
type Segment struct {
	Seq, Ack uint32
	Flags    uint16
	Window   uint16 // as in the header, not scaled
	Urg      uint16 // urgent pointer
	Len      int    // payload bytes
	MSS      int    // payload of one packet of a super-segment, or 0
	ECN      uint8  // low bits of the TOS: 3 is CE
	Opt      Options
	// Payload is the caller's handle on the payload.
	Payload any
}

// end is the sequence number behind the segment.
func (s *Segment) end() uint32 {
	n := s.Seq + uint32(s.Len)
	if s.Flags&Syn != 0 {
		n++
	}
	if s.Flags&Fin != 0 {
		n++
	}
	return n
}

// An Out is a segment to send. Len bytes from Seq on are its payload (from
// Seq+1 with SYN). It is reused: look at it during Emit only.
type Out struct {
	Seq, Ack uint32
	Flags    uint16
	Window   uint16
	Urg      uint16
	Len      int
	MSS      int  // payload bytes of a packet; less than Len makes a super-segment
	ECT      bool // ECT(0) in the IP header
	Retrans  bool
	OptLen   int
	Opt      [maxOptLen]byte
}

// maxOptLen is the most that the data offset can tell (RFC 9293 §3.1).
const maxOptLen = 40

// Reason says why a segment was not of use.
type Reason uint8

// The reasons.
const (
	OK          Reason = iota // it was used
	BadFlags                  // neither ACK, SYN nor RST
	OldData                   // received before
	OverWindow                // beyond the window
	ZeroWindow                // data for a window of zero
	OldSequence               // before the window
	BadSequence               // outside the window
	PAWS                      // an old timestamp
	PAWSAck                   // an old timestamp on a reordered ack
	TSEcr                     // a timestamp echo never sent
	BadAck                    // an acknowledgement never due
	AckUnsent                 // it acknowledges what was not sent
	TooOldAck                 // a very old acknowledgement
	Reset                     // a reset that was believed
	BadSyn                    // an unexpected SYN
	Closed                    // the connection is closed
	AbortOnData               // data for a socket that is closed
	OfoDrop                   // out of order, and no room
	OfoPrune                  // taken out of the queue for lack of room
	NoMemory                  // the buffer is full
	NumReasons
)

// A Stat names a counter of TcpExt or Tcp.
type Stat uint8

// The counters.
const (
	StatPAWSEstab Stat = iota
	StatPAWSOldAck
	StatBeyondWindow
	StatDelayedACKs
	StatDelayedACKLost
	StatPureAcks
	StatRenoRecovery
	StatSackRecovery
	StatSACKReneging
	StatSACKReorder
	StatFullUndo
	StatPartialUndo
	StatDSACKUndo
	StatLossUndo
	StatLostRetransmit
	StatFastRetrans
	StatSlowStartRetrans
	StatTimeouts
	StatLossProbes
	StatLossProbeRecovery
	StatDSACKOldSent
	StatDSACKOfoSent
	StatDSACKRecv
	StatDSACKRecvSegs
	StatDSACKOfoRecv
	StatSpuriousRTOs
	StatOFOQueue
	StatOFODrop
	StatOFOMerge
	StatOfoPruned
	StatChallengeACK
	StatSYNChallenge
	StatFromZeroWindowAdv
	StatToZeroWindowAdv
	StatWantZeroWindowAdv
	StatSynRetrans
	StatOrigDataSent
	StatRetransSegs
	StatWinProbe
	StatKeepAlive
	StatDelivered
	StatDeliveredCE
	StatZeroWindowDrop
	StatAbortOnData
	StatAbortOnTimeout
	StatSkippedSeq
	StatSkippedPAWS
	StatSkippedChallenge
	StatEstabResets
	StatAttemptFails
	StatMTUPSuccess
	StatMTUPFail
	StatRcvPruned
	StatRcvQDrop
	StatFastOpenActive
	StatFastOpenActiveFail
	StatAutoCorking
	StatHystartTrain
	StatHystartTrainCwnd
	StatHystartDelay
	StatHystartDelayCwnd
	StatAckCompressed
	NumStats
)
