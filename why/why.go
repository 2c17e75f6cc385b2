// Package why explains what happens to packets: live, from the drop reasons
// and trace points of the stack, and beforehand, by walking the way that a
// packet would go without sending it.
//
//	w := why.NewWatcher(nodes, filter)     events, as they happen
//	why.Walk(nodes, query)                 the steps that a packet would take
//
// Both speak in [Event]s and name causes with the same words ([skb.Reason]) and
// the same settings (cause.go), so that what the dry run predicts and what the
// live view shows can be compared word for word. A [History] adds who set what
// decided: the command of a lab file or of a program.
//
// Sources of the words: enum skb_drop_reason of Linux, ip-sysctl, the output
// of tcpdump(1) -n and of ip(8). Not done: IPv6, connection tracking, what
// user-space queues decide; a netfilter hook is named, its verdict is not
// predicted.
package why

import (
	"net/netip"
	"time"

	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
)

// A Node is a namespace with the name that people know it by.
type Node struct {
	Name string
	Net  *netns.Net
}

// A Kind says what an Event is.
type Kind string

// The kinds.
const (
	KindStep   Kind = "step"   // a decision was made
	KindDrop   Kind = "drop"   // the packet ended
	KindRefuse Kind = "refuse" // there is no packet: the sender gets an error
	KindArrive Kind = "arrive" // a dry run's packet is where it should be
	KindLeave  Kind = "leave"  // a dry run's packet goes where nobody here can see
)

// An Event is one thing that happened, or would happen, to a packet. Its JSON
// form is stable; fields that say nothing are left out.
type Event struct {
	Time    time.Time `json:"time,omitzero"`     // live only; the node's clock
	Node    string    `json:"node"`              // where
	Device  string    `json:"device,omitempty"`  // which interface, if any
	Kind    Kind      `json:"kind"`              // what this is
	Point   skb.Point `json:"point,omitempty"`   // steps: the place in the stack
	Verdict string    `json:"verdict,omitempty"` // steps: what was decided, in a word
	By      string    `json:"by,omitempty"`      // what decided: a route, a rule, a setting with its value
	SetBy   string    `json:"set_by,omitempty"`  // the command that set it, where known
	Reason  string    `json:"reason,omitempty"`  // drops: the kernel's name
	Explain string    `json:"explain,omitempty"` // drops: the reason in a few words
	Change  string    `json:"change,omitempty"`  // drops: what to change
	Answer  string    `json:"answer,omitempty"`  // drops: the ICMP message that the sender gets, or its errno
	Packet  *Packet   `json:"packet,omitempty"`  // which packet
	ID      uint64    `json:"id,omitempty"`      // live only: the same for the steps of one packet
}

// A Packet is what is known of a packet.
type Packet struct {
	Proto string     `json:"proto"` // "udp", "tcp", "icmp", "arp", ... or the number
	Src   netip.Addr `json:"src,omitzero"`
	Dst   netip.Addr `json:"dst,omitzero"`
	SPort uint16     `json:"sport,omitempty"`
	DPort uint16     `json:"dport,omitempty"`
	Len   int        `json:"len"`  // bytes, without the link header
	Text  string     `json:"text"` // as tcpdump -n prints it
}

// protoNames are the protocols that filters and queries know by name.
var protoNames = map[string]uint8{
	"icmp": uapi.IPPROTO_ICMP, "igmp": uapi.IPPROTO_IGMP, "tcp": uapi.IPPROTO_TCP, "udp": uapi.IPPROTO_UDP,
}

// addr4 turns a number in host order into an address.
func addr4(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

// num4 turns an IPv4 address into a number in host order; 0 for others.
func num4(a netip.Addr) uint32 {
	if a = a.Unmap(); !a.Is4() {
		return 0
	}
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}
