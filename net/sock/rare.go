package sock

import "sync/atomic"

// rare is what few sockets use: it is made when first written to.
type rare struct {
	opts options
	// How long the wrappers block, in ns; 0: for ever, atOnce: not at all.
	rcvTimeo, sndTimeo atomic.Int64
	omem               atomic.Int64                    // option memory
	lastStamp          atomic.Int64                    // SIOCGSTAMP: ktime of the last packet handed out
	inode              atomic.Uint64                   // of the program's descriptor, or 0
	sigurg             atomic.Pointer[func(owner int)] // OnUrgent
	fown               atomic.Int32                    // FIOSETOWN: a process, or a group with its sign changed; 0: nobody
	tsKey              atomic.Uint32                   // SOF_TIMESTAMPING_OPT_ID's counter
	zcKey              uint32                          // the next send's number in MSG_ZEROCOPY's completions; queues.mu guards it
}

// extra returns the rare part, to be written to.
func (s *Sock) extra() *rare {
	for {
		if r := s.rare.Load(); r != nil {
			return r
		}
		s.rare.CompareAndSwap(nil, new(rare))
	}
}

// options returns the less busy options, to be read. The caller owns s.
func (s *Sock) options() options {
	if r := s.rare.Load(); r != nil {
		return r.opts
	}
	return options{}
}

// timeouts are SO_RCVTIMEO and SO_SNDTIMEO in ns; 0: for ever, atOnce: not at
// all.
func (s *Sock) timeouts() (rcv, snd int64) {
	if r := s.rare.Load(); r != nil {
		return r.rcvTimeo.Load(), r.sndTimeo.Load()
	}
	return 0, 0
}

// optionMemory is what ChargeOption has accounted.
func (s *Sock) optionMemory() int64 {
	if r := s.rare.Load(); r != nil {
		return r.omem.Load()
	}
	return 0
}
