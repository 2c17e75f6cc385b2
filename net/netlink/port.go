package netlink

import (
	"encoding/binary"
	"slices"
	"sync"

	"linen/kern"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// Options of a Port, set by SetOption (the NETLINK_* socket options).
type Option uint8

// The options.
const (
	OptPktInfo   Option = iota // NETLINK_PKTINFO
	OptBcastErr                // NETLINK_BROADCAST_ERROR
	OptNoENOBUFS               // NETLINK_NO_ENOBUFS
	OptAllNSID                 // NETLINK_LISTEN_ALL_NSID
	OptCapAck                  // NETLINK_CAP_ACK
	OptExtAck                  // NETLINK_EXT_ACK
	OptStrict                  // NETLINK_GET_STRICT_CHK
	numOptions
)

// A Datagram is what a Port received.
type Datagram struct {
	Data  []byte // one or more messages; not to be changed
	From  uint32 // the sender's port; 0: the kernel
	Group int    // the multicast group it came by, or 0
	NSID  int32  // id of the namespace it came from; -1: the Port's own
	Creds *Creds // the sender's
}

type datagram struct {
	data  []byte
	from  uint32
	group int
	nsid  int32
	creds *Creds
	size  int // charged
}

// A Port is one netlink socket: it sends requests, queues what is sent to it,
// and pulls its dump. A closed Port takes nothing.
type Port struct {
	n    *netns.Net
	link *link
	wake func(c *kern.CPU)

	mu        sync.Mutex
	id        uint32
	bound     bool
	closed    bool
	groups    []uint64 // bitmap, bit group-1
	options   [numOptions]bool
	queue     []datagram
	head      int // of queue
	charged   int // rmem
	rcvbuf    int
	maxRead   int // the largest buffer it was read with
	congested bool
	err       errno.Errno
	drops     uint32
	dump      *Dump
	filter    func(data []byte) int
	dumping   sync.Mutex // one page at a time
}

func (l *link) unused() { _ = slices.Max[[]int]; _ = binary.NativeEndian; _ = uapi.AF_UNSPEC }

// ID returns the port id, or 0 before it is bound.
func (p *Port) ID() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id
}

func (p *Port) deliver(c *kern.CPU, d datagram) {}

// StartDump begins the dump that r asks for: fn writes it page by page. split
// sends NLMSG_DONE in a datagram of its own. The handler returns its result.
// Error: EBUSY while another dump of the requester runs.
func (r *Request) StartDump(fn DumpFunc, split bool) error { return errno.EBUSY }

// Notify sends the finished m to a group of the protocol in n, see rtnl.Notify.
// c is the CPU the caller is on, or nil.
func Notify(c *kern.CPU, n *netns.Net, proto, group int, m *Msg, r *Request) {}

func (t *Table) multicast(c *kern.CPU, proto, group int, data []byte, except uint32) {}

func listenersElsewhere(n *netns.Net) bool { return false }
