package conversation

import (
	"fmt"
	"strconv"
	"strings"

	"linen/wire"
)

// A Segment is what a line of a script says of one, or what one on the wire is
// like. Numbers are relative to their sender's initial sequence number.
type Segment struct {
	Flags uint16
	Seq   uint32
	Len   int
	Ack   uint32
	Win   int // -1: not said
	Urg   int // -1: not said
	TTL   int // -1: not said
	ID    int // -1: not said
	Port  int // the host's; 0: not said
	ECN   int // of the IP header; -1: not said
	DF    bool
	// HasAck says that Ack was said.
	HasAck bool
	// HasOptions says that options were listed; they are in their normal form.
	HasOptions bool
	Options    []string
}

// flagNames are in the order of their bits, from the lowest.
var flagNames = [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"}

// ecnNames are the codepoints of RFC 3168 by their number.
var ecnNames = [...]string{"none", "ect1", "ect0", "ce"}

func parseFlags(word string) (flags uint16, err error) {
	if word == "-" {
		return 0, nil
	}
next:
	for _, name := range strings.Split(word, ",") {
		for i, f := range flagNames {
			if f == name {
				flags |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("no flag %q", name)
	}
	return flags, nil
}

func flagText(flags uint16) string {
	var names []string
	for _, f := range [...]int{1, 2, 0, 3, 5, 6, 7, 8, 4} { // ACK last
		if flags>>f&1 != 0 {
			names = append(names, flagNames[f])
		}
	}
	if names == nil {
		return "-"
	}
	return strings.Join(names, ",")
}

// parse reads a segment's words.
func (s *Segment) parse(words []string, host bool) error {
	if len(words) < 2 {
		return fmt.Errorf("want: FLAGS NUMBER[+LENGTH] and more words")
	}
	*s = Segment{Win: -1, Urg: -1, TTL: -1, ID: -1, ECN: -1}
	var err error
	if s.Flags, err = parseFlags(words[0]); err != nil {
		return err
	}
	seq, n, data := strings.Cut(words[1], "+")
	if s.Seq, err = number(seq); err != nil {
		return err
	}
	if data {
		if s.Len, err = strconv.Atoi(n); err != nil || s.Len < 1 || s.Len > 9000 {
			return fmt.Errorf("%q is no length", n)
		}
	}
	words = words[2:]
	for len(words) > 0 {
		if words[0] == "[" {
			return s.parseOptions(words[1:], host)
		}
		if words[0] == "df" {
			s.DF, words = true, words[1:]
			continue
		}
		if len(words) < 2 {
			return fmt.Errorf("%q needs a value", words[0])
		}
		if err := s.attribute(words[0], words[1]); err != nil {
			return err
		}
		words = words[2:]
	}
	return nil
}

// number reads a sequence number, which may be in front of the initial one.
func number(word string) (uint32, error) {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n < -1<<31 || n >= 1<<32 {
		return 0, fmt.Errorf("%q is no number", word)
	}
	return uint32(n), nil
}

func (s *Segment) attribute(name, value string) error {
	if name == "ecn" {
		for i, n := range ecnNames {
			if n == value {
				s.ECN = i
				return nil
			}
		}
		return fmt.Errorf("no ECN codepoint %q", value)
	}
	if name == "ack" {
		var err error
		s.Ack, err = number(value)
		s.HasAck = true
		return err
	}
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return err
	}
	switch {
	case name == "win":
		s.Win = int(n)
	case name == "urg":
		s.Urg = int(n)
	case name == "ttl" && n < 256:
		s.TTL = int(n)
	case name == "id":
		s.ID = int(n)
	case name == "port" && n > 0:
		s.Port = int(n)
	default:
		return fmt.Errorf("%s %s is unknown", name, value)
	}
	return nil
}

func (s *Segment) parseOptions(words []string, host bool) error {
	s.HasOptions = true
	if len(words) == 0 || words[len(words)-1] != "]" {
		return fmt.Errorf("the options end with ]")
	}
	words = words[:len(words)-1]
	for len(words) > 0 {
		end := 0
		for end < len(words) && words[end] != "," {
			end++
		}
		if end == len(words)-1 {
			return fmt.Errorf("an option follows a comma")
		}
		o := strings.Join(words[:end], " ")
		if _, err := encodeOption(nil, o, &flow{}); err != nil && !(host && strings.Contains(o, "*")) {
			return err
		}
		s.Options = append(s.Options, o)
		words = words[min(end+1, len(words)):]
	}
	return nil
}

// String returns a segment as scripts write it.
func (s *Segment) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", flagText(s.Flags), int32(s.Seq))
	if s.Len > 0 {
		fmt.Fprintf(&b, "+%d", s.Len)
	}
	if s.HasAck {
		fmt.Fprintf(&b, " ack %d", int32(s.Ack))
	}
	for _, f := range []struct {
		name string
		v    int
	}{{"win", s.Win}, {"urg", s.Urg}, {"ttl", s.TTL}, {"id", s.ID}} {
		if f.v >= 0 {
			fmt.Fprintf(&b, " %s %d", f.name, f.v)
		}
	}
	if s.ECN >= 0 {
		fmt.Fprintf(&b, " ecn %s", ecnNames[s.ECN])
	}
	if s.DF {
		b.WriteString(" df")
	}
	if s.Port > 0 {
		fmt.Fprintf(&b, " port %d", s.Port)
	}
	if s.HasOptions {
		fmt.Fprintf(&b, " [%s]", strings.Join(s.Options, ", "))
	}
	return b.String()
}

// differs says in what a segment of the host's is not what a script says, "" when
// it is.
func (s *Segment) differs(got *Segment) string {
	same := func(want, got int) bool { return want < 0 || want == got }
	switch {
	case s.Flags != got.Flags:
		return "flags"
	case s.Seq != got.Seq || s.Len != got.Len:
		return "numbers"
	case s.HasAck && (s.Ack != got.Ack || !got.HasAck):
		return "ack"
	case !same(s.Win, got.Win):
		return "window"
	case !same(s.Urg, got.Urg):
		return "urgent pointer"
	case !same(s.TTL, got.TTL):
		return "TTL"
	case !same(s.ID, got.ID):
		return "id"
	case !same(s.ECN, got.ECN):
		return "ECN"
	case s.DF && !got.DF:
		return "DF"
	case s.Port != 0 && s.Port != got.Port:
		return "port"
	case !s.optionsMatch(got.Options):
		return "options"
	}
	return ""
}

func (s *Segment) optionsMatch(got []string) bool {
	if !s.HasOptions {
		for _, o := range got {
			if name, _, _ := strings.Cut(o, " "); name != "nop" && name != "ts" {
				return false
			}
		}
		return true
	}
	if len(got) != len(s.Options) {
		return false
	}
	for i, o := range s.Options {
		want, have := strings.Fields(o), strings.Fields(got[i])
		if len(want) != len(have) {
			return false
		}
		for j, w := range want {
			if w != "*" && w != have[j] {
				return false
			}
		}
	}
	return true
}

// brief is a host's segment without what a script rarely needs to say.
func (s *Segment) brief() *Segment {
	b := *s
	b.TTL, b.ID, b.Port, b.DF = -1, -1, 0, false
	if b.Urg == 0 {
		b.Urg = -1
	}
	if b.ECN == 0 {
		b.ECN = -1
	}
	if s.Flags&wire.TCPSyn == 0 && s.Win != 0 {
		b.Win = -1
	}
	b.Options = append([]string(nil), s.Options...)
	for i, o := range b.Options {
		if w := strings.Fields(o); w[0] == "ts" {
			b.Options[i] = "ts * " + w[2]
		} else if len(w) == 2 && w[0] == "tfo" && s.Flags&wire.TCPAck != 0 {
			b.Options[i] = "tfo *"
		}
	}
	b.HasOptions = len(b.Options) > 0
	return &b
}
