package pcap

import (
	"encoding/binary"

	"linen/kern"
	"linen/lib/pcapng"
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/skb"
)

// sink records what a namespace drops.
type sink struct {
	r      *Recorder
	source int
}

// Trace is not recorded.
func (*sink) Trace(*kern.CPU, *netns.Net, *skb.Buff, skb.Event) {}

// sll2Len is the length of a cooked header, version 2.
const sll2Len = 20

// Drop records a packet from its network header on behind a cooked header,
// which says the interface and the EtherType: it may have come to its end
// anywhere in the stack.
func (s *sink) Drop(c *kern.CPU, _ *netns.Net, b *skb.Buff, reason skb.Reason) {
	var head [sll2Len]byte
	binary.BigEndian.PutUint16(head[0:], b.Protocol)
	head[10] = b.PktType
	if b.Dev != nil {
		d := dev.Of(b)
		binary.BigEndian.PutUint32(head[4:], uint32(d.Ifindex()))
		binary.BigEndian.PutUint16(head[8:], d.Type)
		addr := d.HeaderSource(b)
		head[11] = byte(copy(head[12:], addr))
	}
	rec := record{source: s.source, at: c.Now(), network: sll2Len, direction: direction(b.PktType), proto: b.Protocol, drop: true, reason: reason}
	o := b.Clone(c)
	o.Orphan(c)
	if off := o.NetworkOff(); o.Network() != nil && off < 0 {
		o.Push(-off)
	} else if o.Network() != nil && off > 0 && o.MayPull(off) {
		o.Pull(off)
	}
	o.CompleteCsum()
	s.r.add(c, rec, o, head[:])
	o.Consume(c)
}

func direction(kind uint8) pcapng.Direction {
	if kind == skb.PacketOutgoing {
		return pcapng.Outbound
	}
	return pcapng.Inbound
}
