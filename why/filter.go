package why

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"linen/net/skb"
)

// A Filter chooses events. The zero Filter takes all.
type Filter struct {
	root expr
	text string
}

// Match reports whether f takes e.
func (f Filter) Match(e *Event) bool { return f.root == nil || f.root(e) }

// String returns the filter as it was written.
func (f Filter) String() string { return f.text }

// expr is one node of a filter.
type expr func(e *Event) bool

// A FilterError says what is wrong with a filter, and where.
type FilterError struct {
	Text string // the whole filter
	Pos  int    // the byte in it that is wrong
	Msg  string
}

// Error returns the message with the filter and a caret below the place.
func (e *FilterError) Error() string {
	return fmt.Sprintf("%s\n  %s\n  %s^", e.Msg, e.Text, strings.Repeat(" ", e.Pos))
}

// Limits of a filter: what a person writes is far below.
const (
	maxFilterLen   = 4096
	maxFilterDepth = 64
)

// ParseFilter reads a filter in the manner of pcap-filter(7):
//
//	[src|dst] host ADDR[/LEN]   (the word host may be left out behind src, dst)
//	[src|dst] port N
//	tcp | udp | icmp | arp | igmp
//	reason NAME                 as the kernel calls it: NO_SOCKET
//	node NAME, dev NAME, point NAME
//	drops                       packets that ended, sends that were refused
//
// combined with and, or, not (&&, ||, !) and parentheses; not binds tightest,
// and and or have one strength and group from the left. An empty filter takes
// all. The error is a *FilterError.
func ParseFilter(text string) (Filter, error) {
	p := &filterParser{text: text}
	if len(text) > maxFilterLen {
		return Filter{}, &FilterError{Text: text[:40] + "...", Msg: "the filter is too long"}
	}
	for i := range len(text) {
		if text[i] >= 0x7f || text[i] < ' ' && text[i] != '\t' && text[i] != '\n' {
			return Filter{}, &FilterError{Text: strconv.QuoteToASCII(text), Msg: "a filter is plain text"}
		}
	}
	p.text = strings.NewReplacer("\t", " ", "\n", " ").Replace(text)
	p.next()
	if p.word == "" {
		return Filter{text: text}, nil
	}
	e := p.or(0)
	if p.err == nil && p.word != "" {
		p.fail("expected and, or, or the end")
	}
	if p.err != nil {
		return Filter{}, p.err
	}
	return Filter{root: e, text: text}, nil
}

// filterParser is a recursive-descent parser; the first error stays.
type filterParser struct {
	text string
	pos  int // behind word
	at   int // of word
	word string
	err  error
}

// next moves to the next word; "" is the end.
func (p *filterParser) next() {
	for p.pos < len(p.text) && p.text[p.pos] == ' ' {
		p.pos++
	}
	p.at = p.pos
	rest := p.text[p.pos:]
	switch {
	case rest == "":
	case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"):
		p.pos += 2
	case strings.IndexByte("()!", rest[0]) >= 0:
		p.pos++
	default:
		n := strings.IndexAny(rest, " ()!&|")
		if n < 0 {
			n = len(rest)
		}
		p.pos += max(n, 1)
	}
	p.word = p.text[p.at:p.pos]
}

func (p *filterParser) fail(format string, args ...any) expr {
	if p.err == nil {
		p.err = &FilterError{Text: p.text, Pos: p.at, Msg: fmt.Sprintf(format, args...)}
	}
	return nil
}

// or reads terms joined by and and or.
func (p *filterParser) or(depth int) expr {
	left := p.term(depth)
	for p.err == nil {
		word := p.word
		switch word {
		case "and", "&&", "or", "||":
		default:
			return left
		}
		p.next()
		a, b := left, p.term(depth)
		if word == "and" || word == "&&" {
			left = func(e *Event) bool { return a(e) && b(e) }
		} else {
			left = func(e *Event) bool { return a(e) || b(e) }
		}
	}
	return left
}

// term reads one primitive, a negation or a parenthesis.
func (p *filterParser) term(depth int) expr {
	if depth > maxFilterDepth {
		return p.fail("nested too deeply")
	}
	switch p.word {
	case "not", "!":
		p.next()
		x := p.term(depth + 1)
		return func(e *Event) bool { return !x(e) }
	case "(":
		p.next()
		x := p.or(depth + 1)
		if p.err == nil && p.word != ")" {
			return p.fail("expected )")
		}
		p.next()
		return x
	}
	return p.primitive()
}

// primitive reads one test.
func (p *filterParser) primitive() expr {
	word := p.word
	switch word {
	case "src", "dst":
		p.next()
		return p.ends(word)
	case "host", "port":
		return p.ends("")
	case "drops":
		p.next()
		return func(e *Event) bool { return e.Kind == KindDrop || e.Kind == KindRefuse }
	case "arp", "tcp", "udp", "icmp", "igmp":
		p.next()
		return func(e *Event) bool { return e.Packet != nil && e.Packet.Proto == word }
	case "reason":
		return p.reason()
	case "node", "dev", "point":
		p.next()
		v := p.take("a name")
		return func(e *Event) bool {
			return v == map[string]string{"node": e.Node, "dev": e.Device, "point": string(e.Point)}[word]
		}
	case "":
		return p.fail("the filter ends too early")
	}
	return p.fail("%q is no part of a filter: host, src, dst, port, tcp, udp, icmp, arp, igmp, reason, node, dev, point, drops", word)
}

// take returns the present word as a value and moves on.
func (p *filterParser) take(what string) string {
	v := p.word
	if v == "" || strings.Contains("()!&&||", v) {
		p.fail("expected %s", what)
		return ""
	}
	p.next()
	return v
}

// reason reads a drop reason's name, in any case.
func (p *filterParser) reason() expr {
	p.next()
	at := p.at
	name := strings.TrimPrefix(strings.ToUpper(p.take("the name of a drop reason")), "SKB_DROP_REASON_")
	if p.err != nil {
		return nil
	}
	if _, ok := skb.ParseReason(name); !ok {
		p.at = at
		return p.fail("there is no drop reason %q", name)
	}
	return func(e *Event) bool { return e.Reason == name }
}

// ends reads host or port behind src, dst or nothing.
func (p *filterParser) ends(dir string) expr {
	if p.word == "port" {
		p.next()
		at := p.at
		n, err := strconv.ParseUint(p.take("a port"), 10, 16)
		if err != nil && p.err == nil {
			p.at = at
			return p.fail("a port is a number from 0 to 65535")
		}
		port := uint16(n)
		return func(e *Event) bool {
			k := e.Packet
			return k != nil && hasPorts(k) && (dir != "dst" && k.SPort == port || dir != "src" && k.DPort == port)
		}
	}
	if p.word == "host" {
		p.next()
	}
	at := p.at
	v := p.take("an address")
	if p.err != nil {
		return nil
	}
	net, err := parseNet(v)
	if err != nil {
		p.at = at
		return p.fail("%q is not an address", v)
	}
	return func(e *Event) bool {
		k := e.Packet
		return k != nil && (dir != "dst" && net.Contains(k.Src) || dir != "src" && net.Contains(k.Dst))
	}
}

func hasPorts(k *Packet) bool { return k.Proto == "udp" || k.Proto == "tcp" }

// parseNet reads an address, or a prefix.
func parseNet(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		return netip.ParsePrefix(s)
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}
