// Package pcapng writes capture files in the pcapng format and reads these and
// the classic pcap format.
//
// The writer makes section header, interface description, enhanced packet,
// name resolution and interface statistics blocks, little-endian, time stamps
// in nanoseconds; the same calls give the same bytes. The reader takes either
// byte order, any time resolution and unknown blocks and options; its memory is
// bounded whatever the file says.
//
// Source: draft-ietf-opsawg-pcapng, draft-ietf-opsawg-pcap. Not here: decryption
// secrets, custom and systemd blocks (skipped when read).
package pcapng

import "net/netip"

// Link types (LINKTYPE_* of the tcpdump registry) that linen captures.
const (
	LinkNull     = 0   // BSD loopback
	LinkEthernet = 1   //
	LinkRaw      = 101 // IPv4 or IPv6 without a link header
	LinkLinuxSLL = 113 // cooked, version 1
	LinkNetlink  = 253
	LinkSLL2     = 276 // cooked, version 2
)

// Types of blocks.
const (
	blockSHB = 0x0a0d0d0a
	blockIDB = 1
	blockPB  = 2 // obsolete packet block; read only
	blockSPB = 3 // simple packet block; read only
	blockNRB = 4
	blockISB = 5
	blockEPB = 6
)

// Codes of options.
const (
	optEnd         = 0
	optComment     = 1
	optSHBHardware = 2
	optSHBOS       = 3
	optSHBApp      = 4
	optIfName      = 2
	optIfDesc      = 3
	optIfMAC       = 6
	optIfTsResol   = 9
	optIfTsOffset  = 14
	optEPBFlags    = 2
	optEPBDrops    = 4
	optISBStart    = 2
	optISBEnd      = 3
	optISBRecv     = 4
	optISBDrop     = 5
	optISBOSDrop   = 7
	optISBDeliv    = 8
)

const (
	byteOrderMagic = 0x1a2b3c4d
	nameIPv4       = 1
	nameIPv6       = 2
)

// Direction is the low two bits of a packet's flags.
type Direction uint32

// Directions, as seen by the interface.
const (
	Unknown  Direction = 0
	Inbound  Direction = 1
	Outbound Direction = 2
)

// Section says where a capture comes from; empty fields are left out.
type Section struct {
	Hardware, OS, App, Comment string
}

// Interface is an interface that packets were captured at.
type Interface struct {
	Name, Description string
	LinkType          uint16
	SnapLen           uint32 // bytes; 0 is no limit
	MAC               []byte // 6 bytes, or none
}

// Packet is a captured packet.
type Packet struct {
	Interface int   // as Writer.AddInterface returned it; 0 in classic pcap
	Time      int64 // nanoseconds since 1970
	Data      []byte
	OrigLen   int    // bytes on the wire; 0 means len(Data) when writing
	Flags     uint32 // epb_flags; Direction is part of it
	Drops     uint64 // epb_dropcount: packets lost since the one before; 0 is left out
	Comments  []string
}

// Dir returns the direction of the packet.
func (p *Packet) Dir() Direction { return Direction(p.Flags & 3) }

// Name is a record of a name resolution block.
type Name struct {
	Addr  netip.Addr
	Names []string
}

// Stats is an interface statistics block. Times are nanoseconds since 1970;
// zero fields but Time are left out.
type Stats struct {
	Time, Start, End                    int64
	Received, Dropped, OSDropped, Taken uint64
}
