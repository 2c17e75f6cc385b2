package ipv4

import (
	"fmt"

	"linen/wire"
)

// ICMPName returns a message in the words of tcpdump: "net unreachable".
func ICMPName(typ, code uint8) string {
	switch typ {
	case wire.ICMPEchoReply:
		return "echo reply"
	case wire.ICMPEcho:
		return "echo request"
	case wire.ICMPRedirect:
		return "redirect to host"
	case wire.ICMPParamProb:
		return "parameter problem"
	case wire.ICMPTimeExceeded:
		if code == wire.ICMPExcFragTime {
			return "ip reassembly time exceeded"
		}
		return "time exceeded in-transit"
	case wire.ICMPDestUnreach:
		if name := unreachText(code); name != "" {
			return name
		}
	}
	return fmt.Sprintf("type %d code %d", typ, code)
}

// unreachText names a code of "destination unreachable", or returns "".
func unreachText(code uint8) string {
	switch code {
	case wire.ICMPNetUnreach:
		return "net unreachable"
	case wire.ICMPHostUnreach:
		return "host unreachable"
	case wire.ICMPProtUnreach:
		return "protocol unreachable"
	case wire.ICMPPortUnreach:
		return "port unreachable"
	case wire.ICMPFragNeeded:
		return "need to frag"
	case wire.ICMPSrFailed:
		return "source route failed"
	case wire.ICMPPktFiltered:
		return "admin prohibited"
	}
	return ""
}
