package socktable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"linen/uapi"
	"linen/uapi/errno"
)

// A scenario is the lines between two headings.
type scenario struct {
	title string
	lines []line
}

// A line is a call and the result that the kernel gave. Comments and empty
// lines have no words.
type line struct {
	text  string
	words []string
	want  string
}

// arrow stands between a call and its result.
const arrow = " -> "

// parse reads a table.
func parse(text string) []*scenario {
	var all []*scenario
	for text := range strings.Lines(text) {
		text = strings.TrimRight(text, "\n")
		if title, is := strings.CutPrefix(text, "# "); is {
			all = append(all, &scenario{title: title})
			continue
		}
		if len(all) == 0 {
			all = append(all, &scenario{})
		}
		s := all[len(all)-1]
		call, want, _ := strings.Cut(text, arrow)
		s.lines = append(s.lines, line{strings.TrimSpace(call), strings.Fields(call), strings.TrimSpace(want)})
	}
	return all
}

// format writes a table with results.
func format(all []*scenario, results map[string][]string) string {
	var b strings.Builder
	for _, s := range all {
		if s.title != "" {
			fmt.Fprintf(&b, "# %s\n", s.title)
		}
		for i, l := range s.lines {
			if len(l.words) == 0 {
				b.WriteString("\n")
				continue
			}
			fmt.Fprintf(&b, "%-32s%s%s\n", l.text, arrow, results[s.title][i])
		}
	}
	return b.String()
}

// A run is a scenario under way.
type run struct {
	stack
	fds  map[string]int
	port uint16 // of the last pair
}

// play runs a scenario and returns the result of each line.
func (s *scenario) play(on stack) []string {
	r := &run{stack: on, fds: map[string]int{}, port: 7000}
	defer on.end()
	results := make([]string, len(s.lines))
	for i, l := range s.lines {
		if len(l.words) == 0 {
			continue
		}
		result, err := r.call(l.words[0], l.words[1:])
		if err != nil {
			result = errName(err)
		}
		results[i] = result
		on.settle()
	}
	return results
}

// errName is an error number's name, or what is wrong with the script.
func errName(err error) string {
	if e, is := errno.Of(err); is {
		return e.Name()
	}
	var host syscall.Errno
	if errors.As(err, &host) {
		return errno.Errno(host).Name()
	}
	return "BAD LINE: " + err.Error()
}

// call does one line.
func (r *run) call(verb string, args []string) (string, error) {
	switch verb {
	case "wait":
		d, err := time.ParseDuration(args[0])
		r.wait(d)
		return "ok", err
	case "drop-caps":
		return "ok", r.dropCaps()
	case "socket":
		return r.open(args)
	case "pair":
		return "ok", r.pair(args[0], args[1])
	case "who":
		return r.who(args[0], address(args[1]), args[2:])
	}
	fd, is := r.fds[args[0]]
	if !is {
		fd = -1
	}
	if do, is := verbs[verb]; is {
		return do(r, fd, args[1:])
	}
	return "", errors.New("no such call")
}

// open makes a socket.
func (r *run) open(args []string) (string, error) {
	family, typ, proto := uapi.AF_INET, uapi.SOCK_STREAM, 0
	switch {
	case len(args) == 2 && args[1] == "udp":
		typ = uapi.SOCK_DGRAM
	case len(args) == 4:
		family, typ, proto = number(args[1]), number(args[2]), number(args[3])
	}
	fd, err := r.socket(family, typ, proto)
	if err == nil {
		r.fds[args[0]] = fd
	}
	return "ok", err
}

// pair connects two sockets over lo.
func (r *run) pair(a, b string) error {
	l, err := r.socket(uapi.AF_INET, uapi.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer r.close(l)
	r.port++
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), r.port)
	if err := errors.Join(r.bind(l, at), r.listen(l, 1)); err != nil {
		return err
	}
	if r.fds[a], err = r.socket(uapi.AF_INET, uapi.SOCK_STREAM, 0); err != nil {
		return err
	}
	if err := r.connect(r.fds[a], at); err != nil && errName(err) != "EINPROGRESS" {
		return err
	}
	r.settle()
	r.fds[b], err = r.accept(l)
	return err
}

// number reads a number or a name of uapi.
func number(s string) int {
	if v, is := names[s]; is {
		return v
	}
	v, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		panic("socktable: " + s + " is no number")
	}
	return int(v)
}

// flags adds up names.
func flags(args []string) (v int) {
	for _, a := range args {
		v |= number(a)
	}
	return v
}

// option splits "tcp.NODELAY".
func option(s string) (level, name int) {
	l, n, _ := strings.Cut(s, ".")
	return levels[l], number(l + "." + n)
}

// values are 32-bit numbers, one behind the other.
func values(args []string) (val []byte) {
	for _, a := range args {
		val = binary.NativeEndian.AppendUint32(val, uint32(number(a)))
	}
	return val
}

// address reads an address.
func address(s string) netip.AddrPort {
	if s == "unspec" {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort(s)
}

// payload reads "hello" or "1000*x".
func payload(s string) []byte {
	if n, what, is := strings.Cut(s, "*"); is {
		return []byte(strings.Repeat(what, number(n)))
	}
	return []byte(s)
}
