package why

import (
	"fmt"
	"net/netip"
	"strconv"

	"linen/uapi"
)

// A Query is the question of a dry run.
type Query struct {
	From string
	Flow Flow
}

// queryUsage is what ParseQuery takes.
const queryUsage = "NODE DST [from SRC] [iif DEV] [proto N] [tos N] [mark N] [ttl N] [size N] [df] [back], or NODE tcp|udp SRC:PORT DST:PORT ..., or NODE icmp SRC DST ..."

// ParseQuery reads the words of a dry run:
//
//	NODE DST
//	NODE DST from SRC [iif DEV]
//	NODE tcp|udp [SRC:PORT] DST:PORT
//	NODE icmp [SRC] DST
//
// each with proto N, tos N, mark N, ttl N, size BYTES, df and back (walk the
// answer too) behind. ok is false when the words are no such question but may
// be a filter for the live view: a node alone, or one followed by something
// that is no address.
func ParseQuery(args []string) (q Query, ok bool, err error) {
	if len(args) < 2 {
		return q, false, nil
	}
	q.From = args[0]
	rest := args[1:]
	switch proto, known := protoNames[rest[0]]; {
	case known && len(rest) > 1 && isEnd(rest[1]):
		q.Flow.Proto = proto
		rest, err = q.Flow.ends(rest[1:])
	case isEnd(rest[0]):
		q.Flow.Dst, _, err = parseEnd(rest[0], false)
		rest = rest[1:]
	default:
		return q, false, nil
	}
	if err == nil {
		err = q.Flow.options(rest)
	}
	if err != nil {
		return q, true, fmt.Errorf("%w\nusage: %s", err, queryUsage)
	}
	return q, true, nil
}

// isEnd reports whether s is an address, perhaps with a port.
func isEnd(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(s)
	return err == nil
}

// parseEnd reads an address, and a port where there may be one.
func parseEnd(s string, port bool) (a netip.Addr, p uint16, err error) {
	if ap, err := netip.ParseAddrPort(s); err == nil && port {
		return ap.Addr().Unmap(), ap.Port(), nil
	}
	if a, err = netip.ParseAddr(s); err != nil {
		return a, 0, fmt.Errorf("%q is not an address", s)
	}
	return a.Unmap(), 0, nil
}

// ends reads the destination, or source and destination.
func (f *Flow) ends(words []string) (rest []string, err error) {
	port := f.Proto == uapi.IPPROTO_TCP || f.Proto == uapi.IPPROTO_UDP
	if f.Dst, f.DPort, err = parseEnd(words[0], port); err != nil {
		return nil, err
	}
	words = words[1:]
	if len(words) > 0 && isEnd(words[0]) {
		f.Src, f.SPort = f.Dst, f.DPort
		if f.Dst, f.DPort, err = parseEnd(words[0], port); err != nil {
			return nil, err
		}
		words = words[1:]
	}
	if f.Src.IsValid() && f.Src.IsUnspecified() {
		f.Src = netip.Addr{}
	}
	return words, nil
}

// options reads what stands behind the addresses.
func (f *Flow) options(words []string) error {
	for len(words) > 0 {
		key := words[0]
		words = words[1:]
		switch key {
		case "df":
			f.DF = true
			continue
		case "back":
			f.Back = true
			continue
		}
		if len(words) == 0 {
			return fmt.Errorf("%q: a value is missing, or the word is not known", key)
		}
		if err := f.option(key, words[0]); err != nil {
			return err
		}
		words = words[1:]
	}
	return nil
}

func (f *Flow) option(key, v string) (err error) {
	number := func(bits int) uint64 {
		var n uint64
		if n, err = strconv.ParseUint(v, 0, bits); err != nil {
			err = fmt.Errorf("%s: %q is not a number of %d bits", key, v, bits)
		}
		return n
	}
	switch key {
	case "from":
		f.Src, f.SPort, err = parseEnd(v, true)
	case "iif", "dev":
		f.IIF = v
	case "tos":
		f.TOS = uint8(number(8))
	case "mark":
		f.Mark = uint32(number(32))
	case "proto":
		f.Proto = uint8(number(8))
	case "ttl":
		f.TTL = uint8(number(8))
	case "size":
		if f.Size = int(number(16)); err == nil && f.Size < 20 {
			err = fmt.Errorf("size: an IP packet has at least 20 bytes")
		}
	default:
		err = fmt.Errorf("%q is not known here", key)
	}
	return err
}
