package conversation

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"linen/uapi"
)

// A Script is a parsed conversation.
type Script struct {
	About   string      // what it shows
	MTU     int         // of the link; 0: 1500
	Sysctls [][2]string // set before the first step
	Metrics [][2]uint32 // of a route to the peer: RTAX_* and value; none: it has none
	Steps   []Step
}

// A Kind says what a step is.
type Kind int

// The kinds of steps.
const (
	Call Kind = iota // a socket call
	Peer             // a segment to the host
	Host             // a segment that must come from it
	ICMP             // an ICMP error to the host
	Anew             // forget the connection's numbers
	Wait             // silence
)

// A Step is one event.
type Step struct {
	Line int    // its number in the file
	Text string // as written
	Kind Kind

	Flow    int           // which connection
	After   time.Duration // of a Wait, and of a Host: since the event before
	Segment Segment
	ICMP    Unreachable
	Call    Invocation
}

// Unreachable is an ICMP error.
type Unreachable struct {
	Type, Code uint8
	MTU        uint16
	Seq        uint32 // of the quoted segment, relative
	HasSeq     bool
}

// Parse reads a script. The error names the line.
func Parse(text string) (*Script, error) {
	s := &Script{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := s.line(i+1, line); err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", i+1, line, err)
		}
	}
	if s.About == "" {
		return nil, fmt.Errorf("a script says first what it is about")
	}
	return s, nil
}

func (s *Script) line(number int, line string) error {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	st := Step{Line: number, Text: line}
	who, flow, _ := strings.Cut(word, ".")
	switch {
	case word == "about":
		s.About = strings.TrimSpace(s.About + " " + rest)
		return nil
	case word == "mtu":
		n, err := strconv.Atoi(rest)
		if err != nil || n < 68 || n > 9000 {
			return fmt.Errorf("not an MTU")
		}
		s.MTU = n
		return nil
	case word == "sysctl":
		name, value, ok := strings.Cut(rest, " ")
		if !ok || len(s.Steps) > 0 || strings.Contains(name, "/") {
			return fmt.Errorf("want: sysctl name value, in front of all events")
		}
		s.Sysctls = append(s.Sysctls, [2]string{name, strings.TrimSpace(value)})
		return nil
	case word == "metric":
		return s.metric(rest)
	case word == "wait":
		d, err := duration(rest)
		st.Kind, st.After = Wait, d
		s.Steps = append(s.Steps, st)
		return err
	case (who == "peer" || who == "host") && !strings.Contains(flow, "("):
		if err := st.said(who, flow, strings.Fields(spaced(rest))); err != nil {
			return err
		}
	default:
		c, err := parseCall(line)
		if err != nil {
			return err
		}
		st.Call = c
	}
	s.Steps = append(s.Steps, st)
	return nil
}

// metrics are those of routes by ip-route(8)'s names.
var metrics = map[string]uint32{"features": uapi.RTAX_FEATURES, "fastopen_no_cookie": uapi.RTAX_FASTOPEN_NO_COOKIE}

// metric reads a metric of the route to the peer.
func (s *Script) metric(words string) error {
	name, value, _ := strings.Cut(words, " ")
	v, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
	if err != nil || metrics[name] == 0 || len(s.Steps) > 0 {
		return fmt.Errorf("want: metric NAME NUMBER, in front of all events")
	}
	s.Metrics = append(s.Metrics, [2]uint32{metrics[name], uint32(v)})
	return nil
}

// spaced sets brackets and commas inside them apart.
func spaced(line string) string {
	head, opts, ok := strings.Cut(line, "[")
	if !ok {
		return line
	}
	return head + " [ " + strings.NewReplacer(",", " , ", "]", " ] ").Replace(opts)
}

func duration(word string) (time.Duration, error) {
	d, err := time.ParseDuration(word)
	if err != nil || d <= 0 || d > time.Hour {
		return 0, fmt.Errorf("%q is no duration", word)
	}
	return d, nil
}

// said parses what a peer or the host says.
func (st *Step) said(who, flow string, words []string) error {
	st.Flow = 1
	if flow != "" {
		n, err := strconv.Atoi(flow)
		if err != nil || n < 1 || n > 999 {
			return fmt.Errorf("%q is no connection", flow)
		}
		st.Flow = n
	}
	if len(words) == 0 {
		return fmt.Errorf("nothing said")
	}
	st.Kind = Peer
	switch {
	case who == "host":
		st.Kind = Host
		if strings.HasPrefix(words[0], "+") {
			d, err := duration(words[0][1:])
			if err != nil {
				return err
			}
			st.After, words = d, words[1:]
		}
	case words[0] == "anew" && len(words) == 1:
		st.Kind = Anew
		return nil
	case words[0] == "icmp":
		st.Kind = ICMP
		return st.ICMP.parse(words[1:])
	}
	return st.Segment.parse(words, who == "host")
}

// unreachables are the ICMP errors of RFC 792 and RFC 1812 by name.
var unreachables = map[string][2]uint8{
	"net-unreachable": {3, 0}, "host-unreachable": {3, 1}, "proto-unreachable": {3, 2}, "port-unreachable": {3, 3},
	"frag-needed": {3, 4}, "source-route-failed": {3, 5}, "admin-prohibited": {3, 13}, "ttl-exceeded": {11, 0},
	"parameter-problem": {12, 0}, "source-quench": {4, 0},
}

func (u *Unreachable) parse(words []string) error {
	if len(words) == 0 || len(words)%2 == 0 {
		return fmt.Errorf("want: icmp KIND [mtu N] [seq N]")
	}
	v, ok := unreachables[words[0]]
	if !ok {
		return fmt.Errorf("no ICMP error %q", words[0])
	}
	u.Type, u.Code = v[0], v[1]
	for i := 1; i < len(words); i += 2 {
		n, err := number(words[i+1])
		switch {
		case err != nil:
			return err
		case words[i] == "mtu" && n <= 65535:
			u.MTU = uint16(n)
		case words[i] == "seq":
			u.Seq, u.HasSeq = n, true
		default:
			return fmt.Errorf("%s %s is unknown", words[i], words[i+1])
		}
	}
	return nil
}
